"""A stream is every record once, or none at all."""

import json
import os
import subprocess
import sys
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.errors import (
    DateRangeError,
    ExportIncompleteError,
    PlanRequiredError,
    ServerError,
)
from mixpanel_assets.fetch import pull_events, pull_profiles
from mixpanel_assets.mixpanel.export.selection import EventSelection, ProfileSelection
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event

MANY = 100_000
MOST_RSS = 650  # MB, of which DuckDB may take 400 and an empty stream takes 110
LONG = "12345678901234567890123456789.000000000000000000001"


def stream(project: Project, days: int = 1, raw: bool = False, **selection: Any) -> list[Any]:
    last = DAY + timedelta(days - 1)
    chosen = EventSelection(**selection)
    texts = pull_events(project.client, project.settings, DAY, last, chosen).stream(raw=raw)
    return [json.loads(text) for text in texts]


def people(project: Project, raw: bool = False, **selection: Any) -> list[Any]:
    chosen = ProfileSelection(**selection)
    texts = pull_profiles(project.client, project.settings, chosen).stream(raw=raw)
    return [json.loads(text) for text in texts]


def left(project: Project) -> list[Path]:
    return list((project.settings.home / "spool").iterdir())


def test_an_event_has_its_base_properties_by_name(mixpanel: Simulator, project: Project) -> None:
    mixpanel.store.set_day(DAY, [event("Buy", NOON + 7, plan="pro", n=[1, None, {"a": "ü"}])])
    (one,) = stream(project)
    properties = one.pop("properties")
    assert one == {
        "event_name": "Buy",
        "event_time": "2024-01-02T12:00:00.007+00:00",
        "distinct_id": "ann",
        "insert_id": f"Buy-{NOON + 7}",
    }
    assert (properties["plan"], properties["n"]) == ("pro", [1, None, {"a": "ü"}])


def test_what_an_event_lacks_is_null(mixpanel: Simulator, project: Project) -> None:
    mixpanel.store.set_day(DAY, [{"event": "Bare", "properties": {}}])
    assert stream(project) == [
        {
            "event_name": "Bare",
            "event_time": None,
            "distinct_id": None,
            "insert_id": None,
            "properties": {},
        }
    ]


def test_raw_events_are_as_mixpanel_sends_them(mixpanel: Simulator, project: Project) -> None:
    sent = [event("Buy", amount=1.50, big=2**80), event("Ö\u2028pen", NOON + 1, x={"y": []})]
    mixpanel.store.set_day(DAY, sent)
    assert sorted(stream(project, raw=True), key=lambda one: one["event"]) == sent


def test_no_digit_of_a_number_is_lost(mixpanel: Simulator, project: Project) -> None:
    line = f'{{"event":"Buy","properties":{{"time":{NOON},"x":{LONG},"y":1e400,"z":1.10}}}}'
    mixpanel.store.set_day(DAY, [line.encode()])
    for raw in (True, False):
        (text,) = pull_events(project.client, project.settings, DAY, DAY).stream(raw=raw)
        assert f'"properties":{{"time":{NOON},"x":{LONG},"y":1e400,"z":1.10}}' in text


def test_profiles_have_one_shape_and_another_when_raw(
    mixpanel: Simulator, project: Project
) -> None:
    seen = {"$last_seen": "2024-01-02T03:04:05", "n": 1}
    mixpanel.profiles.set(
        [
            {"$distinct_id": "ann", "$properties": seen},
            {"$distinct_id": "bo", "$properties": {}},
        ]
    )
    assert sorted(people(project), key=lambda one: one["distinct_id"]) == [
        {"distinct_id": "ann", "last_seen": "2024-01-02T03:04:05.000+00:00", "properties": seen},
        {"distinct_id": "bo", "last_seen": None, "properties": {}},
    ]
    assert people(project, raw=True, distinct_ids=["ann"]) == [
        {"$distinct_id": "ann", "$properties": seen}
    ]
    assert people(project, distinct_ids=[]) == []


