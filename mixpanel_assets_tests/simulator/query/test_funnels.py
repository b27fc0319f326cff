from __future__ import annotations

from datetime import date

import pytest

from mixpanel_assets.simulator.query.funnels import Step

DAYS = {"from_date": "2024-01-02", "to_date": "2024-01-03"}


@pytest.fixture
def sim(sim, event):
    """People on their way from A over B to C, who have an hour."""

    def way(who, day, *steps, **properties):
        return [
            event(name, f"2024-01-{day}T{at}:00", distinct_id=who, **properties)
            for name, at in (step.split() for step in steps)
        ]

    sim.store.add(
        [
            # C is more than an hour after her first A.
            *way("ana", "02", "A 13:00", "A 13:30", "B 13:45", "C 14:15", plan="free"),
            *way("bo", "02", "A 10:00", "B 10:10", "X 10:15", "C 10:30", plan="team"),
            # Out of order.
            *way("cy", "02", "A 09:00", "C 09:10", "B 09:20", plan="free"),
            *way("dee", "02", "B 08:00"),
            # Once in the dates is enough.
            *way("ana", "03", "A 08:00", "B 08:01", "C 08:02"),
            # Done after the last of the dates.
            *way("ed", "03", "A 23:50"),
            *way("ed", "04", "B 00:05", "C 00:20"),
            *way("fay", "04", "A 00:01"),
        ]
    )
    sim.funnels.add("ABC", ["A", "B", "C"], length=1, length_unit="hour", id_=7)
    return sim


def _step(event, count, avg_time, from_start, ratio, overall):
    return {
        "count": count,
        "avg_time": avg_time,
        "avg_time_from_start": from_start,
        "step_conv_ratio": ratio,
        "goal": event,
        "overall_conv_ratio": overall,
        "event": event,
    }


def _counts(found, date):
    return [step["count"] for step in found["data"][date]["steps"]]


def test_a_funnel_counts_who_reached_each_step_by_the_day_they_entered(sim, ask):
    assert ask(sim, "funnels", funnel_id=7, **DAYS) == {
        "meta": {"dates": ["2024-01-02", "2024-01-03"]},
        "data": {
            "2024-01-02": {
                "steps": [
                    _step("A", 3, None, 0, 1, 1),
                    _step("B", 3, 1500, 1500, 1, 1),
                    _step("C", 1, 1200, 1800, 1 / 3, 1 / 3),
                ],
                "analysis": {"completion": 1, "starting_amount": 3, "steps": 3, "worst": 2},
            },
            "2024-01-03": {
                "steps": [
                    _step("A", 1, None, 0, 1, 1),
                    _step("B", 1, 900, 900, 1, 1),
                    _step("C", 1, 900, 1800, 1, 1),
                ],
                "analysis": {"completion": 1, "starting_amount": 1, "steps": 3, "worst": 1},
            },
        },
    }


def test_a_person_counts_once_in_the_dates_and_again_in_others(sim, ask):
    third = {"from_date": "2024-01-03", "to_date": "2024-01-03"}

    assert _counts(ask(sim, "funnels", funnel_id=7, **third), "2024-01-03") == [2, 2, 2]


def test_more_or_less_time_can_be_given(sim, ask):
    longer = ask(sim, "funnels", funnel_id=7, length=2, **DAYS)
    shorter = ask(sim, "funnels", funnel_id=7, length=12, length_unit="minute", **DAYS)

    assert _counts(longer, "2024-01-02") == [3, 3, 2]
    assert _counts(shorter, "2024-01-02") == [3, 1, 0]


def test_a_funnel_can_be_of_weeks_or_of_so_many_days(sim, ask):
    week = ask(sim, "funnels", funnel_id=7, unit="week", **DAYS)
    two = ask(sim, "funnels", funnel_id=7, interval=2, **DAYS)

    assert week["meta"]["dates"] == ["2024-01-01"]
    assert _counts(week, "2024-01-01") == [4, 4, 2]
    assert two["meta"]["dates"] == ["2024-01-02"]
    assert _counts(two, "2024-01-02") == [4, 4, 2]


def test_on_splits_by_the_first_events_value(sim, ask):
    found = ask(sim, "funnels", funnel_id=7, on='properties["plan"]', **DAYS)["data"]

    split = {name: [s["count"] for s in steps] for name, steps in found["2024-01-02"].items()}
    assert split == {"$overall": [3, 3, 1], "free": [2, 2, 0], "team": [1, 1, 1]}
    assert [*found["2024-01-03"]] == ["$overall", "undefined"]
    asked = {"on": 'properties["plan"]', "limit": 1}
    found = ask(sim, "funnels", funnel_id=7, **asked, **DAYS)["data"]
    assert [*found["2024-01-02"]] == ["$overall", "free"]


def test_where_and_a_steps_own_selector_filter_events(sim, ask):
    team = ask(sim, "funnels", funnel_id=7, where='properties["plan"] == "team"', **DAYS)
    assert _counts(team, "2024-01-02") == [1, 1, 1]
    assert _counts(team, "2024-01-03") == [0, 0, 0]

    steps = [Step("A", 'properties["plan"] == "free"', "Began"), "B"]
    saved = sim.funnels.add("Free", steps, length=1)
    found = ask(sim, "funnels", funnel_id=saved.id, **DAYS)
    assert _counts(found, "2024-01-02") == [2, 2]
    assert found["data"]["2024-01-02"]["steps"][0]["step_label"] == "Began"


