"""A home that is landed once and then only read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.conftest import settled

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 7)


@dataclass(frozen=True)
class Home:
    """Where a week is landed, and the environment in which it is."""

    path: Path
    mixpanel: Simulator

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MP_HOME": str(self.path),
            "MP_BASE_URL": self.mixpanel.url,
            "MP_USERNAME": self.mixpanel.project.username,
            "MP_SECRET": self.mixpanel.project.secret,
            "MP_PROJECT_ID": self.mixpanel.project.project_id,
        }


@pytest.fixture(scope="session")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The first week of 2024 of a made-up project, landed. Tests only read it."""
    folder = tmp_path_factory.mktemp("week")
    store = Store(world=World(first_day=FIRST, events_per_day=100), last_day=LAST)
    with Simulator(store) as mixpanel:
        home = Home(folder / "home", mixpanel)
        with settled(folder, {**home.environment, "HOME": str(folder)}), Workspace() as workspace:
            workspace.materialize_events(FIRST, LAST)
        yield home


@pytest.fixture
def landed(week: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The week's home and account are those of the environment."""
    for name, value in week.environment.items():
        monkeypatch.setenv(name, value)
    return week
