"""Properties of events: `/events/properties`, its `/top` and its `/values`.

https://developer.mixpanel.com/reference/query-event-properties
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.query.event_counts import FORMATS, recent_buckets, recent_span
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.measures import TYPES, Tally, chart, segment_of
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Reader

# Every event has these, so they are not listed as properties.
_ENVELOPE = ("time", "distinct_id")


@dataclass(frozen=True)
class EventPropertiesApi:
    """The endpoints over one project's events."""

    reader: Reader

    def counts(self, given: Parameters) -> Compute:
        """`/events/properties`: one event's counts by a property's value and unit of time."""
        event, name = given.needed("event"), given.needed("name")
        kind, form = given.choice("type", TYPES), given.choice("format", FORMATS, "json")
        wanted = given.structure("values", list)
        chosen = None if wanted is None else {segment_of(value) for value in wanted}
        buckets, limit = recent_buckets(self.reader, given, kind), given.count("limit", 255)

        def compute() -> Any:
            tally = Tally(kind)
            for one in self.reader.events(buckets.span, (event,)):
                value = segment_of(one.properties.get(name))
                if (chosen is None or value in chosen) and buckets.hold(one.at):
                    tally.add(value, buckets.label(one.day, one.at), one.who)
            return chart(buckets.labels(), tally.series(limit), form)

        return compute

    def top(self, given: Parameters) -> Compute:
        """`/events/properties/top`: in how many events of the last 31 days a property is set.

        Without `event` all events count, as existing clients expect.
        https://developer.mixpanel.com/reference/query-events-top-properties
        """
        event, limit = given.text("event"), given.count("limit", 10)
        span = recent_span(self.reader, given)

        def compute() -> Any:
            counts: Counter[str] = Counter()
            for one in self.reader.events(span, None if event is None else (event,)):
                counts.update(name for name, value in one.properties.items() if value is not None)
            for name in _ENVELOPE:
                counts.pop(name, None)
            return {name: {"count": counts[name]} for name in _most_common(counts, limit)}

        return compute

    def values(self, given: Parameters) -> Compute:
        """`/events/properties/values`: the values of the last 31 days, the most common first.

        https://developer.mixpanel.com/reference/query-events-top-property-values
        """
        event, name = given.needed("event"), given.needed("name")
        span, limit = recent_span(self.reader, given), given.count("limit", 255)

        def compute() -> Any:
            counts = Counter(
                segment_of(value)
                for one in self.reader.events(span, (event,))
                if (value := one.properties.get(name)) is not None
            )
            return _most_common(counts, limit)

        return compute


def _most_common(counts: Counter[str], limit: int) -> list[str]:
    return sorted(counts, key=lambda one: (-counts[one], one))[:limit]
