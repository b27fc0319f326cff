"""The days of a question, and what they are counted by."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Buckets:
    """Days in calendar units, which the first or the last day may cut short, or in `each` days.

    Weeks begin on Monday, if the project does not say otherwise.
    https://docs.mixpanel.com/docs/orgs-and-projects/managing-projects
    """

    first_day: date
    last_day: date
    unit: str = "day"
    each: int | None = None
    week_begins: int = 0

    def of(self, day: date) -> date:
        """The first day of the bucket that the day is in."""
        if self.each is not None:
            return day - timedelta(days=(day - self.first_day).days % self.each)
        if self.unit == "week":
            return day - timedelta(days=(day.weekday() - self.week_begins) % 7)
        return day.replace(day=1) if self.unit == "month" else day

    def hold(self, day: date) -> bool:
        """Whether the day is one of them."""
        return self.first_day <= day <= self.last_day

    def all(self) -> list[date]:
        """The first day of every bucket."""
        count = (self.last_day - self.first_day).days + 1
        days = (self.first_day + timedelta(days=n) for n in range(count))
        return list(dict.fromkeys(self.of(day) for day in days))
