"""Eight processes at once: no lost day, no deadlock, and no more requests than Mixpanel allows."""

import random
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Tries
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.landing import (
    DAGSTER,
    DAYS,
    FIRST,
    LAND,
    LAST,
    LONGEST,
    Home,
    Version,
    ended,
    profiles_of,
)

AT_ONCE = 8
MAY_PASS_LATER = {"BUDGET_EXHAUSTED", "DATABASE_LOCKED"}
COUNT = "select event_date::varchar as day, count(*) as n from events group by all order by all"
NO_WAIT = ("--config-json", '{"resources": {"mixpanel_12345": {"config": {"wait": false}}}}')


@dataclass
class Worker:
    command: tuple[str, ...]
    process: "subprocess.Popen[str]"
    began: float


def _landing(chance: random.Random) -> tuple[str, ...]:
    first = FIRST + timedelta(chance.randrange(DAYS - 2))
    last = first + timedelta(chance.randrange(2, DAYS))
    return ("materialize", "events", "--from", str(first), "--to", str(min(last, LAST)))


def _command(number: int, chance: random.Random) -> tuple[str, ...]:
    return (
        (*_landing(chance), "--no-wait"),
        (*LAND, "--no-wait"),
        ("rebuild", "events"),
        ("sql", COUNT),
        (*_landing(chance), "--no-wait"),
        ("materialize", "profiles", "--no-wait"),
        (*DAGSTER, *NO_WAIT),
        ("status",),
    )[number % AT_ONCE]


def _code(worker: Worker, versions: list[Version]) -> str:
    """How the worker ended; its answer makes sense, whatever else was going on."""
    answer = ended(worker.process)
    if worker.command[0] == "asset":
        known = [code for code in MAY_PASS_LATER if code in answer.err]
        assert (answer.code, known) == (0, []) or (answer.code and known), answer.err
        return known[0] if known else "done"
    if answer.code:
        code = str(answer.error["code"])
        assert (answer.code, code in MAY_PASS_LATER) == (5, True), (worker.command, answer.err)
        assert (answer.out, bool(answer.error["hint"])) == ("", True)
        return code
    if worker.command[0] == "sql":
        counts = {row["day"]: row["n"] for row in answer.json}
        wholes = [{version.content[day][0] for version in versions} for day in versions[0].content]
        assert counts.keys() == versions[0].content.keys()
        assert all(n in whole for n, whole in zip(counts.values(), wholes, strict=True))
    return "done"


@pytest.fixture
def home(tmp_path: Path, mixpanel: Simulator) -> Home:
    return Home(tmp_path / "home", mixpanel)


def test_processes_at_once_lose_nothing_and_keep_to_the_budget(
    home: Home, tries: Tries, figures: Figures
) -> None:
    versions = [Version(0, 300), Version(1, 300)]
    versions[0].serve(home.mixpanel)
    home.land()
    home.make_instance()
    chance = random.Random(6)
    seen: Counter[str] = Counter()
    longest = 0.0
    for number in range(tries(1, 6)):
        old, new = versions[number % 2], versions[(number + 1) % 2]
        new.serve(home.mixpanel)
        home.mixpanel.profiles.fill(2000, number)
        left = tries(2, 8)
        budget = _used_up(home, left)
        asked = home.exports()
        longest = max(longest, _churn(home, versions, tries(0, 30), chance, seen))
        assert (home.exports() - asked, budget.left("export")) == (left, 0)
        content = home.content()
        assert content.keys() == new.content.keys()
        assert all(held in (old.content[day], new.content[day]) for day, held in content.items())
        assert home.profiles() == profiles_of(home.mixpanel)
        home.let_an_hour_pass()
        home.land()
        assert home.content() == new.content
    assert seen["BUDGET_EXHAUSTED"]
    told = ", ".join(f"{number} {code}" for code, number in seen.most_common())
    figures("processes, eight at once", seen.total(), f"{told}; the longest {longest:.0f} s")


def _used_up(home: Home, left: int) -> Budget:
    """The budget, of which so many exports are left; the others were minutes ago."""
    path, project = home.path / "budget.sqlite", home.mixpanel.project.project_id
    now = int(time.time())
    earlier = Budget(path, project, clock=iter(range(now - 1200, now)).__next__)
    while Budget(path, project).left("export") > left:
        earlier.spend("export", sleep=lambda seconds: None)
    return Budget(path, project)


def _churn(
    home: Home,
    versions: list[Version],
    seconds: float,
    chance: random.Random,
    seen: Counter[str],
) -> float:
    """Eight processes are at work for so long and then end; how long the longest took."""
    workers: list[Worker] = []
    number, longest, until = 0, 0.0, time.monotonic() + seconds
    while workers or number < AT_ONCE:
        while len(workers) < AT_ONCE and (number < AT_ONCE or time.monotonic() < until):
            command = _command(number, chance)
            workers.append(Worker(command, home.start(*command), time.monotonic()))
            number += 1
        for worker in [worker for worker in workers if worker.process.poll() is not None]:
            seen[_code(worker, versions)] += 1
            workers.remove(worker)
        longest = max([longest, *(time.monotonic() - worker.began for worker in workers)])
        assert longest < LONGEST, [worker.command for worker in workers]
        time.sleep(0.02)
    return longest
