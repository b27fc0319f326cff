"""Whose event and when, packed into one number that is sorted once and searched for all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max
LONG_AGO = -(2**62)
_BITS = 63


@dataclass(frozen=True)
class Packing:
    """How a group, which is a number from 0, and a time in ms share the bits of a number."""

    first: int  # ms
    last: int

    @property
    def bits(self) -> int:
        """Of the time; one more than it needs, so that the time after the last one fits."""
        return (self.last - self.first + 1).bit_length()

    @property
    def most_groups(self) -> int:
        """How many groups fit: 2^27 beside two years, 2^30 beside three months."""
        return int(2 ** (_BITS - self.bits))

    def pack(self, group: Ints, at: Ints) -> Ints:
        """The groups and times as numbers that sort by group, then by time."""
        within = np.clip(at, self.first, self.last + 1) - self.first
        return (group << self.bits) | within

    def unpack(self, packed: Ints) -> tuple[Ints, Ints]:
        """The groups and the times."""
        return packed >> self.bits, (packed & ((1 << self.bits) - 1)) + self.first


class Times:
    """When each group did something, to be asked for the first time after another one.

    Groups that do not fit beside a time are in blocks, which are sorted and searched one by one.
    """

    def __init__(self, packing: Packing, group: Ints, at: Ints) -> None:
        self._packing = packing
        self._blocks: list[Ints] = []
        for number, which in self._in_blocks(group):
            none = np.empty(0, np.int64)
            self._blocks += [none] * (number - len(self._blocks))
            self._blocks.append(np.sort(self._packed(number, group[which], at[which])))
        self._starts = np.cumsum([0, *map(len, self._blocks)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def place(self, group: Ints, earliest: Ints, side: Literal["left", "right"] = "left") -> Ints:
        """Where the first at or after the time is, of any group; with "right" the first after."""
        found = np.full(len(group), len(self))
        for number, which in self._in_blocks(group):
            if number < len(self._blocks):
                packed = self._packed(number, group[which], earliest[which])
                place = np.searchsorted(self._blocks[number], packed, side)
                found[which] = place + self._starts[number]
        return found

    def first(self, group: Ints, earliest: Ints) -> Ints:
        """When each group first did it at or after its time; NEVER if it did not."""
        found = np.full(len(group), NEVER)
        for number, which in self._in_blocks(group):
            if number < len(self._blocks) and len(self._blocks[number]):
                found[which] = self._first(number, group[which], earliest[which])
        return found

    def _first(self, number: int, group: Ints, earliest: Ints) -> Ints:
        block = self._blocks[number]
        packed = self._packed(number, group, earliest)
        place = np.searchsorted(block, packed)
        late = (place >= len(block)) | (earliest > self._packing.last)
        whose, at = self._packing.unpack(block[np.minimum(place, len(block) - 1)])
        late |= whose != packed >> self._packing.bits
        at[late] = NEVER
        return at

    def _packed(self, number: int, group: Ints, at: Ints) -> Ints:
        """The groups of a block and times as numbers."""
        if number:
            group = group - number * self._packing.most_groups
        return self._packing.pack(group, at)

    def _in_blocks(self, group: Ints) -> Iterator[tuple[int, Ints | slice]]:
        """The number of each block that there is, and which are in it."""
        last = int(group.max(initial=0)) // self._packing.most_groups
        if last == 0:
            yield 0, slice(None)
            return
        blocks = group // self._packing.most_groups
        for number in range(last + 1):
            if len(which := np.flatnonzero(blocks == number)):
                yield number, which


def firsts(group: NDArray[Any]) -> Flags:
    """Where a sorted array has a value for the first time."""
    found = np.ones(len(group), bool)
    np.not_equal(group[1:], group[:-1], out=found[1:])
    return found


def densely(*codes: tuple[Ints, int]) -> tuple[Ints, int]:
    """One code for each combination of codes, given with how many there are of each."""
    (combined, count), *others = codes
    for code, more in others:
        if count * more >= 2**62:
            known, combined = np.unique(combined, return_inverse=True)
            count = len(known)
        combined, count = combined * more + code, count * more
    if count > 4 * len(combined) + 1024:
        known, combined = np.unique(combined, return_inverse=True)
        count = len(known)
    return combined.astype(np.int64), count
