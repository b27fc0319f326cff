"""The tables of marts: made, told apart from those of others, and their days replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mixpanel_assets.errors import ConfigError
from mixpanel_assets.warehouse import spine
from mixpanel_assets.warehouse.connection import in_transaction
from mixpanel_assets.warehouse.drop import MARTS, drop_named, found_table, marts_in
from mixpanel_assets.warehouse.load.create import create_table, create_tables
from mixpanel_assets.warehouse.load.recorded import Recorded, record_landed
from mixpanel_assets.warehouse.marts.merges import changed_days, remember
from mixpanel_assets.warehouse.sql import Connection, first_column, literal, number, quoted


@dataclass(frozen=True)
class MartTable:
    """A table of a mart; its rows follow from the events and its definition."""

    name: str
    day: str  # the column of the day
    columns: Mapping[str, tuple[str, str]]
    description: str
    definition: Mapping[str, Any]
    days_before: int = 0  # how many days around a day count for its rows
    days_after: int = 0

    @property
    def definition_text(self) -> str:
        """The definition, in words that differ for another one."""
        return json.dumps(self.definition, sort_keys=True, default=str)


def lost_days(warehouse: Connection, table: MartTable) -> list[date]:
    """The days of the table that are replaced with any other day.

    They are of another definition, or people of theirs were merged since. ConfigError if somebody
    else's table has its name.
    """
    create_tables(warehouse)
    found, known = found_table(warehouse, table.name), marts_in(warehouse).get(table.name)
    if found and known is None:
        raise ConfigError(
            f"there is a table {found} already, which is not of a mart",
            hint=f"keep it under another name, then: mp drop {found}",
        )
    query = "select day from landed where dataset = ? order by day"
    made = first_column(warehouse, query, [table.name]) if found else []
    if not made or known != table.definition_text:
        return made
    touched = {
        day + timedelta(n)
        for day in changed_days(warehouse, table.name)
        for n in range(-table.days_after, table.days_before + 1)
    }
    return [day for day in made if day in touched]


@contextmanager
def replacing(
    warehouse: Connection, table: MartTable, days: Sequence[date], merges: str
) -> Iterator[None]:
    """Replace the rows of these days by those that the block inserts, or change nothing.

    `merges` is what `spine.merges` said before the rows were worked out.
    """
    of_days = f"{quoted(table.day)} in (select unnest({[str(day) for day in days]}::date[]))"
    with in_transaction(warehouse):
        _renew(warehouse, table)
        warehouse.execute(f"delete from {quoted(table.name)} where {of_days}")
        yield
        query = f"select {quoted(table.day)}, count(*) from {quoted(table.name)} group by all"
        counts = dict(warehouse.execute(f"{query} having {of_days}").fetchall())
        landed = "select day from landed where dataset = 'events'"
        there = {*first_column(warehouse, landed)}
        _record(warehouse, table, days, {day: counts.get(day, 0) for day in days if day in there})
        if merges == spine.merges(warehouse):  # else the next run finds what has changed
            remember(warehouse, table.name)


@contextmanager
def replacing_all(warehouse: Connection, table: MartTable, today: date) -> Iterator[None]:
    """Replace all rows by those that the block inserts, or change nothing."""
    with in_transaction(warehouse):
        _renew(warehouse, table)
        warehouse.execute(f"delete from {quoted(table.name)}")
        warehouse.execute("delete from landed where dataset = ?", [table.name])
        yield
        rows = number(warehouse, f"select count(*) from {quoted(table.name)}")
        _record(warehouse, table, [], {today: rows})


def _renew(warehouse: Connection, table: MartTable) -> None:
    """Make the table, if it is missing or of another definition."""
    if marts_in(warehouse).get(table.name) == table.definition_text:
        return
    drop_named(warehouse, table.name)
    create_table(warehouse, table.name, table.columns)
    text = literal(table.description)
    warehouse.execute(f"comment on table {quoted(table.name)} is {text}")
    warehouse.execute(f"create table if not exists {MARTS} (name VARCHAR, definition VARCHAR)")
    warehouse.execute(f"insert into {MARTS} values (?, ?)", [table.name, table.definition_text])


def _record(
    warehouse: Connection, table: MartTable, days: Sequence[date], rows: Mapping[date, int]
) -> None:
    """Record in `landed` how many rows days have, and that others of `days` have none."""
    query = "delete from landed where dataset = ? and day in (select unnest(?::date[]))"
    warehouse.execute(query, [table.name, [str(day) for day in {*days, *rows}]])
    now, made_of = datetime.now(UTC), table.definition
    record_landed(
        warehouse,
        *(Recorded(table.name, day, count, 0, now, filters=made_of) for day, count in rows.items()),
    )
