from __future__ import annotations

import base64
import gzip
import json
from datetime import date

import httpx
import pytest

from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store

DAY = date(2024, 1, 2)


@pytest.fixture(scope="module")
def standing():
    """One simulator for the tests that only ask."""
    with Simulator(clock=lambda: 1704888000.0) as sim:
        sim.store.set_day(DAY, [b'{"event":"open","properties":{"time":1704189600000,"n":1}}'])
        yield sim


def test_a_range_includes_both_its_days(sim, event, export, records):
    sim.store.add([event("a", f"2024-01-0{n}T23:59:59") for n in (1, 2, 3, 4)])

    found = records(export(sim, "2024-01-02", "2024-01-03"))

    assert [r["properties"]["time"] for r in found] == [1704239999000, 1704326399000]


def test_a_line_is_compact_json_with_raw_characters(sim, event, export):
    sim.store.add([event("open", city="Łódź 🌙\u2028")])

    answer = export(sim)

    properties = '{"time":1704189600000,"distinct_id":"ana","city":"Łódź 🌙\u2028"}'
    assert answer.text == '{"event":"open","properties":' + properties + "}\n"
    assert answer.headers["content-type"].startswith("text/plain")


def test_an_empty_day_is_a_success_of_no_bytes(sim, export):
    answer = export(sim)

    assert (answer.status_code, answer.content) == (200, b"")


def test_times_are_in_seconds_unless_asked_otherwise(sim, event, export, records):
    sim.store.add([event(at="2024-01-02T10:00:00.789")])

    assert records(export(sim))[0]["properties"]["time"] == 1704189600789
    assert records(export(sim, time_in_ms=None))[0]["properties"]["time"] == 1704189600


def test_duplicates_are_not_removed(sim, event, export, records):
    sim.store.add([event(**{"$insert_id": "x"})] * 3)

    assert len(records(export(sim))) == 3


def test_the_event_filter_keeps_the_named_events(sim, event, export, records):
    sim.store.add([event("a"), event('b "quoted"'), event("c")])

    found = records(export(sim, event=json.dumps(["a", 'b "quoted"'])))

    assert [r["event"] for r in found] == ["a", 'b "quoted"']


def test_the_where_filter_and_the_event_filter_both_apply(sim, event, export, records):
    sim.store.add([event("a", n=1), event("a", n=5), event("b", n=9)])

    found = records(export(sim, event='["a"]', where='properties["n"] > 3'))

    assert [r["properties"]["n"] for r in found] == [5]


def test_late_arrivals_can_be_found_by_processing_time(sim, event, export, records):
    sim.store.add([event("old", mp_processing_time_ms=10), event("new", mp_processing_time_ms=90)])

    found = records(export(sim, where='number(properties["mp_processing_time_ms"]) >= 50'))

    assert [r["event"] for r in found] == ["new"]


def test_limit_cuts_the_answer_short(sim, numbered, export, records):
    sim.store.add(numbered(9))

    assert len(records(export(sim, limit=4))) == 4


