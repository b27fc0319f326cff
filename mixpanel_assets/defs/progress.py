"""Who listens to a run in this process: nobody, unless the command line does."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

from mixpanel_assets.notes import heard_by
from mixpanel_assets.results import LandedDay


@dataclass(frozen=True)
class Listener:
    """What is told of a run.

    `note` hears of waits and retries, `landed` of days as they are committed, `profiles` of how
    many have arrived and how many there are.
    """

    note: Callable[[str], None]
    landed: Callable[[list[LandedDay]], None] = lambda days: None
    profiles: Callable[[int, int], None] = lambda done, total: None


listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def notes_in(log: Callable[[str], None]) -> AbstractContextManager[None]:
    """Notes of the block go to the run's log, unless the command line shows them itself."""
    return nullcontext() if listener.get() else heard_by(log)
