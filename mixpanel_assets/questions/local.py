"""What is landed, answered by the warehouse: no request is made.

Asking raises DatabaseNotFoundError, DatabaseLockedError and TableNotFoundError.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Annotated, ClassVar

from mixpanel_assets import results
from mixpanel_assets.naming import some_named
from mixpanel_assets.questions.base import Between, Day, Param, Question, R, question
from mixpanel_assets.questions.fields import EventName

Table = Annotated[str, Param('A table or view, such as by_event."Purchase".', "-t")]
EventsTable = Annotated[str, Param("A table of events.", "-t")]
PropertyName = Annotated[str, Param("The property's name.", "-p")]
Names = Annotated[
    Sequence[str] | None, Param("Only these events; default: all.", "-e", check=some_named)
]


@question
class Local(Question[R]):
    """A question about tables."""


@question
class Tables(Local[list[results.TableInfo]]):
    """List tables and views: what is in them, how many rows, loaded when.

    The views of by_event are left out; an empty warehouse has none.
    """


@question
class TableSchema(Local[results.TableSchema]):
    """List the columns of a table: type, and what they mean."""

    example: ClassVar[str] = "--table 'by_event.\"Purchase\"'"
    command: ClassVar[str] = "schema"

    table: Table = "events"


@question
class Sample(Local[results.SQLResult]):
    """Show rows of a table at random."""

    example: ClassVar[str] = "--rows 3"

    table: Table = "events"
    n: Annotated[int, Param("How many rows.", "--rows", "-n", least=0)] = 10


@question
class Summarize(Local[results.SummaryResult]):
    """Describe every column of a table in numbers: range, quartiles, nulls."""

    example: ClassVar[str] = "--format table"

    table: Table = "events"


@question
class PropertyKeys(Local[list[str]]):
    """List the names of properties, of all rows or of one event.

    TableNotFoundError also for a table without properties; EventNotFoundError.
    """

    example: ClassVar[str] = "--event Purchase"
    command: ClassVar[str] = "keys"
    heading: ClassVar[str] = "property"

    table: Table = "events"
    event: Annotated[str | None, Param("Only this event's; default: all.", "-e")] = None


@question
class ColumnStats(Local[results.ColumnStatsResult]):
    """Describe a column or expression: nulls, distinct and commonest values, range, mean.

    PropertyNotFoundError for a word that is neither a column nor a property; SQLError.
    """

    example: ClassVar[str] = "--column \"date_trunc('hour', event_time)\" --top 3"
    command: ClassVar[str] = "column"

    column: Annotated[str, Param("A column, a property or an SQL expression.", "--column", "-c")]
    table: Table = "events"
    _: KW_ONLY
    top_n: Annotated[int, Param("How many of its values.", "--top", least=0)] = 10


@question
class OfEvents(Between[R], Local[R]):
    """A question about the events of a table.

    `where` is an SQL expression over its columns. EventNotFoundError for an event of which the
    table has no row.
    """

    _: KW_ONLY
    from_date: Annotated[
        Day | None,
        Param("First day: YYYY-MM-DD, today, yesterday or 7d; default: all.", "--from"),
    ] = None
    to_date: Annotated[Day | None, Param("Last day, included; default: all.", "--to")] = None
    table: EventsTable = "events"
    where: Annotated[
        str | None, Param("Only rows for which this SQL expression is true.", "-w")
    ] = None


@question
class EventBreakdown(OfEvents[results.EventBreakdownResult]):
    """Count events by name: how many, by how many people, from when to when."""

    example: ClassVar[str] = "--from 7d"
    command: ClassVar[str] = "breakdown"

    table: EventsTable = "events"


@question
class PropertyDistribution(OfEvents[results.PropertyDistributionResult]):
    """Count the values of an event's property, the commonest first.

    Events without one count as null.
    """

    example: ClassVar[str] = "--event Purchase --property plan"
    command: ClassVar[str] = "distribution"

    event: EventName
    property: PropertyName
    _: KW_ONLY
    limit: Annotated[int, Param("How many values.", "-l", least=1)] = 20


@question
class NumericSummary(OfEvents[results.NumericPropertySummaryResult]):
    """Sum up the numbers of an event's property: range, sum, mean, percentiles.

    Percentiles lie between two numbers if need be. Values that are not numbers are left out and
    counted.
    """

    example: ClassVar[str] = "--event Purchase --property amount"
    command: ClassVar[str] = "numeric"

    event: EventName
    property: PropertyName
    _: KW_ONLY
    percentiles: Annotated[Sequence[float], Param("Which percentiles.", least=0, most=100)] = (
        25,
        50,
        75,
        90,
        95,
        99,
    )


@question
class DailyCounts(OfEvents[results.DailyCountsResult]):
    """Count events by day and name."""

    example: ClassVar[str] = "--from 7d --events Purchase,Search"
    command: ClassVar[str] = "daily"

    _: KW_ONLY
    events: Names = None


@question
class EngagementDistribution(OfEvents[results.EngagementDistributionResult]):
    """Count people by how many events each of them has.

    Each person is in one bucket: the first begins at 1 whatever is asked for. Events without a
    distinct_id have no person, and are counted apart.
    """

    example: ClassVar[str] = "--events Purchase --buckets 1,2,3"
    command: ClassVar[str] = "engagement"

    _: KW_ONLY
    events: Names = None
    buckets: Annotated[
        Sequence[int], Param("The least number of events of each bucket.", least=0, most=2**63 - 1)
    ] = (1, 2, 5, 10, 25, 50, 100)


@question
class PropertyCoverage(OfEvents[results.PropertyCoverageResult]):
    """Count how many of an event's rows have each property, with a value other than null."""

    example: ClassVar[str] = "--event Purchase --properties plan,amount"
    command: ClassVar[str] = "coverage"

    event: EventName
    properties: Annotated[Sequence[str], Param("Names of properties.", "-p", check=some_named)]
