"""Which property has which column and type: exact for everything landed, never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import duckdb

from mixpanel_assets.warehouse.connection import literal, quoted
from mixpanel_assets.warehouse.source import Mode, layered, stored_values
from mixpanel_assets.warehouse.tables import EVENTS, Layout

UNSEEN = "NULL"  # the type of a property that was null wherever it was seen
INTEGERS = ("BIGINT", "HUGEINT")
NESTED = ("VARCHAR[]", "JSON")


@dataclass(frozen=True)
class PropertyColumn:
    """How a property shows: `physical` as a column of the table, else computed from the JSON."""

    property: str
    column: str
    type: str
    physical: bool
    wide: bool = False  # it has integers beyond 2^53, which a DOUBLE would round


@dataclass(frozen=True)
class Seen:
    """What a load saw of a property."""

    type: str
    wide: bool
    events: int


def merged_type(types: Iterable[str], *, wide: bool) -> str:
    """The narrowest type that holds every value of these types exactly."""
    kinds = set(types) - {UNSEEN}
    if len(kinds) < 2:
        return next(iter(kinds), UNSEEN)
    if kinds <= {*INTEGERS}:
        return "HUGEINT"
    if kinds <= {*INTEGERS, "DOUBLE"}:
        return "VARCHAR" if wide or "HUGEINT" in kinds else "DOUBLE"
    if kinds <= {*NESTED}:
        return "JSON"
    return "VARCHAR"


class PropertyColumns:
    """The registry of a table's properties, and what a load changes about it."""

    def __init__(
        self, known: Iterable[PropertyColumn], most_physical: int, layout: Layout = EVENTS
    ) -> None:
        self.layout = layout
        self._by_property = {column.property: column for column in known}
        self._taken = {column.column.lower() for column in self._by_property.values()}
        self._taken |= {*layout.columns, "rowid", "snapshot_date"}  # rowid is DuckDB's own
        self._room = most_physical - len(self.physical())
        self._added: list[PropertyColumn] = []
        self._widened: list[PropertyColumn] = []
        self._unwritten: set[str] = set()

    @staticmethod
    def known(
        warehouse: duckdb.DuckDBPyConnection, dataset: str = EVENTS.dataset
    ) -> list[PropertyColumn]:
        """What the warehouse knows of the properties of a dataset."""
        found = warehouse.execute("from internal.property_columns")
        names = [name for name, *_ in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        # In layout 1 all were of events; who only reads may come before it is brought up to date.
        return [
            PropertyColumn(
                row["property"], row["column_name"], row["type"], row["physical"], row["wide"]
            )
            for row in rows
            if row.get("dataset", EVENTS.dataset) == dataset
        ]

    def physical(self) -> list[PropertyColumn]:
        """The properties that are columns of the table."""
        return [column for column in self._by_property.values() if column.physical]

    def all(self) -> list[PropertyColumn]:
        """Every property that was ever seen."""
        return list(self._by_property.values())

    def get(self, name: str) -> PropertyColumn | None:
        """How the property shows; None if it was never seen."""
        return self._by_property.get(name)

    def mode(self) -> Mode:
        """How to read the next file: where large numbers were, there will be more."""
        large = any(column.wide for column in self._by_property.values())
        return "exact" if large else "plain"

    def learn(self, seen: Mapping[str, Seen]) -> None:
        """Every property seen has a column or a computed one, of a type that holds its values."""
        for name, found in sorted(seen.items(), key=lambda item: (-item[1].events, item[0])):
            if not is_addressable(name):
                found = replace(found, type=UNSEEN)  # it shows in `properties` alone
            known = self._by_property.get(name)
            if known is None:
                self._add(name, found)
            else:
                self._widen(known, found)

    def write(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        """The table and the registry have the columns; values of widened ones are made anew."""
        table = quoted(self.layout.table)
        for column in self._added:
            warehouse.execute(
                f"alter table {table} add column {quoted(column.column)} {column.type}"
            )
        for column in self._widened:
            warehouse.execute(
                f"alter table {table} alter {quoted(column.column)} "
                f"set data type {column.type} using {_widened(column)}"
            )
        self._added, self._widened = [], []
        if not self._unwritten:
            return
        warehouse.execute(
            "delete from internal.property_columns "
            "where dataset = ? and property in (select unnest(?::varchar[]))",
            [self.layout.dataset, list(self._unwritten)],
        )
        rows: list[dict[str, object]] = [
            {
                "property": column.property,
                "column_name": column.column,
                "type": column.type,
                "physical": column.physical,
                "wide": column.wide,
                "dataset": self.layout.dataset,
            }
            for column in map(self._by_property.__getitem__, self._unwritten)
        ]
        insert_rows(warehouse, "internal.property_columns", rows)
        self._unwritten = set()

    def _add(self, name: str, found: Seen) -> None:
        if name in self.layout.base:
            base = self.layout.base[name]
            self._put(PropertyColumn(name, base, self.layout.columns[base][0], False))
            return
        physical = self._has_room(name, found)
        self._add_column(
            PropertyColumn(name, self._free_name(name), found.type, physical, found.wide)
        )

    def _widen(self, known: PropertyColumn, found: Seen) -> None:
        if known.property in self.layout.base:
            return
        wide = known.wide or found.wide
        type_ = merged_type((known.type, found.type), wide=wide)
        if (type_, wide) == (known.type, known.wide):
            return
        if known.type == UNSEEN:  # null so far: there is nothing to fill in
            physical = self._has_room(known.property, found)
            self._add_column(replace(known, type=type_, wide=wide, physical=physical))
            return
        column = replace(known, type=type_, wide=wide)
        if column.physical and type_ != known.type:
            self._widened.append(column)
        self._put(column)

    def _add_column(self, column: PropertyColumn) -> None:
        self._put(column)
        if column.physical:
            self._room -= 1
            self._added.append(column)

    def _has_room(self, name: str, found: Seen) -> bool:
        return found.type != UNSEEN and is_addressable(name) and self._room > 0

    def _put(self, column: PropertyColumn) -> None:
        self._by_property[column.property] = column
        self._unwritten.add(column.property)

    def _free_name(self, name: str) -> str:
        """The property's own name; with _2, _3 ... if another column differs in case only."""
        stem = name.replace("\x00", "") or "_"
        free, count = stem, 1
        while free.lower() in self._taken:
            count += 1
            free = f"{stem}_{count}"
        self._taken.add(free.lower())
        return free


def is_addressable(name: str) -> bool:
    """DuckDB can take the property out of JSON by its name."""
    return bool(name) and "\x00" not in name


def computed(column: PropertyColumn) -> str:
    """SQL: the property's value, typed, from the `properties` of a row."""
    (transform,), _ = layered({column.property: column.type}, stored_values())
    return f"struct_extract({transform.removesuffix(' as t0')}, {literal(column.property)})"


def _widened(column: PropertyColumn) -> str:
    """SQL: the value anew from what was sent; from the column itself where that is one text."""
    old = quoted(column.column)
    old = f"to_json({old})" if column.type in ("VARCHAR", "JSON") else old
    if column.type == "VARCHAR":
        old = f"coalesce({old}->>'$', {old}::varchar)"
    return (
        f"case when json_type(properties) = 'OBJECT' then {computed(column)} "
        f"else cast({old} as {column.type}) end"
    )


def insert_rows(
    warehouse: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, object]]
) -> None:
    """The rows are in the table: one statement, whatever their number."""
    if not rows:
        return
    types = dict(
        warehouse.execute(f"select name, type from pragma_table_info('{table}')").fetchall()
    )
    warehouse.execute(
        f"insert into {table} by name "
        f"select unnest(from_json(?::json, {literal(json.dumps([types]))}), recursive := true)",
        [json.dumps(rows, ensure_ascii=False, default=str)],
    )
