"""Questions about landed data, answered from the warehouse without a request.

Asking raises DatabaseNotFoundError, DatabaseLockedError and TableNotFoundError.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Annotated, ClassVar

from mixpanel_assets import results
from mixpanel_assets.naming import some_named
from mixpanel_assets.questions.base import Between, Param, Question, R
from mixpanel_assets.questions.fields import EventName, FirstOrAll, LastOrAll

Table = Annotated[str, Param('Table or view, such as by_event."Purchase".', "-t")]
EventsTable = Annotated[str, Param("Table of events.", "-t")]
PropertyName = Annotated[str, Param("Name of the property.", "-p")]
Names = Annotated[
    Sequence[str] | None, Param("Only these events; default: all.", "-e", check=some_named)
]


MostRows = Annotated[int | None, Param("Maximum names; default: all.", "-l", least=1)]


class Local(Question[R]):
    """A question about tables."""


class Looking(Local[R]):
    """A question answered in a file of its own in `warehouse/ask/`."""


class Overview(Looking[results.Overview]):
    """Show what is landed and how to ask it, on a page: start here.

    Text of at most 60 lines and 4 KB; as json, jsonl and csv, the same as data.
    """

    as_text: ClassVar[bool] = True


class Find(Looking[list[results.Found]]):
    """Find events, properties, tables and words of the Lexicon, by a part of the name.

    Names that are spelled nearly so if none has that part; all names, the most frequent first,
    without a word. Each property is listed once, with the event that most often has it.
    EventNotFoundError.
    """

    example: ClassVar[str] = "plan"

    word: Annotated[str | None, Param("Part of a name, or words of it.", argument=True)] = None
    _: KW_ONLY
    event: Annotated[str | None, Param("Only properties of this event.", "-e")] = None
    limit: Annotated[int, Param("Maximum names, the best first.", "-l", least=1)] = 20


class Quality(Looking[list[results.Issue]]):
    """Show what to know about properties before trusting them, with evidence and SQL.

    Several JSON types and since when, spellings, names that end or begin on a day and their likely
    partners, shapes of lists and objects, likely ids, currencies and times, marks of tests, bots
    and staff. Values are judged by a sample of the events, types and days by all.
    EventNotFoundError.
    """

    example: ClassVar[str] = "--event Purchase"

    event: Annotated[str | None, Param("Only this event; default: all.", "-e")] = None


class Anomalies(Between[list[results.Anomaly]], Looking[list[results.Anomaly]]):
    """Find hours and days on which events fell or rose out of their weekly rhythm.

    All events, each event, and each within a platform, version or country that all have; what one
    version loses to the next is none. The largest first, each once, with SQL that shows it. Needs
    ten landed days or more.
    """

    example: ClassVar[str] = "--from 7d"

    _: KW_ONLY
    from_date: FirstOrAll = None
    to_date: LastOrAll = None


class Tables(Local[list[results.TableInfo]]):
    """List tables and views: content, number of rows, load time.

    The views of by_event are not listed.
    """


class TableSchema(Local[results.TableSchema]):
    """List the columns of a table, with type and meaning."""

    example: ClassVar[str] = "--table 'by_event.\"Purchase\"'"
    command: ClassVar[str] = "schema"

    table: Table = "events"
    _: KW_ONLY
    limit: MostRows = None


class Sample(Local[results.SQLResult]):
    """Show random rows of a table."""

    example: ClassVar[str] = "--rows 3"

    table: Table = "events"
    n: Annotated[int, Param("Number of rows.", "--rows", "-n", least=0)] = 10


class Summarize(Local[results.SummaryResult]):
    """Summarize each column of a table: range, quartiles, nulls."""

    example: ClassVar[str] = "--format table"

    table: Table = "events"


class PropertyKeys(Local[list[str]]):
    """List property names, of all rows or of one event.

    TableNotFoundError also for a table without properties; EventNotFoundError.
    """

    example: ClassVar[str] = "--event Purchase"
    command: ClassVar[str] = "keys"
    heading: ClassVar[str] = "property"

    table: Table = "events"
    event: Annotated[str | None, Param("Only properties of this event; default: all.", "-e")] = None
    _: KW_ONLY
    limit: MostRows = None


class ColumnStats(Local[results.ColumnStatsResult]):
    """Describe a column or expression: nulls, distinct and top values, range, mean.

    PropertyNotFoundError for a name that is neither a column nor a property; SQLError.
    """

    example: ClassVar[str] = "--column \"date_trunc('hour', event_time)\" --top 3"
    command: ClassVar[str] = "column"

    column: Annotated[str, Param("Column, property or SQL expression.", "--column", "-c")]
    table: Table = "events"
    _: KW_ONLY
    top_n: Annotated[int, Param("Number of top values.", "--top", least=0)] = 10


class OfEvents(Between[R], Local[R]):
    """A question about the events of a table.

    `where` is an SQL expression over its columns. EventNotFoundError for an event without rows in
    the table.
    """

    _: KW_ONLY
    from_date: FirstOrAll = None
    to_date: LastOrAll = None
    table: EventsTable = "events"
    where: Annotated[str | None, Param("Only rows that match this SQL expression.", "-w")] = None


class EventBreakdown(OfEvents[results.EventBreakdownResult]):
    """Count events by name: events, people, first and last time."""

    example: ClassVar[str] = "--from 7d"
    command: ClassVar[str] = "breakdown"

    table: EventsTable = "events"
    _: KW_ONLY
    limit: MostRows = None


class PropertyDistribution(OfEvents[results.PropertyDistributionResult]):
    """Count the values of an event's property, the most frequent first.

    Events without the property count as null.
    """

    example: ClassVar[str] = "--event Purchase --property plan"
    command: ClassVar[str] = "distribution"

    event: EventName
    property: PropertyName
    _: KW_ONLY
    limit: Annotated[int, Param("Maximum values.", "-l", least=1)] = 20


class NumericSummary(OfEvents[results.NumericPropertySummaryResult]):
    """Summarize a numeric property of an event: range, sum, mean, percentiles.

    Percentiles are interpolated. Values that are not numbers are left out, and counted.
    """

    example: ClassVar[str] = "--event Purchase --property amount"
    command: ClassVar[str] = "numeric"

    event: EventName
    property: PropertyName
    _: KW_ONLY
    percentiles: Annotated[Sequence[float], Param("Percentiles to compute.", least=0, most=100)] = (
        25,
        50,
        75,
        90,
        95,
        99,
    )


class DailyCounts(OfEvents[results.DailyCountsResult]):
    """Count events by day and name."""

    example: ClassVar[str] = "--from 7d --events Purchase,Search"
    command: ClassVar[str] = "daily"

    _: KW_ONLY
    events: Names = None
    limit: Annotated[
        int | None, Param("Only so many events, the most frequent; default: all.", "-l", least=1)
    ] = None


class EngagementDistribution(OfEvents[results.EngagementDistributionResult]):
    """Count people by their number of events.

    Each person is in one bucket; the first always begins at 1. Events without a distinct_id are
    counted separately.
    """

    example: ClassVar[str] = "--events Purchase --buckets 1,2,3"
    command: ClassVar[str] = "engagement"

    _: KW_ONLY
    events: Names = None
    buckets: Annotated[
        Sequence[int], Param("Minimum events of each bucket.", least=0, most=2**63 - 1)
    ] = (1, 2, 5, 10, 25, 50, 100)


class PropertyCoverage(OfEvents[results.PropertyCoverageResult]):
    """Count the rows of an event in which each property is not null."""

    example: ClassVar[str] = "--event Purchase --properties plan,amount"
    command: ClassVar[str] = "coverage"

    event: EventName
    properties: Annotated[Sequence[str], Param("Names of the properties.", "-p", check=some_named)]
