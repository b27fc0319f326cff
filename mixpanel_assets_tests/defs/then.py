"""Dagster and Mixpanel at another time: what they do on a day is done by a clock that is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from mixpanel_assets.accounts import find_credentials
from mixpanel_assets.defs.jobs import make_jobs
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.defs.sensors import make_late_events
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy
from mixpanel_assets.settings import Settings
from mixpanel_assets_tests import dagsters


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


def resources(project: Project) -> dict[str, Any]:
    """Those of the project at the time of the clock."""
    return {project.mixpanel: MixpanelThen(), project.duckdb: WarehouseResource()}


def land(instance: dg.DagsterInstance, start: date, end: date) -> bool:
    result = dagsters.land(instance, start, end, resources=resources(Project.of()))
    return bool(result.success)


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | Any:
    """What the sensor asks for now."""
    project = Project.of()
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources=resources(project),
        definitions=dagsters.definitions(),
    )
    return make_late_events(project, make_jobs(project)).evaluate_tick(context)
