"""Marts follow from landed events, and agree with `mp ask`."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.dagster import definitions_of
from mixpanel_assets.defs.marts import AGREES
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import WarehouseResource
from mixpanel_assets.notes import notes_to
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.workspace import Workspace
from mixpanel_assets_tests.dagsters import QUIET, land, made

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
OPTIONS = {
    "funnel_checkout": ("funnel", {"window": "2d", "by": "plan", "unit": "day", "per_unit": True}),
}


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    store = Store(world=World(first_day=FIRST, events_per_day=250), last_day=LAST)
    with Simulator(store) as simulator:
        yield simulator


@pytest.fixture
def shop(world: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Simulator:
    """The environment has its address and credentials, and its partitions begin on its first day."""
    monkeypatch.setenv("MP_BASE_URL", world.url)
    monkeypatch.setenv("MP_USERNAME", world.project.username)
    monkeypatch.setenv("MP_SECRET", world.project.secret)
    monkeypatch.setenv("MP_PROJECT_ID", world.project.project_id)
    monkeypatch.setenv("MP_START_DATE", str(FIRST))
    return world


def declare(tmp_path: Path, text: str = DECLARED) -> None:
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "mixpanel.toml").write_text(text)


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


def test_there_are_no_marts_unless_they_are_asked_for(shop: Simulator, tmp_path: Path) -> None:
    def names(project: Project) -> set[str]:
        found = definitions_of(project).resolve_all_asset_keys()
        return {key.path[-1] for key in found}

    assert not names(Project.of()) & {*BUILT_IN}
    assert names(Project.of(marts=True)) >= {*BUILT_IN}
    declare(tmp_path, "[lifecycle.weeks]")
    assert names(Project.of()) >= {*BUILT_IN, "lifecycle_weeks"}
    assert not names(Project.of(marts=False)) & {*BUILT_IN}


def test_marts_are_made_without_a_request_and_agree_with_mp_ask(
    shop: Simulator, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    declare(tmp_path)
    assert land(instance, FIRST, LAST).success
    before = len(shop.requests)
    result = run(instance)
    assert result.success
    assert len(shop.requests) == before
    declared = {mart.table for mart in Project.of().marts or ()}
    assert len(declared) == 12
    assert agreed(result) == dict.fromkeys(declared | {*BUILT_IN[1:]}, True)
    counts = sql(
        "select dataset, sum(rows)::bigint from landed where dataset <> 'events' group by 1"
    )
    assert {name for name, rows in counts if rows} == declared | {*BUILT_IN[1:]}
    for name, rows in counts:
        assert sql(f"select count(*) from {name}") == [(rows,)]


def test_a_day_of_a_mart_is_what_mp_ask_says_of_that_day_alone(
    shop: Simulator, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    from mixpanel_assets.warehouse.marts import answers

    declare(tmp_path)
    assert land(instance, FIRST, LAST).success
    assert run(instance).success
    daily = [mart for mart in Project.of().marts or () if mart.is_daily]
    assert len(daily) == 8
    with Workspace() as workspace, notes_to([].append):
        for mart in daily:
            for n in range(12):
                day = FIRST + timedelta(n)
                expected = answers.rows_of(mart, workspace.ask(mart.over(day, day)), day)
                with WarehouseResource().get_reader() as warehouse:
                    mine = answers.kept(warehouse, mart, day)
                assert answers.difference(mine, expected) is None, (mart.table, day)


def test_sessions_and_days_of_people_are_those_of_a_slow_count(
    shop: Simulator, instance: dg.DagsterInstance
) -> None:
    assert land(instance, FIRST, LAST).success
    assert run(instance).success
    events: dict[tuple[Any, str], list[tuple[Any, str]]] = {}
    query = "select event_date, distinct_id, timezone('UTC', event_time), event_name from events"
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


def test_a_run_again_changes_nothing(
    shop: Simulator, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    declare(tmp_path)
    assert land(instance, FIRST, LAST).success
    tables = [*BUILT_IN[1:], *(mart.table for mart in Project.of().marts or ())]

    def contents() -> list[list[tuple[Any, ...]]]:
        return [sql(f"from {table} order by all") for table in tables]

    assert run(instance).success
    before = contents()
    middle = FIRST + timedelta(5)
    assert run(instance, first=middle, last=middle).success
    assert contents() == before
    assert sql("select count(*), count(distinct (dataset, day)) from landed") == [
        (12 * (1 + 3 + 8) + 4,) * 2
    ]


def test_each_day_shows_its_rows_and_the_newest_the_answer(
    shop: Simulator, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    declare(tmp_path)
    assert land(instance, FIRST, LAST).success
    result = run(instance)
    by_day = {one.partition: one.metadata for one in made(result, "funnel_checkout")}
    assert len(by_day) == 12
    assert all(one["dagster/partition_row_count"].value for one in by_day.values())
    newest = by_day[str(LAST)]
    assert newest["chart"].value.startswith("![")
    assert newest["rows"].value.startswith("| date | segment | step |")
    assert "chart" not in by_day[str(FIRST)]
    (whole,) = made(result, "retention_signup")
    assert whole.partition is None
    assert whole.metadata["dagster/row_count"].value == 12
    assert whole.metadata["chart"].value.startswith("![")


def test_days_that_are_not_landed_have_no_rows(
    shop: Simulator, instance: dg.DagsterInstance
) -> None:
    assert land(instance, FIRST, FIRST + timedelta(2)).success
    result = run(instance)
    assert result.success
    landed = {one.partition for one in made(result, "sessions") if one.metadata["landed"].value}
    assert landed == {str(FIRST + timedelta(n)) for n in range(3)}
    for table, day in (("sessions", "day"), ("user_days", "day"), ("active_users", "date")):
        assert sql(f"select count(distinct {day}) from {table}") == [(3,)]


def test_a_funnel_says_which_days_can_still_change(
    shop: Simulator, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    declare(tmp_path)
    assert land(instance, FIRST, LAST).success
    assert run(instance).success
    query = "select max(date) filter (complete), min(date) filter (not complete)"
    complete = sql(f"{query} from funnel_checkout")
    assert complete == [(LAST - timedelta(2), LAST - timedelta(1))]
    assert sql(f"{query} from active_users")[0][0] is None  # no day has 29 landed ones before it


def test_another_definition_makes_all_days_again(
    shop: Simulator, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    declare(tmp_path, '[funnels.f]\nsteps = ["Page View", "Purchase"]')
    assert land(instance, FIRST, LAST).success
    assert run(instance, "funnel_f").success
    one = Project.of().marts
    declare(tmp_path, '[funnels.f]\nsteps = ["Page View", "Purchase"]\nby = "plan"')
    assert one
    assert one[0].fingerprint != (Project.of().marts or one)[0].fingerprint
    assert run(instance, "funnel_f", first=LAST, last=LAST).success
    assert sql("select count(distinct date) from funnel_f where segment is not null") == [(12,)]


def test_a_table_of_somebody_else_stays(shop: Simulator, instance: dg.DagsterInstance) -> None:
    assert land(instance, FIRST).success
    with WarehouseResource().get_connection() as warehouse:
        warehouse.execute("create table sessions as select 1 as mine")
    result = run(instance, "sessions", first=FIRST, last=FIRST)
    assert not result.success
    (failed,) = [e for e in result.all_events if e.is_step_failure]
    assert (
        "already, which is not of a mart" in failed.step_failure_data.user_failure_data.description
    )
    assert sql("from sessions") == [(1,)]


def test_a_mart_is_listed_described_and_not_dropped_by_accident(
    shop: Simulator, instance: dg.DagsterInstance
) -> None:
    from mixpanel_assets import ConfigError, UsageError

    assert land(instance, FIRST).success
    assert run(instance, first=FIRST, last=FIRST).success
    with Workspace() as workspace:
        listed = {one.name: one for one in workspace.tables()}
        assert {*BUILT_IN[1:]} <= listed.keys()
        assert listed["sessions"].fetched_at is not None
        schema = workspace.table_schema("sessions")
        assert [one.name for one in schema.columns if not one.description] == []
        with pytest.raises(ConfigError, match="sessions is the table of a mart"):
            workspace.drop("sessions")
        assert workspace.drop_all() == []
        with pytest.raises(UsageError, match="table of a mart"):
            workspace.fetch_events("sessions", from_date=FIRST, to_date=FIRST, how="replace")
        assert workspace.drop("sessions", force=True) == ["sessions"]
    assert run(instance, "sessions", first=FIRST, last=FIRST).success
    assert sql("select count(*) > 0 from sessions") == [(True,)]
