"""What is odd about names and types, seen in what landing keeps: no guess without its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import SequenceMatcher

from mixpanel_assets.warehouse.ask.carried import Carried, Landscape
from mixpanel_assets.warehouse.ask.kinds import OF_JSON
from mixpanel_assets.warehouse.sql import Connection, first_column, has_tables, literal
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES

BLANKS = re.compile(r"[\s_-]+")
WORD = re.compile(r"[\w$]{1,60}")
SAME_RATE = (0.4, 2.5)  # of rows a day, after against before
CLOSE_RATE = (0.8, 1.25)
FEW = 20  # rows: with fewer nothing is said about a name
LEAST_DAYS = 3  # before and after
STEADY = 0.8  # of the days of its life have it
ALIKE = 0.6  # of the own properties of two events
NAMED_ALIKE = 0.6


@dataclass(frozen=True)
class Oddity:
    """Something odd about an event or property, with its evidence, and SQL that shows it."""

    event: str | None
    property: str | None
    issue: str
    detail: str
    since: date | None
    sql: str
    rows: int = 0  # that it is about
    partner: str | None = None  # what a renamed one is called since


def oddities(warehouse: Connection, seen: Landscape) -> list[Oddity]:
    """What is odd, renamed ones first, then what most rows are about."""
    days = landed_days(warehouse)
    found = [
        *renamed(seen, days),
        *retyped(warehouse, seen),
        *spelled(seen),
    ]
    order = ("renamed", "types", "spelling")
    return sorted(found, key=lambda one: (order.index(one.issue), -one.rows, one.detail))


def landed_days(warehouse: Connection) -> list[date]:
    """The landed days of events, in order."""
    if not has_tables(warehouse, "main", "landed"):
        return []
    query = "select distinct day from landed where dataset = 'events' order by day"
    return first_column(warehouse, query)


def retyped(warehouse: Connection, seen: Landscape) -> Iterator[Oddity]:
    """Properties whose values are of several JSON types: the share of each, and since when."""
    names = [name for name, one in seen.over_all.items() if len(one.kinds) > 1]
    if not names:
        return
    query = """
        select property, type, sum(events)::bigint, min(event_date), max(event_date),
               list(distinct event_name order by event_name)
        from internal.property_days
        where list_contains($names, property) and type <> 'NULL' and event_name is not null
          and list_contains($events, event_name)
        group by all order by property
        """
    given = {"names": names, "events": list(seen.events)}
    found: dict[str, dict[str, Kind]] = {}
    for name, type_, *counted in warehouse.execute(query, given).fetchall():
        if (kind := OF_JSON.get(type_)) and name not in BASE_PROPERTIES:
            found.setdefault(name, {}).setdefault(kind, Kind()).add(*counted)
    for name, kinds in found.items():
        yield _retyped(name, kinds, seen)


@dataclass
class Kind:
    """The values of a property that are of one JSON type."""

    rows: int = 0
    first: date = date.max
    last: date = date.min
    events: set[str] = field(default_factory=set)

    def add(self, rows: int, first: date, last: date, events: Iterable[str]) -> None:
        """Count these, too."""
        self.rows += rows
        self.first, self.last = min(self.first, first), max(self.last, last)
        self.events.update(events)


def _retyped(name: str, kinds: Mapping[str, Kind], seen: Landscape) -> Oddity:
    every = sorted(kinds, key=lambda kind: (-kinds[kind].rows, kind))
    rows = sum(one.rows for one in kinds.values())
    first = min(one.first for one in kinds.values())
    last = max(one.last for one in kinds.values())
    parts, since = [], None
    for kind in every:
        one = kinds[kind]
        part = f"{kind} {percent(one.rows, rows)}"
        if kind != every[0] and one.first > first:
            part += f" since {one.first}" if one.last == last else f" {one.first}..{one.last}"
            since = since or one.first
        elif one.last < last:
            part += f" until {one.last}"
        parts.append(part)
    rare = kinds[every[-1]].events
    where = f"event_name = {literal(next(iter(rare)))}" if len(seen.events) == 1 else "true"
    carried_by = {event for event, has in seen.carried.items() if name in has}
    if rare != carried_by and len(rare) <= 3:
        parts[-1] += f" in {', '.join(map(name_in_text, sorted(rare)))}"
    sql = (
        "select event_date, event_name, type, sum(events)::bigint as events "
        f"from internal.property_days where property = {literal(name)} and {where} "
        "group by all order by all"
    )
    event = next(iter(rare)) if len(rare) == 1 else None
    of = f" of {name_in_text(next(iter(carried_by)))}" if len(carried_by) == 1 else ""
    detail = f"{name_in_text(name)}{of} is {', '.join(parts)}"
    return Oddity(event, name, "types", detail, since, sql, rows - kinds[every[0]].rows)


def spelled(seen: Landscape) -> Iterator[Oddity]:
    """Names of events, and of properties, that differ in case, blanks, - or _ only."""
    properties = {name: one.events for name, one in seen.over_all.items()}
    for issue, counts in (("event", seen.events), ("property", properties)):
        by_fold: dict[str, list[str]] = {}
        for name in counts:
            by_fold.setdefault(BLANKS.sub("", name.casefold()) or name, []).append(name)
        for same in by_fold.values():
            if len(same) > 1:
                yield _spelled(issue, sorted(same, key=lambda name: (-counts[name], name)), counts)


def _spelled(what: str, names: list[str], counts: Mapping[str, int]) -> Oddity:
    main, *others = names
    said = ", ".join(f"{name_in_text(name)} {counts[name]:,}" for name in names[:4])
    more = f", {len(names) - 4:,} more" if len(names) > 4 else ""
    column = "event_name" if what == "event" else "property"
    listed = ", ".join(map(literal, names))
    sql = (
        f"select event_name, property, events, first_day, last_day from event_properties "
        f"where {column} in ({listed}) order by {column}, events desc"
    )
    if what == "event":
        sql = (
            "select event_name, count(*) as events, min(event_date), max(event_date) "
            f"from events where event_name in ({listed}) group by all order by events desc"
        )
    detail = f"{'events' if what == 'event' else 'properties'} of like spelling: {said}{more}"
    event, name = (main, None) if what == "event" else (None, main)
    return Oddity(event, name, "spelling", detail, None, sql, sum(counts[n] for n in others))


def renamed(seen: Landscape, days: Sequence[date]) -> Iterator[Oddity]:
    """Events and properties that end where a like one begins."""
    if len(days) < 2 * LEAST_DAYS:
        return
    place = {day: n for n, day in enumerate(days)}
    events = {name: seen.whole(name) for name in seen.events if seen.carried.get(name)}
    for old, new in _successions(events, place):
        shared = seen.own(old).keys() & seen.own(new).keys()
        every = seen.own(old).keys() | seen.own(new).keys()
        if len(shared) >= max(1, ALIKE * len(every)) or likeness(old, new) >= NAMED_ALIKE:
            yield _renamed(None, old, new, events)
    for event in events:
        own = {n: one for n, one in seen.carried[event].items() if n not in BASE_PROPERTIES}
        for old, new in _successions(own, place):
            if likeness(old, new) >= NAMED_ALIKE or _only(old, new, own, place):
                yield _renamed(event, old, new, own)


def _successions(
    named: Mapping[str, Carried], place: Mapping[date, int]
) -> Iterator[tuple[str, str]]:
    """Which end a day before another begins that has the same types, about as many a day."""
    ends = {n: one for n, one in named.items() if is_steady(one, place)}
    last = len(place) - 1
    for old, one in ends.items():
        if place[one.last] > last - LEAST_DAYS:
            continue
        likes = [
            (likeness(old, new), new)
            for new, other in ends.items()
            if -1 <= place[other.first] - place[one.last] <= 1
            and place[other.last] == last
            and place[one.first] < place[other.first] >= LEAST_DAYS
            and set(other.kinds) == set(one.kinds)
            and SAME_RATE[0] <= _rate(other, place) / _rate(one, place) <= SAME_RATE[1]
        ]
        if likes:
            yield old, max(likes)[1]


def is_steady(one: Carried, place: Mapping[date, int]) -> bool:
    """Whether it came on nearly every landed day from its first to its last."""
    if one.first not in place or one.last not in place or one.events < FEW:
        return False
    span = place[one.last] - place[one.first] + 1
    return span >= LEAST_DAYS and one.days >= STEADY * span


def _rate(one: Carried, place: Mapping[date, int]) -> float:
    return one.events / (place[one.last] - place[one.first] + 1)


def _only(old: str, new: str, own: Mapping[str, Carried], place: Mapping[date, int]) -> bool:
    """Whether no other property of the event ends or begins there: a release changes many."""
    ended = [n for n, one in own.items() if one.last == own[old].last and n != old]
    begun = [n for n, one in own.items() if one.first == own[new].first and n != new]
    rate = _rate(own[new], place) / _rate(own[old], place)
    return not ended and not begun and CLOSE_RATE[0] <= rate <= CLOSE_RATE[1]


def _renamed(event: str | None, old: str, new: str, counts: Mapping[str, Carried]) -> Oddity:
    before, after = counts[old], counts[new]
    of = f" of {name_in_text(event)}" if event is not None else ""
    detail = (
        f"{name_in_text(old)}{of} ends {before.last} ({before.events:,}), "
        f"{name_in_text(new)} begins {after.first} ({after.events:,}): renamed?"
    )
    listed = f"{literal(old)}, {literal(new)}"
    if event is None:
        sql = (
            f"select event_date, event_name, count(*) as events from events "
            f"where event_name in ({listed}) group by all order by all"
        )
        return Oddity(old, None, "renamed", detail, after.first, sql, before.events, new)
    sql = (
        "select event_date, property, sum(events)::bigint as events from internal.property_days "
        f"where event_name = {literal(event)} and property in ({listed}) group by all order by all"
    )
    return Oddity(event, old, "renamed", detail, after.first, sql, before.events, new)


def likeness(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1."""
    return SequenceMatcher(None, one.casefold()[:100], other.casefold()[:100]).ratio()


def percent(part: int, whole: int) -> str:
    """A share in words: 94 %, 0.3 %, under 0.1 %."""
    share = 100 * part / whole
    if share < 0.1:
        return "under 0.1 %"
    return f"{share:.0f} %" if 10 <= share <= 99 or share == 100 else f"{share:.1f} %"


def name_in_text(name: str) -> str:
    """A name in a sentence: as it is if it is one plain word, else in quotes, and cut."""
    if WORD.fullmatch(name):
        return name
    return repr(name if len(name) <= 60 else f"{name[:57]}...")
