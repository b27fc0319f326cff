"""Saved reports, which Mixpanel calls bookmarks, and what each type asks.

Mixpanel keeps many undocumented `params` with a bookmark; these are a few that say the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.app.host import AppRequest, listed
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.query.funnels import Step
from mixpanel_assets.simulator.registry import Registry
from mixpanel_assets.simulator.spans import Span

TYPES = ("insights", "funnels", "retention", "flows", "launch-analysis")


@dataclass(frozen=True, kw_only=True)
class Report:
    """The days a report covers: two dates, or the last `days` up to today."""

    dates: tuple[str, str] | None = None
    days: int = 30

    def span(self, today: date) -> Span:
        """The days, as seen today."""
        if self.dates:
            return Span(date.fromisoformat(self.dates[0]), date.fromisoformat(self.dates[1]))
        return Span(today - timedelta(days=self.days - 1), today)


@dataclass(frozen=True)
class Insights(Report):
    """Event counts by time, or in total (`chart="bar"`), optionally by a property's values.

    `math` is general, unique or average.
    """

    events: tuple[str, ...]
    math: str = "general"
    unit: str = "day"
    by: str | None = None
    where: str | None = None
    chart: str = "line"


@dataclass(frozen=True)
class FunnelReport(Report):
    """How many people go from the first step to the last."""

    steps: tuple[Step, ...]
    length: int = 7
    length_unit: str = "day"


@dataclass(frozen=True)
class RetentionReport(Report):
    """How many people come back to `event`, or to any event, after `born_event`."""

    born_event: str
    event: str | None = None
    unit: str = "week"
    interval_count: int = 4
    by: str | None = None


@dataclass(frozen=True)
class Flows(Report):
    """What people do in the `steps` after their first `event`."""

    event: str
    forward: int = 3


TYPE_OF = {
    Insights: "insights",
    FunnelReport: "funnels",
    RetentionReport: "retention",
    Flows: "flows",
}


@dataclass(frozen=True)
class Bookmark:
    """A saved report."""

    id: int
    name: str
    report: Report
    description: str = ""
    created: str = "2024-01-01T09:30:00"
    modified: str = "2024-01-01T09:30:00"

    @property
    def type(self) -> str:
        """The type's name in the API."""
        return TYPE_OF[type(self.report)]


class Bookmarks(Registry[Bookmark]):
    """The saved reports of a project."""

    first_id = 63_000_001

    def add(
        self, name: str, report: Report, *, description: str = "", id_: int | None = None
    ) -> Bookmark:
        """Save a report."""
        return self.keep(Bookmark(self.new_id(id_), name, report, description))


def bookmarks_endpoint(project: Project, bookmarks: Bookmarks) -> Callable[[AppRequest], Any]:
    """`GET /projects/{id}/bookmarks?v=2`, optionally of one `type`; undocumented."""

    def answer(request: AppRequest) -> Any:
        if request.query.get("v") != "2":
            raise BadRequestError("v must be 2")
        kind = request.query.get("type")
        if kind is not None and kind not in TYPES:
            raise BadRequestError(f"Invalid type: {kind!r}. Must be one of {', '.join(TYPES)}")
        return listed(_entry(project, one) for one in bookmarks if kind in (None, one.type))

    return answer


def _entry(project: Project, one: Bookmark) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "type": one.type,
        "project_id": int(project.project_id),
        "workspace_id": int(project.workspace_id),
        "dashboard_id": None,
        "created": one.created,
        "modified": one.modified,
        "creator_id": 1,
        "creator_name": "Demo Analyst",
        "creator_email": "analyst@example.com",
        "description": one.description,
        "params": asdict(one.report),
    }
