"""The definitions that Dagster loads."""

import warnings

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)

from mixpanel_assets.access import look_up  # noqa: E402
from mixpanel_assets.defs.assets import events, profiles  # noqa: E402
from mixpanel_assets.defs.catalog import catalog  # noqa: E402
from mixpanel_assets.defs.checks import counts_as_reported  # noqa: E402
from mixpanel_assets.defs.jobs import JOBS  # noqa: E402
from mixpanel_assets.defs.queries import QUERY_JOBS  # noqa: E402
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource  # noqa: E402
from mixpanel_assets.defs.saved_reports import saved_reports  # noqa: E402
from mixpanel_assets.defs.schedules import make_schedules  # noqa: E402
from mixpanel_assets.defs.sensors import late_events  # noqa: E402


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks, jobs, schedules, sensor and resources of one Mixpanel project."""
    return dg.Definitions(
        assets=[events, profiles, catalog, saved_reports],
        asset_checks=[counts_as_reported],
        jobs=[*JOBS, *QUERY_JOBS],
        schedules=make_schedules(look_up().settings),
        sensors=[late_events],
        resources={"mixpanel": MixpanelResource(), "warehouse": WarehouseResource()},
        executor=dg.in_process_executor,
    )
