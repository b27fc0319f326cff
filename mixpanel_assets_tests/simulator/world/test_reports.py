"""What a world's reports say is what SQL says over the events that it exports."""

from __future__ import annotations

from datetime import date

import duckdb
import httpx
import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

FIRST, NOW = date(2024, 1, 1), 1_704_888_000.0
DAYS = {"from_date": "2024-01-01", "to_date": "2024-01-10"}
ONCE = """
create table events as
select e->>'event' as name, e.properties->>'distinct_id' as who,
       epoch_ms((e.properties->>'time')::bigint) as moment, moment::date::varchar as day,
       date_trunc('week', moment)::date::varchar as week, e.properties as p
from (select line::json as e from exported)
qualify e.properties->>'$."$insert_id"' is null or 1 = row_number() over (
    partition by name, who, moment, e.properties->>'$."$insert_id"'
    order by (e.properties->>'mp_processing_time_ms')::bigint desc)
"""


# The anonymous events of a device are those of the user who is first seen on it.
LOGINS = """
update events set who = logins.who from (
    select '$device:' || (p->>'$."$device_id"') as anonymous, arg_min(who, moment) as who
    from events where (p->>'$."$user_id"') is not null group by 1) logins
where events.who = anonymous
"""


@pytest.fixture(scope="module")
def sim():
    """A world of ten days, the last of which is half over."""
    with Simulator(Store(world=World(3, FIRST, 400, late_share=0.05)), clock=lambda: NOW) as sim:
        yield sim


@pytest.fixture(scope="module")
def sql(sim):
    """Asks DuckDB about the exported events, each once."""
    asked = {"project_id": "12345", "time_in_ms": "true", **DAYS}
    account = (sim.project.username, sim.project.secret)
    exported = httpx.get(f"{sim.url}/api/2.0/export", params=asked, auth=account)
    with duckdb.connect() as database:
        lines = [line for line in exported.text.split("\n") if line]
        database.execute("create table exported as select unnest(?) as line", [lines])
        database.execute(ONCE)
        database.execute(LOGINS)
        yield lambda query: database.execute(query).fetchall()


def _rows(values):
    """(name, bucket, number) of every value."""
    return sorted((name, label, n) for name, dates in values.items() for label, n in dates.items())


def test_some_of_the_worlds_records_come_twice(sim, sql):
    [(records,)] = sql("select count(*) from exported")
    [(events,)] = sql("select count(*) from events")

    assert events < records


@pytest.mark.parametrize("unit", ["day", "week"])
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("general", "count(*)"),
        ("unique", "count(distinct who)"),
        ("average", "count(*) / count(distinct who)"),
    ],
)
def test_counts_of_events_agree(sim, sql, ask, unit, kind, number):
    names = ["Page View", "Purchase", "Sign Up"]

    found = ask(sim, "events", event=names, type=kind, unit=unit, **DAYS)["data"]["values"]

    query = f"select name, {unit}, {number} from events where name in {tuple(names)} group by 1, 2"
    assert _rows(found) == sorted(sql(query))


def test_segments_agree(sim, sql, ask):
    asked = {"event": "Page View", "on": 'properties["plan"]', "type": "unique", **DAYS}

    found = ask(sim, "segmentation", where='properties["load_ms"] < 1000', **asked)

    query = """select p->>'plan', day, count(distinct who) from events
        where name = 'Page View' and (p->>'load_ms')::int < 1000 group by 1, 2"""
    assert _rows(found["data"]["values"]) == sorted(sql(query))


def test_sums_and_averages_agree(sim, sql, ask):
    asked = {"event": "Search", "on": 'properties["score"]', **DAYS}

    total = ask(sim, "segmentation/sum", **asked)["results"]
    mean = ask(sim, "segmentation/average", **asked)["results"]

    query = """select day, sum(score), avg(score) from (
        select day, coalesce(try_cast(p->>'score' as bigint), 0) as score
        from events where name = 'Search') group by 1 order by 1"""
    assert [*zip(total, total.values(), mean.values(), strict=True)] == sql(query)


def test_a_funnel_agrees(sim, sql, ask):
    found = ask(sim, "funnels", funnel_id=7500, interval=10, **DAYS)["data"]["2024-01-01"]

    query = """
    with a as (select who, min(moment) as a from events
               where name = 'Add To Cart' and who is not null group by 1),
         b as (select a.who, a, min(moment) as b from a join events e on e.who = a.who
               and name = 'Checkout Started' and moment between a and a + interval 1 day
               group by 1, 2),
         c as (select b.who from b join events e on e.who = b.who
               and name = 'Purchase' and moment between b and a + interval 1 day group by 1)
    select (select count(*) from a), (select count(*) from b), (select count(*) from c)"""
    assert [tuple(step["count"] for step in found["steps"])] == sql(query)


