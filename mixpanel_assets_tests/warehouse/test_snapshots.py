"""Profiles: the current state, and every state they had."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mixpanel_assets.errors import LoadError
from mixpanel_assets.landed import LandedFile
from mixpanel_assets.results import Snapshot
from mixpanel_assets.warehouse.load.snapshots import load_snapshots
from mixpanel_assets_tests.warehouse.conftest import DAY, Warehouse

People = dict[str, dict[str, Any] | str]


def land(warehouse: Warehouse, people: People, day: date) -> LandedFile:
    """A landed file of these profiles: properties as an object, or as JSON text."""
    lines = [
        f'{{"$distinct_id":{json.dumps(name)},"$properties":'
        f"{each if isinstance(each, str) else json.dumps(each, separators=(',', ':'))}}}\n"
        for name, each in people.items()
    ]
    at = datetime(2024, 6, 1, tzinfo=UTC) + timedelta(seconds=len(warehouse.files))
    path = warehouse.home / f"profiles.{at:%Y%m%dT%H%M%S%f}Z.jsonl.gz"
    path.write_bytes(gzip.compress("".join(lines).encode(), 1))
    file = LandedFile(path, day, day, at, "checksum")
    warehouse.files.append(file)
    return file


def snap(warehouse: Warehouse, people: People, after: int = 0) -> Snapshot:
    file = land(warehouse, people, DAY + timedelta(after))
    (snapshot,) = load_snapshots(warehouse.connection, [file], warehouse.settings)
    return snapshot


def counts(snapshot: Snapshot) -> tuple[int, int, int, int]:
    return snapshot.rows, snapshot.new, snapshot.changed, snapshot.removed


def current(warehouse: Warehouse, what: str = "distinct_id, plan") -> list[tuple[Any, ...]]:
    return warehouse.sql(f"select {what} from profiles order by distinct_id")


def as_of(warehouse: Warehouse, after: int) -> dict[str, str]:
    query = """
        select distinct_id, plan from profile_history
        where valid_from <= $1 and (valid_to is null or valid_to > $1)
    """
    return dict(warehouse.sql(query, DAY + timedelta(after)))


def test_a_snapshot_holds_every_profile_with_typed_columns(warehouse: Warehouse) -> None:
    seen = "2024-01-02T10:11:12"
    taken = snap(
        warehouse,
        {"ann": {"plan": "pro", "seats": 3, "$last_seen": seen}, "bob": {"tags": ["a"]}},
    )
    assert counts(taken) == (2, 2, 0, 0)
    assert warehouse.sql(
        "select distinct_id, last_seen::varchar, snapshot_date, plan, seats, tags from profiles "
        "order by 1"
    ) == [
        ("ann", "2024-01-02 10:11:12+00", DAY, "pro", 3, None),
        ("bob", None, DAY, None, None, ["a"]),
    ]


def test_a_row_is_added_only_when_a_profile_changed(warehouse: Warehouse) -> None:
    people: People = {f"u{n:03}": {"plan": "free", "n": n} for n in range(100)}
    snap(warehouse, people)
    people["u007"] = {"plan": "pro", "n": 7}
    assert counts(snap(warehouse, people, 1)) == (100, 0, 1, 0)
    assert warehouse.sql("select count(*) from profile_history") == [(101,)]
    assert warehouse.sql("select plan from profiles where distinct_id = 'u007'") == [("pro",)]


def test_every_past_snapshot_can_be_selected(warehouse: Warehouse) -> None:
    states: list[People] = [
        {"ann": {"plan": "free"}, "bob": {"plan": "free"}},
        {"ann": {"plan": "pro"}, "bob": {"plan": "free"}},
        {"ann": {"plan": "pro"}},
        {"ann": {"plan": "pro"}, "bob": {"plan": "new"}},
    ]
    for n, state in enumerate(states):
        snap(warehouse, state, n)
    for n, state in enumerate(states):
        assert as_of(warehouse, n) == {k: v["plan"] for k, v in state.items()}  # type: ignore[index]
    assert current(warehouse) == [("ann", "pro"), ("bob", "new")]


def test_a_profile_that_is_gone_is_no_longer_current(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"plan": "a"}, "bob": {"plan": "b"}})
    assert counts(snap(warehouse, {"bob": {"plan": "b"}}, 1)) == (1, 0, 0, 1)
    assert current(warehouse) == [("bob", "b")]


def test_a_second_snapshot_of_a_day_replaces_the_first(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"plan": "a"}, "bob": {"plan": "b"}})
    snap(warehouse, {"ann": {"plan": "x"}, "cid": {"plan": "c"}}, 1)
    again = snap(warehouse, {"ann": {"plan": "a"}, "bob": {"plan": "b2"}}, 1)
    assert counts(again) == (2, 0, 1, 0)
    assert warehouse.sql(
        "select distinct_id, plan, valid_from, valid_to from profile_history order by all"
    ) == [
        ("ann", "a", DAY, None),
        ("bob", "b", DAY, DAY + timedelta(1)),
        ("bob", "b2", DAY + timedelta(1), None),
    ]
    assert warehouse.sql("select day, rows from landed order by day") == [
        (DAY, 2),
        (DAY + timedelta(1), 2),
    ]


def test_the_same_snapshot_twice_is_the_same(warehouse: Warehouse) -> None:
    people: People = {"ann": {"plan": "a"}, "bob": {}}
    assert snap(warehouse, people) == snap(warehouse, people)
    assert warehouse.sql("select count(*) from profile_history") == [(2,)]


def test_an_empty_snapshot_closes_every_profile(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"plan": "a"}})
    assert counts(snap(warehouse, {}, 1)) == (0, 0, 0, 1)
    assert current(warehouse) == []
    assert as_of(warehouse, 0) == {"ann": "a"}


def test_a_snapshot_of_an_earlier_day_is_refused_and_changes_nothing(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"plan": "a"}}, 2)
    before = warehouse.sql("from profile_history")
    with pytest.raises(LoadError, match="is there already"):
        snap(warehouse, {"ann": {"plan": "b"}})
    assert warehouse.sql("from profile_history") == before


def test_a_profile_that_comes_twice_is_refused(warehouse: Warehouse) -> None:
    file = land(warehouse, {"ann": {"plan": "a"}}, DAY)
    line = gzip.decompress(file.path.read_bytes())
    file.path.write_bytes(gzip.compress(line + line))
    with pytest.raises(LoadError, match="twice"):
        load_snapshots(warehouse.connection, [file], warehouse.settings)
    assert warehouse.sql("select count(*) from profiles_wide") == [(0,)]


def test_a_type_that_widens_widens_the_history_too(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"plan": 1}, "bob": {"plan": 2}})
    snap(warehouse, {"ann": {"plan": "pro"}, "bob": {"plan": 2}}, 1)
    assert as_of(warehouse, 0) == {"ann": "1", "bob": "2"}
    assert current(warehouse) == [("ann", "pro"), ("bob", "2")]


def test_properties_are_verbatim_and_integers_exact(warehouse: Warehouse) -> None:
    text = '{"id":12345678901234567890,"x":0.12345678901234567890123,"e":1E5, "s":"\\u00e9"}'
    snap(warehouse, {"ann": text})
    assert warehouse.sql("select properties::varchar, id, x from profiles") == [
        (text, 12345678901234567890, "0.12345678901234567890123")
    ]


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_odd_profiles_are_kept(warehouse: Warehouse) -> None:
    lines = [
        b'{"$properties":{"plan":"a"},"$distinct_id":"ann"}',
        b'{"$distinct_id":17,"$properties":{"plan":"b"}}',
        b'{"$distinct_id":"lone","$properties":{"plan":"\\ud800"}}',
        b'{"$distinct_id": "spaced", "$properties": {"plan": "c"}}',
        b'{"$distinct_id":null,"$properties":{"plan":"d"}}',
    ]
    file = land(warehouse, {}, DAY)
    file.path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    for after in (0, 1):
        next_ = LandedFile(file.path, DAY + timedelta(after), DAY, file.exported_at, "")
        (taken,) = load_snapshots(warehouse.connection, [next_], warehouse.settings)
        assert counts(taken) == (5, 5 if after == 0 else 0, 0, 0)
    assert warehouse.sql("select distinct_id from profiles where plan = 'b'") == [("17",)]


def test_names_that_clash_with_columns_of_ours_get_others(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"valid_from": 1, "Distinct_ID": "x", "snapshot_date": 2, "Plan": 1}})
    names = dict(warehouse.sql("select property, column_name from profile_properties"))
    assert names == {
        "valid_from": "valid_from_2",
        "Distinct_ID": "Distinct_ID_2",
        "snapshot_date": "snapshot_date_2",
        "Plan": "Plan",
    }


def test_the_map_of_profile_properties_is_of_the_last_snapshot(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"plan": "a", "old": 1}, "bob": {"plan": "b"}})
    snap(warehouse, {"ann": {"plan": "a"}, "bob": {"plan": "b"}}, 1)
    assert warehouse.sql("select property, type, profiles from profile_properties") == [
        ("plan", "VARCHAR", 2)
    ]


@pytest.mark.parametrize("part_bytes", [64, 1 << 28])
def test_snapshots_made_anew_from_their_files_are_the_same(
    open_warehouse: Callable[..., Warehouse], part_bytes: int
) -> None:
    warehouse = open_warehouse(longest_part=part_bytes)
    snap(warehouse, {"ann": {"plan": "a"}, "bob": {"plan": "b"}, "eve": {"plan": "e"}})
    snap(warehouse, {"ann": {"plan": "x"}, "bob": {"plan": "b"}, "dan": {"plan": "d"}}, 1)
    snap(warehouse, {"ann": {"plan": "x"}, "eve": {"plan": "e"}, "dan": {"plan": "y"}}, 2)
    query = "select distinct_id, plan, valid_from, valid_to from profile_history order by all"
    before = warehouse.sql(query)
    load_snapshots(warehouse.connection, warehouse.files, warehouse.settings, rebuild=True)
    assert warehouse.sql(query) == before


def text_of(order: str) -> str:
    """Properties in one order or another, the same each time."""
    members = {"a": '"a":1', "n": '"nest":{"x":[1,{"y":2}]}', "s": '"s":"é\\u00e9\\n"'}
    return "{" + ",".join(members[name] for name in order) + "}"


@pytest.mark.parametrize("other", [text_of("sna"), text_of("ans").replace(":", " : ")])
def test_another_order_of_properties_or_other_spaces_are_no_change(
    warehouse: Warehouse, other: str
) -> None:
    snap(warehouse, {"ann": text_of("ans"), "bob": text_of("nas")})
    assert counts(snap(warehouse, {"ann": other, "bob": other}, 1)) == (2, 0, 0, 0)
    assert counts(snap(warehouse, {"ann": other.replace("1", "7"), "bob": other}, 2)) == (
        2,
        0,
        1,
        0,
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"x":0.12345678901234567890123}', '{"x":0.12345678901234567890124}'),
        ('{"x":123456789012345678901234567890123456789012}', '{"x":1.2345678901234568e41}'),
        ('{"x":1}', '{"x":"1"}'),
        ('{"x":1}', '{"x":1.0}'),
        ('{"x":null}', "{}"),
        ('{"x":1,"y":2}', '{"x":2,"y":1}'),
        ('{"x":["a","b"]}', '{"x":["b","a"]}'),
        ('{"x":["a,b"]}', '{"x":["a","b"]}'),
        ('{"x":""}', '{"x":null}'),
        ('{"X":1}', '{"x":1}'),
    ],
)
def test_what_differs_in_value_is_a_change(warehouse: Warehouse, before: str, after: str) -> None:
    snap(warehouse, {"ann": before})
    assert counts(snap(warehouse, {"ann": after}, 1)) == (1, 0, 1, 0)


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_one_odd_profile_does_not_make_the_others_look_changed(warehouse: Warehouse) -> None:
    people: People = {
        "ann": '{"s":"\\u00e9é\\ud83c\\udf19 \\"q\\" \\/ \\\\","n":1E5,"x":0.1234567890123456789}',
        "bob": '{"big":123456789012345678901234567890, "list" : [1, "a" ]}',
        "Zoë 🌙": {"plan": "a"},
    }
    snap(warehouse, people)
    assert counts(snap(warehouse, {**people, "eve": '{"s":"\\ud800"}'}, 1)) == (4, 1, 0, 0)
    assert counts(snap(warehouse, people, 2)) == (3, 0, 0, 1)


def test_large_numbers_do_not_make_the_others_look_changed(warehouse: Warehouse) -> None:
    people: People = {f"u{n}": {"n": n, "x": n / 7} for n in range(50)}
    snap(warehouse, people)
    assert counts(snap(warehouse, {**people, "eve": {"n": 2**70}}, 1)) == (51, 1, 0, 0)
    assert warehouse.sql("select n from profile_history where distinct_id in ('u7', 'eve')") == [
        (7,),
        (2**70,),
    ]


def test_a_profile_without_an_id_is_followed_like_any_other(warehouse: Warehouse) -> None:
    file = land(warehouse, {}, DAY)
    for after, plan in enumerate("aabb"):
        line = f'{{"$distinct_id":null,"$properties":{{"plan":"{plan}"}}}}\n'
        file.path.write_bytes(gzip.compress(line.encode()))
        day = DAY + timedelta(after)
        load_snapshots(
            warehouse.connection,
            [LandedFile(file.path, day, day, file.exported_at, "")],
            warehouse.settings,
        )
    assert warehouse.sql("select plan, valid_from, valid_to from profile_history order by 1") == [
        ("a", DAY, DAY + timedelta(2)),
        ("b", DAY + timedelta(2), None),
    ]


def test_a_profile_that_changes_and_changes_back_has_three_states(warehouse: Warehouse) -> None:
    for after, plan in enumerate(["a", "b", "a"]):
        snap(warehouse, {"ann": {"plan": plan}}, after)
    assert warehouse.sql("select plan, valid_from from profile_history order by 2") == [
        (plan, DAY + timedelta(after)) for after, plan in enumerate(["a", "b", "a"])
    ]


def test_an_empty_snapshot_that_is_replaced_never_was(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"plan": "a"}})
    snap(warehouse, {}, 1)
    assert counts(snap(warehouse, {"ann": {"plan": "a"}}, 1)) == (1, 0, 0, 0)
    assert warehouse.sql("select distinct_id, valid_from, valid_to from profile_history") == [
        ("ann", DAY, None)
    ]


def test_a_day_replaced_by_a_wider_type_keeps_the_days_before(warehouse: Warehouse) -> None:
    snap(warehouse, {"ann": {"n": 1, "tags": ["a"]}, "bob": {"n": 2}})
    snap(warehouse, {"ann": {"n": 3, "tags": ["b"]}}, 1)
    snap(warehouse, {"ann": {"n": 2.5, "tags": [1]}, "bob": {"n": 2}}, 1)
    assert warehouse.sql(
        "select distinct_id, n, tags, valid_to is null from profile_history order by all"
    ) == [
        ("ann", 1.0, '["a"]', False),
        ("ann", 2.5, "[1]", True),
        ("bob", 2.0, None, True),
    ]


@pytest.mark.parametrize("part_bytes", [64, 1 << 28])
def test_the_newest_day_alone_is_what_its_file_holds(
    open_warehouse: Callable[..., Warehouse], part_bytes: int
) -> None:
    warehouse = open_warehouse(longest_part=part_bytes)
    for after in range(6):
        people: People = {
            f"u{n}": {"n": n if (n + after) % 3 else after, "plan": f"p{after % 2}"}
            for n in range(after, 20 + after)
            if n % (after + 2)
        }
        snap(warehouse, people, after)
        held = warehouse.sql("select distinct_id, properties::varchar from profiles")
        assert {name: json.loads(text) for name, text in held} == people


@pytest.mark.parametrize("cap", [0, 1, 256])
def test_every_property_has_a_column_in_both_views(
    open_warehouse: Callable[..., Warehouse], cap: int
) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    names = ("plan", "PLAN", "value", "sent0", "valid_from", "snapshot_date", "t0", "tags")
    first = {name: f"{name} then" for name in names[:-1]} | {"tags": ["a"]}
    snap(warehouse, {"ann": first, "bob": {"plan": "x"}})
    snap(warehouse, {"ann": {**first, "value": 2}, "bob": {"plan": "x", "new": 5}}, 1)
    columns = dict(warehouse.sql("select property, column_name from profile_properties"))
    assert columns.keys() == {*first, "new"}
    for property_, column in columns.items():
        (newest,) = warehouse.sql(f"select \"{column}\" from profiles where distinct_id = 'ann'")
        value = {**first, "value": "2", "new": None}[property_]
        assert newest == (value,)
        history = f"select \"{column}\" from profile_history where distinct_id = 'ann' order by "
        before = {**first, "new": None}[property_]
        assert warehouse.sql(f"{history} valid_from") == [(before,), (value,)]
