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
from mixpanel_assets.warehouse.duplicates import (
    add_keys,
    begin_keys,
    drop_duplicates,
    find_duplicates,
    forget_keys,
)
from mixpanel_assets.warehouse.mend import mend
from mixpanel_assets.warehouse.properties import PropertyColumns, insert_rows
from mixpanel_assets.warehouse.source import (
    VALUES,
    LandedFile,
    Mode,
    in_utc,
    layered,
    parts,
    timestamp,
    work_folder,
)
from mixpanel_assets.warehouse.stage import (
    LargeNumbersError,
    UnparsableError,
    check_span,
    counted,
    number,
    properties_seen,
    stage,
)
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, create_tables, forget_properties
from mixpanel_assets.warehouse.views import write_event_views

SAMPLED_BELOW = 20_000
ROW_GROUP = 122_880  # rows that DuckDB compresses together


def load_events(
    warehouse: duckdb.DuckDBPyConnection, file: LandedFile, settings: Settings
) -> list[LandedDay]:
    """Exactly the file's days hold exactly the file's events; all of it or nothing happened.

    Raises EventsOutsideSpanError when a file of several days has an event that belongs to none of
    them, ExportIncompleteError for a line that is no event, LoadError for anything else.
    """
    return load_files(warehouse, [file], settings)


def files_in_use(warehouse: duckdb.DuckDBPyConnection) -> set[str]:
    """The names of the landed files that hold the rows of at least one day."""
    query = "select distinct file from landed where dataset = 'events'"
    with _as_load_errors():
        create_tables(warehouse)
        return {name for (name,) in warehouse.execute(query).fetchall()}


def load_files(
    warehouse: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    settings: Settings,
    *,
    anew: bool = False,
) -> list[LandedDay]:
    """As `load_events`, for several files in one transaction; `anew` with nothing else left."""
    with _as_load_errors(), work_folder(files[0].path) as folder:
        create_tables(warehouse)
        known = [] if anew else PropertyColumns.known(warehouse)
        columns = PropertyColumns(known, settings.max_property_columns)
        begin_keys(warehouse)
        warehouse.execute(SURVEYS)
        if anew:
            warehouse.execute("delete from examples")
        sources = _survey_files(warehouse, files, columns, settings, folder)
        with in_transaction(warehouse):
            if anew:
                forget_properties(warehouse)
            columns.write(warehouse)  # before any row: DuckDB before 2.0 commits no other order
            replaced = _delete_days(warehouse, files, everything=anew)
            days = [day for source in sources for day in _insert_file(warehouse, source, columns)]
            _write_properties(warehouse)
            write_event_views(warehouse, columns)
            _spare_vacuum(warehouse, days, replaced)
        return days


@contextmanager
def _as_load_errors() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise LoadError(f"the load failed, and changed nothing: {error}") from error


@dataclass(frozen=True)
class _Source:
    """A file to load, mended if it had to be."""

    file: LandedFile
    path: Path
    mode: Mode
    settings: Settings
    folder: Path
    staged: bool = False  # it is all in temp.stage already

    def stage_parts(self, warehouse: duckdb.DuckDBPyConnection) -> Iterator[int]:
        """temp.stage has one part after the other; their numbers."""
        if self.staged:
            yield 0
            return
        for count, part in enumerate(parts(self.path, self.folder, self.settings.part_bytes)):
            stage(warehouse, part, self.file, self.mode)
            yield count


def _survey_files(
    warehouse: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    columns: PropertyColumns,
    settings: Settings,
    folder: Path,
) -> list[_Source]:
    """The files are counted in temp.surveys, and the registry knows each of their properties.

    Nothing of the warehouse is changed, and no transaction is open: a line that DuckDB can't parse
    would end it.
    """
    sources = []
    for count, file in enumerate(files):
        source = _Source(file, file.path, columns.mode(), settings, folder)
        source, parts_ = _survey_in_some_mode(warehouse, source, columns, count)
        sources.append(replace(source, staged=parts_ == 1 and len(files) == 1))
    find_duplicates(warehouse)
    return sources


def _survey_in_some_mode(
    warehouse: duckdb.DuckDBPyConnection, source: _Source, columns: PropertyColumns, file: int
) -> tuple[_Source, int]:
    """The source in the fastest mode that reads it right, and how many parts it has."""
    try:
        return source, _survey_file(warehouse, source, columns, file)
    except LargeNumbersError:
        again = replace(source, mode="exact")
    except UnparsableError as error:
        # DuckDB refuses a whole file for one odd line.
        if source.mode == "mended":
            raise LoadError(
                f"{source.file.path} has a record that DuckDB can't read: {error.__cause__}",
                hint="report it; the days before and after it can be landed alone",
            ) from error
        again = replace(source, path=source.folder / source.path.name, mode="mended")
        mend(source.path, again.path)
    forget_keys(warehouse, file)
    warehouse.execute(f"delete from surveys where file = {file}")
    return _survey_in_some_mode(warehouse, again, columns, file)


