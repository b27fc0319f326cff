"""A landed file becomes rows: exactly the days it covers are replaced, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from mixpanel_assets.errors import LoadError
from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import literal, quoted
from mixpanel_assets.warehouse.mend import mend
from mixpanel_assets.warehouse.properties import PropertyColumns, insert_rows
from mixpanel_assets.warehouse.source import (
    LandedFile,
    layered,
    parts,
    timestamp,
    work_folder,
)
from mixpanel_assets.warehouse.stage import UnparsableError, number, properties_seen, stage
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, create_tables, forget_properties
from mixpanel_assets.warehouse.views import write_event_views

SAMPLED_BELOW = 20_000

# Before 2.0, DuckDB commits no change of a table's columns that comes after one of its rows.
ALTERS_AFTER_ROWS = int(duckdb.__version__.split(".")[0]) >= 2


def load_events(
    warehouse: duckdb.DuckDBPyConnection, file: LandedFile, settings: Settings
) -> list[LandedDay]:
    """Exactly the file's days hold exactly the file's events; all of it or nothing happened.

    Raises EventsOutsideSpanError when a file of several days has an event that belongs to none of
    them, ExportIncompleteError for a line that is no event, LoadError for anything else.
    """
    return load_files(warehouse, [file], settings)


def load_files(
    warehouse: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    settings: Settings,
    *,
    anew: bool = False,
) -> list[LandedDay]:
    """As `load_events`, for several files in one transaction; `anew` with nothing else left."""
    create_tables(warehouse)
    with work_folder(files[0].path) as folder:
        load = _Load(warehouse, files, settings, folder, anew=anew)
        try:
            return load.run()
        except UnparsableError:
            # DuckDB refuses a whole file for one odd line. It is mended, and loaded from the start.
            better = [replace(file, path=folder / file.path.name) for file in files]
            for file, mended in zip(files, better, strict=True):
                mend(file.path, mended.path)
            return replace(load, files=better).run()


@dataclass(frozen=True)
class _Load:
    """One transaction: the files' days hold the files' events."""

    warehouse: duckdb.DuckDBPyConnection
    files: Sequence[LandedFile]
    settings: Settings
    folder: Path
    anew: bool

    def run(self) -> list[LandedDay]:
        """What was loaded. Raises UnparsableError, and has changed nothing then."""
        try:
            return self._run(columns_first=False)
        except _ColumnsTooLateError:
            return self._run(columns_first=True)

    def _run(self, *, columns_first: bool) -> list[LandedDay]:
        with in_transaction(self.warehouse):
            if self.anew:
                forget_properties(self.warehouse)
            columns = PropertyColumns.read(self.warehouse, self.settings.max_property_columns)
            if columns_first:
                self._learn_columns(columns)
            days: list[LandedDay] = []
            for file in self.files:
                days += self._replace_days(file, columns, first=not days)
            write_event_views(self.warehouse, columns)
            return days

    def _learn_columns(self, columns: PropertyColumns) -> None:
        for file in self.files:
            for part in parts(file.path, self.folder, self.settings.part_bytes):
                stage(self.warehouse, part, file)
                columns.learn(properties_seen(self.warehouse, columns))
        columns.write(self.warehouse)

    def _replace_days(
        self, file: LandedFile, columns: PropertyColumns, *, first: bool
    ) -> list[LandedDay]:
        warehouse = self.warehouse
        warehouse.execute(
            "create or replace temp table surveys as "
            "select *, 0::bigint as bytes from internal.property_days limit 0"
        )
        for number_, part in enumerate(parts(file.path, self.folder, self.settings.part_bytes)):
            stage(warehouse, part, file)
            columns.learn(properties_seen(warehouse, columns))
            rows_changed = number_ > 0 or not first
            if rows_changed and columns.alters() and not ALTERS_AFTER_ROWS:
                raise _ColumnsTooLateError
            columns.write(warehouse)
            if number_ == 0:
                _delete_days(warehouse, file, everything=self.anew and first)
            _insert(warehouse, columns, self.settings)
            _add_examples(warehouse)
            warehouse.execute(
                "insert into surveys by name "
                "select * exclude (irregular, long_integers) from survey"
            )
        duplicates = _drop_duplicates(warehouse, file)
        _write_property_days(warehouse)
        return _record(warehouse, file, duplicates, self.settings)


class _ColumnsTooLateError(Exception):
    """Rows were changed already, and a column has to be."""


@contextmanager
def in_transaction(warehouse: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Everything in the block is committed together, or nothing of it ever was."""
    warehouse.execute("begin")
    try:
        yield
        warehouse.execute("commit")
    except BaseException as error:
        with suppress(duckdb.Error):  # DuckDB may have ended the transaction itself
            warehouse.execute("rollback")
        if isinstance(error, duckdb.Error):
            raise LoadError(f"the load failed, and changed nothing: {error}") from error
        raise


def _delete_days(
    warehouse: duckdb.DuckDBPyConnection, file: LandedFile, *, everything: bool
) -> None:
    for table, day in (
        ("events_wide", "event_date"),
        ("internal.property_days", "event_date"),
        ("landed", "dataset = 'events' and day"),
    ):
        which = f"{day} is not null" if everything else f"{day} in ({_listed(file)})"
        warehouse.execute(f"delete from {table} where {which}")


