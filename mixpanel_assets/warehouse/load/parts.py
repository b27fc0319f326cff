"""A landed file on its way into DuckDB: uncompressed, a part at a time, in a folder of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isal.igzip_lib import IsalError

from mixpanel_assets.errors import LoadError
from mixpanel_assets.gzipped import Inflater

WORK_PREFIX = ".load-"
READ_BYTES = 64 * 1024


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """A folder for what a load needs on disk, gone afterwards, as are those of killed loads."""
    for left in beside.parent.glob(f"{WORK_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=beside.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def parts(file: Path, folder: Path, size: int) -> Iterator[Path]:
    """The records of a landed file, uncompressed, about `size` bytes at a time.

    There is at least one part, if only an empty one; each is gone when the next one comes. Raises
    LoadError when the file is damaged or gone.
    """
    part = folder / f"{file.name}.part.jsonl"
    rest: bytes | None = b""
    try:
        with file.open("rb") as source:
            chunks = _inflated(source)
            while rest is not None:
                with part.open("wb") as target:
                    rest = _fill(target, rest, chunks, size)
                yield part
    except (IsalError, EOFError, FileNotFoundError) as error:  # type: ignore[misc]  # its stub
        raise LoadError(
            f"{file} is damaged or gone: {error}",
            hint="land its days again: mp materialize events --from DAY --to DAY",
        ) from error
    part.unlink()


def _fill(target: BinaryIO, rest: bytes, chunks: Iterator[bytes], size: int) -> bytes | None:
    """Write `size` bytes or so, up to a line's end; what is left over, or None at the end."""
    written = target.write(rest)
    for chunk in chunks:
        if written + len(chunk) >= size and (end := chunk.rfind(b"\n") + 1):
            target.write(chunk[:end])
            return chunk[end:]
        written += target.write(chunk)
    return None


def _inflated(source: BinaryIO) -> Iterator[bytes]:
    inflater = Inflater()
    while chunk := source.read(READ_BYTES):
        yield from inflater.feed(chunk)
    if not inflater.ended:
        raise EOFError("its gzip stream has no end")
