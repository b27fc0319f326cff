"""One connection to one Mixpanel project: hosts, authentication, limits, retries."""

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
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import httpx

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.errors import (
    AuthenticationError,
    BudgetExhaustedError,
    ConfigError,
    MixpanelDataError,
    PlanRequiredError,
    RateLimitError,
    UnavailableError,
)
from mixpanel_assets.mixpanel.answers import LONGEST_ERROR, answer_of, error_for
from mixpanel_assets.mixpanel.bounds import Bounds
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.settings import Settings

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.names import Names

# https://developer.mixpanel.com/reference/overview
EXPORT_HOSTS = {
    "us": "https://data.mixpanel.com",
    "eu": "https://data-eu.mixpanel.com",
    "in": "https://data-in.mixpanel.com",
}

# The query API (/api/query) and the app API (/api/app) share a host.
QUERY_HOSTS = {
    "us": "https://mixpanel.com",
    "eu": "https://eu.mixpanel.com",
    "in": "https://in.mixpanel.com",
}
QUERIES_AT_ONCE = 5

# An export may be silent for minutes before its first byte, and has no time limit as a whole.
TIMEOUT = httpx.Timeout(60, connect=20, read=600)
# Mixpanel itself gives up after 488 s on a query, and after 120 s in the app API.
QUERY_READ_TIMEOUT = 500.0
APP_READ_TIMEOUT = 130.0
LONGEST_ERROR_SECONDS = 60.0
ENCODINGS = ("", "identity", "gzip")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")

Kind = Literal["export", "query", "lexicon"]
T = TypeVar("T")

NO_WAIT = 5.0  # seconds that a client waits even when it is told not to

# Python parses one JSON text at a time anyway; so only one is in memory as objects, too.
_PARSING = threading.Lock()


