from __future__ import annotations

import pytest

from mixpanel_assets.simulator.expressions import UNDEFINED, ExpressionError, Moment
from mixpanel_assets.simulator.query.selectors import Selectors

NOW = 1704888000.5
ANA = {
    "$distinct_id": "ana",
    "$last_seen": "2024-01-09T10:00:00",
    "plan": "team",
    "n": 5,
    "text": "5",
    "nothing": None,
    "tags": ["new", "sale"],
    "seen_ms": 1704189600000,
    "zero": 0,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('user["plan"] == "team"', True),
        ('properties["plan"] != "team"', False),
        ('properties["$last_seen"] >= "2024-01-01T00:00:00"', True),
        ('properties["$last_seen"] < "2024-01-01"', False),
        ('properties["n"] > "4"', UNDEFINED),
        ('properties["missing"] < "z"', UNDEFINED),
        ('"ea" in properties["plan"]', True),
        ('"new" in list(properties["tags"])', True),
        ('list(properties["plan"])', UNDEFINED),
        ('properties["n"] in [1, 5] and not properties["n"] == 6', True),
        ('defined(properties["nothing"])', False),
        ('number(properties["text"]) + 1 - 2', 4),
        ('string(properties["n"])', "5"),
        ("NOW", 1704888000),
        ("NOW - 604800", 1704283200),
        ('datetime(properties["$last_seen"]) >= datetime(NOW - 604800)', True),
        ('datetime(properties["$last_seen"]) >= datetime(NOW - 3600)', False),
        ('datetime(properties["seen_ms"])', Moment(1704189600000)),
        ("datetime(4294967295)", Moment(4294967295000)),
        ("datetime(4294967296)", Moment(4294967296)),
        ('datetime(properties["zero"])', UNDEFINED),
        ('datetime(properties["zero"]) < datetime(NOW)', UNDEFINED),
        ('behaviors["b1"] > 0', True),
        ('(behaviors["b1"] >= 3) or properties["n"] == 5', True),
        ('properties["$distinct_id"] == "ana"', True),
    ],
)
def test_a_selector_has_the_value_engage_gives_it(text, value):
    found = Selectors(NOW, counts={"b1": {"ana": 2}}).parse(text).evaluate(ANA)

    assert found == value
    assert type(found) is type(value)


def test_a_time_of_day_is_one_of_the_projects_zone():
    found = Selectors(NOW, "US/Pacific").parse('datetime("2024-01-09T10:00:00")').evaluate(ANA)

    assert found == Moment(1704823200000)


@pytest.mark.parametrize(
    "text",
    [
        "NOW -604800",
        'properties["n"] * 2 == 10',
        'properties["n"] / 2',
        'floor(properties["n"])',
        'event["$time"]',
        'behaviors["other"] > 0',
        "plan",
    ],
)
def test_what_engage_does_not_know_is_refused(text):
    with pytest.raises(ExpressionError):
        Selectors(NOW, counts={"b1": {}}).parse(text)
