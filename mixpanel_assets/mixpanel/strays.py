"""Records of a span of days whose time is of none of them: under which day Mixpanel has each.

Such a record has no time, none that can be read, or one of another day. The answer to a span does
not say whose it is; the answer to a single day does. So days are asked for alone until all are
found: first where the order of the records suggests it, then by halves.
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
from mixpanel_assets.mixpanel.export import export_events
from mixpanel_assets.mixpanel.late import EPOCH, SECONDS_BELOW

# As Mixpanel writes it. A line that begins otherwise is parsed.
HEAD = re.compile(rb'\{"event":"(?:[^"\\]|\\.)*","properties":\{"time":(\d{12,14})[,}]')
MOST_STRAYS = 1000  # of a span
FEW_STRAYS = 10  # no exception is made of these, however few records there are
MOST_MISSES = 2  # guesses by the order of the records, about which Mixpanel promises nothing


class UntoldError(Exception):
    """A few requests don't tell the days of the strays, or times tell nothing about days at all."""

    def __init__(self, reason: str, *, of_others: bool = True) -> None:
        super().__init__(reason)
        self.of_others = of_others  # the days to come will be no better


@dataclass(eq=False)
class _Stray:
    """A line, and the days of the records around it."""

    line: bytes
    before: date | None
    after: date | None = None


class StraySearch:
    """Finds the days of a file's strays; then the file can be had without them."""

    def __init__(self, mixpanel: Client, file: LandedFile) -> None:
        self.requests = 0
        self._mixpanel = mixpanel
        self._file = file
        self._known: Counter[date] = Counter()  # records by the day of their time
        self._strays: Counter[bytes] = Counter()
        self._missing: list[_Stray] = []  # those whose day is not found yet
        self._asked: set[date] = set()
        self._after_first = False  # a stray is rather of the day of the record after it

    def days(self) -> Iterator[LandedFile]:
        """A file of all that Mixpanel has of the day, for each day that has strays. UntoldError."""
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
            raise UntoldError("some of them are gone meanwhile", of_others=False)

    def rest(self) -> LandedFile:
        """The file without its strays, in its place."""
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
                raise UntoldError(f"more than {MOST_STRAYS:,} have none")
        if not self._missing:
            raise UntoldError("they can't be told from the others", of_others=False)
        if len(self._missing) > max(FEW_STRAYS, self._file.records // 2):
            raise UntoldError("most have none")

    def _guesses(self) -> Counter[date]:
        """Days that were not asked for yet, and how many strays may be of each."""
        guesses: Counter[date] = Counter()
        for stray in self._missing:
            sides = (stray.before, stray.after)
            likely = reversed(sides) if self._after_first else iter(sides)
            guesses.update([day for day in likely if day and day not in self._asked][:1])
        return guesses

    def _alone(self, day: date) -> LandedFile | None:
        """The day's own file, if some of the strays are in it."""
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
            raise UntoldError("the times of others are of other days, too")
        if self._settle(lines):
            return file
        file.path.unlink()
        return None

    def _settle(self, lines: Counter[bytes]) -> bool:
        """Strays that are among the lines are missing no more; whether any is."""
        left = [stray for stray in self._missing if not _taken(lines, stray.line)]
        found = len(left) < len(self._missing)
        self._missing = left
        return found

    def _halved(self, start: date, end: date, strays: list[_Stray]) -> Iterator[LandedFile]:
        """The same for strays that are known to be of these days, wherever they are in the file."""
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
            raise UntoldError("they are of too many days")
        self.requests += 1
        return export_events(self._mixpanel, start, end, self._file.path.parent)


def _taken(lines: Counter[bytes], line: bytes) -> bool:
    """Whether the line was among them; once more it is not."""
    lines[line] -= 1
    return lines[line] >= 0


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        for line in file:
            if line.strip():
                yield line.removesuffix(b"\n")


def _day(line: bytes) -> date | None:
    """The day of the record's time, as a load has it; None if there is no such time."""
    if head := HEAD.match(line):
        return _day_of(int(head[1]))
    try:
        record = json.loads(line)
        given = record["properties"]["time"]
        return None if isinstance(given, bool) else _day_of(float(given))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _day_of(time: float) -> date:
    milliseconds = time if abs(time) > SECONDS_BELOW else time * 1000
    return (EPOCH + timedelta(milliseconds=milliseconds)).date()
