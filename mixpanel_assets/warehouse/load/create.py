"""The tables and views of the warehouse, and upgrades of older layouts."""

from __future__ import annotations

from collections.abc import Mapping

from mixpanel_assets.warehouse.connection import SCHEMA_VERSION, in_transaction
from mixpanel_assets.warehouse.load.people import PEOPLE_TABLES, show_people, update_people
from mixpanel_assets.warehouse.load.survey import SURVEYS, shortened
from mixpanel_assets.warehouse.load.views import (
    events_view,
    write_event_views,
    write_profile_views,
)
from mixpanel_assets.warehouse.properties import PropertyColumns
from mixpanel_assets.warehouse.sql import (
    Connection,
    first_column,
    has_tables,
    literal,
    number,
    quoted,
)
from mixpanel_assets.warehouse.tables import EVENTS, LANDED_COLUMNS, PROFILES, Layout


def create_tables(warehouse: Connection) -> None:
    """Create every table and view that is missing, in the layout of this version."""
    warehouse.execute("create schema if not exists internal")
    warehouse.execute("create schema if not exists by_event")
    warehouse.execute("create table if not exists internal.settings (name VARCHAR, value VARCHAR)")
    warehouse.execute(PEOPLE_TABLES)  # which views read
    _bring_up_to_date(warehouse)
    create_table(warehouse, "landed", LANDED_COLUMNS)
    create_table(warehouse, EVENTS.table, EVENTS.columns)
    warehouse.execute(
        """
        create table if not exists internal.property_columns (
            property VARCHAR, column_name VARCHAR, type VARCHAR, physical BOOLEAN, wide BOOLEAN,
            dataset VARCHAR);
        create table if not exists internal.property_days (
            event_date DATE, event_name VARCHAR, property VARCHAR, type VARCHAR, events BIGINT);
        create table if not exists internal.property_examples (
            event_name VARCHAR, property VARCHAR, example VARCHAR);
        create table if not exists internal.event_views (
            event_name VARCHAR, view_name VARCHAR, definition VARCHAR);
        """
    )
    show_people(warehouse)
    warehouse.execute(f"create view if not exists events as {events_view()}")
    warehouse.execute(EVENT_PROPERTIES)


def create_profile_tables(warehouse: Connection) -> None:
    """Create those of profiles too, but for the views that the first snapshot makes."""
    create_tables(warehouse)
    create_table(warehouse, PROFILES.table, PROFILES.columns)
    warehouse.execute(
        "create table if not exists internal.profile_counts "
        "(property VARCHAR, type VARCHAR, profiles BIGINT, example VARCHAR)"
    )
    warehouse.execute(PROFILE_PROPERTIES)


EVENT_PROPERTIES = """
create view if not exists event_properties as
select days.event_name, days.property,
       columns.column_name, columns.type,
       sum(days.events)::BIGINT as events,
       min(days.event_date) as first_day, max(days.event_date) as last_day,
       any_value(examples.example) as example,
       columns.physical, any_value(views.view_name) as by_event
from internal.property_days days
join internal.property_columns columns
    on columns.property = days.property and columns.dataset = 'events'
left join internal.property_examples examples
    on examples.event_name = days.event_name and examples.property = days.property
left join internal.event_views views on views.event_name = days.event_name
where days.event_name is not null
group by all
order by days.event_name, events desc, days.property
"""


PROFILE_PROPERTIES = """
create view if not exists profile_properties as
select property, columns.column_name, columns.type, sum(counts.profiles)::BIGINT as profiles,
       any_value(counts.example) as example, columns.physical
from internal.profile_counts counts
join internal.property_columns columns using (property)
where columns.dataset = 'profiles'
group by all
order by profiles desc, property
"""


def forget_properties(warehouse: Connection, layout: Layout) -> None:
    """Drop the columns and views of the table's properties; the rows stay."""
    if layout == EVENTS:
        for view in first_column(warehouse, "select view_name from internal.event_views"):
            warehouse.execute(f"drop view if exists by_event.{quoted(view)}")
        warehouse.execute("delete from internal.property_examples")
        warehouse.execute("delete from internal.event_views")
    query = "select column_name from internal.property_columns where physical and dataset = ?"
    for column in first_column(warehouse, query, [layout.dataset]):
        warehouse.execute(f"alter table {quoted(layout.table)} drop column {quoted(column)}")
    warehouse.execute("delete from internal.property_columns where dataset = ?", [layout.dataset])


