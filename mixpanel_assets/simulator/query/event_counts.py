"""Counts of named events: `/events`, `/events/names` and `/events/top`.

https://developer.mixpanel.com/reference/list-recent-events
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.project import DAY_MS
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.measures import TYPES, Tally, chart
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Reader
from mixpanel_assets.simulator.spans import Buckets, Span

FORMATS = ("json", "csv")
_UNITS = ("minute", "hour", "day", "week", "month")
# Mixpanel silently omits names beyond these.
_MOST_NAMES = 5000
RECENT_DAYS = 31


@dataclass(frozen=True)
class EventCountsApi:
    """The endpoints over one project's events."""

    reader: Reader

    def counts(self, given: Parameters) -> Compute:
        """`/events`: each event's count by unit of time; events without any are omitted."""
        names = given.texts("event")
        kind, form = given.choice("type", TYPES), given.choice("format", FORMATS, "json")
        buckets = recent_buckets(self.reader, given, kind)

        def compute() -> Any:
            tally = Tally(kind)
            for event in self.reader.events(buckets.span, names):
                if buckets.hold(event.at):
                    tally.add(event.name, buckets.label(event.day, event.at), event.who)
            return chart(buckets.labels(), tally.series(), form)

        return compute

    def names(self, given: Parameters) -> Compute:
        """`/events/names`: the names of the last 31 days or of the dates, the most common first.

        https://developer.mixpanel.com/reference/query-months-top-event-names
        """
        kind = given.choice("type", TYPES)
        limit = min(given.count("limit", 255), _MOST_NAMES)
        span = recent_span(self.reader, given)
        return lambda: self._tally(span, kind).top(limit)

    def top(self, given: Parameters) -> Compute:
        """`/events/top`: today's events, and the change from as much of yesterday.

        Yesterday's count is scaled to the part of the day that has passed today; the change
        from zero is 1. https://developer.mixpanel.com/reference/query-top-events
        """
        kind, limit = given.choice("type", TYPES), given.count("limit", 100)
        today, yesterday = self.reader.last_days(1), self.reader.last_days(2)
        yesterday = Span(yesterday.start, yesterday.start)
        passed = 1.0 if kind == "average" else self.reader.time_of_day() / DAY_MS

        def compute() -> Any:
            before = self._tally(yesterday, kind).totals()
            now = self._tally(today, kind).totals(limit)
            events = [
                {"amount": amount, "event": name, "percent_change": _change(amount, usual)}
                for name, amount in now.items()
                for usual in [before.get(name, 0) * passed]
            ]
            return {"events": events, "type": kind}

        return compute

    def _tally(self, span: Span, kind: str) -> Tally:
        tally = Tally(kind)
        for event in self.reader.events(span):
            tally.add(event.name, "", event.who)
        return tally


def recent_buckets(reader: Reader, given: Parameters, kind: str) -> Buckets:
    """The buckets of `unit`, over the dates or an `interval` of units up to now."""
    unit = given.choice("unit", _UNITS)
    if kind == "unique" and unit in ("minute", "hour"):
        raise BadRequestError(f"unit: cannot get uniques by {unit}")
    interval = given.whole("interval")
    if interval is None:
        return Buckets(reader.span(given), unit)
    if given.text("from_date") or given.text("to_date"):
        raise BadRequestError("specify either interval or from_date and to_date")
    return reader.last_units(unit, given.count("interval", 1))


def recent_span(reader: Reader, given: Parameters) -> Span:
    """The dates, which most clients omit, or else the last 31 days."""
    if given.text("from_date") or given.text("to_date"):
        return reader.span(given)
    return reader.last_days(RECENT_DAYS)


def _change(amount: float, usual: float) -> float:
    return (amount - usual) / usual if usual else 1
