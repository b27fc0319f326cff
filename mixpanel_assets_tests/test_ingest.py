"""The story: a day in the warehouse is that day in Mixpanel."""

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from time import monotonic, sleep
from typing import Any

import duckdb
import pytest

from mixpanel_assets.errors import (
    AuthenticationError,
    ConfigError,
    DatabaseLockedError,
    DateRangeError,
    ExportIncompleteError,
)
from mixpanel_assets.ingest import ingest_events, rebuild_events
from mixpanel_assets.mixpanel.export.events import export_events
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event, shortened

NEXT = DAY + timedelta(1)
DAY_MS = 86_400_000


def many(count: int, time: int = NOON, name: str = "Open") -> list[dict[str, object]]:
    return [event(name, time + n, **{"$insert_id": f"id-{time}-{n}"}) for n in range(count)]


def test_a_day_holds_what_mixpanel_holds(mixpanel: Simulator, project: Project) -> None:
    mixpanel.store.set_day(DAY, [event("Open"), event("Buy", plan="pro")])
    project.ingest()
    assert project.sql("select event_name, properties->>'$.plan' from events order by 1") == [
        ("Buy", "pro"),
        ("Open", None),
    ]


def test_ingesting_a_day_again_leaves_one_copy(mixpanel: Simulator, project: Project) -> None:
    mixpanel.store.set_day(DAY, [event("Open"), {"event": "No id", "properties": {"time": NOON}}])
    project.ingest()
    project.ingest()
    assert project.days() == {"2024-01-02": 2}


def test_an_emptied_day_is_emptied(mixpanel: Simulator, project: Project) -> None:
    mixpanel.store.set_day(DAY, [event()])
    project.ingest()
    mixpanel.store.set_day(DAY, [])
    project.ingest()
    assert project.days() == {}
    assert project.sql("select day, rows from landed") == [(DAY, 0)]


def test_the_neighbouring_days_are_untouched(mixpanel: Simulator, project: Project) -> None:
    for shift, count in ((-1, 2), (0, 3), (1, 4)):
        mixpanel.store.set_day(DAY + timedelta(shift), many(count, NOON + shift * DAY_MS))
    project.ingest(DAY - timedelta(1), NEXT)
    for shift in (-1, 1):
        mixpanel.store.set_day(DAY + timedelta(shift), [])
    mixpanel.store.set_day(DAY, many(7))
    project.ingest()
    assert project.days() == {"2024-01-01": 2, "2024-01-02": 7, "2024-01-03": 4}


def test_a_span_is_one_request_and_each_of_its_days_is_right(
    mixpanel: Simulator, project: Project
) -> None:
    for shift in range(7):
        mixpanel.store.set_day(DAY + timedelta(shift), many(shift, NOON + shift * DAY_MS))
    days = project.ingest(DAY, DAY + timedelta(6))
    assert [(day.day, day.rows) for day in days] == [
        (DAY + timedelta(shift), shift) for shift in range(7)
    ]
    assert len(mixpanel.requests) == 1


def test_duplicates_collapse_to_the_newest_and_are_counted(
    mixpanel: Simulator, project: Project
) -> None:
    old = event("Buy", mp_processing_time_ms=NOON + 1, amount=1)
    new = event("Buy", mp_processing_time_ms=NOON + 2, amount=2)
    mixpanel.store.set_day(DAY, [old, new, old])
    (day,) = project.ingest()
    assert (day.rows, day.duplicates) == (1, 2)
    assert project.sql('select amount from by_event."Buy"') == [(2,)]
    assert project.sql("select rows, duplicates from landed") == [(1, 2)]


def test_only_the_whole_key_makes_a_duplicate(mixpanel: Simulator, project: Project) -> None:
    records = [
        event("Buy", **{"$insert_id": "1"}),
        event("Sell", **{"$insert_id": "1"}),
        event("Buy", **{"$insert_id": "1", "distinct_id": "bob"}),
        event("Buy", NOON + 1, **{"$insert_id": "1"}),
        event("Buy", **{"$insert_id": "2"}),
    ]
    mixpanel.store.set_day(DAY, records)
    (day,) = project.ingest()
    assert (day.rows, day.duplicates) == (5, 0)


