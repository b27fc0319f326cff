"""Which ids are one person, rule by rule.

SIMPLE and ORIGINAL are pages below https://docs.mixpanel.com/docs/tracking-methods/id-management/:
identifying-users-simplified and identifying-users-original.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from mixpanel_assets.warehouse.load.clusters import MOST_IDS
from mixpanel_assets_tests.warehouse.conftest import DAY_MS, NOON, Line, Warehouse

Ids = dict[str, str]
ANON = "0f3a61c8-5d8e-4c2a-9d39-0d1a2b3c4d5e"
ANON_2 = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"


def event(name: str = "E", at: int = 0, day: int = 0, **properties: Any) -> dict[str, Any]:
    """An event, so many seconds after noon; in names of properties, _ at the start is $."""
    sent = {f"${n[1:]}" if n.startswith("_") else n: value for n, value in properties.items()}
    return {
        "event": name,
        "properties": {"time": NOON + day * DAY_MS + at * 1000, **sent},
    }


def on_device(device: Any, user: Any = None, **more: Any) -> dict[str, Any]:
    """An event as Simplified ID Merge stores it."""
    id_ = f"$device:{device}" if user is None else user
    known = {} if user is None else {"_user_id": user}
    return event(distinct_id=id_, _device_id=device, **known, **more)


def identify(anonymous: str, user: str, **more: Any) -> dict[str, Any]:
    return event("$identify", distinct_id=user, _anon_id=anonymous, _identified_id=user, **more)


def alias(name: str, of: str, **more: Any) -> dict[str, Any]:
    return event("$create_alias", distinct_id=of, alias=name, **more)


def merge(*ids: Any, **more: Any) -> dict[str, Any]:
    return event("$merge", distinct_id="", _distinct_ids=list(ids), **more)


def ids(warehouse: Warehouse) -> Ids:
    """The person of each id that was merged into another."""
    return dict(warehouse.sql("select distinct_id, person from identities"))


def landed(warehouse: Warehouse, *lines: Line) -> Ids:
    warehouse.load(*lines)
    return ids(warehouse)


# SIMPLE, New User Signup.
def test_a_devices_anonymous_events_are_those_of_the_user_who_logs_in(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1"), on_device("D1", "U1", at=60))

    assert warehouse.sql("select distinct_id, person from events order by event_time") == [
        ("$device:D1", "U1"),
        ("U1", "U1"),
    ]
    at = datetime(2024, 1, 2, 12, 1, tzinfo=UTC)
    assert warehouse.sql("from identities") == [("$device:D1", "U1", at, "device")]


# SIMPLE, Returning User.
def test_two_devices_of_a_user_are_one_person(replaced: Warehouse) -> None:
    found = landed(replaced, on_device("D1", "U1"), on_device("D2"), on_device("D2", "U1", at=9))

    assert found == {"$device:D1": "U1", "$device:D2": "U1"}


# SIMPLE, Multiple Users, One Device: reset gives the second user another device id.
def test_users_of_a_shared_device_are_two_people(replaced: Warehouse) -> None:
    found = landed(replaced, on_device("D1", "U1"), on_device("D2", "U2", at=9))

    assert found == {"$device:D1": "U1", "$device:D2": "U2"}


# SIMPLE, Mechanism: "for the first time"; its FAQ until 2024: a device that is linked already keeps
# its user, and the event is the new user's own.
def test_without_reset_a_device_stays_with_its_first_user(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1", "U2", at=9), on_device("D1", "U1"), on_device("D1", at=20))

    assert warehouse.sql("select person from events order by event_time") == [
        ("U1",),
        ("U2",),
        ("U1",),
    ]


# property-reference/reserved-properties: $identity_failure_reason says why no merge was executed.
def test_what_mixpanel_says_it_did_not_merge_is_no_link(replaced: Warehouse) -> None:
    refused = on_device("D1", "U1", _identity_failure_reason="errAnonDistinctIdAssignedAlready")

    assert landed(replaced, refused, on_device("D1", "U2", at=9)) == {"$device:D1": "U2"}
    assert landed(replaced, identify(ANON, "U1", _failure_reason="errAnonDistinctId")) == {}


# property-reference/reserved-properties: the id that an event had before identity merging.
def test_an_id_that_mixpanel_has_replaced_is_the_one_in_its_place(replaced: Warehouse) -> None:
    shown = event(distinct_id="U2", _distinct_id_before_identity="$device:D1", at=9)

    found = landed(replaced, on_device("D1", "U1"), shown)

    assert found == {"$device:D1": "U2"}
    assert replaced.sql("select kind from identities") == [("resolved",)]


# ORIGINAL, Mechanism, $identify.
def test_identify_merges_an_anonymous_id_into_a_user(replaced: Warehouse) -> None:
    assert landed(replaced, identify(ANON, "U1"), identify(ANON_2, "U1")) == {
        ANON: "U1",
        ANON_2: "U1",
    }


# What mixpanel-js sends: https://github.com/mixpanel/mixpanel-js, identify().
def test_identify_as_the_sdk_sends_it_is_the_same(replaced: Warehouse) -> None:
    sent = event("$identify", distinct_id="U1", _anon_distinct_id=f"$device:{ANON}")

    assert landed(replaced, sent) == {f"$device:{ANON}": "U1"}


# ORIGINAL, Mechanism, $identify: a UUID only, and only one not merged already.
def test_identify_merges_no_id_that_is_not_anonymous(replaced: Warehouse) -> None:
    assert landed(replaced, identify("ann@example.com", "U1")) == {}
    assert landed(replaced, identify(ANON, "U2", at=9), identify(ANON, "U1")) == {ANON: "U1"}


# Ours: else whoever logs in next on a device would be one with the last user there.
def test_identify_does_not_merge_two_users(replaced: Warehouse) -> None:
    found = landed(replaced, on_device("D1", ANON), identify(ANON, "U2", at=9))

    assert found == {"$device:D1": ANON}


# ORIGINAL, Mechanism, $create_alias: aliases can be daisy-chained, and point to one id each. Ours:
# the id that was there first is the person.
def test_a_chain_of_aliases_is_one_person(replaced: Warehouse) -> None:
    chain = [alias("b", "a"), alias("c", "b", at=1), alias("d", "c", at=2), alias("d", "x", at=3)]

    assert landed(replaced, *chain) == {"b": "a", "c": "a", "d": "a"}


# ORIGINAL, Mechanism, $merge. Ours: the id that was merged first is the person, else by its text.
def test_a_merge_of_several_ids_is_one_person(replaced: Warehouse) -> None:
    assert landed(replaced, merge("c", "b", "a")) == {"b": "a", "c": "a"}
    assert landed(replaced, merge("c", "d"), merge("a", "d", at=9)) == {"d": "c", "a": "c"}


# ORIGINAL, Canonical Distinct ID: Mixpanel chooses it. Ours: the id it shows, else a user's.
def test_the_id_that_mixpanel_shows_stands_for_the_person(replaced: Warehouse) -> None:
    links = [identify(ANON, "U1"), merge("U1", "old", at=1)]
    shown = event(distinct_id=ANON, _distinct_id_before_identity="U1", at=9)

    assert landed(replaced, *links) == {ANON: "U1", "old": "U1"}
    assert landed(replaced, *links, shown) == {"U1": ANON, "old": ANON}


def test_links_in_a_circle_end(replaced: Warehouse) -> None:
    circle = [alias("a", "b"), alias("b", "c", at=1), alias("c", "a", at=2), merge("a", "a")]

    assert landed(replaced, *circle) == {"a": "b", "c": "b"}


# ORIGINAL, Mechanism, $merge: up to 500 ids in a cluster; migrating-to-simplified-id-merge-system:
# further ones are left alone. SIMPLE: devices have no such limit.
def test_no_more_than_500_ids_are_merged_but_any_number_of_devices(replaced: Warehouse) -> None:
    anonymous = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(MOST_IDS + 1)]
    found = landed(replaced, *(identify(id_, "U1", at=n) for n, id_ in enumerate(anonymous)))
    assert sorted(found) == anonymous[: MOST_IDS - 1]

    devices = [on_device(f"D{n}", "U1") for n in range(MOST_IDS + 1)]
    assert len(landed(replaced, *devices)) == MOST_IDS + 1


# troubleshooting/errors/server-side-events-without-a-user: Mixpanel rejects placeholders.
@pytest.mark.parametrize("value", ["", None, "null", "Undefined", "anonymous"])
def test_what_is_no_id_links_nothing(replaced: Warehouse, value: str | None) -> None:
    devices = [on_device("D1", "U1"), on_device("D2", "U2")]
    odd = [on_device(value, "U3"), on_device("D3", value), identify(ANON, value or "")]
    odd[2]["properties"]["distinct_id"] = value
    odd += [alias("b", value or ""), merge(value, "c"), event("$merge", _distinct_ids="a")]

    assert landed(replaced, *devices, *odd) == {"$device:D1": "U1", "$device:D2": "U2"}


def test_numbers_are_ids_by_their_text(replaced: Warehouse) -> None:
    assert landed(replaced, on_device(5, 17), merge(17, 18)) == {"$device:5": "17", "18": "17"}


def test_a_prefix_that_was_sent_is_not_put_twice(replaced: Warehouse) -> None:
    sent = event(distinct_id="U1", _device_id="$device:D1", _user_id="U1")

    assert landed(replaced, sent) == {"$device:D1": "U1"}


def test_nobody_has_no_person(replaced: Warehouse) -> None:
    replaced.load(event(distinct_id=""), event(), event(distinct_id="a"))

    assert replaced.sql("select person from events order by 1") == [("a",), (None,), (None,)]
