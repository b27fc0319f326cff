"""A file bears its name only once it is whole, and on disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from mixpanel_assets.errors import ConfigError

SPARE_DISK = 512 * 1024**2  # bytes that a file in the making leaves to others
LOOK_EVERY = 16 * 1024**2
OLDEST_PART = 86_400  # seconds; no download goes on for longer


class Landing:
    """A file in the making: `path` is where it will be, `checksum` the SHA-256 of it so far.

    `text` is a file of what it has uncompressed, up to a length: who is to load it need not
    inflate it again.
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
        """The bytes are the file's next. Raises ConfigError before the disk is full."""
        self._file.write(data)
        self._digest.update(data)
        self._count(len(data))

    def write_text(self, data: bytes) -> None:
        """The same uncompressed."""
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
        if self._unseen > LOOK_EVERY:
            self._unseen = 0
            self._look_at_disk()

    def _look_at_disk(self) -> None:
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

    @property
    def bytes(self) -> int:
        """How long the finished file is."""
        return self.path.stat().st_size


@contextmanager
def landing(
    folder: Path, subject: str, exported_at: datetime, longest_text: int = 0
) -> Iterator[Landing]:
    """After the block the folder has the file; if the block raised, it is as it was.

    Its `text` is left to the caller. Raises ConfigError when the folder can't be written.
    """
    name = f"{subject}.{exported_at:%Y%m%dT%H%M%S%fZ}.jsonl.gz"
    part, text = folder / f".{name}.part", folder / f".{name}.text.part"
    kept = None
    try:
        with (
            open(part, "wb", opener=_private) as file,
            open(text, "wb", opener=_private) if longest_text else nullcontext() as plain,
        ):
            landed = Landing(folder / name, file, plain, longest_text)
            yield landed
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)
        kept = landed.text
    except OSError as error:
        raise ConfigError(
            f"{folder} can't be written: {error.strerror}",
            hint="make room or make it writable, then run the same again",
        ) from error
    finally:
        part.unlink(missing_ok=True)
        if kept is None:
            text.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    """The file is for this user alone, and itself: what a link leads to is not written."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def remove_old_parts(folder: Path) -> None:
    """What killed downloads left in the folder is gone."""
    for part in folder.glob(".*.part"):
        if time.time() - part.stat().st_mtime > OLDEST_PART:
            part.unlink(missing_ok=True)
