"""A property to split by and an event with a filter, each with an escape for names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import Step, parse, parse_by, parse_step, quoted

NAMES = ["plan", "Plan Type", "utm.source", "a-b", "a/b", "Price (USD)", "50%", "in", "$browser"]


@pytest.mark.parametrize("name", [*NAMES, "a + b", "it's", 'say "x"', "a[0]"])
def test_a_breakdown_is_the_name_of_a_property_as_it_is(name: str) -> None:
    assert parse_by(name).properties() == [name]
    assert parse_by(quoted(name)).properties() == [name]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('properties["Plan Type"]', 'properties["Plan Type"]'),
        ("floor(amount / 10)", 'floor(properties["amount"] / 10)'),
        ("amount > 50", 'properties["amount"] > 50'),
        ('"a == b"', 'properties["a == b"]'),
        (r'"say \"x\" \\"', r'properties["say \"x\" \\"]'),
    ],
)
def test_a_breakdown_with_brackets_functions_or_comparisons_is_an_expression(
    text: str, meant: str
) -> None:
    assert str(parse_by(text)) == meant


@pytest.mark.parametrize("text", ["", " ", "properties.plan", 'user["x"]', "floor(", "a == b =="])
def test_a_wrong_breakdown_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^by: "):
        parse_by(text)


@pytest.mark.parametrize(
    ("text", "event", "where"),
    [
        ("Purchase", "Purchase", None),
        ("Add To Cart", "Add To Cart", None),
        ("Purchase[amount > 50]", "Purchase", "amount > 50"),
        ("Purchase [ amount > 50 ] ", "Purchase", "amount > 50"),
        ('Purchase[properties["a]b"] in ["[", "]"]]', "Purchase",
         'properties["a]b"] in ["[", "]"]'),
        ('"Click [nav]"', "Click [nav]", None),
        ('"Click [nav]"[plan == "a]"]', "Click [nav]", 'plan == "a]"'),
        (r'"\"quoted\" \\"', '"quoted" \\', None),
        # A bracket that does not close the text is part of the name.
        ("a[0] opened", "a[0] opened", None),
        ("a[b", "a[b", None),
        ('say "x"', 'say "x"', None),
        ("$custom_event:1", "$custom_event:1", None),
    ],
)  # fmt: skip
def test_a_step_is_an_event_and_perhaps_a_filter(text: str, event: str, where: str | None) -> None:
    step = parse_step(text)
    assert step.event == event
    assert (step.where and step.where.text) == where
    again = parse_step(str(step))
    assert (again.event, str(again.where)) == (event, str(step.where))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Purchase[amount = 50]", r"^step: filter of Purchase: expected an operator or the end"),
        ("Purchase[]", "^step: the filter is empty"),
        ("[amount > 50]", "^step: the name of an event is missing"),
        ("", "^step: the name of an event is missing"),
        ('"Purchase', "^step: the quote is never closed"),
        ('"Purchase" x', r"^step: expected \[filter\] or the end after a name"),
        ('"Purchase"[x', r"^step: expected \[filter\] or the end after a name"),
    ],
)
def test_a_wrong_step_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_step(text)


names = st.text(min_size=1, max_size=8) | st.text('[]"\\ a', min_size=1, max_size=8)


@given(names.filter(str.strip), st.sampled_from([None, 'x == "]"', "y in [1, 2]"]))
def test_every_name_of_an_event_can_be_written(event: str, where: str | None) -> None:
    step = Step(event, where and parse(where))
    read = parse_step(str(step))
    assert (read.event, str(read.where)) == (event, str(step.where))
