"""Late data: which landed days have had events since they were landed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.late import newest_arrivals
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse import read

# What came in just before a day was exported may not have been in the export yet.
OVERLAP = timedelta(hours=1)
FIRST_LOOK_BACK = timedelta(days=30)


def late_days(
    mixpanel: Client, path: Path, settings: Settings, since: datetime | None = None
) -> list[date]:
    """The landed days that Mixpanel has newer events of, found by one request.

    Of these, none that the daily schedule lands again anyway. `since` is when this was last asked;
    the first time it looks back to the oldest export, but 30 days at most. Deletions leave no
    trace, and are not found.
    """
    before = settings.today(mixpanel.now()) - timedelta(settings.reland_days)
    exported = {day: at for day, at in read.exports(path, settings).items() if day < before}
    if not exported:
        return []
    if since is None:
        since = max(min(exported.values()), mixpanel.now() - FIRST_LOOK_BACK)
    else:
        # A day that was too young the last time may not have been landed again since.
        asked_before = settings.today(since) - timedelta(settings.reland_days)
        since = min([since, *(at for day, at in exported.items() if day >= asked_before)])
    newest = newest_arrivals(mixpanel, min(exported), max(exported), since - OVERLAP)
    return [
        day
        for day, came_in in newest.items()
        if day in exported and came_in >= exported[day] - OVERLAP
    ]
