"""The jobs: what can be started as one run."""

from typing import Any

import dagster as dg

from mixpanel_assets.defs.assets import events, profiles
from mixpanel_assets.defs.catalog import catalog
from mixpanel_assets.defs.checks import counts_as_reported
from mixpanel_assets.defs.labels import OWNERS, TAGS
from mixpanel_assets.defs.saved_reports import saved_reports


def _job(name: str, selection: Any, description: str) -> Any:
    return dg.define_asset_job(
        name,
        selection=selection,
        executor_def=dg.in_process_executor,
        description=description,
        tags=TAGS,
        owners=OWNERS,
    )


EVENTS_JOB, PROFILES_JOB, CATALOG_JOB = "events_job", "profiles_job", "catalog_job"
SAVED_REPORTS_JOB, COUNTS_JOB = "saved_reports_job", "counts_job"

_counts = dg.AssetSelection.checks(counts_as_reported)
_events = dg.AssetSelection.assets(events) - _counts

events_job = _job(EVENTS_JOB, _events, "Lands a day, or a range of days, in one run.")
profiles_job = _job(PROFILES_JOB, [profiles], "Takes a snapshot of all profiles.")
catalog_job = _job(
    CATALOG_JOB, [catalog], "Copies the Lexicon and everything saved in the project."
)
saved_reports_job = _job(
    SAVED_REPORTS_JOB, [saved_reports], "Lands the numbers of saved reports; one query each."
)
counts_job = _job(
    COUNTS_JOB, _counts, "Compares the landed events of a day with Mixpanel's report; one query."
)
JOBS = (events_job, profiles_job, catalog_job, saved_reports_job, counts_job)
