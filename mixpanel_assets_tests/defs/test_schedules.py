"""Every day has its run, in the project's own time."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from mixpanel_assets.definitions import defs
from mixpanel_assets.defs.partitions import RANGE_END, RANGE_START
from mixpanel_assets.defs.schedules import make_schedules
from mixpanel_assets.settings import Settings


def tick(name: str, at: datetime, **settings: Any) -> dg.RunRequest | str:
    """The one run that the schedule asks for at that moment, or why it asks for none."""
    (schedule,) = [
        one for one in make_schedules(Settings(Path("/"), **settings)) if one.name == name
    ]
    context = dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=defs().get_repository_def()
    )
    found = schedule.evaluate_tick(context)
    if not found.run_requests:
        return str(found.skip_message)
    (request,) = found.run_requests
    return request


def days(request: dg.RunRequest | str) -> tuple[str, str]:
    assert isinstance(request, dg.RunRequest)
    return request.tags[RANGE_START], request.tags[RANGE_END]


def test_nothing_runs_until_somebody_turns_it_on() -> None:
    repository = defs().get_repository_def()
    assert {one.name: one.default_status.value for one in repository.schedule_defs} == {
        "daily_events": "STOPPED",
        "weekly_events": "STOPPED",
        "daily_profiles": "STOPPED",
        "daily_catalog": "STOPPED",
        "daily_saved_reports": "STOPPED",
    }
    assert [one.default_status.value for one in repository.sensor_defs] == ["STOPPED"]


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
    for name in ("daily_events", "weekly_events"):
        request = tick(name, datetime(2024, 3, 10, 6, tzinfo=UTC), start_day=first)
        assert days(request) == ("2024-03-08", "2024-03-10")
        before = tick(name, datetime(2024, 3, 7, 6, tzinfo=UTC), start_day=first)
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
    schedules = make_schedules(Settings(Path("/"), project_timezone=zone))
    assert {one.execution_timezone for one in schedules} == {zone}
    daily = schedules[0]
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
    assert "MP_SAVED_REPORTS" in str(tick("daily_saved_reports", at))
