"""Whose an event is: the person that a distinct_id was merged into, in SQL.

Loads work it out (load/people.py). internal.people has the ids that were merged into another one,
each once; any other id is a person's only one, and an empty id is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable

from mixpanel_assets.warehouse.sql import Connection, has_tables, number, quoted

PEOPLE = "internal.people"

# From groups DuckDB knows that an id is there once, and leaves out the join where nobody asks for
# the person. Else it takes a fifth longer than to join the ids as they are.
_ONCE = f"(select distinct_id, any_value(person) as person from {PEOPLE} group by distinct_id)"


def has_people(warehouse: Connection) -> bool:
    """Whether any id was merged into another; else a person is its distinct_id."""
    if not has_tables(warehouse, "internal", "people"):
        return False  # no load of this version yet
    return number(warehouse, f"select count(*) from (from {PEOPLE} limit 1)") > 0


def joined_people(distinct_id: str, alias: str = "people", *, in_view: bool = False) -> str:
    """SQL after a table in `from`: the join that `person_of` reads.

    `distinct_id` is SQL of the id, with the table's name. No row is added, and none is lost.
    """
    source = _ONCE if in_view else PEOPLE
    return f"left join {source} {alias} on {alias}.distinct_id = {distinct_id}"


def person_of(distinct_id: str, alias: str = "people") -> str:
    """SQL: the person of an id beside `joined_people`; null is nobody."""
    return f"coalesce({alias}.person, {unmerged(distinct_id)})"


def unmerged(distinct_id: str) -> str:
    """SQL: the same where no id was merged into another."""
    return f"nullif({distinct_id}, '')"


def with_person(source: str, columns: Iterable[str] = ("*",)) -> str:
    """SQL: the columns of the source and, next to distinct_id or last, the person."""
    # Each with the name of its table: a property can have the name of any of ours.
    shown = [f"one.{name if name == '*' else quoted(name)}" for name in columns]
    own = 'one."distinct_id"'
    at = shown.index(own) + 1 if own in shown else len(shown)
    shown.insert(at, f"{person_of(own, 'merged')} as person")
    return (
        f"select {', '.join(shown)} from {source} one {joined_people(own, 'merged', in_view=True)}"
    )