def _survey_file(
    warehouse: duckdb.DuckDBPyConnection, source: _Source, columns: PropertyColumns, file: int
) -> int:
    count = 0
    for count in source.stage_parts(warehouse):  # noqa: B007  the last one is wanted
        warehouse.execute(f"create or replace temp table survey as {counted('stage')}")
        check_span(warehouse, source.file)
        columns.learn(properties_seen(warehouse, columns, source.mode))
        add_keys(warehouse, file)
        _add_examples(warehouse)
        warehouse.execute(f"insert into surveys by name select {file} as file, * from survey")
    return count + 1


SURVEYS = """
create or replace temp table surveys (
    file INTEGER, event_date DATE, event_name VARCHAR, property VARCHAR, type VARCHAR,
    events BIGINT, bytes BIGINT, long_integers BIGINT);
create or replace temp table examples as from internal.property_examples;
"""


def _insert_file(
    warehouse: duckdb.DuckDBPyConnection, source: _Source, columns: PropertyColumns
) -> list[LandedDay]:
    """The file's records are in the table, without duplicates, and `landed` says so."""
    dropped: dict[date, int] = {}
    for _ in source.stage_parts(warehouse):
        drop_duplicates(warehouse, dropped)
        _insert(warehouse, columns, source.settings)
    return _record(warehouse, source.file, dropped, source.settings)


def _write_properties(warehouse: duckdb.DuckDBPyConnection) -> None:
    """What the rows carry, by day, and an example of each."""
    warehouse.execute(
        """
        insert into internal.property_days
        select event_date, event_name, property, type, sum(events) as events
        from surveys where property is not null
        group by all having sum(events) > 0;
        delete from internal.property_examples;
        insert into internal.property_examples from examples;
        """
    )


@contextmanager
def in_transaction(warehouse: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Everything in the block is committed together, or nothing of it ever was."""
    warehouse.execute("begin")
    try:
        yield
        warehouse.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):  # DuckDB may have ended the transaction itself
            warehouse.execute("rollback")
        raise


def _spare_vacuum(
    warehouse: duckdb.DuckDBPyConnection, days: Sequence[LandedDay], replaced: int
) -> None:
    """The next checkpoint leaves full row groups as they are if nothing was deleted.

    It would write them anew to fill up the last one before them, which takes as long as the load.
    """
    appended = not replaced and sum(day.rows for day in days) >= ROW_GROUP
    warehouse.execute("set max_vacuum_tasks = 0" if appended else "reset max_vacuum_tasks")


def _delete_days(
    warehouse: duckdb.DuckDBPyConnection, files: Sequence[LandedFile], *, everything: bool
) -> int:
    """The days have no rows any more; how many events they had."""
    days = ", ".join(f"date '{day}'" for file in files for day in file.dates())
    deleted = 0
    for table, day in (
        ("internal.property_days", "event_date"),
        ("landed", "dataset = 'events' and day"),
        ("events_wide", "event_date"),
    ):
        which = f"{day} is not null" if everything else f"{day} in ({days})"
        deleted = number(warehouse, f"delete from {table} where {which}")
    return deleted


def _insert(
    warehouse: duckdb.DuckDBPyConnection, columns: PropertyColumns, settings: Settings
) -> None:
    physical = columns.physical()
    texts = dict.fromkeys(BASE_PROPERTIES, "VARCHAR")
    layers, found = layered(
        {**texts, **{column.property: column.type for column in physical}}, VALUES
    )
    zone = settings.project_timezone
    moment = timestamp("time_number")
    values = {
        "event_date": "event_date",
        "event_name": "event_name",
        **{column: found[name] for name, column in BASE_PROPERTIES.items()},
        "event_time": f"timezone({literal(zone)}, {moment})" if zone else in_utc(moment),
        "processed_at": in_utc(timestamp("processed_number")),
        "properties": "properties",
        **{column.column: found[column.property] for column in physical},
    }
    warehouse.execute(
        f"""
        insert into events_wide ({", ".join(map(quoted, values))})
        select {", ".join(values.values())}
        from (
            select *, try_cast({found["time"]} as double) as time_number,
                   try_cast({found["mp_processing_time_ms"]} as double) as processed_number
            from (select event_date, event_name, properties, {", ".join(layers)} from stage)
        )
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
            from examples known
            where known.event_name is not distinct from survey.event_name
              and known.property = survey.property)
    """
    if not warehouse.execute(f"from ({lacking}) limit 1").fetchall():
        return
    warehouse.execute(
        f"""
        insert into examples
        select event_name, property, any_value(example)
        from (
            select event_name, unnest(json_keys(value)) as property,
                   unnest(json_extract(value, '$.*'))::varchar as example
            from (select *, {VALUES} as value from stage {where})
        )
        semi join ({lacking}) using (event_name, property)
        where example <> 'null'
        group by event_name, property
        """
    )


def _record(
    warehouse: duckdb.DuckDBPyConnection,
    file: LandedFile,
    dropped: dict[date, int],
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
        partial = day > last_whole_day
        landed.append(LandedDay(day, events, dropped.get(day, 0), size, partial, file.path.name))
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
