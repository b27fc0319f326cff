"""What is fetched under a name is whole or not there, and nothing that was there is lost."""

import json
import os
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets import warehouse
from mixpanel_assets.errors import (
    AuthenticationError,
    DateRangeError,
    ExportIncompleteError,
    PlanRequiredError,
    QueryError,
    ServerError,
    TableExistsError,
    TableNotFoundError,
    UsageError,
)
from mixpanel_assets.fetch import pull_events, pull_profiles
from mixpanel_assets.mixpanel.export.selection import EventSelection, ProfileSelection
from mixpanel_assets.notes import AnswerWarning, notes_to
from mixpanel_assets.results import Fetched
from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event, shortened

DAY_MS = 86_400_000
WEEK = (DAY, DAY + timedelta(6))
CUT = ["cut-glued", "cut-line", "cut-body", "truncated-gzip", "bad-crc", "reset", "error-tail"]

Rows = list[tuple[Any, ...]]


def events(project: Project, name: str = "t", how: Any = "create", **selection: Any) -> Fetched:
    pull = pull_events(project.client, project.settings, *WEEK, EventSelection(**selection))
    return pull.fetch(project.warehouse, name, how)


def profiles(project: Project, name: str = "p", how: Any = "create", **selection: Any) -> Fetched:
    pull = pull_profiles(project.client, project.settings, ProfileSelection(**selection))
    return pull.fetch(project.warehouse, name, how)


def spool(project: Project) -> list[Path]:
    return list((project.settings.home / "spool").iterdir())


@pytest.fixture
def mixpanel() -> Iterator[Simulator]:
    """A week, each day with two purchases and an opening; three users and a group."""
    cohort = Cohort(5, "Few", where='properties["n"] <= 2', distinct_ids=("ghost",))
    with Simulator(retry_after=0, cohorts=[cohort]) as simulator:
        for n in range(7):
            at = NOON + n * DAY_MS
            day = [event("Open", at), event("Buy", at, n=n), event("Buy", at + 1, n=n, plan="pro")]
            simulator.store.set_day(DAY + timedelta(n), day)
        people = [("ann", {"n": 1, "city": "Łódź"}), ("bo", {"n": 2}), ("cy", {"n": 3})]
        simulator.profiles.set(
            {"$distinct_id": name, "$properties": properties} for name, properties in people
        )
        acme = {"$distinct_id": "Acme", "$properties": {"size": 40}}
        simulator.profiles.set([acme], data_group_id="-14")
        yield simulator


def test_a_pull_answers_with_exactly_what_the_contract_says(project: Project) -> None:
    told = events(project).to_dict()
    assert told.pop("duration_seconds") > 0
    assert told.pop("fetched_at").endswith("+00:00")
    assert told == {
        "table": "t", "type": "events", "rows": 21, "duplicates": 0,
        "from": "2024-01-02", "to": "2024-01-08",
    }  # fmt: skip
    told = profiles(project).to_dict()
    assert (told["type"], told["rows"], told["from"], told["to"]) == ("profiles", 3, None, None)


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        ({"events": ["Buy"]}, 14),
        ({"events": ["Buy", "Open", "Buy"]}, 21),
        ({"where": 'properties["plan"] == "pro"'}, 7),
        ({"events": ["Buy"], "where": 'properties["n"] >= 5'}, 4),
        ({"limit": 10}, 10),
        ({"events": ["Open"], "limit": 3}, 3),
        ({"events": ["Nothing of that name"]}, 0),
    ],
)
def test_every_filter_of_events_is_obeyed_recorded_and_costs_one_request(
    project: Project, mixpanel: Simulator, selection: dict[str, Any], rows: int
) -> None:
    with notes_to([].append):
        assert events(project, **selection).rows == rows
    assert project.sql("select count(*) from t") == [(rows,)]
    ((recorded,),) = project.sql("select filters from landed where dataset = 't'")
    names = {"events": list(dict.fromkeys(selection["events"]))} if "events" in selection else {}
    assert json.loads(recorded) == {"from": "2024-01-02", "to": "2024-01-08", **selection, **names}
    assert len(mixpanel.requests) == 1


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({}, ["ann", "bo", "cy"]),
        ({"where": 'properties["n"] >= 2'}, ["bo", "cy"]),
        ({"cohort_id": 5}, ["ann", "bo"]),
        ({"cohort_id": 5, "include_all_users": True}, ["ann", "bo", "ghost"]),
        ({"distinct_ids": ["cy", "nobody", "cy"]}, ["cy"]),
        ({"data_group_id": "-14"}, ["Acme"]),
    ],
)
def test_every_filter_of_profiles_is_obeyed_and_recorded(
    project: Project, selection: dict[str, Any], found: list[str]
) -> None:
    assert profiles(project, **selection).rows == len(found)
    assert [name for (name,) in project.sql("select distinct_id from p order by 1")] == found
    ((recorded,),) = project.sql("select filters from landed where dataset = 'p'")
    assert json.loads(recorded).keys() == selection.keys()


