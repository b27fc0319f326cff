"""The log of requests, for tests to look at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class SeenRequest:
    """One request and how it was answered; `at` is the simulator's clock."""

    method: str
    path: str
    params: dict[str, str]
    status: int
    at: float
    bytes_sent: int = 0


class RequestLog:
    """The requests in the order in which their answers began."""

    def __init__(self) -> None:
        self._seen: list[SeenRequest] = []
        self._lock = threading.Lock()

    def all(self) -> list[SeenRequest]:
        """A copy of the requests so far."""
        with self._lock:
            return list(self._seen)

    def began(self, request: SeenRequest) -> int:
        """Log a request and return its number."""
        with self._lock:
            self._seen.append(request)
            return len(self._seen) - 1

    def sent(self, number: int, size: int) -> None:
        """Count bytes of the answer's body."""
        with self._lock:
            seen = self._seen[number]
            self._seen[number] = replace(seen, bytes_sent=seen.bytes_sent + size)


class LogRequests:
    """An application whose requests are logged before the client sees the answer."""

    def __init__(self, app: ASGIApp, log: RequestLog, clock: Callable[[], float]) -> None:
        self._app = app
        self._log = log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = -1

        async def noted(message: Message) -> None:
            nonlocal number
            if message["type"] == "http.response.start":
                number = self._log.began(self._seen(scope, message["status"]))
            elif message["type"] == "http.response.body":
                self._log.sent(number, len(message.get("body", b"")))
            await send(message)

        await self._app(scope, receive, noted)

    def _seen(self, scope: Scope, status: int) -> SeenRequest:
        params = scope.get("mixpanel_parameters") or dict(QueryParams(scope["query_string"]))
        return SeenRequest(scope["method"], scope["path"], params, status, self._clock())
