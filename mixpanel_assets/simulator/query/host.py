"""What all endpoints of the query host share: authentication, limits and faults.

https://developer.mixpanel.com/reference/query-api-authentication
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mixpanel_assets.simulator.answers import (
    BROKEN,
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    ScriptError,
    as_json,
    bad_gateway,
    failed,
    too_many,
)
from mixpanel_assets.simulator.credentials import PROJECT_NAMED_TWICE, credentials_of
from mixpanel_assets.simulator.export.bodies import Body, BodyResponse
from mixpanel_assets.simulator.expressions import ExpressionError
from mixpanel_assets.simulator.faults import QUERY_KINDS, STATUS_KINDS, FaultPlan
from mixpanel_assets.simulator.limits import QueryLimiter, Refusal
from mixpanel_assets.simulator.project import Plan, Project
from mixpanel_assets.simulator.query.parameters import Parameters, parameters_of

Work = Callable[[Parameters], Awaitable[Response]]
Compute = Callable[[], Any]
Prepare = Callable[[Parameters], Compute]


class RefusedError(Exception):
    """The query exceeds a limit."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


@dataclass(frozen=True)
class QueryHost:
    """Access control, limits and faults in front of one project's queries."""

    project: Project
    limiter: QueryLimiter
    retry_after: int
    plan: Plan = field(default_factory=Plan)
    faults: FaultPlan = field(default_factory=lambda: FaultPlan(kinds=QUERY_KINDS))
    slow_seconds: float = 0.0

    def report(self, prepare: Prepare) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that checks its parameters, counts toward the hourly limit, then computes."""

        async def answer(request: Request) -> Response:
            fault = self.faults.strike()
            if fault in (*STATUS_KINDS, "429-concurrency", "400-timeout"):
                return await self.broken(request, fault)
            return await self.answer(request, lambda given: self._computed(prepare, given, fault))

        return answer

    async def answer(self, request: Request, work: Work) -> Response:
        """The answer of `work`, if the request is allowed."""
        given = await parameters_of(request)
        if unauthorized := self._unauthorized(request, given):
            return unauthorized
        if self.plan.refuses("query", _family(request)):
            return failed(request, BROKEN["402"], 402)
        if refusal := self.limiter.enter():
            return too_many(request, refusal)
        try:
            return await work(given)
        except RefusedError as error:
            return too_many(request, error.refusal)
        except BadRequestError as error:
            return failed(request, str(error))
        except ForbiddenError as error:
            return failed(request, str(error), 403)
        except NotFoundError as error:
            return failed(request, str(error), 404)
        except ScriptError as error:
            return failed(request, str(error), 412)
        except ExpressionError as error:
            return failed(request, f"where: {error}")
        finally:
            self.limiter.leave()

    def count(self) -> None:
        """Count one query of the hour; raise RefusedError when there were too many."""
        if refusal := self.limiter.admit():
            raise RefusedError(refusal)

    async def broken(self, request: Request, kind: str) -> Response:
        """The answer of a fault."""
        await parameters_of(request)
        limiter = self.limiter
        if kind == "502":
            return bad_gateway()
        if kind == "400-timeout":
            return failed(request, "Timeout Error.")
        if kind == "429-concurrency":
            return too_many(request, limiter.crowded())
        if kind.startswith("429"):
            bare = kind == "429-bare"
            return too_many(request, limiter.shed() if bare else limiter.spent(self.retry_after))
        return failed(request, BROKEN[kind], int(kind))

    async def _computed(self, prepare: Prepare, given: Parameters, fault: str | None) -> Response:
        compute = prepare(given)
        self.count()
        if fault == "slow":
            await asyncio.sleep(self.slow_seconds)
        if fault == "200-error":
            return as_json({"error": BROKEN["500"]})
        found = await run_in_threadpool(compute)
        answer = found if isinstance(found, Response) else as_json(found)
        if fault == "reset":
            half = bytes(answer.body)[: len(answer.body) // 2]
            answer = BodyResponse(Body(iter([half]), gzip=False, drops=True))
        return answer

    def _unauthorized(self, request: Request, given: Parameters) -> Response | None:
        known = credentials_of(request)
        if not known.may_read(self.project):
            return failed(request, "Invalid credentials", 401)
        project_id, by_secret = given.text("project_id"), known.is_project_secret(self.project)
        if by_secret and project_id:
            return failed(request, PROJECT_NAMED_TWICE)
        if not by_secret and not project_id:
            return failed(request, "project_id is required with a service account")
        if not by_secret and project_id != self.project.project_id:
            return failed(request, BROKEN["403"], 403)
        workspace_id = given.text("workspace_id")
        if workspace_id not in (None, self.project.workspace_id):
            return failed(request, f"workspace_id {workspace_id} is no data view of the project")
        return None


def _family(request: Request) -> str:
    """The first word of the path after the API's own, such as `segmentation`."""
    return request.url.path.split("/")[3]
