"""A run records exactly the days that it has landed."""

from datetime import timedelta

import dagster as dg
import pytest

from mixpanel_assets.defs.metadata import REQUESTS
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, event
from mixpanel_assets_tests.dagsters import (
    execute,
    failure,
    land,
    made,
    materialized,
    patient_job,
)


@pytest.fixture
def days(account: Simulator) -> Simulator:
    """Nine days from DAY on hold one event each, and the second day a duplicate."""
    for n in range(9):
        record = event("Open", NOON + n * 86_400_000)
        account.store.set_day(DAY + timedelta(n), [record] * (2 if n == 1 else 1))
    return account


def keys(count: int) -> list[str]:
    return [str(DAY + timedelta(n)) for n in range(count)]


def run(instance: dg.DagsterInstance, count: int) -> dg.ExecuteInProcessResult:
    """One run over that many days from DAY on."""
    return land(instance, DAY, DAY + timedelta(count - 1))


def test_a_range_materializes_its_days_and_no_other(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    result = run(instance, 3)
    assert result.success
    assert sorted(materialized(instance)) == keys(3)


def test_each_day_has_its_own_figures(days: Simulator, instance: dg.DagsterInstance) -> None:
    found = made(run(instance, 3), "events")
    told = {
        one.partition: {name: entry.value for name, entry in one.metadata.items()} for one in found
    }
    assert sorted(told) == keys(3)
    assert [told[key]["dagster/partition_row_count"] for key in keys(3)] == [1, 1, 1]
    assert [told[key]["duplicates"] for key in keys(3)] == [0, 1, 0]
    assert {told[key]["partial"] for key in keys(3)} == {False}
    assert all(told[key]["bytes"] > 0 and told[key]["file"] for key in keys(3))
    assert {told[key][REQUESTS] for key in keys(3)} == {1}
    assert all("| Open | 1 | 1 |" in told[key]["preview"] for key in keys(3))
    assert all("Most events from 12:00 (1)" in told[key]["hours"] for key in keys(3))
    assert all(told[key]["seconds"] > 0 for key in keys(3))


def test_the_newest_day_of_a_run_has_pictures_of_the_weeks_up_to_it(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    run(instance, 3)
    found = made(run(instance, 2), "events")
    first, second = sorted(found, key=lambda one: str(one.partition))
    assert not {"days", "weeks"} & first.metadata.keys()
    images = {name: str(second.metadata[name].value) for name in ("days", "weeks", "hours")}
    assert [text.count("](<data:image/svg+xml,") for text in images.values()] == [1, 4, 1]
    assert "2 events from 2024-01-02 to 2024-01-03" in images["days"]
    # Dagster shows a longer text as a link.
    assert all(len(images[name]) < 1000 for name in ("days", "hours"))


def test_a_single_day_is_a_run_too(
    days: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_START_DATE", str(DAY))
    assert execute("events_job", instance, partition_key=str(DAY)).success
    assert materialized(instance) == {str(DAY)}


def test_a_run_that_fails_in_the_middle_keeps_the_days_before_it(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    days.fail("403@2")  # the first request covers a week
    result = run(instance, 9)
    assert not result.success
    assert sorted(materialized(instance)) == keys(7)


def test_the_days_after_a_failure_can_be_landed_later(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    days.fail("403@2")
    run(instance, 9)
    assert run(instance, 9).success
    assert sorted(materialized(instance)) == keys(9)


def test_what_can_not_pass_is_not_tried_again(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    days.fail("403@*")
    patient = patient_job("events", start=DAY)
    assert not execute(patient, instance, partition_key=str(DAY)).success
    assert len(days.requests) == 1


def test_a_failure_holds_mixpanel_s_words_and_a_hint(
    days: Simulator, instance: dg.DagsterInstance
) -> None:
    days.fail("402@*")
    failed = failure(run(instance, 1))
    error = failed.metadata["error"].value
    assert error["code"] == "PLAN_REQUIRED"
    assert failed.description == f"PLAN_REQUIRED: {error['message']} ({error['hint']})"
    assert error["details"]["body"] in error["message"]
    assert failed.metadata["exit_code"].value == 3


@pytest.mark.parametrize("job", ["events", "profiles", "catalog", "counts", "saved_reports"])
def test_a_run_without_an_account_says_what_to_set(
    job: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    today = str(Settings.from_env().today())
    day = {"partition_key": today} if job in ("events", "profiles") else {}
    failed = failure(execute(f"{job}_job", instance, **day))
    assert failed.description.startswith("CONFIG_ERROR: there are no Mixpanel credentials")
    assert "MP_USERNAME" in failed.description
