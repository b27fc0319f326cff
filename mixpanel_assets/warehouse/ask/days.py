"""What the landed days of events are like: how many events, which, at which hours, and how late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.shown import markdown_row
from mixpanel_assets.warehouse.properties import PropertyColumns, computed
from mixpanel_assets.warehouse.sql import Connection, quoted
from mixpanel_assets.warehouse.statement import opened, rows_of

LATE = ("on the next day", "2 to 5 days later", "more than 5 days later")


def day_previews(warehouse: Connection, days: Sequence[date], events: int = 10) -> dict[date, str]:
    """Per day a Markdown table of its commonest events: how many, and by how many people."""
    query = """
        select event_date, event_name, count(*) as events, count(distinct distinct_id)
        from events_wide where event_date in (select unnest(?::date[]))
        group by event_date, event_name
        qualify row_number() over (partition by event_date order by events desc, event_name) <= ?
        order by event_date, events desc, event_name
        """
    rows = warehouse.execute(query, [list(days), events]).fetchall()
    tables = {day: ["| event | events | people |", "| --- | ---: | ---: |"] for day in days}
    for day, name, count, people in rows:
        tables[day].append(markdown_row([str(name), f"{count:,}", f"{people:,}"]))
    return {day: "\n".join(lines) for day, lines in tables.items()}


def events_by_hour(warehouse: Connection, days: Sequence[date], zone: str) -> dict[date, list[int]]:
    """Per day how many events each of its 24 hours has, by the clock of the zone."""
    hours = {day: [0] * 24 for day in days}
    for day, hour, events in warehouse.execute(
        "select event_date, hour(timezone(?, event_time)), count(*) from events_wide "
        "where event_date in (select unnest(?::date[])) and event_time is not null group by 1, 2",
        [zone, list(days)],
    ).fetchall():
        hours[day][hour] += events
    return hours


def weeks_up_to(warehouse: Connection, last: date, weeks: int = 5) -> list[LandedDay]:
    """The landed days of the weeks that end with a day."""
    query = """
        select day, rows, duplicates, bytes, partial, file from landed
        where dataset = 'events' and day > $last::date - $days::integer and day <= $last
        order by day
        """
    found = warehouse.execute(query, {"last": last, "days": weeks * 7}).fetchall()
    return [LandedDay(*row) for row in found]


def biggest_events(
    warehouse: Connection, first: date, last: date, events: int = 10
) -> list[tuple[str, int]]:
    """The commonest events of a range of days, and how many there are of each."""
    query = """
        select event_name, count(*) as events from events_wide
        where event_date between $first and $last
        group by event_name order by events desc, event_name limit $events
        """
    asked = {"first": first, "last": last, "events": events}
    return [(str(name), count) for name, count in warehouse.execute(query, asked).fetchall()]


def late_shares(
    warehouse: Connection, days: Sequence[date], zone: str
) -> dict[str, dict[date, float]]:
    """By delay, the percentage of each day's events that Mixpanel processed after its end.

    Of the events that are landed and have `processed_at`; a day ends at midnight in the zone. Days
    without such an event are left out. Imported events are processed when they are imported.
    """
    query = """
        with ends as (
            select day, timezone($zone, (day + 1)::timestamp) as over,
                   timezone($zone, (day + 2)::timestamp) as after_next,
                   timezone($zone, (day + 6)::timestamp) as after_five
            from (select unnest($days::date[]) as day)
        )
        select day, count(processed_at),
               count(*) filter (processed_at >= over and processed_at < after_next),
               count(*) filter (processed_at >= after_next and processed_at < after_five),
               count(*) filter (processed_at >= after_five)
        from events_wide join ends on event_date = day
        group by day having count(processed_at) > 0 order by day
        """
    found = warehouse.execute(query, {"zone": zone, "days": list(days)}).fetchall()
    return {
        delay: {day: 100 * late[n] / events for day, events, *late in found}
        for n, delay in enumerate(LATE)
    }


def recent_weight(path: Path, settings: Settings, days: int = 30) -> float | None:
    """Events a day over the newest landed days; None if nothing is landed."""
    events, _ = recent_sizes(path, settings, days)
    return events


def recent_sizes(
    path: Path, settings: Settings, days: int = 30
) -> tuple[float | None, float | None]:
    """Events and bytes of JSON a day over the newest landed days; None if nothing is landed."""
    query = """
        select avg(rows + duplicates), avg(bytes) from (
            select rows, duplicates, bytes from landed
            where dataset = 'events' and not partial order by day desc limit ?)
        """
    for events, size in rows_of(path, settings, query, days):
        return (None, None) if events is None else (float(events), float(size))
    return None, None


def arrival_lags(path: Path, settings: Settings, days: int = 400) -> dict[date, float]:
    """Per landed day the median of arrival minus event time of live events, in milliseconds.

    Near 0 where times are true UTC; else what the project's zone is behind UTC.
    """
    if not path.exists():
        return {}
    with opened(path, settings) as warehouse:
        try:
            known = PropertyColumns.known(warehouse)
        except duckdb.CatalogException:
            return {}
        arrival = next((c for c in known if c.property == "$mp_api_timestamp_ms"), None)
        if arrival is None or arrival.type not in ("BIGINT", "DOUBLE"):
            return {}
        value = quoted(arrival.column) if arrival.physical else computed(arrival)
        rows = warehouse.execute(
            f"""
            select event_date, median({value} - epoch_ms(event_time))
            from events_wide
            where event_time is not null and {value} is not null
              and coalesce(properties->>'$."$import"', 'false') <> 'true'
            group by event_date having count(*) >= 10
            order by event_date desc limit {int(days)}
            """
        ).fetchall()
    return {day: float(lag) for day, lag in rows}
