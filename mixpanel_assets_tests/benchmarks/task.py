"""One measured piece of work: what its process is given, and what it says afterwards."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

Span = tuple[date, date]


@dataclass(frozen=True)
class Task:
    """What a case works on, in a folder of its own."""

    case: str
    scratch: Path
    files: tuple[Path, ...] = ()  # the days, one gzip file each
    spans: tuple[Span, ...] = ()  # the same days as unbroken ranges
    url: str = ""  # where a simulator serves them
    most_events: int | None = None
    landed: Path | None = None  # the scratch folder of an earlier landing
    plain: Path | None = None  # a database of JSON columns
    question: str = ""

    def write(self) -> Path:
        """The task is a file in its folder."""
        path = self.scratch / "task.json"
        path.write_text(json.dumps(asdict(self), default=str), "utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> Task:
        """The task that was written."""
        given = json.loads(path.read_text("utf-8"))
        spans = tuple((date.fromisoformat(a), date.fromisoformat(b)) for a, b in given["spans"])
        paths = {name: Path(given[name]) for name in ("landed", "plain") if given[name]}
        scratch, files = Path(given["scratch"]), tuple(map(Path, given["files"]))
        return cls(**{**given, **paths, "scratch": scratch, "files": files, "spans": spans})

    def lines(self) -> Iterator[bytes]:
        """The events in order, at most as many as are wanted."""
        return islice((line for path in self.files for line in _lines(path)), self.most_events)

    def records(self) -> Iterator[dict[str, Any]]:
        """The same events, parsed."""
        return (json.loads(line) for line in self.lines())


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        yield from file


@dataclass(frozen=True)
class Outcome:
    """What a case says of itself."""

    events: int
    seconds: float
    database: Path | None = None
    more: dict[str, Any] | None = None
