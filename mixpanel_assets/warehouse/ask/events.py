"""Questions about landed events, each answered by one statement.

An event that no row of the table has is an EventNotFoundError; one that no chosen row has is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mixpanel_assets import results
from mixpanel_assets.notes import note
from mixpanel_assets.questions import local
from mixpanel_assets.warehouse.ask.doubts import tell
from mixpanel_assets.warehouse.ask.names import (
    Relation,
    Value,
    check_events,
    find_events,
    find_property,
)
from mixpanel_assets.warehouse.ask.tables import NUMBERS, deviation, finite, limited, share
from mixpanel_assets.warehouse.sql import Connection, literal
from mixpanel_assets.warehouse.statement import answer


def _chosen(relation: Relation, asked: local.OfEvents[Any], events: list[str] | None = None) -> str:
    """SQL: the rows that the question is about, of the events of these names."""
    first, last = asked.days
    terms = ["true"]
    if events is not None:
        terms.append(f"event_name in ({', '.join(map(literal, events)) or 'null'})")
    if first is not None:
        terms.append(f"event_date >= date {literal(first.isoformat())}")
    if last is not None:
        terms.append(f"event_date <= date {literal(last.isoformat())}")
    if asked.where is not None:
        terms.append(f"(\n{asked.where}\n)")  # on lines of its own: it may end with a comment
    return f"{relation.wide} where {' and '.join(terms)}"


def event_breakdown(
    warehouse: Connection, asked: local.EventBreakdown
) -> results.EventBreakdownResult:
    relation = find_events(warehouse, asked.table)
    rows = _chosen(relation, asked)
    query = f"""
        select grouping(event_name) = 1 as is_total, event_name, count(*) as events,
               count(distinct {relation.person}), min(event_time), max(event_time)
        from {rows}
        group by grouping sets ((event_name), ())
        order by is_total desc, events desc, event_name
        """
    (_, _, total, people, first, last), *stats = answer(warehouse, query).rows
    if not total:
        _tell_why(warehouse, rows)
    events = [
        results.EventStats(name, count, users, start, end, share(count, total))
        for _, name, count, users, start, end in limited(stats, asked.limit, "events")
    ]
    return results.EventBreakdownResult(relation.name, total, people, (first, last), events)


def _tell_why(warehouse: Connection, rows: str) -> None:
    """Note why no row is chosen, as far as it is known."""
    tell(warehouse, f"select 1 from {rows}")


def property_distribution(
    warehouse: Connection, asked: local.PropertyDistribution
) -> results.PropertyDistributionResult:
    event, property = asked.event, asked.property  # noqa: A001  Mixpanel's own word
    relation = find_events(warehouse, asked.table)
    value = find_property(warehouse, relation, property, event)
    rows = _chosen(relation, asked, [asked.event])
    query = f"""
        select value, count(*) as events, sum(count(*)) over ()::bigint
        from (select {value.sql} as value from {rows})
        group by value order by events desc, value limit {int(asked.limit)}
        """
    found = answer(warehouse, query).rows
    total = found[0][2] if found else 0
    if not total:
        check_events(warehouse, relation, [event])
        _tell_why(warehouse, rows)
    values = [results.PropertyValueCount(one, n, share(n, total)) for one, n, _ in found]
    return results.PropertyDistributionResult(event, property, *asked.days, total, values)


def numeric_summary(
    warehouse: Connection, asked: local.NumericSummary
) -> results.NumericPropertySummaryResult:
    event, property = asked.event, asked.property  # noqa: A001  Mixpanel's own word
    wanted = asked.percentiles
    relation = find_events(warehouse, asked.table)
    value = find_property(warehouse, relation, property, event)
    rows = _chosen(relation, asked, [asked.event])
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
    return results.NumericPropertySummaryResult(
        event, property, *asked.days, count, *moments, between, others, other
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


def daily_counts(warehouse: Connection, asked: local.DailyCounts) -> results.DailyCountsResult:
    relation = find_events(warehouse, asked.table)
    names = None if asked.events is None else list(asked.events)
    rows = _chosen(relation, asked, names)
    query = f"""
        select event_date, event_name, count(*) from {rows}
        group by event_date, event_name order by event_date, event_name
        """
    counts = [results.DailyCount(*row) for row in answer(warehouse, query)]
    found = {count.event for count in counts}
    if absent := [name for name in names or [] if name not in found]:
        check_events(warehouse, relation, absent)
    if not counts:
        _tell_why(warehouse, rows)
    if asked.limit is not None:
        counts = _of_most_frequent(counts, asked.limit)
    return results.DailyCountsResult(*asked.days, names, counts)


def _of_most_frequent(counts: list[results.DailyCount], limit: int) -> list[results.DailyCount]:
    """The counts of so many events, the most frequent; a note if there are more."""
    total: dict[str | None, int] = {}
    for one in counts:
        total[one.event] = total.get(one.event, 0) + one.count
    most = sorted(total, key=lambda name: (-total[name], name or ""))
    kept = set(limited(most, limit, "events"))
    return [one for one in counts if one.event in kept]


def engagement_distribution(
    warehouse: Connection, asked: local.EngagementDistribution
) -> results.EngagementDistributionResult:
    least = sorted({1, *(int(one) for one in asked.buckets if one > 1)})
    relation = find_events(warehouse, asked.table)
    names = None if asked.events is None else list(asked.events)
    check_events(warehouse, relation, names or [])
    rows = _chosen(relation, asked, names)
    cases = " ".join(f"when events >= {one} then {one}" for one in reversed(least))
    query = f"""
        select case {cases} end as bucket, count(*) from (
            select {relation.person} as who, count(*) as events from {rows} and distinct_id <> ''
            group by who
        ) group by bucket
        """
    people = dict(answer(warehouse, query).rows)
    total = sum(people.values())
    if not total:
        _tell_why(warehouse, rows)
    left_out = f"select count(*) from {rows} and coalesce(distinct_id, '') = ''"
    ((nobodys,),) = answer(warehouse, left_out).rows
    found = [
        results.EngagementBucket(one, label, people.get(one, 0), share(people.get(one, 0), total))
        for one, label in zip(least, _labels(least), strict=True)
    ]
    return results.EngagementDistributionResult(*asked.days, names, total, found, nobodys)


def _labels(least: Sequence[int]) -> list[str]:
    inner = [
        str(one) if following == one + 1 else f"{one}-{following - 1}"
        for one, following in pairwise(least)
    ]
    return [*inner, f"{least[-1]}+"]


def property_coverage(
    warehouse: Connection, asked: local.PropertyCoverage
) -> results.PropertyCoverageResult:
    relation = find_events(warehouse, asked.table)
    names, event = list(asked.properties), asked.event
    values = [find_property(warehouse, relation, name, event) for name in names]
    rows = _chosen(relation, asked, [asked.event])
    counts = "".join(f", count({value.sql})" for value in values)
    (counted,) = answer(warehouse, f"select count(*){counts} from {rows}").rows
    total, defined = counted[0], counted[1:]
    if not total:
        check_events(warehouse, relation, [event])
        _tell_why(warehouse, rows)
    coverage = [
        results.PropertyCoverage(name, count, total - count, share(count, total))
        for name, count in zip(names, defined, strict=True)
    ]
    return results.PropertyCoverageResult(event, *asked.days, total, coverage)
