"""A landed file becomes rows: exactly the days it covers are replaced, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import duckdb

from mixpanel_assets.errors import LoadError
from mixpanel_assets.notes import note
from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.comments import renew_comments
from mixpanel_assets.warehouse.connection import ROW_GROUP, in_transaction, literal, quoted
from mixpanel_assets.warehouse.create import create_tables, forget_properties
from mixpanel_assets.warehouse.duplicates import without_duplicates
from mixpanel_assets.warehouse.properties import PropertyColumns, insert_rows
from mixpanel_assets.warehouse.source import (
    VALUES,
    LandedFile,
    in_utc,
    layered,
    timestamp,
    work_folder,
)
from mixpanel_assets.warehouse.stage import in_row_groups, number
from mixpanel_assets.warehouse.survey import Source, survey_files
from mixpanel_assets.warehouse.tables import EVENTS
from mixpanel_assets.warehouse.views import write_event_views

MERGED_AFTER = 10  # loads; small ones have a row group of their own until then


def load_events(
    warehouse: duckdb.DuckDBPyConnection, file: LandedFile, settings: Settings
) -> list[LandedDay]:
    """Exactly the file's days hold exactly the file's events; all of it or nothing happened.

    Raises EventsOutsideSpanError when a file of several days has an event that belongs to none of
    them, ExportIncompleteError for a line that is no event, LoadError for anything else.
    """
    return load_files(warehouse, [file], settings)


def files_in_use(warehouse: duckdb.DuckDBPyConnection) -> dict[date, str]:
    """Of each day of events that the table holds, empty ones too, the name of its landed file."""
    query = "select day, file from landed where dataset = 'events'"
    with as_load_errors():
        create_tables(warehouse)
        return dict(warehouse.execute(query).fetchall())


def load_files(
    warehouse: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    settings: Settings,
    *,
    anew: bool = False,
) -> list[LandedDay]:
    """As `load_events`, for several files in one transaction; `anew` with nothing else left."""
    with as_load_errors(), work_folder(files[0].path) as folder:
        create_tables(warehouse)
        known = [] if anew else PropertyColumns.known(warehouse)
        columns = PropertyColumns(known, settings.max_property_columns)
        sources = survey_files(warehouse, files, columns, settings, folder, anew=anew)
        with in_transaction(warehouse):
            if anew:
                forget_properties(warehouse, EVENTS)
            _delete(warehouse, COUNTS, files, everything=anew)
            columns.write(warehouse)  # before any row: DuckDB before 2.0 commits no other order
            replaced = _delete(warehouse, ROWS, files, everything=anew)
            days = [day for source in sources for day in _insert_file(warehouse, source, columns)]
            _write_properties(warehouse)
            write_event_views(warehouse, columns)
            _spare_vacuum(warehouse, days, replaced)
        renew_comments(warehouse)  # views made anew have none; DuckDB before 2.0: not in there
    tell_repaired({day.day: day.repaired for day in days}, "event")
    return days


def tell_repaired(by_day: Mapping[date, int], kind: str) -> None:
    """Tell whoever lands it of records that `properties` does not show as they were sent."""
    days = [day for day, repaired in by_day.items() if repaired]
    if days:
        count = sum(by_day.values())
        note(
            f"{count:,} {kind}{'s' if count > 1 else ''} of {days[0]}"
            f"{f' to {days[-1]}' if len(days) > 1 else ''} had text that is not Unicode: "
            "U+FFFD stands for it in properties; the landed file has what was sent"
        )


@contextmanager
def as_load_errors() -> Iterator[None]:
    """What DuckDB or the disk could not do is a LoadError."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise LoadError(
            f"the load failed, and changed nothing: {error}", hint=_hint(error)
        ) from error


def _hint(error: Exception) -> str | None:
    if isinstance(error, duckdb.OutOfMemoryException):
        return "raise MP_MEMORY_LIMIT, or set MP_THREADS=1"
    if isinstance(error, (OSError, duckdb.IOException, duckdb.TransactionException)):
        return "is the disk full, or not writable? then run the same again"
    return None


def _insert_file(
    warehouse: duckdb.DuckDBPyConnection, source: Source, columns: PropertyColumns
) -> list[LandedDay]:
    """The file's records are in the table, without duplicates, and `landed` says so."""
    dropped = insert_events(warehouse, source, columns)
    return _record(warehouse, source.file, dropped, source.settings)


