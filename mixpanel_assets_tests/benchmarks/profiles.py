"""Snapshots of profiles: one of many, the next one, and thirty of them in a row."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import duckdb

from mixpanel_assets.ingest import ingest_profiles
from mixpanel_assets.settings import Settings
from mixpanel_assets_tests.benchmarks.goals import Goal
from mixpanel_assets_tests.benchmarks.measure import Measurement, environment, measured
from mixpanel_assets_tests.benchmarks.ours import PROJECT, new_client, opening
from mixpanel_assets_tests.benchmarks.suite import say
from mixpanel_assets_tests.benchmarks.task import Outcome, Task

FIRST = date(2024, 1, 1)
PAGE_SECONDS = 0.02
RHYTHM = 100  # a profile changes every so many snapshots: one in a hundred a day
SNAPSHOTS = 30


@dataclass(frozen=True)
class History:
    """What the snapshots of so many days left."""

    profiles: int
    took: list[Measurement]
    rows: int

    @property
    def problem(self) -> str:
        """Why there are no figures, if so."""
        return next((took.problem for took in self.took if took.problem), "")


def snapshot(task: Task) -> Outcome:
    """The day's snapshot of all profiles is in the warehouse: HTTP to commit."""
    assert task.landed
    settings = Settings(home=task.landed / "home", base_url=task.url)
    database = settings.warehouse_path(PROJECT.project_id)
    with new_client(settings) as mixpanel:
        before = mixpanel.budget.report()["query"]["used"]
        started = perf_counter()
        taken = ingest_profiles(mixpanel, opening(settings), settings, task.spans[0][0])
        seconds = perf_counter() - started
        metered = mixpanel.budget.report()["query"]["used"] - before
    more = {"added": taken.new + taken.changed, "requests": taken.requests, "metered": metered}
    return Outcome(taken.rows, seconds, database, more)


def history(profiles: int, snapshots: int) -> History:
    """So many days' snapshots of so many profiles, each by a process of its own."""
    with tempfile.TemporaryDirectory(prefix="mixpanel-assets-") as name, _served(profiles) as turn:
        folder, took = Path(name), []
        for number in range(snapshots):
            day = FIRST + timedelta(number)
            say(f"{profiles:,} profiles: snapshot {number + 1} of {snapshots}")
            scratch = folder / f"{number:02d}"
            took.append(
                measured(Task("snapshot", scratch, (), ((day, day),), turn(number), landed=folder))
            )
            say(f"  {took[-1].problem or f'{took[-1].seconds:.2f} s'}")
            if took[-1].problem:
                return History(profiles, took, 0)
        assert took[-1].database
        with duckdb.connect(str(took[-1].database), read_only=True) as connection:
            row = connection.execute("select count(*) from profile_history").fetchone()
        return History(profiles, took, int(row[0]) if row else 0)


def profile_goals(two: History) -> list[Goal]:
    """What a first snapshot may take."""
    if two.problem:
        return []
    first = two.took[0]
    return [
        Goal("first snapshot, seconds", first.seconds, 600, at_least=False),
        Goal("first snapshot, peak RSS MB", first.peak_bytes / 1e6, 1000, at_least=False),
        Goal("first snapshot, queries of the hour", first.more["metered"], 1, at_least=False),
    ]


@contextmanager
def _served(profiles: int) -> Iterator[Callable[[int], str]]:
    """Gives the URL of a local Mixpanel, once its profiles are as they are so many days later."""
    command = [sys.executable, "-m", __name__, str(profiles)]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def turn(day: int) -> str:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{day}\n")
            process.stdin.flush()
            if not (url := process.stdout.readline().strip()):
                raise SystemExit("the simulator did not start")
            return url

        try:
            yield turn
        finally:
            process.terminate()


def main(arguments: Sequence[str]) -> None:
    """Profiles are served, and follow the days on standard input until it ends."""
    from mixpanel_assets.simulator.query.engage import Paging
    from mixpanel_assets.simulator.server import Simulator

    with Simulator(paging=Paging(page_latency=PAGE_SECONDS)) as simulator:
        for line in sys.stdin:
            simulator.profiles.fill(int(arguments[0]), int(line), rhythm=RHYTHM)
            sys.stdout.write(f"{simulator.url}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
