"""The asset of saved reports: their numbers on each day."""

import time
from collections.abc import Iterator

import dagster as dg

from mixpanel_assets.defs.catalog import SKIPPED
from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.labels import of_tables
from mixpanel_assets.defs.listener import listener_of
from mixpanel_assets.defs.metadata import of_run
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource, check_one_project
from mixpanel_assets.mixpanel.live.report_rows import export_saved_reports
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets.warehouse.load.saved_reports import (
    SAVED_REPORT_COLUMNS,
    SAVED_REPORTS,
    load_saved_reports,
)

REPORTS = "reports"  # the metadata entry with the rows of each report
NOTHING_TO_ASK = "MP_SAVED_REPORTS is empty; the ids of reports are in the table bookmarks"


@dg.asset(  # type: ignore[untyped-decorator]  # ** hides which overload it is
    name=SAVED_REPORTS,
    output_required=False,
    pool="duckdb_writer",
    **of_tables("saved", SAVED_REPORT_COLUMNS, SAVED_REPORTS),
)
def saved_reports(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
    """The numbers of the reports in `MP_SAVED_REPORTS`, on each day of a run; one query each.

    A run replaces today's rows and keeps those of earlier days. A report that the plan does not
    include is skipped, with a warning.
    """
    started = time.monotonic()
    note = listener_of(context.log).note
    with as_dagster_failures():
        check_one_project(mixpanel, warehouse)
        settings = mixpanel.access.settings
        if not settings.saved_reports:
            yield _nothing(context, NOTHING_TO_ASK)
            return
        with mixpanel.get_client(note) as client:
            asked_at = client.now()
            found = export_saved_reports(client, settings.saved_reports)
            requests = client.requests
        reports = {id_: rows for id_, rows in found.items() if not isinstance(rows, Skipped)}
        refused = {id_: why.reason for id_, why in found.items() if isinstance(why, Skipped)}
        skipped = "; ".join(f"{id_}: {reason}" for id_, reason in refused.items())
        if not reports:
            yield _nothing(context, skipped)
            return
        with warehouse.get_connection(note) as connection:
            day = settings.today(asked_at)
            count = load_saved_reports(connection, reports, day=day, asked_at=asked_at)
    if skipped:
        context.log.warning(f"skipped: {skipped}")
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": count,
            REPORTS: dg.MetadataValue.json({str(id_): len(rows) for id_, rows in reports.items()}),
            **({SKIPPED: dg.MetadataValue.text(skipped)} if skipped else {}),
            **of_run(requests, started),
        }
    )


def _nothing(context: dg.AssetExecutionContext, reason: str) -> dg.AssetObservation:
    context.log.warning(f"{SAVED_REPORTS} was skipped: {reason}")
    return dg.AssetObservation(SAVED_REPORTS, metadata={SKIPPED: dg.MetadataValue.text(reason)})