def test_retention_agrees(sim, sql, ask):
    asked = {"born_event": "Sign Up", "event": "Purchase", "interval_count": 2, **DAYS}

    found = ask(sim, "retention", **asked)

    query = """
    with born as (select who, min(moment) as born from events
                  where name = 'Sign Up' and who is not null group by 1),
         back as (select distinct born.who, (epoch_ms(moment) - epoch_ms(born)) // 86400000 as n
                  from born join events e on e.who = born.who
                  where name = 'Purchase' and moment >= born)
    select born::date::varchar, count(distinct born.who), count(*) filter (n = 0),
           count(*) filter (n = 1), count(*) filter (n = 2)
    from born left join back using (who) group by 1 order by 1"""
    rows = [(day, one["first"], *one["counts"]) for day, one in found.items()]
    assert rows == sql(query)


def test_frequency_agrees(sim, sql, ask):
    asked = {"event": "Search", "unit": "day", "addiction_unit": "hour", **DAYS}

    found = ask(sim, "retention/addiction", **asked)["data"]

    query = """select day, count(*), count(*) filter (hours >= 2) from (
        select day, who, count(distinct hour(moment)) as hours from events
        where name = 'Search' and who is not null group by 1, 2) group by 1 order by 1"""
    assert [(day, *numbers[:2]) for day, numbers in found.items()] == sql(query)


def test_names_properties_and_values_agree(sim, sql, ask):
    names = "select name from events group by 1 order by count(*) desc, 1"
    assert [(one,) for one in ask(sim, "events/names", type="general")] == sql(names)

    top = ask(sim, "events/properties/top", event="Purchase", limit=200)
    keys = """select key, count(*) from (select unnest(json_keys(p)) as key, p from events
        where name = 'Purchase') where p->>('$."' || key || '"') is not null
        and key not in ('time', 'distinct_id') group by 1 order by 1"""
    assert sorted((name, one["count"]) for name, one in top.items()) == sql(keys)

    values = ask(sim, "events/properties/values", event="Purchase", name="coupon")
    coupons = """select p->>'coupon' from events where name = 'Purchase'
        and (p->>'coupon') is not null group by 1 order by count(*) desc, 1"""
    assert [(one,) for one in values] == sql(coupons)


def test_a_world_has_saved_a_few_things(sim, ask, app):
    def listed(path, **params):
        return app(sim, f"/projects/12345/{path}", **params).json()["results"]

    assert [one["name"] for one in ask(sim, "funnels/list")] == [
        "Checkout",
        "From sign-up to purchase",
    ]
    reports = listed("bookmarks", v="2")
    assert [one["type"] for one in reports] == [
        *("insights", "insights", "funnels", "retention", "flows")
    ]
    assert len(listed("annotations")) == 2
    assert len(ask(sim, "cohorts/list")) == 3
    described = {one["name"] for one in listed("schemas/event")}
    assert described == set(ask(sim, "events/names", type="general"))
    assert [one["name"] for one in listed("schemas/profile")] == ["$user"]


def test_what_a_lexicon_describes_is_there(sim, ask, app):
    for schema in app(sim, "/projects/12345/schemas/event").json()["results"]:
        found = ask(sim, "events/properties/top", event=schema["name"], limit=200)
        assert set(schema["schemaJson"]["properties"]) <= set(found)


def test_a_worlds_saved_reports_have_numbers(sim, ask):
    for saved in sim.bookmarks:
        if saved.type == "flows":
            found = ask(sim, "arb_funnels", bookmark_id=saved.id, query_type="flows_sankey")
            assert found["overallConversionRate"] > 0
        else:
            assert ask(sim, "insights", bookmark_id=saved.id)["series"]


def test_a_project_without_a_world_has_saved_nothing(simulate, ask, app):
    empty = simulate()

    assert ask(empty, "funnels/list") == []
    assert app(empty, "/projects/12345/schemas").json()["results"] == []
    assert app(empty, "/projects/12345/annotations").json()["results"] == []
    assert app(empty, "/projects/12345/bookmarks", v="2").json()["results"] == []
