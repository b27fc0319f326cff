from __future__ import annotations

import pytest

WEEKS = {"from_date": "2024-01-01", "to_date": "2024-01-09"}
SERIES = [f"2024-01-0{n}" for n in range(1, 10)]


@pytest.fixture
def shop(sim, event):
    """Ana buys twice and Bo once on the 1st, Bo and somebody unknown on the 3rd."""
    sim.store.add(
        [
            event("Buy", "2024-01-01T09:00:00"),
            event("Buy", "2024-01-01T09:30:00"),
            event("Buy", "2024-01-01T23:59:59", distinct_id="bo"),
            event("Buy", "2024-01-03T00:00:00", distinct_id="bo"),
            event("Buy", "2024-01-03T05:00:00", distinct_id=""),
            event("Look", "2024-01-08T10:00:00"),
        ]
    )
    return sim


@pytest.fixture
def counts(shop, ask):
    """The values that /events answers with for both events."""

    def asked(**params):
        asked = {"event": ["Buy", "Look"], "type": "general", "unit": "day", **WEEKS, **params}
        return ask(shop, "events", **asked)["data"]["values"]

    return asked


def test_events_are_counted_by_day(shop, ask):
    asked = {"event": ["Buy", "Look", "Nothing"], "type": "general", "unit": "day", **WEEKS}

    assert ask(shop, "events", **asked) == {
        "data": {
            "series": SERIES,
            "values": {"Buy": {"2024-01-01": 3, "2024-01-03": 2}, "Look": {"2024-01-08": 1}},
        },
        "legend_size": 2,
    }


def test_a_person_is_unique_once_in_each_unit_and_nobody_is_no_person(counts):
    days = {"2024-01-01": 2, "2024-01-03": 1}
    assert counts(type="unique") == {"Buy": days, "Look": {"2024-01-08": 1}}
    weeks = counts(type="unique", unit="week")
    assert weeks == {"Buy": {"2024-01-01": 2}, "Look": {"2024-01-08": 1}}
    assert counts(type="unique", unit="month")["Buy"] == {"2024-01-01": 2}


def test_an_average_is_of_events_a_person(counts):
    assert counts(type="average")["Buy"] == {"2024-01-01": 1.5, "2024-01-03": 2}


def test_a_week_begins_on_monday_and_holds_only_the_days_asked_for(counts):
    found = counts(unit="week", from_date="2024-01-03", to_date="2024-01-07")

    assert found == {"Buy": {"2024-01-01": 2}}


def test_hours_and_minutes_are_named_by_their_beginning(counts):
    asked = {"from_date": "2024-01-01", "to_date": "2024-01-01"}

    hours = {"2024-01-01 09:00:00": 2, "2024-01-01 23:00:00": 1}
    assert counts(unit="hour", **asked) == {"Buy": hours}
    assert "2024-01-01 23:59:00" in counts(unit="minute", **asked)["Buy"]


def test_an_interval_counts_units_back_from_now(shop, ask, event):
    shop.store.add([event("Buy", "2024-01-10T11:30:00"), event("Buy", "2024-01-10T10:30:00")])
    asked = {"event": ["Buy"], "type": "general"}

    days = ask(shop, "events", unit="day", interval=8, **asked)["data"]
    hours = ask(shop, "events", unit="hour", interval=2, **asked)["data"]

    assert days["series"] == [f"2024-01-{n:02d}" for n in range(3, 11)]
    assert days["values"] == {"Buy": {"2024-01-03": 2, "2024-01-10": 2}}
    assert hours["series"] == ["2024-01-10 11:00:00", "2024-01-10 12:00:00"]
    assert hours["values"] == {"Buy": {"2024-01-10 11:00:00": 1}}
    assert ask(shop, "events", unit="month", interval=3, **asked)["data"]["series"] == [
        "2023-11-01",
        "2023-12-01",
        "2024-01-01",
    ]


def test_counts_can_be_csv(shop, query):
    asked = {"event": ["Buy", "Look"], "type": "general", "unit": "week", **WEEKS}

    answer = query(shop, "events", format="csv", **asked)

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text == "date,Buy,Look\n2024-01-01,5,0\n2024-01-08,0,1\n"


def test_a_record_that_came_twice_counts_once_as_it_was_processed_last(sim, ask, event):
    twice = {"at": "2024-01-02T10:00:00", "$insert_id": "a"}
    sim.store.add(
        [
            event("Buy", **twice, mp_processing_time_ms=2, plan="new"),
            event("Buy", **twice, mp_processing_time_ms=1, plan="old"),
            event("Buy", **{**twice, "at": "2024-01-02T10:00:01"}, plan="other time"),
            event("Look", **twice),
            event("Buy", **twice, distinct_id="bo", plan="other person"),
            event("Buy", at="2024-01-02T10:00:00", plan="no id"),
            event("Buy", at="2024-01-02T10:00:00", plan="no id"),
        ]
    )
    span = {"from_date": "2024-01-02", "to_date": "2024-01-02"}

    found = ask(sim, "segmentation", event="Buy", on='properties["plan"]', **span)

    counts = {plan: days["2024-01-02"] for plan, days in found["data"]["values"].items()}
    assert counts == {"new": 1, "no id": 2, "other person": 1, "other time": 1}


def test_names_are_of_the_last_31_days_the_commonest_first(shop, ask, event):
    shop.store.add([event("Old", "2023-12-11T10:00:00"), event("Older", "2023-12-10T10:00:00")])

    assert ask(shop, "events/names", type="general") == ["Buy", "Look", "Old"]
    assert ask(shop, "events/names", type="unique", limit=2) == ["Buy", "Look"]
    december = {"from_date": "2023-12-01", "to_date": "2023-12-31"}
    assert ask(shop, "events/names", type="general", **december) == ["Old", "Older"]


def test_todays_top_events_are_compared_with_as_much_of_yesterday(sim, ask, event):
    sim.store.add(
        [event("Buy", f"2024-01-10T0{n}:00:00", distinct_id=f"u{n}") for n in range(3)]
        + [event("Buy", f"2024-01-09T1{n}:00:00", distinct_id=f"u{n}") for n in range(4)]
        + [event("New", f"2024-01-10T0{n}:00:00") for n in range(2)]
        + [event("Gone", "2024-01-09T01:00:00")]
    )

    found = ask(sim, "events/top", type="general")

    # Half of today has passed, and half of yesterday's 4 are 2.
    buy = {"amount": 3, "event": "Buy", "percent_change": 0.5}
    new = {"amount": 2, "event": "New", "percent_change": 1}
    assert found == {"events": [buy, new], "type": "general"}
    unique = ask(sim, "events/top", type="unique", limit=1)
    assert unique == {"events": [buy], "type": "unique"}
