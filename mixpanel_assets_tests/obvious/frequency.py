"""In how many hours or days people were active.

https://docs.mixpanel.com/docs/reports/retention#frequency-view and
https://docs.mixpanel.com/reference/retention-frequency-query

The documents leave open, and here it is so: there is a number for each hour or day of the whole
unit, also where the first or the last day cuts it short.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import Event, Given, Where, anything, by_person

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Frequency:
    """The units that people are counted in, and the hours or days in which they are active."""

    buckets: Buckets
    part: str
    did: Where = anything
    cumulative: bool = True

    def parts(self, bucket: date) -> int:
        """How many hours or days the unit has."""
        month = monthrange(bucket.year, bucket.month)[1]
        days = {"day": 1, "week": 7, "month": month}[self.buckets.unit]
        return days if self.part == "day" else days * 24

    def active(self, events: Iterable[Event], bucket: date) -> int:
        """In how many hours or days of the unit one of the events was done."""
        inside = [event for event in events if self.buckets.hold(event.day) and self.did(event)]
        there = [event for event in inside if self.buckets.of(event.day) == bucket]
        return len({e.day if self.part == "day" else e.at // HOUR_MS for e in there})


def frequency(given: Iterable[Given], question: Frequency) -> dict[date, list[int]]:
    """How many people were active in at least 1, 2, 3... parts, or in exactly so many."""
    people = by_person(given).values()
    found: dict[date, list[int]] = {}
    for bucket in question.buckets.all():
        active = [question.active(events, bucket) for events in people]
        numbers = range(1, question.parts(bucket) + 1)
        found[bucket] = [
            sum(one >= n if question.cumulative else one == n for one in active) for n in numbers
        ]
    return found
