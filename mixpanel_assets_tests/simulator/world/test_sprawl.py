from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from mixpanel_assets.simulator.world.saved import saved_in
from mixpanel_assets.simulator.world.sprawl import LEAST_OWN, MOST_OWN, ON_ALL, Sprawl

DAY = date(2024, 1, 4)
BASE = {"time", "distinct_id", "$insert_id", "$mp_api_timestamp_ms", "mp_processing_time_ms"}


def test_a_day_depends_on_nothing_but_seed_and_day():
    assert Sprawl(1).records(DAY) == Sprawl(1).records(DAY)
    assert Sprawl(2).records(DAY) != Sprawl(1).records(DAY)


@pytest.mark.parametrize(("events", "properties"), [(300, 2000), (5, 60), (900, 20), (1, 60)])
def test_there_are_as_many_names_as_asked_for(events, properties):
    world = Sprawl(events=events, properties=properties)
    assert len(set(world.names)) == events
    assert len({*ON_ALL, *(name for own in world.own for name in own)}) == properties
    assert {len(own) for own in world.own} <= set(range(LEAST_OWN, MOST_OWN + 1))
    assert all(len(own) == len(set(own)) for own in world.own)


def test_an_event_has_twelve_common_properties_and_its_own():
    world = Sprawl(events=30, properties=200)
    own = dict(zip(world.names, world.own, strict=True))
    for record in world.records(DAY):
        assert len(ON_ALL) == 12
        had = record["properties"].keys() - {"Plan"}
        assert BASE | {*ON_ALL} | {*own[record["event"]]} >= had
        assert record["properties"].keys() >= {*ON_ALL, *own[record["event"]]}


def test_events_are_as_popular_as_zipf_says():
    world = Sprawl(events=100, properties=100)
    days = [world.records(DAY + timedelta(n)) for n in range(5)]
    counts = Counter(record["event"] for day in days for record in day)
    first, second, tenth = (counts[world.names[n]] for n in (0, 1, 9))
    assert 1.6 < first / second < 2.4
    assert 7 < first / tenth < 13


def test_nothing_about_a_shop_is_saved():
    assert saved_in(Sprawl()).funnels.__dict__ == type(saved_in(None).funnels)().__dict__


@pytest.mark.parametrize(("events", "properties"), [(300, 19), (1, 61), (0, 100)])
def test_names_that_can_not_be_are_refused(events, properties):
    with pytest.raises(ValueError, match="can have from"):
        Sprawl(events=events, properties=properties)
