"""Marts follow from landed events, and agree with `mp ask`."""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mixpanel_assets import ConfigError, UsageError
from mixpanel_assets.dagster import definitions_of
from mixpanel_assets.defs.marts import AGREES
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import WarehouseResource
from mixpanel_assets.notes import notes_to
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.warehouse.load.fetched import check_pull
from mixpanel_assets.warehouse.load.kept_answers import keep_answer
from mixpanel_assets.warehouse.marts import answers
from mixpanel_assets.workspace import Workspace
from mixpanel_assets_tests.conftest import DAY, NOON, event, settled
from mixpanel_assets_tests.dagsters import QUIET, failure, land, made

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 12)
BUILT_IN = ("spine", "sessions", "user_days", "active_users")
DECLARED = """
[funnels.checkout]
steps = ["Page View", "Add To Cart[amount > 0]", "Purchase"]
window = "2d"
by = "plan"
description = "From a look to a purchase."

[funnels.table]
steps = ["Page View", "Purchase"]
unit = "day"

[retention.signup]
born = "Sign Up"
interval_count = 3

[retention.any]
retention_type = "compounded"
interval_count = 2
by = "plan"

[segmentation.plans]
event = "Purchase"
by = "plan"
type = "unique"
limit = 2

[segmentation.hourly]
event = "Purchase"
unit = "hour"
sum = "amount"

[frequency.habit]
event = "Page View"
by = "plan"

[sessions.weekly]
unit = "week"

[active_users.buyers]
event = "Purchase"

[lifecycle.weeks]

[flows.next]
event = "Page View"
steps = 2
window = "1d"

[attribution.plans]
event = "Purchase"
by = "plan"
lookback = "2d"
"""


@pytest.fixture(scope="module")
def landed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with twelve landed days and a file of declarations."""
    folder = tmp_path_factory.mktemp("landed")
    store = Store(world=World(first_day=FIRST, events_per_day=250), last_day=LAST)
    with Simulator(store) as mixpanel, settled(folder, environment(mixpanel, folder)):
        declare(folder)
        with dg.DagsterInstance.ephemeral() as instance:
            assert land(instance, FIRST, LAST).success
    return folder / "home"


@pytest.fixture(scope="module")
def made_home(
    landed_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dg.ExecuteInProcessResult]]:
    """The same after a run of all marts, and that run; there is no Mixpanel any more."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(landed_home, folder / "home")
    with settled(folder, environment(None, folder)), dg.DagsterInstance.ephemeral() as instance:
        yield folder / "home", run(instance)


def environment(mixpanel: Simulator | None, folder: Path) -> dict[str, str]:
    """The settings of somebody who has such a Mixpanel, or one that can't be reached."""
    return {
        "MP_HOME": str(folder / "home"),
        "MP_BASE_URL": mixpanel.url if mixpanel else "http://127.0.0.1:9",
        "MP_USERNAME": mixpanel.project.username if mixpanel else "u",
        "MP_SECRET": mixpanel.project.secret if mixpanel else "s",
        "MP_PROJECT_ID": mixpanel.project.project_id if mixpanel else "12345",
        "MP_START_DATE": str(FIRST),
    }