COMPRESSIONS = {"properties": "zstd", "person": "fsst"}  # that DuckDB would look for far longer


def create_table(warehouse: Connection, table: str, columns: Mapping[str, tuple[str, str]]) -> None:
    """Create the table if it is missing, with comments that say what its columns mean."""
    if has_tables(warehouse, "main", table):
        return
    ddl = ", ".join(
        f"{quoted(name)} {type_}"
        + (f" using compression {COMPRESSIONS[name]}" if name in COMPRESSIONS else "")
        for name, (type_, _) in columns.items()
    )
    warehouse.execute(f"create table {quoted(table)} ({ddl})")
    for name, (_, meaning) in columns.items():
        warehouse.execute(f"comment on column {quoted(table)}.{quoted(name)} is {literal(meaning)}")


def _bring_up_to_date(warehouse: Connection) -> None:
    query = "select value from internal.settings where name = 'schema_version'"
    if not (found := first_column(warehouse, query)):
        warehouse.execute(
            "insert into internal.settings values ('schema_version', ?)", [str(SCHEMA_VERSION)]
        )
    for version in range(int(found[0]) if found else SCHEMA_VERSION, SCHEMA_VERSION):
        with in_transaction(warehouse):
            UPGRADES[version](warehouse)
            warehouse.execute(
                "update internal.settings set value = ? where name = 'schema_version'",
                [str(version + 1)],
            )


def _separate_datasets(warehouse: Connection) -> None:
    warehouse.execute(
        "alter table internal.property_columns "
        "add column if not exists dataset VARCHAR default 'events'"
    )
    warehouse.execute("drop view if exists event_properties")
    warehouse.execute(EVENT_PROPERTIES)


def _show_all_profile_properties(warehouse: Connection) -> None:
    """profile_history becomes a view; views of events show event_name, and no long examples."""
    if has_tables(warehouse, "main", "landed"):
        warehouse.execute("alter table landed add column if not exists repaired BIGINT")
    if has_tables(warehouse, "main", "profile_history"):
        _free(warehouse, PROFILES.table)
        warehouse.execute("drop view if exists profiles")
        warehouse.execute(f"alter table profile_history rename to {PROFILES.table}")
        write_profile_views(warehouse, _known(warehouse, PROFILES))
    for examples in ("property_examples", "profile_counts"):
        if has_tables(warehouse, "internal", examples):
            cut = shortened("example")
            warehouse.execute(f"update internal.{examples} set example = {cut}")
    if has_tables(warehouse, "internal", "event_views"):
        write_event_views(warehouse, _known(warehouse, EVENTS))


def _free(warehouse: Connection, name: str) -> None:
    """Rename a table that was fetched under a name before it was ours."""
    if has_tables(warehouse, "main", name):
        warehouse.execute(f"alter table {name} rename to {name}_fetched")
        for table in ("landed", "internal.property_columns"):
            warehouse.execute(
                f"update {table} set dataset = ? where dataset = ?", [f"{name}_fetched", name]
            )


def _known(warehouse: Connection, layout: Layout) -> PropertyColumns:
    return PropertyColumns(PropertyColumns.known(warehouse, layout.dataset), 0, layout)


def _resolve_people(warehouse: Connection) -> None:
    """The events that are there say who is who, and views show it."""
    _free(warehouse, "identities")
    warehouse.execute(SURVEYS)
    for layout, written in ((EVENTS, "event_views"), (PROFILES, "profile_counts")):
        if not has_tables(warehouse, "internal", written):
            continue
        columns = _known(warehouse, layout)
        columns.write(warehouse)  # a property may have the name of the new column
        if layout == EVENTS:
            warehouse.execute(f"create or replace view events as {events_view()}")
            write_event_views(warehouse, columns)
            update_people(warehouse, columns, None)
        elif number(warehouse, "select count(*) from duckdb_views() where view_name = 'profiles'"):
            write_profile_views(warehouse, columns)


# By the version that they bring up to the next one, each in a transaction of its own.
UPGRADES = {1: _separate_datasets, 2: _show_all_profile_properties, 3: _resolve_people}
