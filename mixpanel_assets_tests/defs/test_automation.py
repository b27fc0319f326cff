"""Assets of users, downstream of landed days, are requested when those land."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.dagster import definitions_of, on_landing
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Location:
    """A code location with two assets downstream of events, and a daemon's ticks over it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: Any = None
        self.project = project = Project.of(start=project_today() - timedelta(20))
        events = project.key("events")

        @dg.asset(deps=[events], automation_condition=on_landing())
        def totals() -> None: ...

        @dg.asset(deps=[events], automation_condition=on_landing(), partitions_def=project.days)
        def daily() -> None: ...

        own = dg.Definitions(assets=[totals, daily])
        self.defs = dg.Definitions.merge(definitions_of(project), own)

    def land(self, *days: date) -> None:
        job = self.defs.resolve_job_def(self.project.name("events_job"))
        tags = days_in_one_run(days[0], days[-1])
        assert job.execute_in_process(instance=self.instance, tags=tags, run_config=QUIET).success

    def tick(self) -> dict[str, set[str | None]]:
        """The requested partitions of each asset; they are materialized, too."""
        found = dg.evaluate_automation_conditions(
            defs=self.defs, instance=self.instance, cursor=self.cursor
        )
        self.cursor = found.cursor
        requested: dict[str, set[str | None]] = {}
        for name in ("totals", "daily"):
            key = dg.AssetKey(name)
            partitions = set(found.get_requested_partitions(key))
            if partitions:
                requested[name] = partitions
            for partition in partitions:
                made = dg.AssetMaterialization(key, partition=partition)
                self.instance.report_runless_asset_event(made)
        return requested


def project_today() -> date:
    return Project.of().settings.today()


@pytest.fixture
def location(monkeypatch: pytest.MonkeyPatch) -> Iterator[Location]:
    world = World(first_day=project_today() - timedelta(20), events_per_day=20)
    with Simulator(Store(world=world)) as mixpanel, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
        monkeypatch.setenv("MP_USERNAME", mixpanel.project.username)
        monkeypatch.setenv("MP_SECRET", mixpanel.project.secret)
        monkeypatch.setenv("MP_PROJECT_ID", mixpanel.project.project_id)
        found = Location(instance)
        assert found.tick() == {}
        yield found


def days_ago(*numbers: int) -> list[date]:
    return [project_today() - timedelta(n) for n in numbers]


def test_days_that_land_are_requested_and_no_others(location: Location) -> None:
    location.land(*days_ago(9, 8))
    both = {str(day) for day in days_ago(9, 8)}
    assert location.tick() == {"totals": {None}, "daily": both}
    assert location.tick() == {}


def test_a_late_day_that_lands_again_is_requested_again(location: Location) -> None:
    location.land(*days_ago(19, 18, 17))
    location.tick()
    location.land(*days_ago(18))
    assert location.tick() == {"totals": {None}, "daily": {str(*days_ago(18))}}


def test_a_partial_day_that_becomes_whole_is_requested_again(location: Location) -> None:
    location.land(*days_ago(1, 0))
    location.tick()
    location.land(*days_ago(0))  # more of it
    assert location.tick() == {"totals": {None}, "daily": {str(*days_ago(0))}}


def test_nothing_is_requested_while_days_are_landing_or_before_any(location: Location) -> None:
    assert location.tick() == {}
    location.land(*days_ago(3))
    location.tick()
    assert location.tick() == {}
