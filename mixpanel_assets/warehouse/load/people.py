"""internal.people follows the links between ids: what a load changes of them is worked out anew.

Links that don't hang together with a change, over whatever ids, decide nothing about it: only the
ids that do are looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import islice

from mixpanel_assets.warehouse.load.clusters import MOST_IDS, Clusters, Link
from mixpanel_assets.warehouse.load.links import (
    ALIAS,
    DEVICE,
    DEVICE_PREFIX,
    IDENTIFY,
    MERGE,
    RESOLVED,
    find_links,
    of_days,
)
from mixpanel_assets.warehouse.properties import PropertyColumns
from mixpanel_assets.warehouse.sql import Connection, insert_rows, literal, number
from mixpanel_assets.warehouse.tables import IDENTITY_COLUMNS

AT_ONCE = 100_000  # ids that go from Python into a table

# `linked` is the right id of the link that gives `distinct_id` to its person: null if that is the
# person itself, '' if `distinct_id` is the right one.
PEOPLE_TABLES = """
create table if not exists internal.identity_links (
    event_date DATE, kind VARCHAR, left_id VARCHAR, right_id VARCHAR, seen TIMESTAMPTZ);
create table if not exists internal.people (
    distinct_id VARCHAR, person VARCHAR, since TIMESTAMPTZ, kind VARCHAR, linked VARCHAR);
"""
IDENTITIES = f"create view identities as select {', '.join(IDENTITY_COLUMNS)} from internal.people"


def show_people(warehouse: Connection) -> None:
    """Create the view of who is who, if it is missing."""
    query = "select count(*) from duckdb_views() where view_name = 'identities' and not internal"
    if number(warehouse, query):
        return
    warehouse.execute(IDENTITIES)
    for name, (_, meaning) in IDENTITY_COLUMNS.items():
        warehouse.execute(f"comment on column identities.{name} is {literal(meaning)}")


def forget_people(warehouse: Connection) -> None:
    """Forget every link, and whose the ids are."""
    warehouse.execute("delete from internal.identity_links; delete from internal.people")


def update_people(
    warehouse: Connection, columns: PropertyColumns, days: Sequence[date] | None
) -> None:
    """Follow what the events of the days, or all events, say of ids that are one person's."""
    find_links(warehouse, columns, days)
    known = f"from internal.identity_links where {of_days(days)}"
    if warehouse.execute(f"{SUM} (from found_links) except {SUM} ({known})").fetchone() is None:
        return  # none before and none now, or a day landed again says the same
    _replace_links(warehouse, known)
    if days is None:
        _work_out(warehouse, "", "")
        return
    warehouse.execute(CHANGED)
    if number(warehouse, "select count(*) from changed where not simple"):
        _touch(warehouse)
        _work_out(warehouse, *(f"semi join touched on {id_} = id" for id_ in ENDS))


def _replace_links(warehouse: Connection, known: str) -> None:
    """Put temp.found_links in place of the known ones; the differences into tables of their own."""
    lost, new = "from found_links limit 0", "from found_links"
    if number(warehouse, f"select count(*) from ({known} limit 1)"):
        lost, new = f"{known} except all {new}", f"{new} except all {known}"
    warehouse.execute(
        f"""
        create or replace temp table lost_links as {lost};
        create or replace temp table new_links as {new};
        delete {known};
        insert into internal.identity_links from found_links;
        """
    )


ENDS = ("left_id", "distinct_id")

SUM = (
    "select count(*), bit_xor(hash(event_date, kind, left_id, right_id, seen)), "
    "sum(hash(seen, right_id, left_id, kind, event_date)) from"
)

# Another sight of the link that gives an id to its person changes nothing. Nearly every other is
# simple: the first link of a device, to a user who is a person. It adds that one id.
CHANGED = f"""
create or replace temp table changed as
with added as (
    select kind, left_id, right_id, min(seen) as seen
    from new_links group by kind, left_id, right_id
),
again as (select left_id from added group by left_id having count(*) > 1),
ids as materialized (select left_id as id from added union select right_id from added),
known as materialized (from internal.people where distinct_id in (from ids)),
others as materialized (
    select kind, left_id, right_id from internal.identity_links
    where kind <> '{DEVICE}' and (left_id in (from ids) or right_id in (from ids)))
select added.*,
       added.kind = '{DEVICE}' and known.distinct_id is null and left_id not in (from again)
       and left_id not in (select left_id from others)
       and left_id not in (select right_id from others)
       and right_id not in (select left_id from others)
       and right_id not in (select right_id from others where kind <> '{IDENTIFY}')
       and right_id not in (select distinct_id from known) as simple
from added left join known on known.distinct_id = left_id
where (known.kind = added.kind and coalesce(known.linked, known.person) = right_id
       and known.since <= added.seen) is not true
union all
select kind, left_id, right_id, seen, false from lost_links;
insert into internal.people (distinct_id, person, since, kind)
select left_id, right_id, seen, kind from changed where simple;
"""


