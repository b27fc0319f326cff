"""The standard streams of this process, whatever its shell made of them."""

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
    """Keep the files we open out of closed streams' places, and tell failures to write to stdout.

    What can't be written to stdout is an OutputError; if its reader has seen enough, this process
    ends with 0. What can't be written to stderr is lost, and the work goes on.
    """
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            # It takes the lowest number that is free, which is this one. An answer can't go there.
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
    """Somebody looks at stdout."""
    return sys.stdout.isatty()


def to_file() -> bool:
    """What is on stdout goes into a file, as `> rows.csv` says."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except OSError:  # it has no number
        return False


class _Stream(io.RawIOBase):
    """A stream to which nothing more is written once that has failed."""

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
            # Else Python would try again when it ends, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._number)
            self._failed(error)
            return len(data)

    def _failed(self, error: OSError) -> None:
        """It is lost."""


class _Answers(_Stream):
    def _failed(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            sys.exit(0)  # whoever read it has seen enough
        raise OutputError(
            f"the answer can't be written to stdout: {error.strerror}",
            hint="see where stdout goes: is it open, and is there room on the disk?",
        ) from error
