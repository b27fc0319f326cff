"""The saved cohorts API: `GET` or `POST /api/query/cohorts/list`.

https://developer.mixpanel.com/reference/cohorts-list
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.parameters import Parameters
from mixpanel_assets.simulator.profiles import Profiles
from mixpanel_assets.simulator.queryhost import QueryHost
from mixpanel_assets.simulator.selectors import Selectors


@dataclass(frozen=True)
class CohortsApi:
    """The endpoint over the cohorts of one project."""

    cohorts: Sequence[Cohort]
    profiles: Profiles
    host: QueryHost
    clock: Callable[[], float]

    async def list(self, request: Request) -> Response:
        """Every cohort with the number of its members."""
        return await self.host.answer(request, self._answer)

    async def _answer(self, _given: Parameters) -> Response:
        self.host.count()
        return JSONResponse(await run_in_threadpool(self._listed))

    def _listed(self) -> Any:
        view = self.profiles.view()
        selectors = Selectors(self.clock(), self.host.project.timezone)
        return [
            {
                "count": len(cohort.members(view, selectors.choose)),
                "is_visible": int(cohort.is_visible),
                "description": cohort.description,
                "created": cohort.created,
                "project_id": int(self.host.project.project_id),
                "id": cohort.id,
                "name": cohort.name,
            }
            for cohort in self.cohorts
        ]
