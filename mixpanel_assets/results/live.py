"""Results of live queries. Rates are 0 to 1; dates of a series are text, as Mixpanel has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from mixpanel_assets import charts
from mixpanel_assets.charts import Chart
from mixpanel_assets.results.base import Result, Sparse, Table, plain

Series = dict[str, dict[str, float]]  # by segment, then by date


def _by_date(column: str) -> Callable[[Any], Table]:
    """A `to_rows` method with a row for each date of each segment of `series`."""
    return lambda result: (
        ["date", column, "count"],
        [(day, name, n) for name, counts in result.series.items() for day, n in counts.items()],
    )


class SegmentationResult(Result):
    """An event over time, split by a property if one was given."""

    event: str
    from_date: date
    to_date: date
    unit: str
    segment_property: str | None  # the expression in the query
    total: float  # sum of all series
    series: Series

    to_rows = _by_date("segment")

    def chart(self) -> Chart:
        split = f" by {self.segment_property}" if self.segment_property else ""
        about = f"{charts.number(self.total)} in all, by {self.unit}"
        return charts.lines(f"{self.event}{split}", about, self.series)


class _Numeric(Result):
    """A numeric expression over an event's occurrences."""

    event: str
    from_date: date
    to_date: date
    property_expr: str
    unit: str

    def _lines(self, what: str, series: Series) -> Chart:
        return charts.lines(f"{what} {self.property_expr}", f"By {self.unit}", series)


class NumericBucketResult(_Numeric):
    """An event over time, by numeric ranges such as "2,000 - 2,100"."""

    series: Series

    to_rows = _by_date("bucket")

    def chart(self) -> Chart:
        return self._lines(f"{self.event} by", self.series)


class NumericSumResult(_Numeric):
    """The sum of a numeric expression over an event's occurrences, by date."""

    results: dict[str, float]
    computed_at: str | None = None

    def to_rows(self) -> Table:
        return ["date", "sum"], list(self.results.items())

    def chart(self) -> Chart:
        return self._lines(f"{self.event}: sum of", {"sum": self.results})


class NumericAverageResult(_Numeric):
    """The mean of a numeric expression over an event's occurrences, by date."""

    results: dict[str, float]

    def to_rows(self) -> Table:
        return ["date", "average"], list(self.results.items())

    def chart(self) -> Chart:
        return self._lines(f"{self.event}: average of", {"average": self.results})


class EventCountsResult(Result):
    """Several events over time; the days are None for a query of the last N units."""

    events: list[str]
    from_date: date | None
    to_date: date | None
    unit: str
    type: str
    series: Series

    to_rows = _by_date("event")

    def chart(self) -> Chart:
        return charts.lines("Events", f"By {self.unit} ({self.type})", self.series)


class PropertyCountsResult(Result):
    """The values of a property of an event over time."""

    event: str
    property_name: str
    from_date: date | None
    to_date: date | None
    unit: str
    type: str
    series: Series

    to_rows = _by_date("value")

    def chart(self) -> Chart:
        title = f"{self.event} by {self.property_name}"
        return charts.lines(title, f"By {self.unit} ({self.type})", self.series)


class CohortInfo(Sparse):
    """The people who began on one date, and the share that returned in interval 0, 1, 2 ..."""

    date: str
    size: int
    retention: list[float | None]  # None: nothing is landed of the interval (local answers only)
    segment: str | None = None


class RetentionResult(Result):
    """How many people returned, by the date they began."""

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

    def chart(self) -> Chart:
        rows = [(_joined(c.date, c.segment, f"({c.size:,})"), c.retention) for c in self.cohorts]
        return charts.heat(
            f"{self.return_event or 'Any event'} after {self.born_event or 'any event'}",
            f"Of the people (how many) who began on a date, those who returned, by {self.unit}",
            rows,
        )


class FrequencyResult(Result):
    """How many people were active in at least 1, 2, 3 ... hours or days of each unit of time."""

    event: str | None  # None: any event
    from_date: date
    to_date: date
    unit: str
    addiction_unit: str
    data: dict[str, Any]  # a list of counts by date, or by date and segment

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

    def chart(self) -> Chart:
        rows = [
            (_joined(day, segment, f"({counts[0]:,})"), [count / counts[0] for count in counts])
            for day, segment, counts in _segments(self.data)
            if counts and counts[0]
        ]
        return charts.heat(
            f"{self.event or 'Any event'}: how often",
            f"Of the people (how many) who were active in a {self.unit}, those in at least "
            f"1, 2, 3 ... {self.addiction_unit}s",
            rows,
            first=1,
        )


class UserEvent(Result):
    """One event of a person."""

    event: str
    time: datetime | None
    properties: dict[str, Any]

    @property
    def distinct_id(self) -> Any:
        """The person's id, under either of Mixpanel's names for it."""
        return self.properties.get("$distinct_id", self.properties.get("distinct_id"))


class ActivityFeedResult(Result):
    """The events of some people, in Mixpanel's order."""

    distinct_ids: list[str]
    from_date: date
    to_date: date
    events: list[UserEvent]
    truncated: bool = False  # whether there are more events

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


class SavedReportResult(Result):
    """A saved report. Insights have a number for each date; other series stay nested."""

    bookmark_id: int
    report_type: str  # insights, funnels, retention or flows
    computed_at: str | None
    from_date: str | None
    to_date: str | None
    headers: list[str]  # of the levels of the series
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

    def chart(self) -> Chart | None:
        if self.report_type != "insights":
            return None
        series: dict[str, dict[str, Any]] = {}
        for path, value in _leaves(self.series):
            series.setdefault(_joined(*path[:-1]), {})[path[-1]] = value
        return charts.lines(f"Insights report {self.bookmark_id}", "", series)


class FlowsResult(Result):
    """A saved flows report: what people did next."""

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

    def chart(self) -> Chart | None:
        nodes = [(n, node) for n, step in enumerate(self.steps) for node in step.get("nodes") or []]
        links = [
            (n, str(node.get("event")), str(edge.get("event")), edge.get("totalCount"))
            for n, node in nodes
            for edge in node.get("edges") or []
        ]
        if nodes and not links:
            return None
        rate = self.overall_conversion_rate
        about = "" if rate is None else f"{rate:.1%} went on to the last step"
        return charts.flows(f"Flows report {self.bookmark_id}", about, links)


class JQLResult(Result):
    """The result of a JQL script."""

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
    """A groupBy result as key_0, key_1 ... and value, or value_0 ... for several reducers."""
    key, value = one["key"], one["value"]
    keys = {f"key_{n}": k for n, k in enumerate(key if isinstance(key, list) else [key])}
    if isinstance(value, list):
        return {**keys, **{f"value_{n}": v for n, v in enumerate(value)}}
    return {**keys, "value": value}


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


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
