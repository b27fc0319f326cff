"""The rules of https://docs.mixpanel.com/docs/reports/retention#frequency-view."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import Given, named
from mixpanel_assets_tests.obvious.frequency import Frequency, frequency

MONDAY, SUNDAY = date(2024, 1, 1), date(2024, 1, 7)


def did(at: str, person: str = "ana", name: str = "Buy") -> Given:
    """An event in January 2024."""
    moment = datetime.fromisoformat(f"2024-01-{at}").replace(tzinfo=UTC)
    return person, name, int(moment.timestamp() * 1000), {}


EVENTS = [did("01T10:00"), did("01T10:59"), did("01T11:00"), did("03T10:00"), did("01T09:00", "bo")]


def ask(unit: str, part: str, **settings: Any) -> list[int]:
    """The numbers of the first bucket, without the noughts at their end."""
    found = frequency(EVENTS, Frequency(Buckets(MONDAY, SUNDAY, unit), part, **settings))
    numbers = next(iter(found.values()))
    return numbers[: max((n for n, one in enumerate(numbers, 1) if one), default=0)]


# Frequency View: unique hours in a day, unique days in a week, unique days in a month.
def test_active_hours_and_days_are_counted_once() -> None:
    assert ask("day", "hour") == [2, 1]
    assert ask("week", "day") == [2, 1]
    assert ask("month", "day") == [2, 1]
    assert ask("week", "hour") == [2, 1, 1]


# Frequency Criteria: in at least so many, or in exactly so many.
def test_frequency_may_be_cumulative_or_not() -> None:
    assert ask("week", "hour", cumulative=False) == [1, 0, 1]
    assert ask("week", "hour", did=named("Look")) == []


# The example of https://docs.mixpanel.com/reference/retention-frequency-query has 24 numbers.
@pytest.mark.parametrize(
    ("unit", "part", "count"), [("day", "hour", 24), ("week", "day", 7), ("month", "day", 31)]
)
def test_there_is_a_number_for_each_part_of_the_unit(unit: str, part: str, count: int) -> None:
    found = frequency([], Frequency(Buckets(MONDAY, SUNDAY, unit), part))

    assert [len(numbers) for numbers in found.values()] == [count] * len(found)
