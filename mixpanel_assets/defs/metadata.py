"""The metadata that the UI shows of a materialization."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from mixpanel_assets import charts
from mixpanel_assets.results import LandedDay
from mixpanel_assets.warehouse.ask.days import (
    biggest_events,
    day_previews,
    events_by_hour,
    late_shares,
    weeks_up_to,
)
from mixpanel_assets.warehouse.sql import Connection

REQUESTS = "run_requests"
SECONDS = "run_seconds"
SKIPPED = "skipped"  # the entry of an observation with the reason
LATE = (
    "Share of a day's landed events that Mixpanel processed after the day was over. Imported "
    "events count too; the newest days may still get more."
)
DUPLICATES = "Share of a day's exported records that were left out."

Metadata = dict[str, dg.MetadataValue]

ROWS = "dagster/partition_row_count"
OF_DAY: dict[str, Callable[[Any], dg.MetadataValue]] = {
    "rows": dg.MetadataValue.int,
    "duplicates": dg.MetadataValue.int,
    "repaired": dg.MetadataValue.int,
    "bytes": dg.MetadataValue.int,
    "seconds": dg.MetadataValue.float,
    "partial": dg.MetadataValue.bool,
    "file": dg.MetadataValue.text,
}


def of_day(figures: Mapping[str, Any]) -> Metadata:
    """The known ones of the figures of a day, such as a row of `landed`.

    `seconds` is the day's share of the time since the previous days.
    """
    return {
        ROWS if name == "rows" else name: as_entry(figures[name])
        for name, as_entry in OF_DAY.items()
        if figures.get(name) is not None
    }


def of_run(requests: int, started: float) -> dict[str, int | float]:
    """The requests of a run, and its seconds since `started` (of the monotonic clock)."""
    return {REQUESTS: requests, SECONDS: round(time.monotonic() - started, 3)}


def pictures(warehouse: Connection, landed: Sequence[date], zone: str) -> dict[date, Metadata]:
    """Per day its hours and commonest events; with the newest day also the weeks up to it."""
    hours, previews = events_by_hour(warehouse, landed, zone), day_previews(warehouse, landed)
    shown: dict[date, Metadata] = {
        day: {
            "hours": dg.MetadataValue.md(charts.small_hours(hours[day], zone).markdown()),
            "preview": dg.MetadataValue.md(previews[day]),
        }
        for day in landed
    }
    newest = max(landed)
    shown[newest] = _weeks(warehouse, newest, zone) | shown[newest]
    return shown


def _weeks(warehouse: Connection, newest: date, zone: str) -> Metadata:
    """The weeks up to a day: how many events, which, how late, and how many duplicates."""
    days = weeks_up_to(warehouse, newest)
    counts = {day.day: day.rows for day in days}
    partial = {day.day for day in days if day.partial}
    names = biggest_events(warehouse, min(counts), newest)
    since = f"Of the events from {min(counts)} to {newest}."
    drawn = [
        charts.days("Events a day", counts, partial=partial),
        charts.bars("Commonest events", since, [(name, n, f"{n:,}") for name, n in names]),
        charts.shares("Late events", LATE, late_shares(warehouse, list(counts), zone)),
        charts.shares("Duplicates", DUPLICATES, {"duplicates": _duplicates(days)}),
    ]
    return {
        "days": dg.MetadataValue.md(charts.small_days(counts, partial).markdown()),
        "weeks": dg.MetadataValue.md("\n\n".join(chart.markdown() for chart in drawn)),
    }


def _duplicates(days: Sequence[LandedDay]) -> dict[date, float]:
    records = {day.day: day.rows + day.duplicates for day in days}
    return {day.day: 100 * day.duplicates / max(records[day.day], 1) for day in days}
