"""Saved funnels and their conversion: `/funnels` and `/funnels/list`.

https://developer.mixpanel.com/reference/funnels-query
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.expressions import Expression
from mixpanel_assets.simulator.project import DAY_MS
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.measures import OVERALL, segment_of
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Event, Reader
from mixpanel_assets.simulator.query.segmentation import MOST_SEGMENTS
from mixpanel_assets.simulator.query.sequences import sequences
from mixpanel_assets.simulator.registry import Registry
from mixpanel_assets.simulator.spans import CALENDAR_UNITS, Buckets, Span

LENGTH_UNITS = {"day": DAY_MS, "hour": 3_600_000, "minute": 60_000, "second": 1000}
_LONGEST = 90 * DAY_MS
_GRACE_MS = 2000
_LONG_AGO = -(10**18)


@dataclass(frozen=True)
class Step:
    """One event of a funnel, optionally only where a selector matches."""

    event: str
    selector: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Funnel:
    """A saved funnel: its steps and how long people have from the first to the last."""

    id: int
    name: str
    steps: tuple[Step, ...]
    length: int = 14
    length_unit: str = "day"

    @property
    def length_ms(self) -> int:
        """How long people have to convert."""
        return self.length * LENGTH_UNITS[self.length_unit]


class Funnels(Registry[Funnel]):
    """The saved funnels of a project."""

    first_id = 7500

    def add(
        self,
        name: str,
        steps: Iterable[str | Step],
        *,
        length: int = 14,
        length_unit: str = "day",
        id_: int | None = None,
    ) -> Funnel:
        """Save a funnel; a step is an event's name, or a Step."""
        path = tuple(Step(step) if isinstance(step, str) else step for step in steps)
        if len(path) < 2 or length_unit not in LENGTH_UNITS:
            raise ValueError(f"a funnel has two steps or more and a unit of {[*LENGTH_UNITS]}")
        return self.keep(Funnel(self.new_id(id_), name, path, length, length_unit))


@dataclass(frozen=True)
class Entry:
    """One person's path through a funnel: the first event, and when they reached each step."""

    first: Event
    segment: str
    reached: tuple[int, ...]


@dataclass(frozen=True)
class FunnelsApi:
    """The endpoints over one project's events and funnels."""

    reader: Reader
    funnels: Funnels

    def list(self, _given: Parameters) -> Compute:
        """`/funnels/list`: https://developer.mixpanel.com/reference/funnels-list-saved"""
        return lambda: [{"funnel_id": one.id, "name": one.name} for one in self.funnels]

    def funnel(self, given: Parameters) -> Compute:
        """`/funnels`: how many reached each step, by when they entered and, with `on`, by value.

        A person enters once in the dates, with their first event of the first step, and with `on`
        up to once for each of its values; `$overall` is of the first entries all the same. A path
        counts for the bucket of its first event. https://docs.mixpanel.com/docs/reports/funnels/funnels-advanced
        """
        given.needed("funnel_id")
        funnel = self.funnels.get(given.whole("funnel_id") or 0, "funnel_id")
        buckets, length = self._buckets(given), _length_ms(given, funnel)
        on = self.reader.expression(given.text("on"), "on")
        where = self.reader.expression(given.text("where"), "where")
        limit = given.count("limit", 255, MOST_SEGMENTS)

        def compute() -> Any:
            paths = Paths(self.reader, funnel, buckets.span, length, where)
            found = by_bucket(buckets, paths.entries())
            if on is None:
                data: Any = {label: progress(funnel, those) for label, those in found.items()}
            else:
                value = on.evaluate
                split = paths.entries(lambda event: segment_of(value(event.properties)))
                data = _segmented(funnel, found, by_bucket(buckets, split), limit)
            return {"meta": {"dates": [*found]}, "data": data}

        return compute

    def _buckets(self, given: Parameters) -> Buckets:
        span = self.reader.span(given)
        if given.text("unit") and given.text("interval"):
            raise BadRequestError("unit and interval both specified")
        if given.text("unit"):
            return Buckets(span, given.choice("unit", CALENDAR_UNITS))
        return Buckets(span, step=given.count("interval", 1))


