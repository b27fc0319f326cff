"""The results of engage queries, kept from their first page to their last."""

from __future__ import annotations

import random
import string
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.profiles import View
from mixpanel_assets.simulator.query.selection import Selection

_UNCACHED = "request for page in uncached query for params"


@dataclass(frozen=True)
class Result:
    """The profiles of one moment, and the ids of those listed."""

    view: View
    distinct_ids: Sequence[str]


@dataclass
class Session:
    """A query's result, and how many pages of it were sent."""

    id: str
    selection: Selection
    began: float
    result: Result
    pages: int = 0


class Sessions:
    """Sessions by id; they end after `seconds` of the clock, or `most_pages`."""

    def __init__(
        self, clock: Callable[[], float], seconds: float, most_pages: int | None = None
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most_pages = most_pages
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, selection: Selection, result: Result) -> Session:
        """Begin a session, with its first page counted."""
        now = self._clock()
        name = f"{int(now)}-{''.join(random.choices(string.ascii_uppercase, k=6))}"
        session = Session(name, selection, now, result, 1)
        with self._lock:
            self._open = {k: v for k, v in self._open.items() if not self._is_over(v)}
            self._open[name] = session
        return session

    def turn(self, session_id: str, selection: Selection) -> Session:
        """The session, with one more page counted; the query must be the one it began with."""
        with self._lock:
            session = self._open.get(session_id)
            if session is None or self._is_over(session):
                self._open.pop(session_id, None)
                raise BadRequestError(f"session_id {session_id} is unknown or has expired")
            if session.selection != selection:
                raise BadRequestError(_UNCACHED)
            session.pages += 1
            return session

    def end(self, session_id: str) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(session_id, None)

    def _is_over(self, session: Session) -> bool:
        if self._most_pages is not None and session.pages >= self._most_pages:
            return True
        return self._clock() >= session.began + self._seconds
