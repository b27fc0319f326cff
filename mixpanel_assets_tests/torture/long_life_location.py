"""A code location whose days last a minute: our assets and schedules, by a clock that hurries."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import dagster as dg

from mixpanel_assets.accounts import find_credentials
from mixpanel_assets.dagster import definitions_of
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy
from mixpanel_assets.settings import Settings

HASTE = 24 * 60  # times as fast as the sun
BEGUN = "LONG_LIFE"  # the variable with the two times at which the clock began

# When each schedule ticks: in place of its hour of the day, a minute.
CRONS = {
    "daily_events": "* * * * *",
    "weekly_events": "*/7 * * * *",
    "daily_profiles": "*/3 * * * *",
    "daily_catalog": "*/4 * * * *",
    "daily_saved_reports": "*/5 * * * *",
}


@dataclass(frozen=True)
class Clock:
    """At `real` it was `then`, and a day has passed every minute since; both in seconds."""

    real: float
    then: float

    @classmethod
    def of_environment(cls) -> Self:
        """The one that the test has started."""
        real, then = map(float, os.environ.get(BEGUN, "0 0").split())
        return cls(real, then)

    def at(self, real: float) -> datetime:
        """What it shows at a time."""
        return datetime.fromtimestamp(self.then + (real - self.real) * HASTE, UTC)

    def time(self) -> float:
        """As time.time() has it."""
        return self.at(time.time()).timestamp()


CLOCK = Clock.of_environment()


class HurriedMixpanel(MixpanelResource):
    """Mixpanel, asked at the time of the clock."""

    @contextmanager
    def get_client(self, note: Any = print, *, wait: bool | None = None) -> Iterator[Client]:
        """As the resource's own."""
        settings = Settings.from_env()
        credentials = find_credentials(settings)
        budget = Budget(settings.home / "budget.sqlite", credentials.project_id, clock=CLOCK.time)
        with Client(
            credentials,
            budget,
            base_url=settings.base_url,
            retry=RetryPolicy(longest_wait=5 if wait is False else 3600),
            note=note,
            sleep=lambda seconds: time.sleep(seconds / HASTE),
            clock=CLOCK.time,
        ) as client:
            yield client


PROJECT = Project.of()
OURS: Any = definitions_of(PROJECT)
LATE_EVENTS = OURS.sensors[0]
RESOURCES = {PROJECT.mixpanel: HurriedMixpanel(), PROJECT.duckdb: WarehouseResource()}


def _hurried(schedule: dg.ScheduleDefinition) -> dg.ScheduleDefinition:
    """The schedule asked each minute what it asks for on that day."""
    job = next(job for job in OURS.jobs if job.name == schedule.job_name)

    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        real = context.scheduled_execution_time
        # Profiles are as they are now, and their day is that of the machine.
        of_now = schedule.name == PROJECT.name("daily_profiles")
        then = dg.build_schedule_context(
            instance=context.instance,
            scheduled_execution_time=real if of_now else CLOCK.at(real.timestamp()),
            repository_def=context.repository_def,
        )
        asked = schedule.evaluate_tick(then)
        if not asked.run_requests:
            return dg.SkipReason(asked.skip_message)
        (request,) = asked.run_requests
        tags = {name: value for name, value in request.tags.items() if name != "dagster/partition"}
        return dg.RunRequest(f"{request.run_key} {real}", tags=tags, **_partition(request))

    return dg.ScheduleDefinition(
        name=schedule.name,
        cron_schedule=CRONS[schedule.name.removeprefix(PROJECT.name(""))],
        job=job,
        execution_fn=evaluate,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _partition(request: dg.RunRequest) -> dict[str, Any]:
    return {"partition_key": request.partition_key} if request.partition_key else {}


@dg.sensor(
    name=LATE_EVENTS.name,
    job=LATE_EVENTS.job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def hurried_late_events(context: dg.SensorEvaluationContext) -> Any:
    """The sensor asked each minute what it asks for on that day."""
    here = dg.build_sensor_context(
        instance=context.instance,
        cursor=context.cursor,
        repository_def=context.repository_def,
        resources=RESOURCES,
    )
    found = LATE_EVENTS.evaluate_tick(here)
    skipped = None if found.run_requests else found.skip_message
    return dg.SensorResult(found.run_requests, skipped, cursor=found.cursor)


defs = dg.Definitions(
    assets=OURS.assets,
    asset_checks=OURS.asset_checks,
    jobs=OURS.jobs,
    schedules=[_hurried(schedule) for schedule in OURS.schedules],
    sensors=[hurried_late_events],
    resources=RESOURCES,
    executor=dg.in_process_executor,
)
