"""Answers about a project become records: Mixpanel's own examples, and odd ones."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_assets.mixpanel.catalog import answers
from mixpanel_assets.results.catalog import (
    Annotation,
    BookmarkInfo,
    FunnelInfo,
    LexiconDefinition,
    LexiconMetadata,
    LexiconProperty,
    LexiconSchema,
    SavedCohort,
    SubPropertyInfo,
    TopEvent,
)

SCHEMA = {
    "description": "A cart was filled",
    "properties": {
        "Price": {
            "type": "number",
            "description": "In dollars",
            "metadata": {"com.mixpanel": {"displayName": "The price", "hidden": True}},
        }
    },
    "metadata": {
        "com.mixpanel": {
            "$source": "partner",
            "displayName": "Cart",
            "tags": ["shop"],
            "hidden": False,
            "dropped": True,
            "contacts": ["a@example.com"],
            "teamContacts": ["Growth"],
        }
    },
}


def test_names_are_as_mixpanel_lists_them() -> None:
    assert answers.names(["battle", "click signup button", "View homepage", "battle", 1]) == [
        "battle",
        "click signup button",
        "View homepage",
    ]


def test_properties_are_the_keys_also_of_those_without_a_count() -> None:
    assert answers.property_names({"ad version": {"count": 295}, "data": {}}) == [
        "ad version",
        "data",
    ]
    assert answers.property_names({"data": {"count": 295}}) == ["data"]


def test_values_are_text_whatever_they_are() -> None:
    assert answers.values(["cat", 1, None, {"a": 1}]) == ["cat", "1", "null", '{"a": 1}']


def test_top_events_have_a_count_and_what_changed() -> None:
    events = [
        {"amount": 2, "event": "funnel", "percent_change": -0.35635745999582824},
        {"amount": None, "event": "pages"},
        {"amount": 3},
    ]
    assert answers.top_events({"events": events, "type": "unique"}) == [
        TopEvent("funnel", 2, -0.35635745999582824),
        TopEvent("pages", 0, None),
    ]


def test_funnels_are_those_that_have_an_id() -> None:
    assert answers.funnels([{"funnel_id": 7509, "name": "Signup funnel"}, {"name": "x"}, None]) == [
        FunnelInfo(7509, "Signup funnel")
    ]


def test_cohorts_are_visible_unless_mixpanel_says_otherwise() -> None:
    cohort = {
        "count": 150,
        "is_visible": 0,
        "description": "One",
        "created": "2019-03-19 23:49:51",
        "project_id": 1,
        "id": 1000,
        "name": "Cohort One",
    }
    assert answers.cohorts([cohort, {"id": 2, "name": None}]) == [
        SavedCohort(1000, "Cohort One", 150, "One", "2019-03-19 23:49:51", False),
        SavedCohort(2, "", None, "", None, True),
    ]


def test_bookmarks_keep_what_the_report_asks_also_when_it_is_text() -> None:
    found = answers.bookmarks(
        {"status": "ok", "results": [{"id": "63", "name": "R", "params": '{"a": 1}'}]}
    )
    assert found == [BookmarkInfo(id=63, name="R", params={"a": 1})]
    assert "params" not in found[0].to_row()


def test_annotations_name_who_wrote_them_and_their_tags() -> None:
    results = [
        {
            "id": 640999.0,
            "date": "2021-08-20 16:30:00",
            "description": "Something!",
            "user": {"id": 1, "first_name": "John", "last_name": "Smith"},
            "tags": [{"id": 1, "name": "t"}, "u", {}],
        },
        {"date": "2021-08-21 00:00:00", "user": None, "tags": None},
    ]
    assert answers.annotations({"status": "ok", "results": results}) == [
        Annotation(640999, "2021-08-20 16:30:00", "Something!", "John Smith", ["t", "u"]),
        Annotation(None, "2021-08-21 00:00:00"),
    ]


def test_a_schema_says_all_that_the_lexicon_does() -> None:
    entry = {"entityType": "event", "name": "Added To Cart", "schemaJson": SCHEMA}
    price = LexiconProperty(
        "number", "In dollars", LexiconMetadata(display_name="The price", hidden=True)
    )
    metadata = LexiconMetadata(
        "partner", "Cart", ["shop"], False, True, ["a@example.com"], ["Growth"]
    )
    definition = LexiconDefinition("A cart was filled", {"Price": price}, metadata)
    assert answers.schemas({"results": [entry], "status": "ok"}) == [
        LexiconSchema("event", "Added To Cart", definition)
    ]


def test_a_schema_without_anything_in_it_is_an_empty_one() -> None:
    found = answers.schemas([{"entityType": "event", "name": "E", "schemaJson": None}])
    assert found == [LexiconSchema("event", "E", LexiconDefinition())]


def test_subproperties_are_what_objects_and_lists_of_them_have_inside() -> None:
    values = ['{"sku":"a","n":1}', '[{"sku":"b","n":"2"},3]', "plain", "[not json", '{"gift":null}']
    assert answers.subproperties(values) == [
        SubPropertyInfo("gift", "null", []),
        SubPropertyInfo("n", "mixed", [1, "2"]),
        SubPropertyInfo("sku", "string", ["a", "b"]),
    ]


PARSERS = [
    answers.names,
    answers.property_names,
    answers.values,
    answers.top_events,
    answers.funnels,
    answers.cohorts,
    answers.bookmarks,
    answers.annotations,
    answers.schemas,
]
WIRE_NAMES = [
    "id",
    "funnel_id",
    "name",
    "event",
    "date",
    "results",
    "schemaJson",
    "properties",
    "metadata",
    "com.mixpanel",
    "tags",
    "user",
    "type",
    "params",
    "count",
    "data",
]
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WIRE_NAMES),
            inner,
            max_size=4,
        )
    ),
)


@pytest.mark.parametrize("parse", PARSERS)
@given(data=odd)
def test_no_answer_is_too_odd(parse: Callable[[Any], list[Any]], data: Any) -> None:
    for record in parse(data):
        assert isinstance(record, str) or record.to_dict()
