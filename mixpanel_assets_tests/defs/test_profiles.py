"""A run takes today's snapshot, and no other."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.definitions import defs
from mixpanel_assets.defs.jobs import PROFILES_JOB
from mixpanel_assets.defs.metadata import REQUESTS, SECONDS
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator

PROFILES = dg.AssetKey("profiles")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def people(account: Simulator) -> Simulator:
    """Mixpanel has three profiles."""
    account.profiles.fill(3)
    return account


def today(back: int = 0) -> str:
    return str(Settings.from_env().today() - timedelta(back))


def run(instance: dg.DagsterInstance, day: str, **more: Any) -> dg.ExecuteInProcessResult:
    job = more.pop("job", None) or defs().resolve_job_def(PROFILES_JOB)
    return job.execute_in_process(
        instance=instance, partition_key=day, run_config=QUIET, raise_on_error=False
    )


def failure(result: dg.ExecuteInProcessResult) -> Any:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data


def patient_job() -> dg.JobDefinition:
    """The job as somebody has it who retries whatever may be retried."""
    policy = dg.RetryPolicy(max_retries=2)
    patient = dg.define_asset_job("patient", [PROFILES], op_retry_policy=policy)
    return dg.Definitions.merge(defs(), dg.Definitions(jobs=[patient])).resolve_job_def("patient")


def test_today_s_snapshot_has_its_figures(people: Simulator, instance: dg.DagsterInstance) -> None:
    result = run(instance, today())
    assert result.success
    assert instance.get_materialized_partitions(PROFILES) == {today()}
    (made,) = result.asset_materializations_for_node("profiles")
    told = {name: entry.value for name, entry in made.metadata.items()}
    assert told.pop(SECONDS) > 0
    figures = {"dagster/partition_row_count": 3, "new": 3, "changed": 0, "removed": 0}
    assert told == {**figures, REQUESTS: 2, **_about_the_run(told)}


def _about_the_run(told: dict[str, Any]) -> dict[str, Any]:
    """What Dagster itself adds."""
    return {name: value for name, value in told.items() if name.startswith("dagster/code")}


def test_today_can_be_materialized_again(people: Simulator, instance: dg.DagsterInstance) -> None:
    run(instance, today())
    people.profiles.delete("synthetic-0000001")
    (made,) = run(instance, today()).asset_materializations_for_node("profiles")
    assert [made.metadata[name].value for name in ("new", "changed", "removed")] == [2, 0, 0]


@pytest.mark.parametrize("back", [1, 400])
def test_a_past_day_fails_at_once_and_says_why(
    back: int, people: Simulator, instance: dg.DagsterInstance
) -> None:
    result = run(instance, today(back), job=patient_job())
    assert not result.success
    told = failure(result).description
    assert "Mixpanel only returns current ones" in told
    assert today(back) in told
    assert f"materialize today's partition, {today()}" in told
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []
    assert people.requests == []
    assert instance.get_materialized_partitions(PROFILES) == set()


def test_a_refusal_is_not_tried_again(people: Simulator, instance: dg.DagsterInstance) -> None:
    people.fail_engage("402@*")
    result = run(instance, today(), job=patient_job())
    assert not result.success
    assert failure(result).description.startswith("PLAN_REQUIRED: ")
    assert len(people.requests) == 1


def test_a_failed_snapshot_is_no_materialization(
    people: Simulator, instance: dg.DagsterInstance
) -> None:
    people.fail_engage("short@*")
    assert not run(instance, today()).success
    assert instance.get_materialized_partitions(PROFILES) == set()
    people.fail_engage()
    assert run(instance, today()).success
