"""One statement on an open connection, and its answer as rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from mixpanel_assets.errors import SQLError
from mixpanel_assets.results import JSONText, SQLResult
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import reading, sql_error, too_large
from mixpanel_assets.warehouse.sql import Connection

FETCHED_AT_ONCE = 1_000  # rows

# What DuckDB's parser calls a statement that answers. The check is only for a clear error: what a
# statement can do is up to the locks of the connection.
READ_ONLY = (
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.PRAGMA,
    duckdb.StatementType.MULTI,  # PIVOT
)


def opened(
    path: Path, settings: Settings, timeout: float | None = None
) -> AbstractContextManager[Connection]:
    """The warehouse at a path, open for reading."""
    return reading(
        path, memory_limit=settings.memory_limit, threads=settings.threads, timeout=timeout
    )


def rows_of(
    path: Path, settings: Settings, query: str, *parameters: object
) -> list[tuple[Any, ...]]:
    """What the query gives; nothing without a warehouse, or if its tables are not mp's."""
    if not path.exists():
        return []
    not_ours = suppress(duckdb.CatalogException, duckdb.BinderException)
    with opened(path, settings) as warehouse, not_ours:
        return warehouse.execute(query, list(parameters)).fetchall()
    return []


def answer(
    warehouse: Connection, query: str, parameters: Sequence[Any] = (), *, limit: int | None = None
) -> SQLResult:
    """The rows of one statement; `limit` of them, and whether there are more. SQLError."""
    columns, types, coming = stream(warehouse, query, parameters)
    rows = list(coming if limit is None else islice(coming, limit + 1))
    return SQLResult(columns, rows[:limit], limit is not None and len(rows) > limit, types)


def stream(
    warehouse: Connection, query: str, parameters: Sequence[Any] = ()
) -> tuple[list[str], list[str], Iterator[tuple[Any, ...]]]:
    """The columns of one statement, their types, and its rows as they are asked for.

    Raises SQLError, also while rows come.
    """
    with as_sql_errors():
        result = _executed(warehouse, query, parameters)
    described = result.description or []
    types = [one[1] for one in described]
    return [str(one[0]) for one in described], list(map(str, types)), _rows(result, types)


def arrays(warehouse: Connection, query: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
    """The columns of one statement as numpy arrays; what is null has any value. SQLError."""
    import numpy as np

    with as_sql_errors():
        found = _executed(warehouse, query, parameters).fetchnumpy()
    return {name: np.ma.getdata(values) for name, values in found.items()}


def _executed(warehouse: Connection, query: str, parameters: Sequence[Any]) -> Connection:
    return warehouse.execute(prepared(warehouse, query), list(parameters))


def prepared(warehouse: Connection, query: str) -> duckdb.Statement:
    """The query as one statement that only reads. SQLError for another."""
    statements = warehouse.extract_statements(query)
    # In DuckDB before 2.0 a PIVOT is two statements without text: it creates a type first.
    while len(statements) > 1 and not any(statement.query for statement in statements):
        warehouse.execute(statements.pop(0))
    if not statements:
        hint = 'give one statement, such as: mp sql "select count(*) from events"'
        raise SQLError("there is no SQL statement", hint=hint)
    if len(statements) > 1:
        raise SQLError(
            f"only one statement is allowed; got {len(statements)}",
            hint="send them one by one; before the one that asks, only CREATE TEMP VIEW, MACRO "
            "or TABLE ... AS may come; WITH names a result, and for good does: mp define NAME SQL",
        )
    _check_read_only(statements[0])
    return statements[0]


def _rows(result: Connection, types: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    has_json = any("JSON" in str(type_) for type_ in types)
    while True:
        with as_sql_errors():
            rows = result.fetchmany(FETCHED_AT_ONCE)
        if not rows:
            return
        yield from (tuple(map(with_json, row, types)) for row in rows) if has_json else rows


@contextmanager
def as_sql_errors() -> Iterator[None]:
    """Raise an error of ours for one of DuckDB's."""
    try:
        yield
    except duckdb.Error as error:
        raise sql_error(error) from error
    except MemoryError as error:
        raise too_large() from error


def _check_read_only(statement: duckdb.Statement) -> None:
    try:
        kind = statement.type
    except ValueError:
        kind = None  # DuckDB's Python lacks some, such as UPDATE EXTENSIONS
    if kind not in READ_ONLY:
        raise SQLError(
            f"only read-only statements are allowed; got {kind.name if kind else 'another one'}",
            hint="ask with SELECT, FROM, WITH, PIVOT, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN",
            statement=kind.name if kind else "another one",
        )


def with_json(value: Any, type_: Any) -> Any:
    """The value, in which text of DuckDB's type JSON is JSON, however deep it is."""
    if value is None:
        return None
    if str(type_) == "JSON":
        return as_json(value)
    if type_.id in ("list", "array"):
        (_, inner), *_ = type_.children
        return [with_json(item, inner) for item in value]
    if type_.id == "struct":
        return {name: with_json(value[name], inner) for name, inner in type_.children}
    if type_.id == "map":
        inner = dict(type_.children)["value"]
        return {key: with_json(item, inner) for key, item in value.items()}
    return value


# What DuckDB takes for a number though JSON does not have it; text is passed over.
_TEXT_OR_NO_NUMBER = re.compile(r'("(?:[^"\\]|\\.)*")|-?(?:nan|inf(?:inity)?)\b', re.IGNORECASE)


def as_json(text: str) -> JSONText:
    """The text verbatim, but on one line and with null for NaN and infinities."""
    if "\n" in text:
        text = text.replace("\n", " ")  # between values: in text it is escaped
    folded = text.lower()
    if "nan" in folded or "inf" in folded:
        text = _TEXT_OR_NO_NUMBER.sub(lambda found: found[1] or "null", text)
    return JSONText(text)
