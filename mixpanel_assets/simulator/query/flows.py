"""What people do next: the flows of a saved report.

Mixpanel does not document their format; this one has the members that its clients read.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from mixpanel_assets.simulator.app.bookmarks import Flows
from mixpanel_assets.simulator.query.reader import Reader
from mixpanel_assets.simulator.query.sequences import sequences
from mixpanel_assets.simulator.spans import Span

_MOST_PATHS = 10


def flows(reader: Reader, report: Flows, span: Span) -> dict[str, Any]:
    """The events of each step with what follows them, and the most common paths.

    A path is a person's first `event` of the days and whatever they did next;
    `overallConversionRate` is the share of paths that reach the last step.
    """
    ways = _ways(reader, report, span)
    steps = [_step(ways, number) for number in range(report.forward + 1)]
    whole = sum(len(way) > report.forward for way in ways)
    common = Counter(ways).most_common()
    common.sort(key=lambda one: (-one[1], one[0]))
    return {
        "steps": steps,
        "breakdowns": [{"path": [*way], "count": n} for way, n in common[:_MOST_PATHS]],
        "overallConversionRate": whole / len(ways) if ways else 0.0,
        "metadata": {"countType": "unique"},
    }


def _ways(reader: Reader, report: Flows, span: Span) -> list[tuple[str, ...]]:
    ways = []
    for events in sequences(reader, span).values():
        names = [event.name for event in events]
        if report.event in names:
            start = names.index(report.event)
            ways.append(tuple(names[start : start + report.forward + 1]))
    return ways


def _step(ways: list[tuple[str, ...]], number: int) -> dict[str, Any]:
    here = Counter(way[number] for way in ways if len(way) > number)
    nodes = []
    for name in sorted(here, key=lambda one: (-here[one], one)):
        onward = Counter(w[number + 1] for w in ways if len(w) > number + 1 and w[number] == name)
        edges = [{"event": to, "step": number + 1, "totalCount": n} for to, n in onward.items()]
        edges.sort(key=lambda edge: (-onward[str(edge["event"])], edge["event"]))
        nodes.append({"event": name, "step": number, "totalCount": here[name], "edges": edges})
    return {"nodes": nodes}
