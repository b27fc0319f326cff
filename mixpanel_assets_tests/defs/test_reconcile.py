"""Dagster's record of events and profiles is what is landed, whatever happened in between."""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.access import look_up
from mixpanel_assets.defs.partitions import begin_at
from mixpanel_assets.defs.project import Project
from mixpanel_assets.materialize import reconcile_known
from mixpanel_assets.notes import AnswerWarning, notes_to
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

BROKEN = "can't be opened: IO Error"
FIRST = date(2024, 1, 1)
DAYS = [FIRST + timedelta(n) for n in range(5)]


@pytest.fixture
def mixpanel() -> Iterator[Simulator]:
    with Simulator(Store(world=World(first_day=FIRST, events_per_day=20)), retry_after=0) as server:
        yield server


@pytest.fixture
def ws(account: Simulator) -> Iterator[Workspace]:
    """Three of the days are landed."""
    with Workspace() as workspace:
        workspace.materialize_events(DAYS[0], DAYS[2])
        yield workspace


def land_unseen(ws: Workspace, day: date) -> None:
    """Land a day as a process does that is killed before it reports it."""
    with Workspace(path=ws.db_path) as unseen:
        unseen.materialize_events(day, day)


def known(home: Path, name: str = "events") -> set[str]:
    """The partitions that Dagster knows as materialized."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return instance.get_materialized_partitions(Project.of().key(name))


def reports(home: Path, day: date) -> int:
    """How many times the day was reported as materialized."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        records = dg.AssetRecordsFilter(Project.of().key("events"), asset_partitions=[str(day)])
        return len(instance.fetch_materializations(records, limit=100).records)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home" / "dagster"


def texts(days: list[date]) -> set[str]:
    return {str(day) for day in days}


def test_a_landed_day_that_was_not_reported_is_reported(ws: Workspace, home: Path) -> None:
    land_unseen(ws, DAYS[3])
    assert known(home) == texts(DAYS[:3])
    assert ws.reconcile().to_dict() == {"reported": [str(DAYS[3])], "wiped": []}
    assert known(home) == texts(DAYS[:4])
    assert ws.reconcile().to_dict() == {"reported": [], "wiped": []}