def test_rows_without_insert_id_are_never_duplicates(mixpanel: Simulator, project: Project) -> None:
    bare = {"event": "Open", "properties": {"time": NOON, "distinct_id": "ann"}}
    null = {"event": "Open", "properties": {"time": NOON, "$insert_id": None}}
    mixpanel.store.set_day(DAY, [bare, bare, null, null])
    (day,) = project.ingest()
    assert (day.rows, day.duplicates) == (4, 0)


CUT = ["cut-glued", "cut-line", "cut-body", "truncated-gzip", "bad-crc", "reset", "error-tail"]
PASSING = [*CUT, "429", "429-bare", "500", "502", "no-newline", "slow"]


@pytest.mark.parametrize("kind", shortened(PASSING, "cut-glued", "bad-crc", "429", "slow"))
def test_a_failure_that_passes_changes_nothing_but_the_number_of_requests(
    kind: str, mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, many(200))
    mixpanel.fail(f"{kind}@1")
    (day,) = project.ingest()
    assert day.rows == 200
    assert project.days() == {"2024-01-02": 200}
    assert len(mixpanel.requests) == (1 if kind in ("no-newline", "slow") else 2)


def test_a_span_that_is_cut_is_asked_for_in_smaller_pieces(
    mixpanel: Simulator, project: Project
) -> None:
    for shift in range(4):
        mixpanel.store.set_day(DAY + timedelta(shift), many(100, NOON + shift * DAY_MS))
    mixpanel.fail("cut-line@1-3")
    days = project.ingest(DAY, DAY + timedelta(3))
    assert [day.rows for day in days] == [100] * 4
    asked = [(r.params["from_date"], r.params["to_date"]) for r in mixpanel.requests]
    assert asked[3:] == [("2024-01-02", "2024-01-03"), ("2024-01-04", "2024-01-05")]


def test_a_failure_in_the_middle_keeps_the_days_before_it(
    mixpanel: Simulator, project: Project
) -> None:
    for shift in range(9):
        mixpanel.store.set_day(DAY + timedelta(shift), many(10, NOON + shift * DAY_MS))
    mixpanel.fail("403@2")
    told: list[date] = []
    with pytest.raises(AuthenticationError):
        project.ingest(
            DAY, DAY + timedelta(8), landed=lambda days: told.extend(day.day for day in days)
        )
    assert told == [DAY + timedelta(shift) for shift in range(7)]
    assert len(project.days()) == 7


def test_an_event_outside_the_days_of_a_span_has_its_day_from_mixpanel(
    mixpanel: Simulator, project: Project
) -> None:
    stray = event("Stray", NOON + 40 * DAY_MS)
    mixpanel.store.set_day(DAY, [event(), stray])
    mixpanel.store.set_day(NEXT, [{"event": "Timeless", "properties": {}}])
    project.ingest(DAY, NEXT)
    rows = project.sql("select event_date, event_name from events order by all")
    assert rows == [(DAY, "Open"), (DAY, "Stray"), (NEXT, "Timeless")]


def test_a_line_that_is_no_event_is_never_landed(mixpanel: Simulator, project: Project) -> None:
    line = json.dumps(event(), separators=(",", ":")).encode()
    for odd in (b'{"error":"boom"}', b"[1]", b'"text"', line + line, b'{"event":"x","prop'):
        mixpanel.store.set_day(DAY, [line, odd, line])
        with pytest.raises(ExportIncompleteError):
            project.ingest()
    assert not project.path.exists() or project.days() == {}


def test_a_reversed_range_is_refused_before_anything_is_asked(
    mixpanel: Simulator, project: Project
) -> None:
    with pytest.raises(DateRangeError):
        project.ingest(NEXT, DAY)
    assert mixpanel.requests == []


def test_a_rebuild_gives_the_same_tables_without_asking(
    mixpanel: Simulator, project: Project
) -> None:
    for shift in range(3):
        mixpanel.store.set_day(DAY + timedelta(shift), many(5, NOON + shift * DAY_MS))
    project.ingest(DAY, DAY + timedelta(2))
    mixpanel.store.set_day(NEXT, [event("Late", NOON + DAY_MS, plan="pro")])
    project.ingest(NEXT)
    before = project.sql("select * from events order by all")
    asked = len(mixpanel.requests)
    days = rebuild_events(project.warehouse, project.settings, "12345")
    assert sorted((day.day, day.rows) for day in days) == [
        (DAY, 5),
        (NEXT, 1),
        (DAY + timedelta(2), 5),
    ]
    assert project.sql("select * from events order by all") == before
    assert len(mixpanel.requests) == asked


