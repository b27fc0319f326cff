"""A run records exactly the days that it has landed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.definitions import defs
from mixpanel_assets.defs.jobs import EVENTS_JOB
from mixpanel_assets.defs.metadata import REQUESTS
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, event

EVENTS = dg.AssetKey("events")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def days(account: Simulator) -> Simulator:
    """Nine days from DAY on hold one event each, and the second day a duplicate."""
    for n in range(9):
        record = event("Open", NOON + n * 86_400_000)
        account.store.set_day(DAY + timedelta(n), [record] * (2 if n == 1 else 1))
    return account


def keys(count: int) -> list[str]:
    return [str(DAY + timedelta(n)) for n in range(count)]


def run(instance: dg.DagsterInstance, last: str, **more: Any) -> dg.ExecuteInProcessResult:
    """One run over the days from DAY to the last."""
    tags = {
        "dagster/asset_partition_range_start": str(DAY),
        "dagster/asset_partition_range_end": last,
    }
    job = more.pop("job", None) or defs().resolve_job_def(EVENTS_JOB)
    return job.execute_in_process(
        instance=instance, tags=tags, run_config=QUIET, raise_on_error=False, **more
    )


def _failure(result: dg.ExecuteInProcessResult) -> Any:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data


def test_a_range_materializes_its_days_and_no_other(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    result = run(instance, keys(3)[-1])
    assert result.success
    assert sorted(instance.get_materialized_partitions(EVENTS)) == keys(3)


def test_each_day_has_its_own_figures(days: Simulator, instance: dg.DagsterInstance) -> None:
    made = run(instance, keys(3)[-1]).asset_materializations_for_node("events")
    told = {
        one.partition: {name: entry.value for name, entry in one.metadata.items()} for one in made
    }
    assert sorted(told) == keys(3)
    assert [told[key]["dagster/partition_row_count"] for key in keys(3)] == [1, 1, 1]
    assert [told[key]["duplicates"] for key in keys(3)] == [0, 1, 0]
    assert {told[key]["partial"] for key in keys(3)} == {False}
    assert all(told[key]["bytes"] > 0 and told[key]["file"] for key in keys(3))
    assert {told[key][REQUESTS] for key in keys(3)} == {1}
    assert all("| Open | 1 | 1 |" in told[key]["preview"] for key in keys(3))
    assert all(f"12 {'█' * 30} 1\n13 {' ' * 30} 0\n" in told[key]["hours"] for key in keys(3))
    assert all(told[key]["seconds"] > 0 for key in keys(3))


def test_a_single_day_is_a_run_too(days: Simulator, instance: dg.DagsterInstance) -> None:
    job = defs().resolve_job_def(EVENTS_JOB)
    result = job.execute_in_process(
        instance=instance, partition_key=str(DAY), run_config=QUIET, raise_on_error=False
    )
    assert result.success
    assert instance.get_materialized_partitions(EVENTS) == {str(DAY)}


def test_a_run_that_fails_in_the_middle_keeps_the_days_before_it(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    days.fail("403@2")  # the first request covers a week
    result = run(instance, keys(9)[-1])
    assert not result.success
    assert sorted(instance.get_materialized_partitions(EVENTS)) == keys(7)


def test_the_days_after_a_failure_can_be_landed_later(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    days.fail("403@2")
    run(instance, keys(9)[-1])
    assert run(instance, keys(9)[-1]).success
    assert sorted(instance.get_materialized_partitions(EVENTS)) == keys(9)


def test_what_can_not_pass_is_not_tried_again(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    patient = dg.define_asset_job(
        "patient", [EVENTS], op_retry_policy=dg.RetryPolicy(max_retries=2)
    )
    job = dg.Definitions.merge(defs(), dg.Definitions(jobs=[patient])).resolve_job_def("patient")
    days.fail("403@*")
    assert not run(instance, str(DAY), job=job).success
    assert len(days.requests) == 1


def test_a_failure_holds_mixpanel_s_words_and_a_hint(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    days.fail("402@*")
    failure = _failure(run(instance, str(DAY)))
    error = failure.metadata["error"].value
    assert error["code"] == "PLAN_REQUIRED"
    assert failure.description == f"PLAN_REQUIRED: {error['message']} ({error['hint']})"
    assert error["details"]["body"] in error["message"]
    assert failure.metadata["exit_code"].value == 3


def test_a_run_without_an_account_says_what_to_set(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = _failure(run(instance, str(DAY)))
    assert failure.description.startswith("CONFIG_ERROR: there are no Mixpanel credentials")
    assert "MP_USERNAME" in failure.description
