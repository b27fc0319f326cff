"""Which path leads to which endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mixpanel_assets.simulator.app.bookmarks import bookmarks_endpoint
from mixpanel_assets.simulator.app.host import AppHost, me, workspaces
from mixpanel_assets.simulator.export.events import ExportApi
from mixpanel_assets.simulator.ingest.events import IngestApi
from mixpanel_assets.simulator.ingest.profiles import UpdateApi
from mixpanel_assets.simulator.profiles import Profiles
from mixpanel_assets.simulator.query.activity import StreamApi
from mixpanel_assets.simulator.query.cohorts import CohortsApi
from mixpanel_assets.simulator.query.engage import EngageApi
from mixpanel_assets.simulator.query.event_counts import EventCountsApi
from mixpanel_assets.simulator.query.event_properties import EventPropertiesApi
from mixpanel_assets.simulator.query.frequency import AddictionApi
from mixpanel_assets.simulator.query.funnels import FunnelsApi
from mixpanel_assets.simulator.query.host import Prepare, QueryHost
from mixpanel_assets.simulator.query.jql import JqlApi
from mixpanel_assets.simulator.query.profile_properties import EngagePropertiesApi
from mixpanel_assets.simulator.query.reader import Reader
from mixpanel_assets.simulator.query.saved_reports import SavedReportsApi
from mixpanel_assets.simulator.query.segmentation import SegmentationApi
from mixpanel_assets.simulator.world.saved import Saved

_METHODS = ["GET", "POST"]
# The older of these is still in use.
_QUERY_ROOTS = ("/api/query", "/api/2.0")
# Clients send these to some endpoints of the app host; others are said to refuse them.
_COMMON = ("project_id", "query_origin")

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Apis:
    """The APIs of one project."""

    export: ExportApi
    ingest: IngestApi
    updates: UpdateApi
    profiles: Profiles
    engage: EngageApi
    cohorts: CohortsApi
    reader: Reader
    saved: Saved
    query_host: QueryHost
    app_host: AppHost
    bare_frequency: bool


def build_app(apis: Apis) -> Starlette:
    """The application over its API families."""
    return Starlette(
        routes=[
            Route("/", _hello),
            Route("/api/2.0/export", apis.export.export),
            Route("/track", apis.ingest.track, methods=["POST"]),
            Route("/import", apis.ingest.import_events, methods=["POST"]),
            Route("/engage", apis.updates.users, methods=["POST"]),
            Route("/groups", apis.updates.groups, methods=["POST"]),
            *_query_routes(apis),
            *_app_routes(apis),
        ],
        exception_handlers={HTTPException: _not_found},
    )


def _query_routes(apis: Apis) -> Iterator[Route]:
    reports = {path: apis.query_host.report(one) for path, one in _reports(apis).items()}
    for root in _QUERY_ROOTS:
        for path, endpoint in {"engage": apis.engage.engage, **reports}.items():
            yield from _slashed(f"{root}/{path}", endpoint)


def _slashed(path: str, endpoint: Endpoint) -> Iterator[Route]:
    # Some clients add the slash, and don't follow redirects.
    yield Route(path, endpoint, methods=_METHODS)
    yield Route(f"{path}/", endpoint, methods=_METHODS)


def _reports(apis: Apis) -> dict[str, Prepare]:
    reader, saved = apis.reader, apis.saved
    counts, properties = EventCountsApi(reader), EventPropertiesApi(reader)
    segmentation, funnels = SegmentationApi(reader), FunnelsApi(reader, saved.funnels)
    bookmarked = SavedReportsApi(reader, saved.bookmarks)
    return {
        "engage/properties": EngagePropertiesApi(apis.profiles).properties,
        "cohorts/list": apis.cohorts.list,
        "events": counts.counts,
        "events/names": counts.names,
        "events/top": counts.top,
        "events/properties": properties.counts,
        "events/properties/top": properties.top,
        "events/properties/values": properties.values,
        "segmentation": segmentation.segmentation,
        "segmentation/numeric": segmentation.numeric,
        "segmentation/sum": segmentation.sum,
        "segmentation/average": segmentation.average,
        "funnels": funnels.funnel,
        "funnels/list": funnels.list,
        "retention": bookmarked.retention,
        "retention/addiction": AddictionApi(reader, apis.bare_frequency).addiction,
        "insights": bookmarked.insights,
        "arb_funnels": bookmarked.arb_funnels,
        "stream/query": StreamApi(reader).activity,
        "jql": JqlApi(reader).jql,
    }


def _app_routes(apis: Apis) -> Iterator[Route]:
    endpoint, saved, project = apis.app_host.endpoint, apis.saved, apis.app_host.project
    lexicon, notes = saved.lexicon, saved.annotations
    bookmarks = bookmarks_endpoint(project, saved.bookmarks)
    schemas, annotations = "/projects/{project}/schemas", "/projects/{project}/annotations"
    endpoints = {
        "/me": endpoint("me", me(project)),
        "/projects/{project}/workspaces/public": endpoint("me", workspaces(project)),
        schemas: endpoint("schemas", lexicon.all, *_COMMON),
        schemas + "/{entity}": endpoint("schemas", lexicon.of_type, "entity_name", *_COMMON),
        # A name can contain slashes.
        schemas + "/{entity}/{name:path}": endpoint("schemas", lexicon.one, *_COMMON),
        annotations: endpoint("annotations", notes.listed, "fromDate", "toDate"),
        annotations + "/tags": endpoint("annotations", notes.tags),
        annotations + "/{annotation}": endpoint("annotations", notes.one),
        "/projects/{project}/bookmarks": endpoint("bookmarks", bookmarks, "v", "type", *_COMMON),
    }
    for path, respond in endpoints.items():
        yield Route(f"/api/app{path}", respond)
        if not path.endswith(":path}"):
            yield Route(f"/api/app{path}/", respond)


async def _hello(_request: Request) -> Response:
    return PlainTextResponse("A local Mixpanel for tests and demos. Nothing here is real.\n")


async def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = error.detail if isinstance(error, HTTPException) else "unknown error"
    return JSONResponse({"error": text, "request": request.url.path}, status)
