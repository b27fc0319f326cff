"""The assets of a Mixpanel project, and your own built on them."""

import dagster as dg

from mixpanel_assets.dagster import (
    MixpanelResource,
    WarehouseResource,
    mixpanel_definitions,
    on_landing,
)
from mixpanel_assets.questions.live import Segmentation

shop = mixpanel_definitions(key_prefix="shop")
events = shop.resolve_assets_def(["shop", "events"])
writes = {"pool": events.op.pool, "automation_condition": on_landing()}


@dg.asset(
    deps=[events],
    partitions_def=events.partitions_def,
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"duckdb"},
    **writes,
)
def people_a_day(context: dg.AssetExecutionContext, warehouse_shop: WarehouseResource) -> None:
    """People with at least one event, by day."""
    days = [min(context.partition_keys), max(context.partition_keys)]
    with warehouse_shop.get_connection() as warehouse:
        warehouse.begin()
        warehouse.execute("create table if not exists people_a_day (event_date date, people int)")
        warehouse.execute("delete from people_a_day where event_date between ? and ?", days)
        warehouse.execute(
            "insert into people_a_day select event_date, count(distinct distinct_id) from events "
            "where event_date between ? and ? group by all",
            days,
        )
        warehouse.commit()


@dg.asset(deps=[events], kinds={"duckdb"}, **writes)
def people(warehouse_shop: WarehouseResource) -> None:
    """The first and last day of each person, and how many events they have."""
    with warehouse_shop.get_connection() as warehouse:
        warehouse.execute(
            "create or replace table people as select distinct_id, min(event_date) as first_day, "
            "max(event_date) as last_day, count(*) as events from events group by all"
        )


@dg.asset(kinds={"mixpanel"})
def recent_purchases(mixpanel_shop: MixpanelResource) -> dg.MaterializeResult:
    """Purchases of the last 30 days, as Mixpanel reports them."""
    report = mixpanel_shop.ask(Segmentation("Purchase", from_date="30d"))
    return dg.MaterializeResult(metadata={"purchases": report.total})


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project, and these assets."""
    own = dg.Definitions(assets=[people_a_day, people, recent_purchases])
    return dg.Definitions.merge(shop, own)
