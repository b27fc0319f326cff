"""What a name stands for: a table or view, an event, a property; and which may have been meant."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

import duckdb

from mixpanel_assets.errors import (
    EventNotFoundError,
    PropertyNotFoundError,
    SQLError,
    TableNotFoundError,
    did_you_mean,
    near_names,
)
from mixpanel_assets.warehouse.people import unmerged, with_person
from mixpanel_assets.warehouse.properties import PropertyColumn, PropertyColumns, computed
from mixpanel_assets.warehouse.sql import Connection, literal, quoted
from mixpanel_assets.warehouse.statement import answer
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, EVENTS, PROFILE_VIEWS, PROFILES
from mixpanel_assets.warehouse.types import UNSEEN, is_addressable

BY_EVENT = "by_event."
MINE = "mine."
LANDED = ("events", "events_wide")
LOOK = "look first: mp inspect overview, or: mp inspect find WORD"
NOTHING_YET = "nothing is landed yet: mp materialize events --from 7d"


@dataclass(frozen=True)
class Relation:
    """A table or view: `source` and `wide` are SQL, the second with a column for each property."""

    name: str
    schema: str
    table: str
    type: str  # events, profiles, table or view
    columns: dict[str, str]
    wide: str
    properties: dict[str, PropertyColumn] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.table)}"

    @property
    def person(self) -> str:
        """SQL: whose a row of `wide` is; null if it is nobody's."""
        known = self.name == EVENTS.dataset and "person" in self.columns
        return "person" if known else unmerged("distinct_id")


@dataclass(frozen=True)
class Value:
    """SQL of a property's value, and its type."""

    sql: str
    type: str


def catalogue(warehouse: Connection) -> list[Relation]:
    """Every table and view that is for questions, the views of events last."""
    query = """
        select schema_name, table_name, any_value(is_view),
               map_from_entries(list((column_name, data_type) order by column_index))
        from duckdb_columns()
        join (select schema_name, table_name, false as is_view from duckdb_tables()
              union all select schema_name, view_name, true from duckdb_views())
          using (schema_name, table_name)
        where schema_name in ('main', 'by_event') and not internal
        group by all order by schema_name desc, table_name
        """
    return [_relation(*row) for row in answer(warehouse, query)]


def _relation(schema: str, table: str, is_view: bool, columns: dict[str, str]) -> Relation:
    name = table if schema == "main" else f"{schema}.{table}"
    type_ = "view" if is_view else "table"
    if {"distinct_id", "properties"} <= columns.keys():
        type_ = "events" if "event_name" in columns else "profiles"
    wide = f"{quoted(schema)}.{quoted('events_wide' if name in LANDED else table)}"
    if name == EVENTS.dataset and "person" in columns:
        wide = f"({with_person(wide)})"
    return Relation(name, schema, table, type_, columns, wide)


def find_relation(warehouse: Connection, table: str) -> Relation:
    """The table or view of that name, also `by_event.Name` of an event and `mine.Name` of a user.

    TableNotFoundError names those that may have been meant.
    """
    known = catalogue(warehouse)
    wanted = table.removeprefix("main.")
    if wanted.startswith(BY_EVENT):
        wanted = BY_EVENT + _view_of(warehouse, _unquoted(wanted.removeprefix(BY_EVENT)))
    found = next((one for one in known if one.name.lower() == wanted.lower()), None)
    if found is None and wanted.lower().startswith(MINE):
        found = _own_view(warehouse, _unquoted(wanted[len(MINE) :]))
    if found is None:
        near = near_names(wanted, [one.name for one in known])
        shown = [shown_table(name) for name in near]
        every = ", ".join(one.name for one in known if one.schema == "main")
        hint = f"tables: {every}" if every else NOTHING_YET
        raise TableNotFoundError(
            f"there is no table {table!r}",
            hint=f"did you mean {', '.join(shown)}?" if near else hint,
            table_name=table,
            similar_tables=near,
        )
    return replace(found, properties=_properties(warehouse, found))


def _unquoted(name: str) -> str:
    quotes = len(name) > 1 and name[0] == name[-1] == '"'
    return name[1:-1].replace('""', '"') if quotes else name


def _own_view(warehouse: Connection, name: str) -> Relation | None:
    """The view that a user has defined, with the columns that it has now."""
    query = """
        select view_name from duckdb_views()
        where schema_name = 'mine' and lower(view_name) = lower(?)
        """
    for (view,) in answer(warehouse, query, [name]):
        described = answer(warehouse, f"describe from mine.{quoted(view)}").rows
        return _relation("mine", view, True, {column: type_ for column, type_, *_ in described})
    return None


def shown_table(name: str) -> str:
    """The table or view as SQL has it: `by_event."Flight Departed"`."""
    if name.startswith(BY_EVENT):
        return BY_EVENT + quoted(name.removeprefix(BY_EVENT))
    return name if name.isidentifier() else quoted(name)


