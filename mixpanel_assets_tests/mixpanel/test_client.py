"""A client asks the right host, in its turn, and tells nobody its secret."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials, Region
from mixpanel_assets.errors import (
    APIError,
    MixpanelDataError,
    RateLimitError,
    UnavailableError,
)
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy

HOUR_SPENT = b'{"error":"This request exceeded the rate limit (61/60 queries)."}'


@pytest.fixture
def asked() -> list[httpx.Request]:
    return []


def client(
    tmp_path: Path,
    answers: Iterator[httpx.Response],
    asked: list[httpx.Request],
    region: Region = "us",
) -> Client:
    """A client whose wire answers these, and whose sleeps are recorded as its notes."""

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return next(answers)

    return Client(
        Credentials(username="u", secret=SecretStr("s"), project_id="1", region=region),
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


def test_the_query_and_app_hosts_are_those_of_the_region(
    tmp_path: Path, asked: list[httpx.Request]
) -> None:
    answers = iter([httpx.Response(200, json=[])] * 6)
    for region in ("us", "eu", "in"):
        with client(tmp_path, answers, asked, region=region) as mixpanel:
            mixpanel.ask("GET", "/api/query/events/names", params={"type": "general"})
            mixpanel.ask("GET", "/api/app/projects/1/schemas", kind="lexicon")
    query, app = "/api/query/events/names?project_id=1&type=general", "/api/app/projects/1/schemas"
    assert [str(request.url) for request in asked] == [
        f"https://{host}{path}"
        for host in ("mixpanel.com", "eu.mixpanel.com", "in.mixpanel.com")
        for path in (query, app)
    ]


def test_a_question_is_paid_from_the_budget_of_its_kind(
    tmp_path: Path, asked: list[httpx.Request]
) -> None:
    with client(tmp_path, iter([httpx.Response(200, json={})] * 4), asked) as mixpanel:
        mixpanel.ask("GET", "/api/query/insights")
        mixpanel.ask("GET", "/api/query/insights")
        mixpanel.ask("GET", "/api/app/projects/1/schemas", kind="lexicon")
        mixpanel.ask("GET", "/api/app/projects/1/annotations", kind=None)
        used = {kind: row["used"] for kind, row in mixpanel.budget.report().items()}
    assert used == {"export": 0, "query": 2, "lexicon": 1}
    assert mixpanel.requests == 4


def test_a_form_and_a_json_body_travel_as_such(tmp_path: Path, asked: list[httpx.Request]) -> None:
    with client(tmp_path, iter([httpx.Response(200, json=[])] * 2), asked) as mixpanel:
        mixpanel.ask("POST", "/api/query/engage", form={"where": 'properties["a"] == "ü"'})
        mixpanel.ask("POST", "/api/app/projects/1/x", body={"a": [1]}, kind=None)
    assert [request.content for request in asked] == [
        b"where=properties%5B%22a%22%5D+%3D%3D+%22%C3%BC%22",
        b'{"a":[1]}',
    ]


def test_a_question_is_put_again_until_its_failure_has_passed(
    tmp_path: Path, asked: list[httpx.Request]
) -> None:
    answers = iter([httpx.Response(502), httpx.Response(500), httpx.Response(200, json=[1])])
    with client(tmp_path, answers, asked) as mixpanel:
        assert mixpanel.ask("GET", "/api/query/insights") == [1]
    assert len(asked) == 3


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 412])
def test_a_question_that_cannot_be_answered_is_put_once(
    tmp_path: Path, asked: list[httpx.Request], status: int
) -> None:
    answers = iter([httpx.Response(status)])
    with client(tmp_path, answers, asked) as mixpanel, pytest.raises(APIError):
        mixpanel.ask("GET", "/api/query/insights")
    assert len(asked) == 1


@pytest.mark.parametrize(("status", "used"), [(401, 0), (402, 0), (429, 0), (400, 1)])
def test_what_mixpanel_refuses_to_run_is_not_counted(
    tmp_path: Path, asked: list[httpx.Request], status: int, used: int
) -> None:
    refused = httpx.Response(status, headers={"Retry-After": "3600"})
    with client(tmp_path, iter([refused]), asked) as mixpanel:
        with pytest.raises(APIError):
            mixpanel.ask("GET", "/api/query/insights")
        assert mixpanel.budget.report()["query"]["used"] == used


def test_a_retry_after_of_a_query_holds_for_every_process(
    tmp_path: Path, asked: list[httpx.Request]
) -> None:
    limited = httpx.Response(429, headers={"Retry-After": "3600"})
    with client(tmp_path, iter([limited]), asked) as mixpanel, pytest.raises(RateLimitError):
        mixpanel.ask("GET", "/api/query/insights")
    other = Budget(tmp_path / "budget.sqlite", "1")
    assert other.report()["query"]["resets_in"] > 3590
    assert other.report()["export"]["resets_in"] == 0


def test_a_project_never_has_more_than_five_queries_at_once(tmp_path: Path) -> None:
    lock, running, most = threading.Lock(), 0, 0
    full = threading.Event()

    def wire(request: httpx.Request) -> httpx.Response:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running >= 5:
                full.set()
        full.wait(30)
        with lock:
            running -= 1
        return httpx.Response(200, json=[])

    credentials = Credentials(username="u", secret=SecretStr("s"), project_id="987")
    budget = Budget(tmp_path / "budget.sqlite", "987")
    transport = httpx.MockTransport(wire)
    with (
        Client(credentials, budget, transport=transport) as one,
        Client(credentials, budget, transport=transport) as other,
        ThreadPoolExecutor(12) as pool,
    ):
        asking = [
            pool.submit(mixpanel.ask, "GET", "/api/query/insights", kind=None)
            for mixpanel in [one, other] * 10
        ]
        assert [future.result() for future in asking] == [[]] * 20
    assert most == 5


def test_a_secret_is_in_no_error(tmp_path: Path) -> None:
    def wire(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    mixpanel = Client(
        Credentials(username="ann", secret=SecretStr("hunter2"), project_id="1"),
        Budget(tmp_path / "budget.sqlite", "1"),
        retry=RetryPolicy(attempts=1),
        transport=httpx.MockTransport(wire),
    )
    with mixpanel, pytest.raises(UnavailableError) as raised:
        mixpanel.ask("GET", "/api/query/insights")
    assert "hunter2" not in f"{raised.value.to_dict()} {raised.value!r}"
    assert raised.value.details == {"host": "https://mixpanel.com"}


def test_a_question_does_not_follow_a_redirect(tmp_path: Path, asked: list[httpx.Request]) -> None:
    away = httpx.Response(302, headers={"Location": "https://elsewhere.example/"})
    with client(tmp_path, iter([away]), asked) as mixpanel, pytest.raises(APIError):
        mixpanel.ask("GET", "/api/query/insights")
    assert [request.url.host for request in asked] == ["mixpanel.com"]


def test_reading_waits_as_long_as_mixpanel_itself_would(
    tmp_path: Path, asked: list[httpx.Request]
) -> None:
    with client(tmp_path, iter([httpx.Response(200, json=[])] * 3), asked) as mixpanel:
        mixpanel.ask("GET", "/api/query/insights")
        mixpanel.ask("GET", "/api/app/projects/1/schemas", kind="lexicon")
        mixpanel.ask("GET", "/api/query/insights", read_timeout=30)
    assert [request.extensions["timeout"]["read"] for request in asked] == [500, 130, 30]


def test_an_answer_that_comes_after_the_client_is_closed_is_closed_unread(tmp_path: Path) -> None:
    class Body(httpx.SyncByteStream):
        read = closed = False

        def __iter__(self) -> Iterator[bytes]:
            self.read = True
            yield b"{}"

        def close(self) -> None:
            self.closed = True

    body = Body()

    def answers() -> Iterator[httpx.Response]:
        mixpanel.close()
        yield httpx.Response(200, stream=body)

    mixpanel = client(tmp_path, answers(), [])
    with pytest.raises(MixpanelDataError, match="stopped"):
        mixpanel.ask("GET", "/api/query/events/names")
    assert (body.read, body.closed) == (False, True)
