from __future__ import annotations

from datetime import date

import pytest

DAYS = {"event": "Buy", "from_date": "2024-01-01", "to_date": "2024-01-03"}


@pytest.fixture
def sim(sim, event, profile):
    """Six purchases over three days; Bo's profile says that he is in Lodz."""
    sim.profiles.set([profile("ana", city="Austin"), profile("bo", city="Łódź")])
    sim.store.add(
        [
            event("Buy", "2024-01-01T09:00:00", plan="free", price=2003),
            event("Buy", "2024-01-01T09:30:00", plan="free", price=2050),
            event("Buy", "2024-01-01T10:00:00", plan="team", price=2100, distinct_id="bo"),
            event("Buy", "2024-01-02T10:00:00", plan="team", price=2199.5, distinct_id="bo"),
            event("Buy", "2024-01-02T11:00:00", plan="free", price=2450, distinct_id="cy"),
            event("Buy", "2024-01-02T12:00:00", price="n/a"),
            event("Look", "2024-01-02T12:00:00", price=9000, plan="free"),
        ]
    )
    return sim


def _values(found):
    return found["data"]["values"]


def test_an_event_is_counted_by_day(sim, ask):
    assert ask(sim, "segmentation", **DAYS) == {
        "data": {
            "series": ["2024-01-01", "2024-01-02", "2024-01-03"],
            "values": {"Buy": {"2024-01-01": 3, "2024-01-02": 3}},
        },
        "legend_size": 1,
    }


def test_on_splits_an_event_by_an_expressions_value(sim, ask):
    found = ask(sim, "segmentation", on='properties["plan"]', **DAYS)

    assert found["legend_size"] == 3
    assert _values(found) == {
        "free": {"2024-01-01": 2, "2024-01-02": 1},
        "team": {"2024-01-01": 1, "2024-01-02": 1},
        "undefined": {"2024-01-02": 1},
    }
    found = ask(sim, "segmentation", on='properties["price"] > 2100', limit=1, **DAYS)
    assert _values(found) == {"false": {"2024-01-01": 3}}


def test_where_and_on_may_be_of_the_profile(sim, ask):
    city = {"on": 'user["city"]', "unit": "month"}
    found = ask(sim, "segmentation", **city, where='properties["plan"] == "team"', **DAYS)
    assert _values(found) == {"Łódź": {"2024-01-01": 2}}

    found = ask(sim, "segmentation", **city, type="unique", **DAYS)
    assert _values(found) == {name: {"2024-01-01": 1} for name in ("Austin", "undefined", "Łódź")}


def test_uniques_and_averages_are_of_people(sim, ask):
    unique = ask(sim, "segmentation", type="unique", unit="hour", **DAYS)
    assert _values(unique)["Buy"]["2024-01-01 09:00:00"] == 1
    unique = ask(sim, "segmentation", type="unique", unit="week", **DAYS)
    assert _values(unique) == {"Buy": {"2024-01-01": 3}}
    average = ask(sim, "segmentation", type="average", **DAYS)
    assert _values(average) == {"Buy": {"2024-01-01": 1.5, "2024-01-02": 1}}


def test_an_interval_is_of_days_from_the_first(sim, ask):
    found = ask(sim, "segmentation", type="unique", interval=2, **DAYS)
    assert found["data"]["series"] == ["2024-01-01", "2024-01-03"]
    assert _values(found) == {"Buy": {"2024-01-01": 3}}

    found = ask(sim, "segmentation", event="Buy", type="unique", interval=9)
    assert found["data"]["series"] == ["2024-01-02"]
    assert _values(found) == {"Buy": {"2024-01-02": 3}}


def test_numbers_are_put_in_ranges_of_one_width(sim, ask):
    found = ask(sim, "segmentation/numeric", on='properties["price"]', **DAYS)

    assert found["legend_size"] == 3
    assert list(_values(found).items()) == [
        ("2,000 - 2,100", {"2024-01-01": 2}),
        ("2,100 - 2,200", {"2024-01-01": 1, "2024-01-02": 1}),
        ("2,400 - 2,500", {"2024-01-02": 1}),
    ]
    asked = {"on": 'properties["price"] / 10000', "type": "unique", "unit": "hour", **DAYS}
    small = _values(ask(sim, "segmentation/numeric", **asked))
    assert small["0.2 - 0.21"] == {"2024-01-01 09:00:00": 1}
    nothing = ask(sim, "segmentation/numeric", on='properties["plan"]', **DAYS)
    assert nothing["data"]["values"] == {}


