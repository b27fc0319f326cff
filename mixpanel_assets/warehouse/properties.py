"""Which property has which column and type: exact for everything landed, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mixpanel_assets.warehouse.numbers import stored_values
from mixpanel_assets.warehouse.records import Mode, layered
from mixpanel_assets.warehouse.spelling import alike, plain_names, unused
from mixpanel_assets.warehouse.sql import Connection, insert_rows, literal, quoted
from mixpanel_assets.warehouse.tables import EVENTS, PROFILES, Layout
from mixpanel_assets.warehouse.types import UNSEEN, Seen, is_addressable, merged_type

NEVER_A_COLUMN = ("rowid", "person", "snapshot_date")  # DuckDB's own; computed in views


@dataclass(frozen=True)
class PropertyColumn:
    """How a property shows: `physical` as a column of the table, else computed from the JSON."""

    property: str
    column: str
    type: str
    physical: bool
    wide: bool = False  # it has integers beyond 2^53, which a DOUBLE would round


class PropertyColumns:
    """The registry of a table's properties, and what a load changes about it."""

    def __init__(
        self, known: Iterable[PropertyColumn], most_physical: int, layout: Layout = EVENTS
    ) -> None:
        self.layout = layout
        self._by_property = {column.property: column for column in known}
        self._room = most_physical - len(self.physical())
        self._added: list[str] = []
        self._widened: list[PropertyColumn] = []
        self._unwritten: set[str] = set()

    @staticmethod
    def known(warehouse: Connection, dataset: str = EVENTS.dataset) -> list[PropertyColumn]:
        """What the warehouse knows of the properties of a dataset."""
        found = warehouse.execute("from internal.property_columns")
        names = [name for name, *_ in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        fields = ("property", "column_name", "type", "physical", "wide")
        # In layout 1 all were of events; a reader may come before the upgrade.
        return [
            PropertyColumn(*(row[field] for field in fields))
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
        """Give every property seen a column or a computed one, of a type that holds its values."""
        for name, found in sorted(seen.items(), key=lambda item: (-item[1].events, item[0])):
            if not is_addressable(name):
                found = replace(found, type=UNSEEN)  # it shows in `properties` alone
            known = self._by_property.get(name)
            if known is None:
                self._add(name, found)
            else:
                self._widen(known, found)

    def write(self, warehouse: Connection) -> None:
        """Bring the table and the registry up to what was learned from temp.surveys.

        Columns are renamed and added, and values of widened ones computed again.
        """
        table = quoted(self.layout.table)
        for old, new in self._rename(warehouse):
            warehouse.execute(f"alter table {table} rename {quoted(old)} to {quoted(new)}")
        for column in map(self._by_property.__getitem__, self._added):
            name = quoted(column.column)
            warehouse.execute(f"alter table {table} add column {name} {column.type}")
        for column in self._widened:
            name = quoted(self._by_property[column.property].column)
            warehouse.execute(
                f"alter table {table} alter {name} set data type {column.type} "
                f"using {_widened(column, name)}"
            )
        self._added, self._widened = [], []
        if not self._unwritten:
            return
        which = "dataset = ? and property in (select unnest(?::varchar[]))"
        given = [self.layout.dataset, list(self._unwritten)]
        warehouse.execute(f"delete from internal.property_columns where {which}", given)
        rows = [
            {**vars(column), "column_name": column.column, "dataset": self.layout.dataset}
            for column in map(self._by_property.__getitem__, self._unwritten)
        ]
        insert_rows(warehouse, "internal.property_columns", rows)
        self._unwritten = set()

    def _rename(self, warehouse: Connection) -> list[tuple[str, str]]:
        """Give each property the name its spelling deserves; which columns to rename, in order."""
        base = self.layout.base
        counts = dict.fromkeys((name for name in self._by_property if name not in base), 0)
        if spellings := alike(counts):
            counts |= dict(warehouse.execute(self._carried(), [spellings]).fetchall())
        known = {name: self._by_property[name].column for name in counts}
        names = plain_names(counts, {*self.layout.columns, *NEVER_A_COLUMN}, known)
        moved = []
        for name, column in names.items():
            found = self._by_property[name]
            if found.column != column:
                if found.physical and name not in self._added:
                    moved.append((found.column, column))
                self._put(replace(found, column=column))
        # Names may change places: each steps aside first.
        aside = unused("aside", (name for pair in moved for name in pair))
        steps = [(old, f"{aside}{n}") for n, (old, _) in enumerate(moved)]
        return steps + [(f"{aside}{n}", new) for n, (_, new) in enumerate(moved)]

    def _carried(self) -> str:
        """SQL: how many rows carry each of the properties of a list, property and count."""
        sources = ["select property, events from surveys"]
        if self.layout == EVENTS:
            sources.append("select property, events from internal.property_days")
        elif self.layout != PROFILES:  # a snapshot has all profiles; these rows stay beside the new
            table = quoted(self.layout.table)
            rows = f"select unnest(json_keys(properties)) as property from {table}"
            sources.append(f"select property, 1 from ({rows} where properties is not null)")
        return (
            f"select property, sum(events)::BIGINT from ({' union all '.join(sources)}) "
            "where property in (select unnest(?::varchar[])) group by property"
        )

    def _add(self, name: str, found: Seen) -> None:
        if name in self.layout.base:
            base = self.layout.base[name]
            self._put(PropertyColumn(name, base, self.layout.columns[base][0], False))
            return
        self._add_column(PropertyColumn(name, name, found.type, False, found.wide))

    def _widen(self, known: PropertyColumn, found: Seen) -> None:
        if known.property in self.layout.base:
            return
        wide = known.wide or found.wide
        type_ = merged_type((known.type, found.type), wide=wide)
        if (type_, wide) == (known.type, known.wide):
            return
        column = replace(known, type=type_, wide=wide)
        if known.type == UNSEEN:  # null so far: there is nothing to fill in
            self._add_column(column)
            return
        if column.physical and type_ != known.type:
            self._widened.append(column)
        self._put(column)

    def _add_column(self, column: PropertyColumn) -> None:
        name = column.property
        physical = column.type != UNSEEN and is_addressable(name) and self._room > 0
        self._put(replace(column, physical=physical))
        if physical:
            self._room -= 1
            self._added.append(name)

    def _put(self, column: PropertyColumn) -> None:
        self._by_property[column.property] = column
        self._unwritten.add(column.property)


def computed(column: PropertyColumn) -> str:
    """SQL: the property's value, typed, from the `properties` of a row."""
    (transform,), _ = layered({column.property: column.type}, stored_values())
    return f"struct_extract({transform.removesuffix(' as t0')}, {literal(column.property)})"


def _widened(column: PropertyColumn, name: str) -> str:
    """SQL: the value from what was sent; from the column itself where that is one text."""
    old = f"to_json({name})" if column.type in ("VARCHAR", "JSON") else name
    if column.type == "VARCHAR":
        old = f"coalesce({old}->>'$', {old}::varchar)"
    return (
        f"case when json_type(properties) = 'OBJECT' then {computed(column)} "
        f"else cast({old} as {column.type}) end"
    )
