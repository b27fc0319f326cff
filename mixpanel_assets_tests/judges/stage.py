"""A local Mixpanel, our Workspace that has landed it, and a client asked the same."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from mixpanel_assets.simulator.project import start_of
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.workspace import Workspace

ROOT = Path(__file__).parents[2]
LONGEST = 600.0  # seconds for one client


@dataclass(frozen=True)
class Stage:
    """A simulator whose clock stands still, and the days to ask for, both ends included."""

    simulator: Simulator
    first: date
    last: date
    scratch: Path

    @property
    def days(self) -> dict[str, Any]:
        """The days as options of most questions."""
        return {"from_date": str(self.first), "to_date": str(self.last)}

    @cached_property
    def workspace(self) -> Workspace:
        """Our own, with all days and profiles landed when it is first looked at."""
        # Beyond an hour's budget this fails rather than waits.
        workspace = Workspace(path=self.scratch / "ours.duckdb", wait=False)
        workspace.materialize_events(self.first, self.last)
        workspace.materialize_profiles()
        return workspace

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the warehouse answers."""
        return [tuple(row) for row in self.workspace.sql_rows(query)]

    def asked(
        self, python: Path, package: str, script: str, questions: Sequence[Mapping[str, Any]]
    ) -> tuple[str, dict[str, dict[str, Any]]]:
        """The client's version, and its answers by question."""
        answers = self.scratch / f"{script}.json"
        done = subprocess.run(
            [str(python), "-m", f"{__package__}.clients.{script}", str(answers)],
            input=json.dumps(self._task(package, questions)),
            env=self._environment(),
            cwd=self.scratch,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        if done.returncode:
            raise SystemExit(f"{package}: {done.stderr[-2000:]}")
        found = json.loads(answers.read_text("utf-8"))
        return found["version"], found["answers"]

    def _task(self, package: str, questions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        project = self.simulator.project
        return {
            "package": package,
            "url": self.simulator.url,
            "username": project.username,
            "secret": project.secret,
            "project_id": project.project_id,
            "token": project.token,
            "first": str(self.first),
            "last": str(self.last),
            "noon": start_of(self.first) // 1000 + 43_200,
            "questions": list(questions),
        }

    def _environment(self) -> dict[str, str]:
        kept = {
            name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ
        }
        home = str(self.scratch / "their-home")
        return {**kept, **_account(self.simulator), "HOME": home, "PYTHONPATH": str(ROOT)}


@contextmanager
def world_stage(scratch: Path, count: int, events_per_day: int) -> Iterator[Stage]:
    """The last `count` days of a small business, today among them."""
    now = time.time()
    today = datetime.fromtimestamp(now, UTC).date()
    first = today - timedelta(days=count - 1)
    store = Store(world=World(first_day=first, events_per_day=events_per_day))
    yield from _staged(Simulator(store, clock=lambda: now), first, today, scratch / "world")


@contextmanager
def empty_stage(scratch: Path) -> Iterator[Stage]:
    """A Mixpanel without anything, to be filled today and yesterday."""
    today = datetime.now(UTC).date()
    yield from _staged(Simulator(), today - timedelta(days=1), today, scratch / "empty")


def _staged(simulator: Simulator, first: date, last: date, scratch: Path) -> Iterator[Stage]:
    scratch.mkdir(parents=True)
    before = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("MP_")}
    with simulator:
        os.environ.update(_account(simulator), MP_HOME=str(scratch / "our-home"))
        stage = Stage(simulator, first, last, scratch)
        try:
            yield stage
        finally:
            if "workspace" in stage.__dict__:
                stage.workspace.close()
            for name in [name for name in os.environ if name.startswith("MP_")]:
                del os.environ[name]
            os.environ.update(before)


def _account(simulator: Simulator) -> dict[str, str]:
    """Where they and we find the same project: each has its own word for the host."""
    project = simulator.project
    return {
        "MP_USERNAME": project.username,
        "MP_SECRET": project.secret,
        "MP_PROJECT_ID": project.project_id,
        "MP_REGION": "us",
        **dict.fromkeys(("MP_BASE_URL", "MP_API_BASE_URL", "MP_APP_BASE_URL"), simulator.url),
    }
