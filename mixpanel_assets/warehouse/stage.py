"""A part of a landed file, staged: every record parsed once, and counted by what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import duckdb

from mixpanel_assets.errors import EventsOutsideSpanError, LoadError
from mixpanel_assets.warehouse.connection import ROW_GROUP
from mixpanel_assets.warehouse.mend import cut_lines, mend, odd_lines
from mixpanel_assets.warehouse.properties import (
    UNSEEN,
    PropertyColumns,
    Seen,
    is_addressable,
    merged_type,
)
from mixpanel_assets.warehouse.source import (
    EXACT_IN_DOUBLE,
    KEYS,
    VALUES,
    LandedFile,
    Mode,
    large,
    layered,
    lines,
    mixed,
)
from mixpanel_assets.warehouse.tables import Layout

JSON_TYPES = {"UBIGINT": "BIGINT", "ARRAY": "VARCHAR[]", "OBJECT": "JSON"}
READ_AT_ONCE = 122_880  # rows of temp.stage: DuckDB's own size of row groups
LARGEST_BIGINT = 2**63 - 1
LEAST_COUNTED = 10_000  # rows that a thread of its own looks at
MOST_NUMBERS = 200  # properties to look into by name before looking into every value is cheaper


class LargeNumbersError(Exception):
    """A number may be too large for a double: the file has to be read exactly."""


def stage(
    warehouse: duckdb.DuckDBPyConnection,
    part: Path,
    file: LandedFile,
    mode: Mode,
    columns: PropertyColumns,
    folder: Path,
) -> None:
    """Put the records of the part into temp.stage; odd ones take a way through the folder.

    Raises LoadError, and ExportIncompleteError for a line that is no record.

    In order of events a column is long runs of values and of nulls: smaller, and faster to ask.
    """
    order = "order by event_name" if columns.layout.of_events else ""
    seen = watched(columns, mode)
    records = lines(part, file, mode, columns.layout, seen)
    warehouse.execute(f"create or replace temp table stage as from {records} {order}")
    odd = number(warehouse, "select count(*) from stage where not regular")
    if not odd:
        return
    keys, apart = columns.layout.keys, folder / "odd.jsonl"
    # The lines found are the odd ones if they are as many, and none of them is regular.
    for some in (cut_lines(part), odd_lines(part, keys)):
        with apart.open("wb") as file_of_them:
            file_of_them.writelines(some)
        again = f"from {lines(apart, file, mode, columns.layout, seen)}"
        count = number(warehouse, f"select count(*) {again}")
        if count == odd and not number(warehouse, f"select count(*) {again} where regular"):
            warehouse.execute("delete from stage where not regular")
            break
    else:
        apart = part
        warehouse.execute("delete from stage")
    mended = folder / "mended.jsonl"
    mend(apart, mended, keys)
    records = lines(mended, file, mode, columns.layout, seen, mended=True)
    warehouse.execute(f"insert into stage by name from {records} {order}")
    mended.unlink()
    if number(warehouse, "select count(*) from stage where not regular"):
        raise LoadError(
            f"{file.path} has a record that DuckDB can't read",
            hint="report it; the days before and after it can be landed alone",
        )


def watched(columns: PropertyColumns, mode: Mode) -> dict[str, str]:
    """What staging looks into on its way: numbers for large ones, lists for more than text."""
    if not columns.layout.of_events:
        return {}
    kinds = {"VARCHAR[]": "JSON"}
    if mode == "plain":
        kinds |= {"BIGINT": "DOUBLE", "DOUBLE": "DOUBLE"}
    found = {
        column.property.lower(): (column.property, kinds[column.type])  # one of each case
        for column in columns.all()
        if column.type in kinds and column.property not in columns.layout.base
    }
    few = list(found.values())[:MOST_NUMBERS]
    return {name: kind for name, kind in few if name.lower() not in KEYS}


def in_pieces(warehouse: duckdb.DuckDBPyConnection, which: str = "true") -> str:
    """SQL: the rows of temp.stage, in a piece for each thread that DuckDB has, unless they are few.

    As one table they would be read by one thread for every READ_AT_ONCE of them.
    """
    rows, threads = _rows_and_threads(warehouse)
    pieces = max(1, min(threads, rows // LEAST_COUNTED))
    return _cut([rows * n // pieces for n in range(1, pieces)], which)


def in_row_groups(warehouse: duckdb.DuckDBPyConnection, which: str) -> str:
    """SQL: the rows of temp.stage that are wanted, so that threads insert whole row groups of them.

    What one thread is given makes row groups of its own, and a small one at the end. Several small
    ones would be merged at some later checkpoint, and full ones between them be written anew.
    """
    rows, threads = _rows_and_threads(warehouse)
    if rows < threads * READ_AT_ONCE:
        wanted = number(warehouse, f"select count(*) from stage where {which}")
        full = wanted // ROW_GROUP
        pieces = max(1, min(threads, full))
        equal = [round(wanted * n / pieces / ROW_GROUP) for n in range(1, pieces)]
        # At least one is left for each piece that follows.
        ends = [ROW_GROUP * min(n, full - pieces + i) for i, n in enumerate(equal, 1)]
        if ends:
            return _cut(_positions(warehouse, ends, which), which)
    return f"(from stage where {which})"  # whole row groups are in what a thread reads at a time


def _rows_and_threads(warehouse: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    rows = number(warehouse, "select count(*) from stage")
    return rows, number(warehouse, "select current_setting('threads')")


def _positions(
    warehouse: duckdb.DuckDBPyConnection, counts: Sequence[int], which: str
) -> list[int]:
    """Before which rows of temp.stage there are so many that are wanted.

    Where a thread stops reading it is so many of all, lest another thread reads the few that lack.
    """
    if which == "true":
        return list(counts)
    rows = warehouse.execute(
        "select row, before from ("
        "select rowid as row, row_number() over (order by rowid) - 1 as before "
        f"from stage where {which}) where before in ({', '.join(map(str, counts))}) order by row"
    ).fetchall()
    return [count if count % READ_AT_ONCE == 0 else int(row) for row, count in rows]


def _cut(positions: Sequence[int], which: str) -> str:
    starts = ["true", *(f"rowid >= {row}" for row in positions), "false"]
    ranges = [
        f"from stage where {which} and {start} and not ({end})" for start, end in pairwise(starts)
    ]
    return f"({' union all '.join(ranges)})"


def counted(table: str, sign: str = "") -> str:
    """SQL: how many records a table like temp.stage has, by day, event, property and JSON type.

    A null property stands for the record itself.
    """
    return f"""
        select event_date, event_name, null as property, null as type, {sign}count(*) as events,
               sum(line_bytes) as bytes, count(*) filter (long_integers) as long_integers,
               {sign}count(*) filter (repaired) as repaired
        from {table}
        group by all
        union all
        select event_date, event_name, property, type, {sign}count(*), null, null, null
        from (
            select event_date, event_name, unnest(json_keys(value)) as property,
                   unnest(json_type(value, '$.*')) as type
            from (select *, {VALUES} as value from {table})
        )
        group by all
        """


def check_span(warehouse: duckdb.DuckDBPyConnection, file: LandedFile) -> None:
    """Every staged record is of a day of the file; EventsOutsideSpanError else."""
    if file.start == file.end:
        return
    outside = number(
        warehouse,
        "select sum(events) from survey where property is null and (event_date is null "
        f"or event_date not between date '{file.start}' and date '{file.end}')",
    )
    if outside:
        raise EventsOutsideSpanError(
            f"{outside} events of {file.start} to {file.end} have no time of these days",
            hint="set MP_PROJECT_TIMEZONE if the project is older than 2023",
            events=outside,
            file=file.path.name,
        )


def number(warehouse: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that the query gives; 0 for null."""
    row = warehouse.execute(query).fetchone()
    return int(row[0] or 0) if row else 0


