"""Landed events as a Polars DataFrame: the manager of the inputs reads what the run needs."""

import dagster as dg
import polars as pl

from mixpanel_assets.dagster import mixpanel_definitions, on_landing

shop = mixpanel_definitions(key_prefix="shop")
events = shop.resolve_assets_def(["shop", "events"])


@dg.asset(
    ins={
        "purchases": dg.AssetIn(
            ["shop", "events"],
            metadata={"table": "by_event.Purchase", "columns": ["event_date", "plan", "amount"]},
            partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-6),
        )
    },
    partitions_def=events.partitions_def,
    automation_condition=on_landing(),
    kinds={"polars"},
)
def revenue_of_a_week(purchases: pl.DataFrame) -> dg.MaterializeResult:
    """The revenue of each plan in the seven days up to the partition."""
    by_plan = purchases.group_by("plan").agg(pl.sum("amount")).sort("amount", descending=True)
    return dg.MaterializeResult(metadata={"revenue": dg.MetadataValue.json(by_plan.to_dicts())})


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project, and that asset."""
    return dg.Definitions.merge(shop, dg.Definitions(assets=[revenue_of_a_week]))
