"""A year of days, asked for in the Dagster UI."""

import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.dagsters import key
from mixpanel_assets_tests.defs.past import held, truth
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.dev import Dev, running, until

DAYS = 365
SECONDS = 600
LAUNCH = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
BACKFILL = """query($id: String!) {partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill {status numPartitions
    assetBackfillData {assetBackfillStatuses {... on AssetPartitionsStatusCounts {
      numPartitionsMaterialized numPartitionsFailed numPartitionsInProgress}}}}}}"""


def test_a_backfill_of_a_year_from_the_ui_fits_the_hour(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    figures: Figures,
) -> None:
    if not request.config.getoption("--torture"):
        pytest.skip("the daemon looks for backfills every half a minute: with --torture")
    today = Settings.from_env().today()
    days = [today - timedelta(n) for n in range(DAYS, 0, -1)]
    world = World(first_day=days[0], events_per_day=200)
    with Simulator(Store(world=world), limits=True) as simulator:
        for name, value in {
            "MP_BASE_URL": simulator.url,
            "MP_USERNAME": simulator.project.username,
            "MP_SECRET": simulator.project.secret,
            "MP_PROJECT_ID": simulator.project.project_id,
            "MP_START_DATE": str(days[0]),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }.items():
            monkeypatch.setenv(name, value)
        with running([sys.executable, "-m", "mixpanel_assets", "dev"], tmp_path) as dev:
            began = time.monotonic()
            id_ = _launched(dev, days)
            until(_completed(dev, id_), SECONDS)
            seconds = time.monotonic() - began
            backfill = dev.ask(BACKFILL, id=id_)["partitionBackfillOrError"]
            runs = dev.runs()
        asked = [request for request in simulator.requests if request.path == "/api/2.0/export"]
        refused = [request for request in asked if request.status == 429]
        now = time.time()
        found = held(Settings.from_env().warehouse_path(simulator.project.project_id))
        different = [day for day in days if found.get(day, []) != truth(simulator, day, now)]
    assert backfill["status"] == "COMPLETED_SUCCESS"
    (counts,) = backfill["assetBackfillData"]["assetBackfillStatuses"]
    assert (backfill["numPartitions"], counts["numPartitionsMaterialized"]) == (DAYS, DAYS)
    assert [run["status"] for run in runs] == ["SUCCESS"]
    assert (len(asked) < 60, refused) == (True, [])
    assert [day for day in different if day < today - timedelta(6)] == []
    (run,) = runs
    took = run["endTime"] - run["startTime"]
    figures(
        f"A backfill of {DAYS} days from the UI is one run within the hour's budget",
        1,
        f"{len(asked)} exports; {seconds:.0f} s, of which the run took {took:.0f}",
    )


def _launched(dev: Dev, days: list[date]) -> str:
    """The id of a backfill, asked for as the UI's Materialize does it."""
    asked = {"assetSelection": [{"path": key("events").path}]}
    told = dev.ask(LAUNCH, params={**asked, "partitionNames": [str(day) for day in days]})
    return str(told["launchPartitionBackfill"]["backfillId"])


def _completed(dev: Dev, id_: str) -> Callable[[], bool]:
    def completed() -> bool:
        told: Any = dev.ask(BACKFILL, id=id_)["partitionBackfillOrError"]
        return str(told["status"]).startswith("COMPLETED")

    return completed
