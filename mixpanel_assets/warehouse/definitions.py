"""Views and macros of one's own: kept as text, and as objects of the schema `mine`.

DuckDB looks up the names in a view or macro anew with each use: after a load, a rebuild or an
upgrade it reads what is there then. One that no longer fits stays, and says so when it is used.

The text is first bound on a connection that reads nothing but the warehouse. Inside a view of
`mine`, a bare name means one of `mine` first: none may have the name of a table or a function.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import duckdb

from mixpanel_assets.errors import (
    ConfigError,
    SQLError,
    TableExistsError,
    TableNotFoundError,
    UsageError,
    did_you_mean,
    near_names,
)
from mixpanel_assets.notes import note
from mixpanel_assets.results import Definition
from mixpanel_assets.warehouse.ask.mistakes import taught
from mixpanel_assets.warehouse.ask.session import functions, relations
from mixpanel_assets.warehouse.ask.syntax import walk
from mixpanel_assets.warehouse.connection import in_transaction
from mixpanel_assets.warehouse.drop import RESERVED
from mixpanel_assets.warehouse.sql import Connection, first_column, has_tables, quoted
from mixpanel_assets.warehouse.statement import as_sql_errors, prepared

MINE = "mine"
TABLE = "internal.definitions"
TRIED = 'temp.main."a definition, tried"'
WORD = r"[^\W\d]\w{0,62}"
DEFAULT = r"-?\d+(?:\.\d+)?|'(?:[^']|'')*'|true|false|null"
PARAMETER = re.compile(rf"({WORD})\s*(?::=\s*({DEFAULT}))?", re.IGNORECASE)
HEAD = re.compile(rf"({WORD})\s*(?:\((.*)\))?", re.DOTALL)
EXAMPLES = "such as: mp define payers 'select ...', or with parameters: mp define 'top(n)' '...'"
NOT_ONE = "a definition is one SELECT, or of a macro also one expression"
ALLOWED = {"range", "generate_series", "unnest", "json_each", "json_tree", "repeat"}
MISSING = re.compile(r"with name (\w+) does not exist", re.IGNORECASE)
BEGINNING = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)

# Threads of this process share the open file, and two that change its schemas are in conflict.
_WRITING = threading.Lock()


@dataclass(frozen=True)
class Draft:
    """What is to be defined. A view has no parameters, not even an empty list of them."""

    name: str
    parameters: str | None
    sql: str
    rows: bool = True  # a macro that stands for rows, not for a value

    @property
    def kind(self) -> str:
        return "view" if self.parameters is None else "macro"

    @property
    def shown(self) -> Definition:
        return _shown(self.name, self.kind, self.parameters, self.sql)

    def is_named_in(self, query: str) -> bool:
        """Whether the query may use it."""
        named = rf'\b{MINE}"?\s*\.\s*"?{re.escape(self.name)}\b'
        return bool(re.search(named, query, re.IGNORECASE))

    @property
    def place(self) -> str:
        return f"{MINE}.{quoted(self.name)}"

    def created_as(self, place: str, temp: str = "") -> str:
        """The statement that creates it."""
        if self.parameters is None:
            return f"create {temp} view {place} as\n{self.sql}"
        table = "table" if self.rows else ""
        return f"create {temp} macro {place}({self.parameters}) as {table}\n{self.sql}"


def drafted(closed: Connection, head: str, sql: str) -> Draft:
    """The definition with the head `name` or `name(a, b := 1)`, bound on a closed connection.

    Raises UsageError for the name, SQLError for the SQL.
    """
    name, parameters = _read(head)
    with as_sql_errors():
        _check_name(closed, name, macro=parameters is not None)
    text = sql.strip().rstrip(";").rstrip()
    if BEGINNING.fullmatch(text):
        raise UsageError(f"{head} has no SQL", hint=EXAMPLES)
    rows = parameters is None or _is_select(closed, text)
    draft = Draft(name, parameters, text, rows)
    with taught(closed, text), as_sql_errors():
        if rows:
            _check_select(closed, text)
        if len(closed.extract_statements(draft.created_as(TRIED, "temp"))) != 1:
            raise SQLError(NOT_ONE)
        _try(closed, draft)
        _check_tables(closed, draft)
    return draft


def keep(warehouse: Connection, draft: Draft, *, replace: bool = False) -> Definition:
    """Keep the definition. Raises TableExistsError without `replace`, SQLError, ConfigError."""
    if first_column(warehouse, "select current_database()")[0].lower() == MINE:
        raise ConfigError(
            "a warehouse of the name mine can't have definitions: mine is their schema",
            hint="rename its file, or name another with MP_WAREHOUSE",
        )
    with _WRITING, as_sql_errors(), in_transaction(warehouse):
        warehouse.execute(
            f"create schema if not exists internal; create schema if not exists {MINE}"
        )
        warehouse.execute(
            f"create table if not exists {TABLE} "
            "(name VARCHAR, parameters VARCHAR, rows BOOLEAN, sql VARCHAR, created_at TIMESTAMPTZ)"
        )
        old = _find(warehouse, draft.name)
        if old and not replace:
            raise TableExistsError(
                f"mine.{old.name} is defined already",
                hint=f"see it: mp define {old.name}; --replace defines it again",
                table_name=old.name,
            )
        _create(warehouse, draft, old)
        warehouse.execute(
            f"insert into {TABLE} values (?, ?, ?, ?, now())",
            [draft.name, draft.parameters, draft.rows, draft.sql],
        )
    return draft.shown


def definitions(warehouse: Connection) -> list[Definition]:
    """All of them by name, with a note on each that does not work as things are."""
    found = _all(warehouse)
    for draft in found:
        note_broken(warehouse, draft)
    return [draft.shown for draft in found]


def definition(warehouse: Connection, name: str) -> Definition:
    """The one of that name, with a note if it does not work. TableNotFoundError."""
    draft = _known(warehouse, name)
    note_broken(warehouse, draft)
    return draft.shown


def drop_definition(warehouse: Connection, name: str) -> Definition:
    """Drop the one of that name. TableNotFoundError."""
    draft = _known(warehouse, name)
    with _WRITING, as_sql_errors(), in_transaction(warehouse):
        _remove(warehouse, draft)
    return draft.shown


@contextmanager
def blamed(warehouse: Connection, query: str) -> Iterator[None]:
    """Raise the error of a statement with the definition in it that is the reason."""
    try:
        yield
    except SQLError as error:
        cause = error.__cause__
        if isinstance(cause, duckdb.CatalogException | duckdb.BinderException):
            with suppress(duckdb.Error):
                _blame(warehouse, query, error, cause)
        raise


def views_behind(warehouse: Connection, queries: Sequence[str]) -> list[str]:
    """The SELECTs of the views that the queries may use, directly or by way of others."""
    views = [one for one in _all(warehouse) if one.parameters is None]
    found: list[str] = []
    for text in (texts := [*queries]):
        for view in views:
            if view.sql not in found and view.is_named_in(text):
                found.append(view.sql)
                texts.append(view.sql)
    return found


def note_broken(warehouse: Connection, draft: Draft) -> None:
    """Note that a definition does not work, or that its name is not its own any more."""
    if why := _fault(warehouse, draft):
        note(f"mine.{draft.name} does not work as things are: {why}")
    elif draft.name.lower() in relations(warehouse):
        note(
            f"there is a table {draft.name} now, too: in views of mine, {draft.name} means "
            f"mine.{draft.name}, and main.{draft.name} the table"
        )


def _blame(warehouse: Connection, query: str, error: SQLError, cause: duckdb.Error) -> None:
    """Raise the error with the definition that is broken, or that was meant, if there is one."""
    known = _all(warehouse)
    for draft in known:
        if draft.is_named_in(query) and (why := _fault(warehouse, draft)):
            raise SQLError(
                f"mine.{draft.name} does not work as things are: {why}",
                hint=f"see it: mp define {draft.name}; define it again with --replace, "
                f"or: mp define --drop {draft.name}",
            ) from cause
    missing = found[1].lower() if (found := MISSING.search(str(cause))) else ""
    names = {one.name.lower(): one.shown.name for one in known}
    if missing in names:
        hint = f"did you mean mine.{names[missing]}?"
    elif known and re.search(rf'\b{MINE}\s*\.\s*"?{re.escape(missing)}\b', query, re.IGNORECASE):
        near = [f"mine.{names[one]}" for one in near_names(missing, names)]
        hint = did_you_mean(near) or "see what there is: mp define --list"
    else:
        return
    raise SQLError(error.message, hint=hint, **error.details) from cause


def _shown(name: str, kind: str, parameters: str | None, sql: str) -> Definition:
    return Definition(name if parameters is None else f"{name}({parameters})", kind, sql)


def _read(head: str) -> tuple[str, str | None]:
    """The name, and the parameters as SQL if it has a list of them. UsageError."""
    found = HEAD.fullmatch(_bare(head))
    if not found:
        raise UsageError(
            f"{head!r} can't be a name: it has letters, digits and _, and begins with no digit",
            hint=EXAMPLES,
        )
    name, listed = found.groups()
    if listed is None:
        return name, None
    parameters = []
    rest = listed.strip()
    while rest:
        one = PARAMETER.match(rest)
        end = rest[one.end() :].lstrip() if one else ""
        if not one or (end and not end.startswith(",")) or end.rstrip() == ",":
            raise UsageError(
                f"{listed.strip()!r} is not a list of parameters",
                hint="names with commas between, with a default if need be: 'top(event, n := 10)'",
            )
        parameters.append(one[1] if one[2] is None else f"{one[1]} := {one[2]}")
        rest = end[1:].lstrip()
    return name, ", ".join(parameters)


def _bare(name: str) -> str:
    """The name without the schema."""
    text = name.strip()
    return text[len(MINE) + 1 :] if text.lower().startswith(f"{MINE}.") else text


def _check_name(closed: Connection, name: str, *, macro: bool) -> None:
    lowered = name.lower()
    reserved = "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
    if lowered in {*relations(closed), *RESERVED}:
        what = "is a table or view of the warehouse"
    elif macro and lowered in functions(closed):
        what = "is a function of DuckDB"
    elif lowered in first_column(closed, reserved):
        what = "is a word of SQL"
    else:
        return
    raise UsageError(f"{name} {what}: a definition needs a name of its own", hint=EXAMPLES)


def _is_select(closed: Connection, text: str) -> bool:
    """Whether the text of a macro gives rows; in parentheses, a SELECT is a value."""
    if text[BEGINNING.match(text).end() :].startswith("("):  # type: ignore[union-attr]
        return False
    try:
        statements = closed.extract_statements(text)
    except duckdb.Error:
        return False
    return len(statements) > 0


def _check_select(closed: Connection, text: str) -> None:
    statement = prepared(closed, text)
    if statement.type == duckdb.StatementType.MULTI:
        hint = "name its values: pivot ... on a in ('x', 'y') using sum(n)"
        raise SQLError("a PIVOT can't be defined unless its columns are known", hint=hint)
    if statement.type != duckdb.StatementType.SELECT:
        raise SQLError(f"{NOT_ONE}; got {statement.type.name}")


def _check_tables(closed: Connection, draft: Draft) -> None:
    """SQLError for functions that give what is not in the warehouse, such as read_csv(parameter).

    They are no harm where nothing else can be read, but others open the same file, too.
    """
    text = draft.sql if draft.rows else f"select (\n{draft.sql}\n)"
    (tree,) = first_column(closed, "select json_serialize_sql(?)", [text])
    parsed = json.loads(tree)
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise SQLError(NOT_ONE)
    query = "select function_name from duckdb_functions() where function_type = 'table'"
    others = {*first_column(closed, query)} - ALLOWED
    for node in walk(parsed):
        name = (node.get("function") or {}).get("function_name")
        if node.get("type") == "TABLE_FUNCTION" and name in others:
            raise SQLError(
                f"a definition can't use {name}",
                hint=f"it can use tables, views, macros, {', '.join(sorted(ALLOWED))}",
            )


def _try(closed: Connection, draft: Draft) -> None:
    """Create it for a moment, where it can be no harm. Raises DuckDB's errors."""
    closed.execute(draft.created_as(TRIED, "temp"))
    _drop(closed, draft, TRIED)


