"""Events, properties, tables and words of the Lexicon by a part of their name, or a near one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from mixpanel_assets.errors import EventNotFoundError, did_you_mean, near_names
from mixpanel_assets.notes import note
from mixpanel_assets.questions import local
from mixpanel_assets.results import Found
from mixpanel_assets.warehouse.ask.carried import (
    Carried,
    Landscape,
    columns_of,
    examples_of,
    is_reserved,
    landscape,
    type_of,
)
from mixpanel_assets.warehouse.ask.names import LOOK, NOTHING_YET
from mixpanel_assets.warehouse.properties import PropertyColumn, PropertyColumns
from mixpanel_assets.warehouse.sql import Connection, first_column, has_tables
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, PROFILES

BLANKS = re.compile(r"[\s_.$-]+")
EXACT, SAME_LETTERS, BEGINS, WORD_BEGINS, INSIDE, ALL_WORDS, DESCRIBED, NEAR = range(8)
KINDS = ("event", "property", "table", "lexicon")
NO_EVENT = "no event is landed; mp inspect overview shows what is"
LONGEST_TEXT = 200  # of a description


@dataclass(frozen=True)
class Wanted:
    """The word that is looked for, and how well a name fits it."""

    word: str

    def rank(self, name: str) -> int | None:
        """How well the name fits, 0 the best; None if it does not."""
        name, word = name.casefold(), self.word.casefold()
        folded, sought = BLANKS.sub("", name), BLANKS.sub("", word)
        if not word or name == word:
            return EXACT
        if sought and folded == sought:
            return SAME_LETTERS
        if name.startswith(word):
            return BEGINS
        if any(part.startswith(word) for part in BLANKS.split(name)):
            return WORD_BEGINS
        if word in name or (sought and sought in folded):
            return INSIDE
        if (parts := word.split()) and all(part in name for part in parts):
            return ALL_WORDS
        return None

    def described(self, *texts: str | None) -> int | None:
        """The rank of something that one of the texts describes."""
        parts = self.word.casefold().split()
        told = " ".join(filter(None, texts)).casefold()
        return DESCRIBED if parts and all(part in told for part in parts) else None


def find(warehouse: Connection, asked: local.Find) -> list[Found]:
    """What has such a name, the best first."""
    seen = landscape(warehouse)
    if asked.event is not None and asked.event not in seen.events:
        raise_unknown(seen, asked.event)
    wanted, every = Wanted(asked.word or ""), list(_named(warehouse, seen, asked.event))
    ranked = [(wanted.rank(one.name), one) for one in every]
    if asked.event is None:
        ranked += _described(warehouse, wanted)
    found = [(rank, one) for rank, one in ranked if rank is not None]
    if not found and asked.word:
        near = near_names(asked.word, dict.fromkeys(one.name for one in every))
        found = [(NEAR + near.index(one.name), one) for one in every if one.name in near]
    found.sort(key=_order)
    if not found:
        _tell(seen, asked)
    if len(found) > asked.limit:
        note(f"{len(found) - asked.limit:,} more; --limit {len(found)} shows all of them")
    return _with_examples(warehouse, [one for _, one in found[: asked.limit]])


def _order(ranked: tuple[int, Found]) -> tuple[object, ...]:
    """Best first, then by kind; Mixpanel's own properties after those of the project."""
    rank, one = ranked
    reserved = one.kind == "property" and (one.name in BASE_PROPERTIES or is_reserved(one.name))
    return (rank, KINDS.index(one.kind), reserved, -(one.events or 0), one.name)


def raise_unknown(seen: Landscape, event: str) -> None:
    """EventNotFoundError, with the names that may be meant."""
    near = near_names(event, seen.events)
    raise EventNotFoundError(
        f"events has no event {event!r}",
        hint=did_you_mean(near) or (LOOK if seen.events else NOTHING_YET),
        event_name=event,
        similar_events=near,
    )


def _tell(seen: Landscape, asked: local.Find) -> None:
    if not seen.events:
        note(NO_EVENT)
    elif asked.word:
        where = f" of {asked.event!r}" if asked.event else ""
        note(f"no name{where} is like {asked.word!r}; mp inspect overview shows what is landed")


