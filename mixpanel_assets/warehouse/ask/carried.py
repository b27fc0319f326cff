"""What landing keeps of every event and property, without a look at the events themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from mixpanel_assets.warehouse.ask.kinds import OF_JSON
from mixpanel_assets.warehouse.properties import PropertyColumn, PropertyColumns
from mixpanel_assets.warehouse.sql import Connection, has_tables, number, quoted
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES
from mixpanel_assets.warehouse.types import UNSEEN

OF_SQL = {"VARCHAR": "text", "VARCHAR[]": "text[]", UNSEEN: "null"}
COMMON = 0.9  # of the events by name, and of their rows


@dataclass(slots=True)
class Carried:
    """A property as one event carries it, or several."""

    events: int  # that have it, null or not
    kinds: dict[str, int]  # JSON types, without null
    first: date
    last: date
    days: int  # on which it was seen, at least
    names: int = 1  # of events that carry it


@dataclass(frozen=True)
class Landscape:
    """The landed events by name, and what each carries."""

    events: dict[str, int] = field(default_factory=dict)  # most frequent first
    carried: dict[str, dict[str, Carried]] = field(default_factory=dict)
    over_all: dict[str, Carried] = field(default_factory=dict)  # each property over all events
    common: dict[str, Carried] = field(default_factory=dict)  # those that nearly all events carry

    def whole(self, event: str) -> Carried:
        """The event itself, as the property that most of its rows have."""
        return max(self.carried[event].values(), key=lambda one: one.events)

    def own(self, event: str) -> dict[str, Carried]:
        """What the event carries besides, most frequent first, Mixpanel's own last."""
        found = self.carried.get(event, {}).items()
        kept = [one for one in found if one[0] not in self.common and one[0] not in BASE_PROPERTIES]
        kept.sort(key=lambda one: (is_reserved(one[0]), -one[1].events, one[0]))
        return dict(kept)


def is_reserved(name: str) -> bool:
    """Whether Mixpanel itself sends the property."""
    return name.startswith(("$", "mp_", "utm_"))


def landscape(warehouse: Connection, event: str | None = None) -> Landscape:
    """All landed events, or one of them; nothing before the first load."""
    if not has_tables(warehouse, "internal", "property_days"):
        return Landscape()
    query = """
        select event_name, property, sum(events)::bigint, list(type), list(events),
               min(first), max(last), max(days)
        from (
            select event_name, property, type, sum(events)::bigint as events,
                   min(event_date) as first, max(event_date) as last,
                   count(*) as days
            from internal.property_days
            where event_name is not null and ($event is null or event_name = $event)
            group by all
        )
        group by all
        """
    carried: dict[str, dict[str, Carried]] = {}
    for name, key, events, types, counts, *span in warehouse.execute(
        query, {"event": event}
    ).fetchall():
        kinds: dict[str, int] = {}
        for type_, count in zip(types, counts, strict=True):
            if kind := OF_JSON.get(type_):
                kinds[kind] = kinds.get(kind, 0) + count
        carried.setdefault(name, {})[key] = Carried(events, kinds, *span)
    counts = _counts(warehouse, carried, event)
    ordered = dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
    over_all = _over_all(carried)
    return Landscape(ordered, carried, over_all, _common(ordered, over_all))


def _counts(
    warehouse: Connection, carried: Mapping[str, Mapping[str, Carried]], event: str | None
) -> dict[str, int]:
    """How many of each there are: as many as have a property that every record has, as `time`."""
    counts = {name: max(one.events for one in has.values()) for name, has in carried.items()}
    if event is not None or not counts:
        return counts
    landed = "select sum(rows) from landed where dataset = 'events'"
    if sum(counts.values()) == number(warehouse, landed):
        return counts
    # Some records have no time, no name or no property: rare enough to count them.
    query = "select event_name, count(*) from events_wide where event_name is not null group by all"
    return counts | dict(warehouse.execute(query).fetchall())


def _over_all(carried: Mapping[str, Mapping[str, Carried]]) -> dict[str, Carried]:
    found: dict[str, Carried] = {}
    for properties in carried.values():
        for name, one in properties.items():
            if (all_ := found.get(name)) is None:
                kinds = dict(one.kinds)
                found[name] = Carried(one.events, kinds, one.first, one.last, one.days)
                continue
            all_.names += 1
            all_.events += one.events
            for kind, events in one.kinds.items():
                all_.kinds[kind] = all_.kinds.get(kind, 0) + events
            if one.first < all_.first:
                all_.first = one.first
            if one.last > all_.last:
                all_.last = one.last
            if one.days > all_.days:
                all_.days = one.days
    return found


def _common(counts: Mapping[str, int], over_all: Mapping[str, Carried]) -> dict[str, Carried]:
    """What nearly all events carry, most frequent first; of a single event nothing."""
    if len(counts) < 2:
        return {}
    rows = sum(counts.values())
    kept = [
        (name, one)
        for name, one in over_all.items()
        if one.names >= COMMON * len(counts)
        and one.events >= COMMON * rows
        and name not in BASE_PROPERTIES
    ]
    return dict(sorted(kept, key=lambda one: (-one[1].events, one[0])))


def columns_of(warehouse: Connection) -> dict[str, PropertyColumn]:
    """Each property of events, with its column and type."""
    if not has_tables(warehouse, "internal", "property_columns"):
        return {}
    return {one.property: one for one in PropertyColumns.known(warehouse)}


def type_of(column: PropertyColumn | None) -> str:
    """The type of a property's column, as SQL has it; `text` for VARCHAR."""
    if column is None:
        return "null"
    return OF_SQL.get(column.type, column.type.lower())


def json_text(name: str) -> str:
    """SQL: the value of a property of a plain name, as text, over `events`."""
    return f"""properties->>'$."{name}"'"""


def text_of(column: PropertyColumn) -> str:
    """SQL: the same over events_wide; a column is far faster to read than JSON."""
    physical = column.physical and column.type == "VARCHAR"
    return quoted(column.column) if physical else f"({json_text(column.property)})"


def examples_of(warehouse: Connection, events: list[str]) -> dict[tuple[str, str], str]:
    """A value of each property of these events, as JSON, cut."""
    if not has_tables(warehouse, "internal", "property_examples"):
        return {}
    query = """
        select event_name, property, example from internal.property_examples
        where list_contains(?, event_name)
        """
    rows = warehouse.execute(query, [events]).fetchall()
    return {(event, name): example for event, name, example in rows}
