"""`mp inspect` tells what Mixpanel has, and asks it once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.saved_things import simulated

Mp = Callable[..., Answer]


def use(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The environment has the simulator's address and credentials."""
    monkeypatch.setenv("MP_BASE_URL", simulator.url)
    monkeypatch.setenv("MP_USERNAME", simulator.project.username)
    monkeypatch.setenv("MP_SECRET", simulator.project.secret)
    monkeypatch.setenv("MP_PROJECT_ID", simulator.project.project_id)
    return simulator


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with simulated() as simulator:
        yield use(simulator, monkeypatch)


def told(answer: Answer) -> Any:
    """What a command answers that has nothing else to say."""
    assert (answer.code, answer.err) == (0, "")
    return answer.json


def test_events_are_those_that_mixpanel_knows(saved: Simulator, here: Mp) -> None:
    assert told(here("inspect", "events")) == ["Page/View", "Purchase", "Refund"]


def test_properties_values_and_what_is_inside(saved: Simulator, here: Mp) -> None:
    properties = told(here("inspect", "properties", "--event", "Purchase"))
    assert {"plan", "items", "amount"} <= set(properties)
    values = ("inspect", "values", "--property", "plan", "--event")
    assert told(here(*values, "Purchase")) == ["pro"]
    assert told(here("inspect", "subproperties", "-e", "Purchase", "-p", "items")) == [
        {"name": "n", "type": "number", "sample_values": [1]},
        {"name": "sku", "type": "string", "sample_values": ["a"]},
    ]


def test_saved_things_are_listed(saved: Simulator, here: Mp) -> None:
    assert told(here("inspect", "funnels")) == [{"funnel_id": 3, "name": "Checkout"}]
    (cohort,) = told(here("inspect", "cohorts"))
    assert (cohort["id"], cohort["name"], cohort["is_visible"]) == (7, "Payers", True)
    (bookmark,) = told(here("inspect", "bookmarks", "--type", "insights"))
    assert (bookmark["id"], bookmark["params"]["events"]) == (63, ["Purchase"])
    assert told(here("inspect", "bookmarks", "--type", "flows")) == []
    assert told(here("inspect", "annotations", "--from", "2024-01-03")) == []
    (note,) = told(here("inspect", "annotations", "--to", "2024-01-02"))
    assert note == {
        "id": 9,
        "date": "2024-01-02 09:00:00",
        "description": "Sale",
        "user": "Demo Analyst",
        "tags": ["m"],
    }


def test_top_events_are_those_of_today(monkeypatch: pytest.MonkeyPatch, here: Mp) -> None:
    with simulated(now=1_704_222_000.0) as simulator:  # DAY, in the evening
        use(simulator, monkeypatch)
        top = told(here("inspect", "top-events", "--type", "unique", "--limit", "1"))
    assert [(one["event"], one["count"]) for one in top] == [("Page/View", 1)]


def test_the_lexicon_in_whole_and_in_part(saved: Simulator, here: Mp) -> None:
    entries = told(here("inspect", "lexicon-schemas", "--type", "profile"))
    assert [(one["entity_type"], one["name"]) for one in entries] == [("profile", "$user")]
    schema = ("inspect", "lexicon-schema", "--type", "event", "--name", "Purchase")
    answer = here(*schema, "--format", "csv")
    assert answer.out.splitlines() == [
        "property,type,description,display_name,hidden,dropped",
        "plan,string,The plan.,,false,false",
    ]
    assert answer.err == "mp: from less than a minute ago; --refresh asks Mixpanel again\n"


def test_lists_are_tables_also_when_they_are_empty(saved: Simulator, here: Mp) -> None:
    assert here("inspect", "funnels", "-f", "csv").out == "funnel_id,name\n3,Checkout\n"
    table = here("inspect", "annotations", "--from", "2024-01-03", "-f", "csv")
    assert table.out == "id,date,description,user,tags\n"
    assert here("inspect", "funnels", "--jq", ".[].name").out == '"Checkout"\n'


def test_a_question_is_put_once_and_says_so_on_stderr_alone(saved: Simulator, here: Mp) -> None:
    first = here("inspect", "funnels")
    asked = len(saved.requests)
    again = here("inspect", "funnels")
    assert again.out == first.out
    assert again.err == "mp: from less than a minute ago; --refresh asks Mixpanel again\n"
    assert here("--quiet", "inspect", "funnels").err == ""
    assert len(saved.requests) == asked
    assert here("inspect", "funnels", "--refresh").err == ""
    assert len(saved.requests) == asked + 1


@pytest.mark.parametrize(
    ("words", "code", "near"),
    [
        (["properties", "-e", "purchse"], "EVENT_NOT_FOUND", {"similar_events": ["Purchase"]}),
        (["values", "-e", "Pay", "-p", "plan"], "EVENT_NOT_FOUND", {"similar_events": []}),
        (
            ["values", "-e", "Purchase", "-p", "plam"],
            "PROPERTY_NOT_FOUND",
            {"similar_properties": ["plan"]},
        ),
        (
            ["lexicon-schema", "-t", "event", "-n", "refunds"],
            "EVENT_NOT_FOUND",
            {"similar_events": ["Refund"]},
        ),
    ],
)
def test_an_unknown_name_is_not_found_and_near_ones_are_named(
    saved: Simulator, here: Mp, words: list[str], code: str, near: dict[str, list[str]]
) -> None:
    answer = here("inspect", *words)
    assert (answer.code, answer.out, answer.error["code"]) == (4, "", code)
    assert near.items() <= answer.error["details"].items()


def test_landed_events_are_listed_too(landed: Home, here: Mp) -> None:
    answer = here("inspect", "events", "--refresh")
    assert (answer.code, answer.err) == (0, "")
    assert {"Page View", "Purchase"} <= set(answer.json)


def test_events_of_a_plan_without_queries_are_those_landed(
    landed: Home, monkeypatch: pytest.MonkeyPatch, here: Mp
) -> None:
    with simulated(plan_refuses=("query", "app")) as simulator:
        use(simulator, monkeypatch)
        answer = here("inspect", "events")
    assert answer.code == 0
    assert "Purchase" in answer.json
    assert "Your plan does not allow API calls" in answer.err
    assert answer.err.endswith("only the landed events are listed\n")


def test_events_are_those_landed_while_mixpanel_is_out_of_reach(
    landed: Home, monkeypatch: pytest.MonkeyPatch, here: Mp
) -> None:
    monkeypatch.setenv("MP_BASE_URL", "http://127.0.0.1:1")
    answer = here("inspect", "events", "--refresh")
    assert answer.code == 0
    assert "Purchase" in answer.json
    assert answer.err.endswith("only the landed events are listed\n")


def test_without_anything_landed_a_refusal_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, here: Mp
) -> None:
    with simulated(plan_refuses=("query", "app")) as simulator:
        use(simulator, monkeypatch)
        answer = here("inspect", "events")
    assert (answer.code, answer.error["code"]) == (3, "PLAN_REQUIRED")
