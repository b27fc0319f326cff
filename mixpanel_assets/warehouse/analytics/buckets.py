"""Units of time of a question's days, each named by its start as Mixpanel does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np

from mixpanel_assets.questions.analytics import DAY_MS
from mixpanel_assets.warehouse.analytics.keys import Ints

DAYS = {"day": 1, "week": 7, "month": 30}  # of a unit, or of a rolling interval
CLOCK = {"minute": 60_000, "hour": 3_600_000}
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Buckets:
    """Calendar units of the days, the first and last of which the days may cut short."""

    first: date
    last: date
    unit: str
    week_start: str = "monday"

    def start(self, day: date) -> date:
        """The first day of the day's unit."""
        if self.unit == "week":
            return day - timedelta(days=(day.weekday() + (self.week_start == "sunday")) % 7)
        return day.replace(day=1) if self.unit == "month" else day

    def moved(self, start: date, units: int) -> date:
        """The start of the unit that comes so many units after another."""
        if self.unit != "month":
            return start + timedelta(days=units * DAYS[self.unit])
        months = start.year * 12 + start.month - 1 + units
        return date(months // 12, months % 12 + 1, 1)

    @cached_property
    def starts(self) -> list[date]:
        """The start of every unit."""
        return list(dict.fromkeys(map(self.start, self.days)))

    @property
    def days(self) -> list[date]:
        """Every day."""
        return [self.first + timedelta(n) for n in range((self.last - self.first).days + 1)]

    @cached_property
    def labels(self) -> list[str]:
        """The name of every unit."""
        if not (width := CLOCK.get(self.unit)):
            return [str(day) for day in self.starts]
        begin = number_of(self.first) * DAY_MS
        count = (self.last - self.first).days + 1
        moments = range(begin, begin + count * DAY_MS, width)
        return [
            datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") for at in moments
        ]

    @cached_property
    def _of_day(self) -> Ints:
        """The number of the unit of each day, from the first on."""
        place = {start: n for n, start in enumerate(self.starts)}
        return np.array([place[self.start(day)] for day in self.days])

    def of_days(self, day: Ints) -> Ints:
        """The number of the unit of each day, which is days since 1970; -1 for other days."""
        within = day - number_of(self.first)
        if len(within) and within.min() >= 0 and within.max() < len(self._of_day):
            every: Ints = self._of_day[within]
            return every
        known = (within >= 0) & (within < len(self._of_day))
        found: Ints = np.where(known, self._of_day[np.where(known, within, 0)], -1)
        return found

    def sql(self, at: str) -> str:
        """SQL: the label of the unit of a row, whose time of the wall clock is `at`."""
        if self.unit in CLOCK:
            moment = f"coalesce(make_timestamp_ms({at}), event_date::timestamp)"
            return f"strftime(date_trunc('{self.unit}', {moment}), '%Y-%m-%d %H:%M:%S')"
        if self.unit == "week" and self.week_start == "sunday":
            return "(date_trunc('week', event_date + 1)::date - 1)::varchar"
        return f"date_trunc('{self.unit}', event_date)::date::varchar"


def number_of(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days