def properties_seen(
    warehouse: duckdb.DuckDBPyConnection, columns: PropertyColumns, mode: Mode
) -> dict[str, Seen]:
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
    any_large, not_text = _looked_into(warehouse, numbers, lists)
    if any_large:
        raise LargeNumbersError
    largest = _long_integers(warehouse)
    return {
        name: _seen(counts, *largest.get(name, (0, 0)), mixed=name in not_text)
        for name, counts in kinds.items()
    }


def _seen(counts: dict[str, int], beyond_64_bits: int, magnitude: int, *, mixed: bool) -> Seen:
    types = set(counts)
    if beyond_64_bits and beyond_64_bits == counts.get("DOUBLE"):
        types.discard("DOUBLE")  # DuckDB takes integers of more than 64 bits for doubles
    if magnitude > LARGEST_BIGINT:
        types = (types - {"BIGINT"}) | {"HUGEINT"}
    if mixed:
        types = (types - {"VARCHAR[]"}) | {"JSON"}
    wide = magnitude > EXACT_IN_DOUBLE
    return Seen(merged_type(types, wide=wide), wide, sum(counts.values()))


def _long_integers(warehouse: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
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
    kinds: dict[str, dict[str, int]], columns: PropertyColumns
) -> list[str]:
    return [
        name
        for name, counts in kinds.items()
        if "VARCHAR[]" in counts
        and is_addressable(name)
        and ((known := columns.get(name)) is None or known.type in ("VARCHAR[]", UNSEEN))
    ]


