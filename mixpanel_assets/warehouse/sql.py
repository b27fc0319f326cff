"""SQL in small: names and texts quoted, one number or column asked for, rows inserted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

Connection = duckdb.DuckDBPyConnection


def number(warehouse: Connection, query: str, parameters: Sequence[Any] = ()) -> int:
    """The one number that the query gives; 0 for null."""
    row = warehouse.execute(query, list(parameters)).fetchone()
    return int(row[0] or 0) if row else 0


def first_column(warehouse: Connection, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
    """The first value of each row that the query gives."""
    return [row[0] for row in warehouse.execute(query, list(parameters)).fetchall()]


def has_tables(warehouse: Connection, schema: str, *tables: str) -> bool:
    """Whether all of these tables are there."""
    query = "select table_name from duckdb_tables() where schema_name = ?"
    return {*tables} <= {*first_column(warehouse, query, [schema])}


def insert_rows(
    warehouse: Connection,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    casts: Mapping[str, str] = {},
) -> None:
    """Insert the rows, by the names of columns, in one statement; `table` is SQL.

    `casts` are the types of columns that are text in the rows: a value that is not of the type
    becomes null.
    """
    if not rows:
        return
    info = f"select name, type from pragma_table_info({literal(table)})"
    types = dict(warehouse.execute(info).fetchall()) | dict.fromkeys(casts, "VARCHAR")
    values = [f"try_cast({quoted(n)} as {t}) as {quoted(n)}" for n, t in casts.items()]
    replaced = f" replace ({', '.join(values)})" if values else ""
    warehouse.execute(
        f"insert into {table} by name select *{replaced} from ("
        f"select unnest(from_json(?::json, {literal(json.dumps([types]))}), recursive := true))",
        [json.dumps(rows, default=str)],
    )


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    quoted_text = "'" + text.replace("'", "''") + "'"
    if "\0" not in text:
        return quoted_text
    # DuckDB before 2.0 takes a NUL for the end of the statement.
    return "(" + quoted_text.replace("\0", "' || chr(0) || '") + ")"
