"""The spine is as what is landed, or it is not read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import pytest

import mixpanel_assets as mp
from mixpanel_assets.notes import notes_to
from mixpanel_assets.questions import analytics as ask_for
from mixpanel_assets.warehouse import spine
from mixpanel_assets.warehouse.analytics import answer, missing_in_spine
from mixpanel_assets.warehouse.connection import writing
from mixpanel_assets.warehouse.drop import drop_tables
from mixpanel_assets_tests.warehouse.conftest import DAY, DAY_MS, NOON, Warehouse

NEXT = DAY + timedelta(1)
DAYS: dict[str, Any] = {"from_date": DAY, "to_date": NEXT}


def event(name: str, who: Any = "ana", day: int = 0, at: int = 0, **properties: Any) -> Any:
    """An event so many seconds after noon."""
    sent = {"time": NOON + day * DAY_MS + at * 1000, "distinct_id": who, **properties}
    return {"event": name, "properties": sent}


def people(warehouse: Warehouse, made: bool = True, **days: Any) -> list[int]:
    """How many were active on each day."""
    if made:
        remake(warehouse)
    question = ask_for.ActiveUsers(**{**DAYS, **days})
    return [row.dau for row in asked(warehouse, question).rows]


def asked(warehouse: Warehouse, question: Any) -> Any:
    """The answer; its notes are not what these tests are about."""
    with notes_to(lambda note: None):
        return answer(warehouse.connection, question, UTC)


def remake(warehouse: Warehouse) -> list[date]:
    """Make what is missing; which days were."""
    days = spine.stale_days(warehouse.connection, "UTC")
    spine.make(warehouse.connection, days, "UTC")
    return days


def test_only_the_days_that_landed_again_are_made_again(warehouse: Warehouse) -> None:
    warehouse.load(event("A"), event("A", "bob"))
    warehouse.load(event("A", day=1), day=NEXT)

    assert people(warehouse) == [2, 1]
    assert remake(warehouse) == []
    warehouse.load(event("A", "eve"), day=DAY)
    assert spine.stale_days(warehouse.connection, "UTC") == [DAY]
    assert people(warehouse, made=False) == [1, 1]
    assert people(warehouse) == [1, 1]


def test_an_emptied_day_and_a_rebuild_leave_nothing_behind(warehouse: Warehouse) -> None:
    warehouse.load(event("A"))
    warehouse.load(event("B", day=1), day=NEXT)
    assert people(warehouse) == [1, 1]
    warehouse.load(day=DAY)
    assert people(warehouse) == [0, 1]
    warehouse.load_anew(warehouse.files[1:2])
    remake(warehouse)
    assert warehouse.sql("select distinct event_date from internal.spine") == [(NEXT,)]


def test_it_is_made_anew_for_another_time_zone(warehouse: Warehouse) -> None:
    warehouse.load(event("A"))

    assert remake(warehouse) == [DAY]
    assert spine.stale_days(warehouse.connection, "Europe/Berlin") == [DAY]


def test_dropped_events_take_it_with_them(warehouse: Warehouse) -> None:
    warehouse.load(event("A"))
    remake(warehouse)
    drop_tables(warehouse.connection, ["events"], force=True)

    assert not spine.exists(warehouse.connection)
    warehouse.load(event("A", "bob"))
    assert people(warehouse, to_date=DAY) == [1]


@pytest.mark.parametrize("made", [True, False], ids=["spine", "events"])
def test_merged_ids_are_one_person_also_when_the_merge_arrives_later(
    warehouse: Warehouse, made: bool
) -> None:
    device = {"$device_id": "D1"}
    warehouse.load(event("Visit", "$device:D1", **device), event("Visit", "bob"))
    funnel = ask_for.Funnel(["Visit", "Buy"], **DAYS)
    assert people(warehouse, made, to_date=DAY) == [2]

    bought = event("Buy", "ana", day=1, **{**device, "$user_id": "ana"})
    seen = event("Visit", "$device:D2", day=1, **{"$device_id": "D2"})
    known = event("Visit", "ana", day=1, **{"$device_id": "D2", "$user_id": "ana"})
    warehouse.load(bought, seen, known, day=NEXT)

    if made:
        assert missing_in_spine(warehouse.connection, funnel, UTC) == [NEXT]
    assert people(warehouse, made) == [2, 1]
    found = asked(warehouse, funnel)
    assert [step.count for step in found.steps] == [2, 1]
    for filtered in ({"where": "not defined(nothing)"}, {"by": "nothing"}):
        found = asked(warehouse, ask_for.Funnel(["Visit", "Buy"], **DAYS, **filtered))
        assert [step.count for step in found.steps] == [2, 1]

    warehouse.load(event("Visit", "eve", day=1), day=NEXT)  # the link is gone
    assert people(warehouse, made) == [2, 1]
    assert people(warehouse, made, to_date=DAY) == [2]


def test_odd_people_times_and_names_are_the_same_in_both(warehouse: Warehouse) -> None:
    odd = [
        event("A", who, at=n)
        for n, who in enumerate(["", None, 7, "7", "Ä", "ä", "$device:", "x" * 500, "ana"])
    ]
    odd += [event("A'", "ana", at=-3600), event("a", "ana", at=9)]
    odd += [{"event": "A", "properties": {"distinct_id": "no time"}}]
    warehouse.load(*odd)
    questions: list[ask_for.Analysis[Any]] = [
        ask_for.Funnel(["A'", "A", "a"], from_date=DAY),
        ask_for.Retention(born="A", from_date=DAY),
        ask_for.Retention(retention_type="compounded", from_date=DAY),
        ask_for.Sessions(from_date=DAY),
        ask_for.Flows(from_date=DAY),
        ask_for.Flows("a", before=True, from_date=DAY, window="1d"),
        ask_for.Frequency(from_date=DAY),
        ask_for.ActiveUsers("A", from_date=DAY),
        ask_for.Lifecycle(from_date=DAY),
    ]

    def answers() -> list[dict[str, Any]]:
        found = [asked(warehouse, one).to_dict() for one in questions]
        return [{**one, "seconds": None} for one in found]

    before = answers()
    assert remake(warehouse) == [DAY]
    assert answers() == before


MAKING = """
import sys
from pathlib import Path
from mixpanel_assets.warehouse import spine
from mixpanel_assets.warehouse.connection import writing
with writing(Path(sys.argv[1])) as warehouse:
    for day in spine.stale_days(warehouse, "UTC"):
        print(day, flush=True)
        spine.make(warehouse, [day], "UTC")
