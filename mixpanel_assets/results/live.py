"""What questions to Mixpanel return. Rates are 0 to 1; dates of a series are Mixpanel's text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from mixpanel_assets.results.base import Result, plain, records

Table = tuple[list[str], list[tuple[Any, ...]]]
Series = dict[str, dict[str, float]]  # by segment, then by date


def _by_date(names: tuple[str, str, str], series: Series) -> Table:
    """A row for each date of each segment."""
    rows = [
        (day, segment, count) for segment, counts in series.items() for day, count in counts.items()
    ]
    return list(names), rows


@dataclass(frozen=True, repr=False)
class SegmentationResult(Result):
    """An event over time, by the values of a property if one was asked for."""

    event: str
    from_date: date
    to_date: date
    unit: str
    segment_property: str | None  # the expression that was asked
    total: float  # all of the series together
    series: Series

    def to_rows(self) -> Table:
        return _by_date(("date", "segment", "count"), self.series)


@dataclass(frozen=True, repr=False)
class NumericBucketResult(Result):
    """An event over time, by ranges of a number, such as "2,000 - 2,100"."""

    event: str
    from_date: date
    to_date: date
    property_expr: str
    unit: str
    series: Series

    def to_rows(self) -> Table:
        return _by_date(("date", "bucket", "count"), self.series)


@dataclass(frozen=True, repr=False)
class NumericSumResult(Result):
    """The sum of an expression over an event's occurrences, by date."""

    event: str
    from_date: date
    to_date: date
    property_expr: str
    unit: str
    results: dict[str, float]
    computed_at: str | None = None

    def to_rows(self) -> Table:
        return ["date", "sum"], list(self.results.items())


@dataclass(frozen=True, repr=False)
class NumericAverageResult(Result):
    """The mean of an expression over an event's occurrences, by date."""

    event: str
    from_date: date
    to_date: date
    property_expr: str
    unit: str
    results: dict[str, float]

    def to_rows(self) -> Table:
        return ["date", "average"], list(self.results.items())


@dataclass(frozen=True, repr=False)
class EventCountsResult(Result):
    """Several events over time; the days are None where a number of units up to now was asked."""

    events: list[str]
    from_date: date | None
    to_date: date | None
    unit: str
    type: str
    series: Series

    def to_rows(self) -> Table:
        return _by_date(("date", "event", "count"), self.series)


@dataclass(frozen=True, repr=False)
class PropertyCountsResult(Result):
    """The values of a property of an event over time."""

    event: str
    property_name: str
    from_date: date | None
    to_date: date | None
    unit: str
    type: str
    series: Series

    def to_rows(self) -> Table:
        return _by_date(("date", "value", "count"), self.series)


class _Sparse(Result):
    """A result that does not speak of what was not asked for."""

    def to_dict(self) -> dict[str, Any]:
        left_out = {f.name for f in fields(self) if f.default is None}  # type: ignore[arg-type]
        own = super().to_dict()
        return {n: v for n, v in own.items() if v is not None or n not in left_out}


@dataclass(frozen=True, repr=False)
class FunnelStep(Result):
    """A step of a funnel: how many reached it, and which share of those of the step before."""

    event: str
    count: int
    conversion_rate: float


@dataclass(frozen=True, repr=False)
class FunnelPart(_Sparse):
    """The steps of those who entered a funnel on one date, or with one value, or both."""

    steps: list[FunnelStep]
    date: str | None = None
    segment: str | None = None


@dataclass(frozen=True, repr=False)
class FunnelResult(_Sparse):
    """A saved funnel over all the days asked; its parts if dates or segments were asked for."""

    funnel_id: int
    funnel_name: str  # empty: Mixpanel's answer does not hold it
    from_date: date
    to_date: date
    conversion_rate: float  # of those who entered, how many reached the last step
    steps: list[FunnelStep]
    parts: list[FunnelPart] | None = None

    def to_rows(self) -> Table:
        names = ["step", "event", "count", "conversion_rate"]
        parts = self.parts if self.parts is not None else [FunnelPart(self.steps)]
        dated = any(part.date is not None for part in parts)
        segmented = any(part.segment is not None for part in parts)
        rows = [
            (*([part.date] * dated), *([part.segment] * segmented), number, *_values(step))
            for part in parts
            for number, step in enumerate(part.steps, start=1)
        ]
        return [*(["date"] * dated), *(["segment"] * segmented), *names], rows


@dataclass(frozen=True, repr=False)
class CohortInfo(_Sparse):
    """Who began on one date: how many, and which share came back in each interval from the 0th."""

    date: str
    size: int
    retention: list[float]
    segment: str | None = None


@dataclass(frozen=True, repr=False)
class RetentionResult(Result):
    """Who came back, by when they began."""

    born_event: str | None
    return_event: str | None  # None: any event
    from_date: date
    to_date: date
    unit: str
    cohorts: list[CohortInfo]

    def to_rows(self) -> Table:
        segmented = any(cohort.segment is not None for cohort in self.cohorts)
        periods = max((len(cohort.retention) for cohort in self.cohorts), default=0)
        names = ["cohort_date", *(["segment"] * segmented), "cohort_size"]
        rows = [
            (c.date, *([c.segment] * segmented), c.size, *_filled(c.retention, periods))
            for c in self.cohorts
        ]
        return [*names, *(f"period_{n}" for n in range(periods))], rows


