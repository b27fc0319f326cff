"""The jobs: what can be started as one run."""

import dagster as dg

from mixpanel_assets.defs.assets import events, profiles

EVENTS_JOB = "events_job"
PROFILES_JOB = "profiles_job"

events_job = dg.define_asset_job(
    EVENTS_JOB,
    selection=[events],
    executor_def=dg.in_process_executor,
    description="Lands a day, or a range of days in one run.",
)

profiles_job = dg.define_asset_job(
    PROFILES_JOB,
    selection=[profiles],
    executor_def=dg.in_process_executor,
    description="Takes a snapshot of all profiles.",
)
