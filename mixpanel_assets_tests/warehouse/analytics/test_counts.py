"""Mixpanel's rules of segmentation, active users, lifecycle and sessions.

[I] is https://docs.mixpanel.com/docs/reports/insights, [S] is
https://docs.mixpanel.com/docs/features/sessions, and [F] is
https://docs.mixpanel.com/docs/reports/funnels/funnels-faq.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mixpanel_assets.questions.analytics import ActiveUsers, Lifecycle, Segmentation, Sessions
from mixpanel_assets_tests.obvious.events import Given
from mixpanel_assets_tests.warehouse.analytics.streams import BEGIN, DAY_MS, FIRST, HOUR, Landed

Ask = Callable[..., Any]


def did(name: str, day: float, person: str | None = "ana", **properties: Any) -> Given:
    """An event so many days after the beginning of the first one, which is a Saturday."""
    return person, name, BEGIN + round(day * DAY_MS), properties


@pytest.fixture
def ask(landed: Landed) -> Ask:
    def asked(kind: Any, *events: Given, zone: str = "UTC", **more: Any) -> Any:
        days = {"from_date": FIRST, "to_date": FIRST + timedelta(3), **more}
        return landed.load(list(events), zone)(kind(**days))

    return asked


def day(number: int) -> str:
    return str(FIRST + timedelta(number))


# [F] "only the top 200 property values will be returned ... $other", people in it once.
def test_the_largest_segments_are_shown_and_others_together(ask: Ask) -> None:
    plans = [("pro", "ana"), ("pro", "bo"), ("free", "ana"), ("free", "ana"), ("team", "ana")]
    events = [did("A", 0.1, who, plan=plan) for plan, who in plans]
    asked = {"event": 'A[plan != ""]', "by": "plan", "from_date": FIRST, "to_date": FIRST}
    only = {**asked, "event": "A[defined(plan)]"}

    events_of = ask(Segmentation, *events, **only, limit=1).series
    people_of = ask(Segmentation, *events, **only, limit=1, type="unique").series
    assert events_of == {"free": {day(0): 2}, "$other": {day(0): 3}}
    assert people_of == {"pro": {day(0): 2}, "$other": {day(0): 1}}
    every = ask(Segmentation, *events, **asked).series
    assert every["undefined"] == {day(0): 1}
    assert Segmentation("A", from_date=FIRST).limit == 200


# A week begins as the project's settings say: docs/orgs-and-projects/managing-projects.
def test_a_week_begins_when_the_project_says(ask: Ask) -> None:
    asked = {"event": "B", "unit": "week", "type": "unique"}
    events = did("B", 1.5), did("B", 2.5)  # on Sunday and on Monday

    monday, sunday = (
        ask(Segmentation, *events, **asked, week_start=start).series["B"]
        for start in ("monday", "sunday")
    )
    assert monday == {"2023-10-23": 1, "2023-10-30": 1}
    assert sunday == {"2023-10-22": 0, "2023-10-29": 1}


# A local day, also that on which the clock is put back.
def test_hours_and_days_are_those_of_the_project(ask: Ask) -> None:
    events = did("B", 1), did("B", 1 + 2.5 / 24), did("B", 2 - 1e-6)

    for zone in ("UTC", "Europe/Berlin"):
        days = ask(Segmentation, *events, event="B", zone=zone, type="unique").series["B"]
        hours = ask(Segmentation, *events, event="B", zone=zone, type="unique", unit="hour")
        assert days == {day(0): 0, day(1): 1, day(2): 0, day(3): 0}
        assert [at for at, n in hours.series["B"].items() if n] == [
            f"{day(1)} {hour}:00:00" for hour in ("00", "02", "23")
        ]


# [I] Sum and average of a property are of its numbers.
def test_sums_and_averages_are_of_numbers(ask: Ask) -> None:
    events = [did("B", 0.1, n=n) for n in (1, 2.5, "9", True, None)]
    asked = {"event": "B", "from_date": FIRST, "to_date": FIRST}

    assert ask(Segmentation, *events, **asked, sum="n").series == {"B": {day(0): 3.5}}
    assert ask(Segmentation, *events, **asked, average="n").series == {"B": {day(0): 1.75}}


# [I] WAU and MAU: people in the 7 and the 30 days that end with the day.
def test_weekly_and_monthly_users_are_of_trailing_7_and_30_days(ask: Ask) -> None:
    days = {"from_date": FIRST, "to_date": FIRST + timedelta(38)}
    rows = ask(ActiveUsers, did("A", 1), did("A", 1.5), did("A", 3, "bo"), **days).rows

    for counted, people in (("dau", 1), ("wau", 7), ("mau", 30)):
        active = [sum(first <= n < first + people for first in (1, 3)) for n in range(39)]
        assert [getattr(row, counted) for row in rows] == active
    assert rows[3].stickiness == 0.5
    # Days before the first count as well.
    later = {"from_date": FIRST + timedelta(7), "to_date": FIRST + timedelta(7)}
    (row,) = ask(ActiveUsers, did("A", 1), **later).rows
    assert (row.dau, row.wau, row.mau) == (0, 1, 1)


# The names are those of https://docs.mixpanel.com/docs/boards/templates.
def test_people_are_new_retained_resurrected_or_dormant(ask: Ask) -> None:
    events = [did("A", n) for n in (0.5, 1.5, 3.5)]
    rows = ask(Lifecycle, *events, unit="day").rows

    found = [(row.new, row.retained, row.resurrected, row.dormant) for row in rows]
    assert found == [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0)]
    # Nobody is new who was seen before the question's days.
    (row,) = ask(Lifecycle, *events, unit="day", from_date=FIRST + timedelta(3)).rows
    assert (row.new, row.resurrected) == (0, 1)


def sessions(found: Any) -> list[int]:
    return [row.sessions for row in found.rows]


# [S] 30 minutes' idle; Session Timeout, "an event after 14, and none for 16".
def test_a_session_ends_when_nothing_is_done_for_a_while(ask: Ask) -> None:
    minute = 1 / 1440
    events = [did("A", n * minute) for n in (540, 554, 570)]

    found = ask(Sessions, *events)
    assert sessions(found) == [1, 0, 0, 0]
    assert (found.rows[0].mean_events, found.rows[0].mean_seconds) == (3, 1800)
    assert sessions(ask(Sessions, *events, idle="15m")) == [2, 0, 0, 0]


# [S] Example 2: "all sessions are reset at midnight", in the project's zone.
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_session_ends_at_midnight_of_the_project(ask: Ask, zone: str) -> None:
    evening, night = (did("A", 1 - 10 / 1440), did("A", 1 + 5 / 1440))

    assert sessions(ask(Sessions, evening, night, zone=zone)) == [1, 1, 0, 0]


# [S] FAQ: what is excluded by default; Excluded Events of the project's settings.
def test_excluded_events_neither_begin_nor_prolong_a_session(ask: Ask) -> None:
    events = [did(name, n / 1440) for name, n in (("A", 540), ("$identify", 560), ("B", 580))]

    assert sessions(ask(Sessions, *events)) == [2, 0, 0, 0]
    assert sessions(ask(Sessions, *events, exclude=["B"])) == [1, 0, 0, 0]
    assert sessions(ask(Sessions, did("$identify", 0.5))) == [0, 0, 0, 0]


# An empty distinct_id is nobody: an event, but no person.
def test_nobody_is_no_person(ask: Ask) -> None:
    events = did("B", 0.5, ""), did("B", 0.5, None), did("B", 0.5, "bo")
    one = {"from_date": FIRST, "to_date": FIRST}

    counted = ask(Segmentation, *events, event='B[$time > datetime("2023-10-28T01:00")]', **one)
    people = ask(Segmentation, *events, event="B", type="unique", **one)
    assert [*counted.series.values()] == [{day(0): 3}]
    assert [*people.series.values()] == [{day(0): 1}]
    assert ask(ActiveUsers, *events, **one).rows[0].dau == 1
    assert ask(Lifecycle, *events, **one).rows[0].new == 1
    assert sessions(ask(Sessions, *events, **one)) == [1]


# [Trap] A null time is of no sequence, but of the day that it is listed under.
def test_an_event_without_a_time_counts_on_its_day(ask: Ask) -> None:
    untimed = "ana", "B", None, {}
    one = {"from_date": FIRST, "to_date": FIRST}

    assert ask(Segmentation, untimed, event="B", type="unique", **one).series == {"B": {day(0): 1}}
    assert ask(ActiveUsers, untimed, **one).rows[0].dau == 1
    assert sessions(ask(Sessions, untimed, did("A", HOUR / DAY_MS, "bo"), **one)) == [1]
