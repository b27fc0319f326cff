"""`mp inspect overview` and its like: a first look at what is landed."""

import json
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
