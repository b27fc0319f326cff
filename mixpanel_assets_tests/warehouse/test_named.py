"""Tables of what was fetched under a name."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mixpanel_assets.errors import (
    ConfigError,
    LoadError,
    TableExistsError,
    TableNotFoundError,
    UsageError,
)
from mixpanel_assets.landed import LandedFile, profiles_name
from mixpanel_assets.warehouse.drop import drop_tables, named_tables
from mixpanel_assets.warehouse.load.fetched import (
    How,
    NamedTable,
    check_name,
    load_named,
    records,
)
from mixpanel_assets_tests.warehouse.conftest import DAY, DAY_MS, NOON, Warehouse, as_bytes, sent


def pull(
    warehouse: Warehouse, name: str, *lines: str, how: How = "create", **filters: Any
) -> NamedTable:
    file = warehouse.land(b"".join(as_bytes(line) + b"\n" for line in lines), DAY, DAY)
    args: Any = (warehouse.connection, name, "events", [file], warehouse.settings)
    return load_named(*args, how=how, filters=filters)


def pull_profiles(
    warehouse: Warehouse, name: str, people: dict[str, dict[str, Any]], how: How = "create"
) -> NamedTable:
    lines = [
        json.dumps({"$distinct_id": key, "$properties": each}, separators=(",", ":")) + "\n"
        for key, each in people.items()
    ]
    at = datetime.now(UTC)
    path = warehouse.home / profiles_name(DAY, at)
    path.write_bytes(gzip.compress("".join(lines).encode(), 1))
    file = LandedFile(path, DAY, DAY, at, "")
    args: Any = (warehouse.connection, name, "profiles", [file], warehouse.settings)
    return load_named(*args, how=how, filters={})


def one(n: int, *, processed: int = 1, more: str = "") -> str:
    """An event with a key of its own."""
    extra = f",{more}" if more else ""
    return sent(f'"$insert_id":"i{n}","n":{n},"mp_processing_time_ms":{processed}{extra}')


def test_a_pull_is_a_table_of_its_own_with_typed_columns(warehouse: Warehouse) -> None:
    assert pull(warehouse, "signups", one(1), one(2)) == NamedTable(2, 0)
    assert warehouse.sql("select event_date, event_name, n from signups order by n") == [
        (DAY, "E", 1),
        (DAY, "E", 2),
    ]
    assert warehouse.sql("select count(*) from events") == [(0,)]


def test_duplicates_in_a_pull_collapse_to_the_newest(warehouse: Warehouse) -> None:
    lines = [one(1, processed=1, more='"v":"old"'), one(1, processed=2, more='"v":"new"')]
    assert pull(warehouse, "signups", *lines) == NamedTable(1, 1)
    assert warehouse.sql("select v from signups") == [("new",)]


def test_a_table_that_is_there_is_not_overwritten(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", one(1))
    with pytest.raises(TableExistsError):
        pull(warehouse, "Signups", one(2))
    assert warehouse.sql("select n from signups") == [(1,)]


def test_a_replaced_table_has_only_the_new_rows_and_columns(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", one(1, more='"old":1'), what="first")
    pull(warehouse, "signups", one(2, more='"new":1'), how="replace", what="second")
    names = [row[0] for row in warehouse.sql("describe signups")]
    assert ("new" in names, "old" in names) == (True, False)
    assert warehouse.sql("select n from signups") == [(2,)]
    assert warehouse.sql("select filters->>'$.what' from landed") == [("second",)]


def test_a_failed_replacement_leaves_the_table_as_it_was(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", one(1))
    before = warehouse.sql("from signups")
    file = warehouse.land(as_bytes(one(2)) + b"\n", DAY, DAY)
    file.path.write_bytes(file.path.read_bytes()[:-9])
    args: Any = (warehouse.connection, "signups", "events", [file], warehouse.settings)
    with pytest.raises(LoadError):
        load_named(*args, how="replace", filters={})
    assert warehouse.sql("from signups") == before


def test_appending_the_same_pull_twice_doubles_nothing(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", one(1), one(2))
    assert pull(warehouse, "signups", one(2), one(3), how="append") == NamedTable(2, 1)
    assert warehouse.sql("select n from signups order by n") == [(1,), (2,), (3,)]


def test_appending_keeps_the_newest_of_an_event(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", one(1, processed=5, more='"v":"newest"'))
    pull(warehouse, "signups", one(1, processed=2, more='"v":"older"'), how="append")
    assert warehouse.sql("select v from signups") == [("newest",)]


def test_appending_adds_and_widens_columns(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", one(1, more='"p":1'))
    pull(warehouse, "signups", one(2, more='"p":"x","q":true'), how="append")
    assert warehouse.sql("select p, q from signups order by n") == [("1", None), ("x", True)]


def test_of_the_same_rows_without_an_insert_id_the_pull_that_had_most_counts(
    warehouse: Warehouse,
) -> None:
    pull(warehouse, "signups", *[sent('"n":1')] * 2)
    again = pull(warehouse, "signups", *[sent('"n":1')] * 3, sent('"n":2'), how="append")
    assert again == NamedTable(4, 2)
    pull(warehouse, "signups", sent('"n":1'), how="append")
    assert warehouse.sql("select n, count(*) from signups group by n order by n") == [
        (1, 3),
        (2, 1),
    ]


def test_a_table_to_append_to_has_to_be_there_and_of_the_same_kind(warehouse: Warehouse) -> None:
    with pytest.raises(TableNotFoundError):
        pull(warehouse, "signups", one(1), how="append")
    pull_profiles(warehouse, "people", {"ann": {}})
    with pytest.raises(UsageError):
        pull(warehouse, "people", one(1), how="append")


def test_profiles_are_pulled_and_appended_by_distinct_id(warehouse: Warehouse) -> None:
    pull_profiles(warehouse, "people", {"ann": {"plan": "a"}, "bob": {"plan": "b"}})
    added = pull_profiles(
        warehouse, "people", {"bob": {"plan": "x"}, "cid": {"seats": 1}}, "append"
    )
    assert added == NamedTable(2, 1)
    assert warehouse.sql("select distinct_id, plan, seats from people order by 1") == [
        ("ann", "a", None),
        ("bob", "x", None),
        ("cid", None, 1),
    ]


def test_events_of_several_files_are_one_table(warehouse: Warehouse) -> None:
    files = [
        warehouse.land(as_bytes(one(n)) + b"\n" + as_bytes(one(9)) + b"\n", DAY, DAY)
        for n in range(3)
    ]
    args: Any = (warehouse.connection, "signups", "events", files, warehouse.settings)
    added = load_named(*args, how="create", filters={})
    assert added == NamedTable(4, 2)


@pytest.mark.parametrize(
    "name",
    [
        *("", "events", "EVENTS", "profiles", "profile_history", "landed", "lexicon_events"),
        *("_x", "1a", "a b", 'a"b', "a;b", "a" * 64, "../x", "main.x"),
    ],
)
def test_names_that_could_harm_or_mislead_are_refused(warehouse: Warehouse, name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)
    with pytest.raises(UsageError):
        pull(warehouse, name, one(1))


def test_a_keyword_is_a_name_like_any_other(warehouse: Warehouse) -> None:
    pull(warehouse, "select", one(1))
    assert warehouse.sql('select n from "select"') == [(1,)]
    assert drop_tables(warehouse.connection, ["select"], force=False) == ["select"]


def test_dropping_removes_tables_and_what_was_known_of_them(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", one(1))
    pull_profiles(warehouse, "people", {"ann": {}})
    assert named_tables(warehouse.connection) == ["people", "signups"]
    assert drop_tables(warehouse.connection, ["signups", "people"], force=False) == [
        "signups",
        "people",
    ]
    assert named_tables(warehouse.connection) == []
    assert warehouse.sql("select count(*) from landed") == [(0,)]
    pull(warehouse, "signups", one(2))


def test_dropping_drops_all_or_none(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", one(1))
    with pytest.raises(TableNotFoundError, match="nothing_here"):
        drop_tables(warehouse.connection, ["signups", "nothing_here"], force=False)
    assert named_tables(warehouse.connection) == ["signups"]


def test_asset_tables_are_dropped_by_force_only(warehouse: Warehouse) -> None:
    warehouse.load(one(1))
    with pytest.raises(ConfigError):
        drop_tables(warehouse.connection, ["events"], force=False)
    assert drop_tables(warehouse.connection, ["events"], force=True) == ["events"]
    assert warehouse.sql("select count(*) from landed") == [(0,)]
    warehouse.load(one(2))
    assert warehouse.sql('select n from by_event."E"') == [(2,)]


def test_a_pull_leaves_the_days_that_are_landed_alone(warehouse: Warehouse) -> None:
    warehouse.load(one(1))
    before = warehouse.everything()
    pull(warehouse, "signups", one(1, more='"other":1'))
    drop_tables(warehouse.connection, ["signups"], force=False)
    assert warehouse.everything() == before


def test_records_are_given_out_raw_or_normalized(warehouse: Warehouse) -> None:
    pull(warehouse, "signups", sent('"$insert_id":"i","distinct_id":"ann","x":1.50,"y":[1, 2]'))
    (raw,) = records(warehouse.connection, "signups", "events", raw=True)
    properties = f'{{"time":{NOON},"$insert_id":"i","distinct_id":"ann","x":1.50,"y":[1, 2]}}'
    assert raw == f'{{"event":"E","properties":{properties}}}'
    (normal,) = records(warehouse.connection, "signups", "events", raw=False)
    assert json.loads(normal) == {
        "event_name": "E",
        "event_time": "2024-01-02T12:00:00.000+00:00",
        "distinct_id": "ann",
        "insert_id": "i",
        "properties": json.loads(properties),
    }


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_records_with_odd_values_are_valid_json(warehouse: Warehouse) -> None:
    pull(
        warehouse,
        "odd",
        sent(event='"a\\"b\\u0001"', time='"never"'),
        sent(time=NOON + DAY_MS + 7),
        '{"event":"E","properties":{"time":1,"x":"\\ud800"}}',
    )
    shown = [json.loads(r) for r in records(warehouse.connection, "odd", "events", raw=False)]
    assert {r["event_name"] for r in shown} == {'a"b\x01', "E"}
    assert None in {r["event_time"] for r in shown}
    for text in records(warehouse.connection, "odd", "events", raw=True):
        json.loads(text)


def test_profile_records_are_given_out_raw_or_normalized(warehouse: Warehouse) -> None:
    pull_profiles(warehouse, "people", {"ann": {"$last_seen": "2024-01-02T03:04:05", "n": 1}})
    connection = warehouse.connection
    assert [json.loads(r) for r in records(connection, "people", "profiles", raw=True)] == [
        {"$distinct_id": "ann", "$properties": {"$last_seen": "2024-01-02T03:04:05", "n": 1}}
    ]
    (normal,) = records(connection, "people", "profiles", raw=False)
    assert json.loads(normal)["last_seen"] == "2024-01-02T03:04:05.000+00:00"
