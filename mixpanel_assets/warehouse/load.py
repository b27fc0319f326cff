"""A landed file becomes rows: exactly the days it covers are replaced, in one transaction."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from mixpanel_assets.errors import EventsOutsideSpanError, LoadError
from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import literal, quoted
from mixpanel_assets.warehouse.mend import mend
from mixpanel_assets.warehouse.properties import (
    UNSEEN,
    PropertyColumns,
    Seen,
    insert_rows,
    merged_type,
)
from mixpanel_assets.warehouse.source import Source, layered
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, create_tables
from mixpanel_assets.warehouse.views import write_event_views

JSON_TYPES = {"UBIGINT": "BIGINT", "ARRAY": "VARCHAR[]", "OBJECT": "JSON"}
NOT_TEXT = ["UBIGINT", "BIGINT", "DOUBLE", "BOOLEAN", "OBJECT", "ARRAY"]
EXACT_IN_DOUBLE = 2**53
LARGEST_BIGINT = 2**63 - 1
SAMPLED_BELOW = 20_000  # events; of a larger load one line in sixteen gives the examples


@dataclass(frozen=True)
class LandedFile:
    """A file on disk, and the days it stands for."""

    path: Path
    start: date
    end: date
    exported_at: datetime
    checksum: str
    days: frozenset[date] | None = None  # only these; None: every day from start to end

    def dates(self) -> list[date]:
        """The days that loading the file replaces."""
        span = (self.start + timedelta(n) for n in range((self.end - self.start).days + 1))
        return [day for day in span if self.days is None or day in self.days]


def load_events(
    warehouse: duckdb.DuckDBPyConnection, file: LandedFile, settings: Settings
) -> list[LandedDay]:
    """Exactly the file's days hold exactly the file's events; all of it or nothing happened.

    Raises EventsOutsideSpanError when a file of several days has an event that belongs to none of
    them, ExportIncompleteError for a line that is no event, LoadError for anything else.
    """
    with surveyed(warehouse, file) as survey, in_transaction(warehouse):
        create_tables(warehouse)
        return replace_days(warehouse, survey, settings)


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


@dataclass(frozen=True)
class Survey:
    """What a landed file holds: counts by day, event, property and JSON type in a table.

    A null property stands for the record itself.
    """

    file: LandedFile
    source: Source
    table: str


@contextmanager
def surveyed(warehouse: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Survey]:
    """The survey of a file, which is mended first if it has lines that DuckDB can't parse.

    Taken before the transaction begins: a line that can't be parsed would end it.
    """
    source = Source((file.path,), file.start, file.end, file.days)
    table = f"scratch.{quoted(file.path.name)}"
    folder: Path | None = None
    try:
        try:
            irregular = _survey(warehouse, source, table)
        except duckdb.InvalidInputException:
            irregular = 1
        if irregular:
            folder = Path(tempfile.mkdtemp(prefix=".mend-", dir=file.path.parent))
            source = _mended(source, folder)
            _survey(warehouse, source, table)
        _check_span(warehouse, source, table)
        yield Survey(file, source, table)
    finally:
        warehouse.execute(f"drop table if exists {table}")
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def replace_days(
    warehouse: duckdb.DuckDBPyConnection, survey: Survey, settings: Settings
) -> list[LandedDay]:
    """Inside a transaction of the caller: the file's days hold the file's events."""
    columns = PropertyColumns.read(warehouse, settings.max_property_columns)
    columns.learn(_properties_seen(warehouse, survey, columns))
    columns.write(warehouse)
    _delete_days(warehouse, survey.file)
    _insert(warehouse, survey.source, columns, settings)
    duplicates = _drop_duplicates(warehouse, survey.file)
    _write_properties(warehouse, survey)
    landed = _record(warehouse, survey, duplicates, settings)
    changed = {column.property for column in (*columns.added, *columns.widened)}
    write_event_views(warehouse, columns, changed, survey.table)
    return landed


def _mended(source: Source, folder: Path) -> Source:
    paths = tuple(folder / path.name for path in source.paths)
    for path, mended in zip(source.paths, paths, strict=True):
        mend(path, mended)
    return replace(source, paths=paths)


def _survey(warehouse: duckdb.DuckDBPyConnection, source: Source, table: str) -> int:
    """The survey's table is there; says how many lines are not as Mixpanel writes them."""
    warehouse.execute(
        f"""
        create or replace table {table} as
        select event_date, event_name, property, type, count(*) as events,
               sum(line_bytes) filter (property is null) as bytes,
               count(*) filter (property is null and not regular) as irregular,
               count(*) filter (property is null and long_integers) as long_integers
        from (
            select event_date, event_name, line_bytes, regular, long_integers,
                   unnest(list_append(json_keys(typed), null)) as property,
                   unnest(list_append(json_type(typed, '$.*'), null)) as type
            from {source.records()}
        )
        group by all
        """
    )
    row = warehouse.execute(f"select coalesce(sum(irregular), 0) from {table}").fetchone()
    return int(row[0]) if row else 0


