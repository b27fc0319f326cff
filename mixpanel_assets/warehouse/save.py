"""The rows of one statement as a file, which DuckDB writes and which is all that it can write.

The statement is first bound on the connection that reads nothing but the warehouse. DuckDB's own
lock on files, which alone is left when it copies, still lets a COPY write the warehouse's log: what
is copied is therefore a view of one statement that only reads.
"""

from __future__ import annotations

import csv
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from mixpanel_assets import outfiles
from mixpanel_assets.errors import OutputError, SQLError
from mixpanel_assets.naming import distinct
from mixpanel_assets.results import JSONText, SavedColumn, SavedRows
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.ask.mistakes import taught
from mixpanel_assets.warehouse.ask.session import begun
from mixpanel_assets.warehouse.connection import IN_UTC, saving
from mixpanel_assets.warehouse.definitions import blamed
from mixpanel_assets.warehouse.sql import Connection, literal, number, quoted
from mixpanel_assets.warehouse.statement import answer, as_sql_errors, opened, prepared

FORMATS = {
    ".parquet": "format parquet, compression zstd",
    ".csv": "format csv, header true",
    ".jsonl": "format json",
}
VIEW = 'temp.main."the rows to save"'
AS_GIVEN = {".csv": "VARCHAR", ".jsonl": "JSON"}
SHOWN = 3  # rows of the file, in the answer
FLOATS = ("DOUBLE", "FLOAT")
MOMENT = "{0} at time zone 'UTC'"  # of a TIMESTAMP WITH TIME ZONE


def save(
    warehouse: Path,
    settings: Settings,
    query: str,
    file: Path,
    *,
    replace: bool = False,
    under: Path | None = None,
    timeout: float | None = None,
) -> SavedRows:
    """Write the rows of one SELECT to a new .parquet, .csv or .jsonl file, whole or not at all.

    Raises UsageError for a file that can't be written, SQLError, and OutputError.
    """
    outfiles.check(file, outfiles.ROWS, replace=replace, under=under)
    with opened(warehouse, settings, timeout) as closed:
        with taught(closed, query):
            last, _ = begun(closed, query)
        with blamed(closed, last), taught(closed, last):
            names, types = _columns(closed, last)
    with outfiles.placed(file, replace=replace) as part:
        with saving(
            warehouse,
            part,
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            timeout=timeout,
        ) as connection:
            with as_sql_errors():
                last, _ = begun(connection, query)
                _view(connection, last)
            rows = _copied(connection, _selected(names, types, file.suffix), file, part)
        return _saved(file, part, rows, names, types)


def save_lines(lines: Path, names: list[str], file: Path, *, replace: bool = False) -> SavedRows:
    """Write a file of JSON objects, a line each, to a new file; `names` are those of the columns.

    Raises UsageError for a file that can't be written, SQLError and OutputError.
    """
    # Only Parquet needs types; text stays as it is, such as the name of an hour or a long number.
    kind = AS_GIVEN.get(file.suffix.lower(), "" if lines.stat().st_size else "JSON")
    columns = ", ".join(f"{literal(name)}: '{kind}'" for name in names)
    options = "format = 'nd', maximum_depth = 4" + (f", columns = {{{columns}}}" if kind else "")
    with outfiles.placed(file, replace=replace) as part, closing(duckdb.connect()) as connection:
        with as_sql_errors():
            connection.execute(IN_UTC)
            _view(connection, f"select * from read_json({literal(str(lines))}, {options})")
            described = connection.execute(f"select * from {VIEW} limit 0").description or []
        found, types = [str(one[0]) for one in described], [one[1] for one in described]
        rows = _copied(connection, _selected(found, types, file.suffix), file, part)
        return _saved(file, part, rows, found, types)


def _saved(file: Path, part: Path, rows: int, names: list[str], types: list[Any]) -> SavedRows:
    columns = [SavedColumn(name, str(kind)) for name, kind in zip(names, types, strict=True)]
    return SavedRows(
        str(file), rows, part.stat().st_size, columns, _first(part, file.suffix.lower())
    )