def _named(warehouse: Connection, seen: Landscape, event: str | None) -> Iterator[Found]:
    """Everything that has a name; a property once, with the event that has it most."""
    columns = columns_of(warehouse)
    if event is None:
        yield from (_event(name, count) for name, count in seen.events.items())
        yield from _properties(_most(seen), columns)
        yield from _of_tables(warehouse)
        yield from _tables(warehouse)
    else:
        own = {name: (event, one.events) for name, one in seen.carried[event].items()}
        yield from _properties(own, columns)


def _event(name: str, count: int) -> Found:
    return Found("event", name, name, None, count, None)


def _most(seen: Landscape) -> dict[str, tuple[str | None, int]]:
    """Each property with the event that has it most, and how many events of any name have it."""
    most: dict[str, tuple[str, Carried]] = {}
    total: dict[str, int] = {}
    for event, properties in seen.carried.items():
        for name, one in properties.items():
            total[name] = total.get(name, 0) + one.events
            if name not in most or one.events > most[name][1].events:
                most[name] = (event, one)
    return {name: (event, total[name]) for name, (event, _) in most.items()}


def _properties(
    named: Mapping[str, tuple[str | None, int]], columns: Mapping[str, PropertyColumn]
) -> Iterator[Found]:
    for name, (event, events) in named.items():
        yield Found("property", name, event, type_of(columns.get(name)), events, None)


def _of_tables(warehouse: Connection) -> Iterator[Found]:
    """The properties of profiles and of fetched tables; an example of those of profiles."""
    if not has_tables(warehouse, "internal", "property_columns"):
        return
    examples: dict[str, str] = {}
    if has_tables(warehouse, "internal", "profile_counts"):
        query = "select property, any_value(example) from internal.profile_counts group by all"
        examples = dict(warehouse.execute(query).fetchall())
    query = "select distinct dataset from internal.property_columns where dataset <> 'events'"
    for dataset in sorted(first_column(warehouse, query)):
        for one in PropertyColumns.known(warehouse, dataset):
            example = examples.get(one.property) if dataset == PROFILES.dataset else None
            yield Found(
                "property", one.property, None, f"{type_of(one)} of {dataset}", None, example
            )


def _tables(warehouse: Connection) -> Iterator[Found]:
    query = """
        select table_name, 'table' from duckdb_tables() where schema_name = 'main' and not internal
        union all
        select view_name, 'view' from duckdb_views() where schema_name = 'main' and not internal
        order by all
        """
    for name, type_ in warehouse.execute(query).fetchall():
        yield Found("table", name, None, type_, None, None)


def _described(warehouse: Connection, wanted: Wanted) -> Iterator[tuple[int | None, Found]]:
    """What the Lexicon says of names: of other names that it shows, and descriptions."""
    if not wanted.word or not has_tables(warehouse, "main", "lexicon_events", "lexicon_properties"):
        return
    query = """
        select event_name, event_name, null, description, display_name,
               array_to_string(tags, ' ') from lexicon_events
        union all
        select property, event_name, type, description, display_name, null
        from lexicon_properties order by all
        """
    for name, event, type_, text, display, tags in warehouse.execute(query).fetchall():
        if name is None:
            continue
        ranks = [wanted.rank(display)] if display else []
        ranks.append(wanted.described(text, tags, display))
        rank = min((one for one in ranks if one is not None), default=None)
        if rank is not None:
            said = " · ".join(filter(None, (display, text)))
            yield rank, Found("lexicon", name, event, type_, None, said[:LONGEST_TEXT] or None)


def _with_examples(warehouse: Connection, found: Iterable[Found]) -> list[Found]:
    """The same, each property with one of its values."""
    listed = list(found)
    events = {one.event for one in listed if one.kind == "property" and one.event is not None}
    examples = examples_of(warehouse, sorted(events)) if events else {}
    return [
        replace(one, example=examples.get((one.event, one.name)))
        if one.kind == "property" and one.event is not None
        else one
        for one in listed
    ]