def _check_span(warehouse: duckdb.DuckDBPyConnection, source: Source, table: str) -> None:
    if source.one_day or source.days is not None:
        return
    row = warehouse.execute(
        f"select sum(events), min(event_date), max(event_date) from {table} "
        "where property is null and (event_date is null or event_date not between ? and ?)",
        [source.start, source.end],
    ).fetchone()
    if row and row[0]:
        raise EventsOutsideSpanError(
            f"{row[0]} events of {source.start} to {source.end} have a time of another day",
            hint="set MP_PROJECT_TIMEZONE if the project is older than 2023; see: mp doctor",
            events=int(row[0]),
            first=str(row[1]),
            last=str(row[2]),
        )


def _properties_seen(
    warehouse: duckdb.DuckDBPyConnection, survey: Survey, columns: PropertyColumns
) -> dict[str, Seen]:
    """Every property of the source, with the narrowest type that holds its values exactly."""
    kinds: dict[str, dict[str, int]] = {}
    for name, kind, events in warehouse.execute(
        f"select property, type, sum(events) from {survey.table} "
        "where property is not null group by all"
    ).fetchall():
        kinds.setdefault(name, {})[JSON_TYPES.get(kind, kind)] = int(events)
    largest = _long_integers(warehouse, survey)
    mixed = _lists_of_other_than_text(warehouse, survey.source, kinds, columns)
    seen = {}
    for name, counts in kinds.items():
        count, magnitude = largest.get(name, (0, 0))
        types = set(counts)
        if count and count == counts.get("DOUBLE"):
            types.discard("DOUBLE")  # integers of more than 64 bits, which DuckDB takes for doubles
        if magnitude > LARGEST_BIGINT:
            types = (types - {"BIGINT"}) | {"HUGEINT"}
        if name in mixed:
            types = (types - {"VARCHAR[]"}) | {"JSON"}
        wide = magnitude > EXACT_IN_DOUBLE
        seen[name] = Seen(merged_type(types, wide=wide), wide, sum(counts.values()))
    return seen


def _long_integers(
    warehouse: duckdb.DuckDBPyConnection, survey: Survey
) -> dict[str, tuple[int, int]]:
    """Per property with integers of 16 digits or more: how many exceed 64 bits, and the largest."""
    row = warehouse.execute(f"select sum(long_integers) from {survey.table}").fetchone()
    if not row or not row[0]:
        return {}
    rows = warehouse.execute(
        f"""
        select property, count(*) filter (type = 'DOUBLE'), max(abs(value::hugeint))
        from (
            select unnest(json_keys(typed)) as property,
                   unnest(json_type(typed, '$.*')) as type,
                   unnest(json_extract(typed, '$.*'))::varchar as value
            from {survey.source.records()} where long_integers
        )
        where type in ('UBIGINT', 'BIGINT', 'DOUBLE') and regexp_full_match(value, '-?[0-9]{{16,}}')
        group by property
        """
    ).fetchall()
    return {name: (int(count), int(magnitude)) for name, count, magnitude in rows}


