"""Partitions: days in the project's time zone."""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from mixpanel_assets.settings import Settings

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def project_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Daily partitions, from the project's first day to today."""
    return dg.DailyPartitionsDefinition(
        start_date=str(settings.start_day),
        timezone=settings.project_timezone or "UTC",
        end_offset=1,  # today, which is marked partial until it is landed again
    )


def days_in_one_run(start: date, end: date) -> Mapping[str, str]:
    """The tags of one run over the days from start to end, both included."""
    return {RANGE_START: str(start), RANGE_END: str(end)}
