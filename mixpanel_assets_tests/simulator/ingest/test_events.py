from __future__ import annotations

import base64
import gzip
import json
import time
from datetime import UTC, datetime

import httpx
import pytest

NOON_MS = 1704888000000
SPOILT = {
    "event": {"event": ""},
    "properties": {"properties": []},
    "properties.time": {"time": "yesterday"},
    "properties.$insert_id": {"$insert_id": "no spaces, please"},
    "properties.distinct_id": {"distinct_id": "undefined"},
}


@pytest.fixture
def sent(sim):
    """Makes an event as a client sends it: time in seconds, the token inside."""

    def make(name="open", **properties):
        own = {"token": sim.project.token, "distinct_id": "ana", "time": 1704880000, **properties}
        return {"event": name, "properties": own}

    return make


@pytest.fixture
def post(sim):
    """Posts events to /import as the service account."""

    def send(content, *, auth=(sim.project.username, sim.project.secret), headers=None, **params):
        asked = {"strict": "1", "project_id": sim.project.project_id, **params}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return httpx.post(
            f"{sim.url}/import", params=asked, content=body, auth=auth, headers=headers
        )

    return send


def test_a_tracked_event_is_exported_as_mixpanel_shows_it(sim, sent, export, records):
    answer = httpx.post(
        f"{sim.url}/track", json=[sent(plan="team", ip="1.2.3.4", time=1704880000.25)]
    )

    assert answer.text == "1"
    [record] = records(export(sim, "2024-01-10"))
    assert len(record["properties"].pop("$insert_id")) == 36
    assert record == {
        "event": "open",
        "properties": {
            "time": 1704880000250,
            "distinct_id": "ana",
            "plan": "team",
            "$mp_api_endpoint": "api.mixpanel.com",
            "$mp_api_timestamp_ms": NOON_MS,
            "mp_processing_time_ms": NOON_MS,
        },
    }


@pytest.mark.parametrize("encode", [str, lambda text: base64.b64encode(text.encode()).decode()])
def test_track_takes_forms_and_tells_more_when_asked(sim, sent, export, records, encode):
    form = {"data": encode(json.dumps(sent())), "verbose": "1"}

    assert httpx.post(f"{sim.url}/track", data=form).json() == {"error": None, "status": 1}
    assert len(records(export(sim, "2024-01-10"))) == 1


def test_track_says_what_is_missing(sim):
    event = [{"event": "open", "properties": {}}]

    assert httpx.post(f"{sim.url}/track", json=event).text == "0"
    answer = httpx.post(f"{sim.url}/track?verbose=1", json=event)
    assert answer.json() == {"error": "token, missing or empty", "status": 0}
    assert httpx.post(f"{sim.url}/track", content=b"{").text == "0"


def test_track_drops_a_strangers_and_an_old_event_without_a_word(sim, sent, export, records):
    events = [sent(token="another"), sent(time=1704880000 - 6 * 86400)]

    assert httpx.post(f"{sim.url}/track", json=events).text == "1"
    assert records(export(sim, "2024-01-01", "2024-01-10")) == []


def test_a_time_to_come_becomes_now(sim, sent, export, records):
    httpx.post(f"{sim.url}/track", json=[sent(time=NOON_MS + 60_000)])

    assert records(export(sim, "2024-01-10"))[0]["properties"]["time"] == NOON_MS


@pytest.mark.parametrize("form", ["array", "lines", "gzip"])
def test_import_takes_events_of_any_age(sim, sent, post, export, records, form):
    events = [sent(time=1577872800, **{"$insert_id": f"id-{n}"}) for n in range(3)]
    lines = "\n".join(map(json.dumps, events)).encode()
    body = {"array": json.dumps(events).encode(), "lines": lines, "gzip": gzip.compress(lines)}
    headers = {"Content-Encoding": "gzip"} if form == "gzip" else {}

    answer = post(body[form], headers=headers)

    assert answer.json() == {"code": 200, "num_records_imported": 3, "status": "OK"}
    found = records(export(sim, "2020-01-01"))
    assert [r["properties"]["$insert_id"] for r in found] == ["id-0", "id-1", "id-2"]
    assert all(r["properties"]["$import"] is True for r in found)


@pytest.mark.parametrize("field", SPOILT)
def test_strict_import_names_the_bad_events_and_keeps_the_good(
    sim, sent, post, export, records, field
):
    good, bad = sent(**{"$insert_id": "good"}), sent(**{"$insert_id": "bad"})
    (bad if field in ("event", "properties") else bad["properties"]).update(SPOILT[field])

    answer = post([bad, good])

    assert answer.status_code == 400
    assert answer.json()["num_records_imported"] == 1
    assert answer.json()["status"] == "Bad Request"
    [failed] = answer.json()["failed_records"]
    assert (failed["index"], failed["field"]) == (0, field)
    assert [r["properties"]["$insert_id"] for r in records(export(sim, "2024-01-10"))] == ["good"]


def test_import_without_strict_makes_the_insert_id(sim, sent, post, export, records):
    assert post([sent()], strict="0").status_code == 200
    assert len(records(export(sim, "2024-01-10"))[0]["properties"]["$insert_id"]) == 36


def test_import_takes_the_project_token_too(sim, sent, post):
    event = sent(**{"$insert_id": "x"})

    assert post([event], auth=(sim.project.token, "")).status_code == 200
    assert post([event], auth=("nobody", "")).json() == {
        "code": 401,
        "error": "Invalid credentials",
        "status": "Unauthorized",
    }
    assert post([event], project_id="999").status_code == 401


def test_import_has_a_largest_batch(sim, sent, post):
    assert post([sent()] * 2001).status_code == 413


def test_import_refuses_what_is_not_json(post):
    assert post(b"{").status_code == 400
    assert post(b"not gzip", headers={"Content-Encoding": "gzip"}).status_code == 400


def test_the_official_sdk_tracks_into_the_simulator(simulate, export, records):
    mixpanel = pytest.importorskip("mixpanel")
    sim = simulate(clock=time.time)
    consumer = mixpanel.Consumer(events_url=f"{sim.url}/track")

    mixpanel.Mixpanel(sim.project.token, consumer).track("ana", "Opened", {"city": "Łódź 🌙"})

    [record] = records(export(sim, str(datetime.now(UTC).date())))
    assert (record["event"], record["properties"]["city"]) == ("Opened", "Łódź 🌙")
    assert "token" not in record["properties"]


def test_the_official_sdk_imports_into_the_simulator(sim, export, records):
    mixpanel = pytest.importorskip("mixpanel")
    account = mixpanel.ServiceAccountCredentials(
        sim.project.username, sim.project.secret, sim.project.project_id
    )
    consumer = mixpanel.BufferedConsumer(import_url=f"{sim.url}/import", credentials=account)
    sdk = mixpanel.Mixpanel(sim.project.token, consumer)

    for n in range(3):
        sdk.import_data(None, "ana", "Opened", 1577872800, {"n": n})
    consumer.flush()

    found = records(export(sim, "2020-01-01"))
    assert [r["properties"]["n"] for r in found] == [0, 1, 2]
    assert all(r["properties"]["$import"] is True for r in found)
