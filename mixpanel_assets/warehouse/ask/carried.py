"""What landing keeps of every event and property, without a look at the events themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from mixpanel_assets.warehouse.properties import PropertyColumn, PropertyColumns
from mixpanel_assets.warehouse.sql import Connection, has_tables, number
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES
from mixpanel_assets.warehouse.types import UNSEEN

OF_JSON = {  # what JSON calls the types of internal.property_days
    "VARCHAR": "text",
    "UBIGINT": "number",
    "BIGINT": "number",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
    "ARRAY": "list",
    "OBJECT": "object",
}
OF_SQL = {"VARCHAR": "text", "VARCHAR[]": "text[]", UNSEEN: "null"}
COMMON = 0.9  # of the events by name, and of their rows


@dataclass
class Carried:
    """A property as one event carries it."""

    events: int = 0  # that have it, null or not
    kinds: dict[str, int] = field(default_factory=dict)  # JSON types, without null
    first: date = date.max
    last: date = date.min
    days: int = 0  # on which it was seen, at least

    def add(self, type_: str, events: int, first: date, last: date, days: int) -> None:
        self.events += events
        self.days = max(self.days, days)
        if kind := OF_JSON.get(type_):
            self.kinds[kind] = self.kinds.get(kind, 0) + events
        self.first, self.last = min(self.first, first), max(self.last, last)


@dataclass(frozen=True)
class Landscape:
    """The landed events by name, and what each carries."""

    events: dict[str, int]  # most frequent first
    carried: dict[str, dict[str, Carried]]
    common: dict[str, Carried]  # what nearly all events carry, over all of them

    def whole(self, event: str) -> Carried:
        """The event itself, as the property that most of its rows have."""
        return max(self.carried[event].values(), key=lambda one: one.events, default=Carried())

    def own(self, event: str) -> dict[str, Carried]:
        """What the event carries besides, most frequent first, Mixpanel's own last."""
        found = self.carried[event].items()
        kept = [one for one in found if one[0] not in self.common and one[0] not in BASE_PROPERTIES]
        kept.sort(key=lambda one: (is_reserved(one[0]), -one[1].events, one[0]))
        return dict(kept)

    def over_all(self) -> dict[str, Carried]:
        """Each property over all events."""
        found: dict[str, Carried] = {}
        for properties in self.carried.values():
            for name, one in properties.items():
                _join(found.setdefault(name, Carried()), one)
        return found


def is_reserved(name: str) -> bool:
    """Whether Mixpanel itself sends the property."""
    return name.startswith(("$", "mp_", "utm_"))


def landscape(warehouse: Connection, event: str | None = None) -> Landscape:
    """All landed events, or one of them; nothing before the first load."""
    carried: dict[str, dict[str, Carried]] = {}
    if has_tables(warehouse, "internal", "property_days"):
        query = """
            select event_name, property, type, sum(events)::bigint,
                   min(event_date), max(event_date), count(distinct event_date)
            from internal.property_days
            where event_name is not null and ($event is null or event_name = $event)
            group by all
            """
        for name, key, *seen in warehouse.execute(query, {"event": event}).fetchall():
            carried.setdefault(name, {}).setdefault(key, Carried()).add(*seen)
    counts = _counts(warehouse, carried, event)
    ordered = dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
    return Landscape(ordered, carried, _common(ordered, carried) if event is None else {})


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


def _common(
    counts: Mapping[str, int], carried: Mapping[str, Mapping[str, Carried]]
) -> dict[str, Carried]:
    """What nearly all events carry, most frequent first; of a single event nothing."""
    if len(counts) < 2:
        return {}
    found: dict[str, Carried] = {}
    names: dict[str, int] = {}
    for properties in carried.values():
        for name in properties:
            names[name] = names.get(name, 0) + 1
    nearly = {name for name, count in names.items() if count >= COMMON * len(counts)}
    for properties in carried.values():
        for name in nearly & properties.keys():
            _join(found.setdefault(name, Carried()), properties[name])
    rows = sum(counts.values())
    kept = [
        (name, one)
        for name, one in found.items()
        if one.events >= COMMON * rows and name not in BASE_PROPERTIES
    ]
    return dict(sorted(kept, key=lambda one: (-one[1].events, one[0])))


def _join(found: Carried, one: Carried) -> None:
    found.events += one.events
    for kind, events in one.kinds.items():
        found.kinds[kind] = found.kinds.get(kind, 0) + events
    found.first, found.last = min(found.first, one.first), max(found.last, one.last)
    found.days = max(found.days, one.days)


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
