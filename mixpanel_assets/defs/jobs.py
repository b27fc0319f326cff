"""The jobs: what can be started as one run."""

from typing import Any

import dagster as dg

from mixpanel_assets.defs.assets import events, profiles
from mixpanel_assets.defs.catalog import catalog
from mixpanel_assets.defs.checks import counts_as_reported
from mixpanel_assets.defs.labels import OWNERS, TAGS
from mixpanel_assets.defs.saved_reports import saved_reports

EVENTS_JOB = "events_job"
PROFILES_JOB = "profiles_job"
CATALOG_JOB = "catalog_job"
SAVED_REPORTS_JOB = "saved_reports_job"
COUNTS_JOB = "counts_job"


def _job(name: str, selection: dg.AssetSelection, description: str) -> Any:
    return dg.define_asset_job(
        name,
        selection=selection,
        executor_def=dg.in_process_executor,
        description=description,
        tags=TAGS,
        owners=OWNERS,
    )


_counts = dg.AssetSelection.checks(counts_as_reported)

events_job = _job(
    EVENTS_JOB,
    dg.AssetSelection.assets(events) - _counts,
    "Lands a day, or a range of days in one run.",
)
profiles_job = _job(
    PROFILES_JOB, dg.AssetSelection.assets(profiles), "Takes a snapshot of all profiles."
)
catalog_job = _job(
    CATALOG_JOB, dg.AssetSelection.assets(catalog), "Copies what the project has saved."
)
saved_reports_job = _job(
    SAVED_REPORTS_JOB,
    dg.AssetSelection.assets(saved_reports),
    "Lands the numbers of saved reports: a query each.",
)
counts_job = _job(
    COUNTS_JOB, _counts, "Holds what is landed of a day against Mixpanel's own report: one query."
)
JOBS = (events_job, profiles_job, catalog_job, saved_reports_job, counts_job)
