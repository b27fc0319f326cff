"""The examples in the documents work as they stand: Dagster loads them, and their assets run.

Those that need more than this package are skipped without it; `just examples` installs it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from mixpanel_assets.dagster import WarehouseResource
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.warehouse.connection import reading
from mixpanel_assets_tests.conftest import DAY, event, project_at, settled

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NEEDS = {"polars_report.py": "polars"}
ACCOUNT = '[accounts.{}]\nusername = "u"\nsecret = "s"\nproject_id = "{}"\nregion = "us"\n'
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a person with a project that has had events for forty days."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "dagster").mkdir()
    world = World(first_day=Settings(folder).today() - timedelta(40), events_per_day=100)
    with Simulator(Store(world=world), retry_after=0) as mixpanel:
        yield {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DAGSTER_HOME": str(folder / "dagster"),
            "MP_BASE_URL": mixpanel.url,
            "MP_USERNAME": mixpanel.project.username,
            "MP_SECRET": mixpanel.project.secret,
            "MP_PROJECT_ID": mixpanel.project.project_id,
        }


@pytest.fixture
def at_shop(shop: dict[str, str]) -> Iterator[None]:
    """This process is that person's."""
    with settled(Path(shop["HOME"]), shop):
        yield


def day(back: int) -> Any:
    return Settings.from_env().today() - timedelta(back)


