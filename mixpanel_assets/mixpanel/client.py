"""One connection to one Mixpanel project: hosts, authentication, errors, retries."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.errors import (
    APIError,
    AuthenticationError,
    MixpanelDataError,
    PlanRequiredError,
    QueryError,
    RateLimitError,
    ServerError,
    UnavailableError,
)
from mixpanel_assets.mixpanel.budget import Budget

# https://developer.mixpanel.com/reference/overview
EXPORT_HOSTS = {
    "us": "https://data.mixpanel.com",
    "eu": "https://data-eu.mixpanel.com",
    "in": "https://data-in.mixpanel.com",
}

# An export may be silent for minutes before its first byte, and has no time limit as a whole.
TIMEOUT = httpx.Timeout(60, connect=20, read=600)
LONGEST_ERROR_BODY = 64 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently to ask again after a failure that may pass."""

    attempts: int = 4
    first_delay: float = 1.0
    longest_delay: float = 60.0
    longest_wait: float = 3600.0  # the longest Retry-After to wait for; longer ones are an error

    def delay(self, attempt: int, error: MixpanelDataError) -> float:
        """Seconds before the next attempt: what the server asked for, else backoff with jitter."""
        asked = error.details.get("retry_after")
        if isinstance(asked, int | float):
            return float(asked)
        backoff = min(self.first_delay * 2.0**attempt, self.longest_delay)
        return backoff * random.uniform(0.5, 1.0)


class Client:
    """Asks Mixpanel on behalf of one project. Close it, or use it in a `with`."""

    def __init__(
        self,
        credentials: Credentials,
        budget: Budget,
        *,
        base_url: str | None = None,
        retry: RetryPolicy | None = None,
        note: Callable[[str], None] = lambda message: None,
        sleep: Callable[[float], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.credentials = credentials
        self.budget = budget
        self.note = note
        # A project secret stands for one project, and is refused beside the project's id.
        legacy = credentials.kind == "project_secret"
        self.scope = {} if legacy else {"project_id": credentials.project_id}
        if credentials.warning:
            note(credentials.warning)
        self._stopped = threading.Event()
        self._sleep = sleep or self._pause
        self.requests = 0
        self._retry = retry or RetryPolicy()
        self._export_host = base_url or EXPORT_HOSTS[credentials.region]
        self._http = httpx.Client(
            auth=auth_of(credentials),
            timeout=TIMEOUT,
            follow_redirects=False,  # credentials go to the host that was asked, and no other
            headers={"User-Agent": "mixpanel-assets"},
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """No connection is open any more, and whoever waits in another thread stops waiting."""
        self._stopped.set()
        self._http.close()

    @contextmanager
    def stream_export(self, params: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The open 200 answer to one raw export request; any other answer is raised.

        https://developer.mixpanel.com/reference/raw-event-export
        """
        self.budget.spend("export", self.note, self._sleep, self._retry.longest_wait)
        self.requests += 1
        query = {**self.scope, **params}
        with self._translated():
            request = self._http.build_request(
                "GET",
                f"{self._export_host}/api/2.0/export",
                params=query,
                headers={"Accept-Encoding": "gzip"},
            )
            response = self._http.send(request, stream=True)
        try:
            if response.status_code != 200:
                with self._translated():
                    body = _beginning(response)
                raise error_for(response.status_code, response.headers, body)
            yield response
        except RateLimitError as error:
            self.budget.block("export", error.details.get("retry_after"))
            raise
        finally:
            response.close()

    def retrying(self, attempt: Callable[[], T], attempts: int | None = None) -> T:
        """What `attempt` returns, asked again as long as its failure may pass."""
        most = attempts or self._retry.attempts
        for count in range(most):
            try:
                return attempt()
            except MixpanelDataError as error:
                delay = self._retry.delay(count, error)
                last = count + 1 == most or self._stopped.is_set()
                if last or not error.may_pass_later or delay > self._retry.longest_wait:
                    raise
                self.note(f"{error.message}; asking again in {delay:.0f} s ({count + 2}/{most})")
            self._sleep(delay)
        raise AssertionError("unreachable")

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise MixpanelDataError("stopped before its turn came")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            host = self._export_host
            raise UnavailableError(
                f"{host} can't be reached: {str(error) or type(error).__name__}",
                hint="check the network, MP_REGION and MP_BASE_URL, then try again",
                host=host,
            ) from error


def auth_of(credentials: Credentials) -> httpx.Auth | Callable[[httpx.Request], httpx.Request]:
    """How requests say who asks: Basic for accounts and project secrets, Bearer for tokens.

    https://developer.mixpanel.com/reference/authentication
    """
    secret = credentials.secret.get_secret_value()
    if credentials.kind == "service_account":
        return httpx.BasicAuth(credentials.username, secret)
    if credentials.kind == "project_secret":
        return httpx.BasicAuth(secret, "")

    def bear(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {secret}"
        return request

    return bear


def error_for(status: int, headers: Mapping[str, str], body: bytes) -> MixpanelDataError:
    """The error that an answer other than 200 means: a pure function of what came back.

    The server's own words are always part of the message.
    """
    text = said(body)
    details: dict[str, Any] = {"status": status, "body": text}
    if status == 429:
        return RateLimitError(
            f"Mixpanel's rate limit is reached: {text}",
            hint="wait, or see what is left with: mp limits",
            retry_after=seconds_to_wait(headers),
            **details,
        )
    if status >= 500:
        return ServerError(f"Mixpanel answered {status}: {text}", hint="try again later", **details)
    if status in (401, 403) or (status == 400 and "Unable to authenticate" in text):
        return AuthenticationError(
            f"Mixpanel refused these credentials ({status}): {text}",
            hint="check MP_USERNAME, MP_SECRET, MP_PROJECT_ID and MP_REGION",
            **details,
        )
    if status == 402:
        return PlanRequiredError(
            f"Mixpanel's plan for this project does not allow this: {text}",
            hint="raw event exports are part of every plan; other APIs need a paid one",
            **details,
        )
    if status in (400, 404, 412, 422):
        return QueryError(f"Mixpanel did not accept the request ({status}): {text}", **details)
    return APIError(f"Mixpanel answered {status}: {text}", **details)


def said(body: bytes) -> str:
    """What an error body says, short enough to read: its `error` if it is JSON, else its text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and "error" in parsed:
        text = str(parsed["error"])
    text = " ".join(text.split())
    return (text[:497] + "..." if len(text) > 500 else text) or "(no text)"


def seconds_to_wait(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Retry-After as seconds from now, whether it was a number or a date; None if absent."""
    value = headers.get("Retry-After", headers.get("retry-after", "")).strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > LONGEST_ERROR_BODY:
            break
    return bytes(body)
