from __future__ import annotations

from datetime import date

import pytest

DAYS = {"from_date": "2024-01-01", "to_date": "2024-01-02"}
JOIN_TO_VISIT = {"born_event": "Join", "event": "Visit", **DAYS}


@pytest.fixture
def sim(sim, event):
    """Ana and Bo join on the 1st, Cy on the 2nd; Ana joins again."""
    sim.store.add(
        [
            event("Join", "2024-01-01T10:00:00", plan="free"),
            event("Join", "2024-01-01T12:00:00", distinct_id="bo", plan="team"),
            event("Join", "2024-01-02T08:00:00", distinct_id="cy", plan="free"),
            event("Join", "2024-01-02T20:00:00"),
            event("Visit", "2024-01-01T11:00:00", page="a"),  # after 1 hour
            event("Visit", "2024-01-02T09:00:00", page="b"),  # after 23 hours
            event("Visit", "2024-01-02T11:00:00", page="a"),  # after 25 hours
            event("Visit", "2024-01-03T13:00:00", distinct_id="bo", page="b"),  # after 49 hours
            event("Visit", "2024-01-02T07:00:00", distinct_id="cy", page="a"),  # before
            event("Visit", "2024-01-03T07:00:00", distinct_id="cy", page="a"),  # after 23 hours
            event("Visit", "2024-01-01T11:00:00", distinct_id=""),
        ]
    )
    return sim


def test_retention_is_of_24_hours_from_the_first_born_event(sim, ask):
    assert ask(sim, "retention", interval_count=2, **JOIN_TO_VISIT) == {
        "2024-01-01": {"counts": [1, 1, 1], "first": 2},
        "2024-01-02": {"counts": [1, 0, 0], "first": 1},
    }


def test_without_a_count_there_is_one_interval_and_the_0th(sim, ask):
    assert ask(sim, "retention", **JOIN_TO_VISIT)["2024-01-01"]["counts"] == [1, 1]


def test_any_event_but_the_born_one_is_coming_back(sim, ask):
    found = ask(sim, "retention", born_event="Join", interval_count=2, **DAYS)

    assert found["2024-01-01"] == {"counts": [1, 1, 1], "first": 2}
    again = {"born_event": "Join", "event": "Join", **DAYS}
    assert ask(sim, "retention", **again)["2024-01-01"] == {"counts": [0, 1], "first": 2}


def test_unbounded_retention_counts_whoever_came_back_later(sim, ask):
    asked = {"interval_count": 2, "unbounded_retention": True}

    found = ask(sim, "retention", **asked, **JOIN_TO_VISIT)

    assert found["2024-01-01"] == {"counts": [2, 2, 1], "first": 2}


# https://docs.mixpanel.com/docs/reports/retention, 'On or After': "or any time in the future"
def test_unbounded_retention_counts_whoever_came_back_after_the_last_interval(sim, ask, event):
    sim.store.add([event("Visit", "2024-01-10T11:00:00", distinct_id="cy")])

    found = ask(sim, "retention", unbounded_retention=True, **JOIN_TO_VISIT)

    assert found["2024-01-02"] == {"counts": [1, 1], "first": 1}
    assert ask(sim, "retention", **JOIN_TO_VISIT)["2024-01-02"]["counts"] == [1, 0]


def test_coming_back_at_the_same_moment_is_another_event(simulate, ask, event):
    sim = simulate()
    sim.store.add([event("Join"), event("Join"), event("Visit")])

    visit = ask(sim, "retention", **JOIN_TO_VISIT)
    again = ask(sim, "retention", born_event="Join", event="Join", **DAYS)

    assert visit["2024-01-02"] == {"counts": [1, 0], "first": 1}
    assert again["2024-01-02"] == {"counts": [0, 0], "first": 1}


def test_events_without_a_time_are_neither_a_beginning_nor_a_return(simulate, ask, event):
    sim = simulate()
    untimed = [{"event": name, "properties": {"distinct_id": "ana"}} for name in ("Join", "Visit")]
    sim.store.set_day(date(2024, 1, 2), [*untimed, event("Join", "2024-01-02T00:00:00")])
    asked = {"unit": "day", "addiction_unit": "hour", "event": "Visit"}

    found = ask(sim, "retention", **JOIN_TO_VISIT)

    assert found["2024-01-02"] == {"counts": [0, 0], "first": 1}
    assert ask(sim, "retention/addiction", **asked, **DAYS)["data"]["2024-01-02"] == [0] * 24


def test_both_events_can_be_filtered(sim, ask):
    free = ask(sim, "retention", born_where='properties["plan"] == "free"', **JOIN_TO_VISIT)
    assert free["2024-01-01"] == {"counts": [1, 1], "first": 1}
    page = ask(sim, "retention", where='properties["page"] == "b"', **JOIN_TO_VISIT)
    assert page["2024-01-01"] == {"counts": [1, 0], "first": 2}


def test_compounded_retention_follows_everybody_from_every_day(sim, ask):
    found = ask(sim, "retention", retention_type="compounded", event="Visit", **DAYS)

    assert found == {
        "2024-01-01": {"counts": [1, 1], "first": 1},
        "2024-01-02": {"counts": [1, 1], "first": 2},
    }


