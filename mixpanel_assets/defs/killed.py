"""Runs whose process was killed: the next run marks them as failed."""

import os
import socket
import time

import dagster as dg

from mixpanel_assets.defs.instance import is_running
from mixpanel_assets.defs.runs import HOST, PID, is_of_mp

LOADED = time.time()


def of_this_process() -> dict[str, str]:
    """The tags of a run in this process."""
    return {PID: str(os.getpid()), HOST: socket.gethostname()}


def fail_killed_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs of killed processes of this machine as failed, which frees their pool."""
    unended = dg.RunsFilter(
        tags={HOST: socket.gethostname()},
        statuses=[
            dg.DagsterRunStatus[name]
            for name in ("NOT_STARTED", "STARTING", "STARTED", "CANCELING")
        ],
    )
    for record in instance.get_run_records(unended):
        run, created = record.dagster_run, record.create_timestamp.timestamp()
        if not is_of_mp(run.tags):
            continue
        pid = run.tags.get(PID, "")
        if not pid.isdigit():
            continue
        # In a container, every process may have the pid of the one before it.
        if not (created >= LOADED if int(pid) == os.getpid() else is_running(int(pid))):
            instance.report_run_failed(run, f"its process, {pid}, was killed")
