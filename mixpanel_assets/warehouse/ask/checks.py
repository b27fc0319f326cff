"""Whether what is landed is sound: one statement for each check, over the days of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mixpanel_assets.warehouse.sql import Connection

MOST_NAMED = 5  # things that a detail names
TYPICAL_DAYS = 7  # before the newest, on each of which a property has to be to be missed


@dataclass(frozen=True)
class Finding:
    """What one check found: whether all is well, in words, and in numbers."""

    ok: bool
    detail: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)


def rows_as_landed(warehouse: Connection, start: date, end: date) -> Finding:
    """The table has as many rows of each day as `landed` says."""
    query = """
        select day, coalesce(recorded.rows, 0), coalesce(held.rows, 0)
        from (select day, rows from landed
              where dataset = 'events' and day between $start and $end) recorded
        full join (select event_date as day, count(*) as rows from events_wide
                   where event_date between $start and $end group by 1) held using (day)
        order by day
        """
    days = _found(warehouse, query, start=start, end=end)
    wrong = [
        f"{day} has {held:,} rows, and {recorded:,} were landed"
        for day, recorded, held in days
        if recorded != held
    ]
    rows = sum(held for *_, held in days)
    well = f"{rows:,} rows of {len(days)} days, as landed"
    return _finding(wrong, well, rows=rows, days=len(days), days_wrong=len(wrong))


def no_duplicates(warehouse: Connection, start: date, end: date) -> Finding:
    """No two rows are one event to Mixpanel: by event, distinct_id, time and $insert_id.

    Rows without $insert_id are events of their own; those without a time are not looked at.
    """
    query = """
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
        """
    days = _found(warehouse, query, start=start, end=end)
    wrong = [f"{day} has {copies:,} rows too many" for day, copies in days]
    total = sum(copies for _, copies in days)
    return _finding(wrong, "every row is an event", duplicates=total)


def no_hole(warehouse: Connection, start: date, end: date) -> Finding:
    """No whole day is empty between days that are not."""
    query = """
        select day from (
            select day, rows, partial, lag(rows) over (order by day) as before,
                   lead(rows) over (order by day) as after
            from landed where dataset = 'events'
        )
        where day between $start and $end and rows = 0 and not partial
          and before > 0 and coalesce(after, before) > 0
        order by day
        """
    days = _found(warehouse, query, start=start, end=end)
    wrong = [f"{day} is empty, and the days around it are not" for (day,) in days]
    return _finding(wrong, "no day stands out empty", empty_days=len(days))


def times_in_day(warehouse: Connection, start: date, end: date, zone: str) -> Finding:
    """Every event's time is within its day, in the zone in which the project counts days."""
    query = """
        select event_date, count(*) filter (event_time is null),
               count(*) filter (timezone($zone, event_time)::date <> event_date)
        from events_wide where event_date between $start and $end
        group by 1 order by 1
        """
    days = _found(warehouse, query, start=start, end=end, zone=zone)
    wrong = [
        f"{day} has {outside:,} events with a time of another day in {zone}"
        for day, _, outside in days
        if outside
    ]
    numbers = {"outside": sum(n for *_, n in days), "without_time": sum(n for _, n, _ in days)}
    return _finding(wrong, f"every time is within its day in {zone}", **numbers)


def schema_steady(warehouse: Connection, end: date) -> Finding:
    """The newest whole day has the events, properties and types that the days before it have.

    A property is missed if its event had it on each of up to seven days before, and came without.
    """
    changes = _found(warehouse, SCHEMA_CHANGES, end=end, days=TYPICAL_DAYS)
    found = [change.replace(" ", "_") for change, _ in changes]
    counts = {kind: found.count(kind) for kind in ("new_event", "new", "vanished", "type_changed")}
    wrong = [f"{text} ({change})" for change, text in changes]
    return _finding(wrong, "as on the days before", **counts)


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


def busiest_events(warehouse: Connection, day: date, most: int) -> dict[str, int]:
    """The rows of the day by event, those with most."""
    query = """
        select event_name, count(*) as n from events_wide
        where event_date = $day and event_name is not null group by 1 order by n desc, 1 limit $most
        """
    return dict(_found(warehouse, query, day=day, most=most))


def newest_whole_day(warehouse: Connection) -> date | None:
    """The last day that was over when it was landed."""
    query = "select max(day) from landed where dataset = 'events' and not partial and rows > 0"
    ((day,),) = _found(warehouse, query)
    return day if isinstance(day, date) else None


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
    return _finding(wrong, well, **totals, events_wrong=len(wrong))


def _found(warehouse: Connection, query: str, **parameters: object) -> list[tuple[Any, ...]]:
    return warehouse.execute(query, parameters).fetchall()


def _finding(wrong: Sequence[str], well: str, **numbers: int) -> Finding:
    """What is wrong, the first of it in words; or that all is well."""
    more = f"; and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
    return Finding(not wrong, "; ".join(wrong[:MOST_NAMED]) + more or well, numbers)
