"""Attempts at a funnel, of all people at once.

Mixpanel's rules, and what its documents leave open, are in docs/analytics.md; the same is written
a second time, plainly and slowly, in mixpanel_assets_tests/obvious/funnels.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from mixpanel_assets.warehouse.analytics.keys import (
    LONG_AGO,
    NEVER,
    Ints,
    Packing,
    Times,
    firsts,
    sort,
)

GRACE_MS = 2000


@dataclass(frozen=True)
class Entries:
    """Events that can begin an attempt, by person, time and segment.

    `group` is whose later steps count: the person with what is held constant. Without segments, or
    without groups, these are None.
    """

    person: Ints
    at: Ints
    segment: Ints | None = None
    group: Ints | None = None

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, which: Ints) -> Entries:
        return Entries(
            self.person[which],
            self.at[which],
            None if self.segment is None else self.segment[which],
            None if self.group is None else self.group[which],
        )

    @property
    def segments(self) -> Ints:
        """The segment of each; 0 if there are none."""
        return np.zeros(len(self), np.int64) if self.segment is None else self.segment

    @property
    def groups(self) -> Ints:
        """The group of each; the person if there are none."""
        return self.person if self.group is None else self.group

    def ordered(self, packing: Packing) -> Entries:
        """By person, time, segment and what is held."""
        if self.segment is None and self.group is None:
            packed = packing.pack(self.person, self.at)
            sort(packed)
            return Entries(*packing.unpack(packed))
        return self[np.lexsort((self.groups, self.segments, self.at, self.person))]


@dataclass(frozen=True)
class Exclusion:
    """What ends an attempt that has reached so many steps, at least and less than."""

    event: str
    least: int
    below: int
    times: Times


@dataclass(frozen=True)
class Attempts:
    """Attempts: their entries, when each reached each step (or NEVER), and when it was over."""

    entries: Entries
    reached: Ints
    over: Ints

    @property
    def depth(self) -> Ints:
        """How many steps each reached."""
        found: Ints = (self.reached != NEVER).sum(axis=1)
        return found

    def __getitem__(self, which: Ints) -> Attempts:
        return Attempts(self.entries[which], self.reached[which], self.over[which])


@dataclass(frozen=True)
class Walk:
    """The steps of a funnel: their events, and when each group did each."""

    events: Sequence[str]
    times: Sequence[Times]  # of the steps after the first; in any order, of all
    window_ms: int
    packing: Packing
    exclusions: Sequence[Exclusion] = ()
    any_order: bool = False

    def attempt(self, entries: Entries, before: Ints) -> Attempts:
        """What becomes of these entries, from events that are later than `before`."""
        end = entries.at + self.window_ms
        if self.any_order:
            return self._in_any_order(entries, before, end)
        reached = np.full((len(entries), len(self.events)), NEVER)
        reached[:, 0] = entries.at
        over, going = end.copy(), np.arange(len(entries))
        for number in range(1, len(self.events)):
            if not len(going):
                break
            far, until = reached[going], end[going]
            since = np.maximum(far[:, number - 1] - GRACE_MS, before[going] + 1)
            found = self.times[number - 1].first(
                entries.groups[going], self._later(since, far, self.events[number], number)
            )
            found[found > until] = NEVER
            there = found != NEVER
            if self.exclusions:
                excluded = self._excluded(entries.person[going], since, far, number)
                excluded[excluded > until] = NEVER
                out = excluded < found
                over[going[out]] = np.maximum(excluded[out], far[out, :number].max(axis=1))
                there &= ~out
            going = going[there]
            reached[going, number] = found[there]
        over[going] = reached[going].max(axis=1)
        return Attempts(entries, reached, over)

    def _later(self, since: Ints, far: Ints, event: str, number: int) -> Ints:
        """From when the event counts: later than earlier steps of the same event."""
        for step in range(number):
            if self.events[step] == event:
                since = np.maximum(since, far[:, step] + 1)
        return since

    def _excluded(self, person: Ints, since: Ints, far: Ints, number: int) -> Ints:
        found = np.full(len(person), NEVER)
        for one in self.exclusions:
            if one.least <= number < one.below:
                earliest = self._later(since, far, one.event, number)
                found = np.minimum(found, one.times.first(person, earliest))
        return found

    def _in_any_order(self, entries: Entries, before: Ints, end: Ints) -> Attempts:
        """The n-th step is reached when n of them have an event of their own since the entry."""
        since = np.maximum(entries.at, before + 1)
        mine = {
            event: self._own(event, entries.groups, since) for event in dict.fromkeys(self.events)
        }
        at = np.hstack([*mine.values()])
        at[at > end[:, None]] = NEVER
        at.sort(axis=1)
        over = np.where(at[:, -1] == NEVER, end, at[:, -1])
        for number in range(1, len(self.events)):
            far = at[:, number - 1]
            excluded = np.full(len(entries), NEVER)
            for one in self.exclusions:
                if one.least <= number < one.below:
                    taken = mine.get(one.event, np.empty((len(entries), 0), np.int64))
                    last = np.where(taken <= far[:, None], taken, LONG_AGO)
                    earliest = np.maximum(
                        np.maximum(far - GRACE_MS, before + 1),
                        last.max(axis=1, initial=LONG_AGO) + 1,
                    )
                    excluded = np.minimum(excluded, one.times.first(entries.person, earliest))
            out = (far != NEVER) & (excluded <= end) & (excluded < at[:, number])
            over[out] = np.maximum(excluded, far)[out]
            at[out, number:] = NEVER
        return Attempts(entries, at, over)

    def _own(self, event: str, group: Ints, since: Ints) -> Ints:
        """When each group has 1, 2, 3... events for as many of the steps of the event."""
        numbers = [number for number, name in enumerate(self.events) if name == event]
        found = np.full((len(group), len(numbers)), NEVER)
        for way in permutations(numbers):
            at = since - 1
            for n, number in enumerate(way):
                at = self.times[number].first(group, np.where(at == NEVER, at, at + 1))
                found[:, n] = np.minimum(found[:, n], at)
        return found


def first_attempts(walk: Walk, entries: Entries, *, overlapping: bool) -> Attempts:
    """Everybody's first attempt, one for each segment.

    Unless they may overlap, another one begins only when the one before is over.
    """
    entries = entries.ordered(walk.packing)
    if entries.segment is None:
        entries = entries[np.flatnonzero(firsts(entries.person))]
        return walk.attempt(entries, np.full(len(entries), LONG_AGO))
    found = list(_first_attempts(walk, entries, overlapping))
    return joined(found, len(walk.events))


def _first_attempts(walk: Walk, left: Entries, overlapping: bool) -> Iterator[Attempts]:
    if overlapping:
        order = np.lexsort((left.at, left.segments, left.person))
        chosen: Ints = order[firsts(left.person[order]) | firsts(left.segments[order])]
        yield walk.attempt(left[chosen], np.full(len(chosen), LONG_AGO))
        return
    people = int(left.person.max()) + 1 if len(left) else 0
    over, last = np.full(people, LONG_AGO), np.full(people, -1)
    while len(left):
        entries = left[np.flatnonzero(firsts(left.person))]
        made = walk.attempt(entries, over[entries.person])
        yield made
        over[entries.person], last[entries.person] = made.over, entries.segments
        # What is inside of the attempt is passed over; its segment may come again later.
        keep = (left.at > over[left.person]) & (left.segments != last[left.person])
        left = left[np.flatnonzero(keep)]


def all_attempts(walk: Walk, entries: Entries) -> Attempts:
    """Every attempt: people enter again when the one before is over."""
    entries = entries.ordered(walk.packing)
    every = Times.of(walk.packing, entries.person, entries.at)
    found: list[Attempts] = []
    place = np.flatnonzero(firsts(entries.person)) if len(entries) else np.empty(0, np.int64)
    before = np.full(len(place), LONG_AGO)
    while len(place):
        made = walk.attempt(entries[place], before)
        found.append(made)
        person = entries.person[place]
        inside = made.over < walk.packing.last
        person, before = person[inside], made.over[inside]
        place = every.place(person, before + 1)
        there = place < len(entries)
        there[there] = entries.person[place[there]] == person[there]
        place, before = place[there], before[there]
    del entries, every  # they are large, too
    return joined(found, len(walk.events))


def best_attempts(walk: Walk, entries: Entries) -> Attempts:
    """Everybody's best attempt from any entry, one for each segment: optimized re-entry.

    The best gets furthest, and there first; of several such it is the one that begins last.
    """
    entries = entries.ordered(walk.packing)
    made = walk.attempt(entries, np.full(len(entries), LONG_AGO))
    depth = made.depth
    arrived = made.reached[np.arange(len(depth)), depth - 1]
    order = np.lexsort((-entries.at, arrived, -depth, entries.segments, entries.person))
    whose = firsts(entries.person[order]) | firsts(entries.segments[order])
    return made[order[whose]]


def joined(parts: list[Attempts], steps: int) -> Attempts:
    """The attempts of all parts; they are taken out of the list, since they may be large."""
    count = sum(len(part.over) for part in parts)
    person, at, over = (np.empty(count, np.int64) for _ in range(3))
    segment = np.zeros(count, np.int64)
    reached = np.empty((count, steps), np.int64)
    while parts:
        part = parts.pop()
        here = slice(count - len(part.over), count)
        count = here.start
        person[here], at[here] = part.entries.person, part.entries.at
        segment[here], reached[here], over[here] = part.entries.segments, part.reached, part.over
    return Attempts(Entries(person, at, segment), reached, over)
