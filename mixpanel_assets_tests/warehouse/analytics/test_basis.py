"""Answers say which days they rest on, and until when they cannot change any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, timedelta
from typing import Any

import pytest

from mixpanel_assets.notes import notes_to
from mixpanel_assets.questions.analytics import (
    ActiveUsers,
    Frequency,
    Funnel,
    Lifecycle,
    Retention,
    Segmentation,
    Sessions,
)
from mixpanel_assets.warehouse.analytics import answer
from mixpanel_assets_tests.warehouse.conftest import DAY, DAY_MS, NOON, Warehouse, by

Ask = Callable[[Any], tuple[Any, list[str]]]


def after(days: int) -> date:
    return DAY + timedelta(days)


@pytest.fixture
def ask(warehouse: Warehouse) -> Ask:
    """Asks of ten landed days but for the fourth; each has one open and one buy."""
    for n in range(10):
        if n != 3:
            lines = [by("ann", event=name, time=NOON + n * DAY_MS) for name in ("Open", "Buy")]
            warehouse.load(*lines, by(None, event="Open", time=NOON + n * DAY_MS), day=after(n))

    def asked(question: Any) -> tuple[Any, list[str]]:
        notes: list[str] = []
        with notes_to(notes.append):
            found = answer(warehouse.connection, question, UTC)
        return found, notes

    return asked


def funnel(first: int, last: int, window: str) -> Funnel:
    return Funnel(["Open", "Buy"], from_date=after(first), to_date=after(last), window=window)


def test_what_is_landed_until_the_window_ends_is_complete(ask: Ask) -> None:
    found, notes = ask(funnel(4, 6, "3d"))

    assert found.basis.complete_until == after(6)
    assert (found.basis.landed_days, found.basis.missing_days) == (6, [])
    assert (found.basis.people, found.basis.events) == (1, 12)
    assert notes == ["events that have no distinct_id and are left out: 6 of 18"]
    assert (found.basis.without_person, found.basis.without_time) == (6, 0)


def test_people_whose_window_is_not_over_are_told(ask: Ask) -> None:
    found, notes = ask(funnel(4, 8, "3d"))

    assert found.basis.complete_until == after(6)
    assert notes[-1].startswith(f"people who begin after {after(6)} have less time")
    found, notes = ask(funnel(8, 9, "3d"))
    assert found.basis.complete_until is None
    assert notes[-1].startswith(f"people who begin from {after(8)} on have less time")


def test_a_missing_day_ends_what_is_complete(ask: Ask) -> None:
    found, notes = ask(funnel(0, 9, "1d"))

    assert found.basis.complete_until == after(1)
    assert found.basis.missing_days == [after(3)]
    assert f"not landed, or not over when they were: {after(3)}" in notes


def test_without_a_window_the_last_whole_day_is_complete(ask: Ask) -> None:
    found, notes = ask(Segmentation("Open", from_date=after(4)))

    assert (found.to_date, found.basis.complete_until) == (after(9), after(9))
    assert (found.basis.people, notes) == (None, [])
    found, notes = ask(Segmentation("Open", from_date=after(8), to_date=after(11)))
    assert found.basis.complete_until == after(9)
    assert found.basis.missing_days == [after(10), after(11)]
    assert len(notes) == 1


def test_retention_averages_only_intervals_that_are_over_and_landed(ask: Ask) -> None:
    days = {"from_date": after(4), "to_date": after(9), "interval_count": 6}
    found, _ = ask(Retention(born="Open", return_event="Buy", **days))

    assert found.average == [1, 1, 1, 1, 1, None, None]


def test_active_users_tell_of_days_before_that_are_missing(ask: Ask) -> None:
    _, notes = ask(ActiveUsers(from_date=after(5), to_date=after(6)))

    gone = f"{after(-24)} to {after(-1)}, {after(3)}"
    assert f"the days before count too, and are not landed: {gone}" in notes


@pytest.mark.parametrize(
    "question",
    [
        ActiveUsers(from_date=after(4), to_date=after(6)),
        Lifecycle(from_date=after(4), to_date=after(6), unit="day"),
        Segmentation("Open", from_date=after(0), to_date=after(9), type="unique"),
        Frequency(from_date=after(0), to_date=after(9)),
        Sessions(from_date=after(0), to_date=after(9)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_events_of_nobody_are_counted_by_every_question_about_people(
    ask: Ask, question: Any
) -> None:
    found, notes = ask(question)

    assert found.basis.without_person in (6, 9)  # of nine landed days, up to the last one asked for
    assert found.basis.without_time == 0
    assert any("no distinct_id and are left out" in note for note in notes)


def test_events_that_are_only_counted_leave_out_nobody(ask: Ask) -> None:
    found, notes = ask(Segmentation("Open", from_date=after(0), to_date=after(9)))

    assert found.basis.without_person == 0
    assert not any("left out" in note for note in notes)
