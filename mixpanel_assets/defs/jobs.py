"""The jobs: what can be started as one run."""

from typing import Any, NamedTuple

import dagster as dg

from mixpanel_assets.defs.catalog import PARTS
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.runs import CATALOG_JOB, EVENTS_JOB, PROFILES_JOB, SAVED_REPORTS_JOB
from mixpanel_assets.defs.upstream import endpoint
from mixpanel_assets.warehouse.load.saved_reports import SAVED_REPORTS

COUNTS_JOB = "counts_job"


class Jobs(NamedTuple):
    """The jobs of a project."""

    events: Any
    profiles: Any
    catalog: Any
    counts: Any
    saved_reports: Any


def make_jobs(project: Project) -> Jobs:
    """The jobs that land assets, and the one that asks Mixpanel for counts."""

    def job(name: str, selection: Any, description: str) -> Any:
        return dg.define_asset_job(
            project.name(name),
            selection=selection,
            executor_def=dg.in_process_executor,
            description=description,
        )

    def assets(*names: str) -> dg.AssetSelection:
        return dg.AssetSelection.assets(*map(project.key, names))

    return Jobs(
        job(
            EVENTS_JOB,
            assets("events"),
            "Lands a day, or a range of days, in one run. For a range, use Materialize on the "
            "asset or mp materialize events: a backfill of this job is a run for each day.",
        ),
        job(PROFILES_JOB, assets("profiles"), "Takes a snapshot of all profiles."),
        job(CATALOG_JOB, assets(*PARTS), "Copies the Lexicon and everything saved in the project."),
        job(
            COUNTS_JOB,
            dg.AssetSelection.checks_for_assets(endpoint(project, "export")),
            "Compares the landed events of a day with Mixpanel's report; one query.",
        ),
        job(
            SAVED_REPORTS_JOB,
            assets(SAVED_REPORTS),
            "Lands the numbers of saved reports; one query each.",
        ),
    )
