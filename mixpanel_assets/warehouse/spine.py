"""Who did what and when, as four numbers an event: what analytics read instead of `events_wide`.

A day of it is made when a question first needs it, and again after the day has landed again. It is
in the warehouse's own file, and each day is replaced in a transaction: it is as before, or new.
Nobody's events have the id -1, and those without a time on their day no `ms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from mixpanel_assets.warehouse.connection import as_load_errors, in_transaction
from mixpanel_assets.warehouse.people import PEOPLE, has_people
from mixpanel_assets.warehouse.sql import Connection, first_column, has_tables, literal

ROWS_AT_ONCE = 2_000_000  # days are encoded together up to so many events
NOBODY = "coalesce(distinct_id, '') = ''"
LAYOUT = "2"  # of these tables; another one is made anew
TABLES = ("spine", "spine_ids", "spine_names", "spine_days", "spine_people")

SPINE_COLUMNS = {
    "event_date": ("DATE", "the day Mixpanel exported the event under"),
    "id": ("INTEGER", "a number for the person; -1 if there is none"),
    "ms": ("INTEGER", "when on the project's clock, in ms of the day; null: not on its day"),
    "event": ("INTEGER", "a number for the event's name; -1 if it has none"),
}
_CREATE = f"""
create table internal.spine ({", ".join(f"{n} {kind}" for n, (kind, _) in SPINE_COLUMNS.items())});
create table internal.spine_ids (id INTEGER, distinct_id VARCHAR, person INTEGER);
create table internal.spine_names (event INTEGER, event_name VARCHAR);
create table internal.spine_days (day DATE, loaded_at TIMESTAMPTZ, zone VARCHAR);
create table internal.spine_people (merges VARCHAR);
delete from internal.settings where name = 'spine_layout';
"""
# Of what internal.people holds; another version of DuckDB may hash differently, and makes it anew.
_MERGES = f"select count(*) || ' ' || coalesce(bit_xor(hash(distinct_id, person)), 0) from {PEOPLE}"
_LANDED = "select day, loaded_at, rows from landed where dataset = 'events'"


def stale_days(
    warehouse: Connection, zone: str, first: date | None = None, last: date | None = None
) -> list[date]:
    """The landed days of the range that the spine lacks, or has as they were before."""
    made = "select null::date as day, null::timestamptz as loaded_at where false"
    if exists(warehouse):
        made = f"select day, loaded_at from internal.spine_days where zone = {literal(zone)}"
    return first_column(
        warehouse,
        f"""
        select day from ({_LANDED}) landed
        where coalesce(day >= ?, true) and coalesce(day <= ?, true)
          and not exists (
              from ({made}) made where made.day = landed.day
              and made.loaded_at is not distinct from landed.loaded_at)
        order by day
        """,
        [first, last],
    )


def has_stale_people(warehouse: Connection) -> bool:
    """Whether ids were merged, or no longer are, since the spine was made."""
    if not exists(warehouse):
        return has_people(warehouse)
    known = first_column(warehouse, "select merges from internal.spine_people")
    return merges(warehouse) != (known[0] if known else "")


def merges(warehouse: Connection) -> str:
    """Which ids are merged, in words that differ for others."""
    return first_column(warehouse, _MERGES)[0] if has_people(warehouse) else ""


def make(warehouse: Connection, days: Sequence[date], zone: str) -> None:
    """Make these days of the spine from the landed events, and forget days that are gone.

    LoadError for what DuckDB or the disk could not do.
    """
    with as_load_errors():
        _make(warehouse, days, zone)


def _make(warehouse: Connection, days: Sequence[date], zone: str) -> None:
    if not exists(warehouse):
        with in_transaction(warehouse):
            drop(warehouse)
            warehouse.execute(_CREATE)
            warehouse.execute("insert into internal.settings values ('spine_layout', ?)", [LAYOUT])
    for some in together(warehouse, days):
        with in_transaction(warehouse):
            _replace(warehouse, some, zone)
    if days or has_stale_people(warehouse):
        with in_transaction(warehouse):
            _merge_people(warehouse)


def _merge_people(warehouse: Connection) -> None:
    """Give each id that was merged into another the number of that one."""
    warehouse.execute("update internal.spine_ids set person = null where person is not null")
    if has_people(warehouse):
        warehouse.execute(
            f"""
            insert into internal.spine_ids {_numbered(f"select distinct person from {PEOPLE}")};
            update internal.spine_ids set person = found.person from (
                select ids.id, persons.id as person from {PEOPLE} people
                join internal.spine_ids ids on ids.distinct_id = people.distinct_id
                join internal.spine_ids persons on persons.distinct_id = people.person
            ) found where found.id = spine_ids.id
            """
        )
    warehouse.execute("delete from internal.spine_people")
    warehouse.execute("insert into internal.spine_people values (?)", [merges(warehouse)])


def _numbered(ids: str) -> str:
    """SQL: new ids, given as one column, with numbers."""
    return f"""
        select (select count(*) from internal.spine_ids) - 1 + row_number() over (),
               distinct_id, null
        from ({ids}) fresh (distinct_id) anti join internal.spine_ids using (distinct_id)
        """


def together(warehouse: Connection, days: Sequence[date]) -> Iterator[list[date]]:
    """The days in groups of up to ROWS_AT_ONCE events, or of one day."""
    sizes = {day: rows for day, _, rows in warehouse.execute(_LANDED).fetchall()}
    some: list[date] = []
    for day in days:
        if some and sum(sizes.get(one, 0) for one in (*some, day)) > ROWS_AT_ONCE:
            yield some
            some = []
        some.append(day)
    if some:
        yield some


def _replace(warehouse: Connection, days: list[date], zone: str) -> None:
    listed = f"(select unnest({[str(day) for day in days]}::date[]))"
    at = "event_time" if zone == "UTC" else f"timezone({literal(zone)}, event_time)"
    gone = f"not in (select day from ({_LANDED}))"
    warehouse.execute(
        f"""
        delete from internal.spine where event_date in {listed} or event_date {gone};
        delete from internal.spine_days where day in {listed} or day {gone};
        insert into internal.spine_names
        select (select count(*) from internal.spine_names) - 1 + row_number() over (), event_name
        from (select distinct event_name from events_wide
              where event_date in {listed} and event_name is not null)
        where event_name not in (select event_name from internal.spine_names);
        insert into internal.spine_ids {
            _numbered(
                f"select distinct distinct_id from events_wide "
                f"where event_date in {listed} and not {NOBODY}"
            )
        };
        insert into internal.spine
        select event_date, coalesce(id, -1) as id,
               case when ms between 0 and 86399999 then ms end as ms,
               coalesce(event, -1)
        from (select event_date, distinct_id, event_name,
                     epoch_ms({at}) - epoch_ms(event_date::timestamp) as ms
              from events_wide where event_date in {listed})
        left join internal.spine_ids using (distinct_id)
        left join internal.spine_names using (event_name)
        order by event_date, id, ms;
        insert into internal.spine_days
        select day, loaded_at, {literal(zone)} from ({_LANDED}) where day in {listed};
        """
    )


def drop(warehouse: Connection) -> None:
    """Forget the spine; it is made again when it is needed."""
    for table in TABLES:
        warehouse.execute(f"drop table if exists internal.{table}")


def exists(warehouse: Connection) -> bool:
    """Whether any of it was made, as this version makes it."""
    if not has_tables(warehouse, "internal", *TABLES):
        return False
    query = "select value from internal.settings where name = 'spine_layout'"
    return first_column(warehouse, query) == [LAYOUT]


def days(warehouse: Connection, zone: str) -> list[date]:
    """The landed days that it has, in a time zone."""
    of_zone = f"select day from internal.spine_days where zone = {literal(zone)}"
    return first_column(warehouse, f"{of_zone} and day in (select day from ({_LANDED})) order by 1")


def names(warehouse: Connection) -> dict[str, int]:
    """The number of each event's name."""
    found = warehouse.execute("select event_name, event from internal.spine_names").fetchall()
    return dict(found)