def _columns(closed: Connection, query: str) -> tuple[list[str], list[Any]]:
    """The columns of a statement that can be saved, and their types. SQLError for another."""
    with as_sql_errors():
        statement = prepared(closed, query)
        if statement.type == duckdb.StatementType.MULTI:
            hint = "name its values: pivot ... on a in ('x', 'y') using sum(n)"
            raise SQLError("a PIVOT can't be saved unless its columns are known", hint=hint)
        _view(closed, query)
        described = closed.execute(f"select * from {VIEW} limit 0").description or []
        names = [str(one[0]) for one in described]
        with suppress(duckdb.Error):  # SHOW and DESCRIBE can't be described, and have no repeats
            names = [row[0] for row in closed.execute(f"describe {query}").fetchall()]
    return distinct(names), [one[1] for one in described]


def _view(connection: Connection, query: str) -> None:
    connection.execute(f"create temp view {VIEW} as\n{query}")


def _selected(names: list[str], types: list[Any], suffix: str) -> str:
    """SQL of the rows, whose values are written as `mp sql` writes them."""
    csv = suffix.lower() == ".csv"
    shown = [
        quoted(name) if suffix.lower() == ".parquet" else _shown(quoted(name), kind, csv=csv)
        for name, kind in zip(names, types, strict=True)
    ]
    columns = ", ".join(f"{sql} as {quoted(n)}" for sql, n in zip(shown, names, strict=True))
    return f"select {columns} from {VIEW} as rows({', '.join(map(quoted, names))})"


def _shown(sql: str, kind: Any, *, csv: bool) -> str:
    """SQL of a value as text of JSON or CSV has it: times as in ISO 8601, no NaN or infinity."""
    written = _written(sql, kind)
    if csv and kind.id in ("struct", "list", "array", "map", "union", "variant"):
        return f"to_json({written})::varchar"
    return written


def _written(sql: str, kind: Any, depth: int = 0) -> str:
    name = str(kind)
    if name in FLOATS:
        return f"case when isfinite({sql}) then {sql} end"
    if name == "TIMESTAMP WITH TIME ZONE":
        return f"{_moment(MOMENT.format(sql))} || '+00:00'"
    if name.startswith("TIMESTAMP"):
        return _moment(sql)
    if kind.id == "struct":
        members = (
            f"{quoted(member)} := {_written(f'{sql}.{quoted(member)}', inner, depth)}"
            for member, inner in kind.children
        )
        return f"case when {sql} is not null then struct_pack({', '.join(members)}) end"
    if kind.id in ("list", "array"):
        item = f"item_{depth}"
        inner = _written(item, kind.children[0][1], depth + 1)
        return sql if inner == item else f"list_transform({sql}, lambda {item}: {inner})"
    return sql


def _moment(sql: str) -> str:
    """SQL of a time as Python writes it: with microseconds, or without any fraction."""
    text = f"replace(({sql})::varchar, ' ', 'T')"
    return f"case when contains({text}, '.') then rpad({text}, 26, '0') else {text} end"


def _copied(connection: Connection, query: str, file: Path, part: Path) -> int:
    """Copy the rows to the file; return their number."""
    with as_sql_errors():
        try:
            return number(
                connection,
                f"copy ({query}) to {literal(str(part))} "
                f"({FORMATS[file.suffix.lower()]}, use_tmp_file false)",
            )
        except duckdb.IOException as error:
            raise OutputError(f"{file} can't be written: {error}") from error


def _first(part: Path, suffix: str) -> list[Any]:
    """The first rows of the file, as it has them."""
    if suffix == ".parquet":
        with closing(duckdb.connect()) as connection, as_sql_errors():
            connection.execute(IN_UTC)
            query = f"select * from read_parquet({literal(str(part))}) limit {SHOWN}"
            return answer(connection, query).to_dicts()
    with part.open(encoding="utf-8", newline="") as file:
        if suffix == ".jsonl":
            return [JSONText(line.strip()) for line in islice(file, SHOWN)]
        return list(islice(csv.DictReader(file), SHOWN))
