"""What deploy/ runs in containers runs as processes here; and the project works with `dg`."""

import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.warehouse.connection import reading
from mixpanel_assets_tests.torture.dev import Dev, until

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRETS = re.compile("USERNAME|SECRET|TOKEN|WEBHOOK|PASSWORD")
DAY = datetime.now(UTC).date() - timedelta(3)
SECONDS = 90  # for a process to start, on a slow machine

LOADED = """{workspaceOrError {... on Workspace {locationEntries {
  name loadStatus locationOrLoadError {__typename}}}}}"""
LAUNCH = """mutation($run: ExecutionParams!) {launchRun(executionParams: $run) {
  __typename ... on LaunchRunSuccess {run {runId}} ... on Error {message}}}"""
STATUS = "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"
JOB = {
    "repositoryLocationName": "mixpanel_assets",
    "repositoryName": "__repository__",
    "jobName": "12345_events_job",
}


def of_the_image(instruction: str) -> list[str]:
    """The words of CMD, or of the CMD of HEALTHCHECK."""
    (words,) = re.findall(rf"^{instruction} (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return list(json.loads(words))


def environment_of_the_image() -> dict[str, str]:
    (assignments,) = re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)
    return dict(one.split("=", 1) for one in assignments.split())


def command(service: str) -> list[str]:
    return list(SERVICES[service].get("command") or of_the_image("CMD"))


def health(service: str) -> list[str]:
    """The command that says whether the service is well."""
    if "healthcheck" not in SERVICES[service]:
        return of_the_image("HEALTHCHECK .*? CMD")
    kind, *words = SERVICES[service]["healthcheck"]["test"]
    assert kind == "CMD"
    return words


