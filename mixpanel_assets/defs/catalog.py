"""The catalog assets: the project's current Lexicon, cohorts, funnels, reports and annotations."""

import time
from collections.abc import Iterator

import dagster as dg

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.labels import of_tables
from mixpanel_assets.defs.listener import listener_of
from mixpanel_assets.defs.metadata import of_run
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource, check_one_project
from mixpanel_assets.mixpanel.catalog.rows import export_catalog
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets.warehouse.load.catalog import CATALOG_TABLES, replace_catalog

SKIPPED = "skipped"  # the metadata entry with Mixpanel's reason
TABLES = "tables"  # the metadata entry with the rows of each table

# The tables and the description of each asset.
PARTS = {
    "lexicon": (
        ("lexicon_events", "lexicon_properties"),
        "Descriptions of events and properties, from the Lexicon; also comments on columns.",
    ),
    "cohorts": (("cohorts",), "Saved cohorts and their sizes."),
    "funnels": (("funnels",), "Saved funnels: query one with `mp query funnel ID`."),
    "bookmarks": (("bookmarks",), "Saved reports: query one with `mp query saved-report ID`."),
    "annotations": (("annotations",), "Annotations: notes on days."),
}


def _spec(name: str) -> dg.AssetSpec:
    tables, description = PARTS[name]
    columns = {column: text for table in tables for column, text in CATALOG_TABLES[table].items()}
    return dg.AssetSpec(
        name,
        description=f"{description} Each run replaces all rows.",
        skippable=True,
        **of_tables("catalog", columns, *tables),
    )


@dg.multi_asset(
    name="catalog", specs=[_spec(name) for name in PARTS], pool="duckdb_writer", can_subset=False
)
def catalog(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
    """The catalog, from one download: two queries, one Lexicon request.

    A part that the plan does not include stays unchanged, and is reported as skipped.
    """
    started = time.monotonic()
    note = listener_of(context.log).note
    with as_dagster_failures():
        check_one_project(mixpanel, warehouse)
        settings = mixpanel.access.settings
        with mixpanel.get_client(note) as client:
            asked_at = client.now()
            parts = export_catalog(client)
            requests = client.requests
        with warehouse.get_connection(note) as connection:
            day = settings.today(asked_at)
            rows = replace_catalog(connection, parts, day=day, asked_at=asked_at)
    run = of_run(requests, started)
    for name, (tables, _) in PARTS.items():
        reasons = (part.reason for table in tables if isinstance(part := parts[table], Skipped))
        if refused := next(reasons, None):
            context.log.warning(f"{name} was skipped: {refused}")
            yield dg.AssetObservation(name, metadata={SKIPPED: dg.MetadataValue.text(refused)})
            continue
        counts = {table: rows[table] for table in tables}
        yield dg.MaterializeResult(
            asset_key=name,
            metadata={
                "dagster/row_count": sum(counts.values()),
                TABLES: dg.MetadataValue.json(counts),
                **run,
            },
        )
