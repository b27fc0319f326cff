"""The product: from HTTP, with and without Dagster, and from landed files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.ingest import ingest_events, rebuild_events
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.warehouse.connection import writing
from mixpanel_assets_tests.benchmarks.measure import environment
from mixpanel_assets_tests.benchmarks.task import Outcome, Task

PROJECT = Project()


def ingest(task: Task) -> Outcome:
    """A new warehouse holds the days: asked for, verified, deduplicated, typed, committed."""
    settings = Settings(home=task.scratch / "home", base_url=task.url)
    database = settings.warehouse_path(PROJECT.project_id)
    days: list[LandedDay] = []
    started = perf_counter()
    with new_client(settings) as mixpanel:
        for start, end in task.spans:
            days += ingest_events(mixpanel, opening(settings), settings, start, end)
    seconds = perf_counter() - started
    return Outcome(_events(days, database), seconds, database)


def materialize(task: Task) -> Outcome:
    """The same by `mp materialize`: interpreter, Dagster instance and run included."""
    home = task.scratch / "home"
    home.mkdir()
    started = perf_counter()
    for start, end in task.spans:
        _mp(task, home, "materialize", "events", "--from", str(start), "--to", str(end))
    seconds = perf_counter() - started
    database = Settings(home=home).warehouse_path(PROJECT.project_id)
    return Outcome(_landed_events(database), seconds, database)


def rebuild(task: Task) -> Outcome:
    """A new warehouse holds what the files of an earlier landing hold."""
    assert task.landed
    database = task.scratch / "rebuilt.duckdb"
    settings = Settings(home=task.landed / "home", warehouse=database)
    started = perf_counter()
    days = rebuild_events(opening(settings), settings, PROJECT.project_id)
    seconds = perf_counter() - started
    return Outcome(_events(days, database), seconds, database)


def new_client(settings: Settings) -> Client:
    """A client of the served project."""
    credentials = Credentials(
        username=PROJECT.username,
        secret=SecretStr(PROJECT.secret),
        project_id=PROJECT.project_id,
    )
    budget = Budget(settings.home / "budget.sqlite", PROJECT.project_id)
    return Client(credentials, budget, base_url=settings.base_url)


def opening(settings: Settings) -> Any:
    """Opens the warehouse as the product does, with its limits."""

    def opened() -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        path = settings.warehouse_path(PROJECT.project_id)
        return writing(path, memory_limit=settings.memory_limit, threads=settings.threads)

    return opened


def _mp(task: Task, home: Path, *arguments: str) -> None:
    account = {
        "MP_HOME": str(home),
        "MP_BASE_URL": task.url,
        "MP_USERNAME": PROJECT.username,
        "MP_SECRET": PROJECT.secret,
        "MP_PROJECT_ID": PROJECT.project_id,
    }
    command = [sys.executable, "-m", "mixpanel_assets", *arguments]
    subprocess.run(command, cwd=home, env={**environment(), **account}, check=True)


def _events(days: Sequence[LandedDay], database: Path) -> int:
    """How many events came, after a look that the table holds those that stayed."""
    came = _landed_events(database)
    assert came == sum(day.rows + day.duplicates for day in days), "days are missing"
    return came


def _landed_events(database: Path) -> int:
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute(
            "select sum(rows)::bigint, sum(duplicates)::bigint from landed"
        ).fetchone()
        held = connection.execute("select count(*) from events_wide").fetchone()
    rows, duplicates = row or (0, 0)
    assert held == (rows,), "the table does not hold what was landed"
    return int(rows + duplicates)
