"""Landed days request exactly the days of marts that they touch."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.dagster import definitions_of
from mixpanel_assets.defs.project import Project

DECLARED = """
[funnels.checkout]
steps = ["Page View", "Purchase"]
window = "36h"

[attribution.plans]
event = "Purchase"
by = "plan"
lookback = "3d"

[retention.signup]
born = "Sign Up"
"""


class Location:
    """A code location with marts, and a daemon's ticks over it; days land without a Mixpanel."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: Any = None
        today = Project.of().settings.today()
        self.project = Project.of(start=today - timedelta(60))
        self.defs = definitions_of(self.project)

    def day(self, back: int) -> str:
        return str(self.project.settings.today() - timedelta(back))

    def days(self, *back: int) -> set[str | None]:
        return {self.day(n) for n in back}

    def land(self, *back: int) -> None:
        for n in back:
            self.made("events", self.day(n))

    def made(self, name: str, partition: str | None) -> None:
        one = dg.AssetMaterialization(self.project.key(name), partition=partition)
        self.instance.report_runless_asset_event(one)

    def tick(self) -> dict[str, set[str | None]]:
        """The requested partitions of each asset; they are materialized, too."""
        found = dg.evaluate_automation_conditions(
            defs=self.defs, instance=self.instance, cursor=self.cursor
        )
        self.cursor = found.cursor
        requested = {
            one.key.path[-1]: {*found.get_requested_partitions(one.key)}
            for one in found.results
            if isinstance(one.key, dg.AssetKey)
        }
        for name, partitions in requested.items():
            for partition in partitions:
                self.made(name, partition)
        return {name: partitions for name, partitions in requested.items() if partitions}


@pytest.fixture
def location(tmp_path: Path, instance: dg.DagsterInstance) -> Location:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mixpanel.toml").write_text(DECLARED)
    found = Location(instance)
    assert found.tick() == {}
    return found


def test_a_landed_day_requests_the_days_whose_windows_it_is_in(location: Location) -> None:
    location.land(40)
    assert location.tick() == {"spine": location.days(40)}
    assert location.tick() == {
        "sessions": location.days(40),
        "user_days": location.days(40),
        "active_users": location.days(*range(11, 41)),  # of the 30 days from then on
        "funnel_checkout": location.days(40, 41, 42),  # entered up to 36 hours before
        "attribution_plans": location.days(40, 39, 38, 37),  # 3 days' look back
        "retention_signup": {None},  # its people are born once: made again as a whole
    }
    assert location.tick() == {}


def test_a_late_day_requests_them_again_and_no_others(location: Location) -> None:
    location.land(*range(50, 40, -1))
    while location.tick():
        pass
    location.land(45)
    assert location.tick() == {"spine": location.days(45)}
    again = location.tick()
    assert again["sessions"] == again["user_days"] == location.days(45)
    assert again["funnel_checkout"] == location.days(45, 46, 47)
    assert location.tick() == {}


def test_the_newest_day_requests_no_day_that_is_not_there_yet(location: Location) -> None:
    location.land(0)
    assert location.tick() == {"spine": location.days(0)}
    assert location.tick()["active_users"] == location.days(0)


def test_one_sensor_makes_the_marts_and_nothing_else(location: Location) -> None:
    repository = location.defs.get_repository_def()
    sensor = repository.get_sensor_def(location.project.name("marts"))
    assert isinstance(sensor, dg.AutomationConditionSensorDefinition)
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    selected = sensor.asset_selection.resolve(location.defs.resolve_asset_graph())
    assert {key.path[-1] for key in selected} == {
        *("spine", "sessions", "user_days", "active_users"),
        *("funnel_checkout", "attribution_plans", "retention_signup"),
    }
