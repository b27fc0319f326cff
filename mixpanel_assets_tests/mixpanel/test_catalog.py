"""What a project has, asked over HTTP."""

from collections.abc import Callable

import pytest

from mixpanel_assets.errors import (
    EventNotFoundError,
    PlanRequiredError,
    PropertyNotFoundError,
    QueryError,
    ServerError,
)
from mixpanel_assets.mixpanel import catalog
from mixpanel_assets.mixpanel.catalog_export import export_catalog
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets_tests.conftest import Project
from mixpanel_assets_tests.saved_things import simulated

Opened = Callable[..., Project]


@pytest.fixture
def client(open_project: Opened):  # type: ignore[no-untyped-def]
    with simulated() as simulator:
        yield open_project(simulator).client


def test_events_are_those_of_last_month_of_the_lexicon_and_landed(client: Client) -> None:
    assert catalog.event_names(client) == ["Page/View", "Purchase"]
    known = catalog.events(client, landed=lambda: ["Old", "Purchase"])
    assert known == ["Old", "Page/View", "Purchase", "Refund"]


def test_properties_of_an_event_are_sorted_names(client: Client) -> None:
    assert catalog.properties(client, "Purchase") == ["$insert_id", "amount", "items", "plan"]
    assert catalog.properties(client, "Refund") == []


def test_an_unknown_event_is_an_error_that_names_those_meant(client: Client) -> None:
    with pytest.raises(EventNotFoundError) as caught:
        catalog.properties(client, "purchse")
    assert caught.value.details["similar_events"] == ["Purchase"]


def test_an_event_that_is_only_landed_is_known(client: Client) -> None:
    assert catalog.properties(client, "Old", landed=lambda: ["Old"]) == []


def test_values_of_a_property_are_text(client: Client) -> None:
    assert catalog.property_values(client, "amount", event="Purchase") == ["9.5"]
    with pytest.raises(PropertyNotFoundError) as caught:
        catalog.property_values(client, "paln", event="Purchase")
    assert caught.value.details["similar_properties"] == ["plan"]


def test_values_without_an_event_are_as_mixpanel_has_it(client: Client) -> None:
    with pytest.raises(QueryError, match="event"):
        catalog.property_values(client, "plan")


def test_subproperties_are_of_the_objects_in_a_list(client: Client) -> None:
    found = catalog.subproperties(client, "Purchase", "items")
    assert [(one.name, one.type) for one in found] == [("n", "number"), ("sku", "string")]


def test_saved_things_are_listed(client: Client) -> None:
    assert [one.name for one in catalog.funnels(client)] == ["Checkout"]
    assert [(one.id, one.name) for one in catalog.cohorts(client)] == [(7, "Payers")]
    assert [one.id for one in catalog.bookmarks(client)] == [63]
    assert catalog.bookmarks(client, "flows") == []
    assert [one.description for one in catalog.annotations(client, "2024-01-02")] == ["Sale"]
    assert catalog.annotations(client, to_date="2024-01-01") == []
    assert catalog.top_events(client, limit=1) == []


def test_the_lexicon_is_asked_once_for_everything(open_project: Opened) -> None:
    with simulated() as simulator:
        client = open_project(simulator).client
        events = catalog.lexicon_schemas(client, entity_type="event")
        assert [one.name for one in events] == ["Purchase", "Refund"]
        assert catalog.lexicon_schema(client, "profile", "$user").name == "$user"
        with pytest.raises(EventNotFoundError) as caught:
            catalog.lexicon_schema(client, "event", "refunds")
        assert caught.value.details["similar_events"] == ["Refund"]
        assert {one.path for one in simulator.requests} == {"/api/app/projects/12345/schemas"}


def test_the_catalog_has_a_row_for_everything(client: Client) -> None:
    parts = export_catalog(client)
    sizes = {name: len(rows) for name, rows in parts.items() if not isinstance(rows, Skipped)}
    assert sizes == {
        "lexicon_events": 2,
        "lexicon_properties": 2,
        "cohorts": 1,
        "funnels": 1,
        "bookmarks": 1,
        "annotations": 1,
    }
    assert parts["annotations"] == [
        {
            "id": 9,
            "date": "2024-01-02",
            "moment": "2024-01-02 09:00:00",
            "description": "Sale",
            "user_name": "Demo Analyst",
            "tags": ["m"],
        }
    ]


def test_what_the_plan_refuses_is_skipped_in_mixpanels_words(open_project: Opened) -> None:
    with simulated(plan_refuses=("query", "schemas")) as simulator:
        parts = export_catalog(open_project(simulator).client)
    skipped = {name for name, rows in parts.items() if isinstance(rows, Skipped)}
    assert skipped == {"lexicon_events", "lexicon_properties", "cohorts", "funnels"}
    words = parts["cohorts"]
    assert isinstance(words, Skipped)
    assert words.reason.startswith("Your plan does not allow API calls")


def test_any_other_failure_ends_the_catalog(open_project: Opened) -> None:
    with simulated() as simulator:
        simulator.fail_app(*(f"500@{n}" for n in range(1, 9)))
        with pytest.raises(ServerError):
            export_catalog(open_project(simulator).client)


def test_events_need_one_of_the_two_answers(open_project: Opened) -> None:
    with simulated(plan_refuses=("query",)) as simulator:
        assert catalog.events(open_project(simulator).client) == ["Purchase", "Refund"]
    with (
        simulated(plan_refuses=("query", "app")) as simulator,
        pytest.raises(PlanRequiredError),
    ):
        catalog.events(open_project(simulator).client)
