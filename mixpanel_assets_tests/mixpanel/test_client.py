"""What an answer means is decided by what came back, and by nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

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
from mixpanel_assets.mixpanel.client import Client, RetryPolicy, error_for, seconds_to_wait

HOUR_SPENT = (
    b'{"request":"https://mixpanel.com/api/query/insights?project_id=1","error":"Query rate limit '
    b"exceeded for project_id: 1. This request exceeded the rate limit (61/60 queries running in "
    b'the last hour)."}'
)

ANSWERS = [
    (400, b"Unable to authenticate request", AuthenticationError, "Unable to authenticate"),
    (400, b"to_date cannot be later than today", QueryError, "to_date cannot be later than today"),
    (400, b'{"error":"bad where","request":"/api/2.0/export"}', QueryError, "bad where"),
    (401, b'{"error":"Invalid credentials"}', AuthenticationError, "Invalid credentials"),
    (402, b'{"error":"Your plan does not allow API calls."}', PlanRequiredError, "Your plan"),
    (403, b"no access", AuthenticationError, "no access"),
    (404, b"", QueryError, "(no text)"),
    (412, b'{"error":"script failed"}', QueryError, "script failed"),
    (418, b"teapot", APIError, "teapot"),
    (429, HOUR_SPENT, RateLimitError, "61/60 queries"),
    (500, b"unknown error", ServerError, "unknown error"),
    (502, b"<html>\n<b>Bad Gateway</b></html>", ServerError, "<b>Bad Gateway</b>"),
    (503, b"\xff\xfe", ServerError, "\ufffd"),
]


@pytest.mark.parametrize(("status", "body", "kind", "words"), ANSWERS)
def test_every_answer_is_an_error_of_its_own_with_the_servers_words(
    status: int, body: bytes, kind: type[MixpanelDataError], words: str
) -> None:
    error = error_for(status, {}, body)
    assert type(error) is kind
    assert words in error.message
    assert error.details["status"] == status


def test_a_long_error_page_is_cut() -> None:
    assert len(error_for(500, {}, b"x" * 100_000).message) < 600


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3600", 3600),
        ("0.5", 0.5),
        ("-3", 0),
        ("Tue, 02 Jan 2024 00:01:00 GMT", 60),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str, seconds: float | None) -> None:
    now = datetime(2024, 1, 2, tzinfo=UTC)
    assert seconds_to_wait({"Retry-After": header}, now) == seconds


@pytest.fixture
def asked() -> list[httpx.Request]:
    return []


def client(tmp_path: Path, answers: Iterator[httpx.Response], asked: list[httpx.Request]) -> Client:
    """A client whose wire answers these, and whose sleeps are recorded as its notes."""

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return next(answers)

    return Client(
        Credentials(username="u", secret=SecretStr("s"), project_id="1"),
        Budget(tmp_path / "budget.sqlite", "1"),
        retry=RetryPolicy(longest_wait=600),
        sleep=lambda seconds: None,
        transport=httpx.MockTransport(wire),
    )


def test_credentials_do_not_follow_a_redirect(tmp_path: Path, asked: list[httpx.Request]) -> None:
    away = httpx.Response(302, headers={"Location": "https://elsewhere.example/"})
    mixpanel = client(tmp_path, iter([away]), asked)
    with mixpanel, pytest.raises(APIError), mixpanel.stream_export({}):
        pass
    assert [request.url.host for request in asked] == ["data.mixpanel.com"]


def test_the_secret_is_in_no_url_and_no_repr(tmp_path: Path, asked: list[httpx.Request]) -> None:
    with client(tmp_path, iter([httpx.Response(200)]), asked) as mixpanel:
        with mixpanel.stream_export({"from_date": "2024-01-02"}):
            pass
        assert "s" not in str(mixpanel.credentials.secret).replace("*", "")
    assert str(asked[0].url) == (
        "https://data.mixpanel.com/api/2.0/export?project_id=1&from_date=2024-01-02"
    )


def test_a_retry_after_that_is_too_long_is_not_waited_for(
    tmp_path: Path, asked: list[httpx.Request]
) -> None:
    limited = httpx.Response(429, headers={"Retry-After": "3600"}, content=HOUR_SPENT)

    def attempt() -> None:
        with mixpanel.stream_export({}):
            pass

    with client(tmp_path, iter([limited]), asked) as mixpanel, pytest.raises(RateLimitError):
        mixpanel.retrying(attempt)
    assert len(asked) == 1


def test_waiting_in_another_thread_ends_when_the_client_is_closed(tmp_path: Path) -> None:
    mixpanel = Client(
        Credentials(username="u", secret=SecretStr("s"), project_id="1"),
        Budget(tmp_path / "budget.sqlite", "1"),
        retry=RetryPolicy(first_delay=3600, longest_delay=3600, longest_wait=7200),
        note=lambda message: mixpanel.close(),
    )

    def attempt() -> None:
        raise UnavailableError("no network")

    with pytest.raises(MixpanelDataError):
        mixpanel.retrying(attempt)
