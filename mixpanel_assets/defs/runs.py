"""Active runs, read from the instance's SQLite: loading Dagster would take a second."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mixpanel_assets.defs.instance import find_dagster_home, is_running
from mixpanel_assets.settings import Settings

# Tags of a run, which the UI does not show: its project; and its process, if that is one of `mp`.
PROJECT, PID, HOST = ".dagster/mp_project", ".dagster/mp_pid", ".dagster/mp_host"
EXECUTED_AGAIN = "dagster/parent_run_id"  # by the UI, with the tags of the first run
# Below the instance: from our dagster.yaml, and Dagster's default.
STORAGES = (".dagster/storage/history/runs.db", "history/runs.db")
PATIENCE = 0.5  # seconds to wait for a locked storage
SILENCE = timedelta(minutes=5)  # of a stopped daemon; a running one has a heartbeat every 30 s
STATES = ("QUEUED", "STARTING", "STARTED", "CANCELING")
# The jobs that land assets, without the prefix of their project.
EVENTS_JOB, PROFILES_JOB, CATALOG_JOB = "events_job", "profiles_job", "catalog_job"
SAVED_REPORTS_JOB = "saved_reports_job"
JOBS = {
    EVENTS_JOB: ("events",),
    PROFILES_JOB: ("profiles",),
    CATALOG_JOB: ("lexicon", "cohorts", "funnels", "bookmarks", "annotations"),
    SAVED_REPORTS_JOB: ("saved_reports",),
}

# Dagster's tables; these columns are unchanged since 2021.
RUNS = f"""select run_id, status, pipeline_name, run_body, start_time, create_timestamp
           from runs where status in {STATES} order by id"""
HEARTBEAT = "select max(timestamp) from daemon_heartbeats"

# The storage is locked, or of an unknown version of Dagster.
NOT_READ = (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError)

Run = dict[str, Any]

NOTHING_LANDED: dict[str, Any] = {
    "first_day": None,
    "last_day": None,
    "days": 0,
    "missing": [],
    "partial": [],
    "rows": 0,
    "repaired": 0,
    "last_loaded_at": None,
    "renamed": [],
}


def running(settings: Settings, project: str | None = None) -> list[Run]:
    """The active and queued runs of this instance; none if its storage can't be read.

    Each has run_id, state, source, assets, from, to (None: all days), since and instance. Runs of
    killed processes are left out, and runs of another project.
    """
    home = find_dagster_home(settings)
    try:
        with _history(home) as history:
            rows = history.execute(RUNS).fetchall() if history else []
            (beat,) = history.execute(HEARTBEAT).fetchone() if history else (None,)
        daemon = beat is not None and datetime.now(UTC) - _utc(beat) < SILENCE
        return [
            {**_run(*row), "instance": str(home)}
            for row in rows
            if _is_active(row[1], body := json.loads(row[3]), daemon)
            and (project is None or body["tags"].get(PROJECT, project) == project)
        ]
    except NOT_READ:
        return []


@contextmanager
def _history(home: Path) -> Iterator[sqlite3.Connection | None]:
    """The instance's storage of runs, read-only; None if there is none yet."""
    found = next((home / name for name in STORAGES if (home / name).is_file()), None)
    if not found:
        yield None
        return
    uri = f"{found.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as history:
        yield history


def is_of_mp(tags: Mapping[str, str]) -> bool:
    """Whether the run with these tags is in a process of `mp`."""
    return PID in tags and EXECUTED_AGAIN not in tags


def _is_active(status: str, body: dict[str, Any], daemon: bool) -> bool:
    """Whether a process works on the run, or will."""
    tags = body["tags"]
    if not is_of_mp(tags):  # the daemon's, which starts queued runs
        return daemon or status == "QUEUED"
    pid = tags[PID]
    if tags.get(HOST) != socket.gethostname() or not pid.isdigit():
        return True
    return int(pid) != os.getpid() and is_running(int(pid))


def _run(run_id: str, status: str, job: str, text: str, started: float | None, created: str) -> Run:
    body = json.loads(text)
    tags = body["tags"]
    day = tags.get("dagster/partition")
    known = (assets for name, assets in JOBS.items() if job.endswith(f"_{name}"))
    assets = next(known, None) or tuple(sorted(set(_assets(body["asset_selection"]))))
    return {
        "run_id": run_id,
        "state": status.lower(),
        "source": _source(tags),
        "assets": assets,
        "from": tags.get("dagster/asset_partition_range_start", day),
        "to": tags.get("dagster/asset_partition_range_end", day),
        "since": datetime.fromtimestamp(started, UTC) if started else _utc(created),
    }


def _source(tags: Mapping[str, str]) -> str:
    if "dagster/backfill" in tags:
        return "backfill"
    return "ui" if EXECUTED_AGAIN in tags else tags.get("mp/source", "ui")


def _assets(selection: Any) -> Iterator[str]:
    """The names in Dagster's serialized set of asset keys."""
    if isinstance(selection, dict):
        if "path" in selection:
            yield selection["path"][-1]
        selection = list(selection.values())
    if isinstance(selection, list):
        for part in selection:
            yield from _assets(part)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def with_runs(rows: list[dict[str, Any]], runs: list[Run]) -> list[dict[str, Any]]:
    """Each asset's row with its runs; an asset with runs but no row gets one."""
    of: dict[str, list[Run]] = {}
    for run in runs:
        for asset in run["assets"]:
            of.setdefault(asset, []).append({k: v for k, v in run.items() if k != "assets"})
    landed = {row["asset"] for row in rows}
    fresh = [{"asset": asset, **NOTHING_LANDED} for asset in of if asset not in landed]
    return [{**row, "runs": of.get(row["asset"], [])} for row in (*rows, *fresh)]
