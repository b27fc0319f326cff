"""Questions to landed events, each answered by one statement: which, how many, by how many people.

All take the days of a range, both included, and `where`, an SQL expression over the columns of the
table. An event that no row has is an EventNotFoundError; one that no chosen row has is no failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import duckdb

from mixpanel_assets.naming import names_of
from mixpanel_assets.notes import note
from mixpanel_assets.results import (
    DailyCount,
    DailyCountsResult,
    EngagementBucket,
    EngagementDistributionResult,
    EventBreakdownResult,
    EventStats,
    NumericPropertySummaryResult,
    PropertyCoverage,
    PropertyCoverageResult,
    PropertyDistributionResult,
    PropertyValueCount,
)
from mixpanel_assets.warehouse.doubts import tell
from mixpanel_assets.warehouse.introspect import NUMBERS, deviation, finite, share
from mixpanel_assets.warehouse.relation import (
    Value,
    check_events,
    chosen,
    find_events,
    find_property,
)
from mixpanel_assets.warehouse.rows import answer

PERCENTILES = (25, 50, 75, 90, 95, 99)
BUCKETS = (1, 2, 5, 10, 25, 50, 100)


def event_breakdown(
    warehouse: duckdb.DuckDBPyConnection,
    table: str = "events",
    *,
    from_date: date | None = None,
    to_date: date | None = None,
    where: str | None = None,
) -> EventBreakdownResult:
    """Every event name: how often, by how many people, first and last time."""
    relation = find_events(warehouse, table)
    rows = chosen(relation, from_date=from_date, to_date=to_date, where=where)
    query = f"""
        select grouping(event_name) = 1 as is_total, event_name, count(*) as events,
               count(distinct nullif(distinct_id, '')), min(event_time), max(event_time)
        from {rows}
        group by grouping sets ((event_name), ())
        order by is_total desc, events desc, event_name
        """
    (_, _, events, people, first, last), *stats = answer(warehouse, query).rows
    if not events:
        _tell_why(warehouse, rows)
    return EventBreakdownResult(
        table=relation.name,
        total_events=events,
        total_users=people,
        date_range=(first, last),
        events=[
            EventStats(name, count, users, start, end, share(count, events))
            for _, name, count, users, start, end in stats
        ],
    )


def _tell_why(warehouse: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Note why no row is chosen, as far as it is known."""
    tell(warehouse, f"select 1 from {rows}")


def property_distribution(
    warehouse: duckdb.DuckDBPyConnection,
    event: str,
    property: str,  # noqa: A002  the word of those who ask
    *,
    from_date: date | None = None,
    to_date: date | None = None,
    where: str | None = None,
    table: str = "events",
    limit: int = 20,
) -> PropertyDistributionResult:
    """The `limit` commonest values of the event's property; events without one count as null."""
    relation = find_events(warehouse, table)
    value = find_property(warehouse, relation, property, event)
    rows = chosen(relation, events=[event], from_date=from_date, to_date=to_date, where=where)
    query = f"""
        select value, count(*) as events, sum(count(*)) over ()::bigint
        from (select {value.sql} as value from {rows})
        group by value order by events desc, value limit {int(limit)}
        """
    found = answer(warehouse, query).rows
    total = found[0][2] if found else 0
    if not total:
        check_events(warehouse, relation, [event])
        _tell_why(warehouse, rows)
    values = [PropertyValueCount(one, n, share(n, total)) for one, n, _ in found]
    return PropertyDistributionResult(event, property, from_date, to_date, total, values)


def numeric_summary(
    warehouse: duckdb.DuckDBPyConnection,
    event: str,
    property: str,  # noqa: A002  the word of those who ask
    *,
    from_date: date | None = None,
    to_date: date | None = None,
    where: str | None = None,
    table: str = "events",
    percentiles: Sequence[float] | None = None,
) -> NumericPropertySummaryResult:
    """The numbers of the event's property; percentiles (0 to 100) lie between two numbers if need
    be. What is left out, since it is not a number, is counted. ValueError for a percentile out of
    range.
    """
    wanted = list(PERCENTILES if percentiles is None else percentiles)
    if not all(0 <= one <= 100 for one in wanted):
        raise ValueError("a percentile is a number from 0 to 100")
    relation = find_events(warehouse, table)
    value = find_property(warehouse, relation, property, event)
    rows = chosen(relation, events=[event], from_date=from_date, to_date=to_date, where=where)
    number = _number(value)
    shares = f"{[one / 100 for one in wanted]}::double[]"
    exact = "f" if "::double" in number or value.type in ("DOUBLE", "VARCHAR") else ""
    query = f"""
        select count(*), count(number), min(number), max(number), {exact}sum(number),
               {exact}avg(number), {deviation("number::double")},
               {f"quantile_cont(number, {shares})" if wanted else "[]"},
               count(sent) - count(number), min(sent) filter (number is null)
        from (select {number} as number, {value.sql}::varchar as sent from {rows})
        """
    ((events, count, *numbers, quantiles, others, other),) = answer(warehouse, query).rows
    if not events:
        check_events(warehouse, relation, [event])
        _tell_why(warehouse, rows)
    if others:
        note(
            f"values of {property} that are not numbers, and left out: {others:,}; {other!r} is one"
        )
    between = dict(zip(wanted, map(finite, quantiles or [None] * len(wanted)), strict=True))
    least, most, total, mean, spread = map(finite, numbers)
    moments = (least, most, total, mean, spread)
    return NumericPropertySummaryResult(
        event,
        property,
        from_date,
        to_date,
        count,
        *moments,
        percentiles=between,
        not_numbers=others,
        not_numbers_example=other,
    )


