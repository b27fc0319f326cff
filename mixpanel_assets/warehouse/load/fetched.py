"""Tables of what was fetched under a name: filtered or ad hoc, and never the tables of assets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mixpanel_assets.errors import TableExistsError, UsageError
from mixpanel_assets.landed import LandedFile
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import as_load_errors
from mixpanel_assets.warehouse.drop import (
    RESERVED,
    drop_named,
    found_table,
    marts_in,
    table_not_found,
)
from mixpanel_assets.warehouse.load.create import create_table, create_tables
from mixpanel_assets.warehouse.load.events import insert_events, insert_typed, note_repaired
from mixpanel_assets.warehouse.load.recorded import Recorded, record_landed
from mixpanel_assets.warehouse.load.stage import Source
from mixpanel_assets.warehouse.load.survey import Survey, surveyed
from mixpanel_assets.warehouse.records import in_utc
from mixpanel_assets.warehouse.sql import Connection, first_column, number, quoted
from mixpanel_assets.warehouse.statement import as_json
from mixpanel_assets.warehouse.tables import Layout, named_layout

How = Literal["create", "replace", "append"]
Kind = Literal["events", "profiles"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
# DuckDB's own views and functions, which other ones of DuckDB would no longer find.
SYSTEM = re.compile("(duckdb|pragma|sqlite|pg)_", re.IGNORECASE)
# Tables that a load makes for itself, and that would be found in place of others of that name.
WORKING = {
    *("apart", "changed", "compared", "compared_all", "counted", "current_rows", "examples"),
    *("found_links", "frontier", "kept", "keys", "lost", "lost_links", "made", "merged"),
    *("new_links", "new_people", "newest", "old_people", "outdated", "reached", "same_people"),
    *("stage", "superseded", "survey", "surveys", "together", "touched"),
}
BATCH = 2048


@dataclass(frozen=True)
class NamedTable:
    """What a pull added to a table: rows, and the duplicates that were left out."""

    rows: int
    duplicates: int
    names: frozenset[str] = field(default=frozenset(), compare=False)  # of events, or properties


def check_name(name: str) -> str:
    """The name, if a table can have it; UsageError else."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a name for a table",
            hint="use a letter, then letters, digits and _; 63 of them at most",
        )
    if name.lower() in RESERVED:
        raise UsageError(
            f"{name} is a table of this project",
            hint="choose another name; whole days and profiles are landed with: mp materialize",
        )
    if SYSTEM.match(name):
        raise UsageError(f"{name} is called as DuckDB's own tables are", hint="choose another name")
    if name.lower() in WORKING:
        raise UsageError(f"{name} is what loads call a table of theirs", hint="choose another name")
    return name


def check_pull(warehouse: Connection, name: str, kind: Kind, how: How) -> None:
    """Raise the error for which a pull can't be loaded under that name, if there is one.

    UsageError, TableExistsError, TableNotFoundError (to append to).
    """
    check_name(name)
    check_no_mart(warehouse, name)
    if how == "append":
        _check_appendable(warehouse, named_layout(name, of_events=kind == "events"))
    elif how == "create":
        check_free(warehouse, name)


def check_no_mart(warehouse: Connection, name: str) -> None:
    """UsageError if a mart has the table of that name."""
    if name.lower() in marts_in(warehouse):
        raise UsageError(f"{name} is the table of a mart", hint="choose another name")


def check_free(warehouse: Connection, name: str) -> None:
    """TableExistsError if there is a table of that name."""
    if found_table(warehouse, name):
        raise TableExistsError(
            f"there is a table {name} already",
            hint="--replace makes it again, --append adds to it",
            table_name=name,
        )


def _check_appendable(warehouse: Connection, layout: Layout) -> None:
    if found_table(warehouse, layout.table) != layout.table:
        raise table_not_found(warehouse, layout.table)
    query = "select column_name from duckdb_columns() where schema_name = 'main' and table_name = ?"
    if not {*first_column(warehouse, query, [layout.table])} >= layout.columns.keys():
        kind = "events" if layout.of_events else "profiles"
        raise UsageError(f"{layout.table} is not a table of {kind}", hint="choose another name")