def test_only_the_properties_asked_for_are_fetched(project: Project) -> None:
    profiles(project, output_properties=["city"])
    assert project.sql("select city, properties::varchar from p where distinct_id = 'ann'") == [
        ("Łódź", '{"city":"Łódź"}')
    ]


def test_behaviors_choose_profiles_by_what_they_did(project: Project, mixpanel: Simulator) -> None:
    now = int(time.time())
    mixpanel.store.add([event("Buy", (now - 3600) * 1000, distinct_id="bo")])
    selectors = [{"event": "Buy"}]
    behaviors = [{"window": "5d", "name": "b", "event_selectors": selectors}]
    profiles(project, behaviors=behaviors, where='(behaviors["b"] == 1)')
    assert project.sql("select distinct_id from p") == [("bo",)]
    profiles(project, "then", as_of_timestamp=now - 7200, behaviors=behaviors,
             where='(behaviors["b"] == 1)')  # fmt: skip
    assert project.sql('select distinct_id from "then"') == []


def test_no_ids_are_no_profiles_and_no_request(project: Project, mixpanel: Simulator) -> None:
    assert profiles(project, distinct_ids=[]).rows == 0
    assert mixpanel.requests == []
    assert project.sql("select count(*) from p") == [(0,)]


@pytest.mark.parametrize("selection", [{"limit": 0}, {"limit": 100_001}, {"events": []}])
def test_a_selection_that_makes_no_sense_is_refused(selection: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        EventSelection(**selection)


def test_a_name_that_is_taken_costs_no_request(project: Project, mixpanel: Simulator) -> None:
    events(project, limit=1)
    asked = len(mixpanel.requests)
    with pytest.raises(TableExistsError):
        events(project)
    with pytest.raises(TableExistsError):
        profiles(project, "T")
    with pytest.raises(TableNotFoundError):
        events(project, "nix", how="append")
    with pytest.raises(UsageError):
        profiles(project, "t", how="append")  # it is of events
    for name in ("events", "Landed", "profile_history", "no name", ""):
        with pytest.raises(UsageError):
            events(project, name, how="replace")
    with pytest.raises(DateRangeError):
        pull_events(project.client, project.settings, WEEK[1], WEEK[0])
    assert len(mixpanel.requests) == asked
    assert project.sql("select count(*) from t") == [(1,)]


def test_replacing_leaves_nothing_of_the_old_table(project: Project) -> None:
    events(project)
    assert events(project, how="replace", events=["Open"]).rows == 7
    assert project.sql("select distinct event_name from t") == [("Open",)]
    assert project.sql("select rows from landed where dataset = 't'") == [(7,)]


def test_replacing_what_is_not_there_makes_it(project: Project) -> None:
    assert events(project, how="replace").rows == 21
    assert profiles(project, how="replace").rows == 3


@pytest.mark.parametrize(
    "kind", shortened([*CUT, "500", "401", "402"], "cut-glued", "bad-crc", "reset", "401")
)
def test_a_failed_download_leaves_the_old_table_as_it_was(
    project: Project, mixpanel: Simulator, kind: str
) -> None:
    events(project)
    before = project.sql("from t order by all"), project.sql("from landed")
    mixpanel.store.set_day(DAY, [event("New", NOON + n) for n in range(200)])
    mixpanel.fail(f"{kind}@*")
    for how in ("replace", "append"):
        with pytest.raises(
            (ExportIncompleteError, ServerError, AuthenticationError, PlanRequiredError)
        ):
            events(project, how=how)
        assert (project.sql("from t order by all"), project.sql("from landed")) == before
        assert spool(project) == []


@pytest.mark.parametrize("how", ["create", "replace", "append"])
@pytest.mark.parametrize("kind", ["short", "500", "402"])
def test_a_failed_download_of_profiles_changes_nothing(
    project: Project, mixpanel: Simulator, kind: str, how: str
) -> None:
    if how != "create":
        profiles(project)
    mixpanel.profiles.update("ann", set={"n": 9})
    mixpanel.fail_engage(f"{kind}@*")
    with pytest.raises((ExportIncompleteError, ServerError, PlanRequiredError)):
        profiles(project, how=how)
    if how != "create":
        assert project.sql("select n from p where distinct_id = 'ann'") == [(1,)]
    else:
        assert project.sql("select 1 from duckdb_tables() where table_name = 'p'") == []
    assert spool(project) == []


@pytest.mark.parametrize(
    "kind", shortened([*CUT, "429", "500", "502", "no-newline"], "cut-line", "429", "no-newline")
)
def test_a_failure_that_passes_is_only_another_request(
    project: Project, mixpanel: Simulator, kind: str
) -> None:
    mixpanel.fail(f"{kind}@1")
    assert events(project).rows == 21


def test_a_span_that_stays_too_long_is_asked_for_in_halves(
    project: Project, mixpanel: Simulator
) -> None:
    mixpanel.fail("cut-line@1-3")
    assert events(project, events=["Buy"]).rows == 14
    asked = [r.params["from_date"] + " " + r.params["to_date"] for r in mixpanel.requests[3:]]
    assert asked == [
        "2024-01-02 2024-01-04",
        "2024-01-05 2024-01-07",
        "2024-01-08 2024-01-08",
    ]


def test_a_limit_is_never_asked_for_in_halves(project: Project, mixpanel: Simulator) -> None:
    mixpanel.fail("cut-line@1-3")
    assert events(project, limit=5).rows == 5
    assert {(r.params["from_date"], r.params["to_date"]) for r in mixpanel.requests} == {
        ("2024-01-02", "2024-01-08")
    }


def test_a_question_that_mixpanel_does_not_understand_is_asked_once(
    project: Project, mixpanel: Simulator
) -> None:
    with pytest.raises(QueryError):
        events(project, where="this is no expression (")
    assert len(mixpanel.requests) == 1


@pytest.mark.parametrize("status", ["401", "403", "402"])
def test_what_mixpanel_refuses_is_asked_once(
    project: Project, mixpanel: Simulator, status: str
) -> None:
    mixpanel.fail(f"{status}@*")
    with pytest.raises((AuthenticationError, PlanRequiredError)):
        events(project)
    mixpanel.fail_engage(f"{status}@*")
    with pytest.raises((AuthenticationError, PlanRequiredError)):
        profiles(project)
    assert len(mixpanel.requests) == 2


def test_profiles_cost_one_query_of_the_hour(project: Project) -> None:
    profiles(project)
    assert project.client.budget.report()["query"]["used"] == 1


def test_a_pull_of_nothing_is_an_empty_table_to_add_to(
    project: Project, mixpanel: Simulator
) -> None:
    with pytest.warns(AnswerWarning, match="no event 'Not yet' is among what was fetched"):
        assert events(project, events=["Not yet"]).rows == 0
    assert events(project, how="append").rows == 21
    mixpanel.profiles.set([])
    assert profiles(project, where='properties["n"] > 99').rows == 0


def test_appending_the_same_range_again_doubles_nothing(
    project: Project, mixpanel: Simulator
) -> None:
    bare = {"event": "Bare", "properties": {"time": NOON, "distinct_id": "ann"}}
    mixpanel.store.set_day(DAY, [event("Open"), bare, bare, {**bare, "event": "Bare too"}])
    events(project)
    whole = project.sql("select event_name, properties from t order by all")
    again = events(project, how="append")
    assert (again.rows, again.duplicates) == (22, 22)
    assert project.sql("select event_name, properties from t order by all") == whole
    mixpanel.store.set_day(DAY, [event("Open"), bare, bare, bare])
    events(project, how="append")
    assert project.sql("select count(*) from t where event_name = 'Bare'") == [(3,)]


def test_appending_a_later_pull_shows_events_as_they_are_now(
    project: Project, mixpanel: Simulator
) -> None:
    events(project)
    newer = event("Buy", n=100, mp_processing_time_ms=NOON + 5)
    mixpanel.store.set_day(DAY, [newer])
    events(project, how="append")
    assert project.sql(f"select n from t where epoch_ms(event_time) = {NOON} and "
                       "event_name = 'Buy'") == [(100,)]  # fmt: skip


def test_appending_profiles_updates_those_that_are_there(
    project: Project, mixpanel: Simulator
) -> None:
    profiles(project)
    mixpanel.profiles.update("ann", set={"n": 9})
    mixpanel.profiles.delete("cy")
    profiles(project, how="append")
    assert project.sql("select distinct_id, n from p order by 1") == [
        ("ann", 9),
        ("bo", 2),
        ("cy", 3),
    ]


def test_a_long_range_costs_few_requests(project: Project, mixpanel: Simulator) -> None:
    last = DAY + timedelta(364)
    pull_events(project.client, project.settings, DAY, last).fetch(project.warehouse, "year")
    assert len(mixpanel.requests) <= 13
    before = len(mixpanel.requests)
    buys = pull_events(project.client, project.settings, DAY, last, EventSelection(events=["Buy"]))
    buys.fetch(project.warehouse, "buys")
    assert len(mixpanel.requests) - before == 1


def test_one_failed_span_among_many_fails_the_pull(project: Project, mixpanel: Simulator) -> None:
    mixpanel.fail("500@2-9")
    pull = pull_events(project.client, project.settings, DAY, DAY + timedelta(60))
    with pytest.raises(ServerError):
        pull.fetch(project.warehouse, "t")
    assert project.sql("select 1 from duckdb_tables() where table_name = 't'") == []
    mixpanel.fail()
    assert events(project).rows == 21  # the name is free, and the next pull is whole


def test_a_line_that_is_no_json_is_asked_for_again_and_never_loaded(
    project: Project, mixpanel: Simulator
) -> None:
    good = [json.dumps(event("Open", NOON + n), separators=(",", ":")).encode() for n in range(9)]
    broken = b'{"event":"Open","properties":{"time":17041968"}}'
    mixpanel.store.set_day(DAY, [*good[:4], broken, *good[4:]])
    with pytest.raises(ExportIncompleteError):
        events(project)
    assert len(mixpanel.requests) == 3
    assert project.sql("select 1 from duckdb_tables() where table_name = 't'") == []
    assert spool(project) == []


def test_the_assets_and_their_record_are_untouched(project: Project) -> None:
    project.ingest(*WEEK)
    before = project.sql("from events order by all")
    events(project)
    events(project, how="replace", limit=1)
    assert project.sql("from events order by all") == before
    assert project.sql("select count(*) from landed where dataset = 'events'") == [(7,)]


def test_what_killed_pulls_left_is_removed_when_it_is_old(project: Project) -> None:
    folder = project.settings.home / "spool"
    for name in ("old", "new"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x.jsonl.gz").write_bytes(b"")
    for path in (folder / "old" / "x.jsonl.gz", folder / "old"):
        os.utime(path, (1, 1))
    events(project)
    assert spool(project) == [folder / "new"]


def test_only_its_owner_can_look_into_the_spool(project: Project) -> None:
    seen: list[int] = []

    def look(done: int, total: int) -> None:
        (pull,) = spool(project)
        seen.extend(path.stat().st_mode & 0o077 for path in (pull.parent, pull))

    pull = pull_events(project.client, project.settings, *WEEK, progress=look)
    pull.fetch(project.warehouse, "t")
    assert seen
    assert set(seen) == {0}


def test_no_name_is_taken_that_a_load_uses_itself(project: Project, mixpanel: Simulator) -> None:
    sources = [path.read_text() for path in Path(warehouse.__path__[0]).rglob("*.py")]
    used = {name for text in sources for name in re.findall(r"temp (?:table|view) (\w+)", text)}
    assert len(used) > 10
    for name in used:
        with pytest.raises(UsageError):
            events(project, name)
    assert mixpanel.requests == []
