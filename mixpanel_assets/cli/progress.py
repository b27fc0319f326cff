"""Progress of long work: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mixpanel_assets import notes
from mixpanel_assets.cli import output

if TYPE_CHECKING:
    from mixpanel_assets.results import LandedDay

SECONDS_BETWEEN_LINES = 5.0


class Progress(notes.Progress):
    """Show what a Workspace reports, unless --quiet."""

    def __init__(self, unit: str, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._quiet, self._unit = quiet, unit
        self._total, self._done, self._events = 0, 0, 0
        self._shown = time.monotonic()
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("landing", total=None, unit=unit)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def count(self, unit: str) -> None:
        """Begin to count something else."""
        self._unit, self._total, self._done = unit, 0, 0
        self._bar.reset(self._task, total=None, unit=unit)

    def stop(self) -> None:
        """Remove the bar from the screen."""
        self._bar.stop()

    def note(self, message: str) -> None:
        """Show a message above the bar."""
        if self._quiet:
            return
        if self._bar.disable:
            output.note(message)
        else:
            self._bar.console.print(output.line_of(message), markup=False, highlight=False)

    def expected(self, days: int) -> None:
        self._total = days
        self._bar.update(self._task, total=days)

    def landed(self, days: list[LandedDay]) -> None:
        self._events += sum(day.rows for day in days)
        self._show(
            self._done + len(days),
            self._total,
            lambda: f"{self._done} of {self._total} days, {self._events:,} events",
        )

    def arrived(self, done: int, total: int) -> None:
        self._show(done, total, lambda: f"{done:,} of {total:,} {self._unit}")

    def _show(self, done: int, total: int, line: Callable[[], str]) -> None:
        self._done = done
        self._bar.update(self._task, completed=done, total=total)
        if not self._bar.disable or self._quiet or done >= total:
            return
        if time.monotonic() - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            output.note(line())
