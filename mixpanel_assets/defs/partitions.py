"""Partitions: days in the project's time zone, from the first day that is landed or asked for."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from mixpanel_assets.access import Access
from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.notes import note
from mixpanel_assets.settings import make_private_folder, replace_file
from mixpanel_assets.warehouse.ask.coverage import first_landed_day

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
BEFORE_ANY = 30  # days that a project begins with


def daily(start: date, zone: str | None) -> dg.DailyPartitionsDefinition:
    """Daily partitions, from `start` to today."""
    return dg.DailyPartitionsDefinition(
        start_date=str(start),
        timezone=zone or "UTC",
        end_offset=1,  # today, which is marked partial until it is landed again
    )


def days_in_one_run(start: date, end: date) -> Mapping[str, str]:
    """The tags of one run over the days from start to end, both included."""
    return {RANGE_START: str(start), RANGE_END: str(end)}


def first_day(access: Access) -> date:
    """MP_START_DATE, else the first day landed or asked for, else the day 30 days ago."""
    settings = access.settings
    return settings.start_day or _first_day(
        access, "events", settings.today() - timedelta(BEFORE_ANY)
    )


def first_snapshot(access: Access) -> date:
    """The day of the first snapshot of profiles: earlier ones can't be had. Today before any."""
    return _first_day(access, "profiles", access.settings.today())


def begin_at(access: Access, day: date, asset: str = "events") -> bool:
    """Let the asset's partitions begin at that day, if they begin later; whether they did."""
    fixed = access.settings.start_day if asset == "events" else None
    known = fixed
    with suppress(MixpanelDataError):  # a load is running: it records its own first day
        known = known or _recorded(access, asset)
    if (known and known <= day) or not access.project_or_none:
        return False
    return _record(access, asset, day) == day


def _first_day(access: Access, asset: str, before_any: date) -> date:
    """The first day that is recorded or landed; `before_any` without one, or if it can't be read.

    A note says if it can't.
    """
    try:
        return _recorded(access, asset) or before_any
    except MixpanelDataError as error:
        note(
            f"project {access.project}: partitions of {asset} begin at {before_any}: "
            f"{error.message}"
        )
        return before_any


def _recorded(access: Access, asset: str) -> date | None:
    if not access.project_or_none:
        return None
    try:
        return date.fromisoformat(_file(access, asset).read_text("utf-8").strip())
    except (OSError, ValueError):
        pass  # nothing was landed yet, or by an older version
    landed = first_landed_day(access.warehouse, access.settings, asset)
    return _record(access, asset, landed) if landed else None


def _record(access: Access, asset: str, day: date) -> date:
    file = _file(access, asset)
    make_private_folder(access.settings.home)
    make_private_folder(file.parent)
    replace_file(file, f"{day}\n")
    return day


def _file(access: Access, asset: str) -> Path:
    """Beside the project's warehouse, unless that is elsewhere."""
    return access.settings.home / "data" / access.project / f"first_day_of_{asset}"
