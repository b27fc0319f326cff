"""The project's days, as Mixpanel counts them."""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from mixpanel_assets.settings import Settings

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def project_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a day, from the first day of the project to today."""
    return dg.DailyPartitionsDefinition(
        start_date=str(settings.start_day),
        timezone=settings.project_timezone or "UTC",
        end_offset=1,  # today can be landed too; it is marked partial until it is landed again
    )


def days_in_one_run(start: date, end: date) -> Mapping[str, str]:
    """The tags of a run over all days from start to end."""
    return {RANGE_START: str(start), RANGE_END: str(end)}
