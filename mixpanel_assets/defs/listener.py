"""The listener of a run: the Workspace that started it in this process, or the run's log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mixpanel_assets.notes import Progress, notes_to

if TYPE_CHECKING:
    from dagster import DagsterLogManager


@dataclass(frozen=True)
class Listener:
    """Receives waits and retries (`note`) and downloaded data (`progress`) during a run."""

    note: Callable[[str], None]
    progress: Progress = field(default_factory=Progress)


listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def listener_of(log: DagsterLogManager) -> Listener:
    """The listener of this process, or one that writes to the run's log."""
    return listener.get() or Listener(log.warning)


def notes_in(log: Callable[[str], None]) -> AbstractContextManager[None]:
    """Write the notes of the block to the run's log, unless a listener shows them."""
    return nullcontext() if listener.get() else notes_to(log)
