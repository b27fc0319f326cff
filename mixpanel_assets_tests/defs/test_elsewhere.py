"""A bare `dagster`, wherever it is run, is on the instance that `mp` uses."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster._core.scheduler.instigation import ScheduleInstigatorData

from mixpanel_assets.defs.instance import TEMPLATE, WORKSPACE, make_instance
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import LONG, Answer
from mixpanel_assets_tests.dagsters import materialized, name

Mp = Callable[..., Answer]
Start = Callable[..., subprocess.Popen[bytes]]

LAND = ("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-03")
DAYS = {"2024-01-02", "2024-01-03"}
A_DAY = 24 * 60 * 60
ODD = "a b%41c?d#e'"
LANDED = "{assetNodes {assetKey {path} assetMaterializations(limit: 100) {partition}}}"
RUNS = "{runsOrError {... on Runs {results {status tags {key value}}}}}"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nothing in it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def program(*arguments: str) -> list[str]:
    """The command line of a program of Dagster's."""
    return [str(Path(sys.executable).with_name(arguments[0])), *arguments[1:]]


def dagster(*arguments: str) -> str:
    """What `dagster` says, which goes well."""
    done = subprocess.run(program("dagster", *arguments), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program that stays; it is gone, with all that it has started, after the test."""
    running: list[subprocess.Popen[bytes]] = []

    def started(*arguments: str) -> subprocess.Popen[bytes]:
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running.append(subprocess.Popen(program(*arguments), start_new_session=True, **quiet))
        return running[-1]

    yield started
    for process in running:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(process: subprocess.Popen[bytes], port: int, query: str) -> Any:
    """The UI's answer, as soon as there is one."""
    while process.poll() is None:
        try:
            url = f"http://127.0.0.1:{port}/graphql"
            return httpx.post(url, json={"query": query}, timeout=60).json()["data"]
        except httpx.TransportError:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
    raise AssertionError("the UI has ended")


def test_dagster_finds_the_instance_from_another_folder(
    account: Simulator, here: Mp, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_instance(elsewhere.parent / ODD / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert here(*LAND).code == 0
    monkeypatch.chdir(elsewhere)
    assert len(dagster_runs()) == 1
    assert list(elsewhere.iterdir()) == []


@LONG
def test_dagster_its_daemon_and_its_ui_find_the_instance_from_another_folder(
    account: Simulator, here: Mp, start: Start, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_instance(elsewhere.parent / ODD / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert here(*LAND).code == 0
    monkeypatch.chdir(elsewhere)
    dagster("schedule", "start", name("daily_events"), "-w", str(WORKSPACE))
    turn_on_yesterday(home)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    start("dagster-daemon", "run", "-w", str(WORKSPACE))
    ui = start("dagster-webserver", "-w", str(WORKSPACE), "--host", "127.0.0.1", "--port", port)
    nodes = {one["assetKey"]["path"][-1]: one for one in ask(ui, int(port), LANDED)["assetNodes"]}
    assert {made["partition"] for made in nodes["events"]["assetMaterializations"]} >= DAYS
    while not (run := scheduled(ui, int(port))) or run["status"] not in ("SUCCESS", "FAILURE"):
        with pytest.raises(subprocess.TimeoutExpired):
            ui.wait(0.2)
    assert run["status"] == "SUCCESS"
    assert list(elsewhere.iterdir()) == []
    assert {path.name for path in home.parent.parent.iterdir()} == {"elsewhere", "home", ODD}


def turn_on_yesterday(home: Path) -> None:
    """The schedule that is on has been so since before its last tick."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (state,) = instance.all_instigator_state()
        assert (state.name, state.status.value) == (name("daily_events"), "RUNNING")
        began = ScheduleInstigatorData("0 6 * * *", time.time() - A_DAY)
        instance.update_instigator_state(state.with_data(began))


def scheduled(ui: subprocess.Popen[bytes], port: int) -> dict[str, Any] | None:
    """The run of the schedule, as soon as there is one."""
    for run in ask(ui, port, RUNS)["runsOrError"]["results"]:
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        if tags.get("dagster/schedule_name") == name("daily_events"):
            return dict(run)
    return None


def test_what_an_older_version_has_stored_is_found_from_everywhere(
    account: Simulator, here: Mp, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the version before, unchanged, is renewed; its records stay where they are."""
    home = elsewhere.parent / "home" / "dagster"
    home.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("dagster_before.yaml"), home / "dagster.yaml")
    monkeypatch.chdir(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("mine", partition="2023-12-31"))
    assert (home / ".dagster" / "storage" / "history").is_dir()
    monkeypatch.chdir(elsewhere)
    assert here(*LAND).code == 0
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("mine")) == {"2023-12-31"}
        assert materialized(instance) == DAYS
    assert list(elsewhere.iterdir()) == []


def test_a_home_that_was_moved_has_its_instance_where_it_is_now(
    account: Simulator, here: Mp, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here(*LAND).code == 0
    monkeypatch.chdir(elsewhere)
    moved = (elsewhere.parent / "home").rename(elsewhere.parent / "moved")
    monkeypatch.setenv("MP_HOME", str(moved))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert here("materialize", "events", "--from", "2024-01-04", "--to", "2024-01-04").code == 0
    monkeypatch.chdir(elsewhere)
    with dg.DagsterInstance.from_config(str(moved / "dagster")) as instance:
        assert materialized(instance) == {*DAYS, "2024-01-04"}
    assert not (elsewhere.parent / "home").exists()


def test_a_checkout_has_one_instance_from_inside_and_from_elsewhere(
    account: Simulator, here: Mp, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = elsewhere.parent / "checkout"
    checkout.mkdir()
    shutil.copy(TEMPLATE, checkout / "dagster.yaml")
    monkeypatch.chdir(checkout)
    assert here(*LAND).code == 0
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert (checkout / ".dagster" / "storage" / "history" / "runs.db").is_file()
    monkeypatch.chdir(elsewhere)
    (run,) = dagster_runs(DAGSTER_HOME=str(checkout))
    # As `dagster dev` there does without DAGSTER_HOME: with the file that is there.
    monkeypatch.chdir(checkout)
    assert dagster_runs() == [run]
    assert list(elsewhere.iterdir()) == []
    monkeypatch.chdir(elsewhere)
    with pytest.raises(ConfigError), dg.DagsterInstance.from_config(str(checkout)):
        pass
    assert list(elsewhere.iterdir()) == []


SCRIPT = """
from dagster._cli.utils import get_possibly_temporary_instance_for_cli
with get_possibly_temporary_instance_for_cli() as instance:
    print("runs:", *(run.run_id for run in instance.get_runs()))
"""


def dagster_runs(**environment: str) -> list[str]:
    """The runs of the instance that `dagster dev` would use in the current folder."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("runs:")]
    return line.split()[1:]
