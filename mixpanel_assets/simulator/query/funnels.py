"""Saved funnels and their conversion: `/funnels` and `/funnels/list`.

https://developer.mixpanel.com/reference/funnels-query
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.project import DAY_MS
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.measures import OVERALL, segment_of
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Event, Reader
from mixpanel_assets.simulator.query.segmentation import MOST_SEGMENTS
from mixpanel_assets.simulator.registry import Registry
from mixpanel_assets.simulator.spans import CALENDAR_UNITS, Buckets, Span

LENGTH_UNITS = {"day": DAY_MS, "hour": 3_600_000, "minute": 60_000, "second": 1000}
_LONGEST = 90 * DAY_MS


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


@dataclass
class Entry:
    """One person's path through a funnel: when they reached each step, and the first event."""

    first: Event
    reached: list[int] = field(default_factory=list)


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

        A person enters once in the dates, with their first event of the first step, and counts
        for the bucket of that moment; the value is that event's. The other steps must follow in
        order, with anything in between, before `length` is over, which may be after `to_date`.
        https://docs.mixpanel.com/docs/reports/funnels/funnels-advanced
        """
        given.needed("funnel_id")
        funnel = self.funnels.get(given.whole("funnel_id") or 0, "funnel_id")
        buckets, length = self._buckets(given), _length_ms(given, funnel)
        on = self.reader.expression(given.text("on"), "on")
        where = self.reader.expression(given.text("where"), "where")
        limit = given.count("limit", 255, MOST_SEGMENTS)

        def compute() -> Any:
            entries = entries_of(self.reader, funnel, buckets.span, length, where)
            found: dict[str, list[Entry]] = {label: [] for label in buckets.labels()}
            for entry in entries:
                found[buckets.label(entry.first.day, entry.first.at)].append(entry)
            if on is None:
                data: Any = {label: progress(funnel, those) for label, those in found.items()}
            else:
                value = on.evaluate
                data = _segmented(funnel, found, lambda e: value(e.first.properties), limit)
            return {"meta": {"dates": [*found]}, "data": data}

        return compute

    def _buckets(self, given: Parameters) -> Buckets:
        span = self.reader.span(given)
        if given.text("unit") and given.text("interval"):
            raise BadRequestError("unit and interval both specified")
        if given.text("unit"):
            return Buckets(span, given.choice("unit", CALENDAR_UNITS))
        return Buckets(span, step=given.count("interval", 1))


def entries_of(
    reader: Reader, funnel: Funnel, span: Span, length_ms: int, where: Any = None
) -> list[Entry]:
    """Everyone who entered the funnel in the span, and how far they got."""
    selectors = [reader.expression(step.selector, "selector") for step in funnel.steps]
    longer = span.longer(-(-length_ms // DAY_MS))
    by_person: dict[str, list[tuple[int, int, Event]]] = {}
    for event in reader.events(longer, {step.event for step in funnel.steps}, where):
        for number, (step, selector) in enumerate(zip(funnel.steps, selectors, strict=True)):
            if event.name != step.event or event.who is None:
                continue
            if selector is None or selector.matches(event.properties):
                by_person.setdefault(event.who, []).append((event.at, number, event))
    ways = (_way(steps, span.end, length_ms) for steps in by_person.values())
    return [way for way in ways if way is not None]


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


def _way(steps: list[tuple[int, int, Event]], last: date, length_ms: int) -> Entry | None:
    entry: Entry | None = None
    used: Event | None = None
    for at, number, event in sorted(steps, key=lambda one: one[:2]):
        if entry is None:
            if number == 0 and event.day <= last:
                entry, used = Entry(event, [at]), event
        elif at - entry.reached[0] > length_ms:
            break
        elif number == len(entry.reached) and event is not used:
            entry.reached.append(at)
            used = event
    return entry


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
    found = [*times_ms]
    return round(sum(found) / len(found) / 1000) if found else None


def _ratio(part: int, whole: int, number: int) -> float:
    if number == 0:
        return 1
    return part / whole if whole else 0


def _segmented(
    funnel: Funnel, found: dict[str, list[Entry]], value: Callable[[Entry], Any], limit: int
) -> dict[str, Any]:
    by_segment: dict[str, int] = {}
    split: dict[str, dict[str, list[Entry]]] = {}
    for label, entries in found.items():
        for entry in entries:
            name = segment_of(value(entry))
            by_segment[name] = by_segment.get(name, 0) + 1
            split.setdefault(label, {}).setdefault(name, []).append(entry)
    top = sorted(by_segment, key=lambda name: (-by_segment[name], name))[:limit]
    return {
        label: {
            OVERALL: progress(funnel, entries)["steps"],
            **{
                name: progress(funnel, split[label][name])["steps"]
                for name in top
                if name in split.get(label, {})
            },
        }
        for label, entries in found.items()
    }


def _length_ms(given: Parameters, funnel: Funnel) -> int:
    length = given.count("length", funnel.length)
    unit = given.choice("length_unit", tuple(LENGTH_UNITS), funnel.length_unit)
    if length * LENGTH_UNITS[unit] > _LONGEST:
        raise BadRequestError("length may not be greater than 90 days")
    return length * LENGTH_UNITS[unit]