def _lists_of_other_than_text(
    warehouse: duckdb.DuckDBPyConnection,
    source: Source,
    kinds: dict[str, dict[str, int]],
    columns: PropertyColumns,
) -> set[str]:
    """The properties with a list that has an element which is neither text nor null."""
    names = [
        name
        for name, counts in kinds.items()
        if "VARCHAR[]" in counts
        and ((known := columns.get(name)) is None or known.type in ("VARCHAR[]", UNSEEN))
    ]
    if not names:
        return set()
    layers, found = layered(dict.fromkeys(names, "JSON"))
    odd = ", ".join(
        f"bool_or(list_has_any(json_type({found[name]}, '$[*]'), {NOT_TEXT}))" for name in names
    )
    row = warehouse.execute(f"select {odd} from {source.records(layers)}").fetchone() or ()
    return {name for name, is_odd in zip(names, row, strict=True) if is_odd}


def _delete_days(warehouse: duckdb.DuckDBPyConnection, file: LandedFile) -> None:
    days = _listed(file)
    warehouse.execute(f"delete from events_wide where event_date in ({days})")
    warehouse.execute(f"delete from internal.property_days where event_date in ({days})")
    warehouse.execute(f"delete from landed where dataset = 'events' and day in ({days})")


def _insert(
    warehouse: duckdb.DuckDBPyConnection,
    source: Source,
    columns: PropertyColumns,
    settings: Settings,
) -> None:
    physical = columns.physical()
    base = dict.fromkeys(BASE_PROPERTIES, "VARCHAR")
    layers, found = layered({**base, **{column.property: column.type for column in physical}})
    values = {
        "event_date": "event_date",
        "event_name": "event_name",
        "event_time": f"timezone({literal(settings.project_timezone or 'UTC')}, time)",
        "processed_at": "timezone('UTC', processed)",
        "properties": "properties::json",
        **{
            column: found[name]
            for name, column in BASE_PROPERTIES.items()
            if column not in ("event_time", "processed_at")
        },
        **{column.column: found[column.property] for column in physical},
    }
    warehouse.execute(
        f"insert into events_wide ({', '.join(map(quoted, values))}) "
        f"select {', '.join(values.values())} from {source.records(layers)} order by event_name"
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


def _write_properties(warehouse: duckdb.DuckDBPyConnection, survey: Survey) -> None:
    """property_days counts the rows that stayed, and every property seen has an example."""
    warehouse.execute(
        f"""
        insert into internal.property_days
        select event_date, event_name, property, type, sum(events) as events
        from (
            select event_date, event_name, property, type, events
            from {survey.table} where property is not null
            union all
            select *, -1 from superseded_properties
        )
        group by all having sum(events) > 0
        """
    )
    row = warehouse.execute(
        f"select sum(events) from {survey.table} where property is null"
    ).fetchone()
    events = int(row[0] or 0) if row else 0
    if events > SAMPLED_BELOW:
        _add_examples(warehouse, survey, "where line_bytes % 16 = 0")
    _add_examples(warehouse, survey, "")


def _add_examples(warehouse: duckdb.DuckDBPyConnection, survey: Survey, where: str) -> None:
    """Events that have properties without an example get one from the records that are left."""
    lacking = f"""
        select distinct event_name, property
        from {survey.table} survey
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
            select event_name, unnest(json_keys(typed)) as property,
                   unnest(json_extract(typed, '$.*'))::varchar as example
            from {survey.source.records()} {where}
        )
        semi join ({lacking}) using (event_name, property)
        where example <> 'null'
        group by event_name, property
        """
    )


def _record(
    warehouse: duckdb.DuckDBPyConnection,
    survey: Survey,
    duplicates: dict[date, int],
    settings: Settings,
) -> list[LandedDay]:
    """`landed` has a row for each day of the file, also for an empty one."""
    counts = {
        day: (int(events), int(size))
        for day, events, size in warehouse.execute(
            f"select event_date, sum(events), sum(bytes) from {survey.table} "
            "where property is null group by 1"
        ).fetchall()
    }
    file = survey.file
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
