from __future__ import annotations

import pytest

from mixpanel_assets.simulator.expressions import UNDEFINED, ExpressionError, Moment, parse

ANA = {
    "plan": "team",
    "n": 5,
    "half": 2.5,
    "text": "5",
    "yes": True,
    "nothing": None,
    "tags": ["new", "sale"],
    "none": [],
    "time": 1704189600000,
    'odd "name" \\ ]': 1,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("1 / 0", UNDEFINED),
        ("7 / 2", 3.5),
        ('"a" + "b"', "ab"),
        ('"a" + 1', UNDEFINED),
        ('"a" * 2', UNDEFINED),
        ('properties["n"]', 5),
        ('properties["missing"]', UNDEFINED),
        ('properties["odd \\"name\\" \\\\ ]"]', 1),
        ('user["$email"]', UNDEFINED),
        ('properties["n"] == 5', True),
        ('properties["n"] == 5.0', True),
        ('properties["text"] == 5', False),
        ('properties["text"] != 5', True),
        ('properties["yes"] == 1', False),
        ('properties["n"] >= 5 and properties["n"] < 6', True),
        ('properties["text"] > 4', UNDEFINED),
        ('properties["missing"] > 4', UNDEFINED),
        ('"ea" in properties["plan"]', True),
        ('"new" in properties["tags"]', True),
        ('"ne" in properties["tags"]', False),
        ('properties["n"] in [1, 5]', True),
        ('properties["text"] in [1, 5]', False),
        ('properties["n"] in "15"', UNDEFINED),
        ("true or false and false", True),
        ("true OR false AND false", True),
        ('properties["missing"] and true', False),
        ('not properties["missing"]', True),
        ('not properties["n"] == 5', False),
        ("floor(2.7)", 2),
        ("ceil(2.1)", 3),
        ("round(2.5)", 3),
        ('round("x")', UNDEFINED),
        ("string(5)", "5"),
        ("string(2.5)", "2.5"),
        ("string(true)", "true"),
        ('number("2.5")', 2.5),
        ('number("2.5x")', UNDEFINED),
        ("number(true)", 1),
        ('number(properties["nothing"])', UNDEFINED),
        ("boolean(0)", False),
        ('boolean("x")', True),
        ('boolean("")', False),
        ('boolean("false")', False),
        ('boolean(properties["tags"])', True),
        ('boolean(properties["none"])', True),
        ('boolean(properties["missing"])', False),
        ("not true", False),
        ("not 1", UNDEFINED),
        ('not "x"', UNDEFINED),
        ('defined(properties["plan"])', True),
        ('defined(properties["missing"])', False),
        ("datetime(1704189600)", Moment(1704189600000)),
        ("datetime(1704189600000)", Moment(1704189600000)),
        ("datetime(0)", UNDEFINED),
        ('datetime("2024-01-02T10:00:00") == datetime(1704189600)', True),
        ('event["$time"] >= datetime("2024-01-02T00:00:00")', True),
        ('properties["$time"]>=datetime(1704189601)', False),
    ],
)
def test_an_expression_has_the_value_mixpanel_gives_it(text, value):
    found = parse(text).evaluate(ANA)

    assert found == value
    assert type(found) is type(value)


def test_only_true_matches():
    assert parse('properties["yes"]').matches(ANA)
    assert not parse('properties["missing"]').matches(ANA)
    assert not parse("1").matches(ANA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "country",
        'properties["n"] = 5',
        "properties['n']",
        'properties["n"',
        "properties[n]",
        "(1",
        "1 +",
        "1 2",
        "[1, 2",
        'defined "x"',
        '"open',
        "1 & 2",
    ],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize("text", ["1 and true", '"a" or true'])
def test_only_booleans_can_be_and_or(text):
    with pytest.raises(ExpressionError, match="expected a boolean"):
        parse(text).evaluate(ANA)
