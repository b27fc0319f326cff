"""Questions to the warehouse: any read-only SQL, and what was landed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from mixpanel_assets.settings import Settings
from mixpanel_assets.shown import markdown_row
from mixpanel_assets.warehouse.connection import quoted, reading
from mixpanel_assets.warehouse.drop import ASSETS
from mixpanel_assets.warehouse.properties import PropertyColumns, computed
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, EVENTS, PROFILES

LONGEST_LISTED = 31  # missing days on end that are listed one by one


def status(path: Path, settings: Settings) -> list[dict[str, Any]]:
    """Per asset what is landed: see `coverage`; nothing when there is no warehouse yet."""
    if not path.exists():
        return []
    with _open(path, settings, None) as warehouse:
        return coverage(warehouse)


def coverage(warehouse: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Per asset the days that are landed, and those missing between the first and the last."""
    datasets: dict[str, list[dict[str, Any]]] = {}
    for day in _landed(warehouse):
        datasets.setdefault(day["dataset"], []).append(day)
    order = [name for name in ASSETS if name in datasets]  # not what was fetched under a name
    return [
        {**_coverage(dataset, datasets[dataset]), "renamed": _renamed(warehouse, dataset)}
        for dataset in order
    ]


def _landed(warehouse: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What `landed` says of each day of each dataset."""
    try:
        found = warehouse.execute("from landed order by dataset, day")
    except duckdb.CatalogException:
        return []  # a warehouse that no load has finished yet
    names = [name for name, *_ in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _renamed(warehouse: duckdb.DuckDBPyConnection, dataset: str) -> list[dict[str, str]]:
    """The events and properties whose own name another has, and what they are called instead."""
    events: list[tuple[str, str]] = []
    if dataset == EVENTS.dataset:
        events = warehouse.execute(
            "select event_name, view_name from internal.event_views "
            "where view_name <> event_name order by all"
        ).fetchall()
    known = PropertyColumns.known(warehouse, dataset)
    base = PROFILES.base if dataset == PROFILES.dataset else BASE_PROPERTIES
    return [
        *({"event": event, "view": f"by_event.{quoted(view)}"} for event, view in events),
        *(
            {"property": one.property, "column": one.column}
            for one in sorted(known, key=lambda one: one.property)
            if one.column != one.property and one.property not in base
        ),
    ]


def exports(path: Path, settings: Settings, dataset: str = "events") -> dict[date, datetime]:
    """By landed day: when Mixpanel was last asked for it."""
    if not path.exists():
        return {}
    with _open(path, settings, None) as warehouse:
        try:
            rows = warehouse.execute(
                "select day, exported_at from landed where dataset = ? order by day", [dataset]
            ).fetchall()
        except duckdb.CatalogException:
            return {}
    return dict(rows)


def recent_weight(path: Path, settings: Settings, days: int = 30) -> float | None:
    """Events a day over the newest landed days; None if nothing is landed."""
    if not path.exists():
        return None
    with _open(path, settings, None) as warehouse:
        try:
            row = warehouse.execute(
                "select avg(rows + duplicates) from (select rows, duplicates from landed "
                f"where dataset = 'events' and not partial order by day desc limit {int(days)})"
            ).fetchone()
        except duckdb.CatalogException:
            return None
    return float(row[0]) if row and row[0] is not None else None


def _coverage(dataset: str, days: list[dict[str, Any]]) -> dict[str, Any]:
    landed: set[date] = {day["day"] for day in days}
    first, last = min(landed), max(landed)
    span = (first + timedelta(n) for n in range((last - first).days + 1))
    return {
        "asset": dataset,
        "first_day": first,
        "last_day": last,
        "days": len(landed),
        "missing": _as_ranges([day for day in span if day not in landed]),
        "partial": [day["day"] for day in days if day["partial"]],
        "rows": sum(day["rows"] for day in days),
        "repaired": sum(day.get("repaired") or 0 for day in days),
        "last_loaded_at": max(day["loaded_at"] for day in days),
    }


def _as_ranges(days: list[date]) -> list[date | str]:
    """The days one by one; more than a month of them on end as `first..last`."""
    shown: list[date | str] = []
    for first, last in unbroken(days):
        span = (last - first).days + 1
        if span > LONGEST_LISTED:
            shown.append(f"{first}..{last}")
        else:
            shown += [first + timedelta(n) for n in range(span)]
    return shown


def unbroken(days: Iterable[date]) -> list[tuple[date, date]]:
    """The sorted days as ranges, both ends included."""
    ranges: list[tuple[date, date]] = []
    for day in days:
        if ranges and ranges[-1][1] == day - timedelta(1):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


@contextmanager
def _open(
    path: Path, settings: Settings, timeout: float | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    with reading(
        path, memory_limit=settings.memory_limit, threads=settings.threads, timeout=timeout
    ) as warehouse:
        yield warehouse


def day_previews(
    warehouse: duckdb.DuckDBPyConnection, days: Sequence[date], events: int = 10
) -> dict[date, str]:
    """Per day a Markdown table of its commonest events: how many, and by how many people."""
    rows = warehouse.execute(
        """
        select event_date, event_name, count(*) as events, count(distinct distinct_id)
        from events_wide where event_date in (select unnest(?::date[]))
        group by event_date, event_name
        qualify row_number() over (
            partition by event_date order by events desc, event_name) <= ?
        order by event_date, events desc, event_name
        """,
        [list(days), events],
    ).fetchall()
    tables = {day: ["| event | events | people |", "| --- | ---: | ---: |"] for day in days}
    for day, name, count, people in rows:
        tables[day].append(markdown_row([str(name), f"{count:,}", f"{people:,}"]))
    return {day: "\n".join(lines) for day, lines in tables.items()}


def events_by_hour(
    warehouse: duckdb.DuckDBPyConnection, days: Sequence[date], zone: str
) -> dict[date, list[int]]:
    """Per day how many events each of its 24 hours has, by the clock of the zone."""
    hours = {day: [0] * 24 for day in days}
    for day, hour, events in warehouse.execute(
        "select event_date, hour(timezone(?, event_time)), count(*) from events_wide "
        "where event_date in (select unnest(?::date[])) and event_time is not null group by 1, 2",
        [zone, list(days)],
    ).fetchall():
        hours[day][hour] += events
    return hours


def missing_ranges(
    warehouse: duckdb.DuckDBPyConnection, dataset: str, start: date, end: date
) -> list[tuple[date, date]]:
    """The unbroken ranges of days that are not landed, or were landed before they were over."""
    rows = _landed(warehouse)
    whole = {row["day"] for row in rows if row["dataset"] == dataset and not row["partial"]}
    days = (start + timedelta(n) for n in range((end - start).days + 1))
    return unbroken(day for day in days if day not in whole)


def arrival_lags(path: Path, settings: Settings, days: int = 400) -> dict[date, float]:
    """Per landed day the median of arrival minus event time of live events, in milliseconds.

    Near 0 where times are true UTC; else what the project's zone is behind UTC.
    """
    if not path.exists():
        return {}
    with _open(path, settings, None) as warehouse:
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
