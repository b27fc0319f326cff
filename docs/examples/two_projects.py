"""Two Mixpanel projects in one code location, and a table of both.

The accounts are those of `mp auth add shop` and `mp auth add app`.
"""

import dagster as dg
import pandas as pd

from mixpanel_assets.dagster import mixpanel_definitions

BY_DAY = {"columns": ["event_date", "event_name"]}


@dg.asset(
    ins={
        "shop": dg.AssetIn(["shop", "events"], metadata=BY_DAY),
        "app": dg.AssetIn(["app", "events"], metadata=BY_DAY),
    }
)
def events_of_both(shop: pd.DataFrame, app: pd.DataFrame) -> dg.MaterializeResult:
    """Events by project and day."""
    both = pd.concat([shop.assign(project="shop"), app.assign(project="app")])
    counts = both.groupby(["project", "event_date"]).size().unstack("project")
    table = dg.MetadataValue.md(counts.to_markdown())
    return dg.MaterializeResult(metadata={"counts": table, "events": len(both)})


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of both projects, and that asset."""
    return dg.Definitions.merge(
        mixpanel_definitions(account="shop"),
        mixpanel_definitions(account="app"),
        dg.Definitions(assets=[events_of_both]),
    )
