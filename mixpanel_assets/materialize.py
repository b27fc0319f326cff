"""Assets materialized in this process, on the instance that `dagster dev` shows."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from filelock import FileLock

from mixpanel_assets.definitions import defs
from mixpanel_assets.defs.assets import REQUESTS
from mixpanel_assets.defs.failures import ERROR, EXIT_CODE
from mixpanel_assets.defs.instance import enter_instance
from mixpanel_assets.defs.jobs import EVENTS_JOB
from mixpanel_assets.defs.progress import Listener, listener
from mixpanel_assets.errors import MixpanelDataError, RunFailedError
from mixpanel_assets.results import LandedDay, Landing
from mixpanel_assets.settings import Settings

INTERRUPTIONS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

# Inside a step the default manager redirects stdout and stderr to files, ours among them.
NO_CAPTURE = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


def materialize_events(
    settings: Settings,
    start: date,
    end: date,
    *,
    account: str | None,
    wait: bool,
    hears: Listener,
    verbose: bool = False,
) -> Landing:
    """The days are landed by one run, which the Dagster UI shows.

    Raises RunFailedError with the code and exit code of what went wrong; the days in its details
    are landed all the same.
    """
    days: list[LandedDay] = []

    def landed(fresh: list[LandedDay]) -> None:
        days.extend(fresh)
        hears.landed(fresh)

    started = time.monotonic()
    home = enter_instance(settings)
    job = defs().resolve_job_def(EVENTS_JOB)
    token = listener.set(Listener(hears.note, landed))
    try:
        with _open_instance(home) as instance:
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                tags={RANGE_START: str(start), RANGE_END: str(end), "mp/source": "cli"},
                run_config=_run_config(account, wait=wait, verbose=verbose),
            )
    finally:
        listener.reset(token)
    if not result.success:
        raise _failure(result, days)
    made = result.asset_materializations_for_node("events")
    requests = int(str(made[0].metadata[REQUESTS].value)) if made else 0
    seconds = time.monotonic() - started
    return Landing("events", start, end, days, requests, seconds, result.run_id)


@contextmanager
def _open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    ref = InstanceRef.from_dir(str(home), overrides={"compute_logs": NO_CAPTURE})
    with ExitStack() as stack:
        # Dagster makes the tables of a new instance without looking whether another process does.
        with FileLock(home / ".opening.lock", timeout=60):
            instance = stack.enter_context(dg.DagsterInstance.from_ref(ref))
            instance.get_runs_count()
            instance.event_log_storage.get_maximum_record_id()
            instance.all_instigator_state()
        yield instance


def _run_config(account: str | None, *, wait: bool, verbose: bool) -> dict[str, Any]:
    level = "DEBUG" if verbose else "CRITICAL"
    return {
        "loggers": {"console": {"config": {"log_level": level}}},
        "resources": {
            "mixpanel": {"config": {"account": account, "wait": wait}},
            "warehouse": {"config": {"account": account}},
        },
    }


def _failure(result: dg.ExecuteInProcessResult, days: list[LandedDay]) -> MixpanelDataError:
    details: dict[str, Any] = {
        "run_id": result.run_id,
        "landed": [str(day.day) for day in days],
    }
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        failure = event.step_failure_data
        if failure.user_failure_data and ERROR in failure.user_failure_data.metadata:
            metadata = failure.user_failure_data.metadata
            cause: dict[str, Any] = dict(cast(dict[str, Any], metadata[ERROR].value))
            cause["details"] = {**cause.get("details", {}), **details}
            return RunFailedError(cause, int(str(metadata[EXIT_CODE].value)))
        error = failure.error
        while error and error.cause:
            error = error.cause
        if error and error.cls_name in INTERRUPTIONS:
            raise KeyboardInterrupt
        if error:
            return MixpanelDataError(f"{error.cls_name}: {error.message.strip()}", **details)
    return MixpanelDataError("the run failed", hint="see it in: mp dev", **details)
