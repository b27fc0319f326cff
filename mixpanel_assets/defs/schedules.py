"""When days are landed, and landed again. Every schedule is stopped until you turn it on."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import dagster as dg

from mixpanel_assets.defs.jobs import catalog_job, events_job, profiles_job, saved_reports_job
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.saved_reports import NOTHING_TO_ASK
from mixpanel_assets.settings import Settings

WEEKLY_DAYS = 30  # Mixpanel exports deleted events for up to 30 days, and merges people meanwhile
SOURCE = {"mp/source": "schedule"}

Tick = dg.RunRequest | dg.SkipReason


def make_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """All schedules, in the project's time zone."""
    schedule, days = partial(_schedule, settings), settings.reland_days
    return [
        schedule(
            "daily_events",
            "0 6 * * *",
            events_job,
            partial(_trailing, days=days),
            f"Lands yesterday and today, and the last {days} days again, in one run: phones send "
            "events up to five days late.",
        ),
        schedule(
            "weekly_events",
            "0 7 * * 0",
            events_job,
            partial(_trailing, days=WEEKLY_DAYS),
            f"Lands the last {WEEKLY_DAYS} days again, in one run: deletions and merged people "
            "change days without a trace.",
        ),
        schedule(
            "daily_profiles",
            "15 6 * * *",
            profiles_job,
            _snapshot,
            "Takes today's snapshot of all profiles.",
        ),
        schedule(
            "daily_catalog",
            "30 6 * * *",
            catalog_job,
            lambda _, today: dg.RunRequest(run_key=f"catalog {today}", tags=SOURCE),
            "Copies the Lexicon, cohorts, funnels, saved reports and annotations.",
        ),
        schedule(
            "daily_saved_reports",
            "45 6 * * *",
            saved_reports_job,
            _saved,
            "Lands the numbers of the reports in MP_SAVED_REPORTS.",
        ),
    ]


def _schedule(
    settings: Settings,
    name: str,
    cron: str,
    job: Any,
    at: Callable[[Settings, date], Tick],
    description: str,
) -> dg.ScheduleDefinition:
    """A schedule that does what `at` returns for the project's day at the time of the tick."""

    def evaluate(context: dg.ScheduleEvaluationContext) -> Tick:  # may come later than the tick
        return at(settings, settings.today(context.scheduled_execution_time))

    return dg.ScheduleDefinition(
        name=name,
        cron_schedule=cron,
        job=job,
        execution_fn=evaluate,
        execution_timezone=settings.project_timezone or "UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=description,
    )


def _trailing(settings: Settings, today: date, days: int) -> Tick:
    if today < settings.start_day:
        return _too_early(settings)
    start = max(today - timedelta(days), settings.start_day)
    return dg.RunRequest(
        run_key=f"{days} days to {today}", tags={**days_in_one_run(start, today), **SOURCE}
    )


def _snapshot(settings: Settings, today: date) -> Tick:
    if today < settings.start_day:
        return _too_early(settings)
    return dg.RunRequest(run_key=f"profiles {today}", partition_key=str(today), tags=SOURCE)


def _too_early(settings: Settings) -> dg.SkipReason:
    return dg.SkipReason(f"the first day to land is {settings.start_day}")


def _saved(settings: Settings, today: date) -> Tick:
    if not settings.saved_reports:
        return dg.SkipReason(NOTHING_TO_ASK)
    return dg.RunRequest(run_key=f"saved reports {today}", tags=SOURCE)
