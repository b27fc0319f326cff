"""Views with a column for each property: of each event what it carries, and of all profiles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from mixpanel_assets.warehouse.numbers import stored_values
from mixpanel_assets.warehouse.people import with_person
from mixpanel_assets.warehouse.properties import PropertyColumn, PropertyColumns
from mixpanel_assets.warehouse.records import layered
from mixpanel_assets.warehouse.spelling import alike, plain_names, unused
from mixpanel_assets.warehouse.sql import Connection, insert_rows, literal, quoted
from mixpanel_assets.warehouse.tables import CURRENT_COLUMNS, EVENTS, PROFILES
from mixpanel_assets.warehouse.types import UNSEEN


def write_event_views(warehouse: Connection, columns: PropertyColumns) -> None:
    """Give by_event a view for each landed event, with the columns that its properties have now."""
    query = """
        select event_name, list(distinct property order by property) from internal.property_days
        where event_name is not null group by event_name order by event_name
        """
    carried = dict(warehouse.execute(query).fetchall())
    query = "select event_name, [view_name, definition] from internal.event_views"
    known: dict[str, list[str]] = dict(warehouse.execute(query).fetchall())
    names = _view_names(warehouse, carried, {event: view for event, (view, _) in known.items()})
    gone = [event for event, (view, _) in known.items() if names.get(event) != view]
    for event in gone:
        warehouse.execute(f"drop view if exists by_event.{quoted(known[event][0])}")
    fresh: list[dict[str, object]] = []
    for event, view in sorted(names.items()):
        properties = [column for name in carried[event] if (column := columns.get(name))]
        query = _of_event(event, properties)
        # A view remembers the types of its columns: it is replaced when one of them changes.
        types = [column.type for column in properties]
        definition = hashlib.sha256(f"{query} {types}".encode()).hexdigest()
        if event not in gone and definition == known.get(event, (view, None))[1]:
            continue
        warehouse.execute(f"create or replace view by_event.{quoted(view)} as {query}")
        fresh.append({"event_name": event, "view_name": view, "definition": definition})
    warehouse.execute(
        "delete from internal.event_views where event_name in (select unnest(?::varchar[]))",
        [[*gone, *(row["event_name"] for row in fresh)]],
    )
    insert_rows(warehouse, "internal.event_views", fresh)


def _view_names(
    warehouse: Connection, events: Iterable[str], known: Mapping[str, str]
) -> dict[str, str]:
    """The view of each event; of spellings that differ in case only the commonest has its own."""
    counts = dict.fromkeys(events, 0)
    if spellings := alike(counts):
        query = """
            select event_name, count(*) from events_wide
            where event_name in (select unnest(?::varchar[])) group by event_name
            """
        counts |= dict(warehouse.execute(query, [spellings]).fetchall())
    return plain_names(counts, (), known)


def _of_event(event: str, properties: Iterable[PropertyColumn]) -> str:
    base = {name: quoted(name) for name in EVENTS.columns if name != "properties"}
    shown = [column for column in properties if column.property not in EVENTS.base]
    return _typed(base, shown, f"main.events_wide where event_name = {literal(event)}")


def write_profile_views(warehouse: Connection, columns: PropertyColumns) -> None:
    """Give `profiles` and `profile_history` a column for each property."""
    newest = "(select max(day) from main.landed where dataset = 'profiles')"
    history = {name: quoted(name) for name in PROFILES.columns}
    current = {name: quoted(name) for name in CURRENT_COLUMNS} | {"snapshot_date": newest}
    shown = [column for column in columns.all() if column.property not in PROFILES.base]
    for view, values, which in (
        ("profile_history", history, ""),
        ("profiles", current, " where valid_to is null"),
    ):
        query = _typed(values, shown, f"main.{PROFILES.table}{which}")
        warehouse.execute(f"create or replace view {view} as {query}")


def _typed(base: Mapping[str, str], properties: Iterable[PropertyColumn], source: str) -> str:
    """SQL: base columns, by SQL of their values, and the properties as columns, in their order."""
    listed = sorted(properties, key=lambda column: column.column.lower())
    physical = [column.column for column in listed if column.physical]
    # Computed ones all from one reading of the JSON: one for each is more than DuckDB can hold.
    sought = {c.property: c.type for c in listed if not c.physical and c.type != UNSEEN}
    # A property can have any name: no * takes in another column of ours, and none is hidden by one.
    values = unused("sent", (*base, *physical))
    transforms, found = layered(sought, values, stem=values)
    inner = [f"{value} as {quoted(name)}" for name, value in base.items()]
    inner += map(quoted, physical)
    rows = f"select {', '.join(inner)} from {source}"
    if transforms:
        kept = ", ".join(map(quoted, (*base, *physical)))
        sent = f"{', '.join(inner)}, {stored_values()} as {values}"
        rows = f"select {kept}, {', '.join(transforms)} from (select {sent} from {source})"
    shown = [quoted(name) for name in base]
    for column in listed:
        name = quoted(column.column)
        value = found.get(column.property, "null::varchar")
        shown.append(name if column.physical else f"{value} as {name}")
    names = [*base, *(column.column for column in listed)]
    return with_person(f"(select {', '.join(shown)} from ({rows}))", names)


def events_view() -> str:
    """SQL: every event, with the JSON that was sent."""
    return with_person(f"main.{EVENTS.table}", EVENTS.columns)
