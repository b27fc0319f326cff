"""Results of analytics over landed events. Rates and shares are 0 to 1."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from mixpanel_assets import charts
from mixpanel_assets.charts import Chart
from mixpanel_assets.results.base import Result, Table, records
from mixpanel_assets.results.funnels import FunnelResult, FunnelStep
from mixpanel_assets.results.live import FrequencyResult, RetentionResult, SegmentationResult


class Basis(Result):
    """What an answer from landed events is based on."""

    complete_until: date | None  # later days can still change; None: none is complete
    landed_days: int  # used
    missing_days: list[date | str]  # or `first..last`; not landed, or landed before they were over
    people: int | None  # None: the question does not look at people
    events: int  # that the question is about
    without_person: int  # events that have no distinct_id, and so are left out
    without_time: int  # events that have no time, and so are left out
    seconds: float
    source: str = "local"


class _Local(Result):
    """A result with its basis, whose fields are among its own in plain data."""

    def to_dict(self) -> dict[str, Any]:
        shown = super().to_dict()
        basis = shown.pop("basis") or {}
        return {**shown, **{"source": basis.pop("source", "local")}, **basis}


class LocalFunnelStep(FunnelStep):
    """A step, and the time that people took since the step before."""

    mean_seconds: float | None = None
    median_seconds: float | None = None


class LocalFunnelResult(_Local, FunnelResult):
    """A funnel over landed events, and its segments or dates."""

    window: str = ""
    basis: Basis | None = None

    _step_columns = (*FunnelResult._step_columns, "mean_seconds", "median_seconds")

    def to_dict(self) -> dict[str, Any]:
        shown = super().to_dict()
        parts = shown.pop("parts", None)
        if self.parts is None:
            return {**shown}
        if any(part.date is not None for part in self.parts):
            return {**shown, "parts": parts}
        segments = {str(p["segment"]): p["steps"] for p in parts if p["segment"] != "$overall"}
        return {**shown, "segments": segments}


class LocalRetentionResult(_Local, RetentionResult):
    """Retention over landed events.

    `average` is Mixpanel's: over the cohorts for which an interval is complete, weighted by size;
    None where none is.
    """

    average: list[float | None]
    basis: Basis


class LocalSegmentationResult(_Local, SegmentationResult):
    """An event over time, counted in landed events."""

    measure: str  # general, unique, average, or sum of or average of a property
    basis: Basis


class LocalFrequencyResult(_Local, FrequencyResult):
    """How many people were active how often, counted in landed events."""

    basis: Basis


class _Rows(_Local):
    """A result with a row for each date, step or value."""

    from_date: date
    to_date: date
    rows: list[Any]
    basis: Basis

    _row: ClassVar[type[Any]]

    def to_rows(self) -> Table:
        return records(self._row, self.rows)


class SessionsRow(Result):
    """The sessions that began in one unit of time."""

    date: str
    sessions: int
    people: int
    events: int
    mean_events: float | None
    mean_seconds: float | None


class SessionsResult(_Rows):
    """Sessions over time."""

    rows: list[SessionsRow]

    _row = SessionsRow

    def chart(self) -> Chart:
        counts = {row.date: float(row.sessions) for row in self.rows}
        return charts.lines("Sessions", f"{sum(counts.values()):,.0f} in all", {"sessions": counts})


class ActiveUsersRow(Result):
    """People active on one day, and in the 7 and 30 days up to it."""

    date: str
    dau: int
    wau: int
    mau: int
    stickiness: float | None  # dau as a share of mau


class ActiveUsersResult(_Rows):
    """Daily, weekly and monthly active users."""

    rows: list[ActiveUsersRow]

    _row = ActiveUsersRow

    def chart(self) -> Chart:
        series = {
            label: {row.date: float(getattr(row, label.lower())) for row in self.rows}
            for label in ("DAU", "WAU", "MAU")
        }
        return charts.lines("Active users", "On a day, in 7 and in 30 days up to it", series)


class LifecycleRow(Result):
    """The people of one unit of time."""

    date: str
    new: int
    retained: int
    resurrected: int
    dormant: int


class LifecycleResult(_Rows):
    """New, retained, resurrected and dormant people over time."""

    rows: list[LifecycleRow]

    _row = LifecycleRow

    def chart(self) -> Chart:
        parts = {
            name: {row.date: sign * getattr(row, name) for row in self.rows}
            for name, sign in (("retained", 1), ("resurrected", 1), ("new", 1), ("dormant", -1))
        }
        return charts.stacked("Lifecycle", "People by what they did in the unit before", parts)


class FlowsRow(Result):
    """One path: how many took it, and their share of those who started."""

    step: int  # events after the first
    path: list[str]
    count: int
    share: float


class LocalFlowsResult(_Rows):
    """The commonest paths of each length."""

    rows: list[FlowsRow]
    before: bool = False  # whether paths lead to the event

    _row = FlowsRow

    def to_rows(self) -> Table:
        names, rows = super().to_rows()
        return names, [(step, " > ".join(path), count, share) for step, path, count, share in rows]

    def chart(self) -> Chart:
        longest = max((row.step for row in self.rows), default=0)
        links: dict[tuple[int, str, str], int] = {}
        for row in self.rows:
            step = longest - row.step if self.before else row.step - 1
            start, end = row.path[:2] if self.before else row.path[-2:]
            links[step, start, end] = links.get((step, start, end), 0) + row.count
        about = "The commonest paths, by how many people took them"
        return charts.flows("Paths", about, [(*link, count) for link, count in links.items()])


class AttributionRow(Result):
    """What one value is credited with."""

    value: str
    credit: float
    share: float


class AttributionResult(_Rows):
    """An event credited to the values of a property."""

    event: str
    property: str
    model: str
    rows: list[AttributionRow]

    _row = AttributionRow

    def chart(self) -> Chart:
        rows = [(row.value, row.credit, f"{row.share:.1%}") for row in self.rows[:20]]
        return charts.bars(f"{self.event} by {self.property}", f"Model: {self.model}", rows)


class ReportFile(Result):
    """Where a report was written, and its size."""

    path: str
    bytes: int


class Comparison(Result):
    """The same question answered from landed events and by Mixpanel."""

    local: Result
    live: Result
    difference: list[dict[str, Any]]  # the numbers that differ, by row; empty: none does
    causes: list[str]  # what is known to make them differ

    def to_rows(self) -> Table:
        names = list(dict.fromkeys(name for one in self.difference for name in one))
        return names, [tuple(one.get(name) for name in names) for one in self.difference]
