"""Every example in the help of the command line works, on a project that has everything."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import typer

from mixpanel_assets import Workspace
from mixpanel_assets.cli.app import app
from mixpanel_assets.cli.spec import describe
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.clidoc import PAGE, page
from mixpanel_assets_tests.conftest import Answer, settled

Typed = Callable[[str, dict[str, str]], Answer]

EXAMPLES = {
    one["command"]: one["example"] for one in describe(typer.main.get_command(app))["commands"]
}
RUN_ELSEWHERE = {"mp demo", "mp dev", "mp mcp", "mp simulate"}  # they run until they are stopped
MAY_FIND_NOTHING = {"mp inspect anomalies"}  # in a week of a healthy project
FIRST = {  # what has to run first
    "mp auth remove": "mp auth add shop -u u -p 1",
    "mp auth switch": "mp auth add shop -u u -p 1",
    "mp rebuild profiles": "mp materialize profiles",
    "mp drop": "mp fetch events purchases --from 7d",
}
SCRIPT = """
function main() {
  return Events({from_date: params.from_date, to_date: params.from_date})
    .groupBy(["name"], mixpanel.reducer.count());
}
"""


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Simulator]]:
    """The environment of a person who has landed a week of the simulated shop."""
    folder = tmp_path_factory.mktemp("analyst")
    today = Settings(folder).today()
    with Simulator(Store(world=World(first_day=today - timedelta(31), events_per_day=100))) as shop:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MP_", "DAGSTER_"))}
        environment = {
            **clean,
            "HOME": str(folder),
            "MP_BASE_URL": shop.url,
            "MP_USERNAME": shop.project.username,
            "MP_SECRET": shop.project.secret,
            "MP_PROJECT_ID": shop.project.project_id,
        }
        (folder / "counts.js").write_text(SCRIPT)
        with settled(folder, environment), Workspace() as workspace:
            workspace.materialize_events("7d")
        yield environment, shop


def _of_this_project(command: str, shop: Simulator) -> str:
    """The example with ids and days of the simulated shop."""
    line = EXAMPLES[command]
    ids = {
        "mp query funnel": ("7500", str(next(iter(shop.funnels)).id)),
        "mp query saved-report": ("12345", str(_bookmark(shop, "insights"))),
        "mp query flows": ("12345", str(_bookmark(shop, "flows"))),
        "mp materialize events": ("--from 2026-01-01 --to 2026-01-31", "--from 2d --to 1d"),
    }
    old, new = ids.get(command, ("", ""))
    assert old in line
    return line.replace(old, new) if old else line


def _bookmark(shop: Simulator, kind: str) -> int:
    return next(one.id for one in shop.bookmarks if one.type == kind)


@pytest.mark.parametrize("command", sorted(EXAMPLES.keys() - RUN_ELSEWHERE))
def test_the_example_of_a_command_works(
    command: str, analyst: tuple[dict[str, str], Simulator], typed: Typed
) -> None:
    environment, shop = analyst
    if command in FIRST:
        typed(FIRST[command], environment)
    done = typed(_of_this_project(command, shop), environment)
    nothing = ("",) if command in MAY_FIND_NOTHING else ("", "[]", "{}")
    assert (done.code, done.out.strip() not in nothing) == (0, True), done.err


def test_the_page_of_commands_is_what_the_program_says() -> None:
    assert Path(PAGE).read_text("utf-8") == page()
