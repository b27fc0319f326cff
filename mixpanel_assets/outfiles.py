"""The rule for files that a command writes where its user says: --chart, --save.

They are at or under the working folder, never take the place of another file unless that is asked
for, and have their name only when they are whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mixpanel_assets.errors import OutputError, UsageError

ROWS = (".parquet", ".csv", ".jsonl")  # what rows can be written as


def check(
    path: Path, suffixes: Sequence[str], *, replace: bool = False, under: Path | None = None
) -> None:
    """Raise UsageError if a file of this name can't be written, before any work is done for it."""
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{path} must end with {', '.join(suffixes[:-1])} or {suffixes[-1]}")
    try:
        place = path.resolve()  # where a link leads
        place.lstat()
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError) as error:  # too long; a link to itself
        raise UsageError(f"{path} can't be a file: {error}") from error
    if under is not None and not place.is_relative_to(under.resolve()):
        raise UsageError(
            f"{path} is not in the working folder", hint=f"name a file in {under} or below"
        )
    if path.is_dir():
        raise UsageError(f"{path} is a folder")
    if not place.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", hint=f"mkdir -p {path.parent}")
    if path.exists() and not replace:
        raise _taken(path)


@contextmanager
def placed(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A new file beside `path`, which gets its name at the end of the block."""
    place = path.resolve()
    try:
        part = place.with_name(f".{secrets.token_hex(8)}.part")
        part.touch(exist_ok=False)
        try:
            yield part
            _move(part, place, replace=replace)
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}") from error


def _move(part: Path, place: Path, *, replace: bool) -> None:
    if replace:
        part.replace(place)
        return
    try:
        place.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        place.touch(exist_ok=False)
        part.replace(place)


def _taken(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists already",
        hint="choose another name, or use --replace (in Python: replace=True)",
    )
