"""A running Mixpanel, a client of it, and a warehouse: all real, all on this machine."""

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import duckdb
import hypothesis
import pytest
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.cli.app import main
from mixpanel_assets.ingest import ingest_events
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy
from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project as SimulatedProject
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.connection import reading, writing

MEMORY = Path("/dev/shm")  # a file system in memory, on Linux
ROOM = 2 * 10**9
DAY = date(2024, 1, 2)
NOON = 1_704_196_800_000  # of that day, in ms


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--torture",
        action="store_true",
        help="the long form of the torture suite: hundreds of kills, thousands of faults",
    )
    parser.addoption("--write", type=Path, help="the document for the torture suite's table")


def pytest_configure(config: pytest.Config) -> None:
    """Set what has to be known when the tests are collected."""
    config.addinivalue_line("markers", "long: left to the long form, --torture")
    in_full = config.getoption("--torture")
    if not in_full:
        use_memory()
    hypothesis.settings.register_profile(
        "slow",
        max_examples=100 if in_full else 8,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
    )
    # Collection loads the definitions, which must not read this machine's settings either.
    for name in [name for name in os.environ if name.startswith(("MP_", "DAGSTER_"))]:
        del os.environ[name]
    os.environ["MP_HOME"] = "/nonexistent"


def use_memory() -> None:
    """Put temporary files in memory: databases that are synced to a disk take twice as long."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked as long, but for the long form."""
    if config.getoption("--torture"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("long")]


LONG = pytest.mark.long
Tries = Callable[[int, int], int]


def long(*values: Any) -> Any:
    """A case of a test for the long form only."""
    return pytest.param(*values, marks=LONG)


def shortened(cases: Iterable[Any], *kept: Any) -> list[Any]:
    """The cases, of which the short form has only those that are kept."""
    return [case if case in kept else long(case) for case in cases]


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> Tries:
    """`tries(3, 200)` is 3, or 200 in the long form."""
    in_full = request.config.getoption("--torture")
    return lambda few, many: many if in_full else few


@contextmanager
def settled(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """This process has the folder and the environment of one that was started so."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("MP_", "DAGSTER_"))]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        yield


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the home or the environment of whoever runs it."""
    for name in [name for name in os.environ if name.startswith(("MP_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mixpanel() -> Iterator[Simulator]:
    """A local Mixpanel without events."""
    with Simulator(retry_after=0) as simulator:
        yield simulator


@dataclass
class Project:
    """A project as one person has it: a client, a warehouse and the settings of both."""

    client: Client
    settings: Settings
    notes: list[str]

    @property
    def path(self) -> Path:
        return self.settings.warehouse_path(self.client.credentials.project_id)

    @property
    def landed_folder(self) -> Path:
        return self.settings.landed_folder(self.client.credentials.project_id) / "events"

    def warehouse(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return writing(self.path)

    def ingest(self, start: date = DAY, end: date | None = None, **more: Any) -> list[LandedDay]:
        return ingest_events(
            self.client, self.warehouse, self.settings, start, end or start, **more
        )

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with reading(self.path) as warehouse:
            return warehouse.execute(query, list(parameters)).fetchall()

    def days(self) -> dict[str, int]:
        """How many rows each day has."""
        query = "select event_date::varchar, count(*) from events group by 1 order by 1"
        return dict(self.sql(query))


class Server(Protocol):
    """Where a project is: the simulator, or something worse."""

    project: SimulatedProject

    @property
    def url(self) -> str: ...


def project_at(home: Path, server: Server, **settings: Any) -> Project:
    """A project on a server, whose client doesn't really sleep; close that."""
    notes: list[str] = []
    credentials = Credentials(
        username=server.project.username,
        secret=SecretStr(server.project.secret),
        project_id=server.project.project_id,
    )
    client = Client(
        credentials,
        Budget(home / "budget.sqlite", credentials.project_id, clock=_Clock()),
        base_url=server.url,
        retry=RetryPolicy(first_delay=0.001),
        note=notes.append,
        sleep=lambda seconds: None,
    )
    return Project(client, Settings(home=home, **settings), notes)


@pytest.fixture
def open_project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Makes projects on a simulator."""
    with ExitStack() as clients:

        def opened(simulator: Simulator, **settings: Any) -> Project:
            project = project_at(tmp_path / "home", simulator, **settings)
            clients.enter_context(project.client)
            return project

        yield opened


@pytest.fixture
def project(mixpanel: Simulator, open_project: Callable[..., Project]) -> Project:
    """A project on the simulator without events."""
    return open_project(mixpanel)


class _Clock:
    """A minute passes whenever somebody looks: no budget is ever used up."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 60
        return self.now


def event(name: str = "Open", /, time: object = NOON, **properties: Any) -> dict[str, Any]:
    """A record as Mixpanel exports it."""
    base = {"time": time, "distinct_id": "ann", "$insert_id": f"{name}-{time}"}
    return {"event": name, "properties": {**base, **properties}}


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error on the last line of stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


@pytest.fixture
def mp(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Runs `mp` as a process of its own, with the environment of the test."""

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "mixpanel_assets", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **environment},
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Runs `mp` in this process: the same program, without the second that a process costs."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> Answer:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["mp", *arguments])
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        printed = capsys.readouterr()
        return Answer(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def typed(
    here: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, dict[str, str]], Answer]:
    """Runs a line as somebody types it who has such an environment: by bash if it needs to be."""

    def run(line: str, environment: dict[str, str]) -> Answer:
        words = _of_mp_alone(line)
        if words is None:
            mp = f'mp() {{ "{sys.executable}" -m mixpanel_assets "$@"; }}; '
            command, home = ["bash", "-c", mp + line], environment["HOME"]
            done = subprocess.run(
                command, env=environment, cwd=home, capture_output=True, text=True
            )
            return Answer(done.returncode, done.stdout, done.stderr)
        monkeypatch.delenv("MP_HOME", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(environment["HOME"])
        return here(*words)

    return run


def _of_mp_alone(line: str) -> list[str] | None:
    """The words after `mp`, if a shell has nothing to do but to tell them apart."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    first, *words = lexer
    shells = any(word.strip("();<>|&") == "" for word in words if word) or set(line) & set("$`~*\\")
    return None if first != "mp" or shells else words


@pytest.fixture
def account(mixpanel: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The environment has the simulator's address and credentials."""
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    monkeypatch.setenv("MP_USERNAME", mixpanel.project.username)
    monkeypatch.setenv("MP_SECRET", mixpanel.project.secret)
    monkeypatch.setenv("MP_PROJECT_ID", mixpanel.project.project_id)
    return mixpanel