def test_only_longer_bodies_are_compressed(sim, numbered, export):
    sim.store.set_day(DAY, [b"x" * 1399])
    sim.store.set_day(date(2024, 1, 3), [b"x" * 1400])

    assert "content-encoding" not in export(sim, "2024-01-02").headers
    assert export(sim, "2024-01-03").headers["content-encoding"] == "gzip"
    plain = export(sim, "2024-01-03", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == b"x" * 1400 + b"\n"


@pytest.mark.parametrize("extra", [{}, {"time_in_ms": None}, {"where": "true"}])
def test_many_days_are_one_gzip_member(sim, numbered, extra):
    for n in range(2, 6):
        sim.store.set_day(date(2024, 1, n), numbered(40))
    asked = {"project_id": "12345", "from_date": "2024-01-01", "to_date": "2024-01-09", **extra}
    account = (sim.project.username, sim.project.secret)

    with httpx.stream("GET", f"{sim.url}/api/2.0/export", params=asked, auth=account) as answer:
        packed = b"".join(answer.iter_raw())

    assert gzip.decompress(packed).count(b"\n") == 160
    assert packed.count(b"\x1f\x8b\x08") == 1


def test_malformed_lines_are_served_as_they_are(sim, export):
    sim.store.set_day(DAY, [b"not json", b'{"event":"a"', b"\xff\xfe"])

    assert export(sim).content == b'not json\n{"event":"a"\n\xff\xfe\n'


def test_a_day_set_or_deleted_leaves_its_neighbours_alone(sim, event, export, records):
    sim.store.add([event("a", f"2024-01-0{n}T00:00:00") for n in (1, 2, 3)])
    sim.store.set_day(DAY, [event("b")])
    sim.store.delete(date(2024, 1, 3))

    assert [r["event"] for r in records(export(sim, "2024-01-01", "2024-01-03"))] == ["a", "b"]
    assert sim.store.days() == [date(2024, 1, 1), DAY]


def test_a_folder_is_served_as_it_is(tmp_path, simulate, export, numbered):
    packed = gzip.compress(b"".join(json.dumps(r).encode() + b"\n" for r in numbered(50)))
    for name in ("2024-01-02", "2024-01-04"):
        (tmp_path / f"{name}.jsonl.gz").write_bytes(packed)
    sim = simulate(Store(folder=tmp_path))

    one, both = export(sim), export(sim, "2024-01-01", "2024-01-05")

    assert one.content == gzip.decompress(packed)
    assert both.content == gzip.decompress(packed) * 2
    assert sim.requests[0].bytes_sent == len(packed)
    assert sim.store.days() == [DAY, date(2024, 1, 4)]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"to_date": "2024-01-11"}, "to_date cannot be later than today"),
        ({"to_date": "2024-01-01"}, "from_date cannot be later than to_date"),
        ({"from_date": None}, "from_date"),
        ({"to_date": None}, "to_date"),
        ({"from_date": "2024-02-30"}, "invalid date"),
        ({"from_date": "20240102"}, "invalid date"),
        ({"limit": 0}, "limit"),
        ({"limit": 100_001}, "limit"),
        ({"event": "open"}, "event"),
        ({"event": '"open"'}, "event"),
        ({"where": 'properties["n"] >'}, "syntax error"),
        ({"where": 'properties["n"] and true'}, "expected a boolean"),
        ({"project_id": None}, "project_id"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_name(standing, export, params, text):
    answer = export(standing, **params)

    assert answer.status_code == 400
    assert text in answer.json()["error"]
    assert answer.json()["request"].startswith("/api/2.0/export?")


def test_today_can_be_exported(standing, export):
    assert export(standing, "2024-01-10").status_code == 200


def test_the_authorization_header_may_be_base64_or_plain(standing, export):
    pair = f"{standing.project.username}:{standing.project.secret}"
    for value in (pair, base64.b64encode(pair.encode()).decode()):
        headers = {"Authorization": f"Basic {value}"}
        assert export(standing, auth=None, headers=headers).status_code == 200


@pytest.mark.parametrize("auth", [None, ("demo", "wrong"), ("", "")])
def test_bad_credentials_are_a_400_on_the_data_host(standing, export, auth):
    answer = export(standing, auth=auth)

    assert answer.status_code == 400
    assert "Unable to authenticate request" in answer.text


def test_another_project_is_forbidden(standing, export):
    assert export(standing, project_id="999").status_code == 403


def test_a_project_token_cannot_read(standing, export):
    assert export(standing, auth=(standing.project.token, "")).status_code == 401


def test_a_legacy_project_exports_local_days_and_shifted_times(simulate, event, export, records):
    sim = simulate(project=Project(timezone="US/Pacific"))
    sim.store.add([event("early", "2024-01-03T07:59:59"), event("late", "2024-01-03T08:00:00")])

    assert records(export(sim, "2024-01-02"))[0]["properties"]["time"] == 1704239999000
    assert [r["event"] for r in records(export(sim, "2024-01-03"))] == ["late"]


def test_a_legacy_project_has_its_own_today(simulate, export):
    tokyo = simulate(
        project=Project(timezone="Asia/Tokyo"), clock=lambda: 1704898800.0
    )  # 15:00 UTC

    assert export(tokyo, "2024-01-11").status_code == 200
    assert export(tokyo, "2024-01-12").status_code == 400
