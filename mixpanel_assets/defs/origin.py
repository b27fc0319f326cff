"""Runs in this process, recorded as those of the code location that `dagster dev` loads.

Without it they are missing in the job's list of runs and in the timeline, and the UI can't execute
them again.
"""

from functools import partial

import dagster as dg
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from mixpanel_assets.defs.backfill import LOCATION

REPOSITORY = "__repository__"  # Dagster's name for what @definitions returns


def record_as_of_location(instance: dg.DagsterInstance, job_name: str) -> None:
    """Let the runs that this instance creates in this process be those of the location's job."""
    target = LoadableTargetOrigin(module_name="mixpanel_assets.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, LOCATION)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY), job_name)
    created = partial(instance.create_run_for_job, remote_job_origin=origin)
    instance.create_run_for_job = created  # type: ignore[method-assign]
