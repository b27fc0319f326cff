"""Weeks of schedules and sensor over a Mixpanel that changes its past."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from mixpanel_assets.dagster import definitions_of
from mixpanel_assets.defs.partitions import RANGE_END, RANGE_START
from mixpanel_assets.defs.project import Project as Names
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project
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


Projects = list[Simulator]


@pytest.fixture
def projects(request: pytest.FixtureRequest) -> Iterator[Projects]:
    """Projects with late events, at the time of the clock; two in the long form."""
    with ExitStack() as servers:
        yield [
            servers.enter_context(
                Simulator(
                    Store(world=World(seed=n, first_day=FIRST, events_per_day=25, late_share=0.05)),
                    project=Project(project_id=str(12345 + n)),
                    clock=Clock.time,
                )
            )
            for n in range(2 if request.config.getoption("--torture") else 1)
        ]


@contextmanager
def using(simulator: Simulator) -> Iterator[None]:
    """The environment has the credentials of this project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MP_BASE_URL", simulator.url)
        patch.setenv("MP_USERNAME", simulator.project.username)
        patch.setenv("MP_SECRET", simulator.project.secret)
        patch.setenv("MP_PROJECT_ID", simulator.project.project_id)
        yield


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
        project = Names.of()
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


def test_week_after_week_the_warehouses_hold_what_mixpanel_holds(
    projects: Projects, request: pytest.FixtureRequest
) -> None:
    """But for what was deleted or merged in days older than those landed again every week."""
    days = LONG if request.config.getoption("--torture") else DAYS
    with dg.DagsterInstance.ephemeral() as instance:
        lives = [Life(simulator, instance) for simulator in projects]
        for number in range(days):
            for life in lives:
                life.go_on(number, changing=number < days - QUIET)
                if number == days - QUIET:
                    # This can't be known: no event came in, and the day is older than a month.
                    life.past.delete(FIRST + timedelta(10))
        for life in lives:
            assert life.late >= days // 6
            assert life.different_days() == [FIRST + timedelta(10)]


class Life:
    """A project in Mixpanel, and the robot that follows it into the instance of all projects."""

    def __init__(self, simulator: Simulator, instance: dg.DagsterInstance) -> None:
        self.simulator, self.robot = simulator, Robot(instance)
        self.past = Past(simulator, FIRST, Clock.time)
        self.late = 0
        self.today = FIRST + timedelta(BACKFILL)
        Clock.set(self.today, 3)
        with using(simulator):
            assert land(instance, FIRST, self.today - timedelta(1))

    def go_on(self, number: int, *, changing: bool) -> None:
        """Live a day, on which something of the past may change."""
        self.today = FIRST + timedelta(BACKFILL + number)
        Clock.set(self.today, 5)
        if changing:
            self.past.change(self.today)
        before = self._exports()
        with using(self.simulator):
            self.robot.live(self.today)
        # One for the day's run, one for the sensor's question, one for each of its runs.
        asked = 2 + self.robot.late_runs + (self.today.weekday() == SUNDAY)
        assert self._exports() - before == asked
        self.late += self.robot.late_runs

    def _exports(self) -> int:
        return sum(r.path == "/api/2.0/export" for r in self.simulator.requests)

    def different_days(self) -> list[date]:
        """The days of which the warehouse, and the instance, have something else than Mixpanel."""
        project = self.simulator.project.project_id
        found = held(Settings.from_env().warehouse_path(project))
        lived = [FIRST + timedelta(n) for n in range((self.today - FIRST).days + 1)]
        events = dg.AssetKey([project, "events"])
        known = self.robot.instance.get_materialized_partitions(events)
        assert known == {str(day) for day in lived}
        Clock.set(self.today, 6)  # when today was landed
        return [day for day in lived if found.get(day, []) != truth(self.simulator, day, Clock.now)]
