"""The profile query API: `GET` or `POST /api/query/engage`, page by page.

https://developer.mixpanel.com/reference/engage-query
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.export.bodies import Body, BodyResponse
from mixpanel_assets.simulator.faults import STATUS_KINDS, FaultPlan
from mixpanel_assets.simulator.profiles import Profiles, View
from mixpanel_assets.simulator.query.behaviors import counted
from mixpanel_assets.simulator.query.host import QueryHost
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.selection import Selection, selection_of
from mixpanel_assets.simulator.query.selectors import Selectors
from mixpanel_assets.simulator.query.sessions import Result, Session, Sessions
from mixpanel_assets.simulator.records import encode
from mixpanel_assets.simulator.store import Store

_PAGE_SIZE = 1000


@dataclass(frozen=True)
class Paging:
    """How engage paginates.

    With `live` each page is cut from the profiles of its own moment, so that they may change,
    vanish or come twice between pages; else all pages are of the first one's moment.
    """

    page_latency: float = 0.0
    live: bool = False
    most_per_page: int = 100_000
    session_seconds: float = 3600.0
    session_pages: int | None = None


@dataclass(frozen=True)
class Query:
    """What one engage request asks for."""

    selection: Selection
    page: int
    page_size: int
    session_id: str | None
    output_properties: frozenset[str] | None

    @property
    def start(self) -> int:
        """The number of the page's first profile."""
        return self.page * self.page_size


@dataclass(frozen=True)
class EngageApi:
    """The endpoint over one store of profiles."""

    profiles: Profiles
    store: Store
    cohorts: Sequence[Cohort]
    host: QueryHost
    paging: Paging
    sessions: Sessions
    faults: FaultPlan
    clock: Callable[[], float]
    slow_seconds: float

    async def engage(self, request: Request) -> Response:
        """A page of profiles."""
        fault = self.faults.strike()
        if fault in STATUS_KINDS:
            return await self.host.broken(request, fault)
        return await self.host.answer(request, lambda given: self._answer(given, fault))

    async def _answer(self, given: Parameters, fault: str | None) -> Response:
        query = parse_query(given, self.clock(), self.paging.most_per_page)
        if query.session_id is None:
            self.host.count()
        slow = self.slow_seconds if fault == "slow" else 0
        await asyncio.sleep(self.paging.page_latency + slow)
        content = await run_in_threadpool(self._page, query, fault)
        if fault == "reset":
            answer: Response = BodyResponse(
                Body(iter([content[: len(content) // 2]]), gzip=False, drops=True)
            )
        else:
            answer = Response(content)
        answer.headers["Content-Type"] = "application/json"
        return answer

    def _page(self, query: Query, fault: str | None) -> bytes:
        if fault == "expired" and query.session_id:
            self.sessions.end(query.session_id)
        session = self._session(query)
        result = session.result
        if self.paging.live and query.session_id:
            result = self._select(query.selection)
        if fault == "expired":
            self.sessions.end(session.id)
        lines = encoded(result.view, _ids(query, result, fault), query.output_properties)
        return b"".join(_document(query, session, len(result.distinct_ids), lines))

    def _session(self, query: Query) -> Session:
        if query.session_id is not None:
            return self.sessions.turn(query.session_id, query.selection)
        return self.sessions.begin(query.selection, self._select(query.selection))

    def _select(self, selection: Selection) -> Result:
        now = self.clock()
        view = self.profiles.view(selection.data_group_id)
        as_of_ms = int((now if selection.as_of is None else selection.as_of) * 1000)
        counts = counted(selection.behaviors, self.store, as_of_ms)
        selectors = Selectors(now, self.store.timezone, counts)
        return Result(view, selection.distinct_ids_in(view, self.cohorts, selectors))


def parse_query(given: Parameters, now: float, most_per_page: int) -> Query:
    """The request's parameters, validated as engage validates them."""
    page, session_id = given.whole("page") or 0, given.text("session_id")
    page_size = given.whole("page_size")
    page_size = _PAGE_SIZE if page_size is None else page_size
    selection = selection_of(given, now)
    if page < 0:
        raise BadRequestError("page must not be negative")
    if page_size < 1:
        raise BadRequestError("page_size must be positive")
    if page and not session_id:
        raise BadRequestError("session_id is required for a page after the first")
    if page and selection.behaviors and selection.as_of is None:
        raise BadRequestError("request for page in uncached query for params")
    names = given.structure("output_properties", list)
    output = None if names is None else frozenset(map(str, names))
    return Query(selection, page, min(page_size, most_per_page), session_id, output)


def encoded(
    view: View, distinct_ids: Sequence[str], names: frozenset[str] | None
) -> Iterator[bytes]:
    """The profiles as JSON, with all properties or only the named ones."""
    for distinct_id in distinct_ids:
        line = view.get(distinct_id)
        if line is None:
            yield encode({"$distinct_id": distinct_id, "$properties": {}})
        elif names is None:
            yield line
        else:
            profile = json.loads(line)
            properties = profile["$properties"]
            yield encode({**profile, "$properties": _kept(properties, names)})


def _kept(properties: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name in names}


def _ids(query: Query, result: Result, fault: str | None) -> Sequence[str]:
    found = result.distinct_ids[query.start : query.start + query.page_size]
    if fault == "short":
        return found[: len(found) // 2]
    if fault == "duplicate":
        again = max(1, query.page_size // 10)
        return [*result.distinct_ids[max(0, query.start - again) : query.start], *found]
    return found


def _document(
    query: Query, session: Session, total: int, lines: Iterator[bytes]
) -> Iterator[bytes]:
    head = {"page": query.page, "page_size": query.page_size, "session_id": session.id}
    tail = {"status": "ok", "total": total} if query.page == 0 else {"status": "ok"}
    yield encode(head)[:-1] + b',"results":['
    yield b",".join(lines)
    yield b"]," + encode(tail)[1:]
