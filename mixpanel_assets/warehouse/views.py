"""A view per event name, with exactly the properties that the event carries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import duckdb

from mixpanel_assets.warehouse.connection import literal, quoted
from mixpanel_assets.warehouse.properties import (
    UNSEEN,
    PropertyColumn,
    PropertyColumns,
    insert_rows,
)
from mixpanel_assets.warehouse.source import layered, stored_values
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, EVENT_COLUMNS


def write_event_views(warehouse: duckdb.DuckDBPyConnection, columns: PropertyColumns) -> None:
    """by_event has a view for every event, with the columns that its properties have now."""
    rows = warehouse.execute(
        """
        select event_name, list(distinct property order by property)
        from internal.property_days
        where event_name is not null
        group by event_name order by event_name
        """
    ).fetchall()
    known = {
        event: (view, definition)
        for event, view, definition in warehouse.execute(
            "select event_name, view_name, definition from internal.event_views"
        ).fetchall()
    }
    taken = {view.lower() for view, _ in known.values()}
    fresh: list[dict[str, object]] = []
    for event, names in rows:
        view, old = known.get(event, (None, None))
        properties = [column for name in names if (column := columns.get(name))]
        query = _query(event, properties)
        # A view remembers the types of its columns: it is made anew when one of them changes.
        types = [column.type for column in properties]
        definition = hashlib.sha256(f"{query} {types}".encode()).hexdigest()
        if definition == old:
            continue
        view = view or _free_view_name(event, taken)
        warehouse.execute(f"create or replace view by_event.{quoted(view)} as {query}")
        fresh.append({"event_name": event, "view_name": view, "definition": definition})
    replaced = [row["event_name"] for row in fresh]
    warehouse.execute(
        "delete from internal.event_views where event_name in (select unnest(?::varchar[]))",
        [replaced],
    )
    insert_rows(warehouse, "internal.event_views", fresh)


def _query(event: str, properties: Iterable[PropertyColumn]) -> str:
    listed = sorted(
        (column for column in properties if column.property not in BASE_PROPERTIES),
        key=lambda column: column.column.lower(),
    )
    # Computed ones all from one reading of the JSON: one for each is more than DuckDB can hold.
    transforms, found = layered(
        {c.property: c.type for c in listed if not c.physical and c.type != UNSEEN}, "value"
    )
    shown = [quoted(name) for name in EVENT_COLUMNS if name not in ("event_name", "properties")]
    for column in listed:
        name = quoted(column.column)
        value = name if column.physical else found.get(column.property, "null::varchar")
        shown.append(name if column.physical else f"{value} as {name}")
    rows = f"select * from main.events_wide where event_name = {literal(event)}"
    if transforms:
        rows = (
            f"select *, {', '.join(transforms)} "
            f"from (select *, {stored_values()} as value from ({rows}))"
        )
    return f"select {', '.join(shown)} from ({rows})"


def _free_view_name(event: str, taken: set[str]) -> str:
    """The event's own name; with _2, _3 ... if another event's differs in case only."""
    stem = event.replace("\x00", "") or "_"
    free, count = stem, 1
    while free.lower() in taken:
        count += 1
        free = f"{stem}_{count}"
    taken.add(free.lower())
    return free
