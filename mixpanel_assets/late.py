"""Late data: landed days that have received events since they were landed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export.arrivals import newest_arrivals
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.ask import coverage

# Events received shortly before a day was exported may be missing from the export.
OVERLAP = timedelta(hours=1)
FIRST_LOOK_BACK = timedelta(days=30)


def late_days(
    mixpanel: Client, path: Path, settings: Settings, since: datetime | None = None
) -> list[date]:
    """The landed days for which Mixpanel has newer events, found with one request.

    Days that the daily schedule lands again are left out. `since` is the time of the last check;
    None looks back to the oldest export, but 30 days at most. Deletions are not detected.
    """
    before = settings.today(mixpanel.now()) - timedelta(settings.reland_days)
    exported = {day: at for day, at in coverage.exports(path, settings).items() if day < before}
    if not exported:
        return []
    if since is None:
        since = max(min(exported.values()), mixpanel.now() - FIRST_LOOK_BACK)
    else:
        # A day that was too recent for the last check may not have been landed again since.
        asked_before = settings.today(since) - timedelta(settings.reland_days)
        since = min([since, *(at for day, at in exported.items() if day >= asked_before)])
    newest = newest_arrivals(mixpanel, min(exported), max(exported), since - OVERLAP)
    return [day for day, at in newest.items() if day in exported and at >= exported[day] - OVERLAP]