def _view_of(warehouse: Connection, event: str) -> str:
    """The view of the event that is spelled like this; else the name as it is."""
    query = "select view_name from internal.event_views where event_name = ?"
    with suppress(SQLError):  # no load has begun yet
        for (view,) in answer(warehouse, query, [event]):
            return str(view)
    return event


def _properties(warehouse: Connection, relation: Relation) -> dict[str, PropertyColumn]:
    """How each property that a load knows of shows in the relation."""
    dataset = relation.name
    if relation.schema == "by_event" or dataset in LANDED:
        dataset = EVENTS.dataset
    elif dataset in PROFILE_VIEWS:
        dataset = PROFILES.dataset
    try:
        known = PropertyColumns.known(warehouse, dataset)
    except duckdb.CatalogException:
        return {}  # no load has begun yet
    columns = relation.columns
    if relation.wide == relation.source:  # a column of its view, if not of the table
        known = [replace(one, physical=one.physical or one.column in columns) for one in known]
    shown = (one for one in known if relation.schema == "main" or one.column in columns)
    return {one.property: one for one in shown}


def find_events(warehouse: Connection, table: str) -> Relation:
    """The table of events of that name; TableNotFoundError if it is another kind of table."""
    found = find_relation(warehouse, table)
    if found.type != "events":
        names = [one.name for one in catalogue(warehouse) if one.type == "events"]
        raise TableNotFoundError(
            f"{table} is not a table of events",
            hint=f"tables of events: {', '.join(names) or 'none'}",
            table_name=table,
            similar_tables=names,
        )
    return found


def find_property(
    warehouse: Connection, relation: Relation, name: str, event: str | None = None
) -> Value:
    """The property's value over `relation.wide`: a column if there is one, else out of the JSON.

    EventNotFoundError if that is why there is none, else PropertyNotFoundError.
    """
    if (found := known_property(relation, name)) or (
        found := _property_of_json(warehouse, relation, name)
    ):
        return found
    if event is not None:
        check_events(warehouse, relation, [event])
    known = property_keys(warehouse, relation)
    near = near_names(name, known)
    raise PropertyNotFoundError(
        f"no {'event' if relation.type == 'events' else 'row'} of {relation.name} "
        f"has a property {name!r}",
        hint=did_you_mean(near) or (LOOK if known else NOTHING_YET),
        property_name=name,
        similar_properties=near,
    )


def known_property(relation: Relation, name: str) -> Value | None:
    """The property's column or what it is computed by, without a look at the rows."""
    if name in BASE_PROPERTIES and (base := BASE_PROPERTIES[name]) in relation.columns:
        return Value(quoted(base), relation.columns[base])
    column = relation.properties.get(name)
    if column is None:
        if relation.properties or name not in relation.columns:
            return None
        return Value(quoted(name), relation.columns[name])
    if column.type == UNSEEN:
        return Value("null::varchar", "VARCHAR")
    return Value(quoted(column.column) if column.physical else computed(column), column.type)


def _property_of_json(warehouse: Connection, relation: Relation, name: str) -> Value | None:
    if relation.properties or "properties" not in relation.columns or not is_addressable(name):
        return None
    query = f"select 1 from {relation.wide} where list_contains(json_keys(properties), ?) limit 1"
    if not answer(warehouse, query, [name]).rows:
        return None
    return Value(computed(PropertyColumn(name, name, "VARCHAR", False)), "VARCHAR")


def property_keys(warehouse: Connection, relation: Relation, event: str | None = None) -> list[str]:
    """The names of all properties that rows, or those of one event, have; sorted."""
    if relation.name in LANDED:
        query = "select distinct property from internal.property_days where true"
    else:
        query = f"select distinct unnest(json_keys(properties)) as property from {relation.wide}"
        query = f"{query} where properties is not null"
    if event is not None:
        query += f" and event_name = {literal(event)}"
    return sorted(row[0] for row in answer(warehouse, query))


def check_events(warehouse: Connection, relation: Relation, events: list[str]) -> None:
    """EventNotFoundError for the first name that no row has, with those that may be meant."""
    query = f"""
        select name from (select unnest(?::varchar[]) as name)
        where name not in (
            select distinct event_name from {relation.wide} where event_name is not null)
        """
    missing = {row[0] for row in answer(warehouse, query, [events])}
    event = next((name for name in events if name in missing), None)
    if event is None:
        return
    rows = answer(warehouse, f"select distinct event_name from {relation.wide} order by all")
    known = [name for (name,) in rows if name is not None]
    near = near_names(event, known)
    raise EventNotFoundError(
        f"{relation.name} has no event {event!r}",
        hint=did_you_mean(near) or (LOOK if known else NOTHING_YET),
        event_name=event,
        similar_events=near,
    )
