"""What a project has, asked over HTTP."""

from collections.abc import Callable, Collection
from datetime import date

import pytest

from mixpanel_assets.errors import (
    EventNotFoundError,
    PlanRequiredError,
    PropertyNotFoundError,
    QueryError,
    ServerError,
)
from mixpanel_assets.mixpanel.cache import CachedAnswers
from mixpanel_assets.mixpanel.catalog.questions import event_names
from mixpanel_assets.mixpanel.catalog.rows import export_catalog
from mixpanel_assets.mixpanel.names import Names
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets_tests.asking import discovery
from mixpanel_assets_tests.conftest import Project
from mixpanel_assets_tests.saved_things import simulated

Opened = Callable[..., Project]


class Landed:
    """A warehouse that holds these events."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def events(self, *, strict: bool = False) -> Collection[str]:
        return self.names

    def properties(self, event: str) -> Collection[str]:
        return ()

    def texts(self, event: str, name: str) -> int:
        return 0

    def days(self, seconds: float) -> Collection[date]:
        return ()


def asking(project: Project, *landed: str) -> CachedAnswers:
    """Asks Mixpanel, with these names of events landed."""
    project.client.names = Names(project.client, project.settings, Landed(*landed))
    return CachedAnswers(project.client, project.settings, refresh=True)


@pytest.fixture
def project(open_project: Opened):  # type: ignore[no-untyped-def]
    with simulated() as simulator:
        ann = {"$email": "ann@example.com", "age": 41, "nothing": None}
        simulator.profiles.set([{"$distinct_id": "ann", "$properties": ann}])
        yield open_project(simulator)


@pytest.fixture
def client(project: Project) -> CachedAnswers:
    return asking(project)


def test_events_are_those_of_last_month_of_the_lexicon_and_landed(project: Project) -> None:
    assert event_names(project.client) == ["Page/View", "Purchase"]
    known = discovery.events(asking(project, "Old", "Purchase"))
    assert known == ["Old", "Page/View", "Purchase", "Refund"]


def test_properties_of_an_event_are_sorted_names(client: CachedAnswers) -> None:
    assert discovery.properties(client, "Purchase") == ["$insert_id", "amount", "items", "plan"]
    assert discovery.properties(client, "Refund") == []


def test_an_unknown_event_is_an_error_that_names_those_meant(client: CachedAnswers) -> None:
    with pytest.raises(EventNotFoundError) as caught:
        discovery.properties(client, "purchse")
    assert caught.value.details["similar_events"] == ["Purchase"]


def test_an_event_that_is_only_landed_is_known(project: Project) -> None:
    assert discovery.properties(asking(project, "Old"), "Old") == []


def test_values_of_a_property_are_text(client: CachedAnswers) -> None:
    assert discovery.property_values(client, "amount", event="Purchase") == ["9.5"]
    with pytest.raises(PropertyNotFoundError) as caught:
        discovery.property_values(client, "paln", event="Purchase")
    assert caught.value.details["similar_properties"] == ["plan"]


def test_values_without_an_event_are_as_mixpanel_has_it(client: CachedAnswers) -> None:
    with pytest.raises(QueryError, match="event"):
        discovery.property_values(client, "plan")


def test_subproperties_are_of_the_objects_in_a_list(client: CachedAnswers) -> None:
    found = discovery.subproperties(client, "Purchase", "items")
    assert [(one.name, one.type) for one in found] == [("n", "number"), ("sku", "string")]


def test_properties_of_profiles_have_the_type_of_their_values(project: Project) -> None:
    found = discovery.profile_properties(asking(project))
    assert {one.name: one.type for one in found} == {
        "$email": "string",
        "age": "number",
        "nothing": "unknown",
    }


def test_saved_things_are_listed(client: CachedAnswers) -> None:
    assert [one.name for one in discovery.funnels(client)] == ["Checkout"]
    assert [(one.id, one.name) for one in discovery.cohorts(client)] == [(7, "Payers")]
    assert [one.id for one in discovery.list_bookmarks(client)] == [63]
    assert discovery.list_bookmarks(client, "flows") == []
    assert [one.description for one in discovery.annotations(client, "2024-01-02")] == ["Sale"]
    assert discovery.annotations(client, to_date="2024-01-01") == []
    assert discovery.top_events(client, limit=1) == []


def test_the_lexicon_is_asked_once_for_everything(open_project: Opened) -> None:
    with simulated() as simulator:
        client = open_project(simulator).client
        events = discovery.lexicon_schemas(client, entity_type="event")
        assert [one.name for one in events] == ["Purchase", "Refund"]
        assert discovery.lexicon_schema(client, "profile", "$user").name == "$user"
        with pytest.raises(EventNotFoundError) as caught:
            discovery.lexicon_schema(client, "event", "refunds")
        assert caught.value.details["similar_events"] == ["Refund"]
        assert {one.path for one in simulator.requests} == {"/api/app/projects/12345/schemas"}


def test_the_catalog_has_a_row_for_everything(client: CachedAnswers) -> None:
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
        assert discovery.events(asking(open_project(simulator))) == ["Purchase", "Refund"]
    with (
        simulated(plan_refuses=("query", "app")) as simulator,
        pytest.raises(PlanRequiredError),
    ):
        discovery.events(asking(open_project(simulator)))


def test_landed_events_stand_in_for_those_that_the_plan_refuses(open_project: Opened) -> None:
    with (
        simulated(plan_refuses=("query", "app")) as simulator,
        pytest.warns(AnswerWarning, match="only the landed events are listed"),
    ):
        assert discovery.events(asking(open_project(simulator), "Old")) == ["Old"]
