"""Disks that are full or closed, folders that are gone, clocks that jump: said, and survived."""

import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mixpanel_assets.errors import BudgetExhaustedError
from mixpanel_assets.mixpanel.budget import HOUR, Budget
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.torture.conftest import Figures, Tries
from mixpanel_assets_tests.torture.landing import LAND, Content, Home, Version

MB = 1_000_000
COMMANDS = (("rebuild", "events"), LAND)


@pytest.fixture(scope="module")
def versions() -> list[Version]:
    return [Version(0, 300), Version(1, 300)]


@pytest.fixture
def home(tmp_path: Path, mixpanel: Simulator) -> Home:
    return Home(tmp_path / "home", mixpanel)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _two_versions(home: Home, versions: list[Version]) -> tuple[Content, Content]:
    """The tables hold the first, Mixpanel and the newest landed files the second."""
    before = home.path / "before"
    for version in versions:
        version.serve(home.mixpanel)
        if home.warehouse.exists():
            shutil.copy(home.warehouse, before)
        home.land()
    before.replace(home.warehouse)
    return versions[0].content, versions[1].content


def _failed(answer: Answer) -> str:
    """The code of an answer that says in one line what is wrong and what to do."""
    assert answer.code in (1, 2, 5), answer
    assert (answer.out, "Traceback" in answer.err) == ("", False), answer.err
    assert answer.error["hint"], answer.err
    assert answer.error["code"] != "INTERNAL", answer.err
    return str(answer.error["code"])


def test_a_full_disk_is_said_and_changes_nothing(
    disk: Path, mixpanel: Simulator, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    home = Home(disk / "home", mixpanel)
    old, new = _two_versions(home, versions)
    room = random.Random(7)
    seen = {"failed": 0, "had room": 0}
    original = home.warehouse.read_bytes()
    count = tries(1, 40)
    for number in range(count):
        home.warehouse.write_bytes(original)
        free = room.randrange(16 * MB) if number else 100_000
        filler = disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(disk).free - free))
        answer = home.run(*COMMANDS[number % 2])
        if answer.code:
            _failed(answer)
            assert home.content() == old, answer.err
            seen["failed"] += 1
        else:
            seen["had room"] += 1
        filler.unlink()
        home.land()
        assert home.content() == new
        home.let_an_hour_pass()
    figures("a disk that is full", count, ", ".join(f"{n} {kind}" for kind, n in seen.items()))


def test_files_that_may_not_grow_are_said_and_change_nothing(
    home: Home, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    old, new = _two_versions(home, versions)
    room = random.Random(8)
    original = home.warehouse.read_bytes()
    seen = {"failed": 0, "had room": 0}
    count = tries(1, 40)
    for number in range(count):
        home.warehouse.write_bytes(original)
        most = room.randrange(MB // 2, 8 * MB) if number else MB
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
        answer = home.run(*COMMANDS[number % 2], preexec_fn=limit)
        if answer.code:
            _failed(answer)
            assert home.content() == old, answer.err
            seen["failed"] += 1
        else:
            seen["had room"] += 1
        home.land()
        assert home.content() == new
        home.let_an_hour_pass()
    figures("files that may not grow", count, ", ".join(f"{n} {kind}" for kind, n in seen.items()))


FOLDERS: dict[str, Callable[[Home], Path]] = {
    "warehouse": lambda home: home.warehouse.parent,
    "landed files": lambda home: home.landed(),
    "home": lambda home: home.path,
}


@pytest.mark.parametrize("what", FOLDERS)
def test_what_is_read_only_is_named_and_stays_as_it_was(
    what: str, home: Home, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    old, new = _two_versions(home, versions)
    home.make_instance()
    folder = FOLDERS[what](home)
    _mount("--bind", str(folder), str(folder))
    doors = COMMANDS[: tries(1, 2)]
    try:
        _mount("-o", "remount,ro,bind", str(folder))
        for door in doors:
            answer = home.run(*door)
            _failed(answer)
            assert str(folder) in answer.err
            assert home.content() == old
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    home.land()
    assert home.content() == new
    figures(f"{what} that are read-only", len(doors), "said, and all as it was")


def test_without_landed_files_a_landing_goes_on_and_a_rebuild_refuses(
    home: Home, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    old, new = _two_versions(home, versions)
    for number in range(tries(1, 2)):
        shutil.rmtree(home.landed() if number else home.landed().parent)
        answer = home.run("rebuild", "events")
        assert (_failed(answer), answer.code) == ("CONFIG_ERROR", 2)
        assert "mp materialize events" in answer.error["hint"]
        assert home.content() == (new if number else old)
        home.land()
        assert home.content() == new
    figures("landed files that are gone", tries(1, 2), "a rebuild refused, a landing went on")


class Clocks:
    """The time, and a clock that is wrong by ever more."""

    def __init__(self) -> None:
        self.real = 1_700_000_000.0
        self.behind = 0.0

    def __call__(self) -> float:
        return self.real - self.behind

    def sleep(self, seconds: float) -> None:
        self.real += seconds


def test_a_clock_that_is_set_back_never_makes_an_hour_of_more_requests(
    tmp_path: Path, tries: Tries, figures: Figures
) -> None:
    count = tries(1, 60)
    for seed in range(count):
        chance, clocks = random.Random(seed), Clocks()
        budget = Budget(tmp_path / f"{seed}.sqlite", "1", clock=clocks)
        sent: list[float] = []
        for _ in range(150):
            clocks.sleep(chance.choice([0.4, 20, 300]))
            if chance.random() < 0.03:
                clocks.behind += chance.choice([0.5, 60, 1800, 2 * HOUR, 1e9])
            with suppress(BudgetExhaustedError):
                budget.spend("export", sleep=clocks.sleep, longest_wait=5)
                sent.append(clocks.real)
        assert all(later - sent[n] >= HOUR for n, later in enumerate(sent[60:]))
        clocks.sleep(HOUR + 1)
        budget.spend("export", longest_wait=0)
    figures("a clock set back under the ledger", count, "at most 60 requests in any hour")