@dataclass(frozen=True, repr=False)
class FrequencyResult(Result):
    """How many people were there in at least 1, 2, 3 ... hours or days of each unit of time."""

    event: str | None  # None: any event
    from_date: date
    to_date: date
    unit: str
    addiction_unit: str
    data: dict[str, Any]  # by date a list of counts; by date and segment if one was asked for

    def to_rows(self) -> Table:
        segmented = any(isinstance(found, Mapping) for found in self.data.values())
        lines = list(_segments(self.data))
        periods = max((len(counts) for _, _, counts in lines), default=0)
        rows = [
            (day, *([segment] * segmented), *_filled(counts, periods))
            for day, segment, counts in lines
        ]
        names = ["date", *(["segment"] * segmented)]
        return [*names, *(f"period_{n}" for n in range(1, periods + 1))], rows


@dataclass(frozen=True, repr=False)
class UserEvent(Result):
    """Something that somebody did."""

    event: str
    time: datetime | None
    properties: dict[str, Any]

    @property
    def distinct_id(self) -> Any:
        """Who it was, by either name that Mixpanel has for it."""
        return self.properties.get("$distinct_id", self.properties.get("distinct_id"))


@dataclass(frozen=True, repr=False)
class ActivityFeedResult(Result):
    """What people did, in Mixpanel's order."""

    distinct_ids: list[str]
    from_date: date
    to_date: date
    events: list[UserEvent]
    truncated: bool = False  # there are more

    def to_rows(self) -> Table:
        base = ["event", "time", "distinct_id"]
        known = {*base, "$distinct_id"}
        seen = dict.fromkeys(name for event in self.events for name in event.properties)
        names = [name for name in seen if name not in known]
        rows = [
            (one.event, one.time, one.distinct_id, *(one.properties.get(n) for n in names))
            for one in self.events
        ]
        return [*base, *names], rows


@dataclass(frozen=True, repr=False)
class SavedReportResult(Result):
    """A report as it was saved. Insights have a number a date; others are nested as they are."""

    bookmark_id: int
    report_type: str  # insights, funnels, retention or flows
    computed_at: str | None
    from_date: str | None
    to_date: str | None
    headers: list[str]  # what the levels of the series mean
    series: dict[str, Any]

    def to_rows(self) -> Table:
        lines = list(_leaves(self.series))
        depth = max((len(path) for path, _ in lines), default=2)
        rows = [(*_filled(path, depth), value) for path, value in lines]
        if self.report_type != "insights":
            return [*(f"level_{n}" for n in range(1, depth + 1)), "value"], rows
        names = [name.removeprefix("$") for name in self.headers][: depth - 1] or ["event"]
        names += [f"level_{n}" for n in range(len(names) + 1, depth)]
        return ["date", *names, "count"], [(p[-2], *p[:-2], p[-1]) for p in rows]


@dataclass(frozen=True, repr=False)
class FlowsResult(Result):
    """What people did next, as a saved report has it."""

    bookmark_id: int
    computed_at: str | None
    steps: list[dict[str, Any]]
    breakdowns: list[Any]
    overall_conversion_rate: float | None
    metadata: dict[str, Any]

    def to_rows(self) -> Table:
        if not any("nodes" in step for step in self.steps):
            return _of_objects(self.steps)
        return _of_objects(n for step in self.steps for n in step.get("nodes") or [])


@dataclass(frozen=True, repr=False)
class JQLResult(Result):
    """What a script returned."""

    raw: Any

    def to_rows(self) -> Table:
        items = self.raw if isinstance(self.raw, list) else [self.raw]
        if items and all(
            isinstance(one, Mapping) and one.keys() == {"key", "value"} for one in items
        ):
            return _of_objects([_grouped(one) for one in items])
        if all(isinstance(one, Mapping) for one in items):
            return _of_objects(items)
        return ["value"], [(one,) for one in items]


def _grouped(one: Mapping[str, Any]) -> dict[str, Any]:
    """What groupBy makes, with key_0, key_1 ... and value, or value_0 ... for several reducers."""
    key, value = one["key"], one["value"]
    keys = {f"key_{n}": k for n, k in enumerate(key if isinstance(key, list) else [key])}
    if isinstance(value, list):
        return {**keys, **{f"value_{n}": v for n, v in enumerate(value)}}
    return {**keys, "value": value}


def _values(record: Result) -> tuple[Any, ...]:
    return records(type(record), [record])[1][0]


def _filled(items: Sequence[Any], length: int) -> list[Any]:
    return [*items, *([None] * (length - len(items)))]


def _segments(data: Mapping[str, Any]) -> Iterator[tuple[str, str | None, list[Any]]]:
    for day, found in data.items():
        if isinstance(found, Mapping):
            yield from ((day, segment, counts) for segment, counts in found.items())
        else:
            yield day, None, found


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield path, plain(value)


def _of_objects(items: Iterable[Mapping[str, Any]]) -> Table:
    rows = list(items)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return names, [tuple(row.get(name) for name in names) for row in rows]
