"""What Dagster loads: assets, jobs, resources and the files around them."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from mixpanel_assets.definitions import defs
from mixpanel_assets.defs.jobs import EVENTS_JOB, PROFILES_JOB
from mixpanel_assets.defs.partitions import project_days
from mixpanel_assets.settings import Settings

ROOT = Path(__file__).parents[2]
EVENTS = dg.AssetKey("events")
PROFILES = dg.AssetKey("profiles")


def test_the_definitions_load_without_an_account() -> None:
    dg.Definitions.validate_loadable(defs())
    graph = defs().resolve_asset_graph()
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    catalog = {"lexicon", "cohorts", "funnels", "bookmarks", "annotations"}
    assert names == {"events", "profiles", "saved_reports"} | catalog
    for job in (EVENTS_JOB, PROFILES_JOB):
        assert defs().resolve_job_def(job).executor_def is dg.in_process_executor


def test_events_are_daily_with_today_and_a_range_is_one_run() -> None:
    node = defs().resolve_asset_graph().get(EVENTS)
    days = node.partitions_def
    assert isinstance(days, dg.DailyPartitionsDefinition)
    assert (days.get_first_partition_key(), days.timezone) == ("2000-01-01", "UTC")
    assert days.get_last_partition_key() == str(datetime.now(UTC).date())
    assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_profiles_are_daily_with_today_and_each_day_is_a_run() -> None:
    node = defs().resolve_asset_graph().get(PROFILES)
    assert node.partitions_def == defs().resolve_asset_graph().get(EVENTS).partitions_def
    assert node.backfill_policy != dg.BackfillPolicy.single_run()


def test_a_legacy_project_s_days_are_those_of_its_zone() -> None:
    zone = "Pacific/Kiritimati"
    days = project_days(Settings(Path("/"), project_timezone=zone))
    noon_utc = datetime(2024, 1, 2, 12, tzinfo=UTC)  # the 3rd has begun there
    assert days.get_partition_keys(current_time=noon_utc)[-1] == "2024-01-03"


def test_events_say_what_they_are_in_the_ui() -> None:
    spec = defs().resolve_asset_graph().get(EVENTS)
    assert (spec.group_name, spec.kinds) == ("mixpanel", {"mixpanel", "duckdb"})
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns][:3] == ["event_date", "event_name", "event_time"]
    assert [column.name for column in columns if not column.description] == []


def test_profiles_say_what_they_are_in_the_ui() -> None:
    spec = defs().resolve_asset_graph().get(PROFILES)
    assert (spec.group_name, spec.kinds) == ("mixpanel", {"mixpanel", "duckdb"})
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns if not column.description] == []
    assert {"distinct_id", "last_seen", "snapshot_date", "properties"} == {
        column.name for column in columns
    }


def test_every_asset_and_job_says_whose_it_is_and_what_for() -> None:
    graph = defs().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert (node.group_name, node.kinds) == ("mixpanel", {"mixpanel", "duckdb"})
        assert (node.owners, node.tags["source"]) == (["team:data"], "mixpanel")
        assert node.description
        assert node.code_version
        assert node.metadata["dagster/table_name"]
    own = [job for job in defs().resolve_all_job_defs() if not job.name.startswith("__")]
    assert [job.name for job in own if not (job.description and job.owners)] == []


def test_the_files_in_the_package_are_those_of_the_checkout() -> None:
    for name in ("dagster.yaml", "workspace.yaml"):
        packaged = ROOT / "mixpanel_assets" / "defs" / name
        assert packaged.read_text("utf-8") == (ROOT / name).read_text("utf-8")


def test_nothing_overrides_the_workspace() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    assert tools.keys() & {"dagster", "dg"} == set()
