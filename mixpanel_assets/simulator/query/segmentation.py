"""One event by property and time: `/segmentation` and its `/numeric`, `/sum` and `/average`.

https://developer.mixpanel.com/reference/segmentation-query
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.measures import TYPES, Tally, chart, segment_of
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Event, Reader
from mixpanel_assets.simulator.spans import Buckets
from mixpanel_assets.simulator.values import is_number

# Mixpanel's docs don't list `week`, but its clients offer it.
_UNITS = ("minute", "hour", "day", "week", "month")
_NUMERIC_UNITS = ("hour", "day")
MOST_SEGMENTS = 10_000
_MOST_RANGES = 8
_LARGEST = 1e300


@dataclass(frozen=True)
class SegmentationApi:
    """The endpoints over one project's events."""

    reader: Reader

    def segmentation(self, given: Parameters) -> Compute:
        """`/segmentation`: the event's count by unit of time and, with `on`, by value.

        Without `type` events are counted. The most common values are shown, 60 by default.
        """
        event, kind = given.needed("event"), given.choice("type", TYPES, "general")
        buckets, form = self._buckets(given, kind), given.choice("format", ("json", "csv"), "json")
        on = self.reader.expression(given.text("on"), "on")
        where = self.reader.expression(given.text("where"), "where")
        limit = given.count("limit", 60, MOST_SEGMENTS)

        def compute() -> Any:
            tally = Tally(kind)
            for one in self.reader.events(buckets.span, (event,), where):
                segment = segment_of(on.evaluate(one.properties)) if on else event
                tally.add(segment, buckets.label(one.day, one.at), one.who)
            return chart(buckets.labels(), tally.series(limit if on else None), form)

        return compute

    def numeric(self, given: Parameters) -> Compute:
        """`/segmentation/numeric`: the event's count by unit of time and range of a value.

        A range holds its lower end. They are of one width: the least of 1, 2 or 5 times a power
        of ten that needs eight at most, since Mixpanel does not say how it chooses; among whole
        numbers it is at least 1. What is no number is left out. https://developer.mixpanel.com/reference/segmentation-numeric-query
        """
        kind = given.choice("type", TYPES, "general")
        buckets, numbers = self._numbers(given)

        def compute() -> Any:
            found = [(one, value) for one, value in numbers() if value is not None]
            width = _width([value for _, value in found])
            tally, starts = Tally(kind), {}
            for one, value in found:
                start = math.floor(value / width)
                name = starts[start] = _range_name(start, width)
                tally.add(name, buckets.label(one.day, one.at), one.who)
            series = tally.series()
            return chart(buckets.labels(), {starts[n]: series[starts[n]] for n in sorted(starts)})

        return compute

    def sum(self, given: Parameters) -> Compute:
        """`/segmentation/sum`: the expression's sum by unit of time; other values count as 0.

        https://developer.mixpanel.com/reference/segmentation-sum-query
        """
        buckets, numbers = self._numbers(given)

        def compute() -> Any:
            found = _by_bucket(buckets, numbers())
            results = {label: _total(values) for label, values in found.items()}
            return {"status": "ok", "computed_at": computed_at(self.reader), "results": results}

        return compute

    def average(self, given: Parameters) -> Compute:
        """`/segmentation/average`: the expression's mean over the events by unit of time.

        A value that is not a number counts as 0, and so does a bucket without events.
        https://developer.mixpanel.com/reference/segmentation-query-average
        """
        buckets, numbers = self._numbers(given)

        def compute() -> Any:
            found = _by_bucket(buckets, numbers())
            results = {
                label: math.fsum(values) / len(values) if values else 0.0
                for label, values in found.items()
            }
            return {"results": results, "status": "ok"}

        return compute

    def _buckets(self, given: Parameters, kind: str) -> Buckets:
        interval = given.whole("interval")
        if interval is None:
            return Buckets(self.reader.span(given), given.choice("unit", _UNITS, "day"))
        if given.text("unit"):
            raise BadRequestError("unit and interval both specified")
        if kind == "general":
            raise BadRequestError("interval can not be used when type is general")
        days = given.count("interval", 1)
        dated = given.text("from_date") or given.text("to_date")
        span = self.reader.span(given) if dated else self.reader.last_days(days)
        return Buckets(self.reader.within_history(span), step=days)

    def _numbers(self, given: Parameters) -> Any:
        event, on = given.needed("event"), self.reader.needed_expression(given, "on")
        where = self.reader.expression(given.text("where"), "where")
        buckets = Buckets(self.reader.span(given), given.choice("unit", _NUMERIC_UNITS, "day"))

        def numbers() -> Iterator[tuple[Event, float | None]]:
            for one in self.reader.events(buckets.span, (event,), where):
                value = on.evaluate(one.properties)
                yield one, value if _counts(value) else None

        return buckets, numbers


def computed_at(reader: Reader) -> str:
    """The time of the answer, in the form of reports."""
    return datetime.fromtimestamp(reader.clock(), UTC).isoformat(timespec="microseconds")


def _counts(value: Any) -> bool:
    """Whether the value is a number that can be summed."""
    return is_number(value) and abs(value) < _LARGEST


def _by_bucket(
    buckets: Buckets, numbers: Iterator[tuple[Event, float | None]]
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {label: [] for label in buckets.labels()}
    for one, value in numbers:
        found[buckets.label(one.day, one.at)].append(value or 0)
    return found


def _total(values: list[float]) -> float:
    return sum(values) if all(isinstance(v, int) for v in values) else math.fsum(values)


def _width(values: list[float]) -> float:
    spread = max(values) - min(values) if values else 0
    if not spread:
        return 1
    power = math.floor(math.log10(spread / _MOST_RANGES))
    if all(isinstance(value, int) for value in values):
        power = max(power, 0)
    widths = (m * 10.0**p for p in (power, power + 1) for m in (1, 2, 5))
    least, most = min(values), max(values)
    fits = (w for w in widths if math.floor(most / w) - math.floor(least / w) < _MOST_RANGES)
    return next(fits, 10.0 ** (power + 2))


def _range_name(start: int, width: float) -> str:
    return f"{_bound(start * width)} - {_bound((start + 1) * width)}"


def _bound(value: float) -> str:
    text = f"{round(value, 10):,.10f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
