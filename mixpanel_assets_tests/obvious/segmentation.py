"""An event over time, and the largest of its segments.

https://docs.mixpanel.com/docs/reports/insights and
https://docs.mixpanel.com/reference/segmentation-query

The documents leave open, and here it is so:

- What has no time begins the day that it is listed under. What is nobody's is counted as an event,
  also on average, and not as a person.
- A sum or an average has no value for a segment and a unit without a number; a sum is 0 there.
- Segments of equal size come in the order of their names.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import DAY_MS, Event, Given, Segment, Where, dated

CLOCK_MS = {"minute": 60_000, "hour": 3_600_000}
Measure = Callable[[Sequence[Event]], float | None]


@dataclass(frozen=True)
class Segmentation:
    """The events that are counted, how, and what splits them."""

    buckets: Buckets
    did: Where
    measure: Measure
    by: Segment | None = None
    clock: str | None = None  # minute or hour, instead of the buckets' unit

    def label(self, event: Event) -> str:
        """The name of the unit of time of an event."""
        if self.clock is None:
            return str(self.buckets.of(event.day))
        width = CLOCK_MS[self.clock]
        return _moment(event.at // width * width)

    def labels(self) -> list[str]:
        """Those of all units."""
        if self.clock is None:
            return [str(bucket) for bucket in self.buckets.all()]
        first, last = (
            (d - date(1970, 1, 1)).days for d in (self.buckets.first_day, self.buckets.last_day)
        )
        return [
            _moment(at) for at in range(first * DAY_MS, (last + 1) * DAY_MS, CLOCK_MS[self.clock])
        ]


def segmentation(
    given: Iterable[Given], question: Segmentation, untimed: date
) -> dict[str, dict[str, float | None]]:
    """By segment and unit of time what was measured; the segment is empty if nothing splits."""
    inside = [e for e in dated(given, untimed) if question.buckets.hold(e.day) and question.did(e)]
    found: dict[str, dict[str, float | None]] = {}
    for name in {question.by(event) for event in inside} if question.by else {""}:
        mine = [e for e in inside if question.by is None or question.by(e) == name]
        found[name] = {
            label: question.measure([e for e in mine if question.label(e) == label])
            for label in question.labels()
        }
    return found


def events(those: Sequence[Event]) -> float:
    """How many there are."""
    return len(those)


def people(those: Sequence[Event]) -> float:
    """How many persons did them."""
    return len({event.person for event in those} - {""})


def per_person(those: Sequence[Event]) -> float:
    """How many there are for each person; 0 without any."""
    return len(those) / people(those) if people(those) else 0


def number(event: Event, name: str) -> float | None:
    """The number that a property is; nothing else is one."""
    value = event.properties.get(name)
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value


def sum_of(name: str) -> Measure:
    """The sum of the numbers that a property has."""
    return lambda those: sum(n for e in those if (n := number(e, name)) is not None)


def average_of(name: str) -> Measure:
    """Their mean; None without any."""

    def measure(those: Sequence[Event]) -> float | None:
        numbers = [n for e in those if (n := number(e, name)) is not None]
        return sum(numbers) / len(numbers) if numbers else None

    return measure


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
