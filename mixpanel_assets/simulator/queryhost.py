"""What all endpoints of the query host share: who may ask, how often, and how many at once.

https://developer.mixpanel.com/reference/query-api-authentication
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mixpanel_assets.simulator.answers import (
    BROKEN,
    BadRequestError,
    bad_gateway,
    failed,
    too_many,
)
from mixpanel_assets.simulator.credentials import PROJECT_NAMED_TWICE, credentials_of
from mixpanel_assets.simulator.expressions import ExpressionError
from mixpanel_assets.simulator.limits import QueryLimiter, Refusal
from mixpanel_assets.simulator.parameters import Parameters, parameters_of
from mixpanel_assets.simulator.project import Project

Work = Callable[[Parameters], Awaitable[Response]]


class RefusedError(Exception):
    """The query is beyond a limit."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


@dataclass(frozen=True)
class QueryHost:
    """The door in front of one project's queries."""

    project: Project
    limiter: QueryLimiter
    retry_after: int

    async def answer(self, request: Request, work: Work) -> Response:
        """The work's answer, if the request may be worked on."""
        given = await parameters_of(request)
        if stranger := self._stranger(request, given):
            return stranger
        if crowd := self.limiter.enter():
            return too_many(request, crowd)
        try:
            return await work(given)
        except RefusedError as error:
            return too_many(request, error.refusal)
        except BadRequestError as error:
            return failed(request, str(error))
        except ExpressionError as error:
            return failed(request, f"where: {error}")
        finally:
            self.limiter.leave()

    def count(self) -> None:
        """One more query of the hour; RefusedError when there were too many."""
        if refusal := self.limiter.admit():
            raise RefusedError(refusal)

    async def broken(self, request: Request, kind: str) -> Response:
        """The answer that a fault calls for."""
        await parameters_of(request)
        if kind == "502":
            return bad_gateway()
        if kind.startswith("429"):
            bare = kind == "429-bare"
            limiter = self.limiter
            return too_many(request, limiter.shed() if bare else limiter.spent(self.retry_after))
        return failed(request, BROKEN[kind], int(kind))

    def _stranger(self, request: Request, given: Parameters) -> Response | None:
        known = credentials_of(request)
        if not known.may_read(self.project):
            return failed(request, "Invalid credentials", 401)
        project_id = given.text("project_id")
        if known.is_project_secret(self.project):
            return failed(request, PROJECT_NAMED_TWICE) if project_id else None
        if not project_id:
            return failed(request, "project_id is required with a service account")
        if project_id != self.project.project_id:
            return failed(request, BROKEN["403"], 403)
        return None