def _touch(warehouse: Connection) -> None:
    """Put into temp.touched what hangs together with the changes that are not simple."""
    warehouse.execute(
        """
        create or replace temp table touched as
        select left_id as id from changed where not simple
        union select right_id from changed where not simple;
        create or replace temp table frontier as from touched;
        """
    )
    while number(warehouse, "select count(*) from frontier"):
        warehouse.execute(REACHED)
        warehouse.execute("insert into touched from reached")
        warehouse.execute("create or replace temp table frontier as from reached")


REACHED = """
create or replace temp table reached as
select id from (
    select right_id as id from internal.identity_links semi join frontier on left_id = id
    union
    select left_id from internal.identity_links semi join frontier on right_id = id
) anti join touched using (id)
"""


def _work_out(warehouse: Connection, links: str, people: str) -> None:
    """Bring internal.people up to the links; `links` and `people` are SQL of which, of both."""
    warehouse.execute(COUNTED.format(scope=links))
    warehouse.execute(APART)
    warehouse.execute(TOGETHER)
    ordered = warehouse.execute(f"select * from together order by {_ORDER}").fetchall()
    if ordered:
        beside = warehouse.execute(BESIDE).fetchall()
        merged = Clusters(map(Link._make, ordered), beside).merged()
        while some := [one._asdict() for one in islice(merged, AT_ONCE)]:
            insert_rows(warehouse, "temp.merged", some)
    warehouse.execute(NEW_PEOPLE.format(scope=people))


_ORDER = "seen, kind, left_id, right_id"  # in which links count

# Of each id the link that counts: an anonymous one belongs to one user, and an alias to one id.
# What Mixpanel has resolved goes first; an id that is a user is not anonymous.
COUNTED = f"""
create or replace temp table counted as
with links as (
    select kind, left_id, right_id, epoch_us(min(seen)) as seen,
           case when kind = '{ALIAS}' then 'alias'
                when kind in ('{DEVICE}', '{IDENTIFY}') or (
                    kind = '{RESOLVED}' and starts_with(left_id, '{DEVICE_PREFIX}'))
                then 'anonymous' end as given
    from internal.identity_links {{scope}} group by kind, left_id, right_id
)
select kind, left_id, right_id, seen from links where given is null
union all
select kind, left_id, right_id, seen from links
where given is not null and (kind <> '{IDENTIFY}' or left_id not in (
    select right_id from links where kind = '{DEVICE}'))
qualify row_number() over (
    partition by left_id, given order by kind <> '{RESOLVED}', {_ORDER}) = 1
"""

# Nearly every id is in one link only, which gives it to another: that merges nothing else.
APART = f"""
create or replace temp table apart as
select kind, left_id, right_id, seen
from (select *, count(*) over (partition by left_id) as links from counted)
where links = 1 and kind <> '{MERGE}' and left_id not in (select right_id from counted)
"""
# The others are merged in their order, and with them those that count to MOST_IDS.
TOGETHER = f"""
create or replace temp table together as
with counting as (from apart where kind in ('{ALIAS}', '{IDENTIFY}')),
core as (select * from counted anti join apart using (kind, left_id, right_id)),
ids as (
    select left_id as id from core union select right_id from core
    union select right_id from counting group by right_id having count(*) >= {MOST_IDS}
)
from core union all from counting where right_id in (from ids);
delete from apart using together
where apart.left_id = together.left_id and apart.right_id = together.right_id
  and apart.kind = together.kind;
create or replace temp table merged (
    id VARCHAR, person VARCHAR, kind VARCHAR, linked VARCHAR, seen BIGINT);
"""
BESIDE = f"""
select right_id, kind, case when kind = '{RESOLVED}' then max(seen) else min(seen) end
from apart
where right_id in (select left_id from together union select right_id from together)
group by right_id, kind
"""
NEW_PEOPLE = """
create or replace temp table new_people as
select distinct_id, person, make_timestamptz(seen) as since, kind, nullif(linked, person) as linked
from (
    select left_id as distinct_id, coalesce(merged.person, right_id) as person, apart.seen,
           apart.kind, right_id as linked
    from apart left join merged on merged.id = right_id
    union all
    select id, person, seen, kind, linked from merged
);
create or replace temp table old_people as from internal.people {scope};
create or replace temp table same_people as from old_people intersect from new_people;
delete from internal.people where distinct_id in (
    select distinct_id from old_people anti join same_people using (distinct_id));
insert into internal.people from new_people anti join same_people using (distinct_id);
"""
