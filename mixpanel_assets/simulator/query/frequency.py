"""The frequency report, `/retention/addiction`.

https://developer.mixpanel.com/reference/retention-frequency-query
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.measures import OVERALL, segment_of
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Reader
from mixpanel_assets.simulator.query.segmentation import MOST_SEGMENTS
from mixpanel_assets.simulator.query.sequences import timed
from mixpanel_assets.simulator.spans import CALENDAR_UNITS, Buckets

_GRAINS = ("hour", "day")
_HOUR_MS = 3_600_000
Hours = dict[str, dict[str, set[Any]]]


@dataclass(frozen=True)
class AddictionApi:
    """The endpoint over one project's events."""

    reader: Reader
    bare: bool = False

    def addiction(self, given: Parameters) -> Compute:
        """`/retention/addiction`: in each unit, how many did the event in at least n hours or days.

        The n-th number of a bucket, from 1, is of the people who did the event, or any event,
        within at least n different hours (or days) of it. There are as many numbers as the whole
        day, week or month has hours (or days), also where the dates cut it short. The buckets are
        in an envelope, as the OpenAPI file has it, or `bare`, as the page does.
        """
        unit, grain = given.choice("unit", CALENDAR_UNITS), given.choice("addiction_unit", _GRAINS)
        buckets, name = Buckets(self.reader.span(given), unit), given.text("event")
        on = self.reader.expression(given.text("on"), "on")
        where = self.reader.expression(given.text("where"), "where")
        limit = given.count("limit", 255, MOST_SEGMENTS)

        def compute() -> Any:
            seen: dict[str, Hours] = {label: {} for label in buckets.labels()}
            totals: Counter[str] = Counter()
            for who, one in timed(self.reader, buckets.span, name and (name,), where):
                hour = one.day if grain == "day" else one.at // _HOUR_MS
                by_segment = seen[buckets.label(one.day, one.at)]
                by_segment.setdefault(OVERALL, {}).setdefault(who, set()).add(hour)
                if on is not None:
                    segment = segment_of(on.evaluate(one.properties))
                    by_segment.setdefault(segment, {}).setdefault(who, set()).add(hour)
                    totals[segment] += 1
            top = [OVERALL, *sorted(totals, key=lambda s: (-totals[s], s))[:limit]]
            data = {
                label: _by_segment(found, top, _size(label, unit, grain))
                if on
                else _at_least(found.get(OVERALL, {}), _size(label, unit, grain))
                for label, found in seen.items()
            }
            return data if self.bare else {"data": data}

        return compute


def _by_segment(found: Hours, segments: Collection[str], size: int) -> dict[str, list[int]]:
    return {name: _at_least(found[name], size) for name in segments if name in found}


def _at_least(people: dict[str, set[Any]], size: int) -> list[int]:
    counts = [len(hours) for hours in people.values()]
    return [sum(count >= n for count in counts) for n in range(1, size + 1)]


def _size(label: str, unit: str, grain: str) -> int:
    day = date.fromisoformat(label)
    days = {"day": 1, "week": 7, "month": monthrange(day.year, day.month)[1]}[unit]
    return days if grain == "day" else days * 24