class Paths:
    """The ways of people through a funnel that they enter in the span.

    The other steps must follow in order, with anything in between, before `length` after the
    first event is over, which may be after the span. Consecutive steps within two seconds are
    interchangeable, so that a step may come that much before the one it follows. A step is
    strictly later than those before it that are of the same event.
    https://docs.mixpanel.com/docs/reports/funnels/funnels-faq
    """

    def __init__(
        self, reader: Reader, funnel: Funnel, span: Span, length_ms: int, where: Any = None
    ) -> None:
        self._names = [step.event for step in funnel.steps]
        self._last = span.end
        self._length = length_ms
        selectors = [reader.expression(step.selector, "selector") for step in funnel.steps]
        longer = span.longer(-(-length_ms // DAY_MS))
        self._people = [
            [_of_step(name, one, events) for name, one in zip(self._names, selectors, strict=True)]
            for events in sequences(reader, longer, {*self._names}, where).values()
        ]

    def entries(self, segment: Callable[[Event], str] = lambda _: OVERALL) -> list[Entry]:
        """Everybody's entries, up to one for each segment, which the first event is in.

        Before another one the path must have ended, with its last step or when its time was over.
        Of entries in one moment the one whose segment sorts first is taken.
        """
        return [entry for steps in self._people for entry in self._of_person(steps, segment)]

    def _of_person(
        self, steps: list[list[Event]], segment: Callable[[Event], str]
    ) -> Iterator[Entry]:
        times = [[event.at for event in events] for events in steps]
        known: set[str] = set()
        over = _LONG_AGO
        for at, name, first in sorted(
            ((event.at, segment(event), event) for event in steps[0] if event.day <= self._last),
            key=lambda one: one[:2],
        ):
            if at <= over or name in known:
                continue
            reached = self._reached(at, times, over)
            known.add(name)
            over = max(reached) if len(reached) == len(times) else at + self._length
            yield Entry(first, name, tuple(reached))

    def _reached(self, entered: int, times: list[list[int]], over: int) -> list[int]:
        reached, last = [entered], {self._names[0]: entered}
        for name, those in zip(self._names[1:], times[1:], strict=True):
            earliest = max(reached[-1] - _GRACE_MS, last.get(name, over) + 1)
            found = bisect_left(those, earliest)
            if found == len(those) or those[found] > entered + self._length:
                break
            reached.append(those[found])
            last[name] = those[found]
        return reached


def by_bucket(buckets: Buckets, entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The entries of each bucket, that of their first event."""
    found: dict[str, list[Entry]] = {label: [] for label in buckets.labels()}
    for entry in entries:
        found[buckets.label(entry.first.day, entry.first.at)].append(entry)
    return found


def progress(funnel: Funnel, entries: Sequence[Entry]) -> dict[str, Any]:
    """The steps and their analysis for the entries; times are in seconds."""
    steps = [_step(funnel, entries, number) for number in range(len(funnel.steps))]
    ratios = [step["step_conv_ratio"] for step in steps[1:]]
    return {
        "steps": steps,
        "analysis": {
            "completion": steps[-1]["count"],
            "starting_amount": len(entries),
            "steps": len(steps),
            "worst": 1 + ratios.index(min(ratios)),
        },
    }


def _of_step(name: str, selector: Expression | None, events: Iterable[Event]) -> list[Event]:
    named = (event for event in events if event.name == name)
    return [one for one in named if selector is None or selector.matches(one.properties)]


def _step(funnel: Funnel, entries: Sequence[Entry], number: int) -> dict[str, Any]:
    step = funnel.steps[number]
    there = [entry.reached for entry in entries if len(entry.reached) > number]
    before = sum(len(entry.reached) >= number for entry in entries) if number else len(entries)
    label = {"step_label": step.label} if step.label else {}
    return {
        "count": len(there),
        "avg_time": _mean(at[number] - at[number - 1] for at in there) if number else None,
        "avg_time_from_start": _mean(at[number] - at[0] for at in there),
        "step_conv_ratio": _ratio(len(there), before, number),
        "goal": step.event,
        **label,
        "overall_conv_ratio": _ratio(len(there), len(entries), number),
        "event": step.event,
    }


def _mean(times_ms: Iterable[int]) -> int | None:
    found = [max(0, one) for one in times_ms]  # no time, if the later step came first
    return round(sum(found) / len(found) / 1000) if found else None


def _ratio(part: int, whole: int, number: int) -> float:
    if number == 0:
        return 1
    return part / whole if whole else 0


def _segmented(
    funnel: Funnel, overall: dict[str, list[Entry]], split: dict[str, list[Entry]], limit: int
) -> dict[str, Any]:
    sizes = Counter(entry.segment for entries in split.values() for entry in entries)
    top = sorted(sizes, key=lambda name: (-sizes[name], name))[:limit]
    found = {}
    for label, entries in overall.items():
        there: dict[str, list[Entry]] = {}
        for entry in split[label]:
            there.setdefault(entry.segment, []).append(entry)
        shown = {OVERALL: entries, **{name: there[name] for name in top if name in there}}
        found[label] = {name: progress(funnel, those)["steps"] for name, those in shown.items()}
    return found


def _length_ms(given: Parameters, funnel: Funnel) -> int:
    length = given.count("length", funnel.length)
    unit = given.choice("length_unit", tuple(LENGTH_UNITS), funnel.length_unit)
    if length * LENGTH_UNITS[unit] > _LONGEST:
        raise BadRequestError("length may not be greater than 90 days")
    return length * LENGTH_UNITS[unit]