def load_named(
    warehouse: Connection,
    name: str,
    kind: Kind,
    files: Sequence[LandedFile],
    settings: Settings,
    *,
    how: How,
    filters: Mapping[str, Any],
) -> NamedTable:
    """Load the files' events or profiles into a table of that name, or change nothing.

    Events are without duplicates: when appended to, the table has the newest of each. Appended
    profiles replace those of the same distinct_id. `filters` are recorded in `landed`. Raises
    TableExistsError, TableNotFoundError (to append to), LoadError.
    """
    layout = named_layout(name, of_events=kind == "events")
    day = min(file.start for file in files)
    with as_load_errors():
        create_tables(warehouse)
        check_pull(warehouse, name, kind, how)
        with surveyed(warehouse, files, layout, settings, fresh=how != "append") as survey:
            if how == "replace":
                drop_named(warehouse, name)
            create_table(warehouse, name, layout.columns)
            survey.columns.write(warehouse)
            added = _insert(warehouse, survey)
            size, repaired = (
                number(warehouse, f"select sum({what}) from surveys where property is null")
                for what in ("bytes", "repaired")
            )
            at = max(file.exported_at for file in files)
            came = (added.rows, size, at, added.duplicates)
            recorded = Recorded(name, day, *came, filters=filters, repaired=repaired)
            record_landed(warehouse, recorded)
    note_repaired({day: repaired}, kind.removesuffix("s"))
    return added


def _insert(warehouse: Connection, survey: Survey) -> NamedTable:
    layout, duplicates = survey.columns.layout, 0
    table = quoted(layout.table)
    last = number(warehouse, f"select max(rowid) + 1 from {table}") - 1
    for source in survey.sources:
        if layout.of_events:
            duplicates += sum(insert_events(warehouse, source).values())
        else:
            duplicates += _insert_profiles(warehouse, source)
    rows = number(warehouse, "select sum(events) from surveys where property is null")
    if last >= 0 and layout.of_events:
        duplicates += number(warehouse, OLDER.format(table=table))
        duplicates += number(warehouse, AGAIN.format(table=table, last=last))
    name, is_ = ("event_name", "is") if layout.of_events else ("property", "is not")
    query = f"select distinct {name} from surveys where property {is_} null"
    return NamedTable(rows, duplicates, frozenset(first_column(warehouse, query)))


# The same event pulled twice: the newest stays, of equally new ones the one that came last.
OLDER = """
delete from {table} where rowid in (
    select rowid from {table} where nullif(insert_id, '') is not null
    qualify row_number() over (
        partition by event_name, distinct_id, insert_id,
                     coalesce(event_time::varchar, properties->>'$.time')
        order by processed_at desc nulls last, rowid desc
    ) > 1)
"""

# Events without an id can't be told apart: of identical ones there are as many as the table or the
# pull had, whichever had more.
AGAIN = """
delete from {table} where rowid in (
    select rowid from (
        select rowid, row_number() over (partition by same, rowid > {last}) as nth,
               count(*) filter (rowid <= {last}) over (partition by same) as known
        from (
            select rowid, md5(concat_ws('|', event_name, event_date, properties)) as same
            from {table} where nullif(insert_id, '') is null
        )
    ) where rowid > {last} and nth <= known)
"""


def _insert_profiles(warehouse: Connection, source: Source) -> int:
    """Insert the file's profiles, in the place of those with the same distinct_id; how many."""
    replaced = 0
    table = quoted(source.columns.layout.table)
    delete = f"delete from {table} where distinct_id in (select distinct_id from stage)"
    for _ in source.stage_parts(warehouse):
        replaced += number(warehouse, delete)
        values = {"distinct_id": "distinct_id", "last_seen": in_utc("seen")}
        insert_typed(warehouse, source, values, casts={"seen": ("$last_seen", "timestamp")})
    return replaced


def records(warehouse: Connection, name: str, kind: Kind, *, raw: bool) -> Iterator[str]:
    """Each row as one JSON text, a few at a time in memory.

    Raw is as Mixpanel sent it: event and properties, or $distinct_id and $properties.
    """
    names = RAW[kind] if raw else {column: column for column in NORMAL[kind]}
    members = " || ',' || ".join(f"'{json.dumps(key)}:' || {_json(c)}" for key, c in names.items())
    cursor = warehouse.execute(f"select '{{' || {members} || '}}' from {quoted(name)}")
    while rows := cursor.fetchmany(BATCH):
        for (text,) in rows:
            yield text if raw else as_json(text)


RAW = {
    "events": {"event": "event_name", "properties": "properties"},
    "profiles": {"$distinct_id": "distinct_id", "$properties": "properties"},
}
NORMAL = {
    "events": ("event_name", "event_time", "distinct_id", "insert_id", "properties"),
    "profiles": ("distinct_id", "last_seen", "properties"),
}


def _json(column: str) -> str:
    """SQL: the column's value as JSON."""
    if column == "properties":
        return "properties::varchar"
    if column in ("event_time", "last_seen"):
        column = f"strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S.%g+00:00')"
    return f"coalesce(to_json({column})::varchar, 'null')"