def test_no_record_comes_twice(mixpanel: Simulator, project: Project) -> None:
    old, new = (event("Buy", mp_processing_time_ms=NOON + n, n=n) for n in (1, 2))
    mixpanel.store.set_day(DAY, [old, new, old])
    assert [one["properties"]["n"] for one in stream(project)] == [2]
    mixpanel.profiles.set({"$distinct_id": f"u{n}", "$properties": {}} for n in range(12))
    mixpanel.fail_engage("duplicate@1")
    assert len({one["distinct_id"] for one in people(project)}) == 12


@pytest.mark.parametrize("kind", ["reset", "cut-glued", "truncated-gzip", "bad-crc", "error-tail"])
def test_a_connection_that_breaks_once_gives_every_record_once(
    kind: str, mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, [event("Open", NOON + n) for n in range(500)])
    mixpanel.fail(f"{kind}@1")
    times = [one["properties"]["time"] for one in stream(project)]
    assert sorted(times) == [NOON + n for n in range(500)]


@pytest.mark.parametrize("kind", ["reset", "cut-glued", "cut-body", "bad-crc", "500", "402"])
def test_a_pull_that_fails_gives_out_nothing_and_leaves_nothing(
    kind: str, mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, [event("Open", NOON + n) for n in range(500)])
    mixpanel.fail(f"{kind}@*")
    given = []
    with pytest.raises((ExportIncompleteError, ServerError, PlanRequiredError)):
        given.extend(pull_events(project.client, project.settings, DAY, DAY).stream())
    assert given == []
    assert left(project) == []


def test_a_stream_that_is_closed_early_leaves_nothing(
    mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, [event("Open", NOON + n) for n in range(5000)])
    texts = pull_events(project.client, project.settings, DAY, DAY).stream()
    next(texts)
    assert len(left(project)) == 1
    texts.close()
    assert left(project) == []
    assert not project.path.exists()


def test_a_reversed_range_is_refused_before_the_first_record_is_wanted(project: Project) -> None:
    with pytest.raises(DateRangeError):
        pull_events(project.client, project.settings, DAY, DAY - timedelta(1))


@pytest.fixture
def crowd(mixpanel: Simulator, tmp_path: Path) -> Simulator:
    """One day has very many events of some size."""
    padding = "x" * 400

    def line(n: int) -> bytes:
        own = f'"time":{NOON + n},"distinct_id":"u{n % 999}","$insert_id":"{n}","pad":"{padding}"'
        return f'{{"event":"Open","properties":{{{own}}}}}'.encode()

    mixpanel.store.set_day(DAY, [line(n) for n in range(MANY)])
    return mixpanel


def test_many_records_take_little_memory(crowd: Simulator, project: Project) -> None:
    texts = pull_events(project.client, project.settings, DAY, DAY).stream()
    next(texts)
    tracemalloc.start()
    try:
        count = 1 + sum(1 for _ in texts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == MANY
    assert peak < 20_000_000  # all of them are fifty


MAIN = """
import sys
from pathlib import Path
from mixpanel_assets.cli.app import main
try:
    main()
finally:
    sys.stderr.write(Path("/proc/self/status").read_text())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it is not Linux")
def test_writing_many_records_to_stdout_takes_little_memory(
    crowd: Simulator, account: Simulator
) -> None:
    span = ["--from", str(DAY), "--to", str(DAY)]
    child = subprocess.Popen(
        [sys.executable, "-c", MAIN, "fetch", "events", "--stdout", *span],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MP_MEMORY_LIMIT": "400MB"},
    )
    assert child.stdout
    assert child.stderr
    with child.stdout, child.stderr:
        assert sum(1 for _ in child.stdout) == MANY
        status = dict(line.split(":", 1) for line in child.stderr.read().splitlines())
    assert child.wait() == 0
    assert int(status["VmHWM"].removesuffix("kB")) / 1024 < MOST_RSS
