"""Days and buckets: the days a query covers, and the units of time it counts by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.project import DAY_MS, start_of

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
CLOCK_UNITS = {"minute": 60_000, "hour": 3_600_000}
CALENDAR_UNITS = ("day", "week", "month")


@dataclass(frozen=True)
class Span:
    """A range of days, both ends included."""

    start: date
    end: date

    def days(self) -> Iterator[date]:
        """Every day, in order."""
        for n in range((self.end - self.start).days + 1):
            yield self.start + timedelta(days=n)

    def longer(self, days: int) -> Span:
        """The span that ends `days` later."""
        return Span(self.start, self.end + timedelta(days=days))


def day_of_text(text: str | None, name: str, first_year: int = 1) -> date:
    """The day in a parameter."""
    if not text:
        raise BadRequestError(f"Missing required parameter: {name}")
    try:
        if not _DAY.fullmatch(text):
            raise ValueError("not in yyyy-mm-dd form")
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadRequestError(f"Error in {name}: invalid date, {error}") from error
    if day.year < first_year:
        raise BadRequestError(f"Error in {name}: invalid date, bad year")
    return day


def span_of_text(start: str | None, end: str | None, today: date, *, first_year: int = 1) -> Span:
    """The span between two days, neither of which is in the future."""
    span = Span(
        day_of_text(start, "from_date", first_year), day_of_text(end, "to_date", first_year)
    )
    if span.start > span.end:
        raise BadRequestError("from_date cannot be later than to_date")
    if span.end > today:
        raise BadRequestError("to_date cannot be later than today")
    return span


def first_of(day: date, unit: str) -> date:
    """The first day of the day's week, which begins on Monday, or of its month."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def back(day: date, unit: str, count: int) -> date:
    """The first day of the unit that is `count` units before the day's."""
    first = first_of(day, unit)
    if unit == "month":
        months = first.year * 12 + first.month - 1 - count
        return date(months // 12, months % 12 + 1, 1)
    return first - timedelta(days=count * (7 if unit == "week" else 1))


@dataclass(frozen=True)
class Buckets:
    """The parts of a span that a report has one number for, each named by its start.

    With `step` each has that many days and the first begins with the span; else they are calendar
    units, the first and last of which the span may cut short. Minutes and hours can be limited to
    those `between` two instants.
    """

    span: Span
    unit: str = "day"
    step: int | None = None
    between: tuple[int, int] | None = None

    def hold(self, at: int) -> bool:
        """Whether an instant of one of the days is in any bucket."""
        return self.between is None or self.between[0] <= at < self.between[1]

    def label(self, day: date, at: int) -> str:
        """The name of the bucket that an instant of one of the days is in."""
        width = CLOCK_UNITS.get(self.unit)
        return clock_text(at // width * width) if width else self.by_day[day]

    def labels(self) -> list[str]:
        """The name of every bucket, in order."""
        width = CLOCK_UNITS.get(self.unit)
        if not width:
            return list(dict.fromkeys(self.by_day.values()))
        whole_days = start_of(self.span.start), start_of(self.span.end) + DAY_MS
        return [clock_text(at) for at in range(*(self.between or whole_days), width)]

    @cached_property
    def by_day(self) -> dict[date, str]:
        """The name of the bucket of each day."""
        return {day: str(self._first(day)) for day in self.span.days()}

    def _first(self, day: date) -> date:
        if self.step is None:
            return first_of(day, self.unit)
        return day - timedelta(days=(day - self.span.start).days % self.step)


def clock_text(at: int) -> str:
    """An instant in the form of reports, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
