"""The Lexicon's descriptions as comments on views and columns."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import duckdb

from mixpanel_assets.warehouse.sql import Connection, has_tables, literal, quoted
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, EVENTS, PROFILE_VIEWS, PROFILES

# What has a column for each property, by dataset; a view has comments of its own.
TABLES = {"events": EVENTS.table, "profiles": PROFILES.table}
VIEWS: dict[str, tuple[str, ...]] = {
    "events": (),
    "profiles": PROFILE_VIEWS,
}  # with computed ones, too

Place = tuple[str, str, str]  # schema, table or view, column ("" for the view itself)


def write_comments(warehouse: Connection) -> int:
    """Describe views of events, and columns of events and profiles, as the Lexicon does.

    Comments on what it no longer describes go. How many comments were changed. A view that was
    replaced has lost its comments: call it after a load too.
    """
    if not has_tables(warehouse, "main", "lexicon_events", "lexicon_properties"):
        return 0
    described = _of_views(warehouse) | _of_wide_columns(warehouse)
    # DuckDB takes a NUL for the end of a comment, if it takes it at all.
    wanted = {place: text.replace("\0", " ") for place, text in described.items()}
    found = _comments(warehouse)
    stale = {place: text for place, text in wanted.items() if found.get(place) != text}
    gone = dict.fromkeys(found.keys() - wanted.keys())
    for (schema, table, column), text in {**stale, **gone}.items():
        where = f"{quoted(schema)}.{quoted(table)}"
        what = f"column {where}.{quoted(column)}" if column else f"view {where}"
        warehouse.execute(f"comment on {what} is {'null' if text is None else literal(text)}")
    return len(stale) + len(gone)


def renew_comments(warehouse: Connection) -> None:
    """As `write_comments`, after a commit: a failure is left to the next load."""
    with suppress(duckdb.Error):
        write_comments(warehouse)


def _of_views(warehouse: Connection) -> dict[Place, str]:
    query = """
        select view_name, '', any_value(description)
        from lexicon_events join internal.event_views using (event_name)
        where description <> '' group by all
        union all
        select view_name, column_name, any_value(description)
        from lexicon_properties
        join internal.event_views using (event_name)
        join internal.property_columns columns using (property)
        join (select distinct event_name, property from internal.property_days)
          using (event_name, property)
        where description <> '' and columns.dataset = 'events'
          and property not in (select unnest(?::varchar[]))
        group by all
        """
    rows = warehouse.execute(query, [list(BASE_PROPERTIES)]).fetchall()
    return {("by_event", view, column): text for view, column, text in rows}


def _of_wide_columns(warehouse: Connection) -> dict[Place, str]:
    """One description if all events have the same; else each event's own."""
    query = """
        select dataset, column_name, physical,
               list((event_name, description) order by event_name)
        from lexicon_properties join internal.property_columns using (property)
        where description <> '' and dataset = case entity_type
            when 'event' then 'events' when 'profile' then 'profiles' end
          and column_name not in (select unnest(?::varchar[]))
        group by dataset, column_name, physical
        """
    rows = warehouse.execute(query, [[*EVENTS.columns, *PROFILES.columns]]).fetchall()
    return {
        ("main", table, column): _joined(meanings)
        for dataset, column, physical, meanings in rows
        for table in ((TABLES[dataset],) if physical else ()) + VIEWS[dataset]
    }


def _joined(meanings: Iterable[tuple[str, str]]) -> str:
    by_text: dict[str, list[str]] = {}
    for event, text in meanings:
        by_text.setdefault(text, []).append(event)
    if len(by_text) == 1:
        return next(iter(by_text))
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in by_text.items())


def _comments(warehouse: Connection) -> dict[Place, str]:
    """The comments that are there on what the Lexicon may describe."""
    query = """
        select schema_name, view_name, '', comment from duckdb_views()
        where schema_name = 'by_event' and comment is not null
        union all
        select schema_name, table_name, column_name, comment from duckdb_columns()
        where comment is not null and (schema_name = 'by_event' or (
            schema_name = 'main' and table_name in (select unnest(?::varchar[]))))
        """
    rows = warehouse.execute(query, [[*TABLES.values(), *PROFILE_VIEWS]]).fetchall()
    found = {(schema, table, column): text for schema, table, column, text in rows}
    ours = {layout.table: layout.columns for layout in (EVENTS, PROFILES)}
    return {place: text for place, text in found.items() if place[2] not in ours.get(place[1], ())}
