"""Finds the days of strays: records of a span of days whose time is in none of these days.

A stray has no time, an unreadable one, or one of another day. The export of a span does not show
the day under which Mixpanel stores it; the export of a single day does. So single days are exported
until all strays are found: first the days suggested by the order of records, then by bisection.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from mixpanel_assets.errors import AnswerTooLargeError, ExportIncompleteError
from mixpanel_assets.gzipped import GZIP
from mixpanel_assets.landed import LandedFile, landing
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export.arrivals import day_of
from mixpanel_assets.mixpanel.export.events import export_events

# A line as Mixpanel writes it. Lines that begin differently are parsed.
HEAD = re.compile(rb'\{"event":"(?:[^"\\]|\\.)*","properties":\{"time":(\d{12,14})[,}]')
MOST_STRAYS = 1000  # in a span
FEW_STRAYS = 10  # are accepted even if they are most records of the span
MOST_MISSES = 2  # wrong guesses by the order of records, which Mixpanel does not guarantee


class UntoldError(Exception):
    """The days of the strays can't be found with few requests, or not at all."""

    def __init__(self, reason: str, *, of_others: bool = True) -> None:
        super().__init__(reason)
        self.of_others = of_others  # whether it holds for the following days too


@dataclass(eq=False)
class _Stray:
    """A line, and the days of the records before and after it."""

    line: bytes
    before: date | None
    after: date | None = None


class StraySearch:
    """Finds the days of a file's strays, and writes the file without them."""

    def __init__(self, mixpanel: Client, file: LandedFile) -> None:
        self.requests = 0
        self._mixpanel = mixpanel
        self._file = file
        self._known: Counter[date] = Counter()  # records by the day of their time
        self._strays: Counter[bytes] = Counter()
        self._missing: list[_Stray] = []  # strays whose day is not found yet
        self._asked: set[date] = set()
        self._after_first = False  # whether to guess the day of the record after a stray first

    def days(self) -> Iterator[LandedFile]:
        """The complete export of each day that has strays. Raises UntoldError."""
        self._look()
        misses = 0
        while misses < MOST_MISSES and (guesses := self._guesses()):
            ((day, _),) = guesses.most_common(1)
            if alone := self._alone(day):
                yield alone
            else:
                misses += 1
                self._after_first = not self._after_first
        if self._missing:
            yield from self._halved(self._file.start, self._file.end, self._missing)
        if self._missing:
            raise UntoldError(
                "Mixpanel did not return some of the affected records again", of_others=False
            )

    def rest(self) -> LandedFile:
        """The file, rewritten without its strays."""
        file, deflate, count = self._file, zlib.compressobj(1, wbits=GZIP), 0
        with landing(file.path) as target:
            for line in _lines(file.path):
                if line not in self._strays:
                    target.write(deflate.compress(line + b"\n"))
                    count += 1
            target.write(deflate.flush())
        return replace(file, records=count, checksum=target.checksum, text=None)

    def _look(self) -> None:
        before, waiting = None, list[_Stray]()
        for line in _lines(self._file.path):
            day = _day(line)
            if day and self._file.start <= day <= self._file.end:
                self._known[day] += 1
                for stray in waiting:
                    stray.after = day
                before, waiting = day, []
                continue
            self._strays[line] += 1
            self._missing.append(stray := _Stray(line, before))
            waiting.append(stray)
            if len(self._missing) > MOST_STRAYS:
                raise UntoldError(f"more than {MOST_STRAYS:,} records are affected")
        if not self._missing:
            raise UntoldError("the affected records can't be identified", of_others=False)
        if len(self._missing) > max(FEW_STRAYS, self._file.records // 2):
            raise UntoldError("most records are affected")

    def _guesses(self) -> Counter[date]:
        """Days that were not exported yet, and how many strays each may have."""
        guesses: Counter[date] = Counter()
        for stray in self._missing:
            sides = (stray.before, stray.after)
            likely = reversed(sides) if self._after_first else iter(sides)
            guesses.update([day for day in likely if day and day not in self._asked][:1])
        return guesses

    def _alone(self, day: date) -> LandedFile | None:
        """The export of the day, if it has some of the strays."""
        file = self._export(day, day)
        self._asked.add(day)
        seen: Counter[date | None] = Counter()
        lines = Counter[bytes]()
        for line in _lines(file.path):
            seen[at := _day(line)] += 1
            if at != day and line in self._strays:
                lines[line] += 1
        moved = [at for at in seen if at and at != day and self._file.start <= at <= self._file.end]
        if moved or seen[day] < self._known[day]:
            file.path.unlink()
            raise UntoldError("other records have times of other days, too")
        if self._settle(lines):
            return file
        file.path.unlink()
        return None

    def _settle(self, lines: Counter[bytes]) -> bool:
        """Remove the strays of these lines from the missing ones; return whether there are any."""
        left = [stray for stray in self._missing if not _taken(lines, stray.line)]
        found = len(left) < len(self._missing)
        self._missing = left
        return found

    def _halved(self, start: date, end: date, strays: list[_Stray]) -> Iterator[LandedFile]:
        """Like `days`, by bisection, for strays that are known to be from these days."""
        if start == end:
            if alone := self._alone(start):
                yield alone
            return
        middle = start + (end - start) // 2
        try:
            half = self._export(start, middle)
        except (ExportIncompleteError, AnswerTooLargeError) as error:
            raise UntoldError(error.message, of_others=False) from error
        lines = Counter(line for line in _lines(half.path) if line in self._strays)
        half.path.unlink()
        first = [stray for stray in strays if _taken(lines, stray.line)]
        rest = [stray for stray in strays if stray not in first]
        if first:
            yield from self._halved(start, middle, first)
        if rest:
            yield from self._halved(middle + timedelta(1), end, rest)

    def _export(self, start: date, end: date) -> LandedFile:
        days = (self._file.end - self._file.start).days + 1
        if self.requests > days // 2 + 2:
            raise UntoldError("the affected records are from too many days")
        self.requests += 1
        return export_events(self._mixpanel, start, end, self._file.path.parent)


def _taken(lines: Counter[bytes], line: bytes) -> bool:
    """Remove the line once from the lines; return whether it was among them."""
    lines[line] -= 1
    return lines[line] >= 0


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        for line in file:
            if line.strip():
                yield line.removesuffix(b"\n")


def _day(line: bytes) -> date | None:
    """The day of the record's time, as in a load; None without a readable time."""
    if head := HEAD.match(line):
        return day_of(int(head[1]))
    try:
        given = json.loads(line)["properties"]["time"]
        return None if isinstance(given, bool) else day_of(float(given))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
