"""Assets materialized in this process, on the instance that `dagster dev` shows."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from filelock import FileLock
from sqlalchemy.exc import OperationalError

from mixpanel_assets.definitions import defs
from mixpanel_assets.defs.catalog import PARTS, SKIPPED, TABLES
from mixpanel_assets.defs.failures import ERROR, EXIT_CODE
from mixpanel_assets.defs.instance import enter_instance
from mixpanel_assets.defs.jobs import CATALOG_JOB, EVENTS_JOB, PROFILES_JOB
from mixpanel_assets.defs.killed import fail_killed_runs, of_this_process
from mixpanel_assets.defs.listener import Listener, listener
from mixpanel_assets.defs.metadata import REQUESTS
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.errors import ConfigError, LoadError, MixpanelDataError, RunFailedError
from mixpanel_assets.notes import Progress
from mixpanel_assets.results import LandedDay, LandedTable, Landing, Snapshot
from mixpanel_assets.settings import Settings

OF_THE_DISK = ("OperationalError", "OSError")
INTERRUPTIONS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")

# Inside a step the default manager redirects stdout and stderr to files, ours among them.
NO_CAPTURE = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


@dataclass(frozen=True)
class RunOptions:
    """Whose data a run lands, whether it waits for Mixpanel's limits, and what it reports to.

    `log` shows Dagster's own log on stderr.
    """

    settings: Settings
    account: str | None
    wait: bool
    listener: Listener
    log: bool = False


def materialize_events(options: RunOptions, start: date, end: date) -> Landing:
    """Land the days by one run, which the Dagster UI shows.

    Raises RunFailedError with the code and exit code of what went wrong; the days in its details
    are landed all the same.
    """
    days: list[LandedDay] = []

    class Kept(Progress):
        def landed(self, fresh: list[LandedDay]) -> None:
            days.extend(fresh)
            options.listener.progress.landed(fresh)

    listening = replace(options, listener=Listener(options.listener.note, Kept()))
    started = time.monotonic()
    result = _run(listening, EVENTS_JOB, tags=days_in_one_run(start, end))
    if not result.success:
        raise failure_of(result, landed=[str(day.day) for day in days])
    made = result.asset_materializations_for_node("events")
    requests = int(str(made[0].metadata[REQUESTS].value)) if made else 0
    seconds = time.monotonic() - started
    return Landing("events", start, end, days, requests, seconds, result.run_id)


def materialize_profiles(options: RunOptions) -> Snapshot:
    """Take today's snapshot of all profiles by one run, which the Dagster UI shows.

    Raises RunFailedError with the code and exit code of what went wrong.
    """
    started = time.monotonic()
    day = options.settings.today()
    result = _run(options, PROFILES_JOB, partition_key=str(day))
    if not result.success:
        raise failure_of(result)
    (made,) = result.asset_materializations_for_node("profiles")
    counts = {
        name: int(str(made.metadata[key].value))
        for name, key in {"rows": "dagster/partition_row_count", "requests": REQUESTS}.items()
    }
    changes = {name: int(str(made.metadata[name].value)) for name in ("new", "changed", "removed")}
    seconds = time.monotonic() - started
    return Snapshot(day, **counts, **changes, seconds=seconds, run_id=result.run_id)


def materialize_catalog(options: RunOptions) -> list[LandedTable]:
    """Copy what the project has saved and described by one run, which the Dagster UI shows.

    What the plan refuses is reported as skipped; its table is as it was. Raises RunFailedError with
    the code and exit code of what went wrong.
    """
    result = _run(options, CATALOG_JOB)
    if not result.success:
        raise failure_of(result)
    rows: dict[str, int] = {}
    skipped: dict[str, str] = {}
    for made in result.asset_materializations_for_node("catalog"):
        rows |= cast(dict[str, int], made.metadata[TABLES].value)
    for seen in result.asset_observations_for_node("catalog"):
        tables, _ = PARTS[seen.asset_key.to_user_string()]
        skipped |= dict.fromkeys(tables, str(seen.metadata[SKIPPED].value))
    return [
        LandedTable(table, rows.get(table), skipped.get(table), result.run_id)
        for tables, _ in PARTS.values()
        for table in tables
    ]


def _run(
    options: RunOptions,
    job_name: str,
    *,
    partition_key: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    home = enter_instance(options.settings)
    job = defs().resolve_job_def(job_name)
    token = listener.set(options.listener)
    try:
        with _disk_errors_reported(home), _open_instance(home) as instance:
            return job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                partition_key=partition_key,
                tags={**(tags or {}), **of_this_process(), "mp/source": "cli"},
                run_config=_run_config(options),
            )
    finally:
        listener.reset(token)


@contextmanager
def _disk_errors_reported(home: Path) -> Iterator[None]:
    """Raise ConfigError for what the disk refused Dagster."""
    try:
        yield
    except OperationalError as error:
        raise _unwritten(home, str(error.orig)) from error
    except OSError as error:
        raise _unwritten(home, str(error)) from error


def _unwritten(home: Path, reason: str, **details: Any) -> ConfigError:
    return ConfigError(
        f"Dagster can't keep its record in {home}: {reason}",
        hint="make room on that disk or make it writable, then run the same again",
        **details,
    )


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
            fail_killed_runs(instance)
        yield instance


def _run_config(options: RunOptions) -> dict[str, Any]:
    level = "DEBUG" if options.log else "CRITICAL"
    asking = {"account": options.account, "wait": options.wait}
    return {
        "loggers": {"console": {"config": {"log_level": level}}},
        "resources": {
            "mixpanel": {"config": asking},
            "warehouse": {"config": {"account": options.account}},
        },
    }


def failure_of(result: dg.ExecuteInProcessResult, **more: Any) -> MixpanelDataError:
    """The error of ours that made the run fail; KeyboardInterrupt if that was an interruption."""
    details: dict[str, Any] = {"run_id": result.run_id, **more}
    for check in result.get_asset_check_evaluations():
        if check.blocking and not check.passed:
            return LoadError(
                f"{check.check_name}: {check.description}",
                hint="the days are landed as they are; land them again, and if it stays: mp doctor",
                **details,
            )
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
        if error and error.cls_name in OF_THE_DISK:
            return _unwritten(Path.cwd(), error.message.strip().splitlines()[0], **details)
        if error:
            return MixpanelDataError(f"{error.cls_name}: {error.message.strip()}", **details)
    return MixpanelDataError("the run failed", hint="see it in: mp dev", **details)
