from __future__ import annotations

from datetime import date, timedelta

import pytest

from mixpanel_assets.simulator.world.shop import World

FIRST = date(2024, 1, 1)
DAY = date(2024, 2, 10)


def _by_id(profiles):
    return {one["$distinct_id"]: one["$properties"] for one in profiles}


@pytest.fixture(scope="module")
def world():
    return World(1, FIRST, 200)


@pytest.fixture(scope="module")
def profiles(world):
    return _by_id(world.profiles(DAY))


def test_profiles_depend_on_nothing_but_seed_and_day(world, profiles):
    assert _by_id(World(1, FIRST, 200).profiles(DAY)) == profiles
    assert _by_id(World(2, FIRST, 200).profiles(DAY)) != profiles
    assert world.profiles(FIRST - timedelta(days=1)) == []


def test_whoever_signed_up_has_a_profile_from_that_day_on(world, profiles):
    for day in (DAY, FIRST):
        new = {
            record["properties"]["$user_id"]
            for record in world.records(day)
            if record["event"] == "Sign Up" and "$user_id" in record["properties"]
        }
        assert new
        assert new <= profiles.keys()
    assert new & _by_id(world.profiles(FIRST - timedelta(days=0))).keys() == new


def test_every_user_that_events_name_has_a_profile(world, profiles):
    named = {record["properties"].get("$user_id") for record in world.records(DAY)} - {None}

    assert named <= profiles.keys()


def test_a_profile_agrees_with_the_events_of_its_day(world, profiles):
    for record in world.records(DAY):
        properties = record["properties"]
        if "$user_id" in properties:
            found = profiles[properties["$user_id"]]
            assert (found["plan"], found["$city"]) == (properties["plan"], properties["$city"])
            assert found["$country_code"] == properties["mp_country_code"]


@pytest.mark.parametrize("day", [FIRST, DAY, date(2024, 12, 1)])
def test_one_to_three_in_a_hundred_profiles_change_in_a_day(world, day):
    before, after = (_by_id(world.profiles(day + timedelta(days=n))) for n in (0, 1))

    changed = [one for one in before if before[one] != after[one]]

    assert before.keys() < after.keys()
    assert 0.01 < len(changed) / len(before) < 0.03


def test_what_changes_is_the_plan_and_what_a_visit_leaves(world, profiles):
    after = _by_id(world.profiles(DAY + timedelta(days=1)))

    names = {
        name
        for one, before in profiles.items()
        for name in before.keys() | after[one].keys()
        if before.get(name) != after[one].get(name)
    }

    moving = {"plan", "Plan", "$last_seen", "visits", "lifetime_value", "loyalty_points"}
    assert {"plan", "$last_seen", "visits"} <= names <= moving


def test_a_profile_was_made_before_it_was_last_seen(profiles):
    for found in profiles.values():
        last = found.get("$last_seen", "9999")
        assert found["$created"][:10] <= last[:10]
        assert "$last_seen" not in found or last[:10] <= str(DAY)


def test_profiles_are_as_untidy_as_in_the_field(profiles):
    found = list(profiles.values())

    assert {type(one["loyalty_points"]) for one in found} == {int, str}
    assert {type(one["theme"]) for one in found} == {str, int, bool, type(None)}
    assert any("$email" not in one for one in found)
    assert any("$last_seen" not in one for one in found)
    assert any("Plan" in one for one in found)
    assert any("\u2028" in one["note"] for one in found)
    assert any("東京" in one["$city"] for one in found)
    assert {type(one["address"]["entry"]) for one in found} == {dict}
    assert {type(item) for one in found for item in one["wishlist"]} == {dict}
    assert all(one["referral_code"] > 2**53 for one in found)
