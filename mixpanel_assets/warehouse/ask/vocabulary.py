"""The names that a statement can use: tables, views of events, columns, properties."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import cached_property

from mixpanel_assets.errors import near_names
from mixpanel_assets.warehouse.ask.names import BY_EVENT, Relation, catalogue, shown_table
from mixpanel_assets.warehouse.ask.reasons import Statement, dataset_of
from mixpanel_assets.warehouse.sql import Connection, first_column, quoted
from mixpanel_assets.warehouse.tables import EVENTS, PROFILES

USERS = ("user", "users", "people", "person", "persons", "customers", "profile", "engage")


class Vocabulary:
    """What a statement can name, looked up when it is needed."""

    def __init__(self, warehouse: Connection, query: str) -> None:
        self._warehouse, self._query = warehouse, query

    @cached_property
    def _relations(self) -> list[Relation]:
        return catalogue(self._warehouse)

    @property
    def tables(self) -> list[str]:
        """The tables and views that are not of one event."""
        return [one.name for one in self._relations if one.schema == "main"]

    def near_tables(self, name: str) -> list[str]:
        """Tables that may be meant by a name, as SQL, best first."""
        bare = name.rpartition(".")[2].strip("'\"") or name
        names = [one.name for one in self._relations]
        if bare.lower() == "by_event":  # the schema
            return [shown_table(one) for one in names if one.startswith(BY_EVENT)][:3]
        if self.is_about_people(bare):
            return ["profiles"] if "profiles" in names else []
        same = [one for one in names if _plain(one.removeprefix(BY_EVENT)) == _plain(bare)]
        written = [
            one.name
            for one in self._relations
            if one.schema == "by_event" and " " in one.table and one.table in self._query
        ]
        near = near_names(bare, {one.removeprefix(BY_EVENT) for one in names}, 3)
        by_leaf = [one for leaf in near for one in names if one.removeprefix(BY_EVENT) == leaf]
        return [shown_table(one) for one in dict.fromkeys([*same, *written, *by_leaf])][:3]

    def is_about_people(self, name: str) -> bool:
        """Whether the name is one that other databases have for the table of profiles."""
        return name.rpartition(".")[2].lower() in USERS

    def near_names(self, name: str) -> list[str]:
        """Columns and properties that resemble a name, best first."""
        near = near_names(name, dict.fromkeys([*self.columns, *self.properties]), 3)
        alike = [one for one in near if _alike(one, name)]
        return sorted(alike, key=lambda one: not name.lower().startswith(one.lower()))

    @cached_property
    def _scope(self) -> list[Relation]:
        """The tables that the statement reads; `events` if that can't be told."""
        statement = Statement.read(self._warehouse, self._query, ())
        paths = [".".join(path).lower().removeprefix("main.") for path in statement.tables]
        if not statement.tree:
            paths = [
                one.replace('"', "").lower()
                for one in re.findall(
                    r'\b(?:from|join|describe|summarize|pivot|table)\s+((?:"[^"]*"|[\w.$])+)',
                    self._query,
                    re.I,
                )
            ]
        found = [one for one in self._relations if one.name.lower() in paths]
        return found or [one for one in self._relations if one.name == EVENTS.dataset]

    @cached_property
    def columns(self) -> list[str]:
        """The columns of the tables that the statement reads."""
        return list(dict.fromkeys(name for one in self._scope for name in one.columns))

    @cached_property
    def _properties(self) -> dict[str, tuple[str, str, bool]]:
        """Properties of what the statement reads, and of events: dataset, column, if stored."""
        datasets = [*dict.fromkeys(dataset_of(one.name.split(".")) for one in self._scope)]
        datasets += [one for one in (EVENTS.dataset, PROFILES.dataset) if one not in datasets]
        query = """
            select property, dataset, column_name, physical from internal.property_columns
            where dataset in (select unnest($1::varchar[]))
            order by list_position($1::varchar[], dataset) desc
            """
        rows = self._warehouse.execute(query, [datasets]).fetchall()
        return {name: (dataset, column, stored) for name, dataset, column, stored in rows}

    @property
    def properties(self) -> list[str]:
        """The properties of what the statement reads, of events, and of profiles."""
        return list(self._properties)

    def property_hint(self, name: str, *, meant: bool = False) -> str | None:
        """How to read the property; None if there is none. `meant`: it was spelled otherwise."""
        folded = {one.lower(): one for one in self._properties}
        known = name if name in self._properties else folded.get(name.lower())
        if known is None:
            return None
        dataset, column, stored = self._properties[known]
        if column in (*EVENTS.columns, *PROFILES.columns) and not stored:
            return f"{known} is the column {column}"
        path = f"properties->>{_path(known)}"
        wide = f"events_wide.{quoted(column)}" if stored else f"events_wide with {path}"
        ways = [path]
        if dataset == EVENTS.dataset:
            ways = [wide, *self._views(known), path]
        elif dataset == PROFILES.dataset:
            ways = [f"profiles.{quoted(column)}"]
        is_what = f"did you mean the property {known}?" if meant else f"{known} is a property:"
        return f"{is_what} {', '.join(ways[:-1])}{', or ' if ways[1:] else ''}{ways[-1]}"

    def _views(self, name: str) -> list[str]:
        """The view of the event that has the property most often, or that the statement names."""
        query = """
            select event_name from internal.property_days
            where property = ? and event_name is not null
            group by event_name order by sum(events) desc
            """
        events = first_column(self._warehouse, query, [name])
        named = [one for one in events if one in self._query]
        views = dict(
            self._warehouse.execute(
                "select event_name, view_name from internal.event_views"
            ).fetchall()
        )
        return [f"by_event.{quoted(views[one])}" for one in (named or events)[:1] if one in views]


def identifier(name: str) -> str:
    """The name as SQL, quoted if it has to be."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name, re.I) else quoted(name)


def _path(name: str) -> str:
    key = name if re.fullmatch(r"\w+", name) else '"' + name.replace('"', '\\"') + '"'
    return "'$." + key.replace("'", "''") + "'"


def _alike(one: str, other: str) -> bool:
    """Whether the names share most of their letters, or the longer has the other in it."""
    ours, theirs = _plain(one), _plain(other)
    if min(len(ours), len(theirs)) > 2 and (ours in theirs or theirs in ours):
        return True
    return SequenceMatcher(None, ours, theirs).ratio() >= 0.6


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
