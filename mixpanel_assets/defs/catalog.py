"""The catalog assets: the project's current Lexicon, cohorts, funnels, reports and annotations."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.listener import listener_of
from mixpanel_assets.defs.metadata import SKIPPED, of_run
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource, resources_of
from mixpanel_assets.defs.upstream import endpoint
from mixpanel_assets.mixpanel.catalog.rows import export_catalog
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets.warehouse.load.catalog import CATALOG_TABLES, replace_catalog

TABLES = "tables"  # the metadata entry with the rows of each table

# The tables of each asset, its endpoint and its description.
PARTS = {
    "lexicon": (
        ("lexicon_events", "lexicon_properties"),
        "lexicon",
        "Descriptions of events and properties, from the Lexicon; also comments on columns.",
    ),
    "cohorts": (("cohorts",), "query", "Saved cohorts and their sizes."),
    "funnels": (("funnels",), "query", "Saved funnels: query one with mp query funnel ID."),
    "bookmarks": (
        ("bookmarks",),
        "query",
        "Saved reports: query one with mp query saved-report ID.",
    ),
    "annotations": (("annotations",), "query", "Annotations: notes on days."),
}


def make_catalog(project: Project) -> dg.AssetsDefinition:
    """The assets of what is described and saved in the project, from one download."""

    @dg.multi_asset(
        name=project.name("catalog"),
        specs=[_spec(project, name) for name in PARTS],
        pool=project.pool,
        can_subset=False,
        required_resource_keys=project.resources,
    )
    def catalog(context: dg.AssetExecutionContext) -> Iterator[Any]:
        """Two queries and one Lexicon request.

        A part that the plan does not include stays unchanged, and is reported as skipped.
        """
        started = time.monotonic()
        with as_dagster_failures():
            mixpanel, warehouse = resources_of(context.resources, project)
            parts, rows, requests = _replace(mixpanel, warehouse, listener_of(context.log).note)
        run = of_run(requests, started)
        for name, (tables, _, _) in PARTS.items():
            key = project.key(name)
            reasons = (part.reason for table in tables if isinstance(part := parts[table], Skipped))
            if refused := next(reasons, None):
                context.log.warning(f"{name} was skipped: {refused}")
                yield dg.AssetObservation(key, metadata={SKIPPED: dg.MetadataValue.text(refused)})
                continue
            counts = {table: rows[table] for table in tables}
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": sum(counts.values()),
                    TABLES: dg.MetadataValue.json(counts),
                    **run,
                },
            )

    return catalog


def _spec(project: Project, name: str) -> dg.AssetSpec:
    tables, source, description = PARTS[name]
    return project.spec(
        name,
        f"{description} Each run replaces all rows.",
        {table: CATALOG_TABLES[table] for table in tables},
        deps=[endpoint(project, source)],
        skippable=True,
    )


def _replace(
    mixpanel: MixpanelResource, warehouse: WarehouseResource, note: Callable[[str], None]
) -> tuple[Mapping[str, Any], dict[str, int], int]:
    """Replace the tables; what was downloaded, the rows of each table, the number of requests."""
    settings = mixpanel.access.settings
    with mixpanel.get_client(note) as client:
        asked_at = client.now()
        parts = export_catalog(client)
        requests = client.requests
    with warehouse.get_connection(note) as connection:
        day = settings.today(asked_at)
        rows = replace_catalog(connection, parts, day=day, asked_at=asked_at)
    return parts, rows, requests
