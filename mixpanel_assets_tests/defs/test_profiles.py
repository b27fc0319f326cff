"""A run takes today's snapshot, finds earlier ones, and says which days have none."""

import logging
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.access import look_up
from mixpanel_assets.defs.metadata import REQUESTS, SECONDS, SKIPPED
from mixpanel_assets.defs.partitions import begin_at, days_in_one_run
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.ingest import ingest_profiles
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.dagsters import (
    execute,
    failure,
    made,
    materialized,
    observed,
    patient_job,
)


@pytest.fixture
def people(account: Simulator) -> Simulator:
    """Mixpanel has three profiles."""
    account.profiles.fill(3)
    return account


def today(back: int = 0) -> str:
    return str(Settings.from_env().today() - timedelta(back))


def run(instance: dg.DagsterInstance, day: str, job: Any = "profiles_job") -> Any:
    return execute(job, instance, partition_key=day)


def run_of(instance: dg.DagsterInstance, first: int, last: int = 0) -> Any:
    """One run over days of which the first is so many days ago, as a backfill does it."""
    begin_at(look_up(), date.fromisoformat(today(first)), "profiles")
    days = [date.fromisoformat(today(back)) for back in (first, last)]
    return execute("profiles_job", instance, tags=days_in_one_run(*days))


def warnings(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    records = instance.get_records_for_run(result.run_id).records
    entries = [record.event_log_entry for record in records]
    return [entry.user_message for entry in entries if entry.level == logging.WARNING]


def taken(back: int) -> None:
    """A snapshot was taken that many days ago."""
    settings, day = Settings.from_env(), date.fromisoformat(today(back))
    with MixpanelResource().get_client() as client:
        ingest_profiles(client, WarehouseResource().get_connection, settings, day)


def test_today_s_snapshot_has_its_figures(people: Simulator, instance: dg.DagsterInstance) -> None:
    result = run(instance, today())
    assert result.success
    assert materialized(instance, "profiles") == {today()}
    (found,) = made(result, "profiles")
    told = {name: entry.value for name, entry in found.metadata.items()}
    assert told.pop(SECONDS) > 0
    figures = {"dagster/partition_row_count": 3, "new": 3, "changed": 0, "removed": 0}
    assert told == {**figures, REQUESTS: 2, **_about_the_run(told)}


def _about_the_run(told: dict[str, Any]) -> dict[str, Any]:
    """What Dagster itself adds."""
    return {name: value for name, value in told.items() if name.startswith("dagster/code")}


def test_today_can_be_materialized_again(people: Simulator, instance: dg.DagsterInstance) -> None:
    run(instance, today())
    people.profiles.delete("synthetic-0000001")
    (found,) = made(run(instance, today()), "profiles")
    assert [found.metadata[name].value for name in ("new", "changed", "removed")] == [2, 0, 0]


def test_a_past_day_without_a_snapshot_stays_missing_and_the_run_says_why(
    people: Simulator, instance: dg.DagsterInstance
) -> None:
    result = run_of(instance, 400, last=399)
    assert result.success
    (seen,) = observed(result, "profiles")
    told = seen.metadata[SKIPPED].value
    assert told.startswith(f"{today(400)} to {today(399)}: no snapshot was taken")
    assert "Mixpanel only returns current profiles" in told
    assert warnings(instance, result) == [told]
    assert people.requests == []
    assert materialized(instance, "profiles") == set()


def test_a_backfill_takes_today_s_snapshot_and_names_the_days_that_have_none(
    people: Simulator, instance: dg.DagsterInstance
) -> None:
    result = run_of(instance, 3)
    assert result.success
    (found,) = made(result, "profiles")
    assert found.partition == today()
    assert found.metadata["dagster/partition_row_count"].value == 3
    assert materialized(instance, "profiles") == {today()}
    (seen,) = observed(result, "profiles")
    assert seen.metadata[SKIPPED].value.startswith(f"{today(3)} to {today(1)}: ")


@pytest.mark.parametrize("kept", ["tables", "file"])
def test_a_past_day_with_a_snapshot_is_materialized_from_what_is_kept(
    kept: str, people: Simulator, instance: dg.DagsterInstance
) -> None:
    taken(2)
    if kept == "file":
        WarehouseResource().path.unlink()
    asked = len(people.requests)
    result = run_of(instance, 2, last=2)
    assert result.success
    (found,) = made(result, "profiles")
    assert (found.partition, found.metadata["dagster/partition_row_count"].value) == (today(2), 3)
    assert observed(result, "profiles") == []
    assert materialized(instance, "profiles") == {today(2)}
    assert len(people.requests) == asked


def test_a_landed_day_that_can_t_be_loaded_without_losing_others_is_named(
    people: Simulator, instance: dg.DagsterInstance
) -> None:
    taken(3)
    warehouse = WarehouseResource().path
    backup = warehouse.read_bytes()
    landed = Settings.from_env().landed_folder(look_up().project) / "profiles"
    (file_of_third,) = landed.glob(f"profiles.{today(3)}.*")
    taken(2)
    warehouse.write_bytes(backup)
    file_of_third.unlink()
    result = run_of(instance, 4, last=2)
    assert result.success
    assert [one.partition for one in made(result, "profiles")] == [today(3)]
    (seen,) = observed(result, "profiles")
    told = seen.metadata[SKIPPED].value
    assert warnings(instance, result) == [told]
    assert f"{today(4)}: no snapshot was taken" in told
    assert f"{today(2)}: landed, but not loaded" in told
    assert f"the landed files of 1 snapshots are gone, the first of {today(3)} (a rebuild" in told
    with WarehouseResource().get_reader() as kept:
        assert kept.sql("select count(*) from profiles").fetchall() == [(3,)]


def test_a_refusal_is_not_tried_again(people: Simulator, instance: dg.DagsterInstance) -> None:
    people.fail_engage("402@*")
    result = run(instance, today(), job=patient_job("profiles"))
    assert not result.success
    assert failure(result).description.startswith("PLAN_REQUIRED: ")
    assert len(people.requests) == 1


def test_a_failed_snapshot_is_no_materialization(
    people: Simulator, instance: dg.DagsterInstance
) -> None:
    people.fail_engage("short@*")
    assert not run(instance, today()).success
    assert materialized(instance, "profiles") == set()
    people.fail_engage()
    assert run(instance, today()).success