def test_an_event_can_be_two_steps(sim, ask):
    saved = sim.funnels.add("Again", ["A", "A"], length=1, length_unit="hour")

    assert _counts(ask(sim, "funnels", funnel_id=saved.id, **DAYS), "2024-01-02") == [3, 1]


# https://docs.mixpanel.com/docs/reports/funnels/funnels-faq, simultaneous events
@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("09:59:58.000", [1, 1, 1]),
        ("09:59:57.999", [1, 0, 0]),
    ],
)
def test_steps_within_two_seconds_are_interchangeable(simulate, ask, event, at, counts):
    sim = simulate()
    sim.store.add(
        [
            event("A", "2024-01-02T10:00:00"),
            event("B", f"2024-01-02T{at}"),
            event("C", "2024-01-02T09:59:59"),
        ]
    )
    saved = sim.funnels.add("ABC", ["A", "B", "C"], length=1, length_unit="second")

    found = ask(sim, "funnels", funnel_id=saved.id, **DAYS)

    assert _counts(found, "2024-01-02") == counts
    took = [step["avg_time"] for step in found["data"]["2024-01-02"]["steps"]]
    assert took == ([None, 0, 1] if counts[1] else [None, None, None])


# https://docs.mixpanel.com/docs/reports/funnels/funnels-advanced, user count in breakdown
def test_a_person_counts_once_in_each_segment_that_they_enter(simulate, ask, event):
    sim = simulate()
    sim.store.add(
        [
            event("Browse", "2024-01-02T10:00:00", item="shirt"),
            event("Browse", "2024-01-02T10:01:00", item="jeans"),
            event("Add", "2024-01-02T10:02:00"),
            event("Browse", "2024-01-02T10:03:00", item="shirt"),
            event("Browse", "2024-01-03T10:03:00", item="shoes"),
        ]
    )
    saved = sim.funnels.add("Cart", ["Browse", "Add"], length=1, length_unit="hour")

    found = ask(sim, "funnels", funnel_id=saved.id, on='properties["item"]', **DAYS)["data"]

    counts = {
        label: {name: [step["count"] for step in steps] for name, steps in one.items()}
        for label, one in found.items()
    }
    assert counts == {
        "2024-01-02": {"$overall": [1, 1], "shirt": [1, 1]},
        "2024-01-03": {"$overall": [0, 0], "shoes": [1, 0]},
    }


def test_the_next_entry_is_later_than_every_step_of_the_one_before(simulate, ask, event):
    sim = simulate()
    entries = [event("A", "2024-01-02T10:00:01", item=item) for item in ("a", "b")]
    later = event("A", "2024-01-02T10:00:02", item="c")
    sim.store.add([event("B", "2024-01-02T10:00:00"), *entries, later])
    saved = sim.funnels.add("AB", ["A", "B"])

    found = ask(sim, "funnels", funnel_id=saved.id, on='properties["item"]', **DAYS)["data"]

    counts = {name: [s["count"] for s in steps] for name, steps in found["2024-01-02"].items()}
    assert counts == {"$overall": [1, 1], "a": [1, 1], "c": [1, 0]}


def test_nobody_and_events_without_a_time_are_in_no_funnel(simulate, ask, event):
    sim = simulate()
    untimed = {"event": "B", "properties": {"distinct_id": "ana"}}
    nobody = event("A", "2024-01-02T00:00:00", distinct_id="")
    sim.store.set_day(date(2024, 1, 2), [event("A", "2024-01-02T00:00:00"), untimed, nobody])
    saved = sim.funnels.add("AB", ["A", "B"])

    assert _counts(ask(sim, "funnels", funnel_id=saved.id, **DAYS), "2024-01-02") == [1, 0]


def test_saved_funnels_are_listed(sim, ask):
    sim.funnels.add("Two", ["A", "B"])

    listed = [{"funnel_id": 7, "name": "ABC"}, {"funnel_id": 7500, "name": "Two"}]
    assert ask(sim, "funnels/list") == listed
    sim.funnels.delete(7500)
    assert ask(sim, "funnels/list") == listed[:1]


@pytest.mark.parametrize(
    ("asked", "status", "text"),
    [
        ({"funnel_id": None}, 400, "Missing required parameter: funnel_id"),
        ({"funnel_id": 404}, 404, "funnel_id 404 does not exist"),
        ({"length": 91, "length_unit": "day"}, 400, "length may not be greater than 90 days"),
        ({"length_unit": "week"}, 400, "Invalid length_unit: 'week'"),
        ({"unit": "hour"}, 400, "Invalid unit: 'hour'"),
        ({"unit": "day", "interval": 2}, 400, "unit and interval both specified"),
        ({"limit": 10_001}, 400, "limit must be from 1 to 10000"),
    ],
)
def test_what_can_not_be_answered_is_refused(sim, query, asked, status, text):
    answer = query(sim, "funnels", **{"funnel_id": 7, **DAYS, **asked})

    assert answer.status_code == status
    assert text in answer.json()["error"]


def test_a_funnel_has_two_steps():
    from mixpanel_assets.simulator.query.funnels import Funnels

    with pytest.raises(ValueError, match="two steps"):
        Funnels().add("One", ["A"])
