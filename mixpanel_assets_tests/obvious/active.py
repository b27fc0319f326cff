"""People who are active, and how they were before.

https://docs.mixpanel.com/docs/reports/insights (active users) and, for the names of a lifecycle,
https://docs.mixpanel.com/docs/boards/templates

The documents leave open, and here it is so:

- What has no time was done on the day that it is listed under.
- People are new in the unit of the first event that there is of them, be it before the first day.
- The first unit of a lifecycle is whole, as far as there are events, also if the first day cuts it
  short. The last one ends with the last day.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import Given, Where, anything, dated


class Active(NamedTuple):
    """How many people were active on a day, and in the 7 and 30 days that end with it."""

    dau: int
    wau: int
    mau: int


class Lifecycle(NamedTuple):
    """The people of a unit: not seen before, seen in the one before, earlier, or no longer."""

    new: int
    retained: int
    resurrected: int
    dormant: int


def active_users(
    given: Iterable[Given], first: date, last: date, untimed: date, did: Where = anything
) -> dict[date, Active]:
    """The people who were active, by day."""
    days = _days_of_people(given, untimed, did)
    found = {}
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        one, week, month = (
            sum(any(0 <= (day - other).days < length for other in mine) for mine in days.values())
            for length in (1, 7, 30)
        )
        found[day] = Active(one, week, month)
    return found


def lifecycle(
    given: Iterable[Given], buckets: Buckets, untimed: date, did: Where = anything
) -> dict[date, Lifecycle]:
    """The people of every unit."""
    days = _days_of_people(given, untimed, did).values()
    units = [{buckets.of(day) for day in mine if day <= buckets.last_day} for mine in days]
    found = {}
    for bucket in buckets.all():
        before = buckets.of(bucket - timedelta(days=1))
        there = [mine for mine in units if bucket in mine]
        new = [mine for mine in there if min(mine) == bucket]
        retained = [mine for mine in there if before in mine]
        dormant = [mine for mine in units if before in mine and bucket not in mine]
        resurrected = len(there) - len(new) - len(retained)
        found[bucket] = Lifecycle(len(new), len(retained), resurrected, len(dormant))
    return found


def _days_of_people(given: Iterable[Given], untimed: date, did: Where) -> dict[str, set[date]]:
    days: dict[str, set[date]] = {}
    for event in dated(given, untimed):
        if event.person and did(event):
            days.setdefault(event.person, set()).add(event.day)
    return days
