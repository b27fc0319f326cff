"""The catalog's tables, and the Lexicon's descriptions as comments on the columns of events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets.warehouse.connection import as_load_errors, in_transaction
from mixpanel_assets.warehouse.load.comments import write_comments
from mixpanel_assets.warehouse.load.create import create_table, create_tables
from mixpanel_assets.warehouse.load.recorded import Recorded, record_landed
from mixpanel_assets.warehouse.sql import Connection, first_column, has_tables, insert_rows

Columns = Mapping[str, tuple[str, str]]
NOT_CAST = ("VARCHAR", "VARCHAR[]", "JSON")
HIDDEN = ("BOOLEAN", "Mixpanel does not show it")
DROPPED = ("BOOLEAN", "Mixpanel drops it as it comes in")

CATALOG_TABLES: dict[str, Columns] = {
    "lexicon_events": {
        "event_name": ("VARCHAR", "which event it is"),
        "description": ("VARCHAR", "what it means"),
        "display_name": ("VARCHAR", "what Mixpanel shows instead of its name"),
        "tags": ("VARCHAR[]", "its tags"),
        "hidden": HIDDEN,
        "dropped": DROPPED,
        "contacts": ("VARCHAR[]", "e-mail addresses of those who answer for it"),
        "team_contacts": ("VARCHAR[]", "teams that answer for it"),
        "source": ("VARCHAR", "which partner described it"),
    },
    "lexicon_properties": {
        "entity_type": ("VARCHAR", "event or profile"),
        "event_name": ("VARCHAR", "the event that carries it; null for a profile's"),
        "property": ("VARCHAR", "its name in Mixpanel"),
        "type": ("VARCHAR", "array, boolean, integer, null, number, object or string"),
        "description": ("VARCHAR", "what it means"),
        "display_name": ("VARCHAR", "what Mixpanel shows instead of its name"),
        "hidden": HIDDEN,
        "dropped": DROPPED,
    },
    "cohorts": {
        "id": ("BIGINT", "its id"),
        "name": ("VARCHAR", "its name"),
        "count": ("BIGINT", "how many people were in it when it was asked for"),
        "description": ("VARCHAR", "what it is for"),
        "created": ("TIMESTAMPTZ", "when it was made; Mixpanel names no zone: taken for UTC"),
        "is_visible": ("BOOLEAN", "Mixpanel shows it in its lists"),
    },
    "funnels": {"funnel_id": ("BIGINT", "its id"), "name": ("VARCHAR", "its name")},
    "bookmarks": {
        "id": ("BIGINT", "its id"),
        "name": ("VARCHAR", "the report's name"),
        "type": ("VARCHAR", "insights, funnels, retention, flows or launch-analysis"),
        "project_id": ("BIGINT", "the project"),
        "workspace_id": ("BIGINT", "the data view"),
        "dashboard_id": ("BIGINT", "the board that it is on"),
        "description": ("VARCHAR", "what it is for"),
        "created": ("TIMESTAMPTZ", "when it was saved; UTC where Mixpanel names no zone"),
        "modified": ("TIMESTAMPTZ", "when it was last changed; UTC where Mixpanel names no zone"),
        "creator_id": ("BIGINT", "who saved it"),
        "creator_name": ("VARCHAR", "who saved it"),
        "creator_email": ("VARCHAR", "who saved it"),
        "params": ("JSON", "what the report asks, as Mixpanel keeps it"),
    },
    "annotations": {
        "id": ("BIGINT", "its id"),
        "date": ("DATE", "the project's day"),
        "moment": ("TIMESTAMP", "when on the project's clock"),
        "description": ("VARCHAR", "the note"),
        "user_name": ("VARCHAR", "who wrote it"),
        "tags": ("VARCHAR[]", "its tags"),
    },
}


def replace_catalog(
    warehouse: Connection,
    parts: Mapping[str, Sequence[Mapping[str, Any]] | Skipped],
    *,
    day: date,
    asked_at: datetime | None = None,
) -> dict[str, int]:
    """Replace each part's table by its rows, and the comments by what the Lexicon says now.

    `day` is the project's today. A part that was skipped, or is not there, is left as it was. The
    rows of each replaced table are returned. LoadError changes nothing.
    """
    rows = {table: found for table, found in parts.items() if not isinstance(found, Skipped)}
    asked_at = asked_at or datetime.now(UTC)
    recorded = [
        Recorded(table, day, len(found), len(json.dumps(found, default=str)), asked_at)
        for table, found in rows.items()
    ]
    with as_load_errors():
        create_tables(warehouse)
        with in_transaction(warehouse):
            for table, found in rows.items():
                warehouse.execute(f"drop table if exists {table}")
                create_table(warehouse, table, CATALOG_TABLES[table])
                insert_texts(warehouse, table, CATALOG_TABLES[table], found)
                warehouse.execute("delete from landed where dataset = ?", [table])
            record_landed(warehouse, *recorded)
            write_comments(warehouse)
    return {table: len(found) for table, found in rows.items()}


def landed_events(warehouse: Connection) -> list[str]:
    """The names of the events that are landed; none before the first load."""
    return _first_column(
        warehouse,
        "select distinct event_name from internal.property_days "
        "where event_name is not null order by 1",
    )


def landed_properties(warehouse: Connection, event: str) -> list[str]:
    """The names of the properties that the landed rows of an event carry."""
    query = "select distinct property from internal.property_days where event_name = ? order by 1"
    return _first_column(warehouse, query, event)


def landed_texts(warehouse: Connection, event: str, name: str) -> int:
    """How many values of an event's property are text in what is landed."""
    query = """
        select coalesce(sum(events), 0)::BIGINT from internal.property_days
        where event_name = ? and property = ? and type = 'VARCHAR'
        """
    return sum(_first_column(warehouse, query, event, name))


def days_landed_since(warehouse: Connection, moment: datetime) -> list[date]:
    """The days of events that have been landed whole since the moment."""
    query = "select day from landed where dataset = 'events' and not partial and exported_at >= ?"
    return _first_column(warehouse, query, moment)


def _first_column(warehouse: Connection, query: str, *parameters: object) -> list[Any]:
    """What the query says of loads; nothing in a warehouse without one."""
    if not has_tables(warehouse, "internal", "property_days"):
        return []
    return first_column(warehouse, query, parameters)


def insert_texts(
    warehouse: Connection, table: str, columns: Columns, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert the rows; a value that its column's type can't hold becomes null."""
    # As text first: a date or number that is none becomes null, and the rest of the row stays.
    casts = {name: type_ for name, (type_, _) in columns.items() if type_ not in NOT_CAST}
    sent = [{name: _clean(row.get(name)) for name in columns} for row in rows]
    insert_rows(warehouse, table, sent, casts)


def _clean(value: Any) -> Any:
    """The value without halves of characters, which are not JSON to DuckDB."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, Mapping):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value
