"""A landed file of all profiles becomes a snapshot: what changed since the last one is added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import duckdb

from mixpanel_assets.errors import LoadError
from mixpanel_assets.results import Snapshot
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.comments import renew_comments
from mixpanel_assets.warehouse.connection import in_transaction, literal
from mixpanel_assets.warehouse.create import create_profile_tables, forget_properties
from mixpanel_assets.warehouse.load import (
    as_load_errors,
    insert_typed,
    tell_repaired,
)
from mixpanel_assets.warehouse.properties import PropertyColumns, insert_rows
from mixpanel_assets.warehouse.source import LONG_NUMBER, LandedFile, in_utc, work_folder
from mixpanel_assets.warehouse.stage import number
from mixpanel_assets.warehouse.survey import Source, survey_files
from mixpanel_assets.warehouse.tables import PROFILES
from mixpanel_assets.warehouse.views import write_profile_views

# What the download took is still this process': DuckDB has the rest of MP_MEMORY_LIMIT.
SHARE_OF_MEMORY = 0.6


def load_snapshots(
    warehouse: duckdb.DuckDBPyConnection,
    files: Sequence[LandedFile],
    settings: Settings,
    *,
    anew: bool = False,
) -> list[Snapshot]:
    """`profiles` holds exactly the last file's profiles, `profile_history` what led there.

    The files are snapshots of different days, in order; a snapshot of a day that is there already
    replaces that one, and `anew` replaces all. All of it or nothing happened. Raises LoadError,
    also for a day before one that is there.
    """
    with as_load_errors(), _sparing_memory(warehouse), work_folder(files[0].path) as folder:
        create_profile_tables(warehouse)
        known = [] if anew else PropertyColumns.known(warehouse, PROFILES.dataset)
        columns = PropertyColumns(known, settings.max_property_columns, PROFILES)
        sources = survey_files(warehouse, files, columns, settings, folder, anew=anew)
        with in_transaction(warehouse):
            if anew:
                forget_properties(warehouse, PROFILES)
            columns.write(warehouse)  # before any row: DuckDB before 2.0 commits no other order
            _undo_from(warehouse, None if anew else files[0].start)
            snapshots = [
                _take(warehouse, source, columns, count) for count, source in enumerate(sources)
            ]
            write_profile_views(warehouse, columns)
            _write_counts(warehouse, len(files) - 1)
        renew_comments(warehouse)
    tell_repaired({snapshot.day: snapshot.repaired for snapshot in snapshots}, "profile")
    return snapshots


@contextmanager
def _sparing_memory(warehouse: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """DuckDB takes less memory in the block than it otherwise may."""
    row = warehouse.execute("select current_setting('memory_limit')").fetchone()
    limit = str(row[0]) if row else ""
    size, unit = limit.split()
    warehouse.execute(f"set memory_limit = '{float(size) * SHARE_OF_MEMORY:.1f} {unit}'")
    try:
        yield
    finally:
        warehouse.execute(f"set memory_limit = '{limit}'")


def files_in_use(warehouse: duckdb.DuckDBPyConnection) -> dict[date, str]:
    """Of each day that has a snapshot the name of its landed file."""
    with as_load_errors():
        create_profile_tables(warehouse)
        return dict(
            warehouse.execute("select day, file from landed where dataset = 'profiles'").fetchall()
        )


def _undo_from(warehouse: duckdb.DuckDBPyConnection, day: date | None) -> None:
    """No snapshot of the day, or of any if there is none, was ever taken."""
    if day is None:
        warehouse.execute("delete from profiles_wide")
        warehouse.execute("delete from landed where dataset = 'profiles'")
        return
    later = warehouse.execute(
        "select max(day) from landed where dataset = 'profiles' and day > ?", [day]
    ).fetchone()
    if later and later[0]:
        raise LoadError(
            f"a snapshot of {later[0]} is there already, and this one is of {day}",
            hint="snapshots can only be added in order: check the clock and the time zone; if that "
            f"one was taken by a wrong clock, remove its landed file, profiles.{later[0]}.*, and "
            "run: mp rebuild profiles",
        )
    warehouse.execute("delete from profiles_wide where valid_from = ?", [day])
    warehouse.execute("update profiles_wide set valid_to = null where valid_to = ?", [day])
    warehouse.execute("delete from landed where dataset = 'profiles' and day = ?", [day])


def _take(
    warehouse: duckdb.DuckDBPyConnection, source: Source, columns: PropertyColumns, file: int
) -> Snapshot:
    """What is not as it was is added, what it replaces or is gone is closed, `landed` says so."""
    day = source.file.start
    warehouse.execute(BEGIN)
    for _ in source.stage_parts(warehouse):
        warehouse.execute(COMPARE)
        warehouse.execute(COMPARE_AGAIN)
        _insert(warehouse, columns, day)
    warehouse.execute(END)
    warehouse.execute(
        f"update profiles_wide set valid_to = date '{day}' where rowid in (from outdated)"
    )
    if number(warehouse, TWICE):
        raise LoadError(f"{source.file.path} has a profile twice", hint="report it")
    new, changed, removed = (
        number(warehouse, f"select count(*) from compared_all where {which}")
        for which in ("kind = 'new'", "kind = 'changed'", "kind = 'removed'")
    )
    return _record(warehouse, source.file, file, Snapshot(day, 0, new, changed, removed))


def _members(properties: str) -> str:
    """SQL: the properties and their values by name, in whatever order they were sent.

    Null for what is no object, or has a number that DuckDB would round: that is compared as text.
    """
    return (
        f"case when json_type({properties}) = 'OBJECT' "
        f"and not regexp_matches({properties}, {literal(LONG_NUMBER)}) "
        f"then list_sort(list_zip(json_keys({properties}), "
        f"json_extract({properties}, '$.*')::varchar[])) end"
    )


# A row is known by its rowid: what is in the file and in the history alike stays untouched. Two
# hashes of 64 bits stand for the properties, so that a million profiles are compared in memory.
BEGIN = """
create or replace temp table current_rows as
select rowid as stored, distinct_id, hash(properties) as hash_1, hash(properties, 1) as hash_2
from profiles_wide where valid_to is null;
create or replace temp table compared_all (staged BIGINT, stored BIGINT, kind VARCHAR);
"""
COMPARE = """
create or replace temp table compared as
select stage.rowid as staged, known.stored,
       case when known.stored is null then 'new'
            when known.hash_1 = hash(stage.properties) and known.hash_2 = hash(stage.properties, 1)
            then 'same' else 'changed' end as kind