"""


@pytest.mark.parametrize("days", [1, 2, 5, 9])
def test_a_kill_while_it_is_made_leaves_whole_days(tmp_path: Path, days: int) -> None:
    path = tmp_path / "mixpanel.duckdb"
    with writing(path) as connection:
        warehouse = Warehouse(tmp_path, connection)
        for day in range(10):
            lines = [event("A", f"user-{n}", day=day) for n in range(300)]
            warehouse.load(*lines, day=DAY + timedelta(day))
    command = [sys.executable, "-c", MAKING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(days):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)  # somewhere in the day after those

    with writing(path) as connection:
        warehouse = Warehouse(tmp_path, connection)
        asked_days = {"from_date": DAY, "to_date": DAY + timedelta(9)}
        if spine.exists(connection):
            counted = "select event_date, count(*) from internal.spine group by event_date"
            made = "select day, 300 from internal.spine_days"
            assert sorted(warehouse.sql(counted)) == sorted(warehouse.sql(made))
        assert people(warehouse, made=False, **asked_days) == [300] * 10
        assert people(warehouse, **asked_days) == [300] * 10


def test_a_workspace_makes_it_unless_it_is_read_only(tmp_path: Path) -> None:
    path = tmp_path / "mixpanel.duckdb"
    with writing(path) as connection:
        Warehouse(tmp_path, connection).load(event("A"), event("B", at=5))

    def made() -> bool:
        with writing(path) as connection:
            return spine.exists(connection)

    question = ask_for.Funnel(["A", "B"], from_date=DAY, to_date=DAY, window="1h")
    with notes_to(lambda note: None), mp.Workspace.open(path) as ws:
        assert ws.ask(question).conversion_rate == 1
    assert not made()
    with notes_to(lambda note: None), mp.Workspace.open(path, read_only=False) as ws:
        assert ws.ask(question).conversion_rate == 1
    assert made()
