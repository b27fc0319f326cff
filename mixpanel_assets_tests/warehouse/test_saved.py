"""The table of saved reports: what Mixpanel said on each day stays."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mixpanel_assets.errors import LoadError, UsageError
from mixpanel_assets.warehouse.ask.coverage import coverage
from mixpanel_assets.warehouse.connection import writing
from mixpanel_assets.warehouse.drop import asset_tables, drop_tables
from mixpanel_assets.warehouse.load.fetched import check_name
from mixpanel_assets.warehouse.load.saved_reports import SAVED_REPORT_COLUMNS, load_saved_reports
from mixpanel_assets_tests.asking import local

MONDAY, TUESDAY = date(2024, 6, 3), date(2024, 6, 4)
NOON = datetime(2024, 6, 3, 12, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with writing(tmp_path / "w.duckdb", threads=1) as connection:
        yield connection


def row(value: float, **more: Any) -> dict[str, Any]:
    return {
        "computed_at": "2024-06-03T12:00:00.5+00:00",
        "report_type": "insights",
        "path": ["Purchase", "pro"],
        "date": "2024-06-01",
        "moment": "2024-06-01T15:00:00",
        "value": value,
        **more,
    }


def load(warehouse: duckdb.DuckDBPyConnection, reports: Any, day: date = MONDAY) -> int:
    return load_saved_reports(warehouse, reports, day=day, asked_at=NOON)


def values(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    query = "select bookmark_id, asked_on, value from saved_reports order by all"
    return warehouse.execute(query).fetchall()


def test_each_number_is_a_row_with_types(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert load(warehouse, {63: [row(0.1)]}) == 1
    assert warehouse.execute("from saved_reports").fetchall() == [
        (
            63,
            MONDAY,
            datetime(2024, 6, 3, 12, 0, 0, 500_000, tzinfo=UTC),
            "insights",
            ["Purchase", "pro"],
            date(2024, 6, 1),
            datetime(2024, 6, 1, 15),
            0.1,
        )
    ]


def test_a_day_of_a_report_is_replaced_and_all_else_stays(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    load(warehouse, {1: [row(1), row(2)], 2: [row(3)]})
    load(warehouse, {1: [row(4)]}, TUESDAY)
    assert load(warehouse, {1: [row(5)]}) == 1
    assert values(warehouse) == [(1, MONDAY, 5), (1, TUESDAY, 4), (2, MONDAY, 3)]
    landed = "select day, rows, exported_at, partial from landed where dataset = 'saved_reports'"
    assert warehouse.execute(f"{landed} order by day").fetchall() == [
        (MONDAY, 2, NOON, False),
        (TUESDAY, 1, NOON, False),
    ]


def test_a_report_without_numbers_any_more_has_no_rows(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    load(warehouse, {1: [row(1)]})
    assert load(warehouse, {1: []}) == 0
    assert values(warehouse) == []


def test_what_is_no_time_is_null_and_odd_names_are_kept(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    load(warehouse, {1: [row(1, computed_at="soon", date=None, moment=None, path=["a\ud800"])]})
    query = "select computed_at, date, moment, path from saved_reports"
    assert warehouse.execute(query).fetchall() == [(None, None, None, ["a?"])]


def test_a_load_that_fails_changes_nothing(warehouse: duckdb.DuckDBPyConnection) -> None:
    load(warehouse, {1: [row(1)]})
    with pytest.raises(LoadError):
        load(warehouse, {1: [row(2)], 2**70: [row(2)]})
    assert values(warehouse) == [(1, MONDAY, 1)]


def test_it_is_a_table_of_the_project(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load(warehouse, {1: [row(1)]})
    with pytest.raises(UsageError):
        check_name("saved_reports")
    assert [one["asset"] for one in coverage(warehouse)] == ["saved_reports"]
    told = {
        one.name: one.description for one in local.table_schema(warehouse, "saved_reports").columns
    }
    assert told == {name: text for name, (_, text) in SAVED_REPORT_COLUMNS.items()}
    assert "saved_reports" in asset_tables(warehouse)
    assert drop_tables(warehouse, ["saved_reports"], force=True) == ["saved_reports"]
    assert coverage(warehouse) == []
