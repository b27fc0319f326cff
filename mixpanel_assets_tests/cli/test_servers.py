"""`mp demo`, `mp simulate` and `mp dev`: real programs, started and stopped."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
)
from dagster._daemon.types import DaemonHeartbeat

from mixpanel_assets.defs.backfill import serving_at
from mixpanel_assets.defs.instance import dagster_home
from mixpanel_assets.defs.partitions import RANGE_END
from mixpanel_assets.defs.runs import HOST, PID, PROJECT
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.world.sprawl import Sprawl
from mixpanel_assets_tests.cli.test_materialize import TODAY
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.dagsters import definitions, key, name

Mp = Callable[..., Answer]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `mp`, with its descendants in a group that is gone after the test."""
    running: list[subprocess.Popen[str]] = []

    def started(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mixpanel_assets", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield started
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_the_demo_lands_answers_and_leaves_the_real_home_alone(
    mp: Mp, here: Mp, tmp_path: Path
) -> None:
    demo = mp("demo", "--days", "2")
    assert (demo.code, demo.err) == (0, "")
    assert demo.out.count("\n$ mp sql --format table '") == demo.out.count("\n$ mp ask ") == 2
    assert (tmp_path / ".mp-demo" / "report.html").is_file()
    assert not (tmp_path / "home").exists()
    assert (tmp_path / ".mp-demo").is_dir()
    env = {"MP_HOME": str(tmp_path / ".mp-demo"), "MP_PROJECT_ID": "12345"}
    assert f"export MP_HOME={env['MP_HOME']} MP_PROJECT_ID=12345\n" in demo.out
    (status,) = here("status", **env).json
    assert (status["first_day"], status["days"]) == (str(TODAY - timedelta(2)), 2)
    tries = [
        line[5:]
        for line in demo.out.splitlines()
        if line.startswith(("  mp inspect ", "  mp ask "))
    ]
    shown = [here(*shlex.split(line), **env) for line in tries]
    assert [(a.code, len(a.out.splitlines()) > 2) for a in shown] == [(0, True)] * 2


def test_a_simulator_says_how_to_use_it_serves_and_stops(start: Start) -> None:
    process = start("simulate", "--port", "0", "--days", "2", "--events-per-day", "50")
    assert process.stdout
    told = json.loads(process.stdout.readline())
    days = {"from_date": str(TODAY - timedelta(1)), "to_date": str(TODAY - timedelta(1))}
    answer = httpx.get(
        f"{told['MP_BASE_URL']}/api/2.0/export",
        params={"project_id": told["MP_PROJECT_ID"], **days},
        auth=(told["MP_USERNAME"], told["MP_SECRET"]),
    )
    assert (answer.status_code, len(answer.text.splitlines()) > 20) == (200, True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert f"export MP_BASE_URL={told['MP_BASE_URL']} MP_USERNAME=" in err


def test_a_simulator_has_as_many_profiles_as_it_is_told(start: Start) -> None:
    process = start("simulate", "--port", "0", "--days", "1", "--profiles", "1234")
    assert process.stdout
    told = json.loads(process.stdout.readline())
    answer = httpx.post(
        f"{told['MP_BASE_URL']}/api/query/engage",
        params={"project_id": told["MP_PROJECT_ID"]},
        auth=(told["MP_USERNAME"], told["MP_SECRET"]),
    )
    assert answer.json()["total"] == 1234
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


def test_a_simulator_has_as_many_names_as_it_is_told(start: Start) -> None:
    process = start(
        *("simulate", "--port", "0", "--days", "1", "--events-per-day", "3000"),
        *("--events", "20", "--properties", "100"),
    )
    assert process.stdout
    told = json.loads(process.stdout.readline())
    answer = httpx.get(
        f"{told['MP_BASE_URL']}/api/query/events/names",
        params={"project_id": told["MP_PROJECT_ID"], "type": "general"},
        auth=(told["MP_USERNAME"], told["MP_SECRET"]),
    )
    assert set(answer.json()) <= set(Sprawl(events=20, properties=100).names)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


def test_a_simulator_can_not_have_any_number_of_names(here: Mp, tmp_path: Path) -> None:
    error = here("simulate", "--port", "0", "--properties", "5").error
    assert error["message"] == "300 events can have from 20 to 14,412 properties"
    error = here("simulate", "--port", "0", "--events", "5", "--data", str(tmp_path)).error
    assert error["code"] == "CONFIG_ERROR"


def test_a_simulator_on_a_port_in_use_says_so(here: Mp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = here("simulate", "--port", str(taken.getsockname()[1]))
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "CONFIG_ERROR")
    assert "--port" in answer.error["hint"]


PARTITIONS = """{assetNodes {assetKey {path} assetMaterializations(limit: 100) {partition}
  partitionKeys partitionDefinition {type}}}"""
HEALTH = "{instance {daemonHealth {allDaemonStatuses {daemonType lastHeartbeatTime}}}}"
BACKFILLS = """{partitionBackfillsOrError {... on PartitionBackfills {results {
  id isAssetBackfill partitionNames}}}}"""
SCHEDULED = """{
  runsOrError(filter: {tags: [{key: "dagster/schedule_name", value: "12345_daily_events"}]}) {
  ... on Runs {results {status tags {key value}}}}}"""
RUNS_OF_JOB = """{pipelineOrError(params: {pipelineName: "12345_events_job",
  repositoryName: "__repository__", repositoryLocationName: "mixpanel_assets"}) {
  ... on Pipeline {runs(limit: 10) {runId tags {key value}}}}}"""
AGAIN = """mutation {launchRunReexecution(
  reexecutionParams: {parentRunId: "%s", strategy: ALL_STEPS}) {
  ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
STATUS = """{runOrError(runId: "%s") {... on Run {status}}}"""
DETACH = ("materialize", "events", "--from", "2024-01-01", "--to", "2024-01-03", "--detach")
DETACHED = {"asset": "events", "from": "2024-01-01", "to": "2024-01-03"}


def test_dev_shows_what_is_landed_ticks_takes_days_over_and_stops_when_told(
    account: Simulator, start: Start, here: Mp, tmp_path: Path
) -> None:
    home = tmp_path / "home" / "dagster"
    address = home / ".dagster" / "ui.json"
    landed = here("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-03")
    assert landed.code == 0
    _turn_on_yesterday(name("daily_events"), home)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    graphql = f"http://127.0.0.1:{port}/graphql"
    process = start("dev", "--port", str(port))
    told = _ask(graphql, PARTITIONS, process)
    assert {"2024-01-02", "2024-01-03"} <= _days(told)
    assert _events(told)["partitionKeys"][0] == "2024-01-02"
    assert address.stat().st_mode & 0o777 == 0o600
    assert listeners(port) == {"127.0.0.1"}
    other = here(*DETACH, MP_PROJECT_ID="999")
    assert (other.code, other.out, other.error["code"]) == (2, "", "CONFIG_ERROR")
    again = _executed_again(landed.json["run_id"], graphql, process)
    _is_handed_days(f"http://127.0.0.1:{port}", here, process)
    run = _ended(lambda: _scheduled(graphql, process), process)
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert (run["status"], tags["mp/source"]) == ("SUCCESS", "schedule")
    last = date.fromisoformat(tags[RANGE_END])
    assert TODAY - last <= timedelta(1)  # before six, yesterday's tick is the last one
    week = {str(last - timedelta(n)) for n in range(8)}
    assert week <= _days(_ask(graphql, PARTITIONS, process))
    known = lambda: _ask(graphql, STATUS % again, process)["data"]["runOrError"]  # noqa: E731
    assert _ended(known, process)["status"] == "SUCCESS"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert not address.exists()
    assert not (home / "storage").exists()


def _turn_on_yesterday(schedule: str, home: Path) -> None:
    """The schedule has been on since before its last tick, which the daemon finds not done yet."""
    origin = RegisteredCodeLocationOrigin("mixpanel_assets")
    repository = RemoteRepositoryOrigin(origin, "__repository__")
    began = (datetime.now(UTC) - timedelta(days=1)).timestamp()
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        instance.add_instigator_state(
            InstigatorState(
                RemoteInstigatorOrigin(repository, schedule),
                InstigatorType.SCHEDULE,
                InstigatorStatus.RUNNING,
                ScheduleInstigatorData("0 6 * * *", began),
            )
        )


def _executed_again(run_id: str, graphql: str, process: subprocess.Popen[str]) -> str:
    """The run of `mp` is one of its job, without tags of ours; the UI starts it again."""
    (run,) = [
        one
        for one in _ask(graphql, RUNS_OF_JOB, process)["data"]["pipelineOrError"]["runs"]
        if one["runId"] == run_id
    ]
    assert {tag["key"] for tag in run["tags"]} & {PID, HOST, PROJECT} == set()
    launched = _ask(graphql, AGAIN % run_id, process)["data"]["launchRunReexecution"]
    return str(launched["run"]["runId"])


def _is_handed_days(ui: str, here: Mp, process: subprocess.Popen[str]) -> None:
    """The days are the daemon's, also one before the first that the UI had loaded."""
    while not _daemon_beats(f"{ui}/graphql", process):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
    answer = here(*DETACH)
    assert (answer.code, answer.err) == (0, "")
    told = answer.json
    made = told.pop("backfill_id")
    assert told == {**DETACHED, "url": f"{ui}/runs/b/{made}"}
    seen = _ask(f"{ui}/graphql", BACKFILLS, process)["data"]["partitionBackfillsOrError"]
    names = ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert seen["results"] == [{"id": made, "isAssetBackfill": True, "partitionNames": names}]
    told = _ask(f"{ui}/graphql", PARTITIONS, process)
    assert _events(told)["partitionKeys"][0] == "2024-01-01"


def _daemon_beats(graphql: str, process: subprocess.Popen[str]) -> bool:
    health = _ask(graphql, HEALTH, process)["data"]["instance"]["daemonHealth"]
    return any(one["lastHeartbeatTime"] for one in health["allDaemonStatuses"])


def _ended(look: Callable[[], dict[str, Any]], process: subprocess.Popen[str]) -> dict[str, Any]:
    """The run as soon as it has ended."""
    while (run := look()).get("status") not in ("SUCCESS", "FAILURE"):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
    return run


def _scheduled(graphql: str, process: subprocess.Popen[str]) -> dict[str, Any]:
    """The schedule's run, as soon as there is one."""
    runs = _ask(graphql, SCHEDULED, process)["data"]["runsOrError"]["results"]
    return next(iter(runs), {})


def _events(told: Any) -> dict[str, Any]:
    nodes = {tuple(one["assetKey"]["path"]): one for one in told["data"]["assetNodes"]}
    return dict(nodes["12345", "events"])


def _days(told: Any) -> set[str]:
    return {made["partition"] for made in _events(told)["assetMaterializations"]}


def test_nothing_is_handed_over_when_no_daemon_runs(
    account: Simulator, here: Mp, tmp_path: Path
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    address = tmp_path / "home" / "dagster" / ".dagster" / "ui.json"
    left = {"host": "127.0.0.1", "port": 3000, "pid": gone.pid, "prefixes": ["12345"]}
    for text in (None, "{", json.dumps(left)):
        if text is not None:
            address.write_text(text)
        answer = here(*DETACH)
        assert (answer.code, answer.out, answer.error["code"]) == (2, "", "CONFIG_ERROR")
        assert answer.error["hint"].startswith("start mp dev")
        assert str(tmp_path / "home" / "dagster") in answer.error["message"]
    _beat(tmp_path / "home" / "dagster", seconds_ago=600)  # it ran, and was stopped
    assert here(*DETACH).error["hint"].startswith("start mp dev")
    assert account.requests == []


def test_days_are_handed_to_a_daemon_that_is_not_of_mp_dev(
    account: Simulator, here: Mp, tmp_path: Path
) -> None:
    home = tmp_path / "home" / "dagster"
    assert here("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-02").code == 0
    _beat(home)
    refused = here(*DETACH)  # it does not have the first day yet, and would fail the backfill
    assert (refused.code, refused.error["code"]) == (2, "CONFIG_ERROR")
    assert refused.error["hint"].startswith("reload its definitions")
    answer = here(*DETACH)
    assert (answer.code, answer.json["url"], answer.err) == (0, None, "")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (backfill,) = instance.get_backfills()
    assert backfill.backfill_id == answer.json["backfill_id"]
    assert backfill.asset_selection == [key("events")]
    assert (backfill.tags["mp/source"], backfill.tags[PROJECT]) == ("cli", "12345")
    missing = here(*DETACH, "--missing").json
    assert missing["backfill_id"] not in (None, backfill.backfill_id)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (newer,) = [one for one in instance.get_backfills() if one != backfill]
    assert _partitions(newer) == {"2024-01-01", "2024-01-03"}


def test_a_dev_that_does_not_answer_yet_is_handed_days_too(
    account: Simulator, here: Mp, tmp_path: Path
) -> None:
    home = dagster_home(Settings.from_env())
    _beat(home)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving_at(home, port, ["12345"]):
        assert "reload its definitions" in here(*DETACH).error["hint"]
        answer = here(*DETACH)
    made = answer.json["backfill_id"]
    assert answer.json["url"] == f"http://127.0.0.1:{port}/runs/b/{made}"


def test_when_nothing_is_missing_no_daemon_is_needed(account: Simulator, here: Mp) -> None:
    assert here("materialize", "events", "--from", "2024-01-01", "--to", "2024-01-03").code == 0
    answer = here(*DETACH, "--missing")
    assert (answer.code, answer.json) == (0, {**DETACHED, "backfill_id": None, "url": None})


def _beat(home: Path, seconds_ago: float = 0) -> None:
    """A daemon ran on the instance at that time."""
    at = datetime.now(UTC).timestamp() - seconds_ago
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(at, "BACKFILL", "a daemon", []))


def _partitions(backfill: PartitionBackfill) -> set[str]:
    graph = definitions().resolve_asset_graph()
    subset = backfill.get_asset_backfill_data(graph).target_subset
    return set(subset.get_partitions_subset(key("events")).get_partition_keys())


def _ask(url: str, query: str, process: subprocess.Popen[str]) -> Any:
    """The answer, as soon as there is one."""
    while process.poll() is None:
        try:
            return httpx.post(url, json={"query": query}, timeout=60).json()
        except httpx.TransportError:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
    raise AssertionError(process.communicate())


def listeners(port: int) -> set[str]:
    """The addresses of this machine at which that port is listened on, as the kernel says."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, _, number = address.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(".".join(str(byte) for byte in reversed(bytes.fromhex(host))))
    return found


@pytest.mark.parametrize("command", ["dev", "simulate"])
def test_no_other_machine_can_be_served(command: str, here: Mp) -> None:
    answer = here(command, "--host", "0.0.0.0")
    assert (answer.code, answer.error["code"]) == (2, "USAGE")
