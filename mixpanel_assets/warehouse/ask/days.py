"""What the landed days of events are like: how many events, at which hours, and how late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from mixpanel_assets.settings import Settings
from mixpanel_assets.shown import markdown_row
from mixpanel_assets.warehouse.properties import PropertyColumns, computed
from mixpanel_assets.warehouse.sql import Connection, quoted
from mixpanel_assets.warehouse.statement import opened, rows_of


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


def recent_weight(path: Path, settings: Settings, days: int = 30) -> float | None:
    """Events a day over the newest landed days; None if nothing is landed."""
    query = """
        select avg(rows + duplicates) from (
            select rows, duplicates from landed
            where dataset = 'events' and not partial order by day desc limit ?)
        """
    for (weight,) in rows_of(path, settings, query, days):
        return None if weight is None else float(weight)
    return None


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
