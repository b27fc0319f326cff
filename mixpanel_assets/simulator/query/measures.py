"""How reports count: events, users and events per user, by segment and time bucket.

Mixpanel calls the three `general`, `unique` and `average`.
https://developer.mixpanel.com/reference/segmentation-query
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.responses import Response

from mixpanel_assets.simulator import values
from mixpanel_assets.simulator.values import UNDEFINED

TYPES = ("general", "unique", "average")
OVERALL = "$overall"
Series = dict[str, dict[str, float]]


class Tally:
    """Counts of events and of the users who did them, by segment and bucket.

    `unique` is the number of distinct ids; events without one don't count. `average` is
    `general` over `unique`, and 0 without distinct ids.
    """

    def __init__(self, kind: str = "general") -> None:
        self._kind = kind
        self._times: dict[str, Counter[str]] = {}
        self._people: dict[str, dict[str, set[str]]] = {}
        self._everyone: dict[str, set[str]] = {}

    def add(self, segment: str, bucket: str, who: str | None) -> None:
        """One more event."""
        self._times.setdefault(segment, Counter())[bucket] += 1
        if who is not None and self._kind != "general":
            self._people.setdefault(segment, {}).setdefault(bucket, set()).add(who)
            self._everyone.setdefault(segment, set()).add(who)

    def series(self, limit: int | None = None) -> Series:
        """The numbers by segment and bucket, for the segments with the highest totals."""
        return {
            segment: {
                bucket: self._measure(times, len(self._in(segment, bucket)))
                for bucket, times in sorted(self._times[segment].items())
            }
            for segment in self.top(limit)
        }

    def totals(self, limit: int | None = None) -> dict[str, float]:
        """The number of each segment over all buckets together, the largest first."""
        return {segment: self._total(segment) for segment in self.top(limit)}

    def top(self, limit: int | None = None) -> list[str]:
        """The segments with the highest totals, ties by name."""
        ranked = sorted(self._times, key=lambda one: (-self._total(one), one))
        return ranked[:limit]

    def _in(self, segment: str, bucket: str) -> set[str]:
        return self._people.get(segment, {}).get(bucket, set())

    def _total(self, segment: str) -> float:
        people = len(self._everyone.get(segment, ()))
        return self._measure(self._times[segment].total(), people)

    def _measure(self, times: int, people: int) -> float:
        if self._kind == "average":
            return times / people if people else 0
        return people if self._kind == "unique" else times


def segment_of(value: Any) -> str:
    """The name of a value's segment: its text, or the JSON of a list or an object."""
    if value is UNDEFINED or value is None:
        return "undefined"
    text = values.string(value)
    if text is not UNDEFINED:
        return str(text)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def chart(labels: Sequence[str], series: Series, form: str = "json") -> Any:
    """Series in the form of the events and segmentation endpoints; a missing number means 0."""
    if form == "csv":
        return Response(_csv(labels, series), media_type="text/csv")
    return {"data": {"series": list(labels), "values": series}, "legend_size": len(series)}


def _csv(labels: Iterable[str], series: Series) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["date", *series])
    rows.writerows([label, *(s.get(label, 0) for s in series.values())] for label in labels)
    return text.getvalue()
