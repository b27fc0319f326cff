"""What an answer means is decided by what came back, and by nothing else."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest

from mixpanel_assets.errors import (
    APIError,
    AuthenticationError,
    MixpanelDataError,
    PlanRequiredError,
    QueryError,
    RateLimitError,
    ServerError,
)
from mixpanel_assets.mixpanel.answers import answer_of, error_for, seconds_to_wait

HELP = b"For more information, please consult our documentation at https://help.mixpanel.com"
HOUR_SPENT = (
    b'{"request":"https://mixpanel.com/api/query/insights?project_id=1","error":"Query rate limit '
    b"exceeded for project_id: 1. This request exceeded the rate limit (61/60 queries running in "
    b"the last hour). " + HELP + b'"}'
)
CROWDED = (
    b'{"error":"Query rate limit exceeded for project_id: 1. This request exceeded the concurrency '
    b'limit (6/5 queries running concurrently)."}'
)
JQL_FAILED = (
    b'{"request":"/api/query/jql?project_id=1","error":"UserVisiblePreconditionFailedError: '
    b'Uncaught exception TypeError: undefined is not a function\\n  Stack trace: main"}'
)
NO_PLAN = b'{"error":"Your plan does not allow API calls. Upgrade at mixpanel.com/pricing"}'
TOO_FAR_BACK = b'{"error":"Date range exceeds 90 days into the past"}'
JSON = {"Content-Type": "application/json"}
WAIT = {"Retry-After": "3600"}

# What came back, and the error with the words that it must have.
ERRORS: list[tuple[int, dict[str, str], bytes, type[MixpanelDataError], str]] = [
    (200, JSON, b'{"error":"unknown error"}', QueryError, "unknown error"),
    (200, JSON, b'{"error":"no such report","status":"error"}', QueryError, "no such report"),
    (200, JSON, b'{"status":"error","message":"broken"}', QueryError, "broken"),
    (200, JSON, CROWDED, RateLimitError, "6/5 queries"),
    (200, {}, b"<html>Sign in</html>", APIError, "not JSON: <html>Sign in</html>"),
    (200, {}, b"", APIError, "(no text)"),
    (200, JSON, b'{"results":[1,2', APIError, '{"results":[1,2'),
    (302, {"Location": "https://elsewhere.example/"}, b"", APIError, "302"),
    (400, {}, b"Unable to authenticate request", AuthenticationError, "Unable to authenticate"),
    (400, {}, b"to_date cannot be later than today", QueryError, "later than today"),
    (400, JSON, b'{"error":"bad where","request":"/api/2.0/export"}', QueryError, "bad where"),
    (400, JSON, b'{"request":"/api/query/x","error":"Timeout Error."}', QueryError, "Timeout"),
    (401, JSON, b'{"error":"Invalid credentials"}', AuthenticationError, "Invalid credentials"),
    (402, JSON, NO_PLAN, PlanRequiredError, "Your plan"),
    (403, JSON, b'{"error":"no access","status":"error"}', AuthenticationError, "no access"),
    (403, JSON, TOO_FAR_BACK, QueryError, "90 days into the past"),
    (404, {}, b"", QueryError, "(no text)"),
    (412, JSON, JQL_FAILED, QueryError, "TypeError: undefined is not a function Stack trace"),
    (418, {}, b"teapot", APIError, "teapot"),
    (422, JSON, b'{"error":"bad id","details":{"path":["id"]}}', QueryError, "bad id"),
    (429, WAIT, HOUR_SPENT, RateLimitError, "61/60 queries"),
    (429, {"Retry-After": "10"}, CROWDED, RateLimitError, "6/5 queries"),
    (429, {}, b'{"error":"Query rate limit exceeded ' + HELP + b'"}', RateLimitError, "exceeded"),
    (500, {}, b"unknown error", ServerError, "unknown error"),
    (502, {}, b"<html>\n<b>Bad Gateway</b></html>", ServerError, "<b>Bad Gateway</b>"),
    (503, {}, b"\xff\xfe", ServerError, "\ufffd"),
]

# 200 answers, and what they hold.
DATA: list[tuple[bytes, Any]] = [
    (b'["battle","View homepage"]', ["battle", "View homepage"]),
    (b"[]", []),
    (b"{}", {}),
    (b'{"status":"ok","results":[]}', {"status": "ok", "results": []}),
    (b'{"status":"ok","error":null}', {"status": "ok", "error": None}),
    (b'{"error":{"count":295},"status":{"count":1}}', {"error": {"count": 295}, "status": ANY}),
    (b'{"data":{"error":"x"}}', {"data": {"error": "x"}}),
    (b'{"id":-1405123841946871899}', {"id": -1405123841946871899}),
    (b'{"id":123456789012345678901234567890}', {"id": 123456789012345678901234567890}),
]


@pytest.mark.parametrize(("status", "headers", "body", "kind", "words"), ERRORS)
def test_every_answer_without_data_is_an_error_of_its_own_with_the_servers_words(
    status: int, headers: dict[str, str], body: bytes, kind: type[MixpanelDataError], words: str
) -> None:
    with pytest.raises(MixpanelDataError) as raised:
        answer_of(status, headers, body)
    assert type(raised.value) is kind
    assert words in raised.value.message
    assert raised.value.details["status"] == status


@pytest.mark.parametrize(("body", "data"), DATA)
def test_an_answer_is_its_data_whatever_names_are_in_it(body: bytes, data: Any) -> None:
    assert answer_of(200, JSON, body) == data


def test_a_limit_says_how_long_to_wait() -> None:
    assert error_for(429, WAIT, HOUR_SPENT).details["retry_after"] == 3600
    assert error_for(429, {}, HOUR_SPENT).details["retry_after"] is None


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
