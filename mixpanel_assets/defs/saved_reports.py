"""The asset of saved reports: their numbers on each day."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.listener import listener_of
from mixpanel_assets.defs.metadata import SKIPPED, of_run
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import resources_of
from mixpanel_assets.defs.upstream import endpoint
from mixpanel_assets.mixpanel.live.report_rows import export_saved_reports
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets.warehouse.load.saved_reports import (
    SAVED_REPORT_COLUMNS,
    SAVED_REPORTS,
    load_saved_reports,
)

REPORTS = "reports"  # the metadata entry with the rows of each report


def make_saved_reports(project: Project) -> dg.AssetsDefinition:
    """The asset of the reports in MP_SAVED_REPORTS."""
    key, ids = project.key(SAVED_REPORTS), project.settings.saved_reports
    spec = project.spec(
        SAVED_REPORTS,
        "The numbers of the reports in MP_SAVED_REPORTS, on each day of a run; one query each. A "
        "run replaces today's rows and keeps those of earlier days. A report that the plan does "
        "not include is skipped, with a warning.",
        {SAVED_REPORTS: SAVED_REPORT_COLUMNS},
        deps=[endpoint(project, "query")],
        skippable=True,
    )

    @dg.multi_asset(
        name=project.name(SAVED_REPORTS),
        specs=[spec],
        pool=project.pool,
        required_resource_keys=project.resources,
    )
    def saved_reports(context: dg.AssetExecutionContext) -> Iterator[Any]:
        started, note = time.monotonic(), listener_of(context.log).note
        with as_dagster_failures():
            mixpanel, warehouse = resources_of(context.resources, project)
            with mixpanel.get_client(note) as client:
                asked_at = client.now()
                found = export_saved_reports(client, ids)
                requests = client.requests
            reports = {id_: rows for id_, rows in found.items() if not isinstance(rows, Skipped)}
            refused = {id_: why.reason for id_, why in found.items() if isinstance(why, Skipped)}
            skipped = "; ".join(f"{id_}: {reason}" for id_, reason in refused.items())
            if skipped:
                context.log.warning(f"skipped: {skipped}")
            told = {SKIPPED: dg.MetadataValue.text(skipped)} if skipped else {}
            if not reports:
                yield dg.AssetObservation(key, metadata=told)
                return
            with warehouse.get_connection(note) as connection:
                day = mixpanel.access.settings.today(asked_at)
                count = load_saved_reports(connection, reports, day=day, asked_at=asked_at)
        rows = {str(id_): len(found) for id_, found in reports.items()}
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "dagster/row_count": count,
                REPORTS: dg.MetadataValue.json(rows),
                **told,
                **of_run(requests, started),
            },
        )

    return saved_reports