def _number(value: Value) -> str:
    if value.type == "HUGEINT":
        return f"{value.sql}::double"  # a sum of large ones would overflow
    if value.type in ("DOUBLE", "FLOAT"):
        return f"case when isfinite({value.sql}) then {value.sql} end"
    if NUMBERS.fullmatch(value.type):
        return value.sql
    if value.type != "VARCHAR":
        return "null::double"
    read = f"try_cast({value.sql} as double)"
    return f"case when isfinite({read}) then {read} end"


def daily_counts(
    warehouse: duckdb.DuckDBPyConnection,
    *,
    from_date: date | None = None,
    to_date: date | None = None,
    events: str | Sequence[str] | None = None,
    where: str | None = None,
    table: str = "events",
) -> DailyCountsResult:
    """How often each event, or each of some, happened on each day."""
    relation = find_events(warehouse, table)
    names = names_of(events, "events") if events is not None else None
    rows = chosen(relation, events=names, from_date=from_date, to_date=to_date, where=where)
    query = f"""
        select event_date, event_name, count(*) from {rows}
        group by event_date, event_name order by event_date, event_name
        """
    counts = [DailyCount(*row) for row in answer(warehouse, query)]
    found = {count.event for count in counts}
    if absent := [name for name in names or [] if name not in found]:
        check_events(warehouse, relation, absent)
    if not counts:
        _tell_why(warehouse, rows)
    return DailyCountsResult(from_date, to_date, names, counts)


def engagement_distribution(
    warehouse: duckdb.DuckDBPyConnection,
    *,
    from_date: date | None = None,
    to_date: date | None = None,
    events: str | Sequence[str] | None = None,
    buckets: Sequence[float] | None = None,
    where: str | None = None,
    table: str = "events",
) -> EngagementDistributionResult:
    """People by how many events each has; `buckets` are the least numbers of each bucket.

    Everybody is in one bucket: the first begins at 1 whatever is asked for. Events without a
    distinct_id are nobody's, and counted apart.
    """
    least = sorted({1, *(int(one) for one in (BUCKETS if buckets is None else buckets) if one > 1)})
    relation = find_events(warehouse, table)
    names = names_of(events, "events") if events is not None else None
    check_events(warehouse, relation, names or [])
    rows = chosen(relation, events=names, from_date=from_date, to_date=to_date, where=where)
    cases = " ".join(f"when events >= {one} then {one}" for one in reversed(least))
    query = f"""
        select case {cases} end as bucket, count(*) from (
            select distinct_id, count(*) as events from {rows} and distinct_id <> ''
            group by distinct_id
        ) group by bucket
        """
    people = dict(answer(warehouse, query).rows)
    total = sum(people.values())
    if not total:
        _tell_why(warehouse, rows)
    left_out = f"select count(*) from {rows} and coalesce(distinct_id, '') = ''"
    ((nobodys,),) = answer(warehouse, left_out).rows
    found = [
        EngagementBucket(one, label, people.get(one, 0), share(people.get(one, 0), total))
        for one, label in zip(least, _labels(least), strict=True)
    ]
    return EngagementDistributionResult(from_date, to_date, names, total, found, nobodys)


def _labels(least: Sequence[int]) -> list[str]:
    inner = [
        str(one) if following == one + 1 else f"{one}-{following - 1}"
        for one, following in pairwise(least)
    ]
    return [*inner, f"{least[-1]}+"]


def property_coverage(
    warehouse: duckdb.DuckDBPyConnection,
    event: str,
    properties: str | Sequence[str],
    *,
    from_date: date | None = None,
    to_date: date | None = None,
    where: str | None = None,
    table: str = "events",
) -> PropertyCoverageResult:
    """How many of the event's rows have a value, other than null, of each property."""
    relation = find_events(warehouse, table)
    names = names_of(properties, "properties")
    values = [find_property(warehouse, relation, name, event) for name in names]
    rows = chosen(relation, events=[event], from_date=from_date, to_date=to_date, where=where)
    counts = "".join(f", count({value.sql})" for value in values)
    (counted,) = answer(warehouse, f"select count(*){counts} from {rows}").rows
    total, defined = counted[0], counted[1:]
    if not total:
        check_events(warehouse, relation, [event])
        _tell_why(warehouse, rows)
    coverage = [
        PropertyCoverage(name, count, total - count, share(count, total))
        for name, count in zip(names, defined, strict=True)
    ]
    return PropertyCoverageResult(event, from_date, to_date, total, coverage)
