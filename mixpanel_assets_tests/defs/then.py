"""Dagster and Mixpanel at another time: what they do on a day is done by a clock that is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from mixpanel_assets.accounts import find_credentials
from mixpanel_assets.defs.assets import events
from mixpanel_assets.defs.checks import counts_as_reported
from mixpanel_assets.defs.jobs import EVENTS_JOB, events_job
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.defs.sensors import late_events
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy
from mixpanel_assets.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Clock:
    """A clock that stands until it is set."""

    now = 0.0

    @classmethod
    def set(cls, day: date, hour: int = 6) -> None:
        cls.now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()

    @classmethod
    def time(cls) -> float:
        return cls.now


class MixpanelThen(MixpanelResource):
    """Mixpanel, asked at the time of the clock."""

    @contextmanager
    def get_client(self, note: Any = None, *, wait: bool | None = None) -> Iterator[Client]:
        settings = Settings.from_env()
        credentials = find_credentials(settings)
        budget = Budget(settings.home / "budget.sqlite", credentials.project_id, clock=Clock.time)
        with Client(
            credentials,
            budget,
            base_url=settings.base_url,
            retry=RetryPolicy(first_delay=0.001, longest_wait=5 if wait is False else 3600),
            sleep=lambda seconds: setattr(Clock, "now", Clock.now + seconds),
            clock=Clock.time,
        ) as client:
            yield client


RESOURCES = {"mixpanel": MixpanelThen(), "warehouse": WarehouseResource()}
DEFS = dg.Definitions(
    assets=[events],
    jobs=[events_job],
    asset_checks=[counts_as_reported],
    sensors=[late_events],
    resources=RESOURCES,
)


def land(instance: dg.DagsterInstance, start: date, end: date) -> bool:
    result = DEFS.resolve_job_def(EVENTS_JOB).execute_in_process(
        instance=instance,
        tags=days_in_one_run(start, end),
        run_config=QUIET,
        raise_on_error=False,
    )
    return bool(result.success)


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | Any:
    """What the sensor asks for now."""
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, resources=RESOURCES, definitions=DEFS
    )
    return late_events.evaluate_tick(context)
