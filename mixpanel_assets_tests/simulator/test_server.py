from __future__ import annotations

import os
import signal
import socket
import threading
from datetime import date

import httpx
import pytest

from mixpanel_assets.simulator.limits import ExportLimiter
from mixpanel_assets.simulator.requestlog import SeenRequest
from mixpanel_assets.simulator.server import Simulator


def test_the_simulator_listens_on_loopback_only():
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        Simulator(host="0.0.0.0")


def test_nothing_is_left_after_the_block(capfd):
    threads = set(threading.enumerate())
    with Simulator(faults=["reset@1"]) as sim:
        url = sim.url
        httpx.get(url)
        httpx.get(f"{url}/nothing")

    assert set(threading.enumerate()) <= threads
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    assert capfd.readouterr() == ("", "")


def test_an_unfinished_download_does_not_keep_the_simulator():
    line = b"x" * 1_000_000
    with Simulator() as sim:
        sim.store.set_day(date(2024, 1, 2), [line] * 40)
        asked = {"project_id": "12345", "from_date": "2024-01-02", "to_date": "2024-01-02"}
        account = (sim.project.username, sim.project.secret)
        request = httpx.Request(
            "GET",
            f"{sim.url}/api/2.0/export",
            params=asked,
            headers={"Accept-Encoding": "identity"},
        )
        client = httpx.Client(auth=account)
        answer = client.send(request, stream=True)

    with pytest.raises(httpx.TransportError):
        answer.read()
    client.close()


def test_a_simulator_that_is_not_running_has_no_url():
    with pytest.raises(RuntimeError, match="not running"):
        _ = Simulator().url


def test_a_port_can_be_chosen_and_taken():
    with Simulator() as sim:
        port = int(sim.url.rsplit(":")[-1])
        with pytest.raises(OSError, match="in use"), Simulator(port=port):
            pass
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Simulator(port=port) as sim:
        assert sim.url == f"http://127.0.0.1:{port}"


def test_other_paths_are_not_found_in_json(sim):
    answer = httpx.get(f"{sim.url}/api/2.0/nothing")

    assert answer.status_code == 404
    assert answer.json() == {"error": "Not Found", "request": "/api/2.0/nothing"}


def test_every_request_is_on_record(sim):
    httpx.get(f"{sim.url}/nothing?a=1")

    seen = SeenRequest("GET", "/nothing", {"a": "1"}, 404, 1704888000.0, bytes_sent=42)
    assert sim.requests == [seen]


def test_serving_ends_with_a_signal():
    sim = Simulator()
    answers = []

    def visit_and_stop():
        answers.append(httpx.get(sim.url).status_code)
        os.kill(os.getpid(), signal.SIGTERM)

    with sim:
        visitor = threading.Thread(target=visit_and_stop)
        before = signal.getsignal(signal.SIGTERM)
        threading.Timer(0.05, visitor.start).start()
        sim.serve()
        visitor.join()

    assert answers == [200]
    assert signal.getsignal(signal.SIGTERM) is before


def test_no_limit_holds_unless_asked(sim, export):
    assert {export(sim).status_code for _ in range(5)} == {200}


def test_three_exports_a_second_pass(simulate, export):
    sim = simulate(limits=True)

    answers = [export(sim) for _ in range(4)]

    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "1"
    assert "(4/3 queries running in the last second)" in answers[3].json()["error"]


def test_sixty_exports_in_a_rolling_hour_pass():
    now = [0.0]
    limiter = ExportLimiter("12345", lambda: now[0])
    for n in range(60):
        now[0] = n * 10.0
        assert limiter.admit() is None

    now[0] = 1000.0
    refusal = limiter.admit()
    assert refusal
    assert refusal.retry_after == 2600
    assert "(61/60 queries running in the last hour)" in refusal.error
    now[0] = 3600.0
    assert limiter.admit() is None
    assert limiter.admit() is not None


def test_a_refused_export_does_not_count(simulate, export):
    now = [1704888000.0]
    sim = simulate(limits=True, clock=lambda: now[0])
    assert [export(sim, project_id="9").status_code for _ in range(3)] == [403] * 3
    assert [export(sim, limit=0).status_code for _ in range(3)] == [400] * 3
    assert [export(sim).status_code for _ in range(5)] == [200] * 3 + [429] * 2

    now[0] += 1

    assert export(sim).status_code == 200
