"""The tables that there are, and how each is dropped with all that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence

from mixpanel_assets.errors import ConfigError, TableNotFoundError, near_names
from mixpanel_assets.warehouse import spine
from mixpanel_assets.warehouse.connection import as_load_errors, in_transaction
from mixpanel_assets.warehouse.load.catalog import CATALOG_TABLES
from mixpanel_assets.warehouse.load.create import create_tables, forget_properties
from mixpanel_assets.warehouse.load.people import forget_people
from mixpanel_assets.warehouse.load.saved_reports import SAVED_REPORTS
from mixpanel_assets.warehouse.sql import Connection, first_column, has_tables, quoted
from mixpanel_assets.warehouse.tables import EVENTS, PROFILE_VIEWS, PROFILES

# What makes up an asset: all of it goes when one of its names is dropped.
ASSETS = {
    "events": ("events", "events_wide", "event_properties", "identities"),
    "profiles": (*PROFILE_VIEWS, PROFILES.table, "profile_properties"),
    **{name: (name,) for name in (*CATALOG_TABLES, SAVED_REPORTS)},
}
MARTS = "internal.marts"  # what tables are marts, and of which definition
RESERVED = {name for names in ASSETS.values() for name in names} | {"landed"}


def found_table(warehouse: Connection, name: str) -> str | None:
    """The table or view of that name, as it is written there."""
    query = (
        "select table_name from information_schema.tables "
        "where table_schema = 'main' and lower(table_name) = lower(?)"
    )
    return next(iter(first_column(warehouse, query, [name])), None)


def marts_in(warehouse: Connection) -> dict[str, str]:
    """The tables of marts that are there, and the definition of each."""
    if not has_tables(warehouse, "internal", "marts"):
        return {}
    found = warehouse.execute(f"select name, definition from {MARTS} order by name").fetchall()
    return {name: definition for name, definition in found if found_table(warehouse, name)}


def named_tables(warehouse: Connection) -> list[str]:
    """The tables that are there besides those of the assets, in order of their names."""
    others = {*RESERVED, *marts_in(warehouse)}
    query = (
        "select table_name from duckdb_tables() where schema_name = 'main' and not internal "
        "and not temporary order by 1"
    )
    return [name for name in first_column(warehouse, query) if name.lower() not in others]


def asset_tables(warehouse: Connection) -> list[str]:
    """The tables of assets that are there, by the names that `drop_tables` knows them by."""
    landed = [asset for asset in ASSETS if found_table(warehouse, asset)]
    return [*landed, *marts_in(warehouse)]


def drop_tables(warehouse: Connection, names: Sequence[str], *, force: bool) -> list[str]:
    """Drop the tables, and what `landed` has of them; all of them or none.

    Tables of assets go with `force` only, events and profiles with all that belongs to them; the
    landed files stay. Raises TableNotFoundError, ConfigError.
    """
    create_tables(warehouse)
    with as_load_errors(), in_transaction(warehouse):
        return [_drop_as_asked(warehouse, name, force=force) for name in dict.fromkeys(names)]


def _drop_as_asked(warehouse: Connection, name: str, *, force: bool) -> str:
    found = found_table(warehouse, name)
    if found is None:
        raise table_not_found(warehouse, name)
    asset = next((asset for asset, names in ASSETS.items() if found in names), None)
    if found == "landed" or (asset and not force):
        raise ConfigError(
            f"{found} belongs to what is landed",
            hint="--force drops it" if asset else "it says what is landed; it can't be dropped",
        )
    if found in marts_in(warehouse) and not force:
        raise ConfigError(f"{found} is the table of a mart", hint="--force drops it")
    if asset is None:
        drop_named(warehouse, found)
    else:
        _drop_asset(warehouse, asset)
    return found


def _drop_asset(warehouse: Connection, asset: str) -> None:
    if asset == EVENTS.dataset:
        forget_properties(warehouse, EVENTS)
        warehouse.execute("delete from internal.property_days")
        forget_people(warehouse)
        spine.drop(warehouse)
    elif asset == PROFILES.dataset:
        forget_properties(warehouse, PROFILES)
    for name in ASSETS[asset]:
        _drop(warehouse, name)
    warehouse.execute("delete from landed where dataset = ?", [asset])


def _drop(warehouse: Connection, name: str) -> None:
    query = "select 1 from duckdb_views() where schema_name = 'main' and view_name = ?"
    kind = "view" if first_column(warehouse, query, [name]) else "table"
    warehouse.execute(f"drop {kind} if exists {quoted(name)}")


def drop_named(warehouse: Connection, name: str) -> None:
    """Drop the table or view of that name, if there is one, and every trace of it."""
    if found := found_table(warehouse, name):
        _drop(warehouse, found)
    for table in ("internal.property_columns", "landed"):
        warehouse.execute(f"delete from {table} where lower(dataset) = lower(?)", [name])
    if has_tables(warehouse, "internal", "marts"):
        warehouse.execute(f"delete from {MARTS} where lower(name) = lower(?)", [name])


def table_not_found(warehouse: Connection, name: str) -> TableNotFoundError:
    near = near_names(name, named_tables(warehouse))
    return TableNotFoundError(
        f"there is no table {name}",
        hint=f"did you mean {', '.join(near)}?" if near else "see what is there: mp inspect tables",
        table_name=name,
    )
