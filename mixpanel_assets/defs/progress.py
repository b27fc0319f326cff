"""Who listens to a run in this process: nobody, unless the command line does."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from mixpanel_assets.results import LandedDay


@dataclass(frozen=True)
class Listener:
    """`note` is told of waits and retries, `landed` of days as they are committed."""

    note: Callable[[str], None]
    landed: Callable[[list[LandedDay]], None]


listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
