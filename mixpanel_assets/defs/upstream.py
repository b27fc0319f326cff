"""What is around the landed assets: Mixpanel's endpoints above, and views below."""

from typing import NamedTuple

import dagster as dg

from mixpanel_assets.defs.project import TAGS, Project
from mixpanel_assets.warehouse.tables import EVENT_PROPERTY_COLUMNS, PROFILE_PROPERTY_COLUMNS

REFERENCE = "https://developer.mixpanel.com/reference"


class Endpoint(NamedTuple):
    """What one endpoint of Mixpanel gives, and its page."""

    description: str
    page: str


ENDPOINTS = {
    "export": Endpoint(
        "Raw events by day. 60 requests an hour; each may be for several days.",
        "raw-event-export",
    ),
    "engage": Endpoint("All user profiles as they are now, in pages.", "engage-query"),
    "lexicon": Endpoint(
        "Descriptions of events and properties: the data dictionary. 5 requests a minute.",
        "lexicon-schemas-api",
    ),
    "query": Endpoint(
        "Reports, saved funnels, cohorts and live questions. 60 requests an hour.",
        "segmentation-query",
    ),
}


def make_upstream(project: Project) -> list[dg.AssetSpec]:
    """Mixpanel's endpoints, which are not materialized here."""
    return [
        dg.AssetSpec(
            endpoint(project, name),
            description=known.description,
            group_name=project.group,
            kinds={"source", "json"},
            owners=project.owners,
            tags=TAGS,
            metadata={"documentation": dg.MetadataValue.url(f"{REFERENCE}/{known.page}")},
        )
        for name, known in ENDPOINTS.items()
    ]


def endpoint(project: Project, name: str) -> dg.AssetKey:
    """The key of an endpoint: acme/mixpanel/export."""
    return project.key("mixpanel", name)


VIEWS = {
    "event_properties": (
        "events",
        EVENT_PROPERTY_COLUMNS,
        "Each property of each event: its column, its type, the number of events that have it, and "
        "an example. Start here to find out what can be asked.",
    ),
    "profile_properties": (
        "profiles",
        PROFILE_PROPERTY_COLUMNS,
        "Each property of user profiles: its column, its type, the number of profiles that have "
        "it, and an example.",
    ),
}


def make_views(project: Project) -> list[dg.AssetSpec]:
    """Views of the warehouse: always as new as what they read, so never materialized."""
    return [
        project.spec(
            name,
            f"{description} A view: as new as {source}.",
            {name: columns},
            deps=[project.key(source), project.key("lexicon")],
            kinds={"duckdb", "view"},
            freshness_policy=None,
        )
        for name, (source, columns, description) in VIEWS.items()
    ]