def run(*command: str, **options: Any) -> str:
    """What the command prints, in the environment of the test."""
    done = subprocess.run([*command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dagster(*words: str, **options: Any) -> str:
    return run(sys.executable, "-m", "dagster", *words, **options)


def materialize(file: Path, *keys: str, partition: Any = None) -> None:
    """Materialize assets of an example as its user does, in processes of their own."""
    select = ["-f", str(file), "--select", ",".join(keys)]
    dagster(
        "asset", "materialize", *select, *(["--partition", str(partition)] if partition else [])
    )


def defs_of(name: str) -> dg.Definitions:
    """The definitions of the example, loaded into this process."""
    scope: dict[str, Any] = {"__name__": name}
    exec(compile((EXAMPLES / name).read_text("utf-8"), name, "exec"), scope)
    return scope["defs"]()


def execute(defs: dg.Definitions, *keys: dg.AssetKey, **options: Any) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[*keys], run_config=QUIET, **options
        )


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_dagster_loads_an_example_as_its_user_does(example: Path, tmp_path: Path) -> None:
    """In the server that `dagster dev -f` starts for it: importing a file checks less."""
    if example.name in NEEDS:
        pytest.importorskip(NEEDS[example.name])
    (tmp_path / "home").mkdir()
    accounts = ACCOUNT.format("shop", 1) + ACCOUNT.format("app", 2)
    (tmp_path / "home" / "config.toml").write_text(accounts)
    dagster("definitions", "validate", "--load-with-grpc", "-f", str(example))


def test_own_assets_use_the_warehouse_and_mixpanel(at_shop: None) -> None:
    defs = defs_of("own_assets.py")
    days = days_in_one_run(day(3), day(1))
    events, by_day = dg.AssetKey(["shop", "events"]), dg.AssetKey("people_a_day")
    assert execute(defs, events, by_day, tags=days).success
    result = execute(defs, dg.AssetKey("people"), dg.AssetKey("recent_purchases"))
    (made,) = result.asset_materializations_for_node("recent_purchases")
    assert float(str(made.metadata["purchases"].value)) > 0
    with WarehouseResource().get_reader() as warehouse:
        rows = warehouse.execute("select event_date, people from people_a_day").fetchall()
        (known,) = warehouse.execute("select count(*) from people").fetchall()[0]
    assert {found for found, _ in rows} == {day(3), day(2), day(1)}
    assert 0 < max(people for _, people in rows) <= known <= sum(people for _, people in rows)


def test_two_projects_are_read_by_one_asset(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for project_id, count in (("1", 1), ("2", 2)):
        with Simulator(project=Project(project_id=project_id), retry_after=0) as mixpanel:
            events = [event("Open", **{"$insert_id": str(n)}) for n in range(count)]
            mixpanel.store.set_day(DAY, events)
            landed = project_at(home, mixpanel)
            with landed.client:
                landed.ingest()
    accounts = ACCOUNT.format("shop", 1) + ACCOUNT.format("app", 2)
    (home / "config.toml").write_text(accounts)
    result = execute(defs_of("two_projects.py"), dg.AssetKey("events_of_both"))
    (made,) = result.asset_materializations_for_node("events_of_both")
    assert made.metadata["events"].value == 3
    assert str(DAY) in str(made.metadata["counts"].value)


def test_a_polars_report_reads_the_week_before_its_day(at_shop: None) -> None:
    pytest.importorskip("polars")
    file = EXAMPLES / "polars_report.py"
    result = execute(
        defs_of(file.name), dg.AssetKey(["shop", "events"]), tags=days_in_one_run(day(3), day(1))
    )
    assert result.success
    materialize(file, "revenue_of_a_week", partition=day(1))
    with dg.DagsterInstance.get() as instance:
        made = instance.get_latest_materialization_event(dg.AssetKey("revenue_of_a_week"))
    assert made
    assert made.asset_materialization
    revenue = made.asset_materialization.metadata["revenue"].value
    with WarehouseResource().get_reader() as warehouse:
        whole = warehouse.execute("select sum(amount) from by_event.Purchase").fetchall()[0][0]
    assert sum(row["amount"] for row in revenue) == pytest.approx(whole)


def test_a_component_is_a_project_of_a_yaml_file(at_shop: None, tmp_path: Path) -> None:
    pytest.importorskip("dagster_dg_cli")
    here = tmp_path / "component"
    shutil.copytree(EXAMPLES / "component", here)
    options: dict[str, Any] = {"cwd": here, "env": {**os.environ, "PYTHONPATH": "src"}}
    run("dg", "check", "defs", **options)
    run("dg", "check", "yaml", **options)
    assert "shop/events" in run("dg", "list", "defs", "--json", **options)
    assert "mixpanel_assets.MixpanelComponent" in run("dg", "list", "components", **options)
    run("dg", "launch", "--assets", "shop/events", "--partition", str(day(2)), **options)
    with WarehouseResource().get_reader() as warehouse:
        found = warehouse.execute("select count(*) from events where event_date = ?", [day(2)])
        assert found.fetchall()[0][0] > 0


def test_a_copy_for_dashboards_does_not_hold_up_a_load(at_shop: None) -> None:
    """The tool goes on reading the last copy, while a day lands and another takes its place."""
    defs = defs_of("bi_copy.py")
    keys = dg.AssetKey(["shop", "events"]), dg.AssetKey("dashboards")
    copy = WarehouseResource().path.with_name("dashboards.duckdb")
    loaded = "select max(loaded_at) from landed"
    for key in keys:
        assert execute(defs, key, tags=days_in_one_run(day(3), day(1))).success
    with duckdb.connect(str(copy), read_only=True) as tool:
        before = tool.execute(loaded).fetchall()
        for key in keys:
            assert execute(defs, key, tags=days_in_one_run(day(1), day(1))).success
        assert tool.execute(loaded).fetchall() == before
    with duckdb.connect(str(copy), read_only=True) as tool:
        assert tool.execute(loaded).fetchall() > before
        assert tool.execute('select sum(amount) > 0 from by_event."Purchase"').fetchall() == [
            (True,)
        ]
        stored = "select tags['storage_version'] from duckdb_databases() where not internal"
        assert tool.execute(stored).fetchall() == [("v1.2.0+",)]


def test_sqlalchemy_reads_the_warehouse(at_shop: None) -> None:
    pytest.importorskip("duckdb_engine")
    tags = days_in_one_run(day(3), day(1))
    assert execute(defs_of("own_assets.py"), dg.AssetKey(["shop", "events"]), tags=tags).success
    path = WarehouseResource().path
    printed = run(sys.executable, str(EXAMPLES / "bi" / "days.py"), str(path))
    with WarehouseResource().get_reader() as warehouse:
        rows = warehouse.execute(
            "select event_date, count(*), count(distinct person) from events "
            "group by all order by all"
        ).fetchall()
    assert printed.splitlines() == [" ".join(map(str, row)) for row in rows]


def test_dbt_models_follow_the_landed_events(at_shop: None, tmp_path: Path) -> None:
    pytest.importorskip("dagster_dbt")
    here = tmp_path / "dbt"
    shutil.copytree(EXAMPLES / "dbt", here)
    file = here / "definitions.py"
    place = {**os.environ, "SHOP_WAREHOUSE": str(WarehouseResource().path)}
    run("dbt", "parse", cwd=here, env=place)
    dagster("definitions", "validate", "-f", str(file))
    materialize(file, "shop/events", partition=day(1))
    materialize(file, "people_by_day")
    with reading(WarehouseResource().path) as warehouse:
        by_day = warehouse.execute("select event_date, people from dbt.people_by_day").fetchall()
        expected = warehouse.execute(
            "select event_date, count(distinct distinct_id) from events group by all"
        ).fetchall()
    assert sorted(by_day) == sorted(expected)
