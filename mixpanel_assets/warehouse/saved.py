"""The numbers of saved reports, as Mixpanel gave them day after day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from mixpanel_assets.warehouse.catalog import insert_texts
from mixpanel_assets.warehouse.connection import in_transaction
from mixpanel_assets.warehouse.create import create_table, create_tables
from mixpanel_assets.warehouse.load import as_load_errors
from mixpanel_assets.warehouse.properties import insert_rows

SAVED_REPORTS = "saved_reports"
SAVED_REPORT_COLUMNS = {
    "bookmark_id": ("BIGINT", "the report: an id of the table bookmarks"),
    "asked_on": ("DATE", "the project's day on which Mixpanel was asked"),
    "computed_at": ("TIMESTAMPTZ", "when Mixpanel computed the answer; null if it does not say"),
    "report_type": ("VARCHAR", "insights, funnels or retention"),
    "path": ("VARCHAR[]", "what the value is of: the event, then the segments it is split by"),
    "date": ("DATE", "the project's day that the value is of; null in reports without time"),
    "moment": ("TIMESTAMP", "when its hour, day or week begins, on the project's clock"),
    "value": ("DOUBLE", "the number"),
}


def load_saved_reports(
    warehouse: duckdb.DuckDBPyConnection,
    reports: Mapping[int, Sequence[Mapping[str, Any]]],
    *,
    day: date,
    asked_at: datetime,
) -> int:
    """Of each report and `day` the table holds exactly these rows; how many they are in all.

    `day` is the project's today. What was landed on other days, and of other reports, stays.
    LoadError changes nothing.
    """
    with as_load_errors():
        create_tables(warehouse)
        create_table(warehouse, SAVED_REPORTS, SAVED_REPORT_COLUMNS)
        with in_transaction(warehouse):
            warehouse.execute(
                f"delete from {SAVED_REPORTS} "
                "where asked_on = ? and bookmark_id in (select unnest(?::bigint[]))",
                [day, list(reports)],
            )
            rows = list(_rows(reports, day))
            insert_texts(warehouse, SAVED_REPORTS, SAVED_REPORT_COLUMNS, rows)
            _record(warehouse, day, asked_at)
    return len(rows)


def _rows(
    reports: Mapping[int, Sequence[Mapping[str, Any]]], day: date
) -> Iterable[Mapping[str, Any]]:
    for bookmark_id, rows in reports.items():
        for row in rows:
            yield {**row, "bookmark_id": bookmark_id, "asked_on": str(day)}


def _record(warehouse: duckdb.DuckDBPyConnection, day: date, asked_at: datetime) -> None:
    """`landed` counts all that the day has, also of reports that were asked before."""
    counted = warehouse.execute(
        f"select count(*), coalesce(sum(strlen(to_json(one)::varchar)), 0)::bigint "
        f"from {SAVED_REPORTS} one where asked_on = ?",
        [day],
    ).fetchone()
    rows, size = counted or (0, 0)
    warehouse.execute("delete from landed where dataset = ? and day = ?", [SAVED_REPORTS, day])
    insert_rows(
        warehouse,
        "landed",
        [
            {
                "dataset": SAVED_REPORTS,
                "day": day,
                "rows": rows,
                "duplicates": 0,
                "bytes": size,
                "exported_at": asked_at.isoformat(),
                "loaded_at": datetime.now(UTC).isoformat(),
                "partial": False,
            }
        ],
    )
