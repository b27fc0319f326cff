"""The documents' own examples. [R] is the page of the report, [Q] that of the endpoint."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import Given, anything, named
from mixpanel_assets_tests.obvious.retention import Retention, average_rate, retention

MONDAY, SUNDAY = date(2024, 1, 1), date(2024, 1, 7)


def did(name: str, at: str, **properties: Any) -> Given:
    """An event of Ana's in 2024."""
    moment = datetime.fromisoformat(f"2024-{at}").replace(tzinfo=UTC)
    return "ana", name, int(moment.timestamp() * 1000), properties


def question(last_day: date = SUNDAY, unit: str = "day", **settings: Any) -> Retention:
    days = {name: settings.pop(name) for name in ("each", "week_begins") if name in settings}
    asked = {"born": named("Join"), "returned": named("Visit"), "intervals": 2, **settings}
    return Retention(Buckets(MONDAY, last_day, unit, **days), **asked)


def back(*events: Given, **settings: Any) -> list[int]:
    """In which intervals somebody came back, over all cohorts."""
    cohorts = retention(events, question(**settings)).values()
    return [sum(numbers) for numbers in zip(*(one.overall for one in cohorts), strict=True)]


# [Q] 10 did the born event on a day, 9 of them the event within 24 hours (the 0th interval),
# 7 between 24 and 48 hours, 6 between 48 and 72; [R] Rolling interval retention.
def test_an_interval_lasts_24_hours_from_the_birth_of_each_person() -> None:
    join = did("Join", "01-01T20:00")

    assert back(join, did("Visit", "01-02T19:59:59.999")) == [1, 0, 0]
    assert back(join, did("Visit", "01-02T20:00")) == [0, 1, 0]
    assert back(join, did("Visit", "01-03T20:00")) == [0, 0, 1]
    assert back(join, did("Visit", "01-04T20:00"), did("Visit", "01-01T19:59")) == [0, 0, 0]


# [R] Rolling: week 1 is 7 to 14 days since birth, month 1 is 30 to 60.
@pytest.mark.parametrize(
    ("unit", "last", "first_of_next"),
    [("week", "01-08T09:59", "01-08T10:00"), ("month", "01-31T09:59", "01-31T10:00")],
)
def test_a_rolling_week_has_7_days_and_a_month_30(unit: str, last: str, first_of_next: str) -> None:
    join = did("Join", "01-01T10:00")

    assert back(join, did("Visit", last), unit=unit) == [1, 0, 0]
    assert back(join, did("Visit", first_of_next), unit=unit) == [0, 1, 0]


# [R] Calendar: Monday 8 pm to Tuesday 6 am is day 1, Friday to Monday is week 1, and 25 February
# to 3 March is month 1; none of them is with rolling intervals.
@pytest.mark.parametrize(
    ("unit", "birth", "visit"),
    [
        ("day", "01-01T20:00", "01-02T06:00"),
        ("week", "01-05T12:00", "01-08T12:00"),
        ("month", "02-25T12:00", "03-03T12:00"),
    ],
)
def test_calendar_intervals_change_with_the_calendar(unit: str, birth: str, visit: str) -> None:
    events = did("Join", birth), did("Visit", visit)
    last = date(2024, 2, 29)

    assert back(*events, unit=unit, last_day=last, calendar=True) == [0, 1, 0]
    assert back(*events, unit=unit, last_day=last) == [1, 0, 0]


# [R] 'On or After' time interval: "or any time in the future".
def test_on_or_after_counts_whoever_comes_back_at_any_later_time() -> None:
    join = did("Join", "01-01T10:00")

    assert back(join, did("Visit", "01-02T11:00"), unbounded=True) == [1, 1, 0]
    assert back(join, did("Visit", "03-01T11:00"), unbounded=True) == [1, 1, 1]
    assert back(join, did("Visit", "03-01T11:00")) == [0, 0, 0]


# [Q] birth is "First time" and compounded "Recurring"; [R] User Cohort Buckets: once a bucket.
def test_a_person_is_born_once_or_in_every_bucket() -> None:
    visits = [did("Visit", f"01-0{day}T10:00") for day in (1, 1, 2, 4)]

    def sizes(**settings: Any) -> list[int]:
        found = retention(visits, question(born=named("Visit"), **settings))
        return [cohort.size for cohort in found.values()]

    assert sizes() == [1, 0, 0, 0, 0, 0, 0]
    assert sizes(compounded=True) == [1, 1, 0, 1, 0, 0, 0]
    assert sizes(compounded=True, unit="week") == [1]
    assert sizes(compounded=True, each=2) == [1, 1, 0, 0]


# The week's start is a project setting (managing-projects).
def test_a_week_begins_when_the_project_says() -> None:
    found = retention([did("Join", "01-07T10:00")], question(unit="week", week_begins=6))

    sizes = {str(bucket): cohort.size for bucket, cohort in found.items()}
    assert sizes == {"2023-12-31": 0, "2024-01-07": 1}


# [Q] on: "to segment the second event on".
def test_segments_are_of_what_people_come_back_with() -> None:
    visits = did("Visit", "01-01T11:00", page="a"), did("Visit", "01-02T11:00", page="b")
    asked = question(by=lambda event: str(event.properties["page"]))

    found = retention([did("Join", "01-01T10:00", page="c"), *visits], asked)[MONDAY]

    assert found.segments == {"a": [1, 0, 0], "b": [0, 1, 0]}
    assert (found.size, found.overall) == (1, [1, 1, 0])


# [I] Nobody comes back with what they begin with, and at one moment with something else only.
def test_coming_back_is_another_event() -> None:
    join = did("Join", "01-01T10:00")

    assert back(join, returned=anything) == [0, 0, 0]
    assert back(join, join, returned=anything) == [0, 0, 0]
    assert back(join, did("Visit", "01-01T10:00")) == [1, 0, 0]
    assert back(join, did("Join", "01-02T10:00"), returned=anything) == [0, 1, 0]


# [I] As in funnels.
def test_nobody_and_no_time_are_left_out() -> None:
    join = did("Join", "01-01T10:00")

    assert back(join, ("ana", "Visit", None, {})) == [0, 0, 0]
    assert retention([("", *join[1:])], question())[MONDAY].size == 0


# [R] How is the "Average" row calculated? 500 of 1000 and 400 of 500 are 56 %, not 60.
def test_the_average_weights_people_and_those_who_came_back_by_the_size() -> None:
    assert average_rate([(1000, 500), (500, 400)]) == pytest.approx(0.56)
