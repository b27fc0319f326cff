"""Several statements: all but the last name views, macros and tables for the time of the call."""

from __future__ import annotations

import re

import duckdb

from mixpanel_assets.errors import SQLError
from mixpanel_assets.warehouse.ask.mistakes import taught
from mixpanel_assets.warehouse.sql import Connection, first_column
from mixpanel_assets.warehouse.statement import as_sql_errors

GAP = r"(?:\s|--[^\n]*\n|/\*.*?\*/)"
NAME = r'(?:if not exists\s+)?(?:"(?:[^"]|"")+"|[^\s"(]+)'
ROWS = re.compile(rf"create.*?(?:view|table){GAP}+{NAME}{GAP}+as\b(.*)", re.IGNORECASE | re.DOTALL)
# The check is only for a clear error: a connection that reads can create nothing else.
TEMPORARY = re.compile(
    rf"{GAP}*create{GAP}+(?:or{GAP}+replace{GAP}+)?temp(?:orary)?{GAP}+"
    rf"(?:(?:view|macro|function)\b|table{GAP}+{NAME}{GAP}+as\b)",
    re.IGNORECASE | re.DOTALL,
)


def begun(warehouse: Connection, query: str) -> tuple[str, list[str]]:
    """Run all statements but the last if each creates something temporary, else none.

    The last one, or the query as it is; and the SELECT of each view and table that was created.
    Raises SQLError.
    """
    try:
        statements = warehouse.extract_statements(query)
        texts = [one.query for one in statements]
    except (duckdb.Error, IndexError):  # a PIVOT has no text in DuckDB before 2.0
        return query, []
    if len(texts) < 2 or not all(texts) or not all(map(_is_temporary, statements[:-1])):
        return query, []
    with as_sql_errors():
        before = functions(warehouse)
    for statement, text in zip(statements[:-1], texts, strict=False):
        with taught(warehouse, text), as_sql_errors():
            warehouse.execute(statement)
    with as_sql_errors():
        _check_names(warehouse, before)
    return texts[-1], [found[1] for text in texts[:-1] if (found := ROWS.search(text))]


def _is_temporary(statement: duckdb.Statement) -> bool:
    try:
        kind = statement.type
    except ValueError:
        return False
    return kind == duckdb.StatementType.CREATE and bool(TEMPORARY.match(statement.query))


def relations(warehouse: Connection) -> dict[str, str]:
    """The tables and views that are named without a schema, by their names in lower case."""
    query = """
        select table_name from system.main.duckdb_tables()
        where schema_name = 'main' and not internal and not temporary
        union all
        select view_name from system.main.duckdb_views()
        where schema_name = 'main' and not internal and not temporary
        """
    return {name.lower(): name for name in first_column(warehouse, query)}


def functions(warehouse: Connection) -> set[str]:
    """The names of DuckDB's own functions."""
    query = (
        "select distinct function_name from system.main.duckdb_functions() "
        "where database_name = 'system'"
    )
    return {*first_column(warehouse, query)}


def _check_names(warehouse: Connection, own: set[str]) -> None:
    """SQLError for a temporary name that hides another: ours would then mean it, too."""
    query = """
        select table_name from system.main.duckdb_tables() where temporary
        union all select view_name from system.main.duckdb_views() where temporary
        """
    ours = relations(warehouse)
    hidden = [name for name in first_column(warehouse, query) if name.lower() in ours]
    query = "select function_name from system.main.duckdb_functions() where database_name = 'temp'"
    hidden += [name for name in first_column(warehouse, query) if name.lower() in own]
    if hidden:
        raise SQLError(
            f"{hidden[0]} is already the name of a table, view or function",
            hint="give what you create a name of its own",
        )