class Machine:
    """The services as processes, with the image's folders in one of ours, and free ports."""

    def __init__(self, folder: Path, mixpanel: Simulator) -> None:
        self.folder = folder
        self.mixpanel = mixpanel
        self.ports = {port: str(_free_port()) for port in ("3000", "4000")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "data" / "dagster").mkdir(parents=True)
        (folder / "opt").mkdir()
        shutil.copy(ROOT / "dagster.yaml", folder / "data" / "dagster")
        shutil.copy(DEPLOY / "serve_code.py", folder / "opt")
        workspace = (DEPLOY / "workspace.yaml").read_text("utf-8")
        assert workspace.count("host: code\n") == 1
        here = self._here(workspace.replace("host: code\n", "host: 127.0.0.1\n"))
        (folder / "opt" / "workspace.yaml").write_text(here, "utf-8")

    def _here(self, text: str) -> str:
        text = text.replace("0.0.0.0", "127.0.0.1")
        text = re.sub(r"\b(3000|4000)\b", lambda found: self.ports[found[0]], text)
        return re.sub(r"(?<!\w)/(data|opt)\b", rf"{self.folder}/\1", text)

    def environment(self, service: str) -> dict[str, str]:
        """What compose gives to the service: secrets only with an env_file."""
        secrets = {
            "MP_BASE_URL": self.mixpanel.url,
            "MP_USERNAME": self.mixpanel.project.username,
            "MP_SECRET": self.mixpanel.project.secret,
            "MP_PROJECT_ID": self.mixpanel.project.project_id,
        }
        image = {name: self._here(value) for name, value in environment_of_the_image().items()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        given = secrets if "env_file" in SERVICES[service] else {}
        return {**image, **given, "PATH": path, "HOME": image["MP_HOME"]}

    def start(self, service: str) -> None:
        with (self.folder / f"{service}.log").open("ab") as log:
            self.processes[service] = subprocess.Popen(
                [self._here(word) for word in command(service)],
                cwd=self.folder / "data",
                env=self.environment(service),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for(self, service: str) -> None:
        """The service is healthy."""
        words = [self._here(word) for word in health(service)]

        def is_healthy() -> bool:
            assert self.processes[service].poll() is None, self.log(service)
            done = subprocess.run(words, env=self.environment(service), capture_output=True)
            return done.returncode == 0

        until(is_healthy, SECONDS)

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text("utf-8")

    def stop(self, service: str) -> None:
        """As `docker stop` does, but for the time that it waits."""
        self.processes[service].terminate()
        self.processes[service].wait(SECONDS)

    def kill(self, service: str) -> None:
        """With all that it has started, as when a container ends."""
        with suppress(ProcessLookupError):
            os.killpg(self.processes[service].pid, signal.SIGKILL)
        self.processes[service].wait()

    @property
    def ui(self) -> Dev:
        return Dev(self.processes["webserver"], int(self.ports["3000"]))

    def launch(self) -> str:
        """Start a run that lands the day, as the UI does; return its id."""
        tags = [{"key": k, "value": v} for k, v in days_in_one_run(DAY, DAY).items()]
        run = {"selector": JOB, "mode": "default", "executionMetadata": {"tags": tags}}
        launched = self.ui.ask(LAUNCH, run=run)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def launch_slowly(self) -> str:
        """Start a run, and wait until it waits for Mixpanel."""
        self.mixpanel.fail("slow@1")
        before = len(self.mixpanel.requests)
        run_id = self.launch()
        until(lambda: len(self.mixpanel.requests) > before, SECONDS)
        return run_id

    def status(self, run_id: str) -> str:
        return str(self.ui.ask(STATUS, id=run_id)["runOrError"]["status"])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def machine_in(folder: Path) -> Iterator[Machine]:
    """A machine on which nothing runs yet, and then nothing any more."""
    world = World(first_day=DAY, events_per_day=200)
    with Simulator(Store(world=world), slow_seconds=5) as mixpanel:
        made = Machine(folder, mixpanel)
        try:
            yield made
        finally:
            for service in made.processes:
                made.kill(service)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """All services run and are healthy; each was started when those that it needs were."""
    with machine_in(tmp_path_factory.mktemp("machine")) as made:
        for service in ("code", "daemon", "webserver"):
            needed = SERVICES[service].get("depends_on", {})
            assert all(one == {"condition": "service_healthy"} for one in needed.values())
            for other in needed:
                made.wait_for(other)
            made.start(service)
        for service in SERVICES:
            made.wait_for(service)
        yield made


@pytest.mark.long
def test_the_services_land_a_day_that_is_asked_for_in_the_ui(machine: Machine) -> None:
    (location,) = machine.ui.ask(LOADED)["workspaceOrError"]["locationEntries"]
    assert location == {
        "name": "mixpanel_assets",
        "loadStatus": "LOADED",
        "locationOrLoadError": {"__typename": "RepositoryLocation"},
    }
    run_id = machine.launch()
    until(lambda: machine.status(run_id) in ("SUCCESS", "FAILURE"), SECONDS)
    assert machine.status(run_id) == "SUCCESS"
    project = machine.mixpanel.project
    path = Settings(machine.folder / "data").warehouse_path(project.project_id)
    with reading(path) as warehouse:
        ((rows,),) = warehouse.execute("select count(*) from events").fetchall()
    assert rows > 100
    assert project.secret not in "".join(map(machine.log, SERVICES))


@pytest.mark.long
def test_a_code_server_that_is_stopped_waits_for_its_runs(machine: Machine) -> None:
    run_id = machine.launch_slowly()
    machine.stop("code")
    assert machine.status(run_id) == "SUCCESS"
    machine.start("code")
    machine.wait_for("code")
    assert machine.status(run_id) == "SUCCESS"


@pytest.mark.long
def test_a_run_that_is_lost_with_its_code_server_has_failed_when_that_is_back(
    machine: Machine,
) -> None:
    run_id = machine.launch_slowly()
    machine.kill("code")
    assert machine.status(run_id) == "STARTED"
    machine.start("code")
    machine.wait_for("code")
    assert machine.status(run_id) == "FAILURE"


@pytest.mark.long
def test_the_code_server_becomes_healthy_and_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with machine_in(tmp_path) as machine:
        machine.start("code")
        machine.wait_for("code")
        machine.stop("code")


def test_the_ui_is_published_on_loopback_and_nothing_else_is() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert published == {"webserver": ["127.0.0.1:3000:3000"]}


def test_only_the_code_server_has_the_secrets_from_a_file_that_git_ignores() -> None:
    files = {name: one["env_file"] for name, one in SERVICES.items() if "env_file" in one}
    assert files == {"code": "mixpanel.env"}
    assert not any("environment" in one for one in SERVICES.values())
    ignored = (DEPLOY / ".gitignore").read_text("utf-8").split()
    assert ignored == ["mixpanel.env"]


def test_the_image_has_no_secrets_and_no_root() -> None:
    assert SECRETS.findall(DOCKERFILE) == []
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["mp"]
    assert DOCKERFILE.index("\nUSER mp") < DOCKERFILE.index("\nCMD ")


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    first, *rules = [
        line
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    wanted = {source for sources in copied for source in sources.split()}
    assert (first, {rule[1:] for rule in rules if rule[0] == "!"}) == ("*", wanted)
    assert [source for source in wanted if not (ROOT / source).exists()] == []


def test_every_service_is_the_same_locked_up_container() -> None:
    shared = [{name: one[name] for name in COMPOSE["x-service"]} for one in SERVICES.values()]
    assert shared == [COMPOSE["x-service"]] * 3
    assert COMPOSE["x-service"]["read_only"]
    assert COMPOSE["x-service"]["cap_drop"] == ["ALL"]


def test_the_example_of_the_secrets_has_settings_that_there_are_and_no_values_of_secrets() -> None:
    lines = (DEPLOY / "mixpanel.env.example").read_text("utf-8").splitlines()
    given = [line.removeprefix("# ").split("=", 1) for line in lines if re.match(r"(# )?MP_", line)]
    table = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert [name for name, _ in given if f"`{name}`" not in table] == []
    assert [name for name, value in given if SECRETS.search(name) and value] == []


@pytest.mark.skipif(not find_spec("check_jsonschema"), reason="just dg installs it")
def test_the_compose_file_is_as_its_specification_says() -> None:
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = [sys.executable, *words, str(DEPLOY / "compose.yaml")]
    done = subprocess.run(checked, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not find_spec("dagster_cloud_cli"), reason="just dg installs it")
def test_the_location_for_dagster_plus_is_as_its_models_say() -> None:
    from dagster_cloud_cli.config.models import load_dagster_cloud_yaml

    found = load_dagster_cloud_yaml((DEPLOY / "dagster_cloud.yaml").read_text("utf-8"))
    (location,) = found.locations
    assert location.location_name == JOB["repositoryLocationName"]
    assert importlib.import_module(location.code_source.module_name)


@pytest.mark.skipif(not find_spec("dagster_dg_cli"), reason="just dg installs it")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [("check defs", "All definitions loaded successfully."), ("list defs --json", '_events_job"')],
)
def test_dg_knows_the_project(arguments: str, says: str) -> None:
    dg = [Path(sys.executable).with_name("dg"), *arguments.split()]
    done = subprocess.run(dg, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert "Warning" not in done.stderr
