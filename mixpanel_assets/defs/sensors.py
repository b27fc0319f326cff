"""The sensor that finds older days with new events. It is stopped until it is turned on."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Self

import dagster as dg

from mixpanel_assets.defs.jobs import Jobs
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource, resources_of
from mixpanel_assets.errors import BudgetExhaustedError, DatabaseLockedError
from mixpanel_assets.late import late_days
from mixpanel_assets.warehouse.ask.coverage import exports, unbroken

ONCE_A_DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Cursor:
    """The time of the last check, and the days requested but not yet landed."""

    project: str | None = None  # None: written by an older version
    since: datetime | None = None
    waiting: dict[date, datetime] = field(default_factory=dict)  # day -> time of its request

    @classmethod
    def read(cls, text: str | None, project: str) -> Self:
        """The cursor of the last tick; an empty one at the project's first tick."""
        found = json.loads(text or "{}")
        if not found or found.get("project") not in (None, project):
            return cls(project)
        waiting = {
            date.fromisoformat(day): datetime.fromisoformat(at)
            for day, at in found["waiting"].items()
        }
        since = found["since"]
        return cls(project, datetime.fromisoformat(since) if since else None, waiting)

    def write(self) -> str:
        """The cursor as text for Dagster."""
        waiting = {str(day): at.isoformat() for day, at in sorted(self.waiting.items())}
        since = self.since and self.since.isoformat()
        return json.dumps({"project": self.project, "since": since, "waiting": waiting})


def make_late_events(project: Project, jobs: Jobs) -> dg.SensorDefinition:
    """The sensor of one project."""
    running, stopped = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=project.name("late_events"),
        job=jobs.events,
        minimum_interval_seconds=ONCE_A_DAY,
        description="Once a day, finds older days with new events, and lands them again.",
        default_status=running if project.automation else stopped,
        required_resource_keys=project.resources,
    )
    def late_events(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        mixpanel, warehouse = resources_of(context.resources, project)
        return _evaluate(context.cursor, project.start, mixpanel, warehouse)

    return late_events


def _evaluate(
    text: str | None, start: date, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> dg.SensorResult:
    """Request runs for older days that received events after they were landed.

    One export a day covers all landed days older than those of the daily schedule. A requested day
    that failed to land is requested again.
    """
    settings = mixpanel.access.settings
    project = mixpanel.access.credentials.project_id
    cursor = Cursor.read(text, project)
    try:
        with mixpanel.get_client(wait=False) as client:
            now = client.now()
            exported = exports(warehouse.path, settings)
            late = late_days(client, warehouse.path, settings, cursor.since)
    except (BudgetExhaustedError, DatabaseLockedError) as error:
        return dg.SensorResult(skip_reason=error.message)
    failed = [day for day, at in cursor.waiting.items() if day in exported and exported[day] < at]
    days = sorted(day for day in {*late, *failed} if day >= start)
    after = Cursor(project, now if exported else None, dict.fromkeys(days, now))
    if not days:
        reason = "no older day has new events" if exported else "nothing is landed yet"
        return dg.SensorResult(skip_reason=reason, cursor=after.write() if exported else None)
    first_asked = cursor.since.isoformat() if cursor.since else "the first time"
    return dg.SensorResult(
        cursor=after.write(),
        run_requests=[
            dg.RunRequest(
                run_key=f"{start} to {end}, since {first_asked}",
                tags={**days_in_one_run(start, end), "mp/source": "sensor"},
            )
            for start, end in unbroken(days)
        ],
    )
