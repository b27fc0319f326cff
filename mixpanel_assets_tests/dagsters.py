"""The current project in Dagster: its names, its definitions, and runs of its jobs."""

from datetime import date
from typing import Any

import dagster as dg

from mixpanel_assets.access import look_up
from mixpanel_assets.dagster import definitions_of
from mixpanel_assets.defs.partitions import begin_at, days_in_one_run
from mixpanel_assets.defs.project import Project

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def key(*names: str) -> dg.AssetKey:
    """The key of one of its assets."""
    return Project.of().key(*names)


def name(word: str) -> str:
    """The name of one of its jobs, schedules, sensors or ops."""
    return Project.of().name(word)


def definitions() -> dg.Definitions:
    """What Dagster loads of it now."""
    return definitions_of(Project.of())


def job(word: str) -> dg.JobDefinition:
    """One of its jobs, as it is now."""
    project = Project.of()
    return definitions_of(project).resolve_job_def(project.name(word))


def patient_job(asset: str, **options: Any) -> dg.JobDefinition:
    """A job of the asset as somebody has it who retries whatever may be retried."""
    project = Project.of(**options)
    policy = dg.RetryPolicy(max_retries=2)
    patient = dg.define_asset_job("patient", [project.key(asset)], op_retry_policy=policy)
    defs = dg.Definitions.merge(definitions_of(project), dg.Definitions(jobs=[patient]))
    return defs.resolve_job_def("patient")


def execute(
    job_or_word: str | dg.JobDefinition, instance: dg.DagsterInstance, **more: Any
) -> dg.ExecuteInProcessResult:
    """A run in this process, which may fail."""
    chosen = job(job_or_word) if isinstance(job_or_word, str) else job_or_word
    config = {**QUIET, **more.pop("run_config", {})}
    return chosen.execute_in_process(
        instance=instance, run_config=config, raise_on_error=False, **more
    )


def land(
    instance: dg.DagsterInstance, start: date, end: date | None = None, **more: Any
) -> dg.ExecuteInProcessResult:
    """One run over days of events, at which the partitions begin if they begin later."""
    begin_at(look_up(), start)
    return execute("events_job", instance, tags=days_in_one_run(start, end or start), **more)


def materialized(instance: dg.DagsterInstance, asset: str = "events") -> set[str]:
    """The partitions of the asset that the instance has."""
    return instance.get_materialized_partitions(key(asset))


def made(result: dg.ExecuteInProcessResult, asset: str) -> list[dg.AssetMaterialization]:
    """What the run has materialized of the asset."""
    events = result.get_asset_materialization_events()
    return [one.materialization for one in events if one.asset_key == key(asset)]


def observed(result: dg.ExecuteInProcessResult, asset: str) -> list[dg.AssetObservation]:
    """What the run has observed of the asset."""
    events = [one.asset_observation_data for one in result.get_asset_observation_events()]
    seen = [one.asset_observation for one in events]
    return [one for one in seen if one.asset_key == key(asset)]


def failure(result: dg.ExecuteInProcessResult) -> Any:
    """How the run's one step failed."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data
