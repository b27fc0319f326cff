"""The standard streams of this process, open or not."""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import Any

from mixpanel_assets.errors import OutputError

STDIN, STDOUT, STDERR = range(3)
WRITTEN_AT_ONCE = 1 << 16


def secure() -> None:
    """Make the standard streams safe to use, also where the shell closed them.

    A failed write to stdout raises OutputError; when the reader closed its pipe, this process ends
    with 0. A failed write to stderr is ignored.
    """
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            # Takes the lowest free number, this one, so that no file we open gets it. Reading only:
            # writing an answer to it fails.
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is sys.__stdout__:
        answers = io.BufferedWriter(_Answers(sys.stdout, STDOUT), WRITTEN_AT_ONCE)
        sys.stdout = io.TextIOWrapper(
            answers, "utf-8", "replace", write_through=True, line_buffering=answers.isatty()
        )
    if sys.stderr is sys.__stderr__:
        encoding = sys.stderr.encoding if sys.stderr else "utf-8"
        notes = io.BufferedWriter(_Stream(sys.stderr, STDERR))
        sys.stderr = io.TextIOWrapper(notes, encoding, "backslashreplace", line_buffering=True)


def to_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def to_file() -> bool:
    """Whether stdout goes into a file, as with `> rows.csv`."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except OSError:  # no file descriptor
        return False


class _Stream(io.RawIOBase):
    """A stream that discards everything after a failed write."""

    def __init__(self, stream: Any, number: int) -> None:
        buffer = getattr(stream, "buffer", None) or io.FileIO(number, "w", closefd=False)
        self._under = getattr(buffer, "raw", buffer)
        self._number = number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Any) -> Any:
        try:
            return self._under.write(data)
        except OSError as error:
            # Otherwise Python tries again at exit, and complains.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._number)
            self._failed(error)
            return len(data)

    def _failed(self, error: OSError) -> None:
        """Ignore the error."""


class _Answers(_Stream):
    def _failed(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            sys.exit(0)  # the reader has closed the pipe, as `head` does
        raise OutputError(
            f"the answer can't be written to stdout: {error.strerror}",
            hint="check that stdout is open and that the disk has room",
        ) from error
