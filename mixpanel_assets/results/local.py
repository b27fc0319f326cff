"""Results of warehouse queries. Percentages are 0 to 100, to two decimals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mixpanel_assets import charts
from mixpanel_assets.charts import Chart
from mixpanel_assets.results.base import Result, Table, each, plain
from mixpanel_assets.results.frames import frame

if TYPE_CHECKING:
    import pandas as pd


class SQLResult(Result):
    """The rows of a statement; JSON values are JSONText or parsed."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool = False  # whether there are more rows
    types: list[str] = field(default_factory=list)  # SQL types of the columns; empty: unknown

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each row by column name; of columns with one name, the last one wins."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def to_rows(self) -> Table:
        return self.columns, self.rows

    @cached_property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame, with dtypes of the SQL types."""
        return frame(self.columns, self.rows, self.types)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)


class SavedColumn(Result):
    """A column of a saved file, with its SQL type."""

    name: str
    type: str


class SavedRows(Result):
    """A file of rows that was written, and its first rows."""

    path: str
    rows: int
    bytes: int
    columns: list[SavedColumn]
    first: list[Any]  # rows by column name; JSONText of a .jsonl


class Definition(Result):
    """A view or macro of one's own; a macro's name has its parameters: top(n)."""

    name: str
    kind: str
    sql: str


class TableInfo(Result):
    """A table or view; its type is events, profiles, table or view."""

    name: str
    type: str
    row_count: int
    fetched_at: datetime | None  # time of the last load


class WorkspaceInfo(Result):
    """The warehouse, its project and its account."""

    path: str
    project_id: str | None
    region: str | None
    account: str | None
    tables: list[str]
    size_mb: float
    created_at: datetime | None  # time of the oldest load still in it


class ColumnInfo(Result):
    """A column, and its description if there is one."""

    name: str
    type: str
    nullable: bool
    primary_key: bool
    description: str | None


class TableSchema(Result):
    """The columns of a table, in order."""

    table_name: str
    columns: list[ColumnInfo]

    to_rows = each("columns", ColumnInfo)


class ColumnSummary(Result):
    """A column of DuckDB's SUMMARIZE; min, max and quartiles are text."""

    column_name: str
    column_type: str
    min: str | None
    max: str | None
    approx_unique: int
    avg: float | str | None  # text for dates and times
    std: float | None
    q25: str | None
    q50: str | None
    q75: str | None
    count: int
    null_percentage: float | None  # None without rows


class SummaryResult(Result):
    """Summary statistics of every column of a table."""

    table: str
    row_count: int
    columns: list[ColumnSummary]

    to_rows = each("columns", ColumnSummary)


class EventStats(Result):
    """An event's count, people, and first and last occurrence."""

    event_name: str | None
    count: int
    unique_users: int
    first_seen: datetime | None
    last_seen: datetime | None
    pct_of_total: float


class EventBreakdownResult(Result):
    """An events table by event name, most frequent first."""

    table: str
    total_events: int
    total_users: int
    date_range: tuple[datetime | None, datetime | None]
    events: list[EventStats]

    to_rows = each("events", EventStats)

    def chart(self) -> Chart:
        rows = [(e.event_name, e.count, f"{e.count:,} · {e.pct_of_total}%") for e in self.events]
        about = f"{self.total_events:,} rows of {self.total_users:,} people in {self.table}"
        return charts.bars("Events", about, rows)


class ColumnStatsResult(Result):
    """Statistics of one column or expression, with its most frequent values."""

    table: str
    column: str
    dtype: str
    count: int  # of non-null values
    null_count: int
    null_pct: float
    unique_count: int
    unique_pct: float  # of `count`
    top_values: list[tuple[Any, int]]
    min: Any
    max: Any
    mean: float | None  # None unless the values are numbers
    std: float | None

    def to_dict(self) -> dict[str, Any]:
        listed = [{"value": plain(value), "count": count} for value, count in self.top_values]
        return {**super().to_dict(), "top_values": listed}

    def to_rows(self) -> Table:
        return ["value", "count"], list(self.top_values)

    def chart(self) -> Chart:
        rows = [(str(value), count, f"{count:,}") for value, count in self.top_values]
        about = f"The commonest of {self.unique_count:,} values of {self.count:,} rows"
        return charts.bars(f"{self.column} of {self.table}", about, rows)


