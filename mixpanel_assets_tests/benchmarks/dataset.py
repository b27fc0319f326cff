"""The events that are measured: days as gzip files, generated once and kept, or a folder given."""

from __future__ import annotations

import gzip
import hashlib
import inspect
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from mixpanel_assets.simulator import project, records
from mixpanel_assets.simulator.records import encode
from mixpanel_assets.simulator.world import catalog, journeys, people, shop
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.benchmarks.task import Span

SUFFIX = ".jsonl.gz"
FIRST_DAY = date(2024, 1, 1)
DAY = timedelta(1)

SPARSE_EVENTS, SPARSE_DAYS = 100_000, 3
PROPERTIES, CARRIED = 775, 30
EVENT_NAMES = 25


@dataclass(frozen=True)
class Dataset:
    """Days of events in one folder, a file each."""

    title: str
    folder: Path
    days: tuple[date, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The days' files, in order."""
        return tuple(self.folder / f"{day}{SUFFIX}" for day in self.days)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The days as unbroken ranges."""
        spans: list[Span] = []
        for day in self.days:
            if spans and spans[-1][1] + DAY == day:
                spans[-1] = (spans[-1][0], day)
            else:
                spans.append((day, day))
        return tuple(spans)

    def first(self, days: int) -> Dataset:
        """The same, but of its first days only."""
        return replace(self, days=self.days[:days])


def folder_of_days(folder: Path) -> Dataset:
    """Every day of a folder of YYYY-MM-DD.jsonl.gz files."""
    names = sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))
    if not names:
        raise SystemExit(f"{folder} has no YYYY-MM-DD{SUFFIX} files")
    days = tuple(map(date.fromisoformat, names))
    return Dataset(f"The days of `{folder.name}`", folder.absolute(), days)


def generated_days(events_per_day: int, days: int) -> Dataset:
    """The first days of the simulator's world, from its files if they were made before."""
    folder = _kept(f"world-{events_per_day}-{_version()}")
    lines = _WorldLines(events_per_day)
    return _written("Generated days", folder, days, lines)


def sparse_days(style: str) -> Dataset:
    """100,000 events of 30 properties each, drawn from 30 or from 775."""
    folder = _kept(f"sparse-{style}-{_version()}")
    return _written(style, folder, SPARSE_DAYS, _SparseLines(style))


@dataclass(frozen=True)
class _WorldLines:
    events_per_day: int

    def __call__(self, day: date) -> list[bytes]:
        return World(1, FIRST_DAY, self.events_per_day).lines(day)


@dataclass(frozen=True)
class _SparseLines:
    style: str

    def __call__(self, day: date) -> Iterable[bytes]:
        rng = random.Random(f"{self.style} {day}")
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
        first, last = ((day - FIRST_DAY).days + n for n in (0, 1))
        share = SPARSE_EVENTS / SPARSE_DAYS
        for number in range(round(first * share), round(last * share)):
            yield encode(self._record(rng, midnight, number))

    def _record(self, rng: random.Random, midnight: int, number: int) -> dict[str, Any]:
        at = midnight + rng.randrange(86_400_000)
        kind = rng.randrange(EVENT_NAMES)
        own = {f"property {i:03d}": _value(rng, i) for i in self._carried(rng, kind)}
        properties = {
            "time": at,
            "distinct_id": f"u{rng.randrange(5000)}",
            "$insert_id": f"{number:020x}",
            "mp_processing_time_ms": at + 900,
        }
        return {"event": f"Event {kind:02d}", "properties": {**properties, **own}}

    def _carried(self, rng: random.Random, kind: int) -> Iterable[int]:
        if self.style == "dense":
            return range(CARRIED)
        if self.style == "by event":
            each = PROPERTIES // EVENT_NAMES
            return sorted(rng.sample(range(kind * each, (kind + 1) * each), CARRIED))
        return sorted(rng.sample(range(PROPERTIES), CARRIED))


def _value(rng: random.Random, number: int) -> Any:
    makers: tuple[Callable[[], Any], ...] = (
        lambda: f"value {rng.randrange(50)}",
        lambda: rng.randrange(100_000),
        lambda: round(rng.random() * 1000, 2),
        lambda: rng.random() < 0.5,
    )
    return makers[number % len(makers)]()


@dataclass(frozen=True)
class _WriteDay:
    folder: Path
    lines: Callable[[date], Iterable[bytes]]

    def __call__(self, day: date) -> None:
        part = self.folder / f".{day}.{os.getpid()}.part"
        part.write_bytes(gzip.compress(b"\n".join(self.lines(day)) + b"\n", 6, mtime=0))
        part.replace(self.folder / f"{day}{SUFFIX}")


def _written(
    title: str, folder: Path, days: int, lines: Callable[[date], Iterable[bytes]]
) -> Dataset:
    dataset = Dataset(title, folder, tuple(FIRST_DAY + n * DAY for n in range(days)))
    held = zip(dataset.days, dataset.files, strict=True)
    missing = [day for day, file in held if not file.exists()]
    if missing:
        with ProcessPoolExecutor() as workers:
            list(workers.map(_WriteDay(folder, lines), missing))
    return dataset


def _kept(name: str) -> Path:
    folder = Path(tempfile.gettempdir()) / "mixpanel-assets-benchmarks" / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _version() -> str:
    """Names what the generators are now: days made by other code are not used again."""
    makers = (shop, catalog, journeys, people, project, records, sys.modules[__name__])
    sources = "".join(map(inspect.getsource, makers))
    return hashlib.sha256(sources.encode()).hexdigest()[:8]
