"""`mp status` shows the runs that go on."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from mixpanel_assets.defs.instance import make_instance
from mixpanel_assets.defs.jobs import Jobs
from mixpanel_assets.defs.killed import of_this_process
from mixpanel_assets.defs.partitions import RANGE_END, RANGE_START
from mixpanel_assets.defs.runs import (
    EVENTS_JOB,
    EXECUTED_AGAIN,
    PID,
    PROFILES_JOB,
    PROJECT,
)
from mixpanel_assets.defs.runs import JOBS as ASSETS_OF_JOBS
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.dagsters import job, key, name

Mp = Callable[..., Answer]
STARTED, QUEUED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.QUEUED
OF_THE_DAEMON = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("mixpanel_assets"), "__repository__"),
    "__ASSET_JOB",
)
RANGE = {RANGE_START: "2024-01-02", RANGE_END: "2024-01-31"}


def run(tags: dict[str, str], word: str = EVENTS_JOB, **more: Any) -> dg.DagsterRun:
    return dg.DagsterRun(**{"job_name": name(word), "tags": tags, "status": STARTED, **more})


def test_a_run_is_shown_with_its_days_until_it_ends_or_its_process_is_killed(
    account: Simulator, here: Mp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_instance(tmp_path / "home" / "dagster")
    monkeypatch.chdir(home)
    alive = {**of_this_process(), PID: str(os.getppid())}
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    runs = {
        "by mp": run({**alive, **RANGE, "mp/source": "cli"}),
        "of the project": run({**alive, **RANGE, PROJECT: "12345"}),
        "of another project": run({**alive, **RANGE, PROJECT: "999"}),
        "killed": run({**alive, **RANGE, PID: str(gone.pid)}),
        "ended": run({**alive, **RANGE}, status=dg.DagsterRunStatus.SUCCESS),
        "queued": run(
            {**RANGE, "dagster/backfill": "abc", "mp/source": "cli"},
            job_name="__ASSET_JOB",
            status=QUEUED,
            asset_selection={key("events")},
            remote_job_origin=OF_THE_DAEMON,
        ),
        "of a daemon that is gone": run(RANGE),
        "of mp, again by a daemon that is gone": run({**alive, **RANGE, EXECUTED_AGAIN: "first"}),
        "profiles": run({**alive, "dagster/partition": "2024-01-05"}, PROFILES_JOB),
        "question": run(alive, "ask"),
        "of somebody's own prefix": run({**alive, **RANGE}, job_name="raw_mixpanel_events_job"),
    }
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        for one in runs.values():
            instance.add_run(one)
    monkeypatch.chdir(tmp_path)
    events, profiles = here("status").json
    assert (events["asset"], events["days"], events["first_day"]) == ("events", 0, None)
    assert profiles["asset"] == "profiles"
    days = {"from": "2024-01-02", "to": "2024-01-31"}
    told = [*events["runs"], *profiles["runs"]]
    assert all(one.pop("since").startswith("20") for one in told)
    assert {one.pop("instance") for one in told} == {str(home)}
    ids = {name: one.run_id for name, one in runs.items()}
    assert told == [
        {"run_id": ids["by mp"], "state": "started", "source": "cli", **days},
        {"run_id": ids["of the project"], "state": "started", "source": "ui", **days},
        {"run_id": ids["queued"], "state": "queued", "source": "backfill", **days},
        {"run_id": ids["of somebody's own prefix"], "state": "started", "source": "ui", **days},
        {"run_id": ids["profiles"], "state": "started", "source": "ui"}
        | {"from": "2024-01-05", "to": "2024-01-05"},
    ]


def _shown(answer: Answer) -> tuple[int, str]:
    """What a program sees; how to land is for people."""
    return answer.code, answer.out


@pytest.mark.parametrize("storage", ["none", "no SQLite", "of another program", "locked"])
def test_a_storage_that_cannot_be_read_is_no_failure(
    storage: str, account: Simulator, here: Mp, tmp_path: Path
) -> None:
    history = tmp_path / "home" / "dagster" / ".dagster" / "storage" / "history"
    history.mkdir(parents=True)
    file = history / "runs.db"
    if storage == "no SQLite":
        file.write_text("something else" * 1000)
    if storage in ("of another program", "locked"):
        with sqlite3.connect(file) as other:
            other.execute("create table runs (id integer)")
            other.execute("begin exclusive")
            if storage == "locked":
                assert _shown(here("status")) == (0, "[]\n")
            other.rollback()
        other.close()
    assert _shown(here("status")) == (0, "[]\n")
    assert storage != "none" or not file.exists()


def test_the_assets_of_every_job_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    named = {name for name in Jobs._fields if name != "counts"}  # which lands nothing
    assert ASSETS_OF_JOBS.keys() == {f"{name}_job" for name in named}
    for word, assets in ASSETS_OF_JOBS.items():
        selected = job(word).asset_layer.selected_asset_keys
        assert selected == {key(asset) for asset in assets}
