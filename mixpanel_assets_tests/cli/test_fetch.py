"""`mp fetch` and `mp drop`: what they say, and what they refuse before they ask."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event

Mp = Callable[..., Answer]
EVENTS = ("fetch", "events")
PROFILES = ("fetch", "profiles")
SPAN = ("--from", "2024-01-02", "--to", "2024-01-03")


@pytest.fixture
def mixpanel() -> Iterator[Simulator]:
    """Two days with an opening and two purchases each, three users, one group."""
    cohort = Cohort(5, "Few", where='properties["n"] <= 2', distinct_ids=("ghost",))
    with Simulator(retry_after=0, cohorts=[cohort]) as simulator:
        for n in range(2):
            at = NOON + n * 86_400_000
            day = [event("Open", at), event("Buy", at, n=n), event("Buy", at + 1, plan="pro")]
            simulator.store.set_day(DAY + timedelta(n), day)
        people = [("ann", {"n": 1, "city": "Łódź"}), ("bo", {"n": 2}), ("cy, jr", {"n": 3})]
        simulator.profiles.set(
            {"$distinct_id": name, "$properties": properties} for name, properties in people
        )
        acme = {"$distinct_id": "Acme", "$properties": {"size": 40}}
        simulator.profiles.set([acme], data_group_id="-14")
        yield simulator


def tables(here: Mp) -> list[str]:
    return [one["name"] for one in here("inspect", "tables").json if one["row_count"]]


def test_a_pull_is_told_on_stdout_alone(account: Simulator, mp: Mp) -> None:
    answer = mp(*EVENTS, "buys", *SPAN, "-e", "Buy")
    assert (answer.code, answer.err) == (0, "")
    told = answer.json
    assert list(told) == [
        *("table", "type", "rows", "duplicates", "from", "to", "duration_seconds", "fetched_at")
    ]
    assert list(told.values())[:6] == ["buys", "events", 4, 0, "2024-01-02", "2024-01-03"]
    assert mp("sql", "--scalar", "select count(*) from buys").json == 4


def test_tables_have_names_of_their_own_by_default(account: Simulator, here: Mp) -> None:
    assert here(*EVENTS, *SPAN, "-l", "2").json["table"] == "fetched_events"
    assert here(*PROFILES).json["table"] == "fetched_profiles"
    assert tables(here) == ["fetched_events", "fetched_profiles", "landed"]


def test_a_table_that_is_there_is_replaced_or_added_to_only_when_told(
    account: Simulator, here: Mp
) -> None:
    here(*EVENTS, *SPAN)
    asked = len(account.requests)
    refused = here(*EVENTS, *SPAN)
    assert (refused.code, refused.out, refused.error["code"]) == (2, "", "TABLE_EXISTS")
    assert len(account.requests) == asked
    assert here(*EVENTS, *SPAN, "--append", "-e", "Buy").json["rows"] == 4
    assert here("sql", "--scalar", "select count(*) from fetched_events").json == 6
    assert here(*EVENTS, *SPAN, "--replace", "-e", "Buy").json["rows"] == 4
    assert here("sql", "--scalar", "select count(*) from fetched_events").json == 4


@pytest.mark.parametrize(
    "options",
    [
        (*EVENTS, *SPAN, "--replace", "--append"),
        (*EVENTS, *SPAN, "--raw"),
        (*EVENTS, "name", *SPAN, "--stdout"),
        (*EVENTS, *SPAN, "--stdout", "--append"),
        (*EVENTS, *SPAN, "--stdout", "--jq", "."),
        (*EVENTS, *SPAN, "--stdout", "-f", "csv"),
        (*EVENTS, *SPAN, "-l", "0"),
        (*EVENTS, *SPAN, "-l", "100001"),
        (*EVENTS, *SPAN, "-e", ""),
        (*EVENTS, "events", *SPAN),
        (*EVENTS, "profile_history", *SPAN, "--replace"),
        (*EVENTS, "a-b", *SPAN),
        (*PROFILES, "profiles"),
        (*PROFILES, "--raw"),
        (*PROFILES, "--include-all-users"),
        (*PROFILES, "--behaviors", "{"),
        (*PROFILES, "--behaviors", '{"a": 1}'),
        (*PROFILES, "--behaviors", "[]", "--cohort", "5"),
        (*PROFILES, "--as-of-timestamp", "99999999999"),
        ("drop",),
        ("drop", "t", "--all"),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_is_asked(
    account: Simulator, here: Mp, options: tuple[str, ...]
) -> None:
    answer = here(*options)
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "USAGE")
    assert account.requests == []


def test_an_assets_name_is_refused_with_what_lands_it(account: Simulator, here: Mp) -> None:
    assert "mp materialize" in here(*EVENTS, "events", *SPAN).error["hint"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--where", 'properties["n"] >= 2'), ["bo", "cy, jr"]),
        (("--cohort", "5"), ["ann", "bo"]),
        (("-c", "5", "--include-all-users"), ["ann", "bo", "ghost"]),
        (("--distinct-id", "ann", "--distinct-id", "cy, jr"), ["ann", "cy, jr"]),
        (("--distinct-ids", 'bo,"cy, jr"'), ["bo", "cy, jr"]),
        (("--group-id", "-14"), ["Acme"]),
    ],
)
def test_profiles_are_chosen_by_every_option(
    account: Simulator, here: Mp, options: tuple[str, ...], found: list[str]
) -> None:
    assert here(*PROFILES, "p", *options).json["rows"] == len(found)
    rows = here("sql", "select distinct_id from p order by 1").json
    assert [row["distinct_id"] for row in rows] == found


def test_stdout_has_a_record_a_line_and_stderr_their_number(account: Simulator, mp: Mp) -> None:
    answer = mp(*EVENTS, *SPAN, "--stdout", "-e", "Buy")
    assert (answer.code, answer.err) == (0, "mp: 4 events\n")
    records = [json.loads(line) for line in answer.out.splitlines()]
    assert {record["event_name"] for record in records} == {"Buy"}
    assert mp("inspect", "tables").error["code"] == "DATABASE_NOT_FOUND"


def test_raw_stdout_is_what_mixpanel_sends(account: Simulator, here: Mp) -> None:
    answer = here(*PROFILES, "--stdout", "--raw", "--distinct-id", "ann", "-o", "city")
    assert json.loads(answer.out) == {"$distinct_id": "ann", "$properties": {"city": "Łódź"}}
    assert answer.err == "mp: 1 profiles\n"
    quiet = here("--quiet", *EVENTS, *SPAN, "--stdout", "--raw", "-l", "1", "-f", "jsonl")
    assert json.loads(quiet.out).keys() == {"event", "properties"}
    assert quiet.err == ""


@pytest.mark.parametrize(
    ("kind", "code", "error"), [("cut-glued", 1, "EXPORT_INCOMPLETE"), ("402", 3, "PLAN_REQUIRED")]
)
def test_stdout_is_empty_when_the_pull_failed(
    account: Simulator, here: Mp, kind: str, code: int, error: str
) -> None:
    account.fail(f"{kind}@*")
    answer = here(*EVENTS, "--from", "2024-01-02", "--to", "2024-01-02", "--stdout")
    assert (answer.code, answer.out, answer.error["code"]) == (code, "", error)


def test_a_reader_who_has_seen_enough_is_no_failure(account: Simulator) -> None:
    account.store.set_day(DAY, [event("Open", NOON + n, pad="x" * 500) for n in range(5000)])
    command = [sys.executable, "-m", "mixpanel_assets", *EVENTS, *SPAN, "--stdout"]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    )
    assert child.stdout
    assert child.stderr
    with child.stdout, child.stderr:
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.wait() == 0
    assert list(Path(os.environ["MP_HOME"], "spool").iterdir()) == []


def test_a_plan_without_profiles_is_said_in_one_line(account: Simulator, here: Mp) -> None:
    account.fail_engage("402@*")
    answer = here(*PROFILES)
    assert (answer.code, answer.out, answer.error["code"]) == (3, "", "PLAN_REQUIRED")


def test_what_was_fetched_can_be_dropped(account: Simulator, here: Mp) -> None:
    for name in ("a", "b", "c"):
        here(*EVENTS, name, *SPAN, "-l", "1")
    assert here("drop", "b", "A").json == {"dropped": ["b", "a"]}
    missing = here("drop", "c", "cc")
    assert (missing.code, missing.error["code"]) == (4, "TABLE_NOT_FOUND")
    assert "c" in tables(here)
    assert here("drop", "--all").json == {"dropped": ["c"]}
    assert here("drop", "--all").json == {"dropped": []}


def test_tables_of_assets_are_dropped_by_force_alone(landed_here: Simulator, here: Mp) -> None:
    here(*EVENTS, "mine", *SPAN)
    refused = here("drop", "events")
    assert (refused.code, refused.error["code"]) == (2, "CONFIG_ERROR")
    assert here("drop", "--all").json == {"dropped": ["mine"]}
    assert here("sql", "--scalar", "select count(*) from events").json == 3
    assert here("drop", "--all", "--force").json == {"dropped": ["events"]}
    assert here("status").json == []
    assert here("rebuild", "events").json["rows"] == 3


@pytest.fixture
def landed_here(account: Simulator, here: Mp) -> Simulator:
    """The first day is landed as an asset."""
    done = here("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-02")
    assert done.code == 0
    return account


def test_status_is_about_assets_not_about_what_was_fetched(account: Simulator, here: Mp) -> None:
    here(*EVENTS, *SPAN)
    assert here("status").json == []


def test_there_is_nothing_to_drop_before_the_first_load(account: Simulator, here: Mp) -> None:
    answer = here("drop", "--all")
    assert (answer.code, answer.error["code"]) == (4, "DATABASE_NOT_FOUND")
