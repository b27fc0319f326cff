"""Funnels, person by person and step by step.

https://docs.mixpanel.com/docs/reports/funnels/funnels-advanced and, for the two seconds,
https://docs.mixpanel.com/docs/reports/funnels/funnels-faq

The documents leave open, and here it is so:

- A step may come up to two seconds before the step that it follows, both ends included, and so on
  from step to step; it then took no time. Nothing before the first day is read.
- A step is strictly later than every earlier step of the same event, whatever their filters are.
- The conversion window includes its last millisecond.
- A new attempt and its steps are strictly later than the end of the one before: its last step,
  the end of its window, or what excluded it. With a property held constant, an attempt in another
  segment may begin before that.
- A segment is named by the first step's event. If several begin in one moment, the one whose
  segment's name sorts first does.
- What is excluded may come up to two seconds before the step that it follows, like a step, and
  does not count in the moment of the next step.
- A property that is held constant has to be set, and `1` is not `true`. Of several entries in one
  moment, the one whose value sorts first begins an attempt.
- In any order, whichever step comes first begins the attempt. Every step has an event of its own,
  and the number reached is the largest for which there are such events. Two of the same name are
  at different times. What is excluded between steps 1 and 2 ends an attempt with one step.
- With re-entry every entry is an attempt, in all segments. The attempt that counts is the one that
  gets furthest; of several, the one that gets there first; and of several that get there at one
  moment, the one that entered last.
- By sessions, a session is what a person is for uniques: it enters once, and with `by` once for
  each segment. What no session has, because it is excluded from them, is no step.

- A global filter chooses among the attempts afterwards: it is enough that it holds for something in
  the moment of the entry that can begin an attempt.
- A line chart is a funnel for each unit of time, in which people enter; their steps may come up to
  two seconds before the unit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mixpanel_assets_tests.obvious.events import Event, Given, Segment, Where, anything, by_person
from mixpanel_assets_tests.obvious.sessions import sessions

GRACE_MS = 2000
LONG_AGO = -(10**18)


@dataclass(frozen=True)
class Step:
    """An event, if it matches."""

    event: str
    where: Where = anything


@dataclass(frozen=True)
class Exclusion:
    """An event that ends an attempt between two steps, which are numbered from 1."""

    event: str
    after: int
    before: int
    where: Where = anything


@dataclass(frozen=True)
class Funnel:
    """The steps, the days in which people enter, and how long they have.

    People enter once, and with `by` once for each segment; with `totals` again and again.
    """

    steps: Sequence[Step]
    first_day: date
    last_day: date
    window_ms: int
    by: Segment | None = None
    totals: bool = False
    hold: Sequence[str] = ()
    exclusions: Sequence[Exclusion] = ()
    any_order: bool = False
    reentry: bool = False
    sessions_of_ms: int | None = None  # count sessions that end after so long
    enter_from: date | None = None  # the first day to enter, if later ones are read from the first

    def segment(self, entry: Event) -> str:
        """The segment of whoever enters with the event."""
        return self.by(entry) if self.by else ""

    @property
    def overlap(self) -> bool:
        """Whether an attempt can begin before the one before has ended."""
        return bool(self.by and self.hold and not self.totals)


@dataclass
class Attempt:
    """When a person reached each step, in ms, and when the attempt was over."""

    entry: Event
    segment: str
    reached: list[int]
    over: int


def attempts(given: Iterable[Given], funnel: Funnel) -> list[Attempt]:
    """Everybody's attempts, in the order of entry for each person."""
    found: list[Attempt] = []
    if funnel.sessions_of_ms is None:
        each = list(by_person(given).values())
    else:
        each = [list(one.events) for one in sessions(given, funnel.sessions_of_ms)]
    of_one = _best_of_person if funnel.reentry else _of_person
    for events in each:
        found += of_one([event for event in events if event.day >= funnel.first_day], funnel)
    return found


def kept(
    found: Sequence[Attempt], given: Iterable[Given], funnel: Funnel, where: Where
) -> list[Attempt]:
    """The attempts that are left by a global filter."""
    people = by_person(given)

    def matches(attempt: Attempt) -> bool:
        mine = [e for e in people[attempt.entry.person] if e.at == attempt.entry.at and where(e)]
        return bool(_entries(mine, funnel))

    return [attempt for attempt in found if matches(attempt)]


def counts(found: Sequence[Attempt], funnel: Funnel) -> list[int]:
    """How many attempts reached each step."""
    numbers = range(len(funnel.steps))
    return [sum(len(attempt.reached) > number for attempt in found) for number in numbers]


def times(found: Sequence[Attempt], step: int, since: int) -> list[int]:
    """The ms from one step to a later one, numbered from 1, of each attempt that reached it."""
    there = [attempt.reached for attempt in found if len(attempt.reached) >= step]
    return [max(0, reached[step - 1] - reached[since - 1]) for reached in there]


def _entries(events: Sequence[Event], funnel: Funnel) -> list[Event]:
    """What begins an attempt, in the order of its time and then of its segment's name."""
    steps = funnel.steps if funnel.any_order else funnel.steps[:1]
    entries = [e for e in events if any(_is(e, step) for step in steps)]
    inside = [
        e for e in entries if (funnel.enter_from or funnel.first_day) <= e.day <= funnel.last_day
    ]
    return sorted(inside, key=lambda e: (e.at, funnel.segment(e), _held(e, funnel.hold)))


def _is(event: Event, step: Step) -> bool:
    return event.name == step.event and step.where(event)