def test_intervals_can_be_longer(sim, ask):
    week = {"2024-01-01": {"counts": [3, 0], "first": 3}}
    assert ask(sim, "retention", unit="week", **JOIN_TO_VISIT) == week
    assert ask(sim, "retention", unit="month", **JOIN_TO_VISIT) == week
    assert ask(sim, "retention", interval=2, interval_count=1, **JOIN_TO_VISIT) == {
        "2024-01-01": {"counts": [2, 1], "first": 3}
    }


# https://docs.mixpanel.com/docs/reports/retention, rolling intervals: month 1 is 30 to 60 days
@pytest.mark.parametrize(("at", "counts"), [("09:59:59", [1, 0]), ("10:00:00", [0, 1])])
def test_a_month_has_30_days(simulate, ask, event, at, counts):
    sim = simulate()
    sim.store.add([event("Join", "2023-12-01T10:00:00"), event("Visit", f"2023-12-31T{at}")])
    days = {"from_date": "2023-12-01", "to_date": "2023-12-01", "unit": "month"}

    assert ask(sim, "retention", **{**JOIN_TO_VISIT, **days})["2023-12-01"]["counts"] == counts


def test_on_splits_by_what_people_came_back_with(sim, ask):
    asked = {"on": 'properties["page"]', "interval_count": 2, **JOIN_TO_VISIT}

    assert ask(sim, "retention", **asked)["2024-01-01"] == {
        "$overall": {"counts": [1, 1, 1], "first": 2},
        "a": {"counts": [1, 1, 0], "first": 2},
        "b": {"counts": [1, 0, 1], "first": 2},
    }
    assert [*ask(sim, "retention", limit=1, **asked)["2024-01-01"]] == ["$overall", "a"]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"born_event": None}, "Missing required parameter: born_event"),
        ({"unit": "day", "interval": 1}, "unit and interval both specified"),
        ({"interval": 91}, "interval must be from 1 to 90"),
        ({"retention_type": "n-day"}, "Invalid retention_type"),
        ({"unit": "hour"}, "Invalid unit"),
        ({"born_where": "=="}, "born_where: syntax error"),
        ({"interval_count": 0}, "interval_count must be at least 1"),
    ],
)
def test_what_can_not_be_answered_is_refused(sim, query, asked, text):
    answer = query(sim, "retention", **{**JOIN_TO_VISIT, **asked})

    assert answer.status_code == 400
    assert text in answer.json()["error"]


def test_frequency_is_of_people_active_in_at_least_so_many_hours(sim, ask):
    asked = {"unit": "day", "addiction_unit": "hour"}

    found = ask(sim, "retention/addiction", **asked, **DAYS)

    # On the 1st Ana in two hours and Bo in one; on the 2nd Ana in three and Cy in two.
    assert found == {
        "data": {
            "2024-01-01": [2, 1] + [0] * 22,
            "2024-01-02": [2, 2, 1] + [0] * 21,
        }
    }
    visits = ask(sim, "retention/addiction", event="Visit", **asked, **DAYS)
    assert visits["data"]["2024-01-02"] == [2, 1] + [0] * 22


def test_frequency_has_as_many_numbers_as_the_unit_has_parts(sim, ask):
    def numbers(unit, part):
        asked = {"unit": unit, "addiction_unit": part, **DAYS}
        return ask(sim, "retention/addiction", **asked)["data"]["2024-01-01"]

    assert numbers("day", "day") == [2]
    assert numbers("week", "day") == [3, 1, 0, 0, 0, 0, 0]
    assert numbers("month", "day") == [3, 1] + [0] * 29
    assert len(numbers("week", "hour")) == 168
    assert len(numbers("month", "hour")) == 744


def test_frequency_can_be_filtered_and_split(sim, ask):
    asked = {"unit": "week", "addiction_unit": "day", "event": "Visit", **DAYS}

    split = ask(sim, "retention/addiction", on='properties["page"]', **asked)["data"]
    page = ask(sim, "retention/addiction", where='properties["page"] == "b"', **asked)["data"]

    assert split["2024-01-01"] == {
        "$overall": [2, 1, 0, 0, 0, 0, 0],
        "a": [2, 1, 0, 0, 0, 0, 0],
        "b": [1, 0, 0, 0, 0, 0, 0],
    }
    assert page["2024-01-01"] == [1, 0, 0, 0, 0, 0, 0]


def test_frequency_needs_both_units(sim, query):
    answer = query(sim, "retention/addiction", unit="day", **DAYS)
    assert answer.json()["error"] == "Missing required parameter: addiction_unit"
    answer = query(sim, "retention/addiction", addiction_unit="day", **DAYS)
    assert answer.json()["error"] == "Missing required parameter: unit"


def test_frequency_may_come_without_its_envelope(simulate, ask, event):
    sim = simulate(bare_frequency=True)
    sim.store.add([event("Visit", "2024-01-02T10:00:00")])

    found = ask(sim, "retention/addiction", unit="day", addiction_unit="day", **DAYS)

    assert found == {"2024-01-01": [0], "2024-01-02": [1]}
