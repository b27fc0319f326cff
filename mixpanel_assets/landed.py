"""Landed files: their names, and how they are written.

mixpanel/ writes them and warehouse/ loads them; neither imports the other.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from mixpanel_assets.errors import ConfigError

SPARE_DISK = 512 * 1024**2  # bytes that a file being written leaves to others
LOOK_EVERY = 16 * 1024**2
OLDEST_PART = 86_400  # seconds; no download goes on for longer

MOMENT = "%Y%m%dT%H%M%S%f"
NAME = re.compile(r"(?:(\d{4}-\d\d-\d\d)_|profiles\.)(\d{4}-\d\d-\d\d)\.(\d{8}T\d{12})Z\.jsonl\.gz")


def events_name(start: date, end: date, exported_at: datetime) -> str:
    """The name of a file of events: 2024-01-01_2024-01-07.20240108T031500000000Z.jsonl.gz."""
    return f"{start}_{end}.{exported_at:{MOMENT}}Z.jsonl.gz"


def profiles_name(day: date, exported_at: datetime) -> str:
    """The name of a file of profiles: profiles.2024-01-07.20240108T031500000000Z.jsonl.gz."""
    return f"profiles.{day}.{exported_at:{MOMENT}}Z.jsonl.gz"


@dataclass(frozen=True)
class LandedFile:
    """A whole file of events or profiles, a line each, and the days that it covers."""

    path: Path
    start: date
    end: date
    exported_at: datetime  # when Mixpanel was asked: what came in later is not in it
    checksum: str = ""  # SHA-256 of the file, in hexadecimal
    records: int = 0
    days: frozenset[date] | None = None  # only these; None: every day from start to end
    text: Path | None = None  # the same uncompressed, for the load that follows

    @classmethod
    def named(cls, path: Path) -> LandedFile | None:
        """The file as its name describes it; None if that is not the name of a landed file."""
        if not (match := NAME.fullmatch(path.name)):
            return None
        end = date.fromisoformat(match[2])
        start = date.fromisoformat(match[1]) if match[1] else end
        return cls(path, start, end, datetime.strptime(match[3], MOMENT).replace(tzinfo=UTC))

    def dates(self) -> list[date]:
        """The days that loading the file replaces."""
        span = (self.start + timedelta(n) for n in range((self.end - self.start).days + 1))
        return [day for day in span if self.days is None or day in self.days]

    def with_checksum(self) -> LandedFile:
        """The file with the checksum of what is on disk now."""
        with self.path.open("rb") as file:
            return replace(self, checksum=hashlib.file_digest(file, "sha256").hexdigest())

    def drop_text(self) -> None:
        """Remove the uncompressed copy, if there is one."""
        if self.text:
            self.text.unlink(missing_ok=True)


def landed_files(
    folder: Path, start: date | None = None, end: date | None = None, unused: Collection[str] = ()
) -> list[LandedFile]:
    """The newest file for each day of the range, each with the days that it stands for."""
    newest: dict[date, LandedFile] = {}
    for path in sorted(folder.glob("*.jsonl.gz")):
        if path.name in unused or not (file := LandedFile.named(path)):
            continue
        for day in file.dates():
            if (start and day < start) or (end and day > end):
                continue
            if day not in newest or newest[day].exported_at < file.exported_at:
                newest[day] = file
    days_of: dict[Path, set[date]] = {}
    for day, file in newest.items():
        days_of.setdefault(file.path, set()).add(day)
    chosen = {file.path: file for file in newest.values()}
    return [replace(file, days=frozenset(days_of[path])) for path, file in sorted(chosen.items())]


def left_by_kills(loaded: LandedFile) -> set[str]:
    """Files beside it that no rebuild would take, too old for a process to have yet to load."""
    folder = loaded.path.parent
    wanted = {file.path for file in landed_files(folder)}
    others = filter(None, (LandedFile.named(path) for path in folder.iterdir()))
    a_day_ago = loaded.exported_at - timedelta(days=1)
    old = (file for file in others if file.exported_at < a_day_ago)
    return {file.path.name for file in old if file.path not in wanted}


def tidy(loaded: Path, unneeded: set[str], *, keep: bool) -> None:
    """Remove the files that are not needed any more, and unfinished ones that a kill left.

    Any other file may be one that another process has yet to load.
    """
    for part in loaded.parent.glob(".*.part"):
        if time.time() - part.stat().st_mtime > OLDEST_PART:
            part.unlink(missing_ok=True)
    if not keep:
        loaded.unlink()
    for name in unneeded:
        (loaded.parent / name).unlink(missing_ok=True)


class FileWriter:
    """A file being written: `path` is where it will be, `checksum` the SHA-256 of it so far.

    `text` is a second file of what it has uncompressed, up to a length: the load that follows
    need not inflate it again.
    """

    def __init__(
        self, path: Path, file: BinaryIO, text: BinaryIO | None, longest_text: int
    ) -> None:
        self.path = path
        self._file = file
        self._text = text
        self._longest_text = longest_text
        self._digest = hashlib.sha256()
        self._unseen = 0

    def write(self, data: bytes) -> None:
        """Append to the file. Raises ConfigError before the disk is full."""
        self._file.write(data)
        self._digest.update(data)
        self._count(len(data))

    def write_text(self, data: bytes) -> None:
        """Append the same uncompressed."""
        if self._text is None:
            return
        if self._text.tell() + len(data) > self._longest_text:
            self._text.truncate(0)
            self._text = None
            return
        self._text.write(data)
        self._count(len(data))

    def _count(self, written: int) -> None:
        self._unseen += written
        if self._unseen <= LOOK_EVERY:
            return
        self._unseen = 0
        if (free := shutil.disk_usage(self.path.parent).free) < SPARE_DISK:
            raise ConfigError(
                f"{self.path.parent}: only {free // 1024**2} MB of the disk are free",
                hint="make room, or set MP_HOME to a place on another disk; nothing was kept",
            )

    @property
    def text(self) -> Path | None:
        """Where the finished file is uncompressed, if it is."""
        return Path(self._text.name) if self._text else None

    @property
    def checksum(self) -> str:
        """In hexadecimal."""
        return self._digest.hexdigest()


@contextmanager
def landing(path: Path, longest_text: int = 0) -> Iterator[FileWriter]:
    """Write a file that has its name only once it is whole, and on disk.

    If the block raises, the folder is as it was. The `text` of the file is left to the caller.
    Raises ConfigError when the folder can't be written.
    """
    part = path.with_name(f".{path.name}.part")
    text = path.with_name(f".{path.name}.text.part")
    kept = None
    try:
        with (
            open(part, "wb", opener=_private) as file,
            open(text, "wb", opener=_private) if longest_text else nullcontext() as plain,
        ):
            writer = FileWriter(path, file, plain, longest_text)
            yield writer
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        kept = writer.text
    except OSError as error:
        raise ConfigError(
            f"{path.parent} can't be written: {error.strerror}",
            hint="make room or make it writable, then run the same again",
        ) from error
    finally:
        part.unlink(missing_ok=True)
        if kept is None:
            text.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    """Open a file for this user alone; a link in its place is not followed."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