def test_a_sum_takes_what_is_no_number_for_0(sim, ask):
    found = ask(sim, "segmentation/sum", on='properties["price"]', **DAYS)

    assert found == {
        "status": "ok",
        "computed_at": "2024-01-10T12:00:00.000000+00:00",
        "results": {"2024-01-01": 6153, "2024-01-02": 4649.5, "2024-01-03": 0},
    }
    hours = {"unit": "hour", "where": 'properties["plan"] == "free"'}
    found = ask(sim, "segmentation/sum", on='properties["price"]', **hours, **DAYS)
    assert found["results"]["2024-01-01 09:00:00"] == 4053


def test_an_average_takes_what_is_no_number_for_0(sim, ask):
    found = ask(sim, "segmentation/average", on='properties["price"]', **DAYS)

    means = {"2024-01-01": 2051, "2024-01-02": 4649.5 / 3, "2024-01-03": 0}
    assert found == {"results": means, "status": "ok"}


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"on": "country"}, "on: syntax error at 0"),
        ({"where": 'properties["plan" =='}, "where: syntax error"),
        ({"unit": "day", "interval": 2, "type": "unique"}, "unit and interval both specified"),
        ({"interval": 2}, "interval can not be used when type is general"),
        ({"unit": "year"}, "Invalid unit: 'year'"),
        ({"type": "median"}, "Invalid type: 'median'"),
        ({"format": "xml"}, "Invalid format: 'xml'"),
        ({"limit": 10_001}, "limit must be from 1 to 10000"),
        ({"limit": "many"}, "limit must be a whole number"),
    ],
)
def test_what_can_not_be_answered_is_refused(sim, query, asked, text):
    answer = query(sim, "segmentation", **{**DAYS, **asked})

    assert answer.status_code == 400
    assert text in answer.json()["error"]
    assert answer.json()["request"].startswith("/api/query/segmentation?")


@pytest.mark.parametrize("path", ["numeric", "sum", "average"])
def test_numbers_need_an_expression(sim, query, path):
    answer = query(sim, f"segmentation/{path}", **DAYS)

    assert answer.json()["error"] == "Missing required parameter: on"
    answer = query(sim, f"segmentation/{path}", on="1", unit="week", **DAYS)
    assert answer.json()["error"] == "Invalid unit: 'week'. Must be one of hour, day"


def test_odd_records_are_counted_as_far_as_they_go(sim, ask, event):
    odd = {"n": 10**400, "$insert_id": 7}
    day = date(2024, 1, 3)
    sim.store.set_day(
        day,
        [
            {"event": "Buy", "properties": {}},
            {"event": "Buy", "properties": {"time": [1], "distinct_id": 7, **odd}},
            {"event": "Buy", "properties": {"time": [1], "distinct_id": 7, **odd}},
            {"event": "Buy", "properties": {"time": 5, "distinct_id": {"a": 1}, "n": "\ud800"}},
            {"event": None, "properties": {"time": 5}},
            b'{"event":"Buy"}',
            b'{"event":"Buy","properties":{"n":NaN}}',
            b"no JSON",
        ],
    )
    days = {"event": "Buy", "from_date": str(day), "to_date": str(day)}

    assert _values(ask(sim, "segmentation", **days)) == {"Buy": {"2024-01-03": 4}}
    people = ask(sim, "segmentation", type="unique", unit="hour", **days)
    assert _values(people) == {"Buy": {"2024-01-03 00:00:00": 2}}
    total = ask(sim, "segmentation/sum", on='properties["n"]', **days)
    assert total["results"] == {"2024-01-03": 0}
    segments = _values(ask(sim, "segmentation", on='properties["n"]', **days))
    assert segments["\ud800"] == {"2024-01-03": 1}
