"""`dagster dev` left on: schedules and the sensor tick every minute, and a day passes with each."""

import statistics
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorTick,
    TickData,
    TickStatus,
)

from mixpanel_assets.defs.instance import make_instance
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.warehouse.ask.coverage import exports
from mixpanel_assets_tests import dagsters
from mixpanel_assets_tests.defs.past import Past, held, truth
from mixpanel_assets_tests.torture import long_life_location
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.dev import Dev, running, until
from mixpanel_assets_tests.torture.long_life_location import BEGUN, Clock
from mixpanel_assets_tests.torture.processes import Held, tree

FIRST = date(2024, 1, 1)
# Days of the project before the first tick: `Past` changes what is 21 days old, and weekly_events,
# which lands 30 days, may come seven later.
BEFORE = 21
MINUTES = 35
WARM_UP = 10  # minutes in which processes may grow
QUIET = 8  # minutes at the end in which nothing of the past changes: weekly_events needs seven
SETTLED = timedelta(6)  # after which nothing of a day comes in by itself
MORE_MB = 25  # that a process may grow by after the warm-up
MORE_FILES = 10
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "long_life_location.py"}

STATE = """query($repository: RepositorySelector!) {
  schedulesOrError(repositorySelector: $repository) {... on Schedules {results {name
    scheduleState {id ticks(limit: 10000) {
      timestamp status skipReason runIds error {message}}}}}}
  sensorsOrError(repositorySelector: $repository) {... on Sensors {results {name
    sensorState {id ticks(limit: 10000) {
      timestamp status skipReason runIds error {message}}}}}}}"""
STOP = "mutation($id: String!) {%s(id: $id) {__typename ... on PythonError {message}}}"
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


