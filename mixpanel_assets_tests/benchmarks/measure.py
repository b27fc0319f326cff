"""A task in a process of its own: its seconds, its memory, its database."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mixpanel_assets_tests.benchmarks.task import Task

ROOT = Path(__file__).parents[2]
LONGEST = 3600.0  # seconds for one case
UNIT_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Measurement:
    """What one case took; `problem` says why there are no numbers."""

    events: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    database: Path | None = None
    database_bytes: int | None = None
    more: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def rate(self) -> float:
        """Events a second; 0 if nothing was measured."""
        return self.events / self.seconds if self.seconds else 0.0


def measured(task: Task, python: str = sys.executable) -> Measurement:
    """What the task took in a new process of that interpreter."""
    task.scratch.mkdir(parents=True)
    os.sync()  # else the disk would still be at what the case before wrote
    command = [python, "-m", f"{__package__}.child", str(task.write())]
    with (task.scratch / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=task.scratch, env=environment(), stdout=log, stderr=log
        )
        timer = threading.Timer(LONGEST, process.kill)
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return Measurement(problem=_last_words(task.scratch / "log", process.returncode))
    said = json.loads((task.scratch / "outcome.json").read_text("utf-8"))
    database = Path(said["database"]) if said["database"] else None
    return Measurement(
        said["events"],
        said["seconds"],
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * UNIT_OF_MAXRSS,
        database,
        database.stat().st_size if database else None,
        said["more"] or {},
    )


def environment() -> dict[str, str]:
    """This process' environment without settings, importing from this checkout."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MP_", "DAGSTER_", "DLT_"))}
    off = {"DAGSTER_DISABLE_TELEMETRY": "1", "RUNTIME__DLTHUB_TELEMETRY": "false"}
    return {**env, **off, "PYTHONPATH": str(ROOT)}


def median(runs: list[Measurement]) -> Measurement:
    """The run in the middle by its seconds; a failed one if there is one."""
    if failed := [run for run in runs if run.problem]:
        return failed[0]
    middle = statistics.median_high(run.seconds for run in runs)
    return next(run for run in runs if run.seconds == middle)


@cache
def python_with(modules: str, candidates: tuple[str, ...]) -> str | None:
    """The first of these interpreters that can import the modules; the first of all for none."""
    for python in candidates:
        if not modules:
            return python
        found = subprocess.run(
            [python, "-c", f"import {modules}"], capture_output=True, check=False
        )
        if found.returncode == 0:
            return python
    return None


def _last_words(log: Path, code: int) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines() or ["no output"]
    return f"exit {code}: {lines[-1].strip()[:200]}".replace("|", "/")
