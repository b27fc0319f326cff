"""A code location of your own: the assets of mixpanel-assets, and two built on them."""

import dagster as dg

import mixpanel_assets.definitions as mixpanel
from mixpanel_assets.defs.assets import events
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.questions.live import Segmentation


@dg.asset(deps=[events], group_name="reports", kinds={"duckdb"})
def people_a_day(warehouse: WarehouseResource) -> None:
    """People with at least one event, by day."""
    with warehouse.get_connection() as connection:
        connection.execute(
            "create or replace table people_a_day as "
            "select event_date, count(distinct distinct_id) as people from events group by all"
        )


@dg.asset(group_name="reports", kinds={"mixpanel"})
def recent_purchases(mixpanel: MixpanelResource) -> dg.MaterializeResult:
    """Purchases of the last 30 days, as Mixpanel reports them."""
    report = mixpanel.ask(Segmentation("Purchase", from_date="30d"))
    return dg.MaterializeResult(metadata={"purchases": report.total})


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of mixpanel-assets, and these assets."""
    own = dg.Definitions(assets=[people_a_day, recent_purchases])
    return dg.Definitions.merge(mixpanel.defs(), own)
