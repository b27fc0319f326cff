"""The code location in the documents works as it stands."""

import importlib.util
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.resources import WarehouseResource
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.py"))
EXAMPLE = next(path for path in EXAMPLES if path.name == "own_assets.py")


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("own_assets", EXAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_dagster_loads_an_example_as_its_user_does(example: Path) -> None:
    """In the server that `dagster dev -f` starts for it: importing a file checks less."""
    dagster = [sys.executable, "-m", "dagster", "definitions", "validate", "--load-with-grpc"]
    done = subprocess.run([*dagster, "-f", str(example)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_own_assets_use_the_warehouse_and_mixpanel(monkeypatch: pytest.MonkeyPatch) -> None:
    today = Settings.from_env().today()
    world = World(first_day=today - timedelta(40), events_per_day=50)
    with Simulator(Store(world=world)) as mixpanel, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
        monkeypatch.setenv("MP_USERNAME", mixpanel.project.username)
        monkeypatch.setenv("MP_SECRET", mixpanel.project.secret)
        monkeypatch.setenv("MP_PROJECT_ID", mixpanel.project.project_id)
        defs = load().defs()
        dg.Definitions.validate_loadable(defs)
        days = days_in_one_run(today - timedelta(3), today - timedelta(1))
        landing = defs.resolve_job_def("events_job")
        assert landing.execute_in_process(instance=instance, tags=days).success
        job = defs.resolve_implicit_global_asset_job_def()
        own = [dg.AssetKey("people_a_day"), dg.AssetKey("recent_purchases")]
        result = job.execute_in_process(instance=instance, asset_selection=own)
    (made,) = result.asset_materializations_for_node("recent_purchases")
    assert float(str(made.metadata["purchases"].value)) > 0
    with WarehouseResource().get_reader() as warehouse:
        rows = warehouse.execute("select event_date, people from people_a_day").fetchall()
    assert len(rows) == 3
    assert all(people > 0 for _, people in rows)
