"""What Dagster loads: assets, jobs, resources and the files around them."""

import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from mixpanel_assets.definitions import defs
from mixpanel_assets.defs.partitions import daily
from mixpanel_assets.defs.project import Project
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, Answer
from mixpanel_assets_tests.dagsters import definitions, key, name

ROOT = Path(__file__).parents[2]
Mp = Callable[..., Answer]


def node(*names: str) -> dg.AssetSpec:
    """The asset as Dagster loads it now."""
    found = definitions().resolve_asset_graph().get(key(*names))
    return found.to_asset_spec()


def days(asset: str) -> dg.DailyPartitionsDefinition:
    found = node(asset).partitions_def
    assert isinstance(found, dg.DailyPartitionsDefinition)
    return found


def today(back: int = 0) -> str:
    return str(Settings.from_env().today() - timedelta(back))


def test_the_definitions_load_without_an_account() -> None:
    dg.Definitions.validate_loadable(defs())
    names = {found.to_user_string() for found in defs().resolve_all_asset_keys()}
    landed = {"events", "profiles", "lexicon", "cohorts", "funnels", "bookmarks", "annotations"}
    views = {"event_properties", "profile_properties"}
    endpoints = {f"mixpanel/{one}" for one in ("export", "engage", "lexicon", "query")}
    assert names == {f"mixpanel/{one}" for one in landed | views | endpoints}


def test_every_name_is_that_of_the_project(account: Simulator) -> None:
    assert {found.path[0] for found in defs().resolve_all_asset_keys()} == {"12345"}
    repository = defs().get_repository_def()
    own = [
        *(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        *(one.name for one in (*repository.schedule_defs, *repository.sensor_defs)),
    ]
    assert [one for one in own if not one.startswith("12345_")] == []
    ops = [one.node_def for one in defs().resolve_asset_graph().assets_defs if one.is_executable]
    assert [op.name for op in ops if not op.name.startswith("12345_")] == []
    assert {pool for op in ops for pool in op.pools} == {"warehouse_12345"}
    resources = set(repository.get_top_level_resources())
    of_project = {"mixpanel_12345", "warehouse_12345", "inputs_12345"}
    assert resources == {*of_project, "mixpanel", "warehouse"}


def test_every_run_is_in_one_process(account: Simulator) -> None:
    jobs = [job for job in defs().resolve_all_job_defs() if not job.name.startswith("__")]
    assert {name(f"{one}_job") for one in ("events", "profiles", "catalog", "counts")} | {
        name("ask")
    } == {job.name for job in jobs}
    assert {job.executor_def.name for job in defs().resolve_all_job_defs()} == {"in_process"}


def test_events_are_daily_with_today_and_a_range_is_one_run() -> None:
    found = days("events")
    assert (found.get_first_partition_key(), found.timezone) == (today(30), "UTC")
    assert found.get_last_partition_key() == str(datetime.now(UTC).date())
    graph = definitions().resolve_asset_graph()
    assert graph.get(key("events")).backfill_policy == dg.BackfillPolicy.single_run()


def test_events_begin_with_the_first_day_that_is_landed_or_said(
    account: Simulator, here: Mp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("materialize", "events", "--from", str(DAY), "--to", str(DAY)).code == 0
    assert days("events").get_first_partition_key() == str(DAY)
    folder = tmp_path / "home" / "data" / "12345"
    (folder / "first_day_of_events").unlink()  # as older versions left it
    assert days("events").get_first_partition_key() == str(DAY)
    (folder / "first_day_of_events").unlink()
    monkeypatch.setenv("MP_START_DATE", "2020-01-02")
    assert days("events").get_first_partition_key() == "2020-01-02"


def test_profiles_are_daily_from_the_first_snapshot_on(account: Simulator, here: Mp) -> None:
    assert days("profiles").get_partition_keys() == [today()]
    assert here("materialize", "profiles").code == 0
    assert days("profiles").get_partition_keys() == [today()]
    record = Settings.from_env().home / "data" / "12345" / "first_day_of_profiles"
    assert record.read_text() == f"{today()}\n"
    record.write_text(f"{today(3)}\n")  # it was taken three days ago
    assert days("profiles").get_partition_keys() == [today(n) for n in (3, 2, 1, 0)]
    graph = definitions().resolve_asset_graph()
    assert graph.get(key("profiles")).backfill_policy == dg.BackfillPolicy.single_run()


def test_a_legacy_project_s_days_are_those_of_its_zone(
    account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = "Pacific/Kiritimati"
    monkeypatch.setenv("MP_PROJECT_TIMEZONE", zone)
    assert days("events").timezone == days("profiles").timezone == zone
    noon_utc = datetime(2024, 1, 2, 12, tzinfo=UTC)  # the 3rd has begun there
    assert daily(DAY, zone).get_partition_keys(current_time=noon_utc)[-1] == "2024-01-03"


def test_events_say_what_they_are_in_the_ui() -> None:
    spec = node("events")
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns][:3] == ["event_date", "event_name", "event_time"]
    assert [column.name for column in columns if not column.description] == []


def test_profiles_say_what_they_are_in_the_ui() -> None:
    spec = node("profiles")
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns if not column.description] == []
    assert {"distinct_id", "last_seen", "snapshot_date", "properties"} == {
        column.name for column in columns
    }


def test_every_asset_and_job_says_whose_it_is_and_what_for(
    account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    monkeypatch.setenv("MP_OWNERS", "team:growth, ann@example.com")
    group = Project.of().group
    views = {key("event_properties"), key("profile_properties")}
    for found in definitions().resolve_all_asset_keys():
        spec = node(*found.path[1:])
        assert spec.group_name == group
        assert (spec.owners, spec.tags["source"]) == (
            ["team:growth", "ann@example.com"],
            "mixpanel",
        )
        assert spec.description
        if found.path[1] == "mixpanel":
            assert spec.kinds == {"source", "json"}
            assert spec.metadata["documentation"].value.startswith("https://")
            continue
        assert spec.kinds == ({"duckdb", "view"} if found in views else {"duckdb", "table"})
        assert spec.code_version
        assert spec.metadata["dagster/table_name"]
        assert spec.metadata["dagster/uri"].endswith("/data/12345/mixpanel.duckdb")
    own = [job for job in definitions().resolve_all_job_defs() if not job.name.startswith("__")]
    assert [job.name for job in own if not job.description] == []


def test_the_files_in_the_package_are_those_of_the_checkout() -> None:
    for file in ("dagster.yaml", "workspace.yaml"):
        packaged = ROOT / "mixpanel_assets" / "defs" / file
        assert packaged.read_text("utf-8") == (ROOT / file).read_text("utf-8")


def test_nothing_overrides_the_workspace() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    assert tools.keys() & {"dagster", "dg"} == set()
