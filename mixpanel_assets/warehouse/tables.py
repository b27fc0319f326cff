"""The tables of the warehouse, and what each column means."""

from __future__ import annotations

import duckdb

from mixpanel_assets.errors import ConfigError
from mixpanel_assets.warehouse.connection import literal, quoted

SCHEMA_VERSION = 1

# Properties with a column of their own in every event: wire name, column.
BASE_PROPERTIES = {
    "time": "event_time",
    "distinct_id": "distinct_id",
    "$device_id": "device_id",
    "$user_id": "user_id",
    "$insert_id": "insert_id",
    "mp_processing_time_ms": "processed_at",
}

EVENT_COLUMNS = {
    "event_date": ("DATE", "the day Mixpanel exported the event under; the partition"),
    "event_name": ("VARCHAR", "which event it is"),
    "event_time": ("TIMESTAMPTZ", "when it happened; null if the time sent is not a time"),
    "distinct_id": ("VARCHAR", "who did it; null if missing"),
    "device_id": ("VARCHAR", "$device_id"),
    "user_id": ("VARCHAR", "$user_id"),
    "insert_id": ("VARCHAR", "$insert_id; null if missing"),
    "processed_at": ("TIMESTAMPTZ", "when Mixpanel took it in (mp_processing_time_ms)"),
    "properties": ("JSON", "every property, verbatim as Mixpanel sent it"),
}

LANDED_COLUMNS = {
    "dataset": ("VARCHAR", "events, profiles, or the name of a fetched table"),
    "day": ("DATE", "the day that was replaced as a whole"),
    "rows": ("BIGINT", "rows of that day in the table"),
    "duplicates": ("BIGINT", "rows left out, since a newer one has the same key"),
    "bytes": ("BIGINT", "of JSON, uncompressed"),
    "file": ("VARCHAR", "the landed file"),
    "exported_at": ("TIMESTAMPTZ", "when Mixpanel was asked: what came in later is not here"),
    "loaded_at": ("TIMESTAMPTZ", "when it was put into the table"),
    "filters": ("JSON", "what the rows were filtered by; null for all"),
    "checksum": ("VARCHAR", "SHA-256 of the landed file"),
    "partial": ("BOOLEAN", "the day was not over when it was exported"),
}


def create_tables(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Every table and view is there; ConfigError if a newer version made them."""
    warehouse.execute("create schema if not exists internal")
    warehouse.execute("create schema if not exists by_event")
    warehouse.execute("create table if not exists internal.settings (name VARCHAR, value VARCHAR)")
    _check_version(warehouse)
    _create(warehouse, "landed", LANDED_COLUMNS)
    _create(warehouse, "events_wide", EVENT_COLUMNS)
    warehouse.execute(
        """
        create table if not exists internal.property_columns (
            property VARCHAR, column_name VARCHAR, type VARCHAR, physical BOOLEAN, wide BOOLEAN);
        create table if not exists internal.property_days (
            event_date DATE, event_name VARCHAR, property VARCHAR, type VARCHAR, events BIGINT);
        create table if not exists internal.property_examples (
            event_name VARCHAR, property VARCHAR, example VARCHAR);
        create table if not exists internal.event_views (
            event_name VARCHAR, view_name VARCHAR, definition VARCHAR);
        """
    )
    columns = ", ".join(EVENT_COLUMNS)
    warehouse.execute(f"create view if not exists events as select {columns} from events_wide")
    warehouse.execute(EVENT_PROPERTIES)


EVENT_PROPERTIES = """
create view if not exists event_properties as
select days.event_name, days.property,
       columns.column_name, columns.type,
       sum(days.events)::BIGINT as events,
       min(days.event_date) as first_day, max(days.event_date) as last_day,
       any_value(examples.example) as example,
       columns.physical, any_value(views.view_name) as by_event
from internal.property_days days
join internal.property_columns columns using (property)
left join internal.property_examples examples using (event_name, property)
left join internal.event_views views using (event_name)
where days.event_name is not null
group by all
order by days.event_name, events desc, days.property
"""


def forget_properties(warehouse: duckdb.DuckDBPyConnection) -> None:
    """No property has a column or a view any more; the rows are still there."""
    for (view,) in warehouse.execute("select view_name from internal.event_views").fetchall():
        warehouse.execute(f"drop view if exists by_event.{quoted(view)}")
    for (column,) in warehouse.execute(
        "select column_name from internal.property_columns where physical"
    ).fetchall():
        warehouse.execute(f"alter table events_wide drop column {quoted(column)}")
    warehouse.execute(
        """
        delete from internal.property_columns;
        delete from internal.property_examples;
        delete from internal.event_views;
        """
    )


def _create(
    warehouse: duckdb.DuckDBPyConnection, table: str, columns: dict[str, tuple[str, str]]
) -> None:
    found = warehouse.execute(
        "select 1 from duckdb_tables() where schema_name = 'main' and table_name = ?", [table]
    ).fetchone()
    if found:
        return
    ddl = ", ".join(
        f"{name} {type_}" + (" using compression zstd" if name == "properties" else "")
        for name, (type_, _) in columns.items()
    )
    warehouse.execute(f"create table {table} ({ddl})")
    for name, (_, meaning) in columns.items():
        warehouse.execute(f"comment on column {table}.{name} is {literal(meaning)}")


def _check_version(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = warehouse.execute(
        "select value from internal.settings where name = 'schema_version'"
    ).fetchone()
    if row is None:
        warehouse.execute(
            "insert into internal.settings values ('schema_version', ?)", [str(SCHEMA_VERSION)]
        )
    elif int(row[0]) != SCHEMA_VERSION:
        raise ConfigError(
            f"this warehouse has layout {row[0]}, and this version of mp writes {SCHEMA_VERSION}",
            hint="upgrade mixpanel-assets, or move the file away and run: mp rebuild events",
        )
