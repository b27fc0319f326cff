"""Annotations: notes pinned to days.

https://developer.mixpanel.com/reference/list-all-annotations-for-project
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.answers import NotFoundError
from mixpanel_assets.simulator.app.host import AppRequest, listed
from mixpanel_assets.simulator.registry import Registry
from mixpanel_assets.simulator.spans import day_of_text


@dataclass(frozen=True)
class Annotation:
    """One note; `date` is like `2024-01-02 12:00:00`, in the project's time."""

    id: int
    date: str
    description: str
    tags: tuple[str, ...] = ()
    first_name: str = "Demo"
    last_name: str = "Analyst"


class Annotations(Registry[Annotation]):
    """The annotations of a project, and its endpoints."""

    first_id = 640_001

    def add(
        self, date: str, description: str, *, tags: Sequence[str] = (), id_: int | None = None
    ) -> Annotation:
        """Pin a note to a day, or to a time on that day."""
        at = date if len(date) > len("2024-01-02") else f"{date} 00:00:00"
        return self.keep(Annotation(self.new_id(id_), at, description, tuple(tags)))

    def listed(self, request: AppRequest) -> Any:
        """`GET /projects/{id}/annotations`: from `fromDate` to `toDate`, both included."""
        start, end = (_day(request, name) for name in ("fromDate", "toDate"))
        return listed(
            self._entry(one)
            for one in self
            if (start is None or one.date[:10] >= start) and (end is None or one.date[:10] <= end)
        )

    def one(self, request: AppRequest) -> Any:
        """`GET /projects/{id}/annotations/{annotationId}`."""
        number = request.path["annotation"]
        if not number.isdecimal():
            raise NotFoundError(f"annotation {number} does not exist")
        return {"status": "ok", "results": self._entry(self.get(int(number), "annotation"))}

    def tags(self, request: AppRequest) -> Any:
        """`GET /projects/{id}/annotations/tags`: the tags in use, without an envelope."""
        project = int(request.path["project"])
        return [
            {"id": number, "name": name, "project_id": project, "has_annotations": True}
            for name, number in self._tag_ids().items()
        ]

    def _tag_ids(self) -> dict[str, int]:
        names = dict.fromkeys(name for one in self for name in one.tags)
        return {name: number for number, name in enumerate(names, start=1)}

    def _entry(self, one: Annotation) -> dict[str, Any]:
        numbers = self._tag_ids()
        return {
            "id": one.id,
            "date": one.date,
            "description": one.description,
            "user": {"id": 1, "first_name": one.first_name, "last_name": one.last_name},
            "tags": [{"id": numbers[name], "name": name} for name in one.tags],
        }


def _day(request: AppRequest, name: str) -> str | None:
    text = request.query.get(name)
    return None if text is None else str(day_of_text(text, name))