def _insert(
    warehouse: duckdb.DuckDBPyConnection, columns: PropertyColumns, settings: Settings
) -> None:
    physical = columns.physical()
    texts = dict.fromkeys(BASE_PROPERTIES, "VARCHAR")
    layers, found = layered({**texts, **{column.property: column.type for column in physical}})
    zone = literal(settings.project_timezone or "UTC")
    values = {
        "event_date": "event_date",
        "event_name": "event_name",
        **{column: found[name] for name, column in BASE_PROPERTIES.items()},
        "event_time": f"timezone({zone}, {timestamp('time_number')})",
        "processed_at": f"timezone('UTC', {timestamp('processed_number')})",
        "properties": "properties::json",
        **{column.column: found[column.property] for column in physical},
    }
    # In order of events, a column is long runs of values and of nulls: smaller, and faster to ask.
    warehouse.execute(
        f"""
        insert into events_wide ({", ".join(map(quoted, values))})
        select {", ".join(values.values())}
        from (
            select *, try_cast({found["time"]} as double) as time_number,
                   try_cast({found["mp_processing_time_ms"]} as double) as processed_number
            from (select event_date, event_name, properties, {", ".join(layers)} from stage)
        )
        order by event_name
        """
    )


def _drop_duplicates(warehouse: duckdb.DuckDBPyConnection, file: LandedFile) -> dict[date, int]:
    """Of rows with one Mixpanel key the newest is left; says how many went, by day.

    The key is event, distinct_id, time and $insert_id; rows without $insert_id are never equal.
    https://developer.mixpanel.com/reference/event-deduplication
    """
    key = "event_name, distinct_id, event_time, insert_id"
    fresh = f"event_date in ({_listed(file)}) and insert_id is not null"
    # Hashes first: they need little memory, and most loads end here.
    warehouse.execute(
        f"""
        create or replace temp table superseded as
        with candidates as (
            select rowid as row, event_date, {key}, processed_at,
                   case when event_time is null then properties->>'$.time' end as odd_time
            from events_wide
            where {fresh} and hash({key}) in (
                select hash({key}) from events_wide where {fresh}
                group by hash({key}) having count(*) > 1)
        )
        select row, event_date from candidates
        qualify row_number() over (
            partition by {key}, odd_time order by processed_at desc nulls last, row desc) > 1
        """
    )
    dropped = dict(
        warehouse.execute("select event_date, count(*) from superseded group by 1").fetchall()
    )
    warehouse.execute(
        """
        create or replace temp table superseded_properties as
        select event_date, event_name, unnest(json_keys(properties)) as property,
               unnest(json_type(properties, '$.*')) as type
        from events_wide
        where rowid in (select row from superseded) and json_type(properties) = 'OBJECT'
        """
    )
    if dropped:
        warehouse.execute("delete from events_wide where rowid in (select row from superseded)")
    return dropped


def _write_property_days(warehouse: duckdb.DuckDBPyConnection) -> None:
    """What the rows that stayed carry, by day."""
    warehouse.execute(
        """
        insert into internal.property_days
        select event_date, event_name, property, type, sum(events) as events
        from (
            select event_date, event_name, property, type, events
            from surveys where property is not null
            union all
            select *, -1 from superseded_properties
        )
        group by all having sum(events) > 0
        """
    )


def _add_examples(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Every property that is staged has an example for each event that carries it."""
    # Of a large part one record in sixteen has an example of nearly everything.
    if number(warehouse, "select sum(events) from survey where property is null") > SAMPLED_BELOW:
        _take_examples(warehouse, "where line_bytes % 16 = 0")
    _take_examples(warehouse, "")


def _take_examples(warehouse: duckdb.DuckDBPyConnection, where: str) -> None:
    lacking = """
        select distinct event_name, property
        from survey
        where property is not null and type <> 'NULL' and not exists (
            from internal.property_examples known
            where known.event_name is not distinct from survey.event_name
              and known.property = survey.property)
    """
    if not warehouse.execute(f"from ({lacking}) limit 1").fetchall():
        return
    warehouse.execute(
        f"""
        insert into internal.property_examples
        select event_name, property, any_value(example)
        from (
            select event_name, unnest(json_keys(values)) as property,
                   unnest(json_extract(values, '$.*'))::varchar as example
            from (select *, coalesce(typed, properties) as values from stage {where})
        )
        semi join ({lacking}) using (event_name, property)
        where example <> 'null'
        group by event_name, property
        """
    )


def _record(
    warehouse: duckdb.DuckDBPyConnection,
    file: LandedFile,
    duplicates: dict[date, int],
    settings: Settings,
) -> list[LandedDay]:
    """`landed` has a row for each day of the file, also for an empty one."""
    counts = {
        day: (int(events), int(size))
        for day, events, size in warehouse.execute(
            "select event_date, sum(events), sum(bytes) from surveys "
            "where property is null group by 1"
        ).fetchall()
    }
    last_whole_day = file.exported_at.astimezone(settings.zone).date() - timedelta(days=1)
    landed = []
    for day in file.dates():
        events, size = counts.get(day, (0, 0))
        dropped = duplicates.get(day, 0)
        landed.append(
            LandedDay(day, events - dropped, dropped, size, day > last_whole_day, file.path.name)
        )
    now = datetime.now(UTC).isoformat()
    rows: list[dict[str, object]] = [
        {
            "dataset": "events",
            "day": day.day,
            "rows": day.rows,
            "duplicates": day.duplicates,
            "bytes": day.bytes,
            "file": day.file,
            "exported_at": file.exported_at.isoformat(),
            "loaded_at": now,
            "checksum": file.checksum,
            "partial": day.partial,
        }
        for day in landed
    ]
    insert_rows(warehouse, "landed", rows)
    return landed


def _listed(file: LandedFile) -> str:
    return ", ".join(f"date {literal(str(day))}" for day in file.dates())
