"""The saved cohorts API: `GET` or `POST /api/query/cohorts/list`.

https://developer.mixpanel.com/reference/cohorts-list
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.profiles import Profiles
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.selectors import Selectors


@dataclass(frozen=True)
class CohortsApi:
    """The endpoint over the cohorts of one project."""

    cohorts: Sequence[Cohort]
    profiles: Profiles
    project: Project
    clock: Callable[[], float]

    def list(self, _given: Parameters) -> Compute:
        """Every cohort with the number of its members."""
        return self._listed

    def _listed(self) -> Any:
        view = self.profiles.view()
        selectors = Selectors(self.clock(), self.project.timezone)
        return [
            {
                "count": len(cohort.members(view, selectors.choose)),
                "is_visible": int(cohort.is_visible),
                "description": cohort.description,
                "created": cohort.created,
                "project_id": int(self.project.project_id),
                "id": cohort.id,
                "name": cohort.name,
            }
            for cohort in self.cohorts
        ]
