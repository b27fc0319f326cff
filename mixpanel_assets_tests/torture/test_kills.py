"""Whenever a command is killed, each day is wholly what it was or wholly what it was to be."""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import dagster as dg
import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Tries
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.landing import (
    DAGSTER,
    LAND,
    Content,
    Home,
    Version,
    killed,
    profiles_of,
)

SECONDS = 3.0  # about what a command takes; measured where there are many tries
Hit = Callable[[], bool]


@pytest.fixture
def home(tmp_path: Path, mixpanel: Simulator) -> Home:
    return Home(tmp_path / "home", mixpanel)


@pytest.fixture(scope="module")
def versions() -> list[Version]:
    return [Version(0), Version(1)]


def _hits(home: Home, asset: str) -> dict[str, Hit]:
    """Moments that are told from outside, each of a command that begins now."""
    folder, path, wal = home.landed(asset), home.warehouse, home.wal
    before = set(folder.glob("*.gz"))
    size = path.stat().st_size if path.exists() else 0
    requests = len(home.mixpanel.requests)
    written: list[bool] = []

    def checkpointed() -> bool:
        if wal.exists():
            written.append(True)
        return bool(written) and not wal.exists()

    return {
        "staged": lambda: any(folder.glob(".load-*")),
        "log written": lambda: wal.exists() and wal.stat().st_size > 100_000,
        "part": lambda: any(folder.glob(".*.part")),
        "growing": lambda: path.exists() and path.stat().st_size > size,
        "asked": lambda: len(home.mixpanel.requests) > requests,
        "whole file": lambda: bool(set(folder.glob("*.gz")) - before),
        "half sent": lambda: any(r.bytes_sent > 200_000 for r in home.mixpanel.requests[requests:]),
        "log": wal.exists,
        "checkpointed": checkpointed,
    }


class Killer:
    """Kills a command time and again, half of the times at a moment told from outside."""

    def __init__(self, home: Home, asset: str, seed: int, seconds: float = SECONDS) -> None:
        self.home, self.asset, self.seconds = home, asset, seconds
        self.random = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.struck = False

    def strike(self, number: int, *command: str) -> bool:
        """Whether the command was at work yet when it was killed."""
        if number > 1 and number % 2:
            hit, late = (lambda: True), self.random.uniform(0, self.seconds)
        else:
            hits = _hits(self.home, self.asset)
            if command[0] == "rebuild":
                hits = {name: hits[name] for name in ("staged", "growing", "log", "checkpointed")}
            hit = [*hits.values()][self.seen["hits"] % len(hits)]
            late = self.random.choice([0, self.random.uniform(0, 0.2)]) if number else 0
            self.seen["hits"] += 1
        self.struck = killed(self.home.start(*command), hit, late)
        self.seen["kills"] += self.struck
        return self.struck

    def saw(self, content: Content, old: Content, new: Content) -> None:
        """Each day is wholly old or wholly new."""
        days = old.keys() | new.keys()
        for day in days | content.keys():
            assert content.get(day) in (old.get(day), new.get(day)), day
        fresh = sum(content.get(day) == new[day] for day in new)
        outcome = "new" if fresh == len(new) else "some new" if fresh else "old"
        self.seen[outcome] += self.struck

    def told(self) -> str:
        return ", ".join(f"{self.seen[kind]} {kind}" for kind in ("old", "some new", "new"))


def _attempts(killer: Killer, wanted: int) -> Iterator[int]:
    """Numbers, until so many kills have hit."""
    number = 0
    while killer.seen["kills"] < wanted:
        yield number
        number += 1
        assert number < 4 * wanted + 10


def _runs(home: Home) -> Counter[str]:
    """How many runs of `mp` have each status."""
    folder = home.path / "dagster"
    with chdir(folder), dg.DagsterInstance.from_config(str(folder)) as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={"mp/source": "cli"}))
        return Counter(run.status.value for run in runs)


def test_a_first_landing_that_is_killed_can_be_made_again(
    tmp_path: Path, mixpanel: Simulator, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    version = versions[0]
    version.serve(mixpanel)
    killer = Killer(Home(tmp_path, mixpanel), "events", seed=1)
    for number in _attempts(killer, tries(0, 40)):
        home = killer.home = Home(tmp_path / f"{number}", mixpanel)
        killer.strike(number, *LAND)
        killer.saw(home.content(), {}, version.content)
        assert home.run(*LAND).code == 0
        assert home.content() == version.content
        assert _runs(home).keys() <= {"SUCCESS", "FAILURE"}
        shutil.rmtree(home.path)
    figures("a kill during the first landing", killer.seen["kills"], killer.told())


def test_a_killed_landing_leaves_each_day_as_it_was_or_as_it_is_to_be(
    home: Home, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    killer = Killer(home, "events", seed=2)
    old: Content = {}
    for number in _attempts(killer, tries(1, 120)):
        new = versions[number % 2]
        new.serve(home.mixpanel)
        by_dagster = number % 4 == 3
        command = DAGSTER if by_dagster else LAND
        if killer.strike(number, *command):
            killer.seen["of dagster"] += by_dagster
        killer.saw(home.content(), old, new.content)
        began = time.monotonic()
        done = home.run(*command)
        killer.seconds = time.monotonic() - began
        assert done.code == 0, done.err
        assert home.content() == new.content
        assert [*home.landed().glob(".load-*")] == []
        old = new.content
        home.let_an_hour_pass()
    assert _runs(home).keys() <= {"SUCCESS", "FAILURE"}
    seen = f"{killer.told()}; {killer.seen['of dagster']} of dagster asset materialize"
    figures("a kill while days are landed again", killer.seen["kills"], seen)


def test_a_killed_rebuild_leaves_the_tables_as_they_were_or_as_the_files_are(
    home: Home, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    for version in versions:
        version.serve(home.mixpanel)
        if home.warehouse.exists():
            shutil.copy(home.warehouse, home.path / "before")
        home.land()
    killer = Killer(home, "events", seed=3, seconds=1.0)
    for number in _attempts(killer, tries(1, 50)):
        shutil.copy(home.path / "before", home.warehouse)
        killer.strike(number, "rebuild", "events")
        killer.saw(home.content(), versions[0].content, versions[1].content)
        assert home.run("rebuild", "events").code == 0
        assert home.content() == versions[1].content
    figures("a kill during a rebuild", killer.seen["kills"], killer.told())


def test_a_killed_snapshot_leaves_the_one_before_it(
    home: Home, tries: Tries, figures: Figures
) -> None:
    killer = Killer(home, "profiles", seed=4)
    old = (0, home.profiles()[1])
    for number in _attempts(killer, tries(1, 30)):
        home.mixpanel.profiles.fill(12_000 - number % 3, number)
        new = profiles_of(home.mixpanel)
        killer.strike(number, "materialize", "profiles")
        killer.saw({"now": home.profiles()}, {"now": old}, {"now": new})
        assert home.run("materialize", "profiles").code == 0
        assert home.profiles() == new
        old = new
        home.let_an_hour_pass()
    figures("a kill while a snapshot is taken", killer.seen["kills"], killer.told())