@pytest.fixture
def landed(landed_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This test has a copy of the landed days."""
    shutil.copytree(landed_home, tmp_path / "home")
    for name, value in environment(None, tmp_path).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def marts(
    made_home: tuple[Path, dg.ExecuteInProcessResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dg.ExecuteInProcessResult:
    """This test has a copy of all marts, and the run that made them."""
    home, result = made_home
    shutil.copytree(home, tmp_path / "home")
    for name, value in environment(None, tmp_path).items():
        monkeypatch.setenv(name, value)
    return result


def declare(folder: Path, text: str = DECLARED) -> None:
    (folder / "home").mkdir(exist_ok=True)
    (folder / "home" / "mixpanel.toml").write_text(text)


def run(
    instance: dg.DagsterInstance, *names: str, first: date = FIRST, last: date = LAST
) -> dg.ExecuteInProcessResult:
    project = Project.of(marts=True)
    job = definitions_of(project).resolve_job_def(project.name("marts_job"))
    keys = [project.key(name) for name in names] or None
    return job.execute_in_process(
        instance=instance,
        asset_selection=keys,
        run_config=QUIET,
        raise_on_error=False,
        tags=days_in_one_run(first, last),
    )


def sql(query: str) -> list[tuple[Any, ...]]:
    with WarehouseResource().get_reader() as warehouse:
        return warehouse.execute(query).fetchall()


def agreed(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    found = result.get_asset_check_evaluations()
    assert {one.check_name for one in found} <= {AGREES}
    assert [one.description for one in found if not one.passed] == []
    return {one.asset_key.path[-1]: one.passed for one in found}


def test_marts_are_made_without_a_request_and_agree_with_mp_ask(
    marts: dg.ExecuteInProcessResult,
) -> None:
    assert marts.success  # and no Mixpanel could have been asked
    declared = {mart.table for mart in Project.of().marts or ()}
    assert len(declared) == 12
    assert agreed(marts) == dict.fromkeys(declared | {*BUILT_IN[1:]}, True)
    query = "select dataset, sum(rows)::bigint from landed where dataset <> 'events' group by 1"
    counts = sql(query)
    assert {name for name, rows in counts if rows} == declared | {*BUILT_IN[1:]}
    for name, rows in counts:
        assert sql(f"select count(*) from {name}") == [(rows,)]


def test_a_day_of_a_mart_is_what_mp_ask_says_of_that_day_alone(
    marts: dg.ExecuteInProcessResult,
) -> None:
    daily = [mart for mart in Project.of().marts or () if mart.is_daily]
    assert len(daily) == 8
    days = [FIRST + timedelta(n) for n in range(12)]
    with Workspace() as workspace, notes_to([].append), WarehouseResource().get_reader() as one:
        mine = {(mart, day): answers.kept(one, mart, day) for mart in daily for day in days}
    with Workspace() as workspace, notes_to([].append):
        for (mart, day), rows in mine.items():
            expected = answers.rows_of(mart, workspace.ask(mart.over(day, day)), day)
            assert answers.difference(rows, expected) is None, (mart.table, day)


def test_sessions_and_days_of_people_are_those_of_a_slow_count(
    marts: dg.ExecuteInProcessResult,
) -> None:
    events: dict[tuple[Any, str], list[tuple[Any, str]]] = {}
    query = "select event_date, person, timezone('UTC', event_time), event_name from events"
    for day, person, at, name in sql(query):
        if person:
            events.setdefault((day, person), []).append((at, name))
    sessions, days = [], []
    for (day, person), found in events.items():
        mine: list[list[Any]] = []
        for at, name in sorted(found):
            if name in ("$identify", "$create_alias", "$merge"):
                continue
            if not mine or at - mine[-1][-1] >= timedelta(minutes=30):
                mine.append([])
            mine[-1].append(at)
        sessions += [
            (day, person, n, one[0], one[-1], len(one), (one[-1] - one[0]).total_seconds())
            for n, one in enumerate(mine, 1)
        ]
        days.append((day, person, len(found), len(mine)))
    assert sql("from sessions order by all") == sorted(sessions)
    assert sql("from user_days order by all") == sorted(days)


def contents() -> dict[str, list[tuple[Any, ...]]]:
    tables = [*BUILT_IN[1:], *(mart.table for mart in Project.of().marts or ())]
    return {table: sql(f"from {table} order by all") for table in tables}


def test_a_run_again_changes_nothing(
    marts: dg.ExecuteInProcessResult, instance: dg.DagsterInstance
) -> None:
    before = contents()
    middle = FIRST + timedelta(5)
    assert run(instance, first=middle, last=middle).success
    assert contents() == before
    assert sql("select count(*), count(distinct (dataset, day)) from landed") == [
        (12 * (1 + 3 + 8) + 4,) * 2
    ]


def test_each_day_shows_its_rows_and_the_newest_the_answer(
    marts: dg.ExecuteInProcessResult,
) -> None:
    by_day = {one.partition: one.metadata for one in made(marts, "funnel_checkout")}
    assert len(by_day) == 12
    assert all(one["dagster/partition_row_count"].value for one in by_day.values())
    newest = by_day[str(LAST)]
    assert newest["chart"].value.startswith("![")
    assert newest["rows"].value.startswith("| date | segment | step |")
    assert "chart" not in by_day[str(FIRST)]
    (whole,) = made(marts, "retention_signup")
    assert whole.partition is None
    assert whole.metadata["dagster/row_count"].value == 12
    assert whole.metadata["chart"].value.startswith("![")


def test_a_late_day_changes_exactly_the_days_that_it_touches(
    account: Simulator, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    hour = 3_600_000
    days = [DAY + timedelta(n) for n in range(4)]
    for n, day in enumerate(days):
        at = NOON + n * 24 * hour
        account.store.set_day(day, [event("A", at, distinct_id=f"p{n}")])
    declare(tmp_path, '[funnels.f]\nsteps = ["A", "B"]\nwindow = "1d"\n')
    assert land(instance, days[0], days[-1]).success
    account.store.set_day(days[3], [event("B", NOON + 3 * 24 * hour, distinct_id="p9")])
    assert land(instance, days[3]).success
    assert run(instance, first=days[0], last=days[-1]).success
    before = contents()
    late = event("B", NOON + 2 * 24 * hour - hour, distinct_id="p1")
    account.store.set_day(days[2], [event("A", NOON + 48 * hour, distinct_id="p2"), late])
    assert land(instance, days[2]).success
    assert run(instance, "spine", first=days[2], last=days[2]).success
    assert run(instance, "funnel_f", first=days[1], last=days[2]).success
    query = "select date, count from funnel_f where step = 2 order by date"
    assert sql(query) == [(days[0], 0), (days[1], 1), (days[2], 0), (days[3], 0)]
    others = [row for row in before["funnel_f"] if row[0] not in days[1:3]]
    assert [row for row in contents()["funnel_f"] if row[0] not in days[1:3]] == others
    touched = contents()["funnel_f"]
    assert run(instance, first=days[0], last=days[-1]).success  # as if all were made again
    assert contents()["funnel_f"] == touched


def test_days_that_are_not_landed_have_no_rows(landed: None, instance: dg.DagsterInstance) -> None:
    with Workspace() as workspace:
        workspace.drop("events", force=True)
    result = run(instance)
    assert result.success
    assert not any(one.metadata["landed"].value for one in made(result, "sessions"))
    for table in BUILT_IN[1:]:
        assert sql(f"from {table}") == []


def test_a_row_says_whether_it_can_still_change(marts: dg.ExecuteInProcessResult) -> None:
    query = "select max(date) filter (complete), min(date) filter (not complete)"
    complete = sql(f"{query} from funnel_checkout")
    assert complete == [(LAST - timedelta(2), LAST - timedelta(1))]
    assert sql(f"{query} from active_users")[0][0] is None  # no day has 29 landed ones before it
    assert sql("select bool_and(complete) from segmentation_plans") == [(True,)]


def test_another_definition_makes_all_days_again(
    marts: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    def fingerprint() -> str:
        return next(m.fingerprint for m in Project.of().marts or () if m.table == "funnel_checkout")

    before = fingerprint()
    declare(tmp_path, '[funnels.checkout]\nsteps = ["Page View", "Purchase"]')
    assert fingerprint() != before
    result = run(instance, "funnel_checkout", first=LAST, last=LAST)
    assert result.success
    assert len({one.partition for one in made(result, "funnel_checkout")}) == 12  # Dagster knows
    columns = "select string_agg(name, ' ') from pragma_table_info('funnel_checkout')"
    assert sql(columns) == [("date step event count conversion_rate complete",)]
    assert sql("select count(distinct date) from funnel_checkout") == [(12,)]


def test_a_table_of_somebody_else_stays(landed: None, instance: dg.DagsterInstance) -> None:
    with WarehouseResource().get_connection() as warehouse:
        warehouse.execute("create table sessions as select 1 as mine")
    result = run(instance, "sessions", first=FIRST, last=FIRST)
    assert not result.success
    assert "already, which is not of a mart" in failure(result).description
    assert sql("from sessions") == [(1,)]


def test_a_mart_is_listed_and_described(marts: dg.ExecuteInProcessResult) -> None:
    with Workspace() as workspace:
        listed = {one.name: one for one in workspace.tables()}
        for name in contents():
            assert listed[name].fetched_at is not None
            columns = workspace.table_schema(name).columns
            assert [one.name for one in columns if not one.description] == []
    query = "select count(*) from duckdb_tables() where comment is null and table_name = 'sessions'"
    assert sql(query) == [(0,)]


def test_a_mart_is_not_dropped_or_replaced_by_accident(
    marts: dg.ExecuteInProcessResult, instance: dg.DagsterInstance
) -> None:
    with Workspace() as workspace:
        with pytest.raises(ConfigError, match="sessions is the table of a mart"):
            workspace.drop("sessions")
        assert workspace.drop_all() == []
        with WarehouseResource().get_connection() as warehouse:
            with pytest.raises(UsageError, match="table of a mart"):
                check_pull(warehouse, "sessions", "events", "replace")
            with pytest.raises(UsageError, match="table of a mart"):
                keep_answer(
                    warehouse, "sessions", ["a"], [(1,)], day=LAST, question={}, replace=True
                )
        assert workspace.drop("sessions", force=True) == ["sessions"]
    assert run(instance, "sessions", first=FIRST, last=FIRST).success
    assert sql("select count(distinct day) from sessions") == [(1,)]


def test_a_mart_is_an_input_of_other_assets(
    marts: dg.ExecuteInProcessResult, instance: dg.DagsterInstance
) -> None:
    project = Project.of()
    seen: list[int] = []

    @dg.asset(
        ins={"funnel": dg.AssetIn(project.key("funnel_checkout"))}, partitions_def=project.days
    )
    def report(funnel: pd.DataFrame) -> None:
        seen.append(len(funnel))

    defs = dg.Definitions.merge(definitions_of(project), dg.Definitions(assets=[report]))
    done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey("report")],
        run_config=QUIET,
        partition_key=str(FIRST),
    )
    assert done.success
    assert seen == [sql(f"select count(*) from funnel_checkout where date = '{FIRST}'")[0][0]]
