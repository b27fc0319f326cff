"""What a statement asks for that nothing landed has: read off its syntax, and looked up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import duckdb

from mixpanel_assets.errors import near_names
from mixpanel_assets.warehouse.ask import syntax
from mixpanel_assets.warehouse.ask.syntax import Node, column_of, walk
from mixpanel_assets.warehouse.sql import Connection, first_column, literal, quoted
from mixpanel_assets.warehouse.tables import EVENTS, PROFILE_VIEWS, PROFILES

MOST_VALUES = 1_000  # of a property, to find near ones among
HOW_TO_LAND = "mp materialize events --from 7d"

OF_EVENTS = ("events", EVENTS.table)
OF_PROFILES = (*PROFILE_VIEWS, PROFILES.table)
TIMES = ("event_time", "event_date")
ABOUT_EVENTS = ("event_name", *TIMES)


@dataclass
class Statement:
    """A parsed statement: its tables, conditions and properties."""

    warehouse: Connection
    query: str
    parameters: Sequence[Any]
    tree: Node
    tables: list[list[str]] = field(default_factory=list)
    made: set[str] = field(default_factory=set)  # columns that the statement itself makes
    others: set[str] = field(default_factory=set)  # what stands for rows other than these tables'

    @classmethod
    def read(cls, warehouse: Connection, query: str, parameters: Sequence[Any]) -> Statement:
        (text,) = first_column(warehouse, "select json_serialize_sql(?)", [query])
        statements = json.loads(text).get("statements") or [{}]  # none: it is not a SELECT
        one = cls(warehouse, query, parameters, statements[0])
        nodes = list(walk(one.tree))
        named = (key for node in nodes for key in syntax.common_tables(node))
        local = {key["key"] for key in named if "value" in key}
        for node in nodes:
            if node.get("type") == "BASE_TABLE" and node["table_name"] not in local:
                path = [part for part in (node.get("schema_name"), node["table_name"]) if part]
                ours = len(path) == 1 or path[0].lower() in ("main", "by_event")
                if ours and path not in one.tables:
                    one.tables.append(path)
            elif node.get("alias") and "column_name_alias" in node:
                one.others.add(node["alias"].lower())
            one.made.update(name.lower() for name in node.get("column_name_alias") or [])
            for column in node.get("select_list") or []:
                if column.get("alias") and column_of(column) != column["alias"]:
                    one.made.add(column["alias"].lower())
        one.others.update(name.lower() for name in local)
        return one

    def notes(self, renamed: dict[tuple[str, str], str], *, suspicious: bool) -> Iterator[str]:
        yield from self._arrows()
        yield from self._spellings(renamed)
        if not suspicious:
            return
        empty = list(self._empty())
        yield from empty
        if not empty:
            yield from self._unmet(self.tree)
            yield from self._properties()

    def _arrows(self) -> Iterator[str]:
        for node in walk(self.tree):
            if syntax.is_torn(node):
                yield (
                    "to DuckDB, -> binds less than =, and, ->> and the like: write "
                    "(properties->'$.a') in parentheses, or the whole path, properties->>'$.a.b'"
                )

    def _spellings(self, renamed: dict[tuple[str, str], str]) -> Iterator[str]:
        for path in self.tables:
            if path[0].lower() != "by_event":
                continue
            name, events = path[-1], self._events(path[-1])
            if events and name not in events:
                yield (
                    f"by_event.{quoted(name)} has the events named {', '.join(map(repr, events))}; "
                    f"none that is landed is named {name!r}"
                )
            elif name in events and (view := renamed.get(("by_event", name))):
                yield (
                    f"by_event.{quoted(name)} has the events of another spelling; those named "
                    f"{name!r} are in by_event.{quoted(view)}"
                )
        if len(datasets := {dataset_of(path) for path in self.tables}) != 1:
            return
        (dataset,) = datasets
        for node in walk(self.tree):
            column = column_of(node)
            if column is None or column.lower() in self.made:
                continue
            if instead := renamed.get((dataset, column)):
                yield (
                    f"the column {quoted(column)} is that of another spelling; the property "
                    f"{column!r} is in {quoted(instead)}"
                )

    def _events(self, name: str) -> list[str]:
        """The landed events of this name in any case; none if a view of another has exactly it."""
        query = """
            select event_name, view_name from internal.event_views
            where lower(event_name) = lower($1) or lower(view_name) = lower($1)
            """
        rows = self.warehouse.execute(query, [name]).fetchall()
        exact = any(view == name != event for event, view in rows)
        return [] if exact else [event for event, _ in rows]

    def _empty(self) -> Iterator[str]:
        for path in self.tables:
            table = _name(path)
            if self._any(path, "true") is not False:
                continue
            days, named = self.warehouse.execute(
                "select count(*) filter (dataset = 'events'), "
                "list(distinct dataset) filter (filters is not null) from landed"
            ).fetchall()[0]
            if path[-1].lower() not in (*OF_EVENTS, "event_properties"):
                yield f"{table} has no rows"
            elif days:
                yield f"{table} has no rows: no landed day ({days:,} of them) has an event"
            else:
                pulls = f"; what was fetched is in {', '.join(sorted(named))}" if named else ""
                yield f"{table} has no rows: land some days first, {HOW_TO_LAND}{pulls}"

    def _unmet(self, node: Any) -> list[str]:
        """Notes on each condition that no row meets."""
        if isinstance(node, list):
            return [message for part in node for message in self._unmet(part)]
        if not isinstance(node, dict) or node.get("type") == "OPERATOR_NOT":
            return []
        if node.get("type") == "CONJUNCTION_OR":
            parts = [self._unmet(part) for part in node["children"]]
            return [message for part in parts for message in part] if all(parts) else []
        if syntax.is_test(node):
            return self._why(node)
        messages = [message for part in node.values() for message in self._unmet(part)]
        if not messages and node.get("type") == "CONJUNCTION_AND":
            return self._together(node["children"])
        return messages

    def _together(self, parts: list[Node]) -> list[str]:
        """A note, if rows meet each condition about event and time, and none meets all of them."""
        tests = filter(syntax.is_test, parts)
        base = [part for part in tests if self._column(part) in ABOUT_EVENTS]
        # Of a table joined to itself they may be about different rows.
        if len(base) < 2 or len(syntax.sides(base)) > 1:
            return []
        table = self._unmet_in(" and ".join(map(self._text, base)))
        if table is None:
            return []
        names = [part for part in base if self._column(part) == "event_name"]
        which = " and ".join(["true", *map(self._text, names)])
        days = self._landed_days(table, which)
        shown = " and ".join(map(self._shown, base))
        return [f"no row of {_name(table)} has {shown}{f'; {days}' if days else ''}"]

    def _unmet_in(self, condition: str) -> list[str] | None:
        """The first table of which no row meets the condition; None if rows of another do."""
        met = [self._any(path, condition) for path in self.tables]
        return None if True in met or False not in met else self.tables[met.index(False)]

    def _column(self, condition: Node) -> str | None:
        """The one column of the tables that the condition is about; None if there are others."""
        nodes = list(walk(condition))
        columns = {column.lower() for one in nodes if (column := column_of(one))} - syntax.MOMENTS
        kinds = {one.get("class") for one in nodes}
        if len(columns) != 1 or kinds & {"SUBQUERY", "WINDOW", "LAMBDA"} or columns & self.made:
            return None
        several = len(syntax.sides([condition])) > 1
        if several or any(self.others & syntax.qualifiers(one) for one in nodes):
            return None
        arrows = any(one.get("function_name") in syntax.ARROWS for one in nodes)
        if arrows or columns == {"properties"}:
            return None
        return columns.pop()

    def _why(self, condition: Node) -> list[str]:
        column = self._column(condition)
        if column is None or (table := self._unmet_in(self._text(condition))) is None:
            return []
        name, shown = _name(table), self._shown(condition)
        if column in TIMES:
            days = self._landed_days(table)
            return [f"no row of {name} has {shown}{f'; {days}' if days else ''}"]
        words = self._compared(condition)
        if column == "event_name" and words:
            near = {word: self._near_values(table, column, [word]) for word in words}
            return [f"{name} has no event {word!r}{_meant(near[word])}" for word in words]
        if column == "event_name":  # a pattern, or lower(event_name)
            texts = filter(None, map(syntax.text_of, walk(condition)))
            words = [bare for text in texts if (bare := text.strip("%_"))]
        return [f"no row of {name} has {shown}{_meant(self._near_values(table, column, words))}"]

    def _landed_days(self, table: list[str], which: str = "true") -> str:
        query = f"""
            select min(event_date), max(event_date), count(distinct event_date)
            from {_source(table)} where {which}{self._given()}
            """
        ((first, last, days),) = self.warehouse.execute(query, list(self.parameters)).fetchall()
        if not days:
            return ""
        of = "its rows" if which == "true" else f"those with {which.removeprefix('true and ')}"
        if days == 1:
            return f"all of {of} are of {first}"
        return f"{of} are of {days:,} days from {first} to {last}"

    def _near_values(self, table: list[str], column: str, words: list[str]) -> list[str]:
        if not words:
            return []
        query = (
            f"select {quoted(column)} from {_source(table)} where {quoted(column)} is not null "
            f"group by 1 order by count(*) desc limit {MOST_VALUES}"
        )
        values = [one for one in first_column(self.warehouse, query) if isinstance(one, str)]
        return [near for word in words for near in near_names(word, values, 3)][:5]

    def _properties(self) -> Iterator[str]:
        """Notes on properties that no record has, and on those that the chosen event has not."""
        asked = dict.fromkeys(filter(None, map(syntax.property_of, walk(self.tree))))
        asked = asked if "properties" not in self.made else {}
        asked |= dict.fromkeys(self._columns_of_events())
        if not asked:
            return
        datasets = {dataset_of(path) for path in self.tables}
        query = (
            "select property from internal.property_columns "
            "where dataset in (select unnest(?::varchar[])) order by rowid"
        )
        known = dict.fromkeys(first_column(self.warehouse, query, [list(datasets)]))
        if not known:
            return
        for name in asked:
            if name not in known:  # the first to come are the commonest
                near = near_names(name, islice(known, MOST_VALUES))
                yield f"nothing landed has a property {name!r}{_meant(near)}"
            elif datasets == {EVENTS.dataset}:
                yield from self._of_other_events(name)

    def _columns_of_events(self) -> list[str]:
        """The properties whose columns of events_wide the statement names."""
        if [_name(path).lower() for path in self.tables] != [EVENTS.table]:
            return []
        named = {column.lower() for node in walk(self.tree) if (column := column_of(node))}
        query = (
            "select property from internal.property_columns where dataset = 'events' and physical "
            "and lower(column_name) in (select unnest(?::varchar[]))"
        )
        return first_column(self.warehouse, query, [list(named - self.made)])

    def _given(self) -> str:
        """SQL that is true, with every parameter: DuckDB wants all of them used."""
        given = [f"${n} is null" for n in range(1, len(self.parameters) + 1)]
        return f" and ({' or '.join(['true', *given])})"

    def _of_other_events(self, name: str) -> Iterator[str]:
        """A note, if the one event that the statement is about never has the property."""
        where = self.tree.get("node", {}).get("where_clause")
        if sum(node.get("type") == "BASE_TABLE" for node in walk(self.tree)) > 1:
            return  # the property may be that of other rows
        conditions = [
            node
            for node in walk(where)
            if node.get("class") in syntax.BOOLEAN or node.get("function_name") in syntax.TESTS
        ]
        single = (node for node in conditions if node.get("class") != "CONJUNCTION")
        about = [node for node in single if "event_name" in map(column_of, walk(node))]
        either = any(node.get("type") == "CONJUNCTION_OR" for node in conditions)
        if len(about) != 1 or either or about[0].get("type") != "COMPARE_EQUAL":
            return
        if len(named := self._compared(about[0])) != 1:
            return
        (event,) = named
        query = (
            "select event_name from internal.property_days where property = ? "
            "and event_name is not null group by 1 order by sum(events) desc"
        )
        carriers = first_column(self.warehouse, query, [name])
        landed = self._any(["events"], f"event_name = {literal(event)}")
        if landed and carriers and event not in carriers:
            shown = ", ".join(map(repr, carriers[:3]))
            yield f"no landed {event!r} has a property {name!r}; {shown} has"

    def _compared(self, condition: Node) -> list[str]:
        """The texts that a column is compared with, if it is compared with nothing else."""
        if condition.get("type") == "COMPARE_EQUAL":
            sides = [condition["left"], condition["right"]]
        elif condition.get("type") == "COMPARE_IN":
            sides = condition["children"]
        else:
            return []
        values = [side for side in sides if column_of(side) is None]
        words = self._words(values)
        return words if len(words) == len(values) == len(sides) - 1 else []

    def _words(self, nodes: Iterable[Node]) -> list[str]:
        """The texts that the nodes are: literals, and parameters."""
        values: list[Any] = []
        for node in nodes:
            values.append(syntax.text_of(node))
            if node.get("class") == "PARAMETER":
                with suppress(ValueError, IndexError):
                    values.append(self.parameters[int(node["identifier"]) - 1])
        return [value for value in values if isinstance(value, str)]

    def _shown(self, condition: Node) -> str:
        """The condition as it was written, if DuckDB says where."""
        places = [
            (start, start + length)
            for node in walk(condition)
            if (start := node.get("query_location")) is not None
            and (length := node.get("query_location_length"))
        ]
        if not places:
            return self._text(condition)
        start, end = min(start for start, _ in places), max(end for _, end in places)
        written = self.query.encode()[start:end].decode("utf-8", "replace")
        return " ".join(written.split())

    def _text(self, condition: Node) -> str:
        """The condition as SQL, its columns without the names of tables."""
        bare = json.loads(json.dumps(condition))
        for node in walk(bare):
            if node.get("class") == "COLUMN_REF":
                node["column_names"] = node["column_names"][-1:]
        (shell,) = first_column(self.warehouse, "select json_serialize_sql('select 0')")
        tree = json.loads(shell)
        tree["statements"][0]["node"]["select_list"] = [bare]
        query = "select json_deserialize_sql(?::json)"
        (text,) = first_column(self.warehouse, query, [json.dumps(tree)])
        return str(text).removeprefix("SELECT ")

    def _any(self, path: list[str], condition: str) -> bool | None:
        """Whether a row of the table meets the condition; None if it can't be asked that."""
        query = f"select 1 from {_source(path)} where {condition}{self._given()} limit 1"
        try:
            return bool(first_column(self.warehouse, query, self.parameters))
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException):
            return None


def dataset_of(path: list[str]) -> str:
    """The name under which the registry has the properties of a table."""
    table = path[-1].lower()
    if path[0].lower() == "by_event" or table in OF_EVENTS:
        return EVENTS.dataset
    return PROFILES.dataset if table in OF_PROFILES else path[-1]


def _name(path: list[str]) -> str:
    """The table as it is shown."""
    return ".".join(part for part in path if part.lower() != "main")


def _source(path: list[str]) -> str:
    return ".".join(map(quoted, path))


def _meant(near: Sequence[str]) -> str:
    return f"; did you mean {', '.join(map(repr, near))}?" if near else ""