def insert_events(
    warehouse: duckdb.DuckDBPyConnection, source: Source, columns: PropertyColumns
) -> dict[date, int]:
    """The file's records are in the table; the duplicates that were left out, by day."""
    dropped: dict[date, int] = {}
    for _ in source.stage_parts(warehouse):
        which = without_duplicates(warehouse, dropped)
        _insert(warehouse, columns, source.settings, which)
    return dropped


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


def _spare_vacuum(
    warehouse: duckdb.DuckDBPyConnection, days: Sequence[LandedDay], replaced: int
) -> None:
    """The next checkpoint leaves row groups as they are, but after deletes and many small loads.

    To fill up small ones it writes full ones beside them anew, which can be all of the table.
    """
    loads = number(
        warehouse, "select count(distinct loaded_at) from landed where dataset = 'events'"
    )
    small = sum(day.rows for day in days) < ROW_GROUP and loads % MERGED_AFTER == 0
    warehouse.execute("reset max_vacuum_tasks" if replaced or small else "set max_vacuum_tasks = 0")


# What a day has, by the column or condition of the day: what is counted, and what that is of.
COUNTS = {"internal.property_days": "event_date"}
ROWS = {"landed": "dataset = 'events' and day", "events_wide": "event_date"}


def _delete(
    warehouse: duckdb.DuckDBPyConnection,
    tables: Mapping[str, str],
    files: Sequence[LandedFile],
    *,
    everything: bool,
) -> int:
    """Delete what the tables have of the files' days; how many rows the last table had."""
    days = ", ".join(f"date '{day}'" for file in files for day in file.dates())
    deleted = 0
    for table, day in tables.items():
        which = f"{day} is not null" if everything else f"{day} in ({days})"
        deleted = number(warehouse, f"delete from {table} where {which}")
    return deleted


def _insert(
    warehouse: duckdb.DuckDBPyConnection, columns: PropertyColumns, settings: Settings, which: str
) -> None:
    zone = settings.project_timezone
    moment = timestamp("time_number")
    insert_typed(
        warehouse,
        columns,
        {
            "event_date": "event_date",
            "event_name": "event_name",
            "event_time": f"timezone({literal(zone)}, {moment})" if zone else in_utc(moment),
            "processed_at": in_utc(timestamp("processed_number")),
        },
        casts={
            "time_number": ("time", "double"),
            "processed_number": ("mp_processing_time_ms", "double"),
        },
        which=which,
    )


def insert_typed(
    warehouse: duckdb.DuckDBPyConnection,
    columns: PropertyColumns,
    values: Mapping[str, str],
    *,
    casts: Mapping[str, tuple[str, str]],
    which: str = "true",
) -> None:
    """The table has the rows of temp.stage, each property in its column, `values` in base columns.

    `values` are SQL over the row, in which `casts` are names for base properties as another type. A
    base column that is not among the values has its property as text.
    """
    base = columns.layout.base
    physical = columns.physical()
    texts = dict.fromkeys(base, "VARCHAR")
    layers, found = layered(
        {**texts, **{column.property: column.type for column in physical}}, VALUES
    )
    rows = in_row_groups(warehouse, which)
    all_values = {
        **{column: found[name] for name, column in base.items()},
        "properties": "properties",
        **values,
        **{column.column: found[column.property] for column in physical},
    }
    cast = [f", try_cast({found[p]} as {type_}) as {name}" for name, (p, type_) in casts.items()]
    warehouse.execute(
        f"""
        insert into {quoted(columns.layout.table)} ({", ".join(map(quoted, all_values))})
        select {", ".join(all_values.values())}
        from (select *{"".join(cast)} from (select *, {", ".join(layers)} from {rows}))
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
        day: tuple(map(int, numbers))
        for day, *numbers in warehouse.execute(
            "select event_date, sum(events), sum(bytes), sum(repaired) from surveys "
            "where property is null group by 1"
        ).fetchall()
    }
    last_whole_day = file.exported_at.astimezone(settings.zone).date() - timedelta(days=1)
    landed = []
    for day in file.dates():
        events, size, repaired = counts.get(day, (0, 0, 0))
        partial = day > last_whole_day
        landed.append(
            LandedDay(
                day, events, dropped.get(day, 0), size, partial, file.path.name, repaired=repaired
            )
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
            "repaired": day.repaired,
        }
        for day in landed
    ]
    insert_rows(warehouse, "landed", rows)
    return landed
