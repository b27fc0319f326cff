from __future__ import annotations

import pytest

DAYS = {"from_date": "2024-01-01", "to_date": "2024-01-03"}


@pytest.fixture
def sim(sim, event):
    """Plans of several types over three days."""
    sim.store.add(
        [
            event("Buy", "2024-01-01T09:00:00", plan="free", seats=2),
            event("Buy", "2024-01-01T10:00:00", plan="free", distinct_id="bo"),
            event("Buy", "2024-01-02T10:00:00", plan="free", tags=["a", "ü"]),
            event("Buy", "2024-01-02T11:00:00", plan="team", tags=["a", "ü"], seats=2.0),
            event("Buy", "2024-01-03T11:00:00", plan=None, gift=True),
            event("Look", "2024-01-03T12:00:00", page="/", plan="look"),
        ]
    )
    return sim


def test_an_events_property_is_counted_by_value_and_day(sim, ask):
    asked = {"event": "Buy", "name": "plan", "type": "general", "unit": "day", **DAYS}

    assert ask(sim, "events/properties", **asked) == {
        "data": {
            "series": ["2024-01-01", "2024-01-02", "2024-01-03"],
            "values": {
                "free": {"2024-01-01": 2, "2024-01-02": 1},
                "team": {"2024-01-02": 1},
                "undefined": {"2024-01-03": 1},
            },
        },
        "legend_size": 3,
    }
    values = ask(sim, "events/properties", values=["team", "no"], **asked)["data"]["values"]
    assert values == {"team": {"2024-01-02": 1}}
    assert [*ask(sim, "events/properties", limit=1, **asked)["data"]["values"]] == ["free"]
    unique = ask(sim, "events/properties", **{**asked, "type": "unique", "unit": "month"})
    assert unique["data"]["values"]["free"] == {"2024-01-01": 2}


def test_values_of_every_type_have_a_name(sim, ask):
    asked = {"event": "Buy", "type": "general", "unit": "month", **DAYS}

    def named(name):
        return [*ask(sim, "events/properties", name=name, **asked)["data"]["values"]]

    assert named("seats") == ["undefined", "2"]
    assert named("gift") == ["undefined", "true"]
    assert named("tags") == ["undefined", '["a","ü"]']


def test_top_properties_are_those_most_events_have_set(sim, ask):
    assert ask(sim, "events/properties/top", event="Buy") == {
        "plan": {"count": 4},
        "seats": {"count": 2},
        "tags": {"count": 2},
        "gift": {"count": 1},
    }
    assert ask(sim, "events/properties/top", limit=1) == {"plan": {"count": 5}}


def test_top_values_are_texts_the_commonest_first(sim, ask):
    asked = {"event": "Buy", "name": "plan"}

    assert ask(sim, "events/properties/values", **asked) == ["free", "team"]
    assert ask(sim, "events/properties/values", limit=1, **asked) == ["free"]
    assert ask(sim, "events/properties/values", event="Buy", name="none") == []
