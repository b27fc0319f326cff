"""The activity feed of some users, `/stream/query`.

https://developer.mixpanel.com/reference/activity-stream-query
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.answers import as_json
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Event, Reader


@dataclass(frozen=True)
class StreamApi:
    """The endpoint over one project's events."""

    reader: Reader

    def activity(self, given: Parameters) -> Compute:
        """`/stream/query`: the users' events of the days, oldest first, times in seconds."""
        people = set(given.texts("distinct_ids"))
        span = self.reader.span(given)

        def compute() -> Any:
            theirs = [event for event in self.reader.events(span) if event.who in people]
            theirs.sort(key=lambda event: event.at)
            events = [{"event": one.name, "properties": _in_seconds(one)} for one in theirs]
            answer = as_json({"status": "ok", "results": {"events": events}})
            answer.headers["Deprecation"] = "true"
            return answer

        return compute


def _in_seconds(event: Event) -> dict[str, Any]:
    return {**event.properties, "time": event.at // 1000}
