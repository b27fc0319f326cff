"""The simulated project's events by day, from a world or a folder, and those that arrive."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

from mixpanel_assets.simulator.export.fragments import (
    Fragment,
    gunzip_chunks,
    pack,
    split_lines,
)
from mixpanel_assets.simulator.project import day_of, exported_ms
from mixpanel_assets.simulator.records import Record, encode, ordered, retimed
from mixpanel_assets.simulator.world.shop import World

_SUFFIX = ".jsonl.gz"
_SECONDS_BELOW = 100_000_000_000


class Store:
    """Events by export day.

    A world's events and added events are in UTC and follow the project's `timezone`; those of a
    folder and of `set_day` are served verbatim under their day.
    """

    def __init__(
        self,
        *,
        world: World | None = None,
        last_day: date | None = None,
        folder: Path | str | None = None,
        timezone: str | None = None,
    ) -> None:
        if world and folder:
            raise ValueError("a store takes a world or a folder, not both")
        self.world = world
        self.folder = Path(folder) if folder else None
        self.timezone = timezone
        self.last_day = last_day
        self.changes = 0  # by `add` and `set_day`
        self._fixed: dict[date, list[bytes]] = {}
        self._added: dict[date, list[tuple[int, bytes]]] = {}
        self._packed: dict[date, Fragment] = {}
        self._scratch: Path | None = None
        self._lock = threading.RLock()

    def add(self, records: Iterable[Record]) -> None:
        """Add records under the day of their time, which may be in seconds or in ms."""
        with self._lock:
            self.changes += 1
            for record in records:
                properties = dict(record["properties"])
                at = properties["time"]
                at = int(at * 1000) if abs(at) < _SECONDS_BELOW else int(at)
                line = encode({**record, "properties": ordered({**properties, "time": at})})
                self._added.setdefault(day_of(at, None), []).append((at, line))

    def set_day(self, day: date, content: Iterable[Record | bytes]) -> None:
        """Replace a day's content by records or raw lines, served verbatim."""
        lines = [
            line.removesuffix(b"\n") if isinstance(line, bytes) else encode(line)
            for line in content
        ]
        with self._lock:
            self.changes += 1
            self._fixed[day] = lines
            self._packed.pop(day, None)
            for held in self._neighbours(day):
                kept = [e for e in self._added.get(held, []) if self._day(e[0]) != day]
                self._added[held] = kept

    def delete(self, day: date) -> None:
        """Empty a day and leave its neighbors."""
        self.set_day(day, [])

    def days(self) -> list[date]:
        """Every day that may have events, in order."""
        with self._lock:
            found = {day for day, lines in self._fixed.items() if lines}
            found |= {self._day(at) for entries in self._added.values() for at, _ in entries}
            emptied = set(self._fixed) - found
        if self.folder:
            found |= {date.fromisoformat(p.name[:10]) for p in self.folder.glob(f"*{_SUFFIX}")}
        if self.world:
            first = self.world.first_day
            last = self.last_day or day_of(int(time.time() * 1000), self.timezone)
            found |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
        return sorted(found - emptied)

    def is_settled(self, day: date, now: float) -> bool:
        """Whether no event of the day is still to come in."""
        return self.world is None or self.world.settles_at(day + timedelta(days=1)) <= now * 1000

    def lines(self, day: date, now: float | None = None) -> Iterator[bytes]:
        """The day's lines in export form with time in ms; `now` hides later events."""
        for fragment in self.fragments(day, now):
            yield from split_lines(fragment.raw_chunks())

    def fragments(self, day: date, now: float | None = None) -> list[Fragment]:
        """The day's lines, compressed: first the original ones, then the added ones."""
        with self._lock:
            first = self._first(day, now)
            added = self._added_on(day)
        return [f for f in (first, pack(added) if added else None) if f and f.lines]

    def whole_file(self, day: date) -> Path | None:
        """The gzip file with exactly the day's content, if there is one."""
        with self._lock:
            if day in self._fixed or self._added_on(day):
                return None
            return self._file(day)

    def close(self) -> None:
        """Delete the temporary files."""
        with self._lock:
            self._packed.clear()
            if self._scratch:
                shutil.rmtree(self._scratch, ignore_errors=True)
                self._scratch = None

    def _day(self, utc_ms: int) -> date:
        return day_of(utc_ms, self.timezone)

    def _neighbours(self, day: date) -> list[date]:
        # A local day spans up to three UTC days.
        around = (-1, 0, 1) if self.timezone else (0,)
        return [day + timedelta(days=n) for n in around]

    def _file(self, day: date) -> Path | None:
        path = self.folder / f"{day}{_SUFFIX}" if self.folder else None
        return path if path and path.exists() else None

    def _added_on(self, day: date) -> list[bytes]:
        entries = [e for held in self._neighbours(day) for e in self._added.get(held, [])]
        return [self._shown(at, line) for at, line in entries if self._day(at) == day]

    def _shown(self, at: int, line: bytes) -> bytes:
        if self.timezone is None:
            return line
        return retimed(line, lambda _: exported_ms(at, self.timezone))

    def _first(self, day: date, now: float | None) -> Fragment | None:
        if day in self._packed:
            return self._packed[day]
        if day in self._fixed:
            fragment = pack(self._fixed[day])
        elif path := self._file(day):
            fragment = pack(split_lines(gunzip_chunks(path)), self._scratch_file(day))
        elif not self.world or not self._in_world(self.world, day):
            return None
        elif now is not None and not self.is_settled(day, now):
            return pack(self._world_lines(self.world, day, int(now * 1000)))
        else:
            fragment = pack(self._world_lines(self.world, day, None), self._scratch_file(day))
        self._packed[day] = fragment
        return fragment

    def _in_world(self, world: World, day: date) -> bool:
        return world.first_day <= day and (self.last_day is None or day <= self.last_day)

    def _world_lines(self, world: World, day: date, now_ms: int | None) -> Iterable[bytes]:
        if self.timezone is None and now_ms is None:
            return world.lines(day)
        return (
            self._shown(record["properties"]["time"], encode(record))
            for held in self._neighbours(day)
            for record in world.records(held)
            if self._day(record["properties"]["time"]) == day
            and (now_ms is None or _processed(record) <= now_ms)
        )

    def _scratch_file(self, day: date) -> Path:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="mixpanel-simulator-"))
            weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        return self._scratch / f"{day}.deflate"


def _processed(record: Record) -> int:
    properties = record["properties"]
    return max(int(properties["time"]), int(properties["mp_processing_time_ms"]))
