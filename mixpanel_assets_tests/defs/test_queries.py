"""Every question can be asked in a job, with the answer that `mp query` or `mp ask` gives."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_shared.yaml_utils import load_run_config_yaml

from mixpanel_assets.defs.queries import QUESTIONS, markdown
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.notes import notes_to
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.workspace import Workspace
from mixpanel_assets_tests.asking import discovery, live
from mixpanel_assets_tests.dagsters import definitions, execute, failure, job, land, made, name

FIRST = date(2024, 1, 1)
DAYS = {"from_date": "2024-01-01", "to_date": "2024-01-07"}
ASKED: dict[str, dict[str, Any]] = {
    "segmentation": {"event": "Purchase", "on": "plan", **DAYS},
    "segmentation_numeric": {"event": "Purchase", "on": "amount", **DAYS},
    "segmentation_sum": {"event": "Purchase", "on": "amount", **DAYS},
    "segmentation_average": {"event": "Purchase", "on": "amount", **DAYS},
    "event_counts": {"events": ["Purchase", "Sign Up"], **DAYS},
    "property_counts": {"event": "Purchase", "property_name": "plan", **DAYS},
    "funnel": {"funnel_id": 0, **DAYS},
    "retention": {"born_event": "Sign Up", "interval_count": 3, **DAYS},
    "frequency": {"event": "Page View", **DAYS},
    "activity_feed": {"distinct_ids": ["nobody"], **DAYS},
    "saved_report": {"bookmark_id": 0},
    "flows": {"bookmark_id": 0},
    "jql": {
        "script": "function main(){return Events({from_date: params.a, to_date: params.a})"
        ".groupBy(['name'], mixpanel.reducer.count())}",
        "params": {"a": "2024-01-02"},
    },
}

OF_EVENTS: dict[str, dict[str, Any]] = {
    "ask_funnel": {"steps": ["Page View", "Purchase"], "window": "1d", "by": "plan", **DAYS},
    "ask_retention": {"born": "Sign Up", "interval_count": 3, **DAYS},
    "ask_segmentation": {"event": "Purchase", "by": "plan", "type": "unique", **DAYS},
    "ask_frequency": {"event": "Page View", **DAYS},
    "ask_sessions": DAYS,
    "ask_flows": {"event": "Page View", "steps": 2, **DAYS},
    "ask_active_users": DAYS,
    "ask_lifecycle": {"unit": "day", **DAYS},
    "ask_attribution": {"event": "Purchase", "by": "plan", "model": "time-decay", **DAYS},
}


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    """A week of a project, with what its people have saved."""
    store = Store(world=World(first_day=FIRST, events_per_day=300), last_day=date(2024, 1, 7))
    with Simulator(store) as simulator:
        yield simulator


@pytest.fixture
def asking(world: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The environment has the project's address and credentials."""
    monkeypatch.setenv("MP_BASE_URL", world.url)
    monkeypatch.setenv("MP_USERNAME", world.project.username)
    monkeypatch.setenv("MP_SECRET", world.project.secret)
    monkeypatch.setenv("MP_PROJECT_ID", world.project.project_id)
    return world


