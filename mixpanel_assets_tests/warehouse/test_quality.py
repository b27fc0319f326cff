"""What is unsound is found, and named; what is sound is not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.ask import checks as quality
from mixpanel_assets.warehouse.ask.checks import Finding
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event

END = DAY + timedelta(4)
ASK: dict[str, Callable[[duckdb.DuckDBPyConnection], Finding]] = {
    "rows": lambda warehouse: quality.rows_as_landed(warehouse, DAY, END),
    "duplicates": lambda warehouse: quality.no_duplicates(warehouse, DAY, END),
    "holes": lambda warehouse: quality.no_hole(warehouse, DAY, END),
    "times": lambda warehouse: quality.times_in_day(warehouse, DAY, END, "UTC"),
    "schema": lambda warehouse: quality.schema_steady(warehouse, END),
}


def noon(n: int) -> int:
    return NOON + n * 86_400_000


@pytest.fixture
def week(mixpanel: Simulator) -> Simulator:
    """Five days of two events, one with a duplicate and an odd one."""
    for n in range(5):
        records = [event("Open", noon(n), plan="pro"), event("Buy", noon(n), amount=n + 0.5)]
        mixpanel.store.set_day(DAY + timedelta(n), [*records, records[0]])
    return mixpanel


@contextmanager
def changed(project: Project, sql: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """The five days are landed, and changed by somebody."""
    project.ingest(DAY, END)
    with project.warehouse() as warehouse:
        if sql:
            warehouse.execute(sql)
        yield warehouse


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_what_was_landed_is_sound(week: Simulator, project: Project, ask: Any) -> None:
    with changed(project) as warehouse:
        finding = ask(warehouse)
    assert finding.ok, finding.detail


def test_missing_rows_are_found(week: Simulator, project: Project) -> None:
    with changed(project, "delete from events_wide where event_date = '2024-01-03'") as warehouse:
        finding = ASK["rows"](warehouse)
    assert finding == Finding(
        False,
        "2024-01-03 has 0 rows, and 2 were landed",
        {"rows": 8, "days": 5, "days_wrong": 1},
    )


def test_rows_of_a_day_that_was_not_landed_are_found(week: Simulator, project: Project) -> None:
    with changed(project, "delete from landed where day = '2024-01-03'") as warehouse:
        assert ASK["rows"](warehouse).detail == "2024-01-03 has 2 rows, and 0 were landed"


def test_duplicates_in_the_table_are_found(week: Simulator, project: Project) -> None:
    copied = "insert into events_wide from events_wide where event_name = 'Open'"
    with changed(project, copied) as warehouse:
        finding = ASK["duplicates"](warehouse)
    assert (finding.ok, finding.numbers["duplicates"]) == (False, 5)
    assert finding.detail.startswith("2024-01-02 has 1 rows too many; 2024-01-03")


def test_rows_without_insert_id_are_no_duplicates(week: Simulator, project: Project) -> None:
    copied = "insert into events_wide by name select * replace (null as insert_id) from events_wide"
    with changed(project, f"{copied}; {copied}") as warehouse:
        assert ASK["duplicates"](warehouse).ok


def test_a_day_that_is_empty_between_full_ones_is_found(week: Simulator, project: Project) -> None:
    week.store.set_day(DAY + timedelta(2), [])
    with changed(project) as warehouse:
        finding = ASK["holes"](warehouse)
    assert finding.detail == "2024-01-04 is empty, and the days around it are not"


def test_the_newest_day_is_a_hole_too(week: Simulator, project: Project) -> None:
    week.store.set_day(END, [])
    with changed(project) as warehouse:
        assert ASK["holes"](warehouse).detail.startswith("2024-01-06 is empty")


def test_empty_days_in_a_row_are_no_hole(week: Simulator, project: Project) -> None:
    for n in (2, 3):
        week.store.set_day(DAY + timedelta(n), [])
    with changed(project) as warehouse:
        assert ASK["holes"](warehouse).ok


def test_times_of_another_day_are_found(week: Simulator, project: Project) -> None:
    moved = "update events_wide set event_time = event_time + interval 13 hours"
    with changed(project, f"{moved} where event_date = '2024-01-03'") as warehouse:
        finding = ASK["times"](warehouse)
    assert finding.detail == "2024-01-03 has 2 events with a time of another day in UTC"


def test_days_are_those_of_the_project_s_zone(
    open_project: Callable[..., Project], mixpanel: Simulator
) -> None:
    zone = "America/Los_Angeles"
    project = open_project(mixpanel, project_timezone=zone)
    late = NOON + 11 * 3_600_000  # eleven at night by the project's clock, the next day in UTC
    mixpanel.store.set_day(DAY, [event("Open", late)])
    project.ingest()
    with project.warehouse() as warehouse:
        assert quality.times_in_day(warehouse, DAY, DAY, zone).ok
        assert not quality.times_in_day(warehouse, DAY, DAY, "UTC").ok


@pytest.mark.parametrize(
    ("newest", "detail", "numbers"),
    [
        ([event("Open", noon(4), plan="pro", extra=1)], "Open.extra (new)", {"new": 1}),
        ([event("Open", noon(4))], "Open.plan (vanished)", {"vanished": 1}),
        (
            [event("Open", noon(4), plan=7)],
            "Open.plan is number and was varchar (type changed)",
            {"type_changed": 1},
        ),
        (
            [event("Open", noon(4), plan="pro"), event("Leave", noon(4), why="x")],
            "Leave (new event)",
            {"new_event": 1},
        ),
    ],
)
def test_what_the_newest_day_changes_of_the_schema_is_named(
    week: Simulator, project: Project, newest: list[Any], detail: str, numbers: dict[str, int]
) -> None:
    week.store.set_day(END, newest)
    with changed(project) as warehouse:
        finding = ASK["schema"](warehouse)
    assert (finding.ok, finding.detail) == (False, detail)
    assert {name: n for name, n in finding.numbers.items() if n} == numbers


def test_whole_and_broken_numbers_are_one_type(week: Simulator, project: Project) -> None:
    week.store.set_day(END, [event("Buy", noon(4), amount=7)])
    with changed(project) as warehouse:
        assert ASK["schema"](warehouse).ok


def test_a_property_that_comes_and_goes_is_not_missed(week: Simulator, project: Project) -> None:
    week.store.set_day(DAY + timedelta(1), [event("Open", noon(1))])
    week.store.set_day(END, [event("Open", noon(4))])
    with changed(project) as warehouse:
        assert ASK["schema"](warehouse).ok


def test_counts_that_differ_from_a_report_are_named() -> None:
    landed, reported = {"Open": 100, "Buy": 10}, {"Open": 99, "Buy": 12}
    assert quality.as_reported(DAY, landed, {**reported, "Buy": 10}, 0.01).ok
    finding = quality.as_reported(DAY, landed, reported, 0.01)
    assert finding.detail == "Buy: 10 are landed, Mixpanel reports 12"
    assert finding.numbers == {"landed": 110, "reported": 111, "events_wrong": 1}
