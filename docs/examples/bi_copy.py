"""A copy of the warehouse for dashboards, made again when events land."""

from pathlib import Path

import dagster as dg
import duckdb

from mixpanel_assets.dagster import WarehouseResource, mixpanel_definitions, on_landing

shop = mixpanel_definitions(key_prefix="shop")
events = shop.resolve_assets_def(["shop", "events"])


def copied(warehouse: Path, copy: Path) -> int:
    """Put a copy of the warehouse in place of the last one, and return its size in bytes."""
    new = copy.with_name(f"{copy.name}.new")
    new.unlink(missing_ok=True)
    quoted = [str(path).replace("'", "''") for path in (warehouse, new)]
    with duckdb.connect() as connection:
        connection.execute(f"attach '{quoted[0]}' as warehouse (read_only)")
        connection.execute(f"attach '{quoted[1]}' as copy (storage_version 'v1.2.0')")
        connection.execute("copy from database warehouse to copy")
    size = new.stat().st_size
    new.replace(copy)  # who has the last one open goes on reading that
    return size


@dg.asset(deps=[events], pool=events.op.pool, automation_condition=on_landing(), kinds={"duckdb"})
def dashboards(warehouse_shop: WarehouseResource) -> dg.MaterializeResult:
    """The copy that dashboards read, beside the warehouse."""
    path = warehouse_shop.path
    size = copied(path, path.with_name("dashboards.duckdb"))
    return dg.MaterializeResult(metadata={"bytes": size})


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project, and the copy."""
    return dg.Definitions.merge(shop, dg.Definitions(assets=[dashboards]))
