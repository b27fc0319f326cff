"""A part of a landed file, staged: every record parsed once, and counted by what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mixpanel_assets.errors import EventsOutsideSpanError, LoadError
from mixpanel_assets.landed import LandedFile
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import ROW_GROUP
from mixpanel_assets.warehouse.load.parts import parts
from mixpanel_assets.warehouse.load.repair import mend, odd_lines
from mixpanel_assets.warehouse.properties import PropertyColumns
from mixpanel_assets.warehouse.records import KEYS, VALUES, Mode, Records
from mixpanel_assets.warehouse.sql import Connection, number

READ_AT_ONCE = 122_880  # rows of temp.stage: DuckDB's own size of row groups
LEAST_COUNTED = 10_000  # rows that a thread of its own looks at
MOST_NUMBERS = 200  # properties to look into by name before looking into every value is cheaper


@dataclass(frozen=True)
class Source:
    """A file to load, and how."""

    file: LandedFile
    mode: Mode
    columns: PropertyColumns
    settings: Settings
    folder: Path
    staged: bool = False  # it is all in temp.stage already

    def stage_parts(self, warehouse: Connection) -> Iterator[int]:
        """Put one part after the other into temp.stage; their numbers.

        Raises LoadError, and ExportIncompleteError for a line that is not a record.
        """
        if self.staged:
            yield 0
            return
        every = parts(self.file.path, self.folder, self.settings.part_bytes)
        for count, part in enumerate([self.file.text] if self.file.text else every):
            self._stage(warehouse, part)
            yield count

    def _stage(self, warehouse: Connection, part: Path) -> None:
        # In order of events a column is long runs of values and of nulls: smaller, faster to ask.
        layout = self.columns.layout
        order = "order by event_name" if layout.of_events else ""
        records = Records(self.file, self.mode, layout, watched(self.columns, self.mode))
        read = f"from {records.sent(part)} {order}"
        warehouse.execute(f"create or replace temp table stage as {read}")
        if not number(warehouse, NOT_REGULAR):
            return
        odd = self._take_odd(warehouse, part, records)
        mended = self.folder / "mended.jsonl"
        mend(odd, mended, layout.keys)
        warehouse.execute(f"insert into stage by name from {records.mended(mended)} {order}")
        mended.unlink()
        if number(warehouse, NOT_REGULAR):
            raise LoadError(
                f"{self.file.path} has a record that DuckDB can't read",
                hint="report it; the days before and after it can be landed alone",
            )

    def _take_odd(self, warehouse: Connection, part: Path, records: Records) -> Path:
        """Remove odd records from temp.stage; a file that has their lines, if need be all lines."""
        odd, apart = number(warehouse, NOT_REGULAR), self.folder / "odd.jsonl"
        with apart.open("wb") as file:
            file.writelines(odd_lines(part, records.layout.keys))
        again = f"from {records.sent(apart)}"
        count = number(warehouse, f"select count(*) {again}")
        # The lines found are the odd ones if they are as many, and none of them is regular.
        if count == odd and not number(warehouse, f"select count(*) {again} where regular"):
            warehouse.execute("delete from stage where not regular")
            return apart
        warehouse.execute("delete from stage")
        return part


NOT_REGULAR = "select count(*) from stage where not regular"


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


def in_pieces(warehouse: Connection, which: str = "true") -> str:
    """SQL: the rows of temp.stage, in a piece for each thread that DuckDB has, unless they are few.

    As one table they would be read by one thread for every READ_AT_ONCE of them.
    """
    rows, threads = _rows_and_threads(warehouse)
    pieces = max(1, min(threads, rows // LEAST_COUNTED))
    return _cut([rows * n // pieces for n in range(1, pieces)], which)


def in_row_groups(warehouse: Connection, which: str) -> str:
    """SQL: the rows of temp.stage that are wanted, so that threads insert whole row groups of them.

    Several small row groups would be merged at some later checkpoint, which also rewrites the full
    ones between them.
    """
    rows, threads = _rows_and_threads(warehouse)
    if rows < threads * READ_AT_ONCE:
        wanted = number(warehouse, f"select count(*) from stage where {which}")
        if ends := row_group_ends(wanted, threads):
            return _cut(_positions(warehouse, ends, which), which)
    return f"(from stage where {which})"  # whole row groups are in what a thread reads at a time


def row_group_ends(rows: int, threads: int) -> list[int]:
    """After which row each thread but the last one stops, so that all share the rows about equally.

    A thread's rows make row groups of their own: whole ones of ROW_GROUP (40,960) rows, and a small
    one of what is left. So only the last thread has rows left, and each has at least one whole row
    group. 150,000 rows are 3 whole row groups and 27,120 rows:

    >>> row_group_ends(150_000, 2)  # the second thread has rows 81,920 to 149,999
    [81920]
    >>> row_group_ends(150_000, 8)  # three threads have work
    [40960, 81920]
    >>> row_group_ends(80_000, 2)
    []
    """
    full = rows // ROW_GROUP
    pieces = min(threads, full)
    equal = [round(rows * n / pieces / ROW_GROUP) for n in range(1, pieces)]
    return [ROW_GROUP * min(n, full - pieces + i) for i, n in enumerate(equal, 1)]


def _rows_and_threads(warehouse: Connection) -> tuple[int, int]:
    rows = number(warehouse, "select count(*) from stage")
    return rows, number(warehouse, "select current_setting('threads')")


def _positions(warehouse: Connection, counts: Sequence[int], which: str) -> list[int]:
    """Before which rows of temp.stage there are so many that are wanted.

    At a multiple of READ_AT_ONCE it is that row of all: a few rows beyond it would be read by
    another thread.
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
    ranges = [f"from stage where {which} and {a} and not ({b})" for a, b in pairwise(starts)]
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


def check_span(warehouse: Connection, file: LandedFile) -> None:
    """EventsOutsideSpanError if a staged record is of none of the file's days."""
    if file.start == file.end:
        return
    query = f"""
        select sum(events) from survey where property is null and (event_date is null
            or event_date not between date '{file.start}' and date '{file.end}')
        """
    if outside := number(warehouse, query):
        raise EventsOutsideSpanError(
            f"{outside} events of {file.start} to {file.end} have no time of these days",
            hint="set MP_PROJECT_TIMEZONE if the project is older than 2023",
            events=outside,
            file=file.path.name,
        )
