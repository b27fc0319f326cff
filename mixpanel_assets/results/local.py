"""What questions to the warehouse return. Percentages are 0 to 100, to two decimals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mixpanel_assets.results.base import Result, plain, records
from mixpanel_assets.results.frames import frame

if TYPE_CHECKING:
    import pandas as pd

Table = tuple[list[str], list[tuple[Any, ...]]]


@dataclass(frozen=True, repr=False)
class SQLResult(Result):
    """The rows of a statement; JSON in them is JSONText or parsed."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool = False  # there are more
    types: list[str] = field(default_factory=list)  # SQL's, of the columns; empty: not known

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each row by column name; the last column of a name wins."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def to_rows(self) -> Table:
        return self.columns, self.rows

    @cached_property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame, each column of its type."""
        return frame(self.columns, self.rows, self.types)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)


@dataclass(frozen=True, repr=False)
class TableInfo(Result):
    """A table or view: its type is events, profiles, table or view."""

    name: str
    type: str
    row_count: int
    fetched_at: datetime | None  # when rows were last put into it


@dataclass(frozen=True, repr=False)
class WorkspaceInfo(Result):
    """The warehouse, and whose it is."""

    path: str
    project_id: str | None
    region: str | None
    account: str | None
    tables: list[str]
    size_mb: float
    created_at: datetime | None  # the oldest load that is still in it


@dataclass(frozen=True, repr=False)
class ColumnInfo(Result):
    """A column, and what it means where that is known."""

    name: str
    type: str
    nullable: bool
    primary_key: bool
    description: str | None


@dataclass(frozen=True, repr=False)
class TableSchema(Result):
    """The columns of a table, in their order."""

    table_name: str
    columns: list[ColumnInfo]

    def to_rows(self) -> Table:
        return records(ColumnInfo, self.columns)


@dataclass(frozen=True, repr=False)
class ColumnSummary(Result):
    """A column as DuckDB's SUMMARIZE has it: min, max and quartiles are text."""

    column_name: str
    column_type: str
    min: str | None
    max: str | None
    approx_unique: int
    avg: float | str | None  # text where it is a moment
    std: float | None
    q25: str | None
    q50: str | None
    q75: str | None
    count: int
    null_percentage: float | None  # None without rows


@dataclass(frozen=True, repr=False)
class SummaryResult(Result):
    """Every column of a table in numbers."""

    table: str
    row_count: int
    columns: list[ColumnSummary]

    def to_rows(self) -> Table:
        return records(ColumnSummary, self.columns)


@dataclass(frozen=True, repr=False)
class EventStats(Result):
    """One event name: how often, by how many people, from when to when."""

    event_name: str | None
    count: int
    unique_users: int
    first_seen: datetime | None
    last_seen: datetime | None
    pct_of_total: float


@dataclass(frozen=True, repr=False)
class EventBreakdownResult(Result):
    """A table of events by event name, the commonest first."""

    table: str
    total_events: int
    total_users: int
    date_range: tuple[datetime | None, datetime | None]
    events: list[EventStats]

    def to_rows(self) -> Table:
        return records(EventStats, self.events)


@dataclass(frozen=True, repr=False)
class ColumnStatsResult(Result):
    """One column or expression: `count` values, of which the commonest are listed."""

    table: str
    column: str
    dtype: str
    count: int  # of values that are not null
    null_count: int
    null_pct: float
    unique_count: int
    unique_pct: float  # of the values
    top_values: list[tuple[Any, int]]
    min: Any
    max: Any
    mean: float | None  # None unless it is of numbers
    std: float | None

    def to_dict(self) -> dict[str, Any]:
        listed = [{"value": plain(value), "count": count} for value, count in self.top_values]
        return {**super().to_dict(), "top_values": listed}

    def to_rows(self) -> Table:
        return ["value", "count"], list(self.top_values)


@dataclass(frozen=True, repr=False)
class PropertyValueCount(Result):
    """How many events have this value; None: they have none."""

    value: Any
    count: int
    percentage: float


@dataclass(frozen=True, repr=False)
class PropertyDistributionResult(Result):
    """The values of a property of an event, the commonest first; percentages of all its events."""

    event: str
    property_name: str
    from_date: date | None
    to_date: date | None
    total_count: int
    values: list[PropertyValueCount]

    def to_rows(self) -> Table:
        return records(PropertyValueCount, self.values)


@dataclass(frozen=True, repr=False)
class NumericPropertySummaryResult(Result):
    """A property's numbers, and text that reads as a number; other values are counted apart."""

    event: str
    property_name: str
    from_date: date | None
    to_date: date | None
    count: int
    min: Any
    max: Any
    sum: Any
    avg: float | None
    stddev: float | None  # of a sample; None below two numbers
    percentiles: dict[int | float, float | None]
    not_numbers: int = 0  # values that are left out of all of the above
    not_numbers_example: str | None = None

    def to_rows(self) -> Table:
        own = self.to_dict()
        percentiles = own.pop("percentiles")
        own.update({f"p{name}": value for name, value in percentiles.items()})
        return list(own), [tuple(own.values())]


@dataclass(frozen=True, repr=False)
class DailyCount(Result):
    """An event on a day."""

    date: date
    event: str | None
    count: int


@dataclass(frozen=True, repr=False)
class DailyCountsResult(Result):
    """Events by day and name; a day without the event is not listed."""

    from_date: date | None
    to_date: date | None
    events: list[str] | None  # None: all of them
    counts: list[DailyCount]

    def to_rows(self) -> Table:
        return records(DailyCount, self.counts)


@dataclass(frozen=True, repr=False)
class EngagementBucket(Result):
    """How many people did this many events."""

    bucket_min: int
    bucket_label: str
    user_count: int
    percentage: float


@dataclass(frozen=True, repr=False)
class EngagementDistributionResult(Result):
    """People by how many events each has; every person is in one bucket."""

    from_date: date | None
    to_date: date | None
    events: list[str] | None
    total_users: int
    buckets: list[EngagementBucket]
    events_of_nobody: int = 0  # without a distinct_id, and in no bucket

    def to_rows(self) -> Table:
        return records(EngagementBucket, self.buckets)


@dataclass(frozen=True, repr=False)
class PropertyCoverage(Result):
    """How many events have a value of the property."""

    property: str
    defined_count: int
    null_count: int  # null or missing
    coverage_percentage: float


@dataclass(frozen=True, repr=False)
class PropertyCoverageResult(Result):
    """Which properties an event really carries."""

    event: str
    from_date: date | None
    to_date: date | None
    total_events: int
    coverage: list[PropertyCoverage]

    def to_rows(self) -> Table:
        return records(PropertyCoverage, self.coverage)
