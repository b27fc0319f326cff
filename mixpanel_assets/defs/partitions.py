"""The project's days, as Mixpanel counts them."""

import dagster as dg

from mixpanel_assets.settings import Settings


def project_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a day, from the first day of the project to today."""
    return dg.DailyPartitionsDefinition(
        start_date=str(settings.start_day),
        timezone=settings.project_timezone or "UTC",
        end_offset=1,  # today can be landed too; it is marked partial until it is landed again
    )
