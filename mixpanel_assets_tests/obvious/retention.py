"""Who comes back, and when.

https://docs.mixpanel.com/docs/reports/retention and
https://docs.mixpanel.com/reference/retention-query

The documents leave open, and here it is so:

- A person's birth is the first `born` event of the days, not the first ever.
- Coming back is any other event, from the moment of the birth; the same event has to be strictly
  later. If several are the first of a moment, the birth is the one whose name sorts first.
- "On or after" counts whoever comes back at any later time, also after the last interval.
- Segments are of the events that people come back with, and the cohort's size is that of all; or
  they are of the events that people begin with, which is an option of the report. If several of one
  moment and name are the first, the one whose segment's name sorts first is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import DAY_MS, Event, Given, Segment, Where, by_person

DAYS = {"day": 1, "week": 7, "month": 30}  # of a rolling interval


@dataclass(frozen=True)
class Retention:
    """Who is followed from when, what coming back is, and in which intervals it counts.

    An interval lasts as long as a bucket, and a month 30 days unless it is of the `calendar`.
    `compounded` follows people from their first event in every bucket, not only their first one.
    """

    buckets: Buckets
    born: Where
    returned: Where
    intervals: int = 1
    compounded: bool = False
    calendar: bool = False
    unbounded: bool = False
    by: Segment | None = None
    by_birth: bool = False

    def interval(self, birth: Event, event: Event) -> int:
        """The number of the interval in which the event is, from the birth on."""
        days = self.buckets.each or DAYS[self.buckets.unit]
        if not self.calendar:
            return (event.at - birth.at) // (days * DAY_MS)
        start, end = self.buckets.of(birth.day), self.buckets.of(event.day)
        if self.buckets.each is None and self.buckets.unit == "month":
            return (end.year - start.year) * 12 + end.month - start.month
        return (end - start).days // days


@dataclass
class Cohort:
    """How many began in a bucket and how many came back in each interval, by segment."""

    size: int = 0
    overall: list[int] = field(default_factory=list)
    segments: dict[str, list[int]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # of segments of those who begin


def retention(given: Iterable[Given], question: Retention) -> dict[date, Cohort]:
    """The cohort of every bucket, also of those in which nobody began."""
    length = question.intervals + 1
    cohorts = {bucket: Cohort(overall=[0] * length) for bucket in question.buckets.all()}
    for events in by_person(given).values():
        for birth in _births(events, question):
            cohort = cohorts[question.buckets.of(birth.day)]
            cohort.size += 1
            back = [event for event in events if _came_back(birth, event, question)]
            _add(cohort.overall, birth, back, question)
            if question.by and question.by_birth:
                name = question.by(birth)
                cohort.sizes[name] = cohort.sizes.get(name, 0) + 1
                _add(cohort.segments.setdefault(name, [0] * length), birth, back, question)
                continue
            for name in {question.by(event) for event in back} if question.by else ():
                those = [event for event in back if question.by and question.by(event) == name]
                counts = cohort.segments.setdefault(name, [0] * length)
                _add(counts, birth, those, question)
    for cohort in cohorts.values() if not question.by_birth else ():
        cohort.segments = {name: n for name, n in cohort.segments.items() if any(n)}
    return cohorts


def average_rate(complete: Sequence[tuple[int, int]]) -> float:
    """The share of the "Average" row, from the size of each complete bucket and who came back.

    Mixpanel weights the people as well as those who came back, so larger buckets count twice.
    """
    retained = sum(size * back for size, back in complete)
    return retained / sum(size * size for size, _ in complete)


def _births(events: Sequence[Event], question: Retention) -> list[Event]:
    found: dict[date, Event] = {}
    by = question.by if question.by and question.by_birth else lambda event: ""
    for event in sorted(events, key=lambda e: (e.at, e.name, by(e))):
        if question.buckets.hold(event.day) and question.born(event):
            found.setdefault(question.buckets.of(event.day), event)
    births = list(found.values())
    return births if question.compounded else births[:1]


def _came_back(birth: Event, event: Event, question: Retention) -> bool:
    same_moment = event.at == birth.at and event.name != birth.name
    return question.returned(event) and (event.at > birth.at or same_moment)


def _add(counts: list[int], birth: Event, back: Sequence[Event], question: Retention) -> None:
    there = {question.interval(birth, event) for event in back}
    for number in range(len(counts)):
        if number in there or (question.unbounded and any(one > number for one in there)):
            counts[number] += 1