@pytest.fixture
def landed(asking: Simulator) -> Simulator:
    """Its week is in the warehouse."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert land(instance, FIRST, date(2024, 1, 7)).success
    return asking


def config_of(name: str, **more: Any) -> dict[str, Any]:
    """The question with the ids of what is saved in the world."""
    config = {**ASKED[name], **more}
    with MixpanelResource().get_client() as client:
        if "funnel_id" in config:
            config["funnel_id"] = discovery.funnels(client)[0].funnel_id
        if "bookmark_id" in config:
            kind = "flows" if name == "flows" else "insights"
            config["bookmark_id"] = next(
                b.id for b in discovery.list_bookmarks(client) if b.type == kind
            )
    return config


def run(question: str, config: dict[str, Any]) -> dg.ExecuteInProcessResult:
    ops = {"ask": {"config": {question: config}}}
    with dg.DagsterInstance.ephemeral() as instance:
        return execute("ask", instance, run_config={"ops": ops})


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (output,) = [e for e in result.all_events if e.is_successful_output]
    metadata = output.step_output_data.metadata
    return {key: entry.value for key, entry in metadata.items()}


def test_every_question_can_be_asked_in_one_job() -> None:
    assert set(QUESTIONS) == {*ASKED, *OF_EVENTS}
    (asking,) = [
        one.name for one in definitions().resolve_all_job_defs() if one.name.endswith("ask")
    ]
    assert asking == name("ask")
    (node,) = job("ask").nodes
    assert set(node.definition.config_schema.config_type.fields) == set(QUESTIONS)


def test_a_run_asks_exactly_one_question(asking: Simulator) -> None:
    both = {one: config_of(one) for one in ("frequency", "retention")}
    before = len(asking.requests)
    with dg.DagsterInstance.ephemeral() as instance:
        for asked in ({}, both):
            with pytest.raises(dg.DagsterInvalidConfigError):
                execute("ask", instance, run_config={"ops": {"ask": {"config": asked}}})
    assert len(asking.requests) == before


@pytest.mark.parametrize("question", ASKED)
def test_each_question_is_answered_as_by_its_function(question: str, asking: Simulator) -> None:
    config = config_of(question)
    result = run(question, config)
    assert result.success
    with MixpanelResource().get_client() as client:
        expected = getattr(live, question)(client, **config)
    found, wanted = result.output_for_node("ask"), expected.to_dict()
    found.pop("computed_at", None), wanted.pop("computed_at", None)
    assert found == wanted
    seen = told(result)
    assert seen["dagster/row_count"] == len(expected.to_rows()[1])
    assert seen["rows"].splitlines()[0] == f"| {' | '.join(expected.to_rows()[0])} |"
    assert seen["requests"] == 1


@pytest.mark.parametrize("question", OF_EVENTS)
def test_each_question_about_events_is_answered_as_by_mp_ask(
    question: str, landed: Simulator
) -> None:
    requests = len(landed.requests)
    result = run(question, OF_EVENTS[question])
    assert result.success
    assert len(landed.requests) == requests
    with Workspace() as workspace, notes_to([].append):
        expected = getattr(workspace.ask, question.removeprefix("ask_"))(**OF_EVENTS[question])
    found, wanted = result.output_for_node("ask"), expected.to_dict()
    assert {**found, "seconds": 0} == {**wanted, "seconds": 0}
    seen = told(result)
    columns, rows = expected.to_rows()
    assert (seen["dagster/row_count"], seen["requests"]) == (len(rows), 0)
    assert rows
    assert seen["rows"].splitlines()[0] == f"| {' | '.join(columns)} |"
    assert seen["chart"].startswith("![")
    assert seen["complete_until"] == (found["complete_until"] or "no day")


def test_a_question_about_events_makes_the_spine_that_it_needs(landed: Simulator) -> None:
    assert run("ask_active_users", DAYS).success
    with WarehouseResource().get_reader() as warehouse:
        made = warehouse.execute("select count(*) from internal.spine_days").fetchall()
    assert made == [(7,)]


def test_a_question_about_events_needs_no_credentials(
    landed: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in ("MP_USERNAME", "MP_SECRET"):
        monkeypatch.delenv(one)
    assert run("ask_sessions", DAYS).success


def test_its_rows_can_be_kept_as_a_table_and_that_table_be_asked(landed: Simulator) -> None:
    with Workspace() as workspace:
        workspace.fetch_events("fetched", from_date=FIRST, to_date="2024-01-03")
    given = {"steps": ["Page View", "Purchase"], **DAYS, "events_table": "fetched"}
    done = run("ask_funnel", {**given, "table": "steps_kept"})
    assert done.success, failure(done)
    with WarehouseResource().get_reader() as warehouse:
        kept = warehouse.execute(
            "select step, event, count from steps_kept order by step"
        ).fetchall()
        asked = "select filters->>'$.table' from landed where dataset = 'steps_kept'"
        assert warehouse.execute(asked).fetchall() == [("fetched",)]
    assert [row[:2] for row in kept] == [(1, "Page View"), (2, "Purchase")]
    whole = run("ask_funnel", {**given, "events_table": "events"}).output_for_node("ask")
    assert 0 < kept[0][2] < whole["steps"][0]["count"]


def test_sql_of_a_question_can_write_nothing(landed: Simulator, tmp_path: Path) -> None:
    beside = WarehouseResource().path.with_name("written.csv")
    sql = f"true) select 1; copy (select 1) to '{beside}'; select (1"
    assert not run("ask_segmentation", {"event": "Purchase", "sql_where": sql, **DAYS}).success
    assert not beside.exists()


def test_the_rows_can_be_kept_as_a_table(asking: Simulator) -> None:
    result = run("segmentation", config_of("segmentation", table="by_plan"))
    assert result.success
    with WarehouseResource().get_reader() as warehouse:
        columns = warehouse.execute("select name, type from pragma_table_info('by_plan')")
        assert dict(columns.fetchall())["count"] == "BIGINT"
        rows = warehouse.execute("select * from by_plan").fetchall()
        (landed,) = warehouse.execute(
            "select rows, filters->>'$.event' from landed where dataset = 'by_plan'"
        ).fetchall()
    assert landed == (len(rows), "Purchase")
    assert rows
    (asset,) = made(result, "by_plan")  # which the UI then shows, with its past answers
    assert asset.metadata["dagster/row_count"].value == len(rows)


def test_without_a_table_there_is_no_asset(asking: Simulator) -> None:
    result = run("segmentation", config_of("segmentation"))
    assert result.get_asset_materialization_events() == []


def test_a_table_is_replaced_only_if_that_is_said(asking: Simulator) -> None:
    config = config_of("event_counts", table="counts")
    assert run("event_counts", config).success
    again = run("event_counts", config)
    assert not again.success
    (failed,) = [e for e in again.all_events if e.is_step_failure]
    assert "TABLE_EXISTS" in failed.step_failure_data.user_failure_data.description
    assert run("event_counts", {**config, "replace": True}).success


def test_a_table_of_the_project_is_never_replaced(asking: Simulator) -> None:
    config = config_of("event_counts", table="events", replace=True)
    assert not run("event_counts", config).success


def test_a_question_that_makes_no_sense_costs_nothing(asking: Simulator) -> None:
    before = len(asking.requests)
    with pytest.raises(dg.DagsterInvalidConfigError, match="fortnight"):
        run("segmentation", {**ASKED["segmentation"], "unit": "fortnight"})
    assert not run("segmentation", {**ASKED["segmentation"], "interval": 2}).success
    assert len(asking.requests) == before


@pytest.mark.parametrize("question", ["event_counts", "property_counts"])
def test_counts_are_of_30_days_or_of_the_last_units(question: str, asking: Simulator) -> None:
    known = {name: value for name, value in ASKED[question].items() if name not in DAYS}
    days = run(question, known).output_for_node("ask")
    assert days["from_date"] is not None
    units = run(question, {**known, "interval": 3})
    assert units.success
    assert units.output_for_node("ask")["from_date"] is None


def test_dagster_runs_a_question_from_the_command_line(asking: Simulator, tmp_path: Path) -> None:
    (tmp_path / "q.yaml").write_text(
        "ops: {ask: {config: {segmentation: {event: Purchase, from_date: '2024-01-01', "
        "to_date: '2024-01-07', table: purchases}}}}"
    )
    command = [sys.executable, "-m", "dagster", "job", "execute"]
    command += ["-m", "mixpanel_assets.definitions", "-j", name("ask"), "-c", "q.yaml"]
    done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True)
    assert done.returncode == 0, done.stderr
    with WarehouseResource().get_reader() as warehouse:
        assert warehouse.execute("select count(*) from purchases").fetchall() == [(7,)]


def test_a_long_answer_is_shown_in_part() -> None:
    text = markdown(["a"], [(n,) for n in range(60)])
    assert text.endswith("| 49 |\n\n10 more rows")
    assert markdown(["a", "b"], [("x|y", None)]).splitlines()[2] == "| x\\|y | None |"


def test_nothing_in_the_rows_is_markdown_or_html() -> None:
    names, _, row = markdown(["<i>", "b"], [("**x**\x1b[2J\u202e", "[x](http://x)")]).splitlines()
    assert names == "| &lt;i&gt; | b |"
    assert row == r"| \*\*x\*\*\\x1b\[2J\\u202e | \[x\](http://x) |"


def test_the_questions_of_the_documents_can_be_asked() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guides" / "dagster.md").read_text("utf-8")
    questions = re.findall(r"```yaml\n(ops:.*?)```", page, re.DOTALL)
    assert len(questions) == 2
    for question in questions:
        assert dg.validate_run_config(job("ask"), load_run_config_yaml(question))
