"""Weeks of schedules and sensor over a Mixpanel that changes its past."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.dagster import definitions_of
from mixpanel_assets.defs.partitions import RANGE_END, RANGE_START
from mixpanel_assets.defs.project import Project
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.defs.past import Past, held, truth
from mixpanel_assets_tests.defs.then import Clock, land, tick

FIRST = date(2024, 1, 1)  # a Monday
BACKFILL = 40  # days that are there on the first morning
DAYS, LONG = 11, 60  # the second with --torture; neither ends on a Sunday
QUIET = 8  # days at the end on which nothing of the past changes
SUNDAY = 6


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project with late events, at the time of the clock."""
    world = World(first_day=FIRST, events_per_day=25, late_share=0.05)
    with Simulator(Store(world=world), clock=Clock.time) as simulator:
        for name, value in {
            "MP_BASE_URL": simulator.url,
            "MP_USERNAME": simulator.project.username,
            "MP_SECRET": simulator.project.secret,
            "MP_PROJECT_ID": simulator.project.project_id,
        }.items():
            monkeypatch.setenv(name, value)
        yield simulator


class Robot:
    """Does as Dagster's daemon: evaluates schedules and the sensor, and runs what they ask."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None
        self.late_runs = 0

    def live(self, today: date) -> None:
        """A day of the project's life."""
        Clock.set(today, 6)
        self._scheduled("daily_events")
        if today.weekday() == SUNDAY:
            Clock.set(today, 7)
            self._scheduled("weekly_events")
        Clock.set(today, 8)
        found = tick(self.instance, self.cursor)
        self.cursor = found.cursor or self.cursor
        self.late_runs = len(found.run_requests or [])
        for request in found.run_requests or []:
            self._run(request)

    def _scheduled(self, word: str) -> None:
        project = Project.of()
        repository = definitions_of(project).get_repository_def()
        schedule = repository.get_schedule_def(project.name(word))
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=datetime.fromtimestamp(Clock.now, UTC),
            repository_def=repository,
        )
        (request,) = schedule.evaluate_tick(context).run_requests or []
        self._run(request)

    def _run(self, request: dg.RunRequest) -> None:
        start, end = (date.fromisoformat(request.tags[tag]) for tag in (RANGE_START, RANGE_END))
        assert land(self.instance, start, end)


def test_week_after_week_the_warehouse_holds_what_mixpanel_holds(
    project: Simulator, request: pytest.FixtureRequest
) -> None:
    """But for what was deleted or merged in days older than those landed again every week."""
    days = LONG if request.config.getoption("--torture") else DAYS
    past = Past(project, FIRST, Clock.time)
    path = Settings.from_env().warehouse_path(project.project.project_id)
    with dg.DagsterInstance.ephemeral() as instance:
        robot = Robot(instance)
        today = FIRST + timedelta(BACKFILL)
        Clock.set(today, 3)
        assert land(instance, FIRST, today - timedelta(1))
        exports = lambda: sum(r.path == "/api/2.0/export" for r in project.requests)  # noqa: E731
        late = 0
        for number in range(days):
            today = FIRST + timedelta(BACKFILL + number)
            Clock.set(today, 5)
            if number < days - QUIET:
                past.change(today)
            if number == days - QUIET:
                # This can't be known: no event came in, and the day is older than a month.
                past.delete(FIRST + timedelta(10))
            before = exports()
            robot.live(today)
            # One for the day's run, one for the sensor's question, one for each of its runs.
            asked = 2 + robot.late_runs + (today.weekday() == SUNDAY)
            assert exports() - before == asked
            late += robot.late_runs
        assert late >= days // 6
    found = held(path)
    lived = [FIRST + timedelta(n) for n in range((today - FIRST).days + 1)]
    Clock.set(today, 6)  # when today was landed
    different = [day for day in lived if found.get(day, []) != truth(project, day, Clock.now)]
    assert different == [FIRST + timedelta(10)]