from stage left join current_rows known on known.distinct_id is not distinct from stage.distinct_id;
"""
# Few get this far, unless Mixpanel sends properties in another order than it used to.
COMPARE_AGAIN = f"""
update compared set kind = 'same' from (
    select changed.staged
    from (from compared where kind = 'changed') changed
    join stage on stage.rowid = changed.staged
    join profiles_wide known on known.rowid = changed.stored
    where {_members("stage.properties")} = {_members("known.properties")}
) alike
where compared.staged = alike.staged;
insert into compared_all from compared;
"""
END = """
insert into compared_all
select null, stored, 'removed' from current_rows anti join compared_all using (stored);
create or replace temp table outdated as
select stored from compared_all where kind in ('changed', 'removed');
"""
TWICE = """
select count(*) from (
    select 1 from profiles_wide where valid_to is null group by distinct_id having count(*) > 1)
"""


def _insert(warehouse: duckdb.DuckDBPyConnection, columns: PropertyColumns, day: date) -> None:
    insert_typed(
        warehouse,
        columns,
        {
            "distinct_id": "distinct_id",
            "last_seen": in_utc("seen"),  # it comes without a zone, in UTC
            "valid_from": f"date '{day}'",
            "valid_to": "null",
        },
        casts={"seen": ("$last_seen", "timestamp")},
        which="rowid in (select staged from compared where kind <> 'same')",
    )


def _record(
    warehouse: duckdb.DuckDBPyConnection, file: LandedFile, count: int, snapshot: Snapshot
) -> Snapshot:
    """`landed` has a row for the snapshot."""
    rows, size, repaired = warehouse.execute(
        "select sum(events), sum(bytes), sum(repaired) from surveys "
        f"where property is null and file = {count}"
    ).fetchone() or (0, 0, 0)
    snapshot = replace(snapshot, rows=int(rows or 0), repaired=int(repaired or 0))
    row: dict[str, object] = {
        "dataset": PROFILES.dataset,
        "day": snapshot.day,
        "rows": snapshot.rows,
        "duplicates": 0,
        "bytes": int(size or 0),
        "file": file.path.name,
        "exported_at": file.exported_at.isoformat(),
        "loaded_at": datetime.now(UTC).isoformat(),
        "checksum": file.checksum,
        "partial": False,
        "repaired": snapshot.repaired,
    }
    insert_rows(warehouse, "landed", [row])
    return snapshot


def _write_counts(warehouse: duckdb.DuckDBPyConnection, file: int) -> None:
    """Which properties the last snapshot's profiles carry, and an example of each."""
    warehouse.execute(
        f"""
        delete from internal.profile_counts;
        insert into internal.profile_counts
        select surveys.property, surveys.type, sum(surveys.events), any_value(examples.example)
        from surveys left join examples using (property)
        where surveys.property is not null and surveys.file = {file}
        group by all;
        """
    )
