"""Which cases there are, and their order: those that are compared take turns."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mixpanel_assets_tests.benchmarks.dataset import Dataset, sparse_days
from mixpanel_assets_tests.benchmarks.measure import Measurement, measured, median, python_with
from mixpanel_assets_tests.benchmarks.served import served
from mixpanel_assets_tests.benchmarks.task import Task

RUNS = 3


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    key: str
    name: str
    says: str
    most_events: int | None = None
    needs: str = ""  # a library that not every interpreter has
    cannot: str = ""


TURNS = (
    Case("c", "read_json", "bare DuckDB `read_json`, one statement"),
    Case("c", "read_json_by_file", "bare DuckDB `read_json`, file by file"),
    Case("d", "ingest", "**ours**: HTTP, verified, deduplicated, typed, committed"),
)
OTHERS = (
    Case("a", "download", "bytes only: HTTP to files"),
    Case("b", "gunzip_zlib", "gunzip only, zlib"),
    Case("b", "gunzip_isal", "gunzip only, ISA-L"),
    Case("d2", "materialize", "**ours**, the whole of `mp materialize` with Dagster"),
    Case("d3", "rebuild", "**ours**, `mp rebuild` from landed files"),
    Case("e", "executemany", "`json.loads`, `executemany`, primary key", 20_000),
    Case("f", "pandas_batches", "pandas, 10,000 events at a time", 200_000, "pandas"),
    Case("f", "arrow_batches", "pyarrow, 10,000 events at a time", 200_000, "pyarrow, duckdb"),
    # With its defaults, dlt and DuckDB take 7 GB for 50,000 events: no more of them.
    Case("g", "dlt_tables", "dlt, its defaults", 20_000, "dlt, duckdb"),
    Case("g", "dlt_parquet", "dlt, Parquet", 100_000, "dlt, duckdb, pyarrow"),
    Case("g", "dlt_json", "dlt, one JSON column, Parquet", 100_000, "dlt, duckdb, pyarrow"),
    Case(
        "h", "mixpanel_utils", "mixpanel-utils to a JSON file, no table", 200_000, "mixpanel_utils"
    ),
    Case("h", "mixpanel_utils_raw", "mixpanel-utils, raw to a file", 200_000, "mixpanel_utils"),
    Case(
        "h",
        "tap_mixpanel",
        "tap-mixpanel",
        cannot="asks `https://…/api/2.0/engage` first, https being fixed in its code",
    ),
)
LAYOUT = Case("size", "read_json_uncompressed", "JSON column, uncompressed")
QUERIES = Case("queries", "queries", "")
OURS = frozenset({"ingest", "materialize", "rebuild", "queries"})

KEYS = ("a", "b", "c", "d", "d2", "d3", "e", "f", "g", "h", "size", "queries")
NEEDED = {"d3": {"d"}, "size": {"c", "d"}, "queries": {"c", "d"}}


@dataclass(frozen=True)
class Result:
    """A case and what it took."""

    case: Case
    took: Measurement


@dataclass
class Suite:
    """Runs cases on one dataset; `results` has every case that was to run, by name."""

    dataset: Dataset
    folder: Path
    url: str
    pythons: tuple[str, ...]
    results: dict[str, Result] = field(default_factory=dict)
    _landed: Path | None = None
    _count: int = 0

    def run(self, keys: set[str]) -> None:
        """Every case of these keys, and of those that they need, has its result."""
        keys = keys.union(*(NEEDED.get(key, set()) for key in keys))
        self._take_turns([case for case in TURNS if case.key in keys])
        for case in (*OTHERS, LAYOUT, QUERIES):
            if case.key in keys:
                self._keep(case, self._measure(case))
        order = [case.name for case in sorted((*OTHERS, *TURNS), key=lambda case: case.key)]
        order += [LAYOUT.name, QUERIES.name]
        self.results = {name: self.results[name] for name in order if name in self.results}

    def ingest(self, runs: int = 1) -> Measurement:
        """What our landing of the whole dataset takes."""
        return median([self._measure(TURNS[-1]) for _ in range(runs)])

    def plain(self) -> Path | None:
        """The database of JSON columns that a run left, if there was one."""
        found = self.results.get("read_json")
        return found.took.database if found else None

    def _take_turns(self, cases: list[Case]) -> None:
        runs: dict[str, list[Measurement]] = {case.name: [] for case in cases}
        for _ in range(RUNS):
            for case in cases:
                runs[case.name].append(self._measure(case))
        for case in cases:
            self._keep(case, median(runs[case.name]))

    def _keep(self, case: Case, took: Measurement) -> None:
        self.results[case.name] = Result(case, took)

    def _measure(self, case: Case) -> Measurement:
        if case.cannot:
            return Measurement(problem=f"not run: {case.cannot}")
        if not (python := python_with(case.needs, self.pythons)):
            library = case.needs.split(",")[0]
            return Measurement(problem=f"not run: no {library} here; see --tools-python")
        task = self._task(case)
        say(f"{self.dataset.title}: {case.name}")
        took = measured(task, python)
        say(f"  {took.problem or f'{took.seconds:.2f} s'}")
        if case.name == "ingest" and not took.problem:
            self._landed = task.scratch
        return took

    def _task(self, case: Case) -> Task:
        self._count += 1
        return Task(
            case.name,
            self.folder / f"{self._count:03d}-{case.name}",
            self.dataset.files,
            self.dataset.spans,
            self.url,
            case.most_events,
            self._landed,
            self.plain(),
        )


@contextmanager
def suite(dataset: Dataset, pythons: tuple[str, ...]) -> Iterator[Suite]:
    """A suite over the dataset, served; its folders are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mixpanel-assets-") as folder, served(dataset) as url:
        yield Suite(dataset, Path(folder), url, pythons)


def scaling(days: Dataset, pythons: tuple[str, ...]) -> list[tuple[str, Measurement]]:
    """Our landing of the first fiftieth of the days, of a fifth, and of all of them."""
    rows = []
    for share in (50, 5, 1):
        part = days.first(max(1, len(days.days) // share))
        with suite(part, pythons) as running:
            took = running.ingest()
        rows.append((f"{len(part.days)} days", took))
    return rows


def sparse(pythons: tuple[str, ...]) -> list[tuple[str, Measurement]]:
    """Our landing of 100,000 events with 30 properties each: of 30, of 775, of 775 by event."""
    styles = {
        "dense": "30 properties, on every event",
        "sparse": "775 properties, any 30 on an event",
        "by event": "775 properties, 30 of its own 31 on an event",
    }
    rows = []
    for style, says in styles.items():
        with suite(replace(sparse_days(style), title=says), pythons) as running:
            rows.append((says, running.ingest(RUNS)))
    return rows


def say(text: str) -> None:
    """Progress, apart from the tables."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
