"""When days are landed, and landed again. Every schedule is stopped until it is turned on."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import dagster as dg

from mixpanel_assets.defs.jobs import Jobs
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.project import Project

WEEKLY_DAYS = 30  # Mixpanel exports deleted events for up to 30 days, and merges people meanwhile
SOURCE = {"mp/source": "schedule"}

Tick = dg.RunRequest | dg.SkipReason


def make_schedules(project: Project, jobs: Jobs) -> list[dg.ScheduleDefinition]:
    """All schedules, in the project's time zone."""
    schedule, days = partial(_schedule, project), project.settings.reland_days
    schedules = [
        schedule(
            "daily_events",
            "0 6 * * *",
            jobs.events,
            partial(_trailing, days=days),
            f"Lands yesterday and today, and the last {days} days again, in one run: phones send "
            "events up to five days late.",
        ),
        schedule(
            "weekly_events",
            "0 7 * * 0",
            jobs.events,
            partial(_trailing, days=WEEKLY_DAYS),
            f"Lands the last {WEEKLY_DAYS} days again, in one run: deletions and merged people "
            "change days without a trace.",
        ),
        schedule(
            "daily_profiles",
            "15 6 * * *",
            jobs.profiles,
            _snapshot,
            "Takes today's snapshot of all profiles.",
        ),
        schedule(
            "daily_catalog",
            "30 6 * * *",
            jobs.catalog,
            lambda _, today: dg.RunRequest(run_key=f"catalog {today}", tags=SOURCE),
            "Copies the Lexicon, cohorts, funnels, saved reports and annotations.",
        ),
    ]
    if project.settings.saved_reports:
        schedules.append(
            schedule(
                "daily_saved_reports",
                "45 6 * * *",
                jobs.saved_reports,
                lambda _, today: dg.RunRequest(run_key=f"saved reports {today}", tags=SOURCE),
                "Lands the numbers of the reports in MP_SAVED_REPORTS.",
            )
        )
    return schedules


def _schedule(
    project: Project,
    name: str,
    cron: str,
    job: Any,
    at: Callable[[Project, date], Tick],
    description: str,
) -> dg.ScheduleDefinition:
    """A schedule that does what `at` returns for the project's day at the time of the tick."""

    def evaluate(context: dg.ScheduleEvaluationContext) -> Tick:  # may come later than the tick
        return at(project, project.settings.today(context.scheduled_execution_time))

    running, stopped = dg.DefaultScheduleStatus.RUNNING, dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name=project.name(name),
        cron_schedule=cron,
        job=job,
        execution_fn=evaluate,
        execution_timezone=project.settings.project_timezone or "UTC",
        default_status=running if project.automation else stopped,
        description=description,
    )


def _trailing(project: Project, today: date, days: int) -> Tick:
    if today < project.start:
        return _too_early(project.start)
    start = max(today - timedelta(days), project.start)
    return dg.RunRequest(
        run_key=f"{days} days to {today}", tags={**days_in_one_run(start, today), **SOURCE}
    )


def _snapshot(project: Project, today: date) -> Tick:
    if today < project.first_snapshot:  # a tick of a day before the definitions were loaded
        return _too_early(project.first_snapshot)
    return dg.RunRequest(run_key=f"profiles {today}", partition_key=str(today), tags=SOURCE)


def _too_early(first: date) -> dg.SkipReason:
    return dg.SkipReason(f"the first day to land is {first}")
