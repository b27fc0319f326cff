"""The one list that Dagster loads."""

import warnings

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)

from mixpanel_assets.defs.assets import events, profiles  # noqa: E402
from mixpanel_assets.defs.jobs import events_job, profiles_job  # noqa: E402
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource  # noqa: E402


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, jobs and resources of one Mixpanel project."""
    return dg.Definitions(
        assets=[events, profiles],
        jobs=[events_job, profiles_job],
        resources={"mixpanel": MixpanelResource(), "warehouse": WarehouseResource()},
        executor=dg.in_process_executor,
    )
