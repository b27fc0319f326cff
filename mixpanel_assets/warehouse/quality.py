"""Whether what is landed is sound: one statement for each question, over the days of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import duckdb

MOST_TOLD = 5  # things that a detail names
TYPICAL_DAYS = 7  # before the newest, on each of which a property has to be to be missed


@dataclass(frozen=True)
class Finding:
    """What one question found: whether all is well, in words, and in numbers."""

    ok: bool
    detail: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)


def rows_as_landed(warehouse: duckdb.DuckDBPyConnection, start: date, end: date) -> Finding:
    """The table has as many rows of each day as `landed` says."""
    days = warehouse.execute(
        """
        select day, coalesce(told.rows, 0), coalesce(held.rows, 0)
        from (select day, rows from landed
              where dataset = 'events' and day between $start and $end) told
        full join (select event_date as day, count(*) as rows from events_wide
                   where event_date between $start and $end group by 1) held using (day)
        order by day
        """,
        {"start": start, "end": end},
    ).fetchall()
    wrong = [f"{day} has {held:,} rows, and {told:,} were landed" for day, told, held in days
             if told != held]  # fmt: skip
    rows = sum(held for *_, held in days)
    return Finding(
        not wrong,
        _told(wrong) or f"{rows:,} rows of {len(days)} days, as landed",
        {"rows": rows, "days": len(days), "days_wrong": len(wrong)},
    )


def no_duplicates(warehouse: duckdb.DuckDBPyConnection, start: date, end: date) -> Finding:
    """No two rows are one event to Mixpanel: by event, distinct_id, time and $insert_id.

    Rows without $insert_id are events of their own; those without a time are not looked at.
    """
    days = warehouse.execute(
        """
        select event_date, sum(copies - 1)::BIGINT
        from (
            select event_date, count(*) as copies
            from events_wide
            where event_date between $start and $end
              and nullif(insert_id, '') is not null and event_time is not null
            group by event_date, hash(event_name, distinct_id, event_time, insert_id),
                     hash(insert_id, event_time)
            having copies > 1
        )
        group by 1 order by 1
        """,
        {"start": start, "end": end},
    ).fetchall()
    total = sum(copies for _, copies in days)
    told = [f"{day} has {copies:,} rows too many" for day, copies in days]
    return Finding(not days, _told(told) or "every row is an event", {"duplicates": total})


def no_hole(warehouse: duckdb.DuckDBPyConnection, start: date, end: date) -> Finding:
    """No whole day is empty between days that are not."""
    days = warehouse.execute(
        """
        select day from (
            select day, rows, partial, lag(rows) over (order by day) as before,
                   lead(rows) over (order by day) as after
            from landed where dataset = 'events'
        )
        where day between $start and $end and rows = 0 and not partial
          and before > 0 and coalesce(after, before) > 0
        order by day
        """,
        {"start": start, "end": end},
    ).fetchall()
    told = [f"{day} is empty, and the days around it are not" for (day,) in days]
    return Finding(not days, _told(told) or "no day stands out empty", {"empty_days": len(days)})


def times_in_day(
    warehouse: duckdb.DuckDBPyConnection, start: date, end: date, zone: str
) -> Finding:
    """Every event's time is within its day, in the zone in which the project counts days."""
    days = warehouse.execute(
        """
        select event_date, count(*) filter (event_time is null),
               count(*) filter (timezone($zone, event_time)::date <> event_date)
        from events_wide where event_date between $start and $end
        group by 1 order by 1
        """,
        {"start": start, "end": end, "zone": zone},
    ).fetchall()
    told = [f"{day} has {outside:,} events with a time of another day in {zone}"
            for day, _, outside in days if outside]  # fmt: skip
    return Finding(
        not told,
        _told(told) or f"every time is within its day in {zone}",
        {"outside": sum(n for *_, n in days), "without_time": sum(n for _, n, _ in days)},
    )


def schema_steady(warehouse: duckdb.DuckDBPyConnection, end: date) -> Finding:
    """The newest whole day has the events, properties and types that the days before it have.

    A property is missed if its event had it on each of up to seven days before, and came without.
    """
    changes = warehouse.execute(SCHEMA_CHANGES, {"end": end, "days": TYPICAL_DAYS}).fetchall()
    told = [f"{text} ({change})" for change, text in changes]
    kinds = ("new_event", "new", "vanished", "type_changed")
    counts = {kind: sum(change.replace(" ", "_") == kind for change, _ in changes)
              for kind in kinds}  # fmt: skip
    return Finding(not changes, _told(told) or "as on the days before", counts)


SCHEMA_CHANGES = """
with days as (
    select day, row_number() over (order by day desc) as age from landed
    where dataset = 'events' and rows > 0 and not partial and day <= $end
),
seen as (
    select event_name, property, age,
           case when type in ('UBIGINT', 'BIGINT', 'HUGEINT', 'DOUBLE') then 'number'
                else lower(type) end as type
    from internal.property_days join days on day = event_date
    where event_name is not null and type <> 'NULL'
),
known as (
    select event_name, property,
           coalesce(list_sort(list(distinct type) filter (age = 1)), []) as now,
           coalesce(list_sort(list(distinct type) filter (age > 1)), []) as before,
           count(distinct age) filter (age between 2 and $days + 1) as days_with
    from seen group by all
),
of_event as (
    select event_name, bool_or(age = 1) as is_there, bool_or(age > 1) as was_there,
           count(distinct age) filter (age between 2 and $days + 1) as days_there
    from seen group by all
)
select distinct
       case when not was_there then 'new event' when before = [] then 'new'
            when now = [] then 'vanished' else 'type changed' end as change,
       case when not was_there then event_name
            when change = 'type changed' then
                concat(event_name, '.', property, ' is ', array_to_string(now, ' or '), ' and was ',
                       array_to_string(before, ' or '))
            else concat(event_name, '.', property) end as text
from known join of_event using (event_name)
where is_there and exists (from days where age > 1)
  and case when now = [] then days_with > 1 and days_with = days_there
           else not list_has_all(before, now) end
order by all
"""


def busiest_events(warehouse: duckdb.DuckDBPyConnection, day: date, most: int) -> dict[str, int]:
    """The rows of the day by event, those with most."""
    return dict(
        warehouse.execute(
            "select event_name, count(*) as n from events_wide where event_date = ? "
            "and event_name is not null group by 1 order by n desc, 1 limit ?",
            [day, most],
        ).fetchall()
    )


def newest_whole_day(warehouse: duckdb.DuckDBPyConnection) -> date | None:
    """The last day that was over when it was landed."""
    row = warehouse.execute(
        "select max(day) from landed where dataset = 'events' and not partial and rows > 0"
    ).fetchone()
    return row[0] if row else None


def as_reported(
    day: date, landed: Mapping[str, int], reported: Mapping[str, int], tolerance: float
) -> Finding:
    """As many of each event are landed as Mixpanel's own report counts, but for a share of them."""
    wrong = [
        f"{name}: {rows:,} are landed, Mixpanel reports {reported.get(name, 0):,}"
        for name, rows in landed.items()
        if abs(rows - reported.get(name, 0)) > tolerance * max(rows, reported.get(name, 0))
    ]
    totals = {"landed": sum(landed.values()), "reported": sum(reported.values())}
    well = f"{len(landed)} events of {day} as Mixpanel reports them"
    return Finding(not wrong, _told(wrong) or well, {**totals, "events_wrong": len(wrong)})


def _told(things: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = f"; and {len(things) - MOST_TOLD} more" if len(things) > MOST_TOLD else ""
    return "; ".join(things[:MOST_TOLD]) + more