def figures(home: Path, day: date) -> dict[str, object]:
    """The metadata of the day's newest report."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        records = dg.AssetRecordsFilter(Project.of().key("events"), asset_partitions=[str(day)])
        (newest,) = instance.fetch_materializations(records, limit=1).records
    assert newest.asset_materialization
    return {name: one.value for name, one in newest.asset_materialization.metadata.items()}


def test_a_landed_day_is_reported_with_the_figures_that_its_run_reports(
    ws: Workspace, home: Path
) -> None:
    land_unseen(ws, DAYS[3])
    ws.reconcile()
    reported = figures(home, DAYS[3])
    ws.materialize_events(DAYS[3], DAYS[3])
    by_run = figures(home, DAYS[3])
    assert reported.pop("file") != by_run["file"]
    same = ("dagster/partition_row_count", "duplicates", "repaired", "bytes", "partial")
    assert reported == {name: by_run[name] for name in same}


def test_a_run_reports_what_was_landed_before_it(ws: Workspace, home: Path) -> None:
    land_unseen(ws, DAYS[3])
    ws.materialize_events(DAYS[4], DAYS[4])
    assert known(home) == texts(DAYS)


def test_a_day_that_landed_again_unreported_is_reported_again(ws: Workspace, home: Path) -> None:
    ws.reconcile()
    before = [reports(home, day) for day in DAYS[:3]]
    land_unseen(ws, DAYS[1])
    assert ws.reconcile().reported == [DAYS[1]]
    assert [reports(home, day) for day in DAYS[:3]] == [before[0], before[1] + 1, before[2]]


def test_what_was_reported_is_not_reported_twice(ws: Workspace, home: Path) -> None:
    ws.materialize_events(DAYS[1], DAYS[3])
    ws.materialize_events(DAYS[4], DAYS[4])
    assert ws.reconcile().reported == []
    assert [reports(home, day) for day in DAYS] == [1, 2, 2, 1, 1]


def test_days_that_are_gone_are_wiped(ws: Workspace, home: Path) -> None:
    ws.materialize_events(DAYS[3], DAYS[3])
    with ws._writing() as warehouse:
        warehouse.execute("delete from landed where day = ?", [DAYS[1]])
    assert ws.reconcile().to_dict() == {
        "reported": texts_of([DAYS[0], DAYS[2], DAYS[3]]),
        "wiped": texts_of([DAYS[1]]),
    }
    assert known(home) == texts([DAYS[0], DAYS[2], DAYS[3]])


def texts_of(days: list[date]) -> list[str]:
    return [str(day) for day in days]


def test_a_warehouse_that_is_gone_leaves_no_record(ws: Workspace, home: Path) -> None:
    assert ws.db_path
    shutil.rmtree(ws.db_path.parent)
    assert ws.reconcile().wiped == DAYS[:3]
    assert known(home) == set()


def test_a_new_instance_learns_what_is_landed(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws.materialize_profiles()
    ws.materialize_catalog()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    today = ws.settings.today()
    assert ws.reconcile().reported == [*DAYS[:3], today]
    assert known(tmp_path / "elsewhere") == texts(DAYS[:3])
    assert known(tmp_path / "elsewhere", "profiles") == {str(today)}
    with dg.DagsterInstance.from_config(str(tmp_path / "elsewhere")) as instance:
        assert instance.get_latest_materialization_event(Project.of().key("lexicon"))
        assert not instance.get_latest_materialization_event(Project.of().key("saved_reports"))


def test_what_an_older_version_recorded_is_carried_over(ws: Workspace, home: Path) -> None:
    old, other = dg.AssetKey("events"), dg.AssetKey("funnels")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.wipe_assets([Project.of().key("events")])
        made = dg.AssetMaterialization(old, partition="2024-01-01", metadata={"run_requests": 1})
        instance.report_runless_asset_event(made)
        instance.report_runless_asset_event(dg.AssetMaterialization(other))  # somebody else's
    assert ws.reconcile().reported == DAYS[:3]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_latest_materialization_event(old) is None
        assert instance.get_latest_materialization_event(other)


def test_a_record_needs_no_credentials(
    ws: Workspace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_unseen(ws, DAYS[3])
    monkeypatch.delenv("MP_USERNAME")
    monkeypatch.delenv("MP_SECRET")
    with Workspace() as later:
        assert later.reconcile().reported == [DAYS[3]]


def test_partitions_begin_at_the_first_day_landed_or_asked_for(
    account: Simulator, tmp_path: Path
) -> None:
    today = Project.of().settings.today()
    assert Project.of().start == today - timedelta(30)
    with Workspace() as workspace:
        workspace.materialize_events(DAYS[2], DAYS[3])
        assert Project.of().start == DAYS[2]
        workspace.materialize_events(DAYS[0], DAYS[0])
        assert Project.of().start == DAYS[0]
        workspace.materialize_events(DAYS[4], DAYS[4])
        assert Project.of().start == DAYS[0]


def test_partitions_of_an_older_home_begin_at_its_first_landed_day(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ws.db_path
    (ws.db_path.parent / "first_day_of_events").unlink()
    assert Project.of().start == DAYS[0]
    monkeypatch.setenv("MP_START_DATE", "2023-12-01")
    assert Project.of().start == date(2023, 12, 1)


def break_warehouse(ws: Workspace) -> Path:
    """The warehouse is no longer a database; returns its path."""
    assert ws.db_path
    ws.db_path.write_bytes(b"no database")
    return ws.db_path


def test_a_project_whose_warehouse_can_t_be_read_at_the_start_of_mp_dev_is_named(
    ws: Workspace, home: Path
) -> None:
    file = break_warehouse(ws)
    told: list[str] = []
    with notes_to(told.append):
        assert reconcile_known(ws.settings) == ["12345"]
        assert known(home) == texts(DAYS[:3])
    (note,) = [note for note in told if "compared" in note]
    not_compared = "12345: Dagster's record was not compared with what is landed: "
    assert note.startswith(f"{not_compared}{file} {BROKEN}")


def test_partitions_whose_first_day_can_t_be_read_say_where_they_begin_instead(
    ws: Workspace,
) -> None:
    file = break_warehouse(ws)
    today = Settings.from_env().today()
    for asset, instead in (("events", today - timedelta(30)), ("profiles", today)):
        (file.parent / f"first_day_of_{asset}").unlink(missing_ok=True)
        with pytest.warns(AnswerWarning) as warned:
            project = Project.of()
        told = [str(one.message) for one in warned if f"partitions of {asset} " in str(one.message)]
        (note,) = told
        assert note.startswith(f"project 12345: partitions of {asset} begin at {instead}: ")
        assert f"{file} {BROKEN}" in note
    assert (project.start, project.first_snapshot) == (today - timedelta(30), today)


def test_a_first_day_that_is_asked_for_needs_no_warehouse_to_be_known(ws: Workspace) -> None:
    file = break_warehouse(ws)
    (file.parent / "first_day_of_events").unlink()
    told: list[str] = []
    with notes_to(told.append):
        assert begin_at(look_up(), DAYS[0])
        assert Project.of().start == DAYS[0]
    assert [note for note in told if "partitions of events" in note] == []


def test_a_table_of_somebody_else_that_is_called_landed_tells_no_first_day(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MP_WAREHOUSE", str(tmp_path / "theirs.duckdb"))
    with duckdb.connect(str(tmp_path / "theirs.duckdb")) as theirs:
        theirs.execute("create table landed (moment timestamp)")
    assert ws.db_path
    (ws.db_path.parent / "first_day_of_events").unlink()
    assert Project.of().start == Settings.from_env().today() - timedelta(30)


def test_thousands_of_days_that_landed_unseen_are_reported(ws: Workspace, home: Path) -> None:
    days = 600
    assert ws.db_path
    with duckdb.connect(str(ws.db_path)) as warehouse:
        warehouse.execute(
            f"""
            insert into landed by name
            select landed.* replace (day + 10 + n::integer as day, now() as loaded_at)
            from landed, range({days}) r(n) where day = date '{DAYS[2]}'
            """
        )
    assert len(ws.reconcile().reported) == days
    land_unseen(ws, DAYS[3])
    with duckdb.connect(str(ws.db_path)) as warehouse:
        warehouse.execute("update landed set loaded_at = now() + interval 1 second")
    assert len(ws.reconcile().reported) == days + 4
    assert ws.reconcile().reported == []
