"""The numbers of saved reports, as Mixpanel gave them day after day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from mixpanel_assets.warehouse.connection import as_load_errors, in_transaction
from mixpanel_assets.warehouse.load.catalog import insert_texts
from mixpanel_assets.warehouse.load.create import create_table, create_tables
from mixpanel_assets.warehouse.load.recorded import Recorded, record_landed
from mixpanel_assets.warehouse.sql import Connection, number

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
    warehouse: Connection,
    reports: Mapping[int, Sequence[Mapping[str, Any]]],
    *,
    day: date,
    asked_at: datetime,
) -> int:
    """Replace what the table has of each report and `day`; how many rows they have in all.

    `day` is the project's today. What was landed on other days, and of other reports, stays.
    LoadError changes nothing.
    """
    rows = [
        {**row, "bookmark_id": bookmark_id, "asked_on": str(day)}
        for bookmark_id, found in reports.items()
        for row in found
    ]
    with as_load_errors():
        create_tables(warehouse)
        create_table(warehouse, SAVED_REPORTS, SAVED_REPORT_COLUMNS)
        with in_transaction(warehouse):
            which = "asked_on = ? and bookmark_id in (select unnest(?::bigint[]))"
            warehouse.execute(f"delete from {SAVED_REPORTS} where {which}", [day, list(reports)])
            insert_texts(warehouse, SAVED_REPORTS, SAVED_REPORT_COLUMNS, rows)
            # All that the day has, also of reports that were asked before.
            held = f"from {SAVED_REPORTS} one where asked_on = ?"
            count = number(warehouse, f"select count(*) {held}", [day])
            size = number(warehouse, f"select sum(strlen(to_json(one)::varchar)) {held}", [day])
            replaced = "delete from landed where dataset = ? and day = ?"
            warehouse.execute(replaced, [SAVED_REPORTS, day])
            record_landed(warehouse, Recorded(SAVED_REPORTS, day, count, size, asked_at))
    return len(rows)
