"""Mixpanel's rules of retention and frequency. [R] is https://docs.mixpanel.com/docs/reports/retention,
[Q] https://docs.mixpanel.com/reference/retention-query; [I] is not in the documents.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mixpanel_assets.errors import UsageError
from mixpanel_assets.questions.analytics import Frequency, Retention
from mixpanel_assets_tests.obvious.events import Given
from mixpanel_assets_tests.warehouse.analytics.streams import FIRST, LAST, Landed

MONDAY = date(2023, 10, 30)
Back = Callable[..., list[float]]


def did(name: str, at: str, person: str | None = "ana", **properties: Any) -> Given:
    """An event in 2023."""
    moment = datetime.fromisoformat(f"2023-{at}").replace(tzinfo=UTC)
    return person, name, int(moment.timestamp() * 1000), properties


@pytest.fixture
def ask(landed: Landed) -> Callable[..., Any]:
    """Asks who did A and came back with B: ask(*events)."""

    def asked(*events: Given, zone: str = "UTC", kind: Any = Retention, **more: Any) -> Any:
        given = {"from_date": MONDAY, "to_date": MONDAY + timedelta(6), **more}
        if kind is Retention:
            given = {"born": "A", "return_event": "B", "interval_count": 2, **given}
        return landed.load(list(events), zone)(kind(**given))

    return asked


@pytest.fixture
def back(ask: Callable[..., Any]) -> Back:
    """In which intervals somebody came back, over all cohorts."""

    def counted(*events: Given, **more: Any) -> list[float]:
        cohorts = ask(*events, **more).cohorts
        return [sum(n) for n in zip(*([n or 0 for n in c.retention] for c in cohorts), strict=True)]

    return counted


# [Q] the 0th interval is the first 24 hours; [R] Rolling interval retention.
def test_an_interval_lasts_24_hours_from_each_birth(back: Back) -> None:
    born = did("A", "10-30T20:00")

    assert back(born, did("B", "10-31T19:59:59.999")) == [1, 0, 0]
    assert back(born, did("B", "10-31T20:00")) == [0, 1, 0]
    assert back(born, did("B", "11-01T20:00")) == [0, 0, 1]
    assert back(born, did("B", "11-02T20:00"), did("B", "10-30T19:59")) == [0, 0, 0]


# [R] Rolling: week 1 is 7 to 14 days since birth, month 1 is 30 to 60.
@pytest.mark.parametrize(
    ("unit", "last", "next_first"),
    [("week", "11-06T09:59", "11-06T10:00"), ("month", "11-29T09:59", "11-29T10:00")],
)
def test_a_rolling_week_has_7_days_and_a_month_30(
    back: Back, unit: str, last: str, next_first: str
) -> None:
    born = did("A", "10-30T10:00")

    assert back(born, did("B", last), unit=unit) == [1, 0, 0]
    assert back(born, did("B", next_first), unit=unit) == [0, 1, 0]


# [R] Calendar interval retention: the next day, week and month of the calendar.
@pytest.mark.parametrize(
    ("unit", "birth", "visit"),
    [
        ("day", "10-30T20:00", "10-31T06:00"),
        ("week", "11-03T12:00", "11-06T12:00"),
        ("month", "10-31T12:00", "11-01T12:00"),
    ],
)
def test_calendar_intervals_change_with_the_calendar(
    back: Back, unit: str, birth: str, visit: str
) -> None:
    events = did("A", birth), did("B", visit)

    assert back(*events, unit=unit, calendar=True) == [0, 1, 0]
    assert back(*events, unit=unit) == [1, 0, 0]


# [R] 'On or After' time interval: "or any time in the future".
def test_on_or_after_counts_whoever_comes_back_later(back: Back) -> None:
    born = did("A", "10-30T10:00")

    assert back(born, did("B", "10-31T11:00"), on_or_after=True) == [1, 1, 0]
    assert back(born, did("B", "12-01T11:00"), on_or_after=True) == [1, 1, 1]
    assert back(born, did("B", "12-01T11:00")) == [0, 0, 0]


# [Q] birth is "First time" and compounded "Recurring"; [R] User Cohort Buckets: once a bucket.
def test_people_are_born_once_or_in_every_bucket(ask: Any) -> None:
    visits = [did("A", f"10-30T{hour}:00") for hour in (10, 11)]
    visits += [did("A", "10-31T10:00"), did("A", "11-02T10:00")]

    birth = ask(*visits, return_event="A")
    again = ask(*visits, born=None, return_event="A", retention_type="compounded")
    assert [c.size for c in birth.cohorts] == [1, 0, 0, 0, 0, 0, 0]
    assert [c.size for c in again.cohorts] == [1, 1, 0, 1, 0, 0, 0]


# [R] How is the "Average" row calculated? 500 of 1000 and 400 of 500 are 56 %.
def test_the_average_is_weighted_by_size(ask: Any) -> None:
    first, second = (
        [did("A", f"10-{day}T10:00", f"{day}-{n}") for n in range(many)]
        for day, many in ((30, 10), (31, 5))
    )
    back = [(who, "B", at + 1, {}) for who, _, at, _ in (*first[:5], *second[:4])]

    assert ask(*first, *second, *back).average[0] == pytest.approx(0.56)


# [R] "only counts the completed time periods into the Average Retention calculation".
def test_the_average_leaves_out_what_is_not_complete(ask: Any) -> None:
    born = did("A", f"{LAST:%m-%d}T10:00")
    before = did("A", f"{LAST - timedelta(1):%m-%d}T10:00", "bo")
    returned = [did("B", f"{LAST:%m-%d}T11:00", who) for who in ("ana", "bo")]
    days = {"from_date": LAST - timedelta(1), "to_date": LAST}

    found = ask(born, before, *returned, **days)
    assert [c.retention for c in found.cohorts] == [[0, 1, None], [1, None, None]]
    assert found.average == [0, None, None]
    whole = ask(born, before, *returned, **days, calendar=True)
    assert whole.average == [0.5, 1, None]


# The week's start is a setting of the project: docs/orgs-and-projects/managing-projects.
@pytest.mark.parametrize(
    ("start", "weeks"),
    [
        ("monday", {"2023-10-30": 1, "2023-11-06": 0}),
        ("sunday", {"2023-10-29": 0, "2023-11-05": 1}),
    ],
)
def test_a_week_begins_when_the_project_says(ask: Any, start: str, weeks: dict[str, int]) -> None:
    days = {"from_date": MONDAY, "to_date": MONDAY + timedelta(7), "unit": "week"}
    found = ask(did("A", "11-05T10:00"), **days, week_start=start)

    assert {cohort.date: cohort.size for cohort in found.cohorts} == weeks


# [Q] on: "to segment the second event on"; splitting by the first is an option.
def test_segments_are_of_either_event(ask: Any) -> None:
    events = did("A", "10-30T10:00", p="x"), did("B", "10-30T11:00", p="y")
    days = {"to_date": MONDAY, "by": "p"}

    by_return = ask(*events, **days, by_event="return").cohorts
    by_born = ask(*events, **days).cohorts
    for cohorts, name in ((by_return, "y"), (by_born, "x")):
        found = [(one.segment, one.size, one.retention[0]) for one in cohorts]
        assert found == [("$overall", 1, 1), (name, 1, 1)]


# [I] Nobody comes back with what they begin with, and at one moment with something else only.
def test_coming_back_is_another_event(back: Back) -> None:
    born = did("A", "10-30T10:00")

    assert back(born, return_event=None) == back(born, born, return_event=None) == [0, 0, 0]
    assert back(born, did("B", "10-30T10:00")) == [1, 0, 0]
    assert back(did("A", "10-30T10:00", ""), did("B", "10-30T11:00", "")) == [0, 0, 0]


# [I] The same for each segment of the events that people come back with.
def test_another_event_of_the_moment_is_a_return_in_its_segment(ask: Any) -> None:
    events = did("A", "10-30T10:00", p="x"), did("B", "10-30T10:00", p="y")
    asked = {"to_date": MONDAY, "return_event": None, "by": "p", "by_event": "return"}

    found = [(c.segment, c.retention[0]) for c in ask(*events, **asked).cohorts]
    assert found == [("$overall", 1), ("y", 1)]


# A local day, and the first day that a landed clock is put back on.
def test_days_and_intervals_are_those_of_the_wall_clock(back: Back) -> None:
    born = did("A", "10-28T12:00")
    days = {"from_date": FIRST, "to_date": FIRST}

    for zone in ("UTC", "Europe/Berlin"):
        assert back(born, did("B", "10-29T11:59"), **days, zone=zone) == [1, 0, 0]
        assert back(born, did("B", "10-29T12:00"), **days, zone=zone) == [0, 1, 0]


# [R] Frequency Criteria: in at least so many hours, or in exactly so many.
def test_frequency_may_be_cumulative_or_not(ask: Any) -> None:
    events = [did("A", f"10-30T{time}") for time in ("10:00", "10:59", "11:00")]
    events += [did("A", "11-01T10:00"), did("A", "10-30T09:00", "bo"), did("A", "10-30T09:00", "")]
    given = {"kind": Frequency, "event": "A", "unit": "week"}

    hours, exactly = ask(*events, **given), ask(*events, **given, exactly=True)
    days = ask(*events, **given, addiction_unit="day")
    assert hours.data["2023-10-30"][:4] == [2, 1, 1, 0]
    assert exactly.data["2023-10-30"][:4] == [1, 0, 1, 0]
    assert days.data["2023-10-30"] == [2, 1, 0, 0, 0, 0, 0]


# [I] Each value of returns is counted for itself.
def test_returns_of_too_many_values_are_refused_and_births_are_not(ask: Any) -> None:
    many = [did("B", f"10-31T{n // 60:02}:{n % 60:02}", i=f"value {n}") for n in range(1001)]
    born = [did("A", f"10-30T{n // 60:02}:{n % 60:02}", i=f"value {n}") for n in range(1001)]

    with pytest.raises(UsageError, match=r"by has 1,00[12] values, and returns split by 1,000"):
        ask(*born, *many, by="i", by_event="return")
    found = ask(*born, *many, by="i", limit=2)
    assert [c.segment for c in found.cohorts if c.size] == ["$overall", "value 0"]
