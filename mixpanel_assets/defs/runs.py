"""Runs that go on, as the instance's SQLite says: without Dagster, which takes a second to load."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mixpanel_assets.defs.instance import find_dagster_home, is_running
from mixpanel_assets.settings import Settings

PID, HOST = "mp/pid", "mp/host"  # tags of a run that is carried out in a process of ours
PROJECT = "mp/project"  # the tag with the project whose data a run has asked for
# Below the instance: as our dagster.yaml has it, and where Dagster puts it by itself.
STORAGES = (".dagster/storage/history/runs.db", "history/runs.db")
PATIENCE = 0.5  # seconds to wait for a storage that is being written
# The daemon says every half a minute that it is there.
SILENCE = timedelta(minutes=5)
STATES = ("QUEUED", "STARTING", "STARTED", "CANCELING")
JOBS = {
    "events_job": ("events",),
    "profiles_job": ("profiles",),
    "catalog_job": ("lexicon", "cohorts", "funnels", "bookmarks", "annotations"),
    "saved_reports_job": ("saved_reports",),
}

# Of Dagster's own tables; Alembic has kept these columns since 2021.
RUNS = f"""select run_id, status, pipeline_name, run_body, start_time, create_timestamp
           from runs where status in {STATES} order by id"""
PROJECTS = f"select distinct value from run_tags where key = '{PROJECT}'"
HEARTBEAT = "select max(timestamp) from daemon_heartbeats"

# It is locked, or of a Dagster that we don't know.
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
    """The runs of this instance that go on or wait: none if its storage can't be read.

    Each is run_id, state, source, assets, from, to (None: all days), since and instance. Runs whose
    process was killed are left out, and those of which it is known that they are another project's.
    """
    home = find_dagster_home(settings)
    try:
        with _history(home) as history:
            rows = history.execute(RUNS).fetchall() if history else []
            (heard,) = history.execute(HEARTBEAT).fetchone() if history else (None,)
        daemon = heard is not None and datetime.now(UTC) - _utc(heard) < SILENCE
        return [
            {**_told(*row), "instance": str(home)}
            for row in rows
            if _goes_on(row[1], body := json.loads(row[3]), daemon)
            and (project is None or body["tags"].get(PROJECT, project) == project)
        ]
    except NOT_READ:
        return []


def projects_of_runs(settings: Settings) -> set[str]:
    """The projects that runs of this instance have asked: none if its storage can't be read."""
    try:
        with _history(find_dagster_home(settings)) as history:
            return {value for (value,) in history.execute(PROJECTS)} if history else set()
    except NOT_READ:
        return set()


def shared_with(known: Iterable[str], project: str | None) -> str | None:
    """What to say of an instance with runs of these projects; None if they are all of this one."""
    if not (others := sorted(set(known) - {project})):
        return None
    return (
        f"this Dagster instance also has runs of project {', '.join(others)}: it shows the days, "
        "checks and schedules of all of them as one; mp status tells them apart, and so does a "
        "DAGSTER_HOME (or MP_HOME) for each project"
    )


@contextmanager
def _history(home: Path) -> Iterator[sqlite3.Connection | None]:
    """The instance's storage of runs, to be read; None if there is none yet."""
    found = next((home / name for name in STORAGES if (home / name).is_file()), None)
    if not found:
        yield None
        return
    uri = f"{found.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as history:
        yield history


def _goes_on(status: str, body: dict[str, Any], daemon: bool) -> bool:
    """Whether somebody is there who carries it out, or will."""
    if body["external_pipeline_origin"]:  # the daemon's: it begins what it finds queued
        return daemon or status == "QUEUED"
    pid = body["tags"].get(PID, "")
    if body["tags"].get(HOST) != socket.gethostname() or not pid.isdigit():
        return True
    return int(pid) != os.getpid() and is_running(int(pid))


def _told(
    run_id: str, status: str, job: str, text: str, started: float | None, created: str
) -> Run:
    body = json.loads(text)
    tags = body["tags"]
    day = tags.get("dagster/partition")
    assets = JOBS.get(job) or tuple(sorted(set(_assets(body["asset_selection"]))))
    return {
        "run_id": run_id,
        "state": status.lower(),
        "source": _source(tags),
        "assets": assets,
        "from": tags.get("dagster/asset_partition_range_start", day),
        "to": tags.get("dagster/asset_partition_range_end", day),
        "since": datetime.fromtimestamp(started, UTC) if started else _utc(created),
    }


def _source(tags: dict[str, str]) -> str:
    if "dagster/backfill" in tags:
        return "backfill"
    return tags.get("mp/source", "ui")


def _assets(selection: Any) -> Iterator[str]:
    """The names in what Dagster has written of a set of keys."""
    if isinstance(selection, dict):
        if "path" in selection:
            yield "/".join(selection["path"])
        selection = list(selection.values())
    if isinstance(selection, list):
        for part in selection:
            yield from _assets(part)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def with_runs(rows: list[dict[str, Any]], runs: list[Run]) -> list[dict[str, Any]]:
    """Each asset's row with the runs that land it; an asset that only has a run has a row, too."""
    of: dict[str, list[Run]] = {}
    for run in runs:
        for asset in run["assets"]:
            of.setdefault(asset, []).append({k: v for k, v in run.items() if k != "assets"})
    landed = {row["asset"] for row in rows}
    fresh = [{"asset": asset, **NOTHING_LANDED} for asset in of if asset not in landed]
    return [{**row, "runs": of.get(row["asset"], [])} for row in (*rows, *fresh)]
