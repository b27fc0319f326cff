"""When days are landed, and landed again. Every schedule is stopped until somebody turns it on."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import dagster as dg

from mixpanel_assets.defs.jobs import catalog_job, events_job, profiles_job, saved_reports_job
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.saved_reports import NOTHING_TO_ASK
from mixpanel_assets.settings import Settings

WEEKLY_DAYS = 30  # Mixpanel exports what was deleted for up to 30 days, and merges people meanwhile
SOURCE = {"mp/source": "schedule"}

Evaluate = Callable[
    [dg.ScheduleEvaluationContext], dg.RunRequest | dg.SkipReason
]  # what a schedule asks for at a tick


def make_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """All schedules, by the clock of the project."""
    return [
        _schedule(
            "daily_events",
            "0 6 * * *",
            events_job,
            _trailing(settings, settings.reland_days),
            f"Lands yesterday and today, and the last {settings.reland_days} days again, in one "
            "run: phones send events up to five days late.",
            settings,
        ),
        _schedule(
            "weekly_events",
            "0 7 * * 0",
            events_job,
            _trailing(settings, WEEKLY_DAYS),
            f"Lands the last {WEEKLY_DAYS} days again, in one run: deletions and merged people "
            "change days without a trace.",
            settings,
        ),
        _schedule(
            "daily_profiles",
            "15 6 * * *",
            profiles_job,
            _snapshot(settings),
            "Takes today's snapshot of all profiles.",
            settings,
        ),
        _schedule(
            "daily_catalog",
            "30 6 * * *",
            catalog_job,
            lambda context: dg.RunRequest(
                run_key=f"catalog {_day(context, settings)}", tags=SOURCE
            ),
            "Copies the Lexicon, cohorts, funnels, saved reports and annotations.",
            settings,
        ),
        _schedule(
            "daily_saved_reports",
            "45 6 * * *",
            saved_reports_job,
            _saved(settings),
            "Lands the numbers of the reports that MP_SAVED_REPORTS names.",
            settings,
        ),
    ]


def _schedule(
    name: str,
    cron: str,
    job: Any,
    evaluate: Evaluate,
    description: str,
    settings: Settings,
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        cron_schedule=cron,
        job=job,
        execution_fn=evaluate,
        execution_timezone=settings.project_timezone or "UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=description,
    )


def _trailing(settings: Settings, days: int) -> Evaluate:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = _day(context, settings)
        if today < settings.start_day:
            return dg.SkipReason(f"the first day to land is {settings.start_day}")
        start = max(today - timedelta(days), settings.start_day)
        return dg.RunRequest(
            run_key=f"{days} days to {today}", tags={**days_in_one_run(start, today), **SOURCE}
        )

    return evaluate


def _snapshot(settings: Settings) -> Evaluate:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = _day(context, settings)
        if today < settings.start_day:
            return dg.SkipReason(f"the first day to land is {settings.start_day}")
        return dg.RunRequest(run_key=f"profiles {today}", partition_key=str(today), tags=SOURCE)

    return evaluate


def _saved(settings: Settings) -> Evaluate:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not settings.saved_reports:
            return dg.SkipReason(NOTHING_TO_ASK)
        return dg.RunRequest(run_key=f"saved reports {_day(context, settings)}", tags=SOURCE)

    return evaluate


def _day(context: dg.ScheduleEvaluationContext, settings: Settings) -> date:
    """The project's day at the time of the tick, which may be evaluated later."""
    return settings.today(context.scheduled_execution_time)