def _numbers(kinds: dict[str, dict[str, int]], layout: Layout) -> list[str]:
    return [
        name
        for name, counts in kinds.items()
        if counts.keys() & {"BIGINT", "DOUBLE"} == counts.keys() - {UNSEEN}
        and is_addressable(name)
        and name not in layout.base
    ]


def _unsettled(
    warehouse: duckdb.DuckDBPyConnection,
    numbers: list[str],
    lists: list[str],
    looked_into: dict[str, str],
) -> tuple[list[str], list[str]]:
    """Those of the numbers and lists that have to be looked into: staging has not cleared them."""
    query = "select coalesce(bool_or(large), false), coalesce(bool_or(mixed), false) from stage"
    any_large, any_mixed = warehouse.execute(query).fetchone() or (True, True)
    return (
        [name for name in numbers if any_large or looked_into.get(name) != "DOUBLE"],
        [name for name in lists if any_mixed or looked_into.get(name) != "JSON"],
    )


def _any_large(warehouse: duckdb.DuckDBPyConnection) -> bool:
    """Whether a double may round a number of any property."""
    # In JSON numbers alone begin with a sign or a digit, which are next to each other.
    return bool(
        number(
            warehouse,
            f"""
            select count(*) from (
                select unnest(json_extract(value, '$.*'))::varchar as number
                from (select {VALUES} as value from stage)
            )
            where number between '-' and ':' and {large("try_cast(number as double)")}
            """,
        )
    )


def _looked_into(
    warehouse: duckdb.DuckDBPyConnection, numbers: list[str], lists: list[str]
) -> tuple[bool, set[str]]:
    """Whether a double may round any of the numbers; the lists that hold other things than text."""
    if not (numbers or lists):
        return False, set()
    kinds = {**dict.fromkeys(numbers, "DOUBLE"), **dict.fromkeys(lists, "JSON")}
    layers, found = layered(kinds, VALUES)
    asked = [
        f"bool_or({large(found[name]) if kind == 'DOUBLE' else mixed(found[name])})"
        for name, kind in kinds.items()
    ]
    rows = in_pieces(warehouse)
    query = f"select {', '.join(asked)} from (select {', '.join(layers)} from {rows})"
    row = warehouse.execute(query).fetchone()
    told = {name for name, answer in zip(kinds, row or (), strict=True) if answer}
    return not told.isdisjoint(numbers), told.intersection(lists)
