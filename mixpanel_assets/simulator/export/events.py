"""The raw export API: `GET /api/2.0/export`.

https://developer.mixpanel.com/reference/raw-event-export
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mixpanel_assets.simulator import expressions
from mixpanel_assets.simulator.answers import (
    BROKEN,
    BadRequestError,
    bad_gateway,
    failed,
    too_many,
)
from mixpanel_assets.simulator.credentials import PROJECT_NAMED_TWICE, credentials_of
from mixpanel_assets.simulator.export.bodies import GZIP_ABOVE, Body, BodyResponse
from mixpanel_assets.simulator.export.fragments import (
    Fragment,
    file_chunks,
    gunzip_chunks,
    gzip_member,
    gzip_size,
    joined,
)
from mixpanel_assets.simulator.expressions import Expression, ExpressionError
from mixpanel_assets.simulator.faults import GZIP_KINDS, STATUS_KINDS, FaultPlan, faulty_lines
from mixpanel_assets.simulator.limits import ExportLimiter, Refusal, refusal_text
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.records import decode, event_of, retimed
from mixpanel_assets.simulator.spans import Span, span_of_text
from mixpanel_assets.simulator.store import Store

_MOST_EVENTS = 100_000


@dataclass(frozen=True)
class Query:
    """What one export request asks for."""

    span: Span
    events: frozenset[str] | None
    where: Expression | None
    limit: int | None
    in_ms: bool

    @property
    def verbatim(self) -> bool:
        """Whether stored lines can be sent without parsing them."""
        return self.in_ms and self.events is None and self.where is None and self.limit is None


@dataclass(frozen=True)
class ExportApi:
    """The endpoint over one store."""

    store: Store
    project: Project
    faults: FaultPlan
    limiter: ExportLimiter | None
    clock: Callable[[], float]
    slow_seconds: float
    retry_after: int

    async def export(self, request: Request) -> Response:
        """Events of a range of days as lines of JSON."""
        fault = self.faults.strike()
        if fault in STATUS_KINDS:
            return self._broken(fault, request)
        if refusal := self._unauthorized(request):
            return refusal
        try:
            query = parse_query(request, self.project.today(self.clock()))
        except BadRequestError as error:
            return failed(request, str(error))
        if self.limiter and (limited := self.limiter.admit()):
            return too_many(request, limited)
        if fault == "slow":
            await asyncio.sleep(self.slow_seconds)
        zipped = "gzip" in request.headers.get("accept-encoding", "") or fault in GZIP_KINDS
        try:
            body = await run_in_threadpool(self._body, query, fault, zipped)
        except ExpressionError as error:
            return failed(request, f"where: {error}")
        return BodyResponse(body)

    def _body(self, query: Query, fault: str | None, zipped: bool) -> Body:
        now = self.clock()
        if fault not in (None, "slow"):
            total = sum(1 for _ in self._lines(query, now))
            pieces = faulty_lines(fault, self._lines(query, now), total)
            return Body.of_chunks(joined(pieces, 1 << 14), zipped=zipped, fault=fault)
        if not query.verbatim:
            pieces = (line + b"\n" for line in self._lines(query, now))
            return Body.of_chunks(joined(pieces), zipped=zipped)
        start, end = query.span.start, query.span.end
        file = self.store.whole_file(start) if start == end else None
        if file and zipped:
            return Body.of_gzip(file_chunks(file), gzip_size(file), lambda: gunzip_chunks(file))
        if file:
            return Body(gunzip_chunks(file), gzip=False)
        return self._stored(query, now, zipped)

    def _stored(self, query: Query, now: float, zipped: bool) -> Body:
        if not zipped:
            parts = (f for day in query.span.days() for f in self.store.fragments(day, now))
            return Body(chain.from_iterable(f.raw_chunks() for f in parts), gzip=False)
        fragments = (f for day in query.span.days() for f in self.store.fragments(day, now))
        first: list[Fragment] = []
        size = 0
        for fragment in fragments:
            first.append(fragment)
            size += fragment.size
            if size > GZIP_ABOVE:
                break
        return Body.of_gzip(
            gzip_member(chain(first, fragments)),
            size,
            lambda: chain.from_iterable(f.raw_chunks() for f in first),
        )

    def _lines(self, query: Query, now: float) -> Iterator[bytes]:
        stored = (line for day in query.span.days() for line in self.store.lines(day, now))
        kept = (line for line in stored if _wanted(query, line))
        limited = islice(kept, query.limit)
        if query.in_ms:
            return limited
        return (retimed(line, lambda ms: ms // 1000) for line in limited)

    def _unauthorized(self, request: Request) -> Response | None:
        known = credentials_of(request)
        project_id = request.query_params.get("project_id")
        if known.username == self.project.token:
            return failed(request, "Project tokens can not read data", 401)
        if not known.may_read(self.project):
            return PlainTextResponse("Unable to authenticate request\n", 400)
        if known.is_project_secret(self.project):
            return failed(request, PROJECT_NAMED_TWICE) if project_id else None
        if not project_id:
            return failed(request, "project_id is required with a service account")
        if project_id != self.project.project_id:
            return failed(request, "This service account has no access to the project", 403)
        return None

    def _broken(self, kind: str, request: Request) -> Response:
        if kind.startswith("429"):
            text = refusal_text(self.project.project_id, 61, 60, "hour")
            return too_many(request, Refusal(text, self.retry_after if kind == "429" else None))
        if kind == "502":
            return bad_gateway()
        return failed(request, BROKEN[kind], int(kind))


def parse_query(request: Request, today: date) -> Query:
    """The request's parameters, validated as the export validates them."""
    given = request.query_params
    return Query(
        span=span_of_text(given.get("from_date"), given.get("to_date"), today),
        events=_events(given.get("event")),
        where=_where(given.get("where")),
        limit=_limit(given.get("limit")),
        in_ms=given.get("time_in_ms", "false").lower() in ("true", "1"),
    )


def _events(text: str | None) -> frozenset[str] | None:
    if not text:
        return None
    try:
        names = json.loads(text)
    except ValueError as error:
        raise BadRequestError(f"event is not JSON: {error}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadRequestError("event must be a JSON array of strings")
    return frozenset(names)


def _where(text: str | None) -> Expression | None:
    try:
        return expressions.parse(text) if text else None
    except ExpressionError as error:
        raise BadRequestError(f"where: {error}") from error


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_EVENTS:
        raise BadRequestError(f"limit must be a number from 1 to {_MOST_EVENTS}")
    return int(text)


def _wanted(query: Query, line: bytes) -> bool:
    if query.events is not None and event_of(line) not in query.events:
        return False
    if query.where is None:
        return True
    record = decode(line)
    return record is not None and query.where.matches(record["properties"])
