"""A file bears its name only once it is whole, and on disk."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from mixpanel_assets.errors import ConfigError

OLDEST_PART = 86_400  # seconds; no download goes on for longer
GZIP = 31  # zlib's window bits for a gzip stream with header and trailer


class Landing:
    """A file in the making: `path` is where it will be, `checksum` the SHA-256 of it so far."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """The bytes are the file's next."""
        self._file.write(data)
        self._digest.update(data)

    @property
    def checksum(self) -> str:
        """In hexadecimal."""
        return self._digest.hexdigest()

    @property
    def bytes(self) -> int:
        """How long the finished file is."""
        return self.path.stat().st_size


@contextmanager
def landing(folder: Path, subject: str, exported_at: datetime) -> Iterator[Landing]:
    """After the block the folder has the file; if the block raised, it is as it was.

    Raises ConfigError when the folder can't be written.
    """
    name = f"{subject}.{exported_at:%Y%m%dT%H%M%S%fZ}.jsonl.gz"
    part = folder / f".{name}.part"
    try:
        with part.open("wb") as file:
            yield Landing(folder / name, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)
    except OSError as error:
        raise ConfigError(
            f"{folder} can't be written: {error.strerror}",
            hint="make room or make it writable, then run the same again",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def remove_old_parts(folder: Path) -> None:
    """What killed downloads left in the folder is gone."""
    for part in folder.glob(".*.part"):
        if time.time() - part.stat().st_mtime > OLDEST_PART:
            part.unlink(missing_ok=True)
