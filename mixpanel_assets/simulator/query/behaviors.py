"""Behaviors: event counts per user that an engage query can filter profiles by."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mixpanel_assets.simulator import expressions
from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.expressions import Expression, ExpressionError
from mixpanel_assets.simulator.project import day_of, exported_ms
from mixpanel_assets.simulator.records import decode, event_of
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.values import is_number

_WINDOW = re.compile(r"(\d{1,4})([hdw])")
_UNITS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


@dataclass(frozen=True)
class Behavior:
    """The events to count, each by name and optional selector, and how far back."""

    name: str
    window_ms: int
    events: tuple[tuple[str, str | None], ...]


def behaviors_of(given: Any) -> tuple[Behavior, ...]:
    """The behaviors in the parameter."""
    try:
        return tuple(_behavior(one) for one in given)
    except (TypeError, KeyError, AttributeError, ExpressionError) as error:
        raise BadRequestError(f"behaviors: {error!r} in {json.dumps(given)}") from error


def _behavior(given: Mapping[str, Any]) -> Behavior:
    window = _WINDOW.fullmatch(given["window"])
    if not window:
        raise BadRequestError(f"behaviors: no window: {given['window']!r}")
    events = tuple((one["event"], one.get("selector")) for one in given["event_selectors"])
    for _, selector in events:
        _parsed(selector)
    return Behavior(str(given["name"]), int(window[1]) * _UNITS[window[2]], events)


def counted(
    behaviors: tuple[Behavior, ...], store: Store, as_of_ms: int
) -> dict[str, Counter[str]]:
    """How often each distinct id did each behavior up to the moment."""
    end = exported_ms(as_of_ms, store.timezone)
    found: dict[str, Counter[str]] = {}
    for behavior in behaviors:
        count = found[behavior.name] = Counter()
        wanted = {name: _parsed(selector) for name, selector in behavior.events}
        first = day_of(as_of_ms - behavior.window_ms, store.timezone)
        for day in _days(first, day_of(as_of_ms, store.timezone)):
            for properties in _matching(store.lines(day, as_of_ms / 1000), wanted):
                who = properties.get("distinct_id")
                if who not in (None, "") and end - behavior.window_ms < properties["time"] <= end:
                    count[str(who)] += 1
    return found


def _matching(
    lines: Iterator[bytes], wanted: Mapping[str, Expression | None]
) -> Iterator[dict[str, Any]]:
    for line in lines:
        name = event_of(line)
        if name is None or name not in wanted or not (record := decode(line)):
            continue
        selector = wanted[name]
        if not is_number(record["properties"].get("time")):
            continue
        if selector is None or selector.matches(record["properties"]):
            yield record["properties"]


def _parsed(selector: str | None) -> Expression | None:
    return expressions.parse(selector) if selector else None


def _days(first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)
