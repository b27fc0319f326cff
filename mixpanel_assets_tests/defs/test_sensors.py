"""Older days with new events are found, and landed again."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from mixpanel_assets.defs.partitions import RANGE_END, RANGE_START
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, event
from mixpanel_assets_tests.defs.then import Clock, MixpanelThen, land, tick


def ms(day: date, hour: int = 12) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 1000


@pytest.fixture
def old_days(mixpanel: Simulator, account: Simulator, instance: dg.DagsterInstance) -> Simulator:
    """Thirty days, landed at six in the morning of the day after them."""
    for n in range(30):
        day = DAY + timedelta(n)
        came_in = {"mp_processing_time_ms": ms(day) + 1000}
        account.store.set_day(day, [event("Open", ms(day), **came_in)])
    Clock.set(DAY + timedelta(30))
    assert land(instance, DAY, DAY + timedelta(29))
    return account


def late(store: Any, n: int, came_in: date, hour: int = 12) -> None:
    """The n-th day has one more event, which came in then."""
    day = DAY + timedelta(n)
    record = event("Late", ms(day), mp_processing_time_ms=ms(came_in, hour))
    store.set_day(day, [*store.lines(day), record])


def ranges(found: Any) -> list[tuple[str, str]]:
    return [(one.tags[RANGE_START], one.tags[RANGE_END]) for one in found.run_requests or []]


def span(first: int, last: int) -> tuple[str, str]:
    return str(DAY + timedelta(first)), str(DAY + timedelta(last))


def test_days_with_new_events_are_asked_for_in_unbroken_ranges(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    for n in (3, 4, 5, 9):
        late(old_days.store, n, DAY + timedelta(30))
    Clock.set(DAY + timedelta(31))
    before = len(old_days.requests)
    found = tick(instance)
    assert ranges(found) == [span(3, 5), span(9, 9)]
    assert len(old_days.requests) == before + 1


def test_without_late_events_nothing_is_asked_for(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    Clock.set(DAY + timedelta(31))
    found = tick(instance)
    assert (ranges(found), found.skip_message) == ([], "no older day has new events")


def test_days_that_are_landed_again_anyway_are_not_asked_for(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    Clock.set(DAY + timedelta(31))
    late(old_days.store, 24, DAY + timedelta(30))  # seven days ago
    late(old_days.store, 23, DAY + timedelta(30))
    assert ranges(tick(instance)) == [span(23, 23)]


def test_a_day_without_a_landing_is_not_asked_for(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    late(old_days.store, -5, DAY + timedelta(30))
    Clock.set(DAY + timedelta(31))
    assert ranges(tick(instance)) == []


def test_the_same_tick_again_asks_for_the_same_runs(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    late(old_days.store, 3, DAY + timedelta(30))
    Clock.set(DAY + timedelta(31))
    cursor = tick(instance).cursor
    late(old_days.store, 4, DAY + timedelta(31))
    Clock.set(DAY + timedelta(32))
    keys = [[one.run_key for one in tick(instance, cursor).run_requests] for _ in range(2)]
    assert keys[0] == keys[1]


def test_a_day_that_could_not_be_landed_is_asked_for_again(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    late(old_days.store, 3, DAY + timedelta(30))
    Clock.set(DAY + timedelta(31))
    first = tick(instance)
    Clock.set(DAY + timedelta(32))
    again = tick(instance, first.cursor)
    assert ranges(first) == ranges(again) == [span(3, 3)]
    assert first.run_requests[0].run_key != again.run_requests[0].run_key
    assert land(instance, DAY + timedelta(3), DAY + timedelta(3))
    Clock.set(DAY + timedelta(33))
    assert ranges(tick(instance, again.cursor)) == []


def test_the_cursor_of_another_project_is_none(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    late(old_days.store, 3, DAY + timedelta(30))
    Clock.set(DAY + timedelta(31))
    cursor = json.loads(tick(instance).cursor)
    assert cursor.pop("project") == "12345"
    waiting = {**cursor, "waiting": {str(DAY + timedelta(8)): cursor["since"]}}
    Clock.set(DAY + timedelta(32))
    for known, asked in {"999": [3], "12345": [3, 8]}.items():
        found = tick(instance, json.dumps({**waiting, "project": known}))
        assert ranges(found) == [span(day, day) for day in asked]
    of_an_older_version = tick(instance, json.dumps(waiting))
    assert ranges(of_an_older_version) == [span(3, 3), span(8, 8)]


def test_a_used_up_budget_is_no_failure_and_forgets_nothing(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    late(old_days.store, 3, DAY + timedelta(30))
    Clock.set(DAY + timedelta(31))
    with MixpanelThen().get_client() as client:
        client.budget.block("export", 1800)
    found = tick(instance)
    assert "used up" in found.skip_message
    assert found.cursor is None
    Clock.set(DAY + timedelta(31), 7)
    assert ranges(tick(instance)) == [span(3, 3)]


def test_before_anything_is_landed_mixpanel_is_not_asked(
    account: Simulator, instance: dg.DagsterInstance
) -> None:
    Clock.set(DAY)
    assert tick(instance).skip_message == "nothing is landed yet"
    assert account.requests == []


def test_a_cut_answer_is_asked_for_again(old_days: Simulator, instance: dg.DagsterInstance) -> None:
    late(old_days.store, 3, DAY + timedelta(30))
    Clock.set(DAY + timedelta(31))
    before = len(old_days.requests)
    old_days.fail("cut-glued@1")
    assert ranges(tick(instance)) == [span(3, 3)]
    assert len(old_days.requests) == before + 2


def test_odd_events_do_not_stop_the_search(
    old_days: Simulator, instance: dg.DagsterInstance
) -> None:
    late(old_days.store, 3, DAY + timedelta(30))
    odd = [event("Odd", time, mp_processing_time_ms=ms(DAY + timedelta(30))) for time in ("x", -5)]
    held = list(old_days.store.lines(DAY + timedelta(4)))
    old_days.store.set_day(DAY + timedelta(4), [*held, *odd, {"event": "No properties"}])
    Clock.set(DAY + timedelta(31))
    assert ranges(tick(instance)) == [span(3, 3)]
