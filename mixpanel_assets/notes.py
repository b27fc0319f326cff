"""Notes about an answer, such as what it leaves out: Python warnings, lines on stderr in `mp`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixpanel_assets.results import LandedDay

# A warning names the first frame outside these packages.
INSIDE = ("mixpanel_assets", "contextlib")


class Progress:
    """Receives progress; override the methods of interest."""

    def expected(self, days: int) -> None:
        """Called first, with the number of days to land."""

    def landed(self, days: list[LandedDay]) -> None:
        """Called when days are committed."""

    def arrived(self, done: int, total: int) -> None:
        """Called when `done` of `total` days or profiles are downloaded."""


class AnswerWarning(UserWarning):
    """A note about an answer that is correct but may be misread."""


# By default Python shows a warning once per line of code, and hides it when that runs again.
warnings.filterwarnings("always", category=AnswerWarning, append=True)


# Warnings are of the whole process; who answers several at once hears the notes of each.
_HEARD: ContextVar[Callable[[str], None] | None] = ContextVar("heard", default=None)


def note(message: str) -> None:
    """Issue an AnswerWarning at the caller's line of code."""
    if hear := _HEARD.get():
        hear(message)
        return
    warnings.warn(message, AnswerWarning, stacklevel=_level())


def _level() -> int:
    for level in count(2):
        try:
            module = sys._getframe(level).f_globals.get("__name__", "")
        except ValueError:
            return level - 1  # every frame is inside: this is `mp`
        if module.partition(".")[0] not in INSIDE:
            return level
    raise AssertionError("unreachable")


@contextmanager
def notes_to(hear: Callable[[str], None]) -> Iterator[None]:
    """Call `hear` with each note of the block instead of warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", AnswerWarning)
        show = warnings.showwarning

        def showwarning(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, AnswerWarning):
                hear(str(message))
            else:
                show(message, category, *where, **more)

        warnings.showwarning = showwarning
        yield


@contextmanager
def notes_here(hear: Callable[[str], None]) -> Iterator[None]:
    """Call `hear` with each note of the block in this thread or task, and no other."""
    before = _HEARD.set(hear)
    try:
        yield
    finally:
        _HEARD.reset(before)
