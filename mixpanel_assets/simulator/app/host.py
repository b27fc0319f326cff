"""What all endpoints of the app host share; they do not count against the query limit.

https://developer.mixpanel.com/reference/lexicon-schemas-api
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_assets.simulator.answers import (
    BROKEN,
    BadRequestError,
    NotFoundError,
    as_json,
    bad_gateway,
)
from mixpanel_assets.simulator.credentials import credentials_of
from mixpanel_assets.simulator.faults import STATUS_KINDS, FaultPlan
from mixpanel_assets.simulator.limits import LexiconLimiter
from mixpanel_assets.simulator.project import Plan, Project


@dataclass(frozen=True)
class AppRequest:
    """The path parameters and the URL parameters of a request."""

    path: dict[str, str]
    query: dict[str, str]


Answer = Callable[[AppRequest], Any]


@dataclass(frozen=True)
class AppHost:
    """Access control and faults in front of one project's settings."""

    project: Project
    plan: Plan
    lexicon_limiter: LexiconLimiter | None = None
    faults: FaultPlan = field(default_factory=lambda: FaultPlan(kinds=STATUS_KINDS))
    retry_after: int = 60

    def endpoint(
        self, family: str, answer: Answer, *known: str
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that accepts only the `known` URL parameters."""

        async def respond(request: Request) -> Response:
            if fault := self.faults.strike():
                return self._broken(fault)
            if refusal := self._refused(request, family):
                return refusal
            asked = AppRequest(request.path_params, dict(request.query_params))
            try:
                for name in asked.query.keys() - set(known):
                    raise BadRequestError(f"Unknown query parameter: {name}")
                return as_json(answer(asked))
            except BadRequestError as error:
                return refused(str(error), 400)
            except NotFoundError as error:
                return refused(str(error), 404)

        return respond

    def _refused(self, request: Request, family: str) -> Response | None:
        known = credentials_of(request)
        # A project secret gives access to data only.
        if not known.may_read(self.project) or known.is_project_secret(self.project):
            return refused("Invalid credentials", 401)
        if request.path_params.get("project", self.project.project_id) != self.project.project_id:
            return refused(BROKEN["403"], 403)
        if self.plan.refuses("app", family):
            return refused(BROKEN["402"], 402)
        limiter = self.lexicon_limiter if family == "schemas" else None
        wait = limiter.admit() if limiter else None
        return _too_many(wait) if wait else None

    def _broken(self, kind: str) -> Response:
        if kind == "502":
            return bad_gateway()
        if kind.startswith("429"):
            return _too_many(self.retry_after if kind == "429" else None)
        return refused(BROKEN[kind], int(kind))


def listed(results: Iterable[Any]) -> dict[str, Any]:
    """The results in the app host's envelope."""
    return {"status": "ok", "results": [*results]}


def refused(text: str, status: int) -> Response:
    """An error answer of the app host."""
    return JSONResponse({"error": text, "status": "error"}, status)


def _too_many(wait: int | None) -> Response:
    answer = refused("Rate limit exceeded", 429)
    if wait is not None:
        answer.headers["Retry-After"] = str(wait)
    return answer


def me(project: Project) -> Answer:
    """`GET /me`: the projects and data views that the credential can see; undocumented."""
    name = "Demo Project"
    zone = project.timezone or "UTC"

    def answer(_request: AppRequest) -> Any:
        found = {"id": int(project.project_id), "name": name, "timezone": zone}
        view = {
            "id": int(project.workspace_id),
            "name": "All Project Data",
            "project_id": int(project.project_id),
            "is_global": True,
            "is_default": True,
        }
        return {
            "status": "ok",
            "results": {
                "user_email": project.username,
                "projects": {project.project_id: found},
                "workspaces": {project.workspace_id: view},
            },
        }

    return answer


def workspaces(project: Project) -> Answer:
    """`GET /projects/{id}/workspaces/public`: its data views; undocumented."""
    return lambda request: listed(me(project)(request)["results"]["workspaces"].values())
