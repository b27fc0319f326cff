"""Which kinds of values the properties of a table of events have, and the SQL of each kind.

A type of DuckDB does not tell: a VARCHAR has what was sent as text, or also as numbers. What does
are the JSON types of every landed day, in internal.property_days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Literal as OneOf

from mixpanel_assets.errors import UsageError, did_you_mean, near_names
from mixpanel_assets.notes import note
from mixpanel_assets.warehouse.ask.names import LANDED, Relation, property_keys
from mixpanel_assets.warehouse.properties import computed
from mixpanel_assets.warehouse.records import layered
from mixpanel_assets.warehouse.sql import Connection, literal, quoted
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES
from mixpanel_assets.warehouse.types import INTEGERS, UNSEEN, is_addressable

# `texts` is a list of texts as DuckDB's own; a `list` or an `object` is JSON.
Kind = OneOf["number", "text", "boolean", "datetime", "texts", "list", "object"]

_WORDS: dict[Kind, str] = {
    "number": "a number",
    "text": "text",
    "boolean": "a boolean",
    "datetime": "a time",
    "texts": "a list",
    "list": "a list",
    "object": "an object",
}
OF_JSON: dict[str, Kind] = {  # what JSON calls the types of internal.property_days
    "VARCHAR": "text",
    "UBIGINT": "number",
    "BIGINT": "number",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
    "ARRAY": "list",
    "OBJECT": "object",
}
_OF_TYPE: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys((*INTEGERS, "DOUBLE"), ("number",)),
    "BOOLEAN": ("boolean",),
    "VARCHAR[]": ("list",),
    "JSON": ("list", "object"),
    "VARCHAR": ("text", "number", "boolean", "list", "object"),
}
# How the text of a value of a kind is cast to it: a VARCHAR column has them all as text.
_CASTS: dict[Kind, str] = {"number": "double", "boolean": "boolean", "list": "json"}


@dataclass(frozen=True)
class Forms:
    """SQL of a value for each kind that it may be of, null where it is of another.

    Where all are null it is undefined; one that is `total` never is. Any operator of SQL can stand
    beside each: what has operators itself is in parentheses.
    """

    by_kind: Mapping[Kind, str] = field(default_factory=dict)
    total: bool = False

    def __str__(self) -> str:
        """The kinds in words."""
        return " or ".join(dict.fromkeys(_WORDS[kind] for kind in self.by_kind)) or "undefined"

    def undefined(self) -> str:
        """SQL: it has no value."""
        tests = [f"{sql} is null" for sql in self.by_kind.values()]
        return f"({' and '.join(tests)})" if tests and not self.total else str(not tests).lower()


class EventColumns:
    """The properties of a table of events; of some of its events, if these are named.

    With `events` the SQL is right for rows of these events only. `zone` is the project's.
    """

    def __init__(
        self,
        warehouse: Connection,
        relation: Relation,
        *,
        events: Sequence[str] | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self.zone = zone
        self._warehouse, self._relation, self._events = warehouse, relation, events
        self._found: dict[str, Forms] = {}

    def forms(self, names: Sequence[str]) -> dict[str, Forms]:
        """The forms of these properties; a note on each that no event has."""
        if missing := [name for name in names if name not in self._found]:
            kinds = self._kinds(missing)
            for name in missing:
                self._found[name] = self._forms(name, kinds.get(name))
        return {name: self._found[name] for name in names}

    def _kinds(self, names: Sequence[str]) -> dict[str, tuple[Kind, ...]]:
        """The kinds of these properties; nothing of those that no event has."""
        if self._relation.name not in LANDED:
            return {name: _OF_TYPE.get(type_, ()) for name, type_ in self._types(names).items()}
        rows = self._warehouse.execute(
            "select property, list(distinct type order by type) from internal.property_days "
            "where list_contains($names, property) "
            "and ($events is null or list_contains($events, event_name)) group by property",
            {"names": list(names), "events": None if self._events is None else [*self._events]},
        ).fetchall()
        return {
            name: tuple(dict.fromkeys(OF_JSON[one] for one in types if one in OF_JSON))
            for name, types in rows
        }

    def _types(self, names: Sequence[str]) -> dict[str, str]:
        """The types of these properties; any may be in what has no registry."""
        known = self._relation.properties
        types = dict.fromkeys(BASE_PROPERTIES, "VARCHAR")
        if not known:
            types |= dict.fromkeys(property_keys(self._warehouse, self._relation), "VARCHAR")
        types |= {column.property: column.type for column in known.values()}
        return {name: types[name] for name in names if name in types}

    def _forms(self, name: str, kinds: tuple[Kind, ...] | None) -> Forms:
        if kinds is None:
            self._note_unknown(name)
            return Forms()
        if not kinds:
            note(f"the property {name!r} is null in every {self._what()}")
            return Forms()
        if not is_addressable(name):
            raise UsageError(f"DuckDB can't read a property of the name {name!r}")
        source, type_ = self._source(name)
        if len(kinds) == 1 and type_ is not None:
            return Forms(dict([_cast(source, type_, kinds[0])]))
        if type_ != "JSON":
            (transform,), _ = layered({name: "JSON"}, "properties")
            source = f"struct_extract({transform.removesuffix(' as t0')}, {literal(name)})"
        return Forms({kind: _of_json(source, kind) for kind in kinds})

    def _source(self, name: str) -> tuple[str, str | None]:
        """SQL of the property as it shows, and its type; no type if the JSON has to be read."""
        if name in BASE_PROPERTIES:
            base = BASE_PROPERTIES[name]
            type_ = self._relation.columns.get(base)
            return quoted(base), "VARCHAR" if type_ == "VARCHAR" else None
        column = self._relation.properties.get(name)
        if column is None or column.type == UNSEEN:
            return "", None
        return (quoted(column.column) if column.physical else computed(column)), column.type

    def _what(self) -> str:
        if self._events:
            return f"landed {' or '.join(map(repr, self._events))}"
        return "landed event" if self._relation.name in LANDED else "row"

    def _note_unknown(self, name: str) -> None:
        known = property_keys(self._warehouse, self._relation)
        near = None if name in known else did_you_mean(near_names(name, known))
        more = "; other events have" if name in known else f"; {near}" if near else ""
        note(f"no {self._what()} has a property {name!r}{more}")


def _cast(source: str, type_: str, kind: Kind) -> tuple[Kind, str]:
    """The kind and its SQL, of a column that has no other."""
    if type_ == "VARCHAR[]":
        return "texts", source
    if type_ != "VARCHAR" or kind == "text":
        return kind, source
    return kind, f"try_cast({source} as {_CASTS.get(kind, 'json')})"


def _of_json(source: str, kind: Kind) -> str:
    """SQL: a JSON value, if it is of the kind."""
    types = ", ".join(f"'{one}'" for one, other in OF_JSON.items() if other == kind)
    value = f"{source}->>'$'" if kind == "text" else f"cast({source} as {_CASTS.get(kind, 'json')})"
    return f"(case when json_type({source}) in ({types}) then {value} end)"
