from __future__ import annotations

import json
from datetime import date

import httpx
import pytest

from mixpanel_assets.simulator.profiles import Profiles
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

NOON = "2024-01-10T12:00:00"
FIRST = date(2024, 1, 1)


def _held(profiles, data_group_id=None) -> dict[str, object]:
    view = profiles.view(data_group_id)
    return {name: json.loads(line)["$properties"] for name, line in view.items()}


@pytest.fixture
def sdk(sim):
    """The official SDK, sending to the simulator."""
    mixpanel = pytest.importorskip("mixpanel")
    consumer = mixpanel.Consumer(people_url=f"{sim.url}/engage", groups_url=f"{sim.url}/groups")
    return mixpanel.Mixpanel(sim.project.token, consumer)


@pytest.fixture
def post(sim):
    """Posts updates to the ingestion API: post(path, *updates)."""

    def send(path, *updates):
        return httpx.post(f"{sim.url}{path}?verbose=1", json=updates).json()

    return send


def test_a_view_holds_what_was_set_and_stays_as_it_was(profile):
    profiles = Profiles()
    profiles.set([profile("ana", n=1), profile("bo"), profile("cy")])
    before = profiles.view()
    profiles.update("ana", add={"n": 1})
    profiles.update("di", set={"n": 9})
    profiles.update("ed", set={})
    profiles.delete("bo")
    profiles.delete("nobody")

    assert list(before) == ["ana", "bo", "cy"]
    after = profiles.view()
    assert list(after) == ["ed", "di", "ana", "cy"]
    assert len(after) == 4
    assert _held(profiles)["ana"] == {"n": 2}
    assert "bo" not in after


def test_setting_a_group_leaves_the_users(profile):
    profiles = Profiles()
    profiles.set([profile("ana")])
    profiles.set([profile("Acme")], "-7")
    profiles.delete("Acme", "-7")
    profiles.update("Globex", "-7", set={"size": 2})

    assert _held(profiles) == {"ana": {}}
    assert _held(profiles, "-7") == {"Globex": {"size": 2}}


def test_a_deleted_profile_can_be_made_anew(profile):
    profiles = Profiles()
    profiles.set([profile("ana", n=1)])
    profiles.delete("ana")
    profiles.update("ana", set_once={"m": 2})

    assert _held(profiles) == {"ana": {"m": 2}}


def test_the_official_sdk_makes_and_changes_profiles(sim, sdk, engage, profile):
    sdk.people_set("ana", {"city": "Łódź 🌙", "n": 1, "old": 1, "tags": ["a"]})
    sdk.people_set_once("ana", {"city": "Paris", "first": True})
    sdk.people_increment("ana", {"n": 4, "score": 2, "city": 1})
    sdk.people_append("ana", {"log": "x"})
    sdk.people_append("ana", {"log": "x"})
    sdk.people_union("ana", {"tags": ["a", "b"]})
    sdk.people_remove("ana", {"tags": "a"})
    sdk.people_unset("ana", ["old"])

    [found] = engage(sim).json()["results"]
    assert found == profile(
        "ana",
        **{"$last_seen": NOON, "city": "Łódź 🌙", "n": 5, "tags": ["b"]},
        first=True,
        score=2,
        log=["x", "x"],
    )


def test_the_official_sdk_deletes_a_profile(sim, sdk, engage, ids):
    sdk.people_set("ana", {"n": 1})
    sdk.people_set("bo", {"n": 2})
    sdk.people_delete("ana")

    assert ids(engage(sim)) == ["bo"]


def test_the_official_sdk_changes_groups(sim, sdk, engage, profile):
    sdk.group_set("company", "Acme", {"size": 3, "tags": ["a"]})
    sdk.group_set_once("company", "Acme", {"size": 4, "since": 2020})
    sdk.group_union("company", "Acme", {"tags": ["b"]})
    sdk.group_set("company", "Globex", {"size": 9})
    sdk.group_delete("company", "Globex")

    company = sim.profiles.data_group_id("company")
    assert -(2**63) <= int(company) < 0
    [found] = engage(sim, data_group_id=company).json()["results"]
    assert found == profile("Acme", size=3, tags=["a", "b"], since=2020)
    assert engage(sim).json()["total"] == 0


