"""Fail the runs that were lost with a killed code server, then become the new one.

python serve_code.py LOCATION COMMAND...

Dagster does not notice that they ended: they would stay *Started*, and others would wait for them.
"""

import os
import sys

import dagster as dg

from mixpanel_assets.defs.runs import is_of_mp

LOST = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


def fail_lost_runs(instance: dg.DagsterInstance, location: str) -> None:
    """Mark what the server of this location was running as failed; it runs in its container."""
    for record in instance.get_run_records(dg.RunsFilter(statuses=LOST)):
        run = record.dagster_run
        origin = run.remote_job_origin
        if is_of_mp(run.tags):
            continue  # mp itself takes care of those
        if origin and origin.repository_origin.code_location_origin.location_name == location:
            instance.report_run_failed(run, "it was lost when its code server was stopped")


if __name__ == "__main__":
    location, *command = sys.argv[1:]
    with dg.DagsterInstance.get() as instance:
        fail_lost_runs(instance, location)
    os.execvp(command[0], command)  # noqa: S606  the image's own command
