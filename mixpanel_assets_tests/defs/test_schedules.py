"""Every day has its run, in the project's own time."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from mixpanel_assets.dagster import definitions_of, mixpanel_definitions
from mixpanel_assets.defs.partitions import RANGE_END, RANGE_START
from mixpanel_assets.defs.project import Project
from mixpanel_assets.settings import Settings
from mixpanel_assets_tests.dagsters import name

LONG_AGO = date(2000, 1, 1)


def scheduled(start: date = LONG_AGO, **settings: Any) -> dg.RepositoryDefinition:
    """A project with such settings, whose days begin there."""
    project = replace(
        Project.of(start=start), first_snapshot=start, settings=Settings(Path("/"), **settings)
    )
    return definitions_of(project).get_repository_def()


def tick(word: str, at: datetime, start: date = LONG_AGO, **settings: Any) -> dg.RunRequest | str:
    """The one run that the schedule asks for at that moment, or why it asks for none."""
    repository = scheduled(start, **settings)
    context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository)
    found = repository.get_schedule_def(name(word)).evaluate_tick(context)
    if not found.run_requests:
        return str(found.skip_message)
    (request,) = found.run_requests
    return request


def days(request: dg.RunRequest | str) -> tuple[str, str]:
    assert isinstance(request, dg.RunRequest)
    return request.tags[RANGE_START], request.tags[RANGE_END]


def switches(**options: Any) -> dict[str, str]:
    """The schedules and sensors of the definitions, and whether they run from the start."""
    repository = mixpanel_definitions(**options).get_repository_def()
    found = (*repository.schedule_defs, *repository.sensor_defs)
    return {one.name: one.default_status.value for one in found}


def test_nothing_runs_until_somebody_turns_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    daily = ("daily_events", "daily_profiles", "daily_catalog", "daily_saved_reports")
    words = (*daily, "weekly_events", "late_events")
    assert switches() == {name(word): "STOPPED" for word in words}
    assert switches(automation=True) == {name(word): "RUNNING" for word in words}


def test_every_day_yesterday_today_and_a_week_before_are_one_run() -> None:
    request = tick("daily_events", datetime(2024, 3, 10, 6, tzinfo=UTC))
    assert days(request) == ("2024-03-03", "2024-03-10")


def test_how_many_days_are_landed_again_is_a_setting() -> None:
    request = tick("daily_events", datetime(2024, 3, 10, 6, tzinfo=UTC), reland_days=3)
    assert days(request) == ("2024-03-07", "2024-03-10")


def test_every_week_a_month_is_one_run() -> None:
    request = tick("weekly_events", datetime(2024, 3, 10, 7, tzinfo=UTC))
    assert days(request) == ("2024-02-09", "2024-03-10")


def test_no_day_before_the_first_is_asked_for() -> None:
    first = date(2024, 3, 8)
    for word in ("daily_events", "weekly_events"):
        request = tick(word, datetime(2024, 3, 10, 6, tzinfo=UTC), start=first)
        assert days(request) == ("2024-03-08", "2024-03-10")
        before = tick(word, datetime(2024, 3, 7, 6, tzinfo=UTC), start=first)
        assert before == "the first day to land is 2024-03-08"


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("America/Los_Angeles", datetime(2024, 3, 10, 13, tzinfo=UTC)),  # clocks went forward at 2
        ("America/Los_Angeles", datetime(2024, 11, 3, 14, tzinfo=UTC)),  # and back
        ("Pacific/Kiritimati", datetime(2024, 3, 9, 16, tzinfo=UTC)),  # 14 hours ahead
        ("Pacific/Niue", datetime(2024, 3, 10, 17, tzinfo=UTC)),  # 11 hours behind
        ("Asia/Kolkata", datetime(2024, 3, 10, 0, 30, tzinfo=UTC)),
    ],
)
def test_days_are_counted_by_the_project_s_clock(zone: str, at: datetime) -> None:
    local = at.astimezone(ZoneInfo(zone))
    assert local.hour == 6
    request = tick("daily_events", at, project_timezone=zone, reland_days=2)
    assert days(request)[1] == str(local.date())
    assert days(request)[0] == str(date.fromordinal(local.date().toordinal() - 2))


def test_it_is_six_o_clock_by_the_project_s_clock_all_year() -> None:
    zone = "America/Los_Angeles"
    repository = scheduled(project_timezone=zone)
    assert {one.execution_timezone for one in repository.schedule_defs} == {zone}
    daily = repository.get_schedule_def(name("daily_events"))
    utc = [
        next(
            schedule_execution_time_iterator(day.timestamp(), daily.cron_schedule, zone)
        ).astimezone(UTC)
        for day in (datetime(2024, 3, 9, 7, tzinfo=UTC), datetime(2024, 3, 10, 8, tzinfo=UTC))
    ]
    assert utc == [datetime(2024, 3, 9, 14, tzinfo=UTC), datetime(2024, 3, 10, 13, tzinfo=UTC)]


def test_today_s_profiles_are_a_run_a_day() -> None:
    request = tick("daily_profiles", datetime(2024, 3, 10, 6, 15, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2024-03-10"


def test_no_snapshot_of_a_day_before_the_first_is_asked_for() -> None:
    first = date(2024, 3, 10)
    tick_of_yesterday = datetime(2024, 3, 9, 6, 15, tzinfo=UTC)
    said = tick("daily_profiles", tick_of_yesterday, start=first)
    assert said == "the first day to land is 2024-03-10"


def test_the_catalog_is_copied_once_a_day() -> None:
    first, again = (
        tick("daily_catalog", datetime(2024, 3, 10, 6, 30 + n, tzinfo=UTC)) for n in (0, 1)
    )
    assert isinstance(first, dg.RunRequest)
    assert isinstance(again, dg.RunRequest)
    assert first.run_key == again.run_key == "catalog 2024-03-10"


def test_saved_reports_are_asked_for_once_a_day_if_there_are_any() -> None:
    at = datetime(2024, 3, 10, 6, 45, tzinfo=UTC)
    request = tick("daily_saved_reports", at, saved_reports=(63,))
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "saved reports 2024-03-10"