def _create(warehouse: Connection, draft: Draft, old: Draft | None) -> None:
    """Create it in the place of the old one. Raises SQLError if it would read itself."""
    if old is None:
        warehouse.execute(draft.created_as(draft.place))
        return
    _remove(warehouse, old)  # first: so nothing can be defined by itself, by way of others either
    try:
        warehouse.execute(draft.created_as(draft.place))
    except duckdb.CatalogException as error:
        raise SQLError(
            f"mine.{draft.name} can't be defined by itself: {_first_line(error)}",
            hint=f"copy what it was into it: mp define {draft.name}",
        ) from error


def _fault(warehouse: Connection, draft: Draft) -> str | None:
    """Why the definition does not work; None if it does."""
    try:
        if draft.parameters is None:
            warehouse.execute(f"describe from {draft.place}")
        else:
            _try(warehouse, draft)
    except duckdb.Error as error:
        return _first_line(error)
    return None


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]


def _all(warehouse: Connection) -> list[Draft]:
    if not has_tables(warehouse, "internal", "definitions"):
        return []
    query = f"select name, parameters, sql, rows from {TABLE} order by lower(name)"
    return [Draft(*row) for row in warehouse.execute(query).fetchall()]


def _find(warehouse: Connection, name: str) -> Draft | None:
    wanted = _bare(name).partition("(")[0].strip().lower()
    return next((one for one in _all(warehouse) if one.name.lower() == wanted), None)


def _known(warehouse: Connection, name: str) -> Draft:
    if found := _find(warehouse, name):
        return found
    near = near_names(name, [one.name for one in _all(warehouse)])
    raise TableNotFoundError(
        f"there is no definition {name}",
        hint=did_you_mean(near) or "see what there is: mp define --list",
        table_name=name,
    )


def _remove(warehouse: Connection, draft: Draft) -> None:
    _drop(warehouse, draft, draft.place)
    warehouse.execute(f"delete from {TABLE} where lower(name) = lower(?)", [draft.name])


def _drop(warehouse: Connection, draft: Draft, place: str) -> None:
    kind = "view" if draft.kind == "view" else "macro table" if draft.rows else "macro"
    warehouse.execute(f"drop {kind} if exists {place}")
