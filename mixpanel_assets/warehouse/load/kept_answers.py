"""Answers to live questions, kept as tables of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from mixpanel_assets.warehouse.connection import as_load_errors, in_transaction
from mixpanel_assets.warehouse.drop import drop_named
from mixpanel_assets.warehouse.load.create import create_tables
from mixpanel_assets.warehouse.load.fetched import check_free, check_name, check_no_mart
from mixpanel_assets.warehouse.load.recorded import Recorded, record_landed
from mixpanel_assets.warehouse.numbers import LARGEST_BIGINT
from mixpanel_assets.warehouse.sql import Connection, insert_rows, quoted
from mixpanel_assets.warehouse.types import UNSEEN, merged_type

TYPES: dict[type, str] = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", date: "DATE"}
TYPES |= dict.fromkeys((list, tuple, dict), "JSON")


def keep_answer(
    warehouse: Connection,
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    day: date,
    question: Mapping[str, Any],
    replace: bool = False,
) -> int:
    """Keep the rows as a table, and record in `landed` what was asked; how many rows there are.

    `day` is the project's today. Raises UsageError, TableExistsError unless it may be replaced, and
    LoadError; after any of them all is as it was.
    """
    check_name(name)
    ddl = ", ".join(
        f"{quoted(column)} {_type([row[n] for row in rows])}" for n, column in enumerate(columns)
    )
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    size = len(json.dumps(records, default=str))
    recorded = Recorded(name, day, len(rows), size, datetime.now(UTC), filters=question)
    with as_load_errors():
        create_tables(warehouse)
        check_no_mart(warehouse, name)
        if not replace:
            check_free(warehouse, name)
        with in_transaction(warehouse):
            drop_named(warehouse, name)
            warehouse.execute(f"create table {quoted(name)} ({ddl})")
            insert_rows(warehouse, quoted(name), records)
            record_landed(warehouse, recorded)
    return len(rows)


def _type(values: Sequence[Any]) -> str:
    """The narrowest type that has all of the values; of large numbers it need not be exact."""
    found = {TYPES.get(type(value), "VARCHAR") for value in values if value is not None}
    if found == {"BIGINT"} and any(abs(value) > LARGEST_BIGINT for value in values if value):
        return "DOUBLE"
    kept = merged_type(found, wide=False)
    return "VARCHAR" if kept == UNSEEN else kept
