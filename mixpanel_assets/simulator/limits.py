"""Mixpanel's limits on raw export: 60 requests in a rolling hour, 3 in a second.

https://developer.mixpanel.com/reference/rate-limits
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

PER_HOUR = 60
PER_SECOND = 3
_HELP = (
    "For more information, please consult our documentation at "
    "https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints"
)


@dataclass(frozen=True)
class Refusal:
    """Why a request was not admitted, and when to come again."""

    error: str
    retry_after: int


def refusal_text(project_id: str, used: int, allowed: int, window: str) -> str:
    """The error text of a 429, as Mixpanel words it."""
    return (
        f"Query rate limit exceeded for project_id: {project_id}. This request exceeded the rate"
        f" limit ({used}/{allowed} queries running in the last {window}). {_HELP}"
    )


class ExportLimiter:
    """Admits export requests of one project within its limits; refused ones do not count."""

    def __init__(self, project_id: str, clock: Callable[[], float]) -> None:
        self._project_id = project_id
        self._clock = clock
        self._admitted: deque[float] = deque()
        self._lock = threading.Lock()

    def admit(self) -> Refusal | None:
        """None when the request may pass, which is then counted."""
        with self._lock:
            now = self._clock()
            while self._admitted and self._admitted[0] <= now - 3600:
                self._admitted.popleft()
            refusal = self._refusal(now)
            if refusal is None:
                self._admitted.append(now)
            return refusal

    def _refusal(self, now: float) -> Refusal | None:
        if len(self._admitted) >= PER_HOUR:
            wait = max(1, math.ceil(self._admitted[0] + 3600 - now))
            text = refusal_text(self._project_id, PER_HOUR + 1, PER_HOUR, "hour")
            return Refusal(text, wait)
        if sum(at > now - 1 for at in self._admitted) >= PER_SECOND:
            text = refusal_text(self._project_id, PER_SECOND + 1, PER_SECOND, "second")
            return Refusal(text, 1)
        return None