def test_a_rebuild_keeps_the_days_of_a_landing_that_it_waited_for(
    mixpanel: Simulator, project: Project
) -> None:
    for day in (DAY, NEXT):
        mixpanel.store.set_day(day, many(5, NOON + (day - DAY).days * DAY_MS))
    project.ingest(DAY)

    def opened_after_a_landing() -> AbstractContextManager[Any]:
        project.ingest(NEXT)
        return project.warehouse()

    rebuild_events(opened_after_a_landing, project.settings, "12345")
    assert project.days() == {"2024-01-02": 5, "2024-01-03": 5}


def test_a_rebuild_that_would_empty_days_is_refused(mixpanel: Simulator, project: Project) -> None:
    for day in (DAY, NEXT):
        mixpanel.store.set_day(day, many(5, NOON + (day - DAY).days * DAY_MS))
        project.ingest(day)
    min(project.landed_folder.iterdir()).unlink()
    with pytest.raises(ConfigError, match="no landed file any more: 1, the first 2024-01-02"):
        rebuild_events(project.warehouse, project.settings, "12345")
    assert project.days() == {"2024-01-02": 5, "2024-01-03": 5}
    rebuild_events(project.warehouse, project.settings, "12345", NEXT)
    assert project.days() == {"2024-01-02": 5, "2024-01-03": 5}


def test_a_rebuild_works_when_the_warehouse_is_gone(mixpanel: Simulator, project: Project) -> None:
    mixpanel.store.set_day(DAY, many(5))
    project.ingest()
    project.path.unlink()
    rebuild_events(project.warehouse, project.settings, "12345")
    assert project.days() == {"2024-01-02": 5}


def test_files_that_no_day_needs_any_more_are_removed(
    mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, many(5))
    for _ in range(3):
        project.ingest()
    assert len(list(project.landed_folder.iterdir())) == 1


def test_what_fails_after_the_commit_is_no_failed_load(
    mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, many(5))
    project.ingest()
    with project.warehouse() as warehouse:  # no comment can be made of these
        warehouse.execute("create table lexicon_events (x int)")
        warehouse.execute("create table lexicon_properties (x int)")
    mixpanel.store.set_day(DAY, many(6))
    (day,) = project.ingest()
    assert project.days() == {"2024-01-02": 6}
    assert [file.name for file in project.landed_folder.iterdir()] == [day.file]
    rebuild_events(project.warehouse, project.settings, "12345")
    assert project.days() == {"2024-01-02": 6}


def test_a_file_that_another_process_has_yet_to_load_is_left_alone(
    mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, many(5))
    waiting = export_events(project.client, DAY, DAY, project.landed_folder)
    project.ingest()
    assert waiting.path.exists()


def test_what_a_kill_left_is_removed_once_newer_files_have_its_days(
    mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, many(5))
    folder = project.landed_folder
    left, only = (export_events(project.client, day, day, folder).path for day in (DAY, NEXT))
    long_ago = "20240110T000000000000Z"
    for path in (left, only):
        path.rename(folder / f"{path.name.partition('.')[0]}.{long_ago}.jsonl.gz")
    (day,) = project.ingest()
    names = [path.name for path in sorted(folder.iterdir())]
    assert names == [day.file, f"{NEXT}_{NEXT}.{long_ago}.jsonl.gz"]


def test_a_load_that_never_began_leaves_whole_files_behind_and_nothing_else(
    mixpanel: Simulator, project: Project
) -> None:
    @contextmanager
    def fails_when_the_next_span_is_there() -> Iterator[duckdb.DuckDBPyConnection]:
        deadline = monotonic() + 60
        while len(list(project.landed_folder.glob("*.gz"))) < 2 and monotonic() < deadline:
            sleep(0.01)
        raise DatabaseLockedError("no")
        yield

    with pytest.raises(DatabaseLockedError):
        ingest_events(
            project.client,
            fails_when_the_next_span_is_there,
            project.settings,
            DAY,
            DAY + timedelta(9),
        )
    for thread in threading.enumerate():
        if thread.name == "export":
            thread.join(60)
    assert [path.suffix for path in project.landed_folder.iterdir()] == [".gz", ".gz"]


def test_landed_files_are_kept_only_if_wanted(mixpanel: Simulator, open_project) -> None:
    project = open_project(mixpanel, keep_landed=False)
    mixpanel.store.set_day(DAY, many(5))
    project.ingest()
    assert list(project.landed_folder.iterdir()) == []
