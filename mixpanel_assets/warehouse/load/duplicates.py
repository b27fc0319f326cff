"""Which rows Mixpanel takes for one event: the newest of them stays.

The key is event, distinct_id, time and $insert_id; rows without $insert_id have none. It is held as
128 bits of hashes, so that the keys of millions of rows fit in memory.
https://developer.mixpanel.com/reference/event-deduplication
"""

from __future__ import annotations

from datetime import date

from mixpanel_assets.warehouse.load.stage import counted
from mixpanel_assets.warehouse.sql import Connection, number


def begin_keys(warehouse: Connection) -> None:
    """Make the tables of keys, empty."""
    warehouse.execute(
        """
        create or replace temp table keys (
            file INTEGER, hash_1 UBIGINT, hash_2 UBIGINT, processed DOUBLE);
        create or replace temp table kept (hash_1 UBIGINT, hash_2 UBIGINT);
        """
    )


def add_keys(warehouse: Connection, file: int) -> None:
    """Remember the keys of what is staged."""
    warehouse.execute(
        f"insert into keys select {file}, hash_1, hash_2, processed from stage where has_key"
    )


def find_duplicates(warehouse: Connection) -> None:
    """Put the keys that several rows share into temp.newest, and when the newest came in."""
    warehouse.execute(
        """
        create or replace temp table newest as
        select hash_1, hash_2, max(processed) as processed
        from keys group by hash_1, hash_2 having count(*) > 1;
        drop table keys;
        """
    )


def without_duplicates(warehouse: Connection, dropped: dict[date, int]) -> str:
    """SQL: which rows of temp.stage no other replaces; the others are in `dropped`, by day.

    temp.surveys no longer counts what those carry.
    """
    if not number(warehouse, "select count(*) from newest"):
        return "true"
    warehouse.execute(SUPERSEDED)
    warehouse.execute("insert into kept select hash_1, hash_2 from superseded where not lost")
    warehouse.execute(
        "create or replace temp table lost as select * from stage "
        "where rowid in (select row from superseded where lost)"
    )
    query = "select event_date, count(*) from lost group by 1"
    for day, rows in warehouse.execute(query).fetchall():
        dropped[day] = dropped.get(day, 0) + rows
    warehouse.execute(
        f"insert into surveys by name select * exclude (bytes) from ({counted('lost', '-')})"
    )
    return "rowid not in (select row from superseded where lost)"


SUPERSEDED = """
create or replace temp table superseded as
select stage.rowid as row, stage.hash_1, stage.hash_2,
       stage.processed < newest.processed or kept.hash_1 is not null
       or row_number() over (
           partition by stage.hash_1, stage.hash_2 order by stage.processed desc, stage.rowid desc
       ) > 1 as lost
from stage join newest using (hash_1, hash_2) left join kept using (hash_1, hash_2)
where stage.has_key
"""
