"""What to know about the data before trusting it, each with its evidence and SQL that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from mixpanel_assets.notes import note
from mixpanel_assets.questions import local
from mixpanel_assets.results import Issue
from mixpanel_assets.warehouse.ask.carried import (
    Carried,
    Landscape,
    columns_of,
    is_reserved,
    landscape,
    text_of,
)
from mixpanel_assets.warehouse.ask.find import NO_EVENT, raise_unknown
from mixpanel_assets.warehouse.ask.kinds import OF_JSON
from mixpanel_assets.warehouse.ask.oddities import (
    Oddity,
    is_steady,
    landed_days,
    name_in_text,
    oddities,
)
from mixpanel_assets.warehouse.ask.values import looks
from mixpanel_assets.warehouse.properties import PropertyColumn
from mixpanel_assets.warehouse.sql import Connection, literal
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES

ORDER = (
    "renamed",
    "types",
    "spelling",
    "mark",
    "ends",
    "begins",
    "currency",
    "time",
    "id",
    "shape",
)
MOST_OF_KIND = 15  # issues, of all events together
MOST_ATTRIBUTED = 10  # properties of several types that are looked into
LEAST_OUTSIDE = 3  # landed days before something begins or after it ends
SEGMENTS = (
    *("$lib_version", "$app_version_string", "$app_build_number", "app_version", "version"),
    *("platform", "$os", "$os_version", "mp_lib", "$browser", "$model", "source"),
)
ALL_OF = 0.95
LEAST_RARE = 5  # values of the rarer type
MOST_ROWS = 500_000  # that are looked at for one property


def quality(warehouse: Connection, asked: local.Quality) -> list[Issue]:
    """Everything odd or worth to know, the most serious first."""
    seen = landscape(warehouse, asked.event)
    if asked.event is not None and not seen.events:
        raise_unknown(landscape(warehouse), asked.event)
    if not seen.events:
        note(NO_EVENT)
    odd = oddities(warehouse, seen)
    found = [
        *_with_origins(warehouse, seen, odd),
        *_outlived(seen, landed_days(warehouse), odd),
        *looks(warehouse, seen),
    ]
    found.sort(key=lambda one: (ORDER.index(one.issue), -one.rows, one.detail))
    kept = found if asked.event is not None else list(_first_of_each(found))
    if len(kept) < len(found):
        note(f"{len(found) - len(kept):,} more, of fewer events; --event shows those of one event")
    if not found and seen.events:
        note("nothing odd was found, and no likely id, currency or time")
    return [
        Issue(one.event, one.property, one.issue, one.detail, one.since, one.sql) for one in kept
    ]


def _first_of_each(found: Sequence[Oddity]) -> Iterator[Oddity]:
    """The first MOST_OF_KIND of each kind of issue."""
    count: dict[str, int] = {}
    for one in found:
        count[one.issue] = count.get(one.issue, 0) + 1
        if count[one.issue] <= MOST_OF_KIND:
            yield one


def _with_origins(
    warehouse: Connection, seen: Landscape, odd: Sequence[Oddity]
) -> Iterator[Oddity]:
    """Those of several types with what sends the rarer one, if one version or platform does."""
    left = MOST_ATTRIBUTED
    for one in odd:
        if one.issue == "types" and one.property is not None and left:
            left -= 1
            origin = _origin(warehouse, seen, one.property, one.since)
            if origin:
                one = replace(one, detail=f"{one.detail}; {origin}")
        yield one


def _origin(warehouse: Connection, seen: Landscape, name: str, since: date | None) -> str | None:
    """What all values of the property's rarest type have in common, and hardly any other."""
    if '"' in name or "\\" in name:
        return None
    segments = [one for one in SEGMENTS if one in seen.over_all and one != name]
    kinds = seen.over_all[name].kinds
    rare = min(kinds, key=lambda kind: kinds[kind])
    if not segments:
        return None
    best: tuple[float, str] | None = None
    for n, value, count, every, total, rows in warehouse.execute(
        _by_segment(columns_of(warehouse), name, segments),
        {
            "types": [type_ for type_, kind in OF_JSON.items() if kind == rare],
            "events": [event for event, has in seen.carried.items() if name in has],
            "since": since or date.min,
            "every": -(-seen.over_all[name].events // MOST_ROWS),
        },
    ).fetchall():
        explains = value is not None and every < rows and count >= ALL_OF * max(total, LEAST_RARE)
        if explains and count >= ALL_OF * every and (best is None or count / every > best[0]):
            best = (count / every, f"{rare} comes from {segments[n]} {value}")
    return best[1] if best else None


def _by_segment(columns: Mapping[str, PropertyColumn], name: str, segments: Sequence[str]) -> str:
    """SQL: of each value of each segment the rows whose property has a rare type, and all."""
    path = literal(f'$."{name}"')
    values = ", ".join(f"{text_of(columns[one])} as s{n}" for n, one in enumerate(segments))
    counts = " union all ".join(
        f"""
        select {n}, s{n}, count(*) filter (rare), count(*),
               sum(count(*) filter (rare)) over ()::bigint, sum(count(*)) over ()::bigint
        from rows group by s{n}
        """
        for n in range(len(segments))
    )
    return f"""
        with rows as materialized (
            select list_contains($types, json_type(properties, {path})) as rare, {values}
            from events_wide
            where list_contains($events, event_name) and event_date >= $since
              and hash(rowid) % $every = 0 and json_type(properties, {path}) <> 'NULL'
        ) {counts}
        """


def _outlived(seen: Landscape, days: Sequence[date], odd: Sequence[Oddity]) -> Iterator[Oddity]:
    """Events and properties that came on nearly every day, and end or begin in between."""
    place = {day: n for n, day in enumerate(days)}
    if len(days) < 2 * LEAST_OUTSIDE:
        return
    renamed = {
        (one.event, name) if one.property else (name, None)
        for one in odd
        if one.issue == "renamed"
        for name in (one.property or one.event, one.partner)
    }
    events = {name: seen.whole(name) for name in seen.events if seen.carried.get(name)}
    for name, one in events.items():
        for issue, day in _bounds(one, place):
            if (name, None) not in renamed:
                yield _outlived_event(name, issue, day, one)
    for event, whole in events.items():
        parts: dict[tuple[str, date], list[str]] = {}
        for name, one in seen.carried[event].items():
            if name in BASE_PROPERTIES or (event, name) in renamed:
                continue
            for issue, day in _bounds(one, place):
                if day not in (whole.first, whole.last):
                    parts.setdefault((issue, day), []).append(name)
        for (issue, day), names in parts.items():
            names.sort(key=lambda name: (is_reserved(name), -seen.carried[event][name].events))
            yield _outlived_properties(event, issue, day, names, seen.carried[event])


def _bounds(one: Carried, place: Mapping[date, int]) -> Iterator[tuple[str, date]]:
    if not is_steady(one, place):
        return
    if place[one.last] < len(place) - LEAST_OUTSIDE:
        yield "ends", one.last
    if place[one.first] >= LEAST_OUTSIDE:
        yield "begins", one.first


def _outlived_event(name: str, issue: str, day: date, one: Carried) -> Oddity:
    sql = (
        "select event_date, count(*) as events from events "
        f"where event_name = {literal(name)} group by all order by all"
    )
    detail = f"{name_in_text(name)} {issue} {day} ({one.events:,} events, on nearly every day)"
    return Oddity(name, None, issue, detail, day, sql, one.events)


def _outlived_properties(
    event: str, issue: str, day: date, names: list[str], carried: Mapping[str, Carried]
) -> Oddity:
    rows = max(carried[name].events for name in names)
    said = ", ".join(map(name_in_text, names[:5]))
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    verb = issue if len(names) == 1 else issue.removesuffix("s")
    detail = f"{said}{more} of {name_in_text(event)} {verb} {day} ({rows:,} events)"
    listed = ", ".join(map(literal, names[:50]))
    sql = (
        "select event_date, property, sum(events)::bigint as events from internal.property_days "
        f"where event_name = {literal(event)} and property in ({listed}) group by all order by all"
    )
    return Oddity(event, names[0], issue, detail, day, sql, rows)
