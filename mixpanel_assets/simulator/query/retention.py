"""The retention report, `/retention`.

https://developer.mixpanel.com/reference/retention-query
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
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
from mixpanel_assets.simulator.spans import CALENDAR_UNITS, Buckets, Span

TYPES = ("birth", "compounded")
# An interval is a multiple of 24 hours; a month counts as 30 days.
_DAYS = {"day": 1, "week": 7, "month": 30}
_LONGEST_DAYS = 90
_EVERYTHING = 255


@dataclass(frozen=True)
class Question:
    """What a retention query asks: who is followed from when, and what counts as a return."""

    buckets: Buckets
    interval_ms: int
    count: int = 2
    born_event: str | None = None
    event: str | None = None
    born_where: Expression | None = None
    where: Expression | None = None
    on: Expression | None = None
    compounded: bool = False
    unbounded: bool = False
    limit: int = _EVERYTHING


@dataclass
class Cohort:
    """The people who began in one bucket: how many, and how many came back when, by segment."""

    size: int = 0
    back: dict[str, list[int]] = field(default_factory=dict)

    def add(self, intervals: dict[str, set[int]], question: Question) -> None:
        """Add a person who came back in these intervals, by segment."""
        self.size += 1
        for segment, numbers in intervals.items():
            counts = self.back.setdefault(segment, [0] * question.count)
            until = max(numbers) + 1 if question.unbounded else 0
            for number in range(question.count):
                counts[number] += number in numbers or number < until

    def answer(self, segment: str, count: int) -> dict[str, Any]:
        """The counts of a segment, and the cohort's size."""
        return {"counts": self.back.get(segment, [0] * count), "first": self.size}


@dataclass(frozen=True)
class RetentionApi:
    """The endpoint over one project's events."""

    reader: Reader

    def retention(self, given: Parameters) -> Compute:
        """`/retention`: of those who began in each bucket, how many came back in each interval.

        `birth`: a person begins once, with their first `born_event` of the dates. `compounded`:
        in every bucket in which they do `event`, with the first one. `first` counts them. The
        n-th interval lasts from n to n + 1 intervals of 24 hours (or weeks, or months of 30 days)
        after that event, and coming back is `event`, or any event, from that moment on, but the
        same event has to be later. There are `interval_count` intervals and the 0th. With
        `unbounded_retention` an interval counts whoever came back at any later time, up to today.
        `on` is of the event they came back with.
        https://docs.mixpanel.com/docs/reports/retention#on-or-after-time-interval
        """
        question = self.question(given)
        return lambda: answer(question, cohorts_of(self.reader, question))

    def question(self, given: Parameters) -> Question:
        """The question in the parameters."""
        compounded = given.choice("retention_type", TYPES, "birth") == "compounded"
        born_event = None if compounded else given.needed("born_event")
        buckets, days = self._buckets(given)
        read = self.reader.expression
        return Question(
            buckets=buckets,
            interval_ms=days * DAY_MS,
            count=given.count("interval_count", 1) + 1,
            born_event=born_event,
            event=given.text("event"),
            born_where=None if compounded else read(given.text("born_where"), "born_where"),
            where=read(given.text("where"), "where"),
            on=read(given.text("on"), "on"),
            compounded=compounded,
            unbounded=given.flag("unbounded_retention", default=False),
            limit=given.count("limit", _EVERYTHING, MOST_SEGMENTS),
        )

    def _buckets(self, given: Parameters) -> tuple[Buckets, int]:
        span = self.reader.span(given)
        if given.text("unit") and given.text("interval"):
            raise BadRequestError("unit and interval both specified")
        if given.text("interval"):
            days = given.count("interval", 1, _LONGEST_DAYS)
            return Buckets(span, step=days), days
        unit = given.choice("unit", CALENDAR_UNITS, "day")
        return Buckets(span, unit), _DAYS[unit]


def answer(question: Question, cohorts: dict[str, Cohort]) -> dict[str, Any]:
    """The cohorts in the form of the endpoint."""
    if question.on is None:
        return {label: one.answer(OVERALL, question.count) for label, one in cohorts.items()}
    segments = _top_segments(cohorts.values(), question.limit)
    return {
        label: {
            segment: one.answer(segment, question.count)
            for segment in (OVERALL, *segments)
            if segment == OVERALL or segment in one.back
        }
        for label, one in cohorts.items()
    }


def cohorts_of(reader: Reader, question: Question) -> dict[str, Cohort]:
    """The cohort of every bucket."""
    span = question.buckets.span
    later = span.longer(-(-question.interval_ms * question.count // DAY_MS))
    if question.unbounded:
        later = Span(span.start, max(later.end, reader.today()))
    wanted = None if question.event is None else {question.event, question.born_event or ""}
    cohorts = {label: Cohort() for label in question.buckets.labels()}
    for events in sequences(reader, later, wanted).values():
        returns = [event for event in events if _returns(question, event)]
        for label, first in _begun(question, events).items():
            cohorts[label].add(_intervals(question, first, returns), question)
    return cohorts


def _begins(question: Question, event: Event) -> bool:
    if question.compounded:
        return _returns(question, event)
    if event.name != question.born_event:
        return False
    return question.born_where is None or question.born_where.matches(event.properties)


def _returns(question: Question, event: Event) -> bool:
    if question.event is not None and event.name != question.event:
        return False
    return question.where is None or question.where.matches(event.properties)


def _begun(question: Question, events: list[Event]) -> dict[str, Event]:
    """The events that a person begins with, by bucket."""
    found: dict[str, Event] = {}
    for event in events:
        if event.day > question.buckets.span.end or (found and not question.compounded):
            break
        if _begins(question, event):
            found.setdefault(question.buckets.label(event.day, event.at), event)
    return found


def _intervals(question: Question, first: Event, events: list[Event]) -> dict[str, set[int]]:
    """The intervals in which a person came back, by segment."""
    found: dict[str, set[int]] = {}
    for event in events:
        if event.at < first.at or (event.at == first.at and event.name == first.name):
            continue
        number = (event.at - first.at) // question.interval_ms
        if number >= question.count and not question.unbounded:
            continue
        found.setdefault(OVERALL, set()).add(number)
        if question.on is not None:
            segment = segment_of(question.on.evaluate(event.properties))
            found.setdefault(segment, set()).add(number)
    return found


def _top_segments(cohorts: Iterable[Cohort], limit: int) -> list[str]:
    totals: dict[str, int] = {}
    for cohort in cohorts:
        for segment, counts in cohort.back.items():
            totals[segment] = totals.get(segment, 0) + sum(counts)
    totals.pop(OVERALL, None)
    return sorted(totals, key=lambda name: (-totals[name], name))[:limit]
