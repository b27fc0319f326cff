from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mixpanel_assets.simulator.faults import PAGE_KINDS
from mixpanel_assets.simulator.limits import QueryLimiter
from mixpanel_assets.simulator.query.engage import Paging
from mixpanel_assets.simulator.server import Simulator

POLICY = '"project";q=60;w=3600, "project-concurrency";q=5;qu="concurrent-requests"'


def _later(sim, engage, page, **asked):
    session = engage(sim, page_size=10, **asked).json()["session_id"]
    return engage(sim, page_size=10, session_id=session, page=page, **asked)


@pytest.mark.parametrize("kind", ["401", "402", "403", "500"])
def test_a_status_fault_answers_json(crowd, engage, kind):
    answer = engage(crowd(1, engage_faults=[f"{kind}@*"]))

    assert answer.status_code == int(kind)
    assert answer.json()["error"]


def test_a_502_is_a_page(crowd, engage):
    assert engage(crowd(1, engage_faults=["502@1"])).text.startswith("<html>")


def test_a_429_tells_of_the_hour_that_is_spent(crowd, engage):
    answer = engage(crowd(1, engage_faults=["429@1"], retry_after=7))

    assert answer.status_code == 429
    assert "(61/60 queries running in the last hour)" in answer.json()["error"]
    assert answer.headers["ratelimit-policy"] == POLICY
    assert answer.headers["ratelimit"] == '"project";r=0;t=7, "project-concurrency";r=5'
    assert answer.headers["retry-after"] == "7"


def test_a_bare_429_is_of_a_busy_server(crowd, engage):
    answer = engage(crowd(1, engage_faults=["429-bare@1"]))

    assert answer.status_code == 429
    assert not {"retry-after", "ratelimit", "ratelimit-policy"} & set(answer.headers)
    assert "limit (" not in answer.json()["error"]


def test_a_reset_drops_the_connection_mid_page(crowd, engage):
    sim = crowd(100, engage_faults=["reset@2"])
    session = engage(sim, page_size=10).json()["session_id"]

    with pytest.raises(httpx.RemoteProtocolError):
        engage(sim, page_size=10, session_id=session, page=1)
    assert engage(sim, page_size=10, session_id=session, page=1).status_code == 200


def test_a_slow_page_is_late_but_whole(crowd, engage, ids):
    sim = crowd(3, engage_faults=["slow@1"], slow_seconds=0.15)
    began = time.monotonic()

    assert len(ids(engage(sim))) == 3
    assert time.monotonic() - began >= 0.15


def test_an_expired_session_stays_so(crowd, engage):
    sim = crowd(30, engage_faults=["expired@2"])
    session = engage(sim, page_size=10).json()["session_id"]

    answers = [engage(sim, page_size=10, session_id=session, page=1) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "expired" in answers[0].json()["error"]


def test_a_short_page_lacks_what_it_has_when_asked_again(crowd, engage, ids):
    sim = crowd(30, engage_faults=["short@2"])
    session = engage(sim, page_size=10).json()["session_id"]

    short, again, last = (engage(sim, page_size=10, session_id=session, page=n) for n in (1, 1, 2))

    assert ids(short) == [f"u{n}" for n in range(10, 15)]
    assert short.json()["page_size"] == 10
    assert ids(again) == [f"u{n}" for n in range(10, 20)]
    assert ids(last) == [f"u{n}" for n in range(20, 30)]


def test_a_duplicate_page_repeats_the_end_of_the_one_before(crowd, engage, ids):
    answer = _later(crowd(30, engage_faults=["duplicate@2"]), engage, 1)

    assert ids(answer) == [f"u{n}" for n in range(9, 20)]


def test_faults_of_engage_and_of_export_are_apart(crowd, engage, export):
    sim = crowd(1, faults=["500@1"], engage_faults=["502@2"])

    assert engage(sim).status_code == 200
    assert export(sim).status_code == 500
    assert engage(sim).status_code == 502
    sim.fail_engage("402@2")
    assert [engage(sim).status_code for _ in range(3)] == [200, 402, 200]
    sim.fail_engage("402@*")
    sim.fail_engage()
    assert engage(sim).status_code == 200


def test_what_only_an_export_can_suffer_is_no_fault_of_engage():
    with pytest.raises(ValueError, match="not a fault: 'cut-line@1'"):
        Simulator(engage_faults=["cut-line@1"])


def test_the_request_after_a_fault_is_whole(crowd, engage, ids):
    sim = crowd(20, slow_seconds=0)
    for kind in PAGE_KINDS:
        sim.fail_engage(f"{kind}@1")
        try:
            engage(sim)
        except httpx.RemoteProtocolError:
            assert kind == "reset"
        assert len(ids(engage(sim))) == 20


def test_pages_take_their_time(crowd, engage):
    sim = crowd(3, paging=Paging(page_latency=0.1))
    began = time.monotonic()

    _later(sim, engage, 1)

    assert time.monotonic() - began >= 0.2


def test_a_sixth_query_at_once_is_refused_and_counted(crowd, engage):
    sim = crowd(3, paging=Paging(page_latency=0.5))
    start = threading.Barrier(6)

    def ask(_number):
        start.wait()
        return engage(sim)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429]
    assert sim.concurrency_violations == 1
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "concurrency limit (6/5 queries running concurrently)" in refused.json()["error"]
    assert refused.headers["ratelimit-policy"] == POLICY
    assert refused.headers["ratelimit"].endswith('"project-concurrency";r=0;t=10')
    assert refused.headers["retry-after"] == "10"
    assert engage(sim).status_code == 200


def test_five_queries_at_once_pass(crowd, engage):
    sim = crowd(3, paging=Paging(page_latency=0.05))

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: engage(sim), range(15)))

    assert {answer.status_code for answer in answers} == {200}
    assert sim.concurrency_violations == 0


def test_only_first_pages_count_in_the_hour(crowd, engage):
    sim = crowd(3, limits=True)
    session = engage(sim, page_size=1).json()["session_id"]
    for page in (0, 1, 2) * 3:
        engage(sim, page_size=1, page=page, session_id=session)
    assert engage(sim, page="x").status_code == 400
    assert engage(sim, auth=("nobody", "x")).status_code == 401
    assert {engage(sim).status_code for _ in range(59)} == {200}

    answer = engage(sim)

    assert answer.status_code == 429
    assert answer.headers["ratelimit"] == '"project";r=0;t=3600, "project-concurrency";r=4'
    assert answer.headers["retry-after"] == "3600"
    assert engage(sim, page_size=1, page=1, session_id=session).status_code == 200


def test_a_query_that_is_an_hour_old_counts_no_more():
    now = [0.0]
    limiter = QueryLimiter("12345", lambda: now[0], hourly=True)
    assert [limiter.admit() for _ in range(60)] == [None] * 60
    now[0] = 1000.0
    refusal = limiter.admit()
    assert refusal
    assert refusal.retry_after == 2600

    now[0] = 3600.0

    assert limiter.admit() is None


def test_no_hourly_limit_holds_unless_asked():
    limiter = QueryLimiter("12345", lambda: 0.0, hourly=False)

    assert {limiter.admit() for _ in range(100)} == {None}
