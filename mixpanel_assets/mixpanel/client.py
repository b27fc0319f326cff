"""The HTTP client for one Mixpanel project: hosts, authentication, limits, retries."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, TypeVar, Unpack

import httpx

from mixpanel_assets import errors
from mixpanel_assets.accounts import Credentials
from mixpanel_assets.mixpanel.answers import LONGEST_ERROR, answer_of, error_for
from mixpanel_assets.mixpanel.bounds import Bounds
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.settings import Settings

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.names import Names

# https://developer.mixpanel.com/reference/overview
# The host of exports, and that of the query API (/api/query) and the app API (/api/app).
HOSTS = {
    "us": ("https://data.mixpanel.com", "https://mixpanel.com"),
    "eu": ("https://data-eu.mixpanel.com", "https://eu.mixpanel.com"),
    "in": ("https://data-in.mixpanel.com", "https://in.mixpanel.com"),
}
QUERIES_AT_ONCE = 5

# An export may send nothing for minutes before its first byte; as a whole it is not limited.
TIMEOUT = httpx.Timeout(60, connect=20, read=600)
# Mixpanel's own timeouts: 488 s for queries, 120 s in the app API.
QUERY_READ_TIMEOUT = 500.0
APP_READ_TIMEOUT = 130.0
LONGEST_ERROR_SECONDS = 60.0
ENCODINGS = ("", "identity", "gzip")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")

Kind = Literal["export", "query", "lexicon"]
T = TypeVar("T")

NO_WAIT = 5.0  # seconds that a client waits at most with `wait=False`

# Parsing holds the GIL anyway; the lock keeps the objects of one answer only in memory.
_PARSING = threading.Lock()


class Content(TypedDict, total=False):
    """The optional parts of a request; see Question."""

    params: Mapping[str, Any] | None
    form: Mapping[str, Any] | None
    body: Any
    kind: Kind | None
    read_timeout: float | None


@dataclass(frozen=True)
class Question:
    """One request for JSON. `path` begins with /api/query/ or /api/app/; no value is secret.

    `kind` is the budget of the request, None if Mixpanel does not limit it. The project_id is added
    to queries only: the app API rejects unknown parameters.
    """

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    form: Mapping[str, Any] | None = None
    body: Any = None  # sent as JSON unless None
    kind: Kind | None = "query"
    read_timeout: float | None = None  # seconds between two bytes; None: the API's default

    @property
    def is_query(self) -> bool:
        """Whether the request counts toward the five concurrent queries of a project."""
        return self.path.startswith("/api/query/")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to retry after a temporary error."""

    attempts: int = 4
    first_delay: float = 1.0
    longest_delay: float = 60.0
    longest_wait: float = 3600.0  # seconds; a longer Retry-After raises

    def delay(self, attempt: int, error: errors.MixpanelDataError) -> float:
        """Seconds before the next attempt: the server's Retry-After, else backoff with jitter."""
        asked = error.details.get("retry_after")
        if isinstance(asked, int | float):
            return float(asked)
        return min(self.first_delay * 2.0**attempt, self.longest_delay) * random.uniform(0.5, 1.0)


