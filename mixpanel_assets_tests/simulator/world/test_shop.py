from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import chain

import pytest

from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.records import decode
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

FIRST = date(2024, 1, 1)
DAY = date(2024, 1, 4)


@pytest.fixture(scope="module")
def day():
    return World(1, FIRST).records(DAY)


def _key(record):
    names = ("distinct_id", "time", "$insert_id")
    return record["event"], *(record["properties"].get(name) for name in names)


def test_a_day_depends_on_nothing_but_seed_and_day(day):
    again = World(1, FIRST)
    again.records(FIRST)

    assert again.records(DAY) == day
    assert World(2, FIRST).records(DAY) != day
    assert [decode(line) for line in again.lines(DAY)] == day


def test_a_day_is_of_the_size_asked_for(day):
    week = [len(World(1, FIRST).records(FIRST + timedelta(days=n))) for n in range(7)]

    assert 2300 < sum(week) / 7 < 2700
    assert week[5] < week[2]


def test_an_average_event_looks_like_the_web_sdks(day):
    size = sum(map(len, World(1, FIRST).lines(DAY))) / len(day)
    count = sum(len(record["properties"]) for record in day) / len(day)

    assert 700 < size < 900
    assert 26 <= count <= 32


def test_a_day_is_in_no_order_and_in_utc(day):
    times = [record["properties"]["time"] for record in day]

    assert times != sorted(times)
    assert all(1704326400000 <= at < 1704412800000 for at in times)


def test_a_purchase_follows_the_buyers_add_to_cart(day):
    filled = {}
    for record in day:
        if record["event"] == "Add To Cart" and "distinct_id" in record["properties"]:
            buyer, at = record["properties"]["distinct_id"], record["properties"]["time"]
            filled[buyer] = min(at, filled.get(buyer, at))
    bought = [r["properties"] for r in day if r["event"] == "Purchase"]

    assert len(bought) > 20
    # An Add To Cart may be the one record of its day that lost its distinct_id.
    early = [
        p for p in bought if "distinct_id" in p and filled.get(p["distinct_id"], 0) > p["time"]
    ]
    assert early == []


def test_people_come_back_and_fewer_with_time():
    world = World(1, FIRST)

    def people(offset):
        found = world.records(DAY + timedelta(days=offset))
        return {r["properties"].get("$user_id") for r in found} - {None}

    new = {r["properties"]["$user_id"] for r in world.records(DAY) if r["event"] == "Sign Up"}
    next_day, weeks_later = (len(new & people(n)) for n in (1, 21))
    assert len(new) > next_day > weeks_later > 0


def test_a_person_keeps_their_country(day):
    homes = Counter()
    for user, country in {
        (r["properties"].get("$user_id"), r["properties"]["mp_country_code"]) for r in day
    }:
        homes[user] += user is not None
        assert country
    assert max(homes.values()) == 1


def test_a_few_records_of_a_day_are_odd(day):
    properties = [record["properties"] for record in day]

    assert any("$insert_id" not in p for p in properties)
    assert any("distinct_id" not in p for p in properties)
    assert any("Plan" in p and "plan" in p for p in properties)
    assert {type(p["score"]) for p in properties if "score" in p} == {int, str}
    assert None in [p["coupon"] for p in properties if "coupon" in p]


def test_one_record_in_two_hundred_comes_twice(day):
    twice = [key for key, n in Counter(map(_key, day)).items() if n == 2 and key[3]]
    pair = [r["properties"]["mp_processing_time_ms"] for r in day if _key(r) == twice[0]]

    assert 0.004 < len(twice) / len(day) < 0.006
    assert len(set(pair)) == 2


def test_nothing_happened_before_the_first_day(simulate, export):
    sim = simulate(Store(world=World(1, FIRST, 50)))

    assert export(sim, "2023-12-01", "2023-12-31").content == b""


def test_a_store_serves_its_world_and_what_was_added(simulate, event, export, records):
    sim = simulate(Store(world=World(1, FIRST, 50)))
    sim.store.add([event("added")])

    found = records(export(sim))

    assert found == [*World(1, FIRST, 50).records(date(2024, 1, 2)), event("added")]
    assert records(export(sim)) == found


def test_today_holds_what_has_arrived_by_now(simulate, export, records):
    noon = 1704888000000
    sim = simulate(Store(world=World(1, FIRST, 500, late_share=0.2)))
    today = records(export(sim, "2024-01-10"))
    yesterday = records(export(sim, "2024-01-09"))

    assert 0 < len(today) < 400
    assert max(r["properties"]["mp_processing_time_ms"] for r in today + yesterday) <= noon
    assert len(yesterday) < len(World(1, FIRST, 500, late_share=0.2).records(date(2024, 1, 9)))


def test_a_world_ends_on_its_last_day(simulate, export):
    sim = simulate(Store(world=World(1, FIRST, 50), last_day=date(2024, 1, 2)))

    assert export(sim, "2024-01-03").content == b""
    assert sim.store.days() == [FIRST, date(2024, 1, 2)]


def test_a_legacy_project_sees_every_event_once(simulate, export, records):
    sim = simulate(Store(world=World(1, FIRST, 80)), project=Project(timezone="US/Pacific"))
    local = [records(export(sim, f"2024-01-0{n}")) for n in (1, 2, 3)]
    world = chain(*(World(1, FIRST, 80).records(FIRST + timedelta(days=n)) for n in range(4)))
    utc = {_key(r)[3]: r["properties"]["time"] for r in world}

    shifts = {utc[_key(r)[3]] - r["properties"]["time"] for r in chain(*local) if _key(r)[3]}
    assert shifts == {8 * 3_600_000}
    assert all(len(day) > 40 for day in local)
