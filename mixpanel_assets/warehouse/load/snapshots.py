"""A landed file of all profiles becomes a snapshot: what changed since the last one is added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from mixpanel_assets.errors import LoadError
from mixpanel_assets.landed import LandedFile
from mixpanel_assets.results import Snapshot
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import as_load_errors
from mixpanel_assets.warehouse.load.comments import renew_comments
from mixpanel_assets.warehouse.load.create import create_profile_tables, forget_properties
from mixpanel_assets.warehouse.load.events import insert_typed, note_repaired
from mixpanel_assets.warehouse.load.recorded import Recorded, record_landed
from mixpanel_assets.warehouse.load.stage import Source
from mixpanel_assets.warehouse.load.survey import surveyed
from mixpanel_assets.warehouse.load.views import write_profile_views
from mixpanel_assets.warehouse.numbers import LONG_NUMBER
from mixpanel_assets.warehouse.records import in_utc
from mixpanel_assets.warehouse.sql import Connection, first_column, literal, number
from mixpanel_assets.warehouse.tables import PROFILES

# The process still has the memory that the download took: DuckDB has the rest of MP_MEMORY_LIMIT.
SHARE_OF_MEMORY = 0.6


def load_snapshots(
    warehouse: Connection, files: Sequence[LandedFile], settings: Settings, *, rebuild: bool = False
) -> list[Snapshot]:
    """Load snapshots of different days, in order, or change nothing.

    `profiles` then holds exactly the last file's profiles, `profile_history` what led there. A
    snapshot of a day that is there already replaces that one, and `rebuild` replaces all. Raises
    LoadError, also for a day before one that is there.
    """
    with as_load_errors(), _sparing_memory(warehouse):
        create_profile_tables(warehouse)
        with surveyed(warehouse, files, PROFILES, settings, fresh=rebuild) as survey:
            if rebuild:
                forget_properties(warehouse, PROFILES)
            survey.columns.write(warehouse)  # before any row: DuckDB before 2.0 commits no other
            _undo_from(warehouse, None if rebuild else files[0].start)
            snapshots = [
                _take(warehouse, source, count) for count, source in enumerate(survey.sources)
            ]
            write_profile_views(warehouse, survey.columns)
            _write_counts(warehouse, len(files) - 1)
        renew_comments(warehouse)
    note_repaired({snapshot.day: snapshot.repaired for snapshot in snapshots}, "profile")
    return snapshots


@contextmanager
def _sparing_memory(warehouse: Connection) -> Iterator[None]:
    """Let DuckDB take less memory in the block than it otherwise may."""
    (limit,) = first_column(warehouse, "select current_setting('memory_limit')")
    size, unit = limit.split()
    warehouse.execute(f"set memory_limit = '{float(size) * SHARE_OF_MEMORY:.1f} {unit}'")
    try:
        yield
    finally:
        warehouse.execute(f"set memory_limit = '{limit}'")


def _undo_from(warehouse: Connection, day: date | None) -> None:
    """Undo the snapshot of the day if it is there; None undoes all of them."""
    if day is None:
        warehouse.execute("delete from profiles_wide")
        warehouse.execute("delete from landed where dataset = 'profiles'")
        return
    query = "select max(day) from landed where dataset = 'profiles' and day > ?"
    (later,) = first_column(warehouse, query, [day])
    if later:
        raise LoadError(
            f"a snapshot of {later} is there already, and this one is of {day}",
            hint="snapshots can only be added in order: check the clock and the time zone; if that "
            f"one was taken by a wrong clock, remove its landed file, profiles.{later}.*, and "
            "run: mp rebuild profiles",
        )
    warehouse.execute("delete from profiles_wide where valid_from = ?", [day])
    warehouse.execute("update profiles_wide set valid_to = null where valid_to = ?", [day])
    warehouse.execute("delete from landed where dataset = 'profiles' and day = ?", [day])


def _take(warehouse: Connection, source: Source, count: int) -> Snapshot:
    """Add what is not as it was, close what it replaces or is gone, and record it in `landed`."""
    file, day = source.file, source.file.start
    warehouse.execute(BEGIN)
    for _ in source.stage_parts(warehouse):
        warehouse.execute(COMPARE)
        warehouse.execute(COMPARE_AGAIN)
        _insert(warehouse, source)
    warehouse.execute(END)
    warehouse.execute(
        f"update profiles_wide set valid_to = date '{day}' where rowid in (from outdated)"
    )
    if number(warehouse, TWICE):
        raise LoadError(f"{file.path} has a profile twice", hint="report it")
    new, changed, removed = (
        number(warehouse, f"select count(*) from compared_all where kind = '{kind}'")
        for kind in ("new", "changed", "removed")
    )
    held = f"from surveys where property is null and file = {count}"
    rows, size, repaired = (
        number(warehouse, f"select sum({what}) {held}") for what in ("events", "bytes", "repaired")
    )
    at, name = file.exported_at, file.path.name
    recorded = Recorded(
        PROFILES.dataset, day, rows, size, at, file=name, checksum=file.checksum, repaired=repaired
    )
    record_landed(warehouse, recorded)
    return Snapshot(day, rows, new, changed, removed, repaired=repaired)


def _members(properties: str) -> str:
    """SQL: the properties and their values by name, in whatever order they were sent.

    Null for what is not an object, or has a number that DuckDB would round: then the text counts.
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


def _insert(warehouse: Connection, source: Source) -> None:
    values = {
        "distinct_id": "distinct_id",
        "last_seen": in_utc("seen"),  # it comes without a zone, in UTC
        "valid_from": f"date '{source.file.start}'",
        "valid_to": "null",
    }
    added = "rowid in (select staged from compared where kind <> 'same')"
    insert_typed(
        warehouse, source, values, casts={"seen": ("$last_seen", "timestamp")}, which=added
    )


def _write_counts(warehouse: Connection, file: int) -> None:
    """Record which properties the last snapshot's profiles carry, and an example of each."""
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
