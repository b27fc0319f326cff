"""What an answer leaves out, or why it is empty: a warning in Python, a note on stderr of `mp`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixpanel_assets.results import LandedDay

# Modules whose frames say nothing about who asked.
INSIDE = ("mixpanel_assets", "contextlib")


class Progress:
    """Called while data arrives; override what is of interest."""

    def expected(self, days: int) -> None:
        """So many days are to be landed."""

    def landed(self, days: list[LandedDay]) -> None:
        """These days are committed."""

    def arrived(self, done: int, total: int) -> None:
        """So many days or profiles of `total` are downloaded."""


class AnswerWarning(UserWarning):
    """An answer is right as it stands, but its reader should know something about it."""


# Python would show it once for each line of code, and so hide it when the same is asked again.
warnings.filterwarnings("always", category=AnswerWarning, append=True)


def note(message: str) -> None:
    """Warn whoever asked, with their line of code."""
    warnings.warn(message, AnswerWarning, stacklevel=_level())


def _level() -> int:
    for level in count(2):
        try:
            module = sys._getframe(level).f_globals.get("__name__", "")
        except ValueError:
            return level - 1  # all of it is ours: this is `mp`
        if module.partition(".")[0] not in INSIDE:
            return level
    raise AssertionError("unreachable")


@contextmanager
def heard_by(hear: Callable[[str], None]) -> Iterator[None]:
    """Call `hear` with each note of the block, in place of a warning."""
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
