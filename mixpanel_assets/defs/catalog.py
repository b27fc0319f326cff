"""The catalog assets: what the project has saved and described, as it is now."""

import time
from collections.abc import Iterator

import dagster as dg

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.labels import of_tables
from mixpanel_assets.defs.listener import listener_of
from mixpanel_assets.defs.metadata import REQUESTS, SECONDS
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource, check_one_project
from mixpanel_assets.mixpanel.catalog.rows import Part, export_catalog
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets.warehouse.catalog import CATALOG_TABLES, replace_catalog

SKIPPED = "skipped"  # the metadata entry with Mixpanel's words
TABLES = "tables"  # the metadata entry with the rows of each table

# Which tables each asset is, and what it holds.
PARTS = {
    "lexicon": (
        ("lexicon_events", "lexicon_properties"),
        "What events and properties mean, as the Lexicon says; their columns' comments, too.",
    ),
    "cohorts": (("cohorts",), "Saved cohorts, and how many people each has."),
    "funnels": (("funnels",), "Saved funnels: `mp query funnel ID` asks them."),
    "bookmarks": (("bookmarks",), "Saved reports: `mp query saved-report ID` asks them."),
    "annotations": (("annotations",), "Notes on the project's days."),
}


def _spec(name: str) -> dg.AssetSpec:
    tables, description = PARTS[name]
    columns = {column: text for table in tables for column, text in CATALOG_TABLES[table].items()}
    return dg.AssetSpec(
        name,
        description=f"{description} Replaced whole.",
        skippable=True,
        **of_tables("catalog", columns, *tables),
    )


@dg.multi_asset(
    name="catalog", specs=[_spec(name) for name in PARTS], pool="duckdb_writer", can_subset=False
)
def catalog(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
    """The catalog, over one download: two queries, one question to the Lexicon.

    A part that the plan refuses stays as it was, and says so.
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
    run = {REQUESTS: requests, SECONDS: round(time.monotonic() - started, 3)}
    for name, (tables, _) in PARTS.items():
        if refused := _refused(parts, tables):
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


def _refused(parts: dict[str, Part], tables: tuple[str, ...]) -> str | None:
    """Mixpanel's words, if it gave none of these."""
    said = [part.reason for table in tables if isinstance(part := parts[table], Skipped)]
    return said[0] if said else None