@dataclass
class Life:
    """A Dagster that runs, and what was seen of its processes."""

    dev: Dev
    samples: list[tuple[float, dict[int, Held]]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def state(self) -> Any:
        return self.dev.ask(STATE, repository=REPOSITORY) | {"runs": self.dev.runs()}

    def look(self) -> None:
        self.samples.append((self.minutes, tree(self.dev.process.pid)))

    def unended(self) -> list[str]:
        return [run["id"] for run in self.dev.runs() if run["status"] not in ENDED]

    def stop_ticking(self) -> None:
        """No schedule nor sensor starts anything any more."""
        state = self.state()
        for one in state["schedulesOrError"]["results"]:
            self.dev.ask(STOP % "stopRunningSchedule", id=one["scheduleState"]["id"])
        for one in state["sensorsOrError"]["results"]:
            self.dev.ask(STOP % "stopSensor", id=one["sensorState"]["id"])

    def growth(self) -> dict[str, tuple[float, float, float]]:
        """Of each process: MB after the warm-up, MB and files that it has more at the end."""
        late = [seen for at, seen in self.samples if at >= WARM_UP]
        third = max(len(late) // 4, 1)
        lasting = set.intersection(*(set(seen) for seen in late))
        found = {}
        for pid in sorted(lasting):
            first, last = ([seen[pid] for seen in part] for part in (late[:third], late[-third:]))
            mb, more = (statistics.median(one.mb for one in part) for part in (first, last))
            files = [statistics.median(one.files for one in part) for part in (first, last)]
            found[f"{pid} {first[0].name[:60]}"] = (mb, more - mb, files[1] - files[0])
        return found


def _state(instance: dg.DagsterInstance) -> InstigatorState:
    """That of daily_events."""
    daily = dagsters.name("daily_events")
    (state,) = [one for one in instance.all_instigator_state() if one.instigator_name == daily]
    return state


def _old_ticks(home: Path) -> list[int]:
    """Ticks of 29 and of 31 days ago are put beside the first one; their ids."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        state = _state(instance)
        made: list[InstigatorTick] = [
            instance.create_tick(
                TickData(
                    instigator_origin_id=state.instigator_origin_id,
                    instigator_name=state.instigator_name,
                    instigator_type=state.instigator_type,
                    status=TickStatus.SUCCESS,
                    timestamp=time.time() - days * 86400,
                    selector_id=state.selector_id,
                    run_ids=[],
                )
            )
            for days in (29, 31)
        ]
    return [tick.tick_id for tick in made]


def _kept_ticks(home: Path, ids: list[int]) -> list[bool]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        state = _state(instance)
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id)
    return [id_ in {tick.tick_id for tick in ticks} for id_ in ids]


def test_left_on_it_lands_every_day_and_holds_no_more_than_at_first(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    figures: Figures,
) -> None:
    if not request.config.getoption("--torture"):
        pytest.skip("a day lasts a minute: half an hour, with --torture")
    minute = time.time() // 60 * 60
    start = datetime.combine(FIRST + timedelta(BEFORE), datetime.min.time(), UTC).replace(hour=6)
    clock = Clock(minute, start.timestamp())
    world = World(first_day=FIRST, events_per_day=200, late_share=0.05)
    with Simulator(Store(world=world), clock=clock.time, project=Project()) as simulator:
        environment = {
            "MP_BASE_URL": simulator.url,
            "MP_USERNAME": simulator.project.username,
            "MP_SECRET": simulator.project.secret,
            "MP_PROJECT_ID": simulator.project.project_id,
            "MP_START_DATE": str(FIRST),
            "MP_SAVED_REPORTS": "63000001,63000003",
            BEGUN: f"{clock.real} {clock.then}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "DAGSTER_HOME": str(make_instance(tmp_path / "home" / "dagster")),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        home = Path(environment["DAGSTER_HOME"])
        file = str(Path(long_life_location.__file__))
        command = [sys.executable, "-m", "dagster", "dev", "-f", file, "--host", "127.0.0.1"]
        with running(command, home) as dev:
            life = Life(dev)
            life.look()
            kept = _live(life, simulator, clock, home)
            life.stop_ticking()
            until(lambda: not life.unended(), 120)
            time.sleep(10)
            life.look()
            state = life.state()
            kept_ticks = _kept_ticks(home, kept)
    path = Settings.from_env().warehouse_path(simulator.project.project_id)
    exported = exports(path, Settings.from_env())
    found = held(path)
    settled = [day for day, at in exported.items() if at.date() - day >= SETTLED]
    now = clock.time()
    different = [d for d in settled if found.get(d, []) != truth(simulator, d, now)]
    _assert_ticks(state)
    assert kept_ticks == [True, False]
    assert different == []
    assert settled == [FIRST + timedelta(n) for n in range(len(settled))]
    assert len(settled) >= BEFORE + MINUTES - 2 - SETTLED.days
    _assert_steady(life)
    worst = max(more for _, more, _ in life.growth().values())
    figures(
        "`mp dev` left on: each tick and run succeeds, the warehouse equals Mixpanel",
        len(state["runs"]),
        f"{MINUTES} days in as many minutes; no process grew by more than {worst:.0f} MB",
    )


def _live(life: Life, simulator: Simulator, clock: Clock, home: Path) -> list[int]:
    """The minutes pass; the ids of the old ticks that were put beside the first one."""
    past = Past(simulator, FIRST, clock.time)
    old: list[int] = []
    changed = None
    while life.minutes < MINUTES:
        today = clock.at(time.time()).date()
        if today != changed and life.minutes < MINUTES - QUIET:
            changed = today
            past.change(today)
        if not old and life.minutes > 3:
            old = _old_ticks(home)
        life.look()
        assert life.dev.process.poll() is None
        time.sleep(10)
    return old


def _assert_ticks(state: Any) -> None:
    for kind, of in (("schedulesOrError", "scheduleState"), ("sensorsOrError", "sensorState")):
        for one in state[kind]["results"]:
            ticks = one[of]["ticks"]
            bad = [tick for tick in ticks if tick["status"] not in ("SUCCESS", "SKIPPED")]
            assert bad == [], one["name"]
            assert any(tick["status"] == "SUCCESS" for tick in ticks), one["name"]
    ticked = {
        one["name"]: sorted(tick["timestamp"] for tick in one["scheduleState"]["ticks"])
        for one in state["schedulesOrError"]["results"]
    }
    times = [at for at in ticked[dagsters.name("daily_events")] if at > time.time() - 86400]
    assert {later - at for at, later in pairwise(times)} == {60}
    assert len(times) >= MINUTES - 2
    runs = state["runs"]
    assert {run["status"] for run in runs} == {"SUCCESS"}


def _assert_steady(life: Life) -> None:
    first, last = life.samples[0][1], life.samples[-1][1]
    assert set(first) <= set(last)
    warm = next(seen for at, seen in life.samples if at >= WARM_UP)
    assert set(last) <= set(warm), {pid: last[pid] for pid in set(last) - set(warm)}
    for name, (_, more_mb, more_files) in life.growth().items():
        assert more_mb < MORE_MB, name
        assert more_files < MORE_FILES, name
