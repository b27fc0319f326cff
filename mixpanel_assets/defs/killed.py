"""Runs whose process is gone: nobody but the next one can say that they have ended."""

import os
import socket
import time

import dagster as dg

from mixpanel_assets.defs.instance import is_running
from mixpanel_assets.defs.runs import HOST, PID

LOADED = time.time()


def of_this_process() -> dict[str, str]:
    """The tags of a run that is carried out in this process."""
    return {PID: str(os.getpid()), HOST: socket.gethostname()}


def fail_killed_runs(instance: dg.DagsterInstance) -> None:
    """Runs of killed processes of this machine have failed: they take up their pool no more."""
    unended = dg.RunsFilter(
        tags={HOST: socket.gethostname()},
        statuses=[
            dg.DagsterRunStatus.NOT_STARTED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
        ],
    )
    for record in instance.get_run_records(unended):
        run, created = record.dagster_run, record.create_timestamp.timestamp()
        if run.remote_job_origin:
            continue  # the daemon's: a run that is started again from the UI inherits the tags
        pid = run.tags.get(PID, "")
        if pid.isdigit() and not _is_run_by(int(pid), created):
            instance.report_run_failed(run, f"its process, {pid}, was killed")


def _is_run_by(pid: int, created: float) -> bool:
    # In a container every process may have the same number as the one before it.
    return created >= LOADED if pid == os.getpid() else is_running(pid)
