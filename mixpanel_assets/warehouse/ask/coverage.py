"""Queries on the warehouse: any read-only SQL, and what was landed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.drop import ASSETS
from mixpanel_assets.warehouse.properties import PropertyColumns
from mixpanel_assets.warehouse.sql import Connection, quoted
from mixpanel_assets.warehouse.statement import opened, rows_of
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, EVENTS, PROFILES

LONGEST_LISTED = 31  # missing days on end that are listed one by one


def status(path: Path, settings: Settings) -> list[dict[str, Any]]:
    """Per asset what is landed: see `coverage`; nothing when there is no warehouse yet."""
    if not path.exists():
        return []
    with opened(path, settings) as warehouse:
        return coverage(warehouse)


def coverage(warehouse: Connection) -> list[dict[str, Any]]:
    """Per asset the days that are landed, and those missing between the first and the last."""
    datasets: dict[str, list[dict[str, Any]]] = {}
    for day in landed_rows(warehouse):
        datasets.setdefault(day["dataset"], []).append(day)
    return [
        {**_coverage(dataset, datasets[dataset]), "renamed": _renamed(warehouse, dataset)}
        for dataset in ASSETS  # not what was fetched under a name
        if dataset in datasets
    ]


def landed_rows(warehouse: Connection) -> list[dict[str, Any]]:
    """The rows of `landed`, by dataset and day; none if it is missing or not ours."""
    try:
        found = warehouse.execute("from landed order by dataset, day")
    except (duckdb.CatalogException, duckdb.BinderException):
        return []
    names = [name for name, *_ in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _renamed(warehouse: Connection, dataset: str) -> list[dict[str, str]]:
    """The events and properties whose own name another has, and what they are called instead."""
    events: list[tuple[str, str]] = []
    if dataset == EVENTS.dataset:
        events = warehouse.execute(
            "select event_name, view_name from internal.event_views "
            "where view_name <> event_name order by all"
        ).fetchall()
    known = PropertyColumns.known(warehouse, dataset)
    base = PROFILES.base if dataset == PROFILES.dataset else BASE_PROPERTIES
    columns = sorted((one.property, one.column) for one in known if one.property not in base)
    return [
        *({"event": event, "view": f"by_event.{quoted(view)}"} for event, view in events),
        *({"property": name, "column": column} for name, column in columns if column != name),
    ]


def exports(path: Path, settings: Settings, dataset: str = "events") -> dict[date, datetime]:
    """By landed day: when Mixpanel was last asked for it."""
    query = "select day, exported_at from landed where dataset = ? order by day"
    return dict(rows_of(path, settings, query, dataset))


def first_landed_day(path: Path, settings: Settings, dataset: str) -> date | None:
    """The first landed day of the dataset."""
    rows = rows_of(path, settings, "select min(day) from landed where dataset = ?", dataset)
    return next((day for (day,) in rows), None)


def missing_ranges(
    warehouse: Connection, dataset: str, start: date, end: date
) -> list[tuple[date, date]]:
    """The unbroken ranges of days that are not landed, or were landed before they were over."""
    rows = landed_rows(warehouse)
    whole = {row["day"] for row in rows if row["dataset"] == dataset and not row["partial"]}
    days = (start + timedelta(n) for n in range((end - start).days + 1))
    return unbroken(day for day in days if day not in whole)


def _coverage(dataset: str, days: list[dict[str, Any]]) -> dict[str, Any]:
    landed: set[date] = {day["day"] for day in days}
    first, last = min(landed), max(landed)
    span = (first + timedelta(n) for n in range((last - first).days + 1))
    return {
        "asset": dataset,
        "first_day": first,
        "last_day": last,
        "days": len(landed),
        "missing": as_ranges([day for day in span if day not in landed]),
        "partial": [day["day"] for day in days if day["partial"]],
        "rows": sum(day["rows"] for day in days),
        "repaired": sum(day.get("repaired") or 0 for day in days),
        "last_loaded_at": max(day["loaded_at"] for day in days),
    }


def as_ranges(days: Sequence[date]) -> list[date | str]:
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


def as_text(days: Iterable[date]) -> str:
    """The sorted days as ranges: 2024-01-01 to 2024-01-05, 2024-01-09."""
    return ", ".join(
        f"{first} to {last}" if first != last else str(first) for first, last in unbroken(days)
    )
