"""What people do one after the other: the events of reports for which the time of day counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mixpanel_assets.simulator.expressions import Expression
from mixpanel_assets.simulator.query.reader import Event, Reader
from mixpanel_assets.simulator.spans import Span
from mixpanel_assets.simulator.values import is_number


def timed(
    reader: Reader,
    span: Span,
    names: Collection[str] | None = None,
    where: Expression | None = None,
) -> Iterator[tuple[str, Event]]:
    """Who did what, in no order; without a person or a time, an event is left out."""
    for event in reader.events(span, names, where):
        if event.who is not None and is_number(event.properties.get("time")):
            yield event.who, event


def sequences(
    reader: Reader,
    span: Span,
    names: Collection[str] | None = None,
    where: Expression | None = None,
) -> dict[str, list[Event]]:
    """Everybody's events in the order of their time, those of one moment by name."""
    found: dict[str, list[Event]] = {}
    for who, event in timed(reader, span, names, where):
        found.setdefault(who, []).append(event)
    for events in found.values():
        events.sort(key=lambda event: (event.at, event.name))
    return found