def _of_person(events: Sequence[Event], funnel: Funnel) -> list[Attempt]:
    found: list[Attempt] = []
    for entry in _entries(events, funnel):
        before = LONG_AGO if funnel.overlap else max((a.over for a in found), default=LONG_AGO)
        known = any(attempt.segment == funnel.segment(entry) for attempt in found)
        if entry.at > before and (funnel.totals or not known):
            later = [event for event in events if event.at > before]
            found.append(_attempt(entry, later, funnel))
    return found


def _best_of_person(events: Sequence[Event], funnel: Funnel) -> list[Attempt]:
    """The attempt of each segment that gets furthest, whichever entry it has."""
    best: dict[str, Attempt] = {}
    for entry in _entries(events, funnel):
        attempt = _attempt(entry, events, funnel)
        other = best.get(attempt.segment)
        if other is None or _rank(attempt) > _rank(other):
            best[attempt.segment] = attempt
    return sorted(best.values(), key=lambda attempt: attempt.entry.at)


def _rank(attempt: Attempt) -> tuple[int, int, int]:
    return len(attempt.reached), -attempt.reached[-1], attempt.entry.at


def _attempt(entry: Event, events: Sequence[Event], funnel: Funnel) -> Attempt:
    end = entry.at + funnel.window_ms
    events = [event for event in events if event.at <= end]
    if funnel.any_order:
        return _attempt_in_any_order(entry, events, funnel)
    attempt = Attempt(entry, funnel.segment(entry), [entry.at], end)
    while (number := len(attempt.reached)) < len(funnel.steps):
        step, held = funnel.steps[number], [e for e in events if _holds(entry, e, funnel.hold)]
        reached = _first(held, step.event, step.where, attempt, funnel)
        excluded = _excluded(events, attempt, funnel)
        if excluded is not None and (reached is None or excluded < reached):
            attempt.over = max(excluded, *attempt.reached)
            return attempt
        if reached is None:
            return attempt
        attempt.reached.append(reached)
    attempt.over = max(attempt.reached)
    return attempt


def _first(
    events: Sequence[Event], name: str, where: Where, attempt: Attempt, funnel: Funnel
) -> int | None:
    """When the event is first done after the steps that were reached."""
    earliest = attempt.reached[-1] - GRACE_MS
    for step, at in zip(funnel.steps, attempt.reached, strict=False):
        if step.event == name:
            earliest = max(earliest, at + 1)
    done = [e.at for e in events if e.name == name and where(e) and e.at >= earliest]
    return min(done, default=None)


def _excluded(events: Sequence[Event], attempt: Attempt, funnel: Funnel) -> int | None:
    """When something is first done that ends the attempt where it has got to."""
    number = len(attempt.reached)
    here = [one for one in funnel.exclusions if one.after <= number < one.before]
    done = [_first(events, one.event, one.where, attempt, funnel) for one in here]
    return min((at for at in done if at is not None), default=None)


def _holds(entry: Event, event: Event, names: Sequence[str]) -> bool:
    return all(_same(entry.properties.get(n), event.properties.get(n)) for n in names)


def _held(entry: Event, names: Sequence[str]) -> list[str]:
    """The values that are held, as texts that sort: unset ones, booleans, numbers and texts."""
    values = [entry.properties.get(name) for name in names]
    kinds = {bool: "boolean", int: "number", float: "number", str: "text"}
    unset = any(value is None for value in values)
    return [] if unset else [f"{kinds[type(value)]}:{value}" for value in values]


def _same(left: Any, right: Any) -> bool:
    of_one_kind = isinstance(left, bool) == isinstance(right, bool)
    return left is not None and of_one_kind and bool(left == right)


def _attempt_in_any_order(entry: Event, events: Sequence[Event], funnel: Funnel) -> Attempt:
    end = entry.at + funnel.window_ms
    attempt = Attempt(entry, funnel.segment(entry), [entry.at], end)
    steps = [e for e in events if e.at >= entry.at and any(_is(e, one) for one in funnel.steps)]
    while (number := len(attempt.reached)) < len(funnel.steps):
        times = sorted({e.at for e in steps if e.at >= attempt.reached[-1]})
        enough = (at for at in times if _most([e for e in steps if e.at <= at], funnel) > number)
        reached = next(enough, None)
        excluded = _excluded_in_any_order(events, steps, attempt, funnel)
        if excluded is not None and (reached is None or excluded < reached):
            attempt.over = max(excluded, *attempt.reached)
            return attempt
        if reached is None:
            return attempt
        attempt.reached.append(reached)
    attempt.over = max(attempt.reached)
    return attempt


def _most(events: Sequence[Event], funnel: Funnel) -> int:
    """For how many steps there is an event, each its own."""

    def most(steps: Sequence[Step], used: frozenset[tuple[str, int]]) -> int:
        if not steps:
            return 0
        free = [e for e in events if _is(e, steps[0]) and (e.name, e.at) not in used]
        with_it = [1 + most(steps[1:], used | {(e.name, e.at)}) for e in free]
        return max([*with_it, most(steps[1:], used)])

    return most(funnel.steps, frozenset())


def _excluded_in_any_order(
    events: Sequence[Event], steps: Sequence[Event], attempt: Attempt, funnel: Funnel
) -> int | None:
    """When something is first done that ends the attempt where it has got to."""
    number, last = len(attempt.reached), attempt.reached[-1]
    here = [one for one in funnel.exclusions if one.after <= number < one.before]
    done = []
    for one in here:
        same = [e.at for e in steps if e.name == one.event and e.at in attempt.reached]
        earliest = max([last - GRACE_MS, *(at + 1 for at in same)])
        done += [e.at for e in events if e.name == one.event and one.where(e) and e.at >= earliest]
    return min(done, default=None)
