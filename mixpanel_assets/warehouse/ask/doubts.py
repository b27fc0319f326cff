"""Why an answer may not be what was asked: empty, zero or null for a reason that is known.

A statement is looked at only when its answer is suspicious. There is a note on each condition in it
that no row meets, and on each property that nothing landed has, with the names that may be meant.
Notes are always true of what is landed; no note means that nothing was found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb

from mixpanel_assets.notes import note
from mixpanel_assets.results import SQLResult
from mixpanel_assets.warehouse.ask.mistakes import PATIENCE, taught
from mixpanel_assets.warehouse.ask.reasons import Statement
from mixpanel_assets.warehouse.ask.session import begun
from mixpanel_assets.warehouse.connection import interrupted_after
from mixpanel_assets.warehouse.definitions import blamed, views_behind
from mixpanel_assets.warehouse.properties import NEVER_A_COLUMN
from mixpanel_assets.warehouse.sql import Connection
from mixpanel_assets.warehouse.statement import answer, stream
from mixpanel_assets.warehouse.tables import EVENTS, PROFILES

MOST_NOTES = 5


def asked(
    warehouse: Connection, query: str, parameters: Sequence[Any] = (), *, limit: int | None = None
) -> SQLResult:
    """As `answer`, with notes on what its reader should know."""
    with taught(warehouse, query):
        query, made = begun(warehouse, query)
    with blamed(warehouse, query), taught(warehouse, query):
        result = answer(warehouse, query, parameters, limit=limit)
    rows = Watched(result.columns, iter(result.rows))
    deque(rows, maxlen=0)
    _tell_all(warehouse, query, made, parameters, suspicious=rows.suspicious)
    return result


@contextmanager
def asking(
    warehouse: duckdb.DuckDBPyConnection, query: str
) -> Iterator[tuple[list[str], Iterator[tuple[Any, ...]]]]:
    """The columns and, as they come, the rows; notes as `asked` once the block has read them."""
    with taught(warehouse, query):
        query, made = begun(warehouse, query)
    with blamed(warehouse, query), taught(warehouse, query):
        columns, _, coming = stream(warehouse, query)
        rows = Watched(columns, coming)
        yield columns, rows
    _tell_all(warehouse, query, made, suspicious=rows.suspicious)


def _tell_all(
    warehouse: Connection,
    query: str,
    made: Sequence[str],
    parameters: Sequence[Any] = (),
    *,
    suspicious: bool,
) -> None:
    """As `tell`; of a suspicious answer also about the views and tables that it may be from."""
    tell(warehouse, query, parameters, suspicious=suspicious)
    if suspicious:
        with suppress(duckdb.Error):
            made = (*made, *views_behind(warehouse, (query, *made)))
        for text in made:
            tell(warehouse, text)


class Watched(Iterator[tuple[Any, ...]]):
    """Rows as they come; whether those that came are none, or have a column of null and zero."""

    def __init__(self, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._bare: Sequence[int] = range(len(columns))  # no value of these came yet

    def __next__(self) -> tuple[Any, ...]:
        row = next(self._rows)
        if self._bare:
            self._bare = [one for one in self._bare if row[one] is None or row[one] == 0]
        return row

    @property
    def suspicious(self) -> bool:
        """Whether the answer may mislead."""
        return bool(self._bare)


def tell(
    warehouse: Connection, query: str, parameters: Sequence[Any] = (), *, suspicious: bool = True
) -> None:
    """Note what the reader of the statement's answer should know."""
    for message in doubts(warehouse, query, parameters, suspicious=suspicious):
        note(message)


def doubts(
    warehouse: Connection, query: str, parameters: Sequence[Any] = (), *, suspicious: bool = True
) -> list[str]:
    """What the reader of the statement's answer should know; nothing if that is unknown."""
    found: list[str] = []
    # A warehouse of an older layout, one that is slow to ask, a statement nested too deeply: none
    # of these is a reason to fail.
    with suppress(duckdb.Error, RecursionError), interrupted_after(warehouse, PATIENCE):
        renamed = _renamed(warehouse)
        if suspicious or renamed or "->" in query or "by_event" in query.lower():
            statement = Statement.read(warehouse, query, parameters)
            for message in statement.notes(renamed, suspicious=suspicious):
                if message not in found:
                    found.append(message)
                if len(found) == MOST_NOTES:
                    break
    return found


def _renamed(warehouse: Connection) -> dict[tuple[str, str], str]:
    """What events, and properties by dataset, are called since another spelling has their name.

    The name of a base column means that one, not a property of the same name.
    """
    query = """
        select 'by_event', event_name, view_name from internal.event_views
        where view_name <> event_name
        union all
        select dataset, property, column_name from internal.property_columns
        where column_name <> property and column_name like property || '#_%' escape '#'
          and lower(property) not in (select unnest(?::varchar[]))
        """
    base = [*EVENTS.columns, *PROFILES.columns, *NEVER_A_COLUMN]
    rows = warehouse.execute(query, [base]).fetchall()
    return {(kind, name): instead for kind, name, instead in rows}