@dataclass(frozen=True)
class Question:
    """One request for JSON. `path` begins with /api/query/ or /api/app/; no values are secret.

    `kind` is the budget that it is paid from, None for what Mixpanel doesn't count. A query's
    project_id goes without saying; the app API takes no parameters that it does not know.
    """

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    form: Mapping[str, Any] | None = None  # None: no form
    body: Any = None  # JSON; None: none
    kind: Kind | None = "query"
    read_timeout: float | None = None  # seconds between two bytes; None: as the API needs

    @property
    def is_query(self) -> bool:
        """Whether it is one of the queries of which a project has five at once."""
        return self.path.startswith("/api/query/")


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
        # A project secret stands for one project, and is refused beside the project's id.
        legacy = credentials.kind == "project_secret"
        self.scope = {} if legacy else {"project_id": credentials.project_id}
        if credentials.warning:
            note(credentials.warning)
        self.names: Names | None = None  # those of the project, if somebody tells
        self._stopped = threading.Event()
        self._counting = threading.Lock()
        self._sleep = sleep or self._pause
        self._clock = clock
        self.requests = 0
        self._retry = retry or RetryPolicy()
        self._export_host = base_url or EXPORT_HOSTS[credentials.region]
        self._query_host = base_url or QUERY_HOSTS[credentials.region]
        self._slots = _query_slots(credentials.project_id)
        # Plain http stays on this machine: not even a proxy that is set hears of it.
        direct = (base_url or "").startswith("http:")
        auth = auth_of(credentials)
        with _wrong_proxy_told():
            self._http = httpx.Client(
                auth=auth,
                timeout=TIMEOUT,
                follow_redirects=False,  # credentials go to the host that was asked, and no other
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
        """Return a client as the settings want it, with the budget that all processes share.

        Without `wait` it raises rather than waits for Mixpanel's limits. `note` is called with
        waits and retries.
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def now(self) -> datetime:
        """The moment it is for this client: what is asked now holds nothing that comes later."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def close(self) -> None:
        """No connection is open any more, and whoever waits in another thread stops waiting."""
        self._stopped.set()
        self._http.close()

    @contextmanager
    def stream_export(self, params: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The open 200 answer to one raw export request; any other answer is raised.

        https://developer.mixpanel.com/reference/raw-event-export
        """
        request = self._http.build_request(
            "GET",
            f"{self._export_host}/api/2.0/export",
            params={**self.scope, **params},
        )
        with self._sent(request, "export") as response:
            yield response

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        body: Any = None,
        kind: Kind | None = "query",
        read_timeout: float | None = None,
    ) -> Any:
        """Mixpanel's answer as parsed JSON, whole numbers exact; asked again while that may help.

        Only for questions, which may be put twice. See Question for the arguments; raises what
        `answer_of` does, UnavailableError and BudgetExhaustedError.
        """
        question = Question(method, path, params, form, body, kind, read_timeout)
        return self.answer_to(question, answer_of)

    def answer_to(
        self, question: Question, decide: Callable[[int, Mapping[str, str], bytes], T]
    ) -> T:
        """What `decide` makes of (status, headers, body); asked again if its error may pass."""

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
            body = self.bounds.whole(_decoded(response))
            return response.status_code, response.headers, body

    @contextmanager
    def _sent(
        self,
        request: httpx.Request,
        kind: Kind | None,
        slots: AbstractContextManager[Any] = nullcontext(),  # noqa: B008  it has no state
    ) -> Iterator[httpx.Response]:
        """The open 200 answer to a request that its budget and its slots allow."""
        if kind:
            self.budget.spend(kind, self.note, self._sleep, self._retry.longest_wait)
        with slots:
            self._count()
            with self._translated(request):
                response = self._http.send(request, stream=True)
            try:
                # Closed meanwhile: an answer that nobody reads takes its connection with it.
                self._check_open()
                if response.status_code != 200:
                    with self._translated(request):
                        body = _beginning(response)
                    error = error_for(response.status_code, response.headers, body)
                    self._settle(kind, error)
                    raise error
                yield response
            finally:
                response.close()

    def _settle(self, kind: Kind | None, error: MixpanelDataError) -> None:
        """The ledger knows what a refusal costs: a Retry-After for all, a query nothing."""
        refused = isinstance(error, RateLimitError | AuthenticationError | PlanRequiredError)
        if kind == "query" and refused:
            self.budget.give_back(kind)
        if kind and isinstance(error, RateLimitError):
            self.budget.block(kind, error.details.get("retry_after"))

    def _count(self) -> None:
        with self._counting:
            self.requests += 1

    def retrying(self, attempt: Callable[[], T], attempts: int | None = None) -> T:
        """What `attempt` returns, asked again as long as its failure may pass."""
        most = attempts or self._retry.attempts
        for count in range(most):
            try:
                return attempt()
            except MixpanelDataError as error:
                delay = self._retry.delay(count, error)
                last = count + 1 == most or self._stopped.is_set()
                last = last or isinstance(error, BudgetExhaustedError)  # it waited as it may
                if last or not error.may_pass_later or delay > self._retry.longest_wait:
                    raise
                self.note(f"{error.message}; asking again in {delay:.0f} s ({count + 2}/{most})")
            self._sleep(delay)
        raise AssertionError("unreachable")

    def _pause(self, seconds: float) -> None:
        self._stopped.wait(seconds)
        self._check_open()

    def _check_open(self) -> None:
        if self._stopped.is_set():
            raise MixpanelDataError("stopped before its turn came")

    @contextmanager
    def _translated(self, request: httpx.Request) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, httpx.DecodingError) as error:
            host = f"{request.url.scheme}://{request.url.netloc.decode()}"
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


@contextmanager
def _wrong_proxy_told() -> Iterator[None]:
    """What httpx says of a proxy's address may hold a part of its password: it is not told."""
    try:
        yield
    except (ValueError, httpx.InvalidURL, ImportError):
        names = sorted(name for name in os.environ if name.lower() in PROXIES)
        if not names:
            raise
        raise ConfigError(
            f"{' or '.join(names)} is no address of a proxy that can be used",
            hint="write http://host:port or https://host:port; %2F stands for a / in a password",
        ) from None


@cache
def _query_slots(_project_id: str) -> threading.BoundedSemaphore:
    # Every client of a process shares them; other processes are known by their counts alone.
    return threading.BoundedSemaphore(QUERIES_AT_ONCE)


def _beginning(response: httpx.Response) -> bytes:
    body, end = bytearray(), time.monotonic() + LONGEST_ERROR_SECONDS
    for chunk in _decoded(response):
        body += chunk
        if len(body) > LONGEST_ERROR or time.monotonic() > end:
            break
    return bytes(body)


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    """The uncompressed body; each layer of compression could make it a thousand times larger."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise httpx.DecodingError(f"its Content-Encoding {encoding[:80]!r} was not asked for")
    return response.iter_bytes()
