"""Whose event and when, packed into one number that is sorted once and searched for all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mixpanel_assets.errors import UsageError

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
        """The groups and times as numbers that sort by group, then by time.

        UsageError if there are too many groups.
        """
        if len(group) and group.max() >= self.most_groups:
            raise UsageError(
                f"there are more than {self.most_groups:,} people", hint="ask about fewer days"
            )
        within = np.clip(at, self.first, self.last + 1) - self.first
        return (group << self.bits) | within

    def sql(self, group: str, at: str) -> str:
        """The same as SQL."""
        return f"(({group})::bigint << {self.bits}) | ({at} - {self.first})"

    def unpack(self, packed: Ints) -> tuple[Ints, Ints]:
        """The groups and the times."""
        return packed >> self.bits, (packed & ((1 << self.bits) - 1)) + self.first


class Times:
    """When each group did something, to be asked for the first time after another one."""

    def __init__(self, packing: Packing, packed: Ints) -> None:
        """From packed groups and times, which are sorted in place."""
        self._packing, self.packed = packing, packed
        sort(self.packed)

    @classmethod
    def of(cls, packing: Packing, group: Ints, at: Ints) -> Times:
        """From groups and times."""
        return cls(packing, packing.pack(group, at))

    def __len__(self) -> int:
        return len(self.packed)

    def place(self, group: Ints, earliest: Ints, side: Literal["left", "right"] = "left") -> Ints:
        """Where the first at or after the time is, of any group; with "right" the first after."""
        found: Ints = np.searchsorted(self.packed, self._packing.pack(group, earliest), side)
        return found

    def first(self, group: Ints, earliest: Ints) -> Ints:
        """When each group first did it at or after its time; NEVER if it did not."""
        place = self.place(group, earliest)
        if not len(self):
            return np.full(len(group), NEVER)
        whose, at = self._packing.unpack(self.packed[np.minimum(place, len(self) - 1)])
        late = (place >= len(self)) | (whose != group) | (earliest > self._packing.last)
        at[late] = NEVER
        return at


def sort(packed: NDArray[Any]) -> None:
    """Sort in place. Rows come day by day and by person in each, which a stable sort merges."""
    packed.sort(kind="stable")


def in_order(packed: Ints, minor: Ints, most: int) -> tuple[Ints, Ints]:
    """Both, sorted by the packed numbers and then by the minor ones, which are from 0 to `most`."""
    bits = most.bit_length()
    if len(packed) and int(packed.max()) < 1 << (_BITS - bits):
        both = (packed << bits) | minor
        sort(both)
        return both >> bits, both & ((1 << bits) - 1)
    order = np.lexsort((minor, packed))
    return packed[order], minor[order]


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
