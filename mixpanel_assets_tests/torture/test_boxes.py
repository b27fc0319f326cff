"""Disks that are full or closed, folders that are gone, clocks that jump: said, and survived."""

import random
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.errors import BudgetExhaustedError
from mixpanel_assets.mixpanel.budget import HOUR, Budget
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Answer, Tries
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.landing import LAND, Home, Version

MB = 1_000_000
COMMANDS = (("rebuild", "events"), LAND)


@pytest.fixture(scope="module")
def versions() -> list[Version]:
    return [Version(0, 300), Version(1, 300)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, versions: list[Version]) -> Path:
    """A home whose tables hold the first version, and whose newest landed files the second."""
    folder = tmp_path_factory.mktemp("template")
    with Simulator() as mixpanel:
        home = Home(folder / "home", mixpanel)
        for version in versions:
            version.serve(mixpanel)
            if home.warehouse.exists():
                shutil.copy(home.warehouse, folder / "before")
            home.land()
        (folder / "before").replace(home.warehouse)
        home.let_an_hour_pass()
        home.make_instance()
    return home.path


@pytest.fixture
def prepared(
    template: Path, mixpanel: Simulator, versions: list[Version]
) -> Callable[[Path], Home]:
    """Puts a copy of that home into a folder; Mixpanel has the second version."""
    versions[1].serve(mixpanel)
    return lambda folder: Home(Path(shutil.copytree(template, folder / "home")), mixpanel)


@pytest.fixture
def home(tmp_path: Path, prepared: Callable[[Path], Home]) -> Home:
    return prepared(tmp_path)


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


def _failed(answer: Answer) -> str:
    """The code of an answer that says in one line what is wrong and what to do."""
    assert answer.code in (1, 2, 5), answer
    assert (answer.out, "Traceback" in answer.err) == ("", False), answer.err
    assert answer.error["hint"], answer.err
    assert answer.error["code"] != "INTERNAL", answer.err
    return str(answer.error["code"])


def _try_with_less(home: Home, versions: list[Version], number: int, **more: Any) -> str:
    """How a command ended that may have had too little room: with all or nothing.

    It fails with all of it if there was room for the days, and none for Dagster's record of them.
    """
    answer = home.run(*COMMANDS[number % 2], **more)
    if not answer.code:
        assert home.content() == versions[1].content
        return "had room"
    _failed(answer)
    recorded = "Dagster can't keep its record" in answer.err
    assert home.content() in [version.content for version in versions[: 1 + recorded]], answer.err
    return "failed"


def _again(home: Home, versions: list[Version], original: bytes) -> None:
    """With enough room the days are landed; then the tables are as they were at first."""
    home.land()
    assert home.content() == versions[1].content
    home.warehouse.write_bytes(original)
    home.let_an_hour_pass()


def _told(seen: Counter[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in seen.items())


def test_a_full_disk_is_said_and_changes_nothing(
    disk: Path,
    prepared: Callable[[Path], Home],
    versions: list[Version],
    tries: Tries,
    figures: Figures,
) -> None:
    home, filler = prepared(disk), disk / "filler"
    room, seen = random.Random(7), Counter[str]()
    original = home.warehouse.read_bytes()
    for number in range(tries(1, 40)):
        free = room.randrange(16 * MB) if number else 100_000
        filler.write_bytes(bytes(shutil.disk_usage(disk).free - free))
        seen[_try_with_less(home, versions, number)] += 1
        filler.unlink()
        _again(home, versions, original)
    assert seen["failed"]
    figures("a disk that is full", seen.total(), _told(seen))


def test_files_that_may_not_grow_are_said_and_change_nothing(
    home: Home, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    room, seen = random.Random(8), Counter[str]()
    original = home.warehouse.read_bytes()
    for number in range(tries(1, 40)):
        most = room.randrange(MB // 2, 8 * MB) if number else MB
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
        seen[_try_with_less(home, versions, number, preexec_fn=limit)] += 1
        _again(home, versions, original)
    assert seen["failed"]
    figures("files that may not grow", seen.total(), _told(seen))


def test_what_is_read_only_is_named_and_stays_as_it_was(
    home: Home, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    folders = (home.warehouse, home.warehouse.parent, home.landed(), home.path)
    doors = COMMANDS[: tries(1, 2)]
    for folder in folders:
        _mount("--bind", str(folder), str(folder))
        try:
            _mount("-o", "remount,ro,bind", str(folder))
            for door in doors:
                answer = home.run(*door)
                _failed(answer)
                assert str(folder) in answer.err
                assert home.content() == versions[0].content
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    home.land()
    assert home.content() == versions[1].content
    count = len(folders) * len(doors)
    figures("a file or folder that is read-only", count, "said, and all as it was")


def test_without_landed_files_a_landing_goes_on_and_a_rebuild_refuses(
    home: Home, versions: list[Version], tries: Tries, figures: Figures
) -> None:
    old, new = (version.content for version in versions)
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
        for _ in range(110):
            clocks.sleep(chance.choice([0.4, 20, 300]))
            if chance.random() < 0.03:
                clocks.behind += chance.choice([0.5, 60, 1800, 2 * HOUR, 1e8])
            with suppress(BudgetExhaustedError):
                budget.spend("export", sleep=clocks.sleep, longest_wait=5)
                sent.append(clocks.real)
        assert all(later - sent[n] >= HOUR for n, later in enumerate(sent[60:]))
        clocks.sleep(HOUR + 1)
        budget.spend("export", longest_wait=0)
    figures("a clock set back under the ledger", count, "at most 60 requests in any hour")
