"""Mixpanel's limits on exports, on queries and on requests to the Lexicon.

https://developer.mixpanel.com/reference/rate-limits
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

PER_HOUR = 60
PER_SECOND = 3
AT_ONCE = 5
PER_MINUTE = 5
_SOON = 10
_HELP = (
    "For more information, please consult our documentation at "
    "https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints"
)
_POLICY = '"project";q=60;w=3600, "project-concurrency";q=5;qu="concurrent-requests"'


@dataclass(frozen=True)
class Refusal:
    """Why a request was not admitted, and when to retry, if the answer says so."""

    error: str
    retry_after: int | None
    limits: dict[str, str] = field(default_factory=dict)
    names_request: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        wait = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return self.limits | wait


def refusal_text(project_id: str, used: int, allowed: int, window: str) -> str:
    """The error text of a 429, in Mixpanel's words."""
    return (
        f"Query rate limit exceeded for project_id: {project_id}. This request exceeded the rate"
        f" limit ({used}/{allowed} queries running in the last {window}). {_HELP}"
    )


class _RollingHour:
    """When the requests of the last hour were admitted."""

    def __init__(self) -> None:
        self.admitted: deque[float] = deque()

    def wait(self, now: float) -> int | None:
        """The seconds until another request is allowed; None if it is allowed now."""
        while self.admitted and self.admitted[0] <= now - 3600:
            self.admitted.popleft()
        if len(self.admitted) < PER_HOUR:
            return None
        return max(1, math.ceil(self.admitted[0] + 3600 - now))


class ExportLimiter:
    """Admits export requests of one project within its limits; refused ones don't count."""

    def __init__(self, project_id: str, clock: Callable[[], float]) -> None:
        self._project_id = project_id
        self._clock = clock
        self._hour = _RollingHour()
        self._lock = threading.Lock()

    def admit(self) -> Refusal | None:
        """None when the request may pass, which is then counted."""
        with self._lock:
            now = self._clock()
            refusal = self._refusal(now)
            if refusal is None:
                self._hour.admitted.append(now)
            return refusal

    def _refusal(self, now: float) -> Refusal | None:
        if wait := self._hour.wait(now):
            return Refusal(refusal_text(self._project_id, PER_HOUR + 1, PER_HOUR, "hour"), wait)
        if sum(at > now - 1 for at in self._hour.admitted) >= PER_SECOND:
            text = refusal_text(self._project_id, PER_SECOND + 1, PER_SECOND, "second")
            return Refusal(text, 1)
        return None


class LexiconLimiter:
    """Admits five requests to the Lexicon in any 60 seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._admitted: deque[float] = deque()
        self._lock = threading.Lock()

    def admit(self) -> int | None:
        """None when the request may pass, which is then counted; else the seconds to wait."""
        with self._lock:
            now = self._clock()
            while self._admitted and self._admitted[0] <= now - 60:
                self._admitted.popleft()
            if len(self._admitted) >= PER_MINUTE:
                return max(1, math.ceil(self._admitted[0] + 60 - now))
            self._admitted.append(now)
            return None


class QueryLimiter:
    """Admits queries of one project: five at once and, with `hourly`, sixty an hour."""

    def __init__(self, project_id: str, clock: Callable[[], float], *, hourly: bool) -> None:
        self.violations = 0
        self._project_id = project_id
        self._clock = clock
        self._hourly = hourly
        self._hour = _RollingHour()
        self._running = 0
        self._lock = threading.Lock()

    def enter(self) -> Refusal | None:
        """None when one more query may run, which counts until `leave`."""
        with self._lock:
            if self._running >= AT_ONCE:
                self.violations += 1
                return self.crowded()
            self._running += 1
            return None

    def leave(self) -> None:
        """End a query that `enter` let in."""
        with self._lock:
            self._running -= 1

    def admit(self) -> Refusal | None:
        """None when a running query is within the hourly limit, which then counts it."""
        with self._lock:
            now = self._clock()
            wait = self._hour.wait(now)
            if wait and self._hourly:
                return self.spent(wait)
            self._hour.admitted.append(now)
            return None

    def spent(self, wait: int) -> Refusal:
        """The refusal of the sixty-first query of an hour."""
        free = AT_ONCE - self._running
        left = f'"project";r=0;t={wait}, "project-concurrency";r={free}'
        text = refusal_text(self._project_id, PER_HOUR + 1, PER_HOUR, "hour")
        return Refusal(text, wait, _rate_limit_headers(left))

    def shed(self) -> Refusal:
        """The refusal of a query when the servers are too busy, whatever the project has used."""
        text = "For more information, please consult our documentation"
        error = f"Query rate limit exceeded for project_id: {self._project_id} {text}"
        return Refusal(error, None, names_request=False)

    def crowded(self) -> Refusal:
        """The refusal of a sixth concurrent query."""
        left = max(0, PER_HOUR - len(self._hour.admitted))
        text = (
            f"Query rate limit exceeded for project_id: {self._project_id}. This request exceeded"
            f" the concurrency limit ({AT_ONCE + 1}/{AT_ONCE} queries running concurrently)."
        )
        limits = _rate_limit_headers(f'"project";r={left}, "project-concurrency";r=0;t={_SOON}')
        return Refusal(text, _SOON, limits, names_request=False)


def _rate_limit_headers(left: str) -> dict[str, str]:
    return {"RateLimit-Policy": _POLICY, "RateLimit": left}