class PropertyValueCount(Result):
    """How many events have this value; None stands for a missing value."""

    value: Any
    count: int
    percentage: float


class PropertyDistributionResult(Result):
    """The values of an event's property, most frequent first, in percent of all its events."""

    event: str
    property_name: str
    from_date: date | None
    to_date: date | None
    total_count: int
    values: list[PropertyValueCount]

    to_rows = each("values", PropertyValueCount)

    def chart(self) -> Chart:
        rows = [
            (None if v.value is None else str(v.value), v.count, f"{v.count:,} · {v.percentage}%")
            for v in self.values
        ]
        about = f"Of {self.total_count:,} events"
        return charts.bars(f"{self.property_name} of {self.event}", about, rows)


class NumericPropertySummaryResult(Result):
    """Statistics of a property's numbers and numeric text; other values are counted separately."""

    event: str
    property_name: str
    from_date: date | None
    to_date: date | None
    count: int
    min: Any
    max: Any
    sum: Any
    avg: float | None
    stddev: float | None  # sample standard deviation; None for fewer than two numbers
    percentiles: dict[int | float, float | None]
    not_numbers: int = 0  # values left out of all of the above
    not_numbers_example: str | None = None

    def to_row(self) -> dict[str, Any]:
        row = self.to_dict()
        return row | {f"p{name}": value for name, value in row.pop("percentiles").items()}


class DailyCount(Result):
    """An event's count on one day."""

    date: date
    event: str | None
    count: int


class DailyCountsResult(Result):
    """Counts by day and event; days without the event are not listed."""

    from_date: date | None
    to_date: date | None
    events: list[str] | None  # None: all of them
    counts: list[DailyCount]

    to_rows = each("counts", DailyCount)

    def chart(self) -> Chart:
        series: dict[str, dict[str, float]] = {}
        for one in self.counts:
            series.setdefault(one.event or "", {})[str(one.date)] = one.count
        return charts.lines("Events", "By day", series)


class EngagementBucket(Result):
    """How many people have this number of events."""

    bucket_min: int
    bucket_label: str
    user_count: int
    percentage: float


class EngagementDistributionResult(Result):
    """People by their number of events; every person is in one bucket."""

    from_date: date | None
    to_date: date | None
    events: list[str] | None
    total_users: int
    buckets: list[EngagementBucket]
    events_of_nobody: int = 0  # events without a distinct_id, which are in no bucket

    to_rows = each("buckets", EngagementBucket)

    def chart(self) -> Chart:
        rows = [
            (b.bucket_label, b.user_count, f"{b.user_count:,} · {b.percentage}%")
            for b in self.buckets
        ]
        return charts.bars("People by events", f"Of {self.total_users:,} people", rows)


class PropertyCoverage(Result):
    """How many events have the property."""

    property: str
    defined_count: int
    null_count: int  # null or missing
    coverage_percentage: float


class PropertyCoverageResult(Result):
    """How often an event has each of its properties."""

    event: str
    from_date: date | None
    to_date: date | None
    total_events: int
    coverage: list[PropertyCoverage]

    to_rows = each("coverage", PropertyCoverage)

    def chart(self) -> Chart:
        rows = [
            (c.property, c.coverage_percentage, f"{c.coverage_percentage}%") for c in self.coverage
        ]
        about = f"Share of {self.total_events:,} events that have the property"
        return charts.bars(f"Properties of {self.event}", about, rows, whole=100)
