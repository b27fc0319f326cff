"""Materialize assets in this process, on the instance that `dagster dev` shows."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from filelock import FileLock
from sqlalchemy.exc import OperationalError

from mixpanel_assets.access import look_up
from mixpanel_assets.dagster import definitions_of
from mixpanel_assets.definitions import known_projects
from mixpanel_assets.defs.backfill import (
    check_daemon,
    find_ui,
    has_daemon,
    reload_definitions,
    start_backfill,
)
from mixpanel_assets.defs.catalog import PARTS, TABLES
from mixpanel_assets.defs.failures import ERROR, EXIT_CODE, first_cause
from mixpanel_assets.defs.instance import enter_instance, find_dagster_home
from mixpanel_assets.defs.killed import fail_killed_runs, of_this_process
from mixpanel_assets.defs.listener import Listener, listener
from mixpanel_assets.defs.metadata import REQUESTS, ROWS, SKIPPED
from mixpanel_assets.defs.origin import record_as_of_location
from mixpanel_assets.defs.partitions import RANGE_START, begin_at, days_in_one_run, first_day
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.reconcile import DAILY, forget_unprefixed, reconcile
from mixpanel_assets.defs.runs import CATALOG_JOB, EVENTS_JOB, PROFILES_JOB
from mixpanel_assets.errors import ConfigError, LoadError, MixpanelDataError, RunFailedError
from mixpanel_assets.notes import Progress, note
from mixpanel_assets.results import (
    Backfill,
    LandedDay,
    LandedTable,
    Landing,
    Reconciled,
    Snapshot,
)
from mixpanel_assets.settings import Settings

OF_THE_DISK = ("OperationalError", "OSError")
INTERRUPTIONS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")

# The default manager redirects this process's stdout and stderr to files during a step.
NO_CAPTURE = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


@dataclass(frozen=True)
class RunOptions:
    """The account of a run, whether it waits for rate limits, and its listener.

    `log` shows Dagster's log on stderr.
    """

    settings: Settings
    account: str | None
    wait: bool
    listener: Listener
    log: bool = False


def materialize_events(options: RunOptions, start: date, end: date) -> Landing:
    """Land the days in one run, which the Dagster UI shows.

    Raises RunFailedError with the code and exit code of its cause; its details list the days that
    were landed anyway.
    """
    days: list[LandedDay] = []

    class Kept(Progress):
        def landed(self, fresh: list[LandedDay]) -> None:
            days.extend(fresh)
            options.listener.progress.landed(fresh)

    listening = replace(options, listener=Listener(options.listener.note, Kept()))
    started = time.monotonic()
    result = _run(listening, EVENTS_JOB, days, tags=days_in_one_run(start, end))
    made = result.get_asset_materialization_events()
    requests = _number(made[0].materialization.metadata[REQUESTS]) if made else 0
    seconds = time.monotonic() - started
    return Landing("events", start, end, days, requests, seconds, result.run_id)


def materialize_profiles(options: RunOptions) -> Snapshot:
    """Take today's snapshot of all profiles in one run, which the Dagster UI shows.

    Raises RunFailedError with the code and exit code of its cause.
    """
    started = time.monotonic()
    day = options.settings.today()
    result = _run(options, PROFILES_JOB, partition_key=str(day))
    (made,) = result.get_asset_materialization_events()
    keys = {"rows": ROWS, "requests": REQUESTS}
    keys |= {name: name for name in ("new", "changed", "removed")}
    counts = {name: _number(made.materialization.metadata[key]) for name, key in keys.items()}
    seconds = time.monotonic() - started
    return Snapshot(day, **counts, seconds=seconds, run_id=result.run_id)


def materialize_catalog(options: RunOptions) -> list[LandedTable]:
    """Copy the project's catalog in one run, which the Dagster UI shows.

    Tables that the plan does not include are unchanged, and reported as skipped. Raises
    RunFailedError with the code and exit code of its cause.
    """
    result = _run(options, CATALOG_JOB)
    rows: dict[str, int] = {}
    skipped: dict[str, str] = {}
    for made in result.get_asset_materialization_events():
        rows |= cast(dict[str, int], made.materialization.metadata[TABLES].value)
    for event in result.get_asset_observation_events():
        seen = event.asset_observation_data.asset_observation
        tables = PARTS[seen.asset_key.path[-1]][0]
        skipped |= dict.fromkeys(tables, str(seen.metadata[SKIPPED].value))
    return [
        LandedTable(table, rows.get(table), skipped.get(table), result.run_id)
        for tables, *_ in PARTS.values()
        for table in tables
    ]


def reconcile_record(options: RunOptions) -> Reconciled:
    """Make the instance's record of the account's project agree with what is landed."""
    with _instance(options.settings) as instance:
        found = reconcile(instance, Project.of(options.account), look_up(options.account))
        forget_unprefixed(instance)
        return found


def reconcile_known(settings: Settings) -> list[str]:
    """The same for each project that `mp dev` will show; returns the prefixes of their keys."""
    projects = known_projects()
    with _instance(settings) as instance:
        for project in projects:
            try:
                if project.warehouse:
                    reconcile(instance, project, look_up(project.account))
            except MixpanelDataError as error:  # such as of a warehouse that is in use: later
                prefix = "/".join(project.prefix)
                note(
                    f"{prefix}: Dagster's record was not compared with what is landed: "
                    f"{error.message}"
                )
        forget_unprefixed(instance)
    return ["/".join(project.prefix) for project in projects]


def backfill_events(options: RunOptions, days: Sequence[date]) -> Backfill:
    """Hand the days over to the daemon that runs on the instance.

    Raises ConfigError if there is none, or if it is known to have other projects.
    """
    with _instance(options.settings) as instance:
        project = Project.of(options.account)
        ui = find_ui(find_dagster_home(options.settings))
        if ui and "/".join(project.prefix) not in ui.prefixes:
            raise ConfigError(
                f"the Dagster UI at {ui.url} has the assets of {', '.join(ui.prefixes)}, not of "
                f"{'/'.join(project.prefix)}",
                hint="start mp dev with this account, or land the days without --detach",
            )
        check_daemon(instance, find_dagster_home(options.settings))
        if _begin_at(options, instance, days[0]):
            raise ConfigError(
                f"days from {days[0]} on are new to the running Dagster",
                hint="reload its definitions in the UI, then try again",
            )
        project = Project.of(options.account)
        backfill = start_backfill(instance, project, definitions_of(project), days)
    return Backfill(
        "events", days[0], days[-1], backfill, f"{ui.url}/runs/b/{backfill}" if ui else None
    )


def _number(value: dg.MetadataValue[Any]) -> int:
    return int(str(value.value))


def _run(
    options: RunOptions,
    job_name: str,
    landed: list[LandedDay] | None = None,
    *,
    partition_key: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    token = listener.set(options.listener)
    try:
        with _instance(options.settings) as instance:
            if tags and _begin_at(options, instance, date.fromisoformat(tags[RANGE_START])):
                note("some days are new to the running Dagster: reload its definitions in the UI")
            project = Project.of(options.account)
            job = definitions_of(project).resolve_job_def(project.name(job_name))
            record_as_of_location(instance, job.name)
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                partition_key=partition_key,
                tags={**(tags or {}), **of_this_process(), "mp/source": "cli"},
                run_config=_run_config(options, project),
            )
            if not result.success:  # it may have been interrupted before it reported its days
                with suppress(MixpanelDataError):
                    reconcile(instance, project, look_up(options.account), *DAILY)
    finally:
        listener.reset(token)
    if not result.success:
        more = {} if landed is None else {"landed": [str(day.day) for day in landed]}
        raise failure_of(result, **more)
    return result


def _begin_at(options: RunOptions, instance: dg.DagsterInstance, day: date) -> bool:
    """Let the partitions begin at that day; whether a running Dagster does not know that yet."""
    access = look_up(options.account)
    loaded = first_day(access)
    if not begin_at(access, day) or day >= loaded:
        return False
    return not reload_definitions(find_dagster_home(options.settings)) and has_daemon(instance)


def _unwritten(home: Path, reason: str, **details: Any) -> ConfigError:
    return ConfigError(
        f"Dagster can't write to {home}: {reason}",
        hint="free space on that disk or make it writable, then try again",
        **details,
    )


@contextmanager
def _instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    home = enter_instance(settings)
    try:
        ref = InstanceRef.from_dir(str(home), overrides={"compute_logs": NO_CAPTURE})
        with ExitStack() as stack:
            # Dagster creates the tables of a new instance without a lock.
            with FileLock(home / ".opening.lock", timeout=60):
                instance = stack.enter_context(dg.DagsterInstance.from_ref(ref))
                instance.get_runs_count()
                instance.event_log_storage.get_maximum_record_id()
                instance.all_instigator_state()
                fail_killed_runs(instance)
            yield instance
    except (OperationalError, OSError) as error:
        raise _unwritten(home, str(getattr(error, "orig", error))) from error


def _run_config(options: RunOptions, project: Project) -> dict[str, Any]:
    level = "DEBUG" if options.log else "CRITICAL"
    # Dagster drops the resource's own values for these. The UI may execute the run again.
    mixpanel = {"account": project.account, "project_id": project.project_id, "wait": options.wait}
    return {
        "loggers": {"console": {"config": {"log_level": level}}},
        "resources": {project.mixpanel: {"config": mixpanel}},
    }


def failure_of(result: dg.ExecuteInProcessResult, **more: Any) -> MixpanelDataError:
    """The error that made the run fail; raises KeyboardInterrupt for an interruption."""
    details: dict[str, Any] = {"run_id": result.run_id, **more}
    for check in result.get_asset_check_evaluations():
        if check.blocking and not check.passed:
            return LoadError(
                f"{check.check_name}: {check.description}",
                hint="land the days again; if the check still fails, run mp doctor",
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
        error = first_cause(failure.error)
        if error and error.cls_name in INTERRUPTIONS:
            raise KeyboardInterrupt
        if error and error.cls_name in OF_THE_DISK:
            return _unwritten(Path.cwd(), error.message.strip().splitlines()[0], **details)
        if error:
            return MixpanelDataError(error.message.strip(), **details)
    return MixpanelDataError("the run failed", hint="see the run in mp dev", **details)
