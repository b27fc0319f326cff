"""The run that lands days says whether they are sound."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import WarehouseResource
from mixpanel_assets.materialize import failure_of
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, event
from mixpanel_assets_tests.dagsters import (
    QUIET,
    definitions,
    execute,
    key,
    land,
    materialized,
    name,
)


class Meddled(WarehouseResource):
    """A warehouse in which somebody changes rows as soon as they are landed."""

    sql: str

    @contextmanager
    def get_reader(self) -> Iterator[Any]:
        with self.get_connection() as warehouse:
            warehouse.execute(self.sql)
        with super().get_reader() as warehouse:
            yield warehouse


@pytest.fixture
def days(account: Simulator) -> Simulator:
    """Three days of an event."""
    for n in range(3):
        account.store.set_day(DAY + timedelta(n), [event("Open", NOON + n * 86_400_000)])
    return account


def run(instance: dg.DagsterInstance, warehouse: Any = None) -> dg.ExecuteInProcessResult:
    """One run over three days, on the project's warehouse or that one."""
    resources = {Project.of().duckdb: warehouse} if warehouse else None
    return land(instance, DAY, DAY + timedelta(2), resources=resources)


def outcomes(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_a_sound_landing_passes_every_check(days: Simulator, instance: dg.DagsterInstance) -> None:
    result = run(instance)
    assert result.success
    assert outcomes(result) == {
        "rows_as_landed": True,
        "no_duplicates": True,
        "no_hole": True,
        "times_in_day": True,
        "schema_steady": True,
    }
    assert len(days.requests) == 1


@pytest.mark.parametrize(
    ("sql", "failed"),
    [
        ("delete from events_wide where event_date = '2024-01-03'", "rows_as_landed"),
        ("insert into events_wide from events_wide limit 1", "no_duplicates"),
    ],
)
def test_wrong_rows_fail_the_run_and_say_how(
    days: Simulator, instance: dg.DagsterInstance, sql: str, failed: str
) -> None:
    result = run(instance, warehouse=Meddled(sql=sql))
    assert not result.success
    assert outcomes(result)[failed] is False
    assert len(materialized(instance)) == 3  # the days themselves are in


def test_what_is_only_odd_fails_no_run(days: Simulator, instance: dg.DagsterInstance) -> None:
    days.store.set_day(DAY + timedelta(1), [])
    result = run(instance)
    assert result.success
    (hole,) = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert (hole.check_name, hole.severity) == ("no_hole", dg.AssetCheckSeverity.WARN)
    assert hole.description == "2024-01-03 is empty, and the days around it are not"


def count(instance: dg.DagsterInstance, **config: Any) -> dg.AssetCheckEvaluation:
    ops = {name("counts"): {"config": config}}
    result = execute("counts_job", instance, run_config={"ops": ops})
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_counts_are_held_against_mixpanel_s_report_by_one_query(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    run(instance)
    before = len(days.requests)
    found = count(instance)
    assert (found.passed, found.description) == (
        True,
        "1 events of 2024-01-04 as Mixpanel reports them",
    )
    assert [r.path for r in days.requests[before:]] == ["/api/query/events"]


def test_counts_that_mixpanel_does_not_report_are_named_and_fail_no_run(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    run(instance)
    again = [event("Open", NOON), event("Open", NOON + 1)]
    days.store.set_day(DAY, again)
    found = count(instance, day=str(DAY))
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == "Open: 1 are landed, Mixpanel reports 2"


def test_no_other_run_asks_for_a_report(days: Simulator, instance: dg.DagsterInstance) -> None:
    run(instance)
    before = len(days.requests)
    job = definitions().resolve_implicit_global_asset_job_def()  # as the UI's Materialize does
    events = [key("events")]
    result = job.execute_in_process(
        instance=instance, asset_selection=events, partition_key=str(DAY), run_config=QUIET
    )
    assert result.success
    assert "counts_as_reported" not in outcomes(result)
    assert [r.path for r in days.requests[before:]] == ["/api/2.0/export"]


def test_a_report_that_can_not_be_had_fails_no_run(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    run(instance)
    days.fail_query("402@*")
    found = count(instance)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description.startswith("the request to Mixpanel failed: ")


def test_without_landed_days_nothing_is_asked(
    account: Simulator, instance: dg.DagsterInstance
) -> None:
    assert run(instance).success
    before = len(account.requests)
    assert count(instance).description == "there is nothing to compare"
    assert len(account.requests) == before


def test_a_failed_check_is_named_with_its_days_by_mp(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    sql = "delete from events_wide where event_date = '2024-01-03'"
    error = failure_of(run(instance, warehouse=Meddled(sql=sql)), landed=["2024-01-03"])
    assert error.code == "LOAD_FAILED"
    assert error.message == "rows_as_landed: 2024-01-03 has 0 rows, and 1 were landed"
    assert error.details["landed"] == ["2024-01-03"]
