"""Names in lists are taken as they stand."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

import mixpanel_assets as mp
from mixpanel_assets.cli.options import names_in
from mixpanel_assets.errors import UsageError
from mixpanel_assets.mixpanel.export.selection import EventSelection, ProfileSelection
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event

BLANKED = (" Purchase", "Purchase", "Purchase ")
DAYS = ("--from", str(DAY), "--to", str(DAY))


@pytest.fixture
def purchases(account: Simulator) -> Simulator:
    """One ` Purchase`, two `Purchase`, three `Purchase `; each says how many there are."""
    numbered = [(name, n) for name in BLANKED for n in range(BLANKED.index(name) + 1)]
    account.store.set_day(DAY, [event(name, NOON + n, plan=f"{name}!") for name, n in numbered])
    account.profiles.set([{"$distinct_id": " ann", "$properties": {" plan": 1, "plan": 2}}])
    return account


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (None, None),
        ([], None),
        (["A,B"], ["A", "B"]),
        (["A", "B", "A"], ["A", "B"]),
        ([" A ,B "], [" A ", "B "]),
        (['" A ","B, C"'], [" A ", "B, C"]),
        (['A, "B, C" , D'], ["A", "B, C", " D"]),
        (['say "hi",B'], ['say "hi"', "B"]),
        (['"say ""hi"""'], ['say "hi"']),
        (['"A', 'B"'], ['"A', 'B"']),
        (['"A"B,C'], ['"A"B', "C"]),
        (["a\nb,c"], ["a\nb", "c"]),
        (['"a\nb",c'], ["a\nb", "c"]),
        (['"",A'], ["", "A"]),
    ],
)
def test_names_are_taken_as_they_stand(texts: list[str] | None, names: list[str] | None) -> None:
    assert names_in(texts) == names


@pytest.mark.parametrize("text", ["", ",", "A,", ",A", "A,,B"])
def test_an_empty_name_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="empty name"):
        names_in(["A", text])


@pytest.mark.parametrize(("name", "count"), [(BLANKED[n], n + 1) for n in range(3)])
def test_every_command_asks_for_the_name_that_was_typed(
    purchases: Simulator, here: Callable[..., Answer], name: str, count: int
) -> None:
    fetched = here("--quiet", "fetch", "events", "x", "--events", name, *DAYS)
    assert fetched.json["rows"] == count
    (filters,) = here("sql", "select filters from landed where dataset = 'x'").json
    assert filters["filters"]["events"] == [name]
    counted = here("query", "event-counts", "--events", name, *DAYS).json
    assert counted["series"] == {name: {str(DAY): count}}
    whole = here("query", "segmentation", "--event", name, *DAYS).json
    assert (whole["event"], whole["total"]) == (name, count)
    by_value = ["property-counts", "--event", name, "--property", "plan", "--values"]
    valued = here("query", *by_value, f"{name}!", *DAYS).json
    assert valued["series"] == {f"{name}!": {str(DAY): count}}
    for words in (["daily", "--events", name], ["coverage", "--event", name, "--properties"]):
        more = ["plan"] if "coverage" in words else []
        assert here("inspect", *words, *more, "--table", "x").code == 0


def test_a_name_with_a_blank_too_many_is_told_in_quotes(
    purchases: Simulator, here: Callable[..., Answer]
) -> None:
    here("--quiet", "fetch", "events", "x", *DAYS)
    answer = here("inspect", "daily", "--table", "x", "--events", "Purchase,  Purchase")
    assert (answer.code, answer.error["code"]) == (4, "EVENT_NOT_FOUND")
    assert answer.error["hint"] == "did you mean ' Purchase', Purchase, 'Purchase '?"


def test_properties_and_ids_of_profiles_are_taken_as_they_stand(
    purchases: Simulator, here: Callable[..., Answer]
) -> None:
    chosen = ["--distinct-ids", " ann", "--output-properties", " plan"]
    here("--quiet", "fetch", "profiles", "p", *chosen)
    (row,) = here("sql", "select distinct_id, properties from p").json
    assert row == {"distinct_id": " ann", "properties": {" plan": 1}}


def test_a_string_in_python_is_one_name(purchases: Simulator, tmp_path: Path) -> None:
    with mp.Workspace() as ws:
        assert ws.fetch_events("x", from_date=DAY, to_date=DAY, events="Purchase").rows == 2
        ws.fetch_profiles("p", distinct_ids=" ann", output_properties="plan")
        assert ws.sql_scalar("select properties from p") == '{"plan":2}'
        ws.materialize_events(DAY, DAY)
        assert ws.daily_counts(events="Purchase").events == ["Purchase"]
        assert ws.engagement_distribution(events="Purchase").total_users == 1
        assert len(ws.property_coverage("Purchase", "plan").coverage) == 1
        assert ws.event_counts("Purchase ", from_date=str(DAY), to_date=DAY).events == ["Purchase "]


def test_an_empty_name_is_nowhere_taken_for_every_name(
    purchases: Simulator, here: Callable[..., Answer]
) -> None:
    for words in (
        ["fetch", "events", "x", "--events", "", *DAYS],
        ["fetch", "profiles", "x", "--output-properties", ""],
        ["fetch", "profiles", "x", "--distinct-ids", '" "'],
        ["query", "frequency", "--event", "", *DAYS],
        ["query", "retention", "--born", "Purchase", "--return", " ", *DAYS],
        ["query", "event-counts", "--events", "Purchase,", *DAYS],
    ):
        answer = here(*words)
        assert (answer.code, answer.out) == (2, ""), words
    assert purchases.requests == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: EventSelection(events=["Buy", " "]),
        lambda: EventSelection(events=""),
        lambda: ProfileSelection(distinct_ids=[""]),
        lambda: ProfileSelection(output_properties=["plan", ""]),
    ],
)
def test_a_selection_has_no_empty_names(make: Callable[[], Any]) -> None:
    with pytest.raises(UsageError, match="is empty"):
        make()


def test_an_empty_value_can_be_asked_for(purchases: Simulator, here: Callable[..., Answer]) -> None:
    purchases.store.set_day(DAY + timedelta(1), [event("Open", NOON + 86_400_000, plan="")])
    span = ["--from", str(DAY), "--to", str(DAY + timedelta(1))]
    chosen = ["--event", "Open", "--property", "plan", "--values", '""']
    answer = here("query", "property-counts", *chosen, *span)
    assert answer.json["series"] == {"": {str(DAY): 0, str(DAY + timedelta(1)): 1}}