def test_last_seen_stays_when_the_update_asks_for_it(sim, sdk):
    sdk.people_set("ana", {"n": 1}, meta={"$ignore_time": True})

    assert _held(sim.profiles) == {"ana": {"n": 1}}


def test_an_update_with_a_strangers_token_is_lost_without_a_word(sim, post):
    update = {"$token": "another", "$distinct_id": "ana", "$set": {"n": 1}}

    assert post("/engage", update) == {"error": None, "status": 1}
    assert _held(sim.profiles) == {}


def test_a_batch_of_updates_is_made_in_order(sim, post):
    own = {"$token": sim.project.token, "$distinct_id": "ana"}

    post("/engage", {**own, "$set": {"n": 1}}, {**own, "$add": {"n": 2}}, {"$token": "x"})

    assert _held(sim.profiles) == {"ana": {"n": 3, "$last_seen": NOON}}


@pytest.mark.parametrize(
    ("path", "update", "error"),
    [
        ("/engage", [], "data, must be an object"),
        ("/engage", {"$distinct_id": "ana", "$set": {}}, "$token, missing or empty"),
        ("/engage", {"$token": "t", "$set": {}}, "$distinct_id, missing or empty"),
        ("/engage", {"$token": "t", "$distinct_id": "a"}, "no operation that is known here"),
        ("/engage", {"$token": "t", "$distinct_id": "a", "$set": 1}, "$set, of the wrong type"),
        ("/groups", {"$token": "t", "$group_key": "c", "$set": {}}, "$group_id, missing or empty"),
        (
            "/groups",
            {"$token": "t", "$group_key": "c", "$group_id": "A", "$add": {"n": 1}},
            "no operation that is known here",
        ),
    ],
)
def test_an_update_that_makes_no_sense_is_named(post, path, update, error):
    assert post(path, update) == {"error": error, "status": 0}


def test_a_worlds_profiles_follow_the_simulators_day(simulate, engage):
    now = [1704888000.0]
    world = World(1, FIRST, 20)
    sim = simulate(Store(world=world, last_day=date(2024, 1, 11)), clock=lambda: now[0])
    sim.profiles.delete("user-240101-0000")

    for day in (10, 11, 11):
        kept = [
            one
            for one in world.profiles(date(2024, 1, day))
            if one["$distinct_id"] != "user-240101-0000"
        ]
        assert engage(sim).json()["results"] == kept
        now[0] += 86400


def test_setting_the_users_takes_the_place_of_the_worlds(simulate, profile):
    sim = simulate(Store(world=World(1, FIRST, 20)))
    sim.profiles.set([profile("ana")])

    assert list(sim.profiles.view()) == ["ana"]


def test_a_million_profiles_take_no_memory_until_read(simulate, engage):
    sim = simulate()
    sim.profiles.fill(1_000_000)

    first = engage(sim, page_size=2).json()
    last = engage(sim, page_size=100, page=9_999, session_id=first["session_id"]).json()

    assert first["total"] == 1_000_000
    assert len(last["results"]) == 100
    assert last["results"][-1]["$distinct_id"] == "synthetic-0999999"
    assert engage(sim, distinct_id="synthetic-1000000").json()["results"] == []


def test_of_made_up_profiles_two_in_a_hundred_change_from_version_to_version():
    profiles = Profiles()
    profiles.fill(5000, version=3)
    before = dict(profiles.view())
    profiles.fill(5000, version=4)
    after = dict(profiles.view())

    assert sum(before[name] != line for name, line in after.items()) == 100
    sizes = [len(line) for line in after.values()]
    assert 450 < sum(sizes) / len(sizes) < 800
    assert json.loads(after["synthetic-0000007"])["$properties"]["tags"] == ["new", "50%+", "é🌙"]
