"""The asset `saved_reports`: the numbers of the reports that the settings name."""

from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.defs.metadata import REQUESTS, SKIPPED
from mixpanel_assets.defs.resources import WarehouseResource
from mixpanel_assets.defs.saved_reports import REPORTS
from mixpanel_assets.simulator.app.bookmarks import Insights
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, event
from mixpanel_assets_tests.dagsters import definitions, execute, key, made, name, observed

SAVED = Insights(events=("Open",), by="plan", dates=(str(DAY), str(DAY)))


@pytest.fixture
def saved(account: Simulator) -> Simulator:
    """A project with two reports of one day's events."""
    account.store.set_day(DAY, [event("Open", plan="pro")])
    for id_ in (63, 64):
        account.bookmarks.add("Opened", SAVED, id_=id_)
    return account


def run(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return execute("saved_reports_job", instance)


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (one,) = made(result, "saved_reports")
    return {name: entry.value for name, entry in one.metadata.items()}


def why_not(result: dg.ExecuteInProcessResult) -> str:
    """What the run says when nothing was landed."""
    assert result.success
    assert made(result, "saved_reports") == []
    (seen,) = observed(result, "saved_reports")
    return str(seen.metadata[SKIPPED].value)


def rows() -> list[tuple[Any, ...]]:
    with WarehouseResource().get_reader() as connection:
        return connection.execute(
            "select bookmark_id, path, date, value from saved_reports order by all"
        ).fetchall()


def test_the_reports_that_are_named_are_landed_with_one_query_each(
    saved: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SAVED_REPORTS", "63, 64")
    figures = told(run(instance))
    assert figures["dagster/row_count"] == 4
    assert figures[REPORTS] == {"63": 2, "64": 2}
    assert figures[REQUESTS] == 2
    assert SKIPPED not in figures
    assert rows() == [
        (id_, ["Open", segment], DAY, 1.0) for id_ in (63, 64) for segment in ("$overall", "pro")
    ]


def test_landing_again_on_a_day_replaces_it(
    saved: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    run(instance)
    once = rows()
    assert told(run(instance))["dagster/row_count"] == 2
    assert rows() == once


def test_without_reports_in_the_settings_there_is_no_asset_job_or_schedule(
    account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names() -> set[str]:
        defs = definitions()
        found = {one.name for one in (*defs.resolve_all_job_defs(), *(defs.schedules or []))}
        return found | {one.to_user_string() for one in defs.resolve_all_asset_keys()}

    own = {name("saved_reports_job"), name("daily_saved_reports")}
    own.add(key("saved_reports").to_user_string())
    assert names() & own == set()
    without = names()
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    assert names() - without == own


def test_what_the_plan_refuses_is_skipped_and_said(
    instance: dg.DagsterInstance, account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    with Simulator(account.store, retry_after=0, plan_refuses=["insights"]) as simulator:
        monkeypatch.setenv("MP_BASE_URL", simulator.url)
        assert why_not(run(instance)).startswith("63: Your plan does not allow API calls")


def test_an_unknown_report_fails_the_run_by_its_id(
    saved: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SAVED_REPORTS", "63,5")
    result = run(instance)
    assert not result.success
    (failed,) = [one for one in result.all_events if one.is_step_failure]
    failure = failed.step_failure_data.user_failure_data
    assert failure
    assert "saved report 5" in str(failure.description)
