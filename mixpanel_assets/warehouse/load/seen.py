"""Which properties a staged part has, and the narrowest types that hold their values exactly."""

from __future__ import annotations

from collections.abc import Mapping

from mixpanel_assets.warehouse.load.stage import MOST_NUMBERS, in_pieces, watched
from mixpanel_assets.warehouse.numbers import large, mixed
from mixpanel_assets.warehouse.properties import PropertyColumns
from mixpanel_assets.warehouse.records import VALUES, Mode, layered
from mixpanel_assets.warehouse.sql import Connection, number
from mixpanel_assets.warehouse.tables import Layout
from mixpanel_assets.warehouse.types import JSON_TYPES, UNSEEN, Seen, is_addressable, seen


class LargeNumbersError(Exception):
    """A number may be too large for a double: the file has to be read exactly."""


def properties_seen(warehouse: Connection, columns: PropertyColumns, mode: Mode) -> dict[str, Seen]:
    """Every staged property, with the narrowest type that holds its values exactly.

    Raises LargeNumbersError when that can't be said of a part that was read plainly.
    """
    kinds: dict[str, dict[str, int]] = {}
    for name, kind, events in warehouse.execute(
        "select property, type, sum(events) from survey where property is not null group by all"
    ).fetchall():
        counts = kinds.setdefault(name, {})
        kind = JSON_TYPES.get(kind, kind)
        counts[kind] = counts.get(kind, 0) + int(events)
    lists = _lists_that_may_hold_text(kinds, columns)
    numbers = _numbers(kinds, columns.layout) if mode == "plain" else []
    if looked_into := watched(columns, mode):
        numbers, lists = _unsettled(warehouse, numbers, lists, looked_into)
    if len(numbers) > MOST_NUMBERS:
        if _any_large(warehouse):
            raise LargeNumbersError
        numbers = []
    found = _looked_into(warehouse, numbers, lists)
    if not found.isdisjoint(numbers):
        raise LargeNumbersError
    largest = _long_integers(warehouse)
    return {
        name: seen(counts, *largest.get(name, (0, 0)), mixed=name in found)
        for name, counts in kinds.items()
    }


def _long_integers(warehouse: Connection) -> dict[str, tuple[int, int]]:
    """Per property with integers of 16 digits or more: how many exceed 64 bits, and the largest."""
    if not number(warehouse, "select sum(long_integers) from survey"):
        return {}
    rows = warehouse.execute(
        f"""
        select property, count(*) filter (type = 'DOUBLE'), max(abs(number::hugeint))
        from (
            select unnest(json_keys(value)) as property,
                   unnest(json_type(value, '$.*')) as type,
                   unnest(json_extract(value, '$.*'))::varchar as number
            from (select {VALUES} as value from stage where long_integers)
        )
        where type in ('UBIGINT', 'BIGINT', 'DOUBLE')
          and regexp_full_match(number, '-?[0-9]{{16,38}}')
        group by property
        """
    ).fetchall()
    return {name: (int(count), int(magnitude)) for name, count, magnitude in rows}


def _lists_that_may_hold_text(
    kinds: Mapping[str, Mapping[str, int]], columns: PropertyColumns
) -> list[str]:
    return [
        name
        for name, counts in kinds.items()
        if "VARCHAR[]" in counts
        and is_addressable(name)
        and ((known := columns.get(name)) is None or known.type in ("VARCHAR[]", UNSEEN))
    ]


def _numbers(kinds: Mapping[str, Mapping[str, int]], layout: Layout) -> list[str]:
    return [
        name
        for name, counts in kinds.items()
        if counts.keys() & {"BIGINT", "DOUBLE"} == counts.keys() - {UNSEEN}
        and is_addressable(name)
        and name not in layout.base
    ]


def _unsettled(
    warehouse: Connection, numbers: list[str], lists: list[str], looked_into: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Those of the numbers and lists that have to be looked into: staging has not cleared them."""
    query = "select coalesce(bool_or(large), false), coalesce(bool_or(mixed), false) from stage"
    any_large, any_mixed = warehouse.execute(query).fetchone() or (True, True)
    return (
        [name for name in numbers if any_large or looked_into.get(name) != "DOUBLE"],
        [name for name in lists if any_mixed or looked_into.get(name) != "JSON"],
    )


def _any_large(warehouse: Connection) -> bool:
    """Whether a double may round a number of any property."""
    # In JSON numbers alone begin with a sign or a digit, which are next to each other.
    query = f"""
        select count(*) from (
            select unnest(json_extract(value, '$.*'))::varchar as number
            from (select {VALUES} as value from stage)
        )
        where number between '-' and ':' and {large("try_cast(number as double)")}
        """
    return number(warehouse, query) > 0


def _looked_into(warehouse: Connection, numbers: list[str], lists: list[str]) -> set[str]:
    """Those of the numbers that a double may round, and of the lists that hold more than text."""
    kinds = {**dict.fromkeys(numbers, "DOUBLE"), **dict.fromkeys(lists, "JSON")}
    if not kinds:
        return set()
    layers, found = layered(kinds, VALUES)
    asked = [
        f"bool_or({large(found[name]) if kind == 'DOUBLE' else mixed(found[name])})"
        for name, kind in kinds.items()
    ]
    rows = in_pieces(warehouse)
    query = f"select {', '.join(asked)} from (select {', '.join(layers)} from {rows})"
    row = warehouse.execute(query).fetchone()
    return {name for name, answer in zip(kinds, row or (), strict=True) if answer}