class Client:
    """Sends requests for one project. Close it, or use it in a `with` statement."""

    def __init__(
        self,
        credentials: Credentials,
        budget: Budget,
        *,
        base_url: str | None = None,
        retry: RetryPolicy | None = None,
        bounds: Bounds = Bounds(),  # noqa: B008  frozen, so safe to share
        note: Callable[[str], None] = lambda message: None,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.credentials = credentials
        self.budget = budget
        self.bounds = bounds
        self.note = note
        # A project secret implies the project; Mixpanel rejects it together with a project_id.
        legacy = credentials.kind == "project_secret"
        self.scope = {} if legacy else {"project_id": credentials.project_id}
        if credentials.warning:
            note(credentials.warning)
        self.names: Names | None = None  # known names of the project; see tell_names
        self._stopped = threading.Event()
        self._counting = threading.Lock()
        self._sleep = sleep or self._pause
        self._clock = clock
        self.requests = 0
        self._retry = retry or RetryPolicy()
        hosts = (base_url, base_url) if base_url else HOSTS[credentials.region]
        self._export_host, self._query_host = hosts
        self._slots = _query_slots(credentials.project_id)
        # Plain http stays on this machine: it bypasses proxies of the environment.
        direct = (base_url or "").startswith("http:")
        auth = auth_of(credentials)
        with _proxy_errors_hidden():
            self._http = httpx.Client(
                auth=auth,
                timeout=TIMEOUT,
                follow_redirects=False,  # credentials go to no other host
                trust_env=not direct,
                headers={"User-Agent": "mixpanel-assets", "Accept-Encoding": "gzip"},
                transport=transport,
            )

    @classmethod
    def open(
        cls,
        settings: Settings,
        credentials: Credentials,
        *,
        wait: bool = True,
        attempts: int = RetryPolicy.attempts,
        note: Callable[[str], None] = lambda message: None,
    ) -> Self:
        """Return a client with these settings and the budget shared by all processes.

        Without `wait` it raises instead of waiting for Mixpanel's limits. `note` receives messages
        about waits and retries.
        """
        longest = RetryPolicy.longest_wait if wait else NO_WAIT
        return cls(
            credentials,
            Budget(settings.home / "budget.sqlite", credentials.project_id),
            base_url=settings.base_url,
            bounds=Bounds.of(settings),
            retry=RetryPolicy(attempts=attempts, longest_wait=longest),
            note=note,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> datetime:
        """The current time by the client's clock."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def close(self) -> None:
        """Close all connections, and end the waits of other threads."""
        self._stopped.set()
        self._http.close()

    @contextmanager
    def stream_export(self, params: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The open response to one raw export request; raises if its status is not 200.

        https://developer.mixpanel.com/reference/raw-event-export
        """
        request = self._http.build_request(
            "GET", f"{self._export_host}/api/2.0/export", params={**self.scope, **params}
        )
        with self._sent(request, "export") as response:
            yield response

    def ask(self, method: str, path: str, **content: Unpack[Content]) -> Any:
        """Mixpanel's answer as parsed JSON, with exact integers; retried after temporary errors.

        Only for requests that are safe to repeat. See Question for the arguments. Raises what
        `answer_of` raises, UnavailableError and BudgetExhaustedError.
        """
        return self.answer_to(Question(method, path, **content), answer_of)

    def answer_to(
        self, question: Question, decide: Callable[[int, Mapping[str, str], bytes], T]
    ) -> T:
        """The result of `decide(status, headers, body)`; retried after temporary errors."""

        def attempt() -> T:
            answer = self._exchange(question)
            with _PARSING:
                return decide(*answer)

        return self.retrying(attempt)

    def _exchange(self, question: Question) -> tuple[int, Mapping[str, str], bytes]:
        default = QUERY_READ_TIMEOUT if question.is_query else APP_READ_TIMEOUT
        project = self.scope if question.is_query else {}
        request = self._http.build_request(
            question.method,
            f"{self._query_host}{question.path}",
            params={**project, **(question.params or {})},
            data=question.form,
            json=question.body,
            timeout=httpx.Timeout(60, connect=20, read=question.read_timeout or default),
        )
        slots = self._slots if question.is_query else nullcontext()
        with self._sent(request, question.kind, slots) as response, self._translated(request):
            return response.status_code, response.headers, self.bounds.whole(_decoded(response))

    @contextmanager
    def _sent(
        self,
        request: httpx.Request,
        kind: Kind | None,
        slots: AbstractContextManager[Any] = nullcontext(),  # noqa: B008  it has no state
    ) -> Iterator[httpx.Response]:
        """The open response to a request, sent when the budget and a slot allow it.

        Raises if its status is not 200.
        """
        if kind:
            self.budget.spend(kind, self.note, self._sleep, self._retry.longest_wait)
        with slots:
            with self._counting:
                self.requests += 1
            with self._translated(request):
                response = self._http.send(request, stream=True)
            try:
                self._check_open()  # `close` may have been called by another thread
                if response.status_code != 200:
                    with self._translated(request):
                        body = _beginning(response)
                    error = error_for(response.status_code, response.headers, body)
                    self._settle(kind, error)
                    raise error
                yield response
            finally:
                response.close()

    def _settle(self, kind: Kind | None, error: errors.MixpanelDataError) -> None:
        """Record a refused request: queries are not counted, a Retry-After blocks all processes."""
        refused = isinstance(
            error, errors.RateLimitError | errors.AuthenticationError | errors.PlanRequiredError
        )
        if kind == "query" and refused:
            self.budget.give_back(kind)
        if kind and isinstance(error, errors.RateLimitError):
            self.budget.block(kind, error.details.get("retry_after"))

    def retrying(self, attempt: Callable[[], T], attempts: int | None = None) -> T:
        """The result of `attempt`, which is repeated after temporary errors."""
        most = attempts or self._retry.attempts
        for count in range(most):
            try:
                return attempt()
            except errors.MixpanelDataError as error:
                delay = self._retry.delay(count, error)
                last = count + 1 == most or self._stopped.is_set()
                last = last or isinstance(
                    error, errors.BudgetExhaustedError
                )  # it has waited already
                if last or not error.may_pass_later or delay > self._retry.longest_wait:
                    raise
                self.note(f"{error.message}; retrying in {delay:.0f} s ({count + 2}/{most})")
            self._sleep(delay)
        raise AssertionError("unreachable")

    def _pause(self, seconds: float) -> None:
        self._stopped.wait(seconds)
        self._check_open()

    def _check_open(self) -> None:
        if self._stopped.is_set():
            raise errors.MixpanelDataError("the client was stopped")

    @contextmanager
    def _translated(self, request: httpx.Request) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, httpx.DecodingError) as error:
            host = f"{request.url.scheme}://{request.url.netloc.decode()}"
            raise errors.UnavailableError(
                f"{host} can't be reached: {str(error) or type(error).__name__}",
                hint="check the network, MP_REGION and MP_BASE_URL, then try again",
                host=host,
            ) from error


def auth_of(credentials: Credentials) -> httpx.Auth | Callable[[httpx.Request], httpx.Request]:
    """The authentication: Basic for accounts and project secrets, Bearer for tokens.

    https://developer.mixpanel.com/reference/authentication
    """
    secret = credentials.secret.get_secret_value()
    if credentials.kind == "service_account":
        return httpx.BasicAuth(credentials.username, secret)
    if credentials.kind == "project_secret":
        return httpx.BasicAuth(secret, "")

    def bearer(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {secret}"
        return request

    return bearer


@contextmanager
def _proxy_errors_hidden() -> Iterator[None]:
    """Replace httpx's errors about a proxy's URL, which may quote a part of its password."""
    try:
        yield
    except (ValueError, httpx.InvalidURL, ImportError):
        names = sorted(name for name in os.environ if name.lower() in PROXIES)
        if not names:
            raise
        raise errors.ConfigError(
            f"{' or '.join(names)} is not a supported proxy URL",
            hint="write http://host:port or https://host:port; escape a / in a password as %2F",
        ) from None


@cache
def _query_slots(_project_id: str) -> threading.BoundedSemaphore:
    # Shared by all clients of this process; other processes are limited by the budget only.
    return threading.BoundedSemaphore(QUERIES_AT_ONCE)


def _beginning(response: httpx.Response) -> bytes:
    body, end = bytearray(), time.monotonic() + LONGEST_ERROR_SECONDS
    for chunk in _decoded(response):
        body += chunk
        if len(body) > LONGEST_ERROR or time.monotonic() > end:
            break
    return bytes(body)


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    """The uncompressed body. Several encodings are refused: each may expand it a thousandfold."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise httpx.DecodingError(f"the Content-Encoding {encoding[:80]!r} was not requested")
    return response.iter_bytes()
