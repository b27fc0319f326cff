"""Answers to live questions, kept as tables of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from mixpanel_assets.warehouse.connection import in_transaction, literal, quoted
from mixpanel_assets.warehouse.create import create_tables
from mixpanel_assets.warehouse.drop import drop_named
from mixpanel_assets.warehouse.load import as_load_errors
from mixpanel_assets.warehouse.named import check_free, check_name
from mixpanel_assets.warehouse.properties import insert_rows

TYPES = {
    bool: "BOOLEAN",
    int: "BIGINT",
    float: "DOUBLE",
    date: "DATE",
    str: "VARCHAR",
    list: "JSON",
    tuple: "JSON",
    dict: "JSON",
}
LARGEST_BIGINT = 2**63 - 1


def keep_answer(
    warehouse: duckdb.DuckDBPyConnection,
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    day: date,
    question: Mapping[str, Any],
    replace: bool = False,
) -> int:
    """The table holds the rows, and `landed` says what was asked; how many rows there are.

    `day` is the project's today. Raises UsageError, TableExistsError unless it may be replaced, and
    LoadError; after any of them all is as it was.
    """
    check_name(name)
    types = {column: _type([row[n] for row in rows]) for n, column in enumerate(columns)}
    ddl = ", ".join(f"{quoted(column)} {type_}" for column, type_ in types.items())
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    text = json.dumps(records, default=str)
    now = datetime.now(UTC).isoformat()
    landed: dict[str, object] = {
        "dataset": name,
        "day": day,
        "rows": len(rows),
        "duplicates": 0,
        "bytes": len(text),
        "exported_at": now,
        "loaded_at": now,
        "filters": dict(question),
        "partial": False,
    }
    with as_load_errors():
        create_tables(warehouse)
        if not replace:
            check_free(warehouse, name)
        with in_transaction(warehouse):
            drop_named(warehouse, name)
            warehouse.execute(f"create table {quoted(name)} ({ddl})")
            if rows:
                warehouse.execute(
                    f"insert into {quoted(name)} select unnest("
                    f"from_json(?::json, {literal(json.dumps([types]))}), recursive := true)",
                    [text],
                )
            insert_rows(warehouse, "landed", [landed])
    return len(rows)


def _type(values: Sequence[Any]) -> str:
    """The narrowest type that has all of the values; text for those of several kinds."""
    found = {TYPES.get(type(value), "VARCHAR") for value in values if value is not None}
    if found == {"BIGINT"} and any(abs(value) > LARGEST_BIGINT for value in values if value):
        return "DOUBLE"
    if found == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return found.pop() if len(found) == 1 else "VARCHAR"
