"""`mp inspect overview` and its like: a first look at what is landed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from mixpanel_assets import Workspace
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]


def test_an_overview_is_text_unless_a_format_is_asked_for(landed: Home, here: Mp) -> None:
    asked = len(landed.mixpanel.requests)
    answer = here("inspect", "overview")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].startswith(
        "Project 12345 (UTC) · events landed 2024-01-01..2024-01-07 (7 days)"
    )
    assert "  Page View" in answer.out
    assert len(lines) <= 60
    assert len(answer.out.encode()) <= 4096
    found = here("inspect", "overview", "-f", "json").json
    assert found == here("inspect", "overview", MP_FORMAT="json").json
    assert found["total_events"] == here("sql", "--scalar", "select count(*) from events").json
    assert here("inspect", "overview", "--jq", ".days").json == 7
    header = "event,events,first_day,last_day,properties"
    assert here("inspect", "overview", "-f", "csv").out.splitlines()[0] == header
    assert len(landed.mixpanel.requests) == asked


def test_the_counts_of_an_overview_are_those_of_the_events(landed: Home, here: Mp) -> None:
    query = "select event_name, count(*) as n from events group by all"
    counts = {row["event_name"]: row["n"] for row in here("sql", query).json}
    events = here("inspect", "overview", "-f", "json").json["events"]
    assert {one["event"]: one["events"] for one in events} == counts


def test_an_overview_of_nothing_says_how_to_land(tmp_path: Path, here: Mp) -> None:
    home = {"MP_HOME": str(tmp_path), "MP_PROJECT_ID": "7"}
    answer = here("inspect", "overview", **home)
    assert (answer.code, answer.err) == (0, "")
    assert "Project 7 (UTC) · no events are landed" in answer.out
    assert "mp materialize events --from 7d" in answer.out
    assert json.loads(here("inspect", "overview", "-f", "json", **home).out)["events"] == []


def test_python_has_the_same_overview(landed: Home, here: Mp) -> None:
    with Workspace() as workspace:
        assert workspace.overview().text == here("inspect", "overview").out


def test_the_first_line_of_help_and_errors_name_the_overview(landed: Home, here: Mp) -> None:
    said = [line for line in here("--help").out.splitlines() if line.strip()]
    assert "mp inspect overview" in said[1]
    assert "mp inspect overview" in here("sql", "select 1 from nowhere").error["hint"]
    unknown = ("inspect", "daily", "--events", "zzzzzzzzzz")
    assert "mp inspect overview" in here(*unknown).error["hint"]
    unknown = ("inspect", "numeric", "-e", "Purchase", "-p", "qqqqqqqqq")
    assert "mp inspect overview" in here(*unknown).error["hint"]


def test_names_are_found_by_a_part_best_first(landed: Home, here: Mp) -> None:
    found = here("inspect", "find", "plan").json
    assert list(found[0]) == ["kind", "name", "event", "type", "events", "example"]
    assert [(one["kind"], one["name"]) for one in found[:2]] == [
        ("property", "plan"),
        ("property", "Plan"),
    ]
    found_pages = here("inspect", "find", "page").json
    assert [(one["kind"], one["name"]) for one in found_pages[:2]] == [
        ("property", "page"),
        ("event", "Page View"),
    ]
    assert found[0]["example"].startswith('"')
    query = "select sum(events)::bigint from event_properties where property = 'plan'"
    assert found[0]["events"] == here("sql", "--scalar", query).json


def test_a_name_that_is_nearly_so_is_found(landed: Home, here: Mp) -> None:
    for word, name in (("purchse", "Purchase"), ("sign_up", "Sign Up"), ("SIGNUP", "Sign Up")):
        assert here("inspect", "find", word).json[0]["name"] == name
    answer = here("inspect", "find", "qqqqqq")
    assert (answer.code, answer.json) == (0, [])
    assert "mp inspect overview" in answer.err


def test_what_is_found_is_limited_and_says_so(landed: Home, here: Mp) -> None:
    answer = here("inspect", "find", "--limit", "3")
    assert [one["kind"] for one in answer.json] == 3 * ["event"]
    assert answer.json[0]["name"] == "Page View"
    assert "more; --limit" in answer.err


def test_the_properties_of_an_event_are_found(landed: Home, here: Mp) -> None:
    found = here("inspect", "find", "-e", "Purchase", "--limit", "100").json
    keys = here("inspect", "keys", "-e", "Purchase").json
    assert sorted(one["name"] for one in found) == keys
    assert {one["event"] for one in found} == {"Purchase"}
    assert not found[0]["name"].startswith("$")
    assert here("inspect", "find", "-e", "Purchse").error["hint"] == "did you mean Purchase?"


def test_names_columns_and_days_are_limited_and_say_so(landed: Home, here: Mp) -> None:
    keys = here("inspect", "keys", "--limit", "4")
    assert len(keys.json) == 4
    assert "more properties" in keys.err
    schema = here("inspect", "schema", "--limit", "2")
    assert [one["name"] for one in schema.json["columns"]] == ["event_date", "event_name"]
    assert "more columns" in schema.err
    breakdown = here("inspect", "breakdown", "--limit", "1")
    assert [one["event_name"] for one in breakdown.json["events"]] == ["Page View"]
    assert breakdown.json["total_events"] > breakdown.json["events"][0]["count"]
    assert "more events" in breakdown.err
    daily = here("inspect", "daily", "--limit", "2")
    assert {one["event"] for one in daily.json["counts"]} == {"Page View", "Add To Cart"}
    assert "more events" in daily.err
    assert here("inspect", "breakdown", "--limit", "100").err == ""


def test_each_issue_of_quality_has_sql_that_shows_it(landed: Home, here: Mp) -> None:
    issues = here("inspect", "quality").json
    assert list(issues[0]) == ["event", "property", "issue", "detail", "since", "sql"]
    assert {"types", "spelling", "currency", "shape"} <= {one["issue"] for one in issues}
    for one in issues:
        assert here("sql", one["sql"]).json, one
    of_search = here("inspect", "quality", "--event", "Search").json
    (types,) = [one for one in of_search if one["issue"] == "types"]
    assert types["property"] == "score"
    assert "text" in types["detail"]


def test_anomalies_need_more_than_a_week(landed: Home, here: Mp) -> None:
    answer = here("inspect", "anomalies", "--from", "2024-01-01")
    assert (answer.code, answer.json) == (0, [])
    assert "7 whole landed days" in answer.err


def test_the_commands_that_an_overview_shows_run(
    landed: Home, here: Mp, typed: Callable[[str, dict[str, str]], Answer], tmp_path: Path
) -> None:
    ask = here("inspect", "overview", "-f", "json").json["ask"]
    commands = [
        command
        for line in ask
        for command in re.findall(r"mp (?:sql|ask) .*?(?=; | \(|$)", line)
        if "--help" not in command
    ]
    assert len(commands) == 5
    for command in commands:
        answer = typed(command, {**landed.environment, "HOME": str(tmp_path)})
        assert answer.code == 0, (command, answer.err)
        assert answer.json, command
