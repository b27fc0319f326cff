from __future__ import annotations

import gzip
import json
import time
import zlib
from contextlib import suppress
from datetime import date

import httpx
import pytest

from mixpanel_assets.simulator.faults import KINDS, parse_fault

DAY = date(2024, 1, 2)


@pytest.fixture
def broken(simulate, numbered):
    """Starts a simulator of 100 events whose first export fails in one way."""

    def start(kind, **settings):
        sim = simulate(faults=[f"{kind}@1"], **settings)
        sim.store.set_day(DAY, numbered(100))
        return sim

    return start


def _packed(sim) -> bytes:
    asked = {"project_id": "12345", "from_date": "2024-01-02", "to_date": "2024-01-02"}
    account = (sim.project.username, sim.project.secret)
    with httpx.stream("GET", f"{sim.url}/api/2.0/export", params=asked, auth=account) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        return b"".join(answer.iter_raw())


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        ("cut-glued", b":terminated early"),
        ("cut-line", b"}\nterminated early\n"),
        ("error-tail", b'}\n{"error": "unknown er'),
        ("clean-cut", b"}\n"),
    ],
)
def test_a_cut_body_ends_cleanly_after_half(broken, export, kind, ending, encoding):
    answer = export(broken(kind), headers={"Accept-Encoding": encoding})

    assert answer.status_code == 200
    assert answer.content.endswith(ending)
    assert 49 <= answer.content.count(b'{"event"') <= 50


def test_a_glued_cut_leaves_half_a_record(broken, export):
    last = export(broken("cut-glued")).content.split(b"\n")[-1]

    assert last.startswith(b'{"event":"open"')
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(last)


def test_a_body_cut_at_once_is_the_marker_alone(broken, export):
    assert export(broken("cut-body")).content == b"export terminated early"


def test_a_last_line_may_lack_its_newline(broken, export):
    content = export(broken("no-newline")).content

    assert content.endswith(b"}}")
    assert len([json.loads(line) for line in content.split(b"\n")]) == 100


def test_a_truncated_gzip_comes_in_a_complete_transport(broken):
    packed = _packed(broken("truncated-gzip"))

    with pytest.raises(EOFError):
        gzip.decompress(packed)
    assert 40 <= zlib.decompressobj(31).decompress(packed).count(b"\n") <= 50


def test_a_bad_crc_follows_all_the_data(broken):
    packed = _packed(broken("bad-crc"))

    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(packed)
    assert zlib.decompressobj(-15).decompress(packed[10:]).count(b"\n") == 100


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_reset_drops_the_connection_mid_body(broken, encoding):
    sim = broken("reset")
    asked = {"project_id": "12345", "from_date": "2024-01-02", "to_date": "2024-01-02"}
    account = (sim.project.username, sim.project.secret)
    headers = {"Accept-Encoding": encoding}

    url = f"{sim.url}/api/2.0/export"
    with httpx.stream("GET", url, params=asked, auth=account, headers=headers) as answer:
        chunks = answer.iter_raw()
        got = next(chunks)
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)

    assert answer.status_code == 200
    assert got


def test_a_slow_answer_is_late_but_whole(broken, export, records):
    sim = broken("slow", slow_seconds=0.15)
    began = time.monotonic()

    assert len(records(export(sim))) == 100
    assert time.monotonic() - began >= 0.15


@pytest.mark.parametrize("kind", ["401", "402", "403", "500"])
def test_a_status_fault_answers_json(broken, export, kind):
    answer = export(broken(kind))

    assert answer.status_code == int(kind)
    assert answer.json()["error"]


def test_a_429_says_when_to_come_back(broken, export):
    answer = export(broken("429", retry_after=7))

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert "Query rate limit exceeded for project_id: 12345" in answer.json()["error"]


def test_a_bare_429_does_not(broken, export):
    answer = export(broken("429-bare"))

    assert answer.status_code == 429
    assert "retry-after" not in answer.headers


def test_a_500_is_an_unknown_error_and_a_502_is_a_page(broken, export):
    assert "unknown error" in export(broken("500")).text
    assert export(broken("502")).text.startswith("<html>")


def test_the_request_after_a_fault_is_whole(broken, export, records):
    sim = broken("slow", slow_seconds=0)
    for kind in KINDS:
        sim.fail(f"{kind}@1")
        with suppress(httpx.HTTPError):
            export(sim)
        assert len(records(export(sim))) == 100


def test_cuts_strike_empty_days_too(simulate, export):
    sim = simulate(faults=["cut-line@1", "clean-cut@2"])

    assert export(sim).content.endswith(b"terminated early\n")
    assert export(sim).content == b""


def test_faults_strike_the_requests_they_name(simulate, export):
    sim = simulate(faults=["500@2", "502@4-5"])

    assert [export(sim).status_code for _ in range(6)] == [200, 500, 200, 502, 502, 200]


def test_faults_added_later_count_from_then(simulate, export):
    sim = simulate(faults=["500@*"])
    assert export(sim).status_code == 500
    sim.fail("402@2")
    assert [export(sim).status_code for _ in range(3)] == [500, 402, 500]
    sim.fail()
    assert export(sim).status_code == 200


@pytest.mark.parametrize("text", ["", "500", "500@", "500@0", "500@3-2", "fire@1", "500@x", "@1"])
def test_a_fault_that_makes_no_sense_is_refused(text):
    with pytest.raises(ValueError, match="not a fault"):
        parse_fault(text)


def test_an_unknown_kind_is_told_the_known_ones():
    with pytest.raises(ValueError, match=r"cut-glued, cut-line, .*clean-cut.* 429-bare"):
        parse_fault("fire@1")
