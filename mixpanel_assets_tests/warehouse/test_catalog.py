"""The catalog's tables, and the comments that the Lexicon gives to the columns of events."""

import json
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from mixpanel_assets.errors import LoadError
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets.warehouse.load.catalog import (
    CATALOG_TABLES,
    landed_events,
    replace_catalog,
)
from mixpanel_assets.warehouse.load.comments import write_comments
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.warehouse.conftest import Warehouse, asked, sent
from mixpanel_assets_tests.warehouse.test_snapshots import snap

TODAY = date(2024, 6, 1)
BOOKMARK = {
    "id": 63,
    "name": "Sales",
    "created": "2024-01-01T09:30:00",
    "modified": "2024-01-01T09:30:00+02:00",
    "params": {"events": ["Buy"], "n": 1},
}


def lexicon(description: str | None = "An order", **properties: str) -> dict[str, Any]:
    """The Lexicon describes Buy and its properties."""
    rows = [
        {"entity_type": "event", "event_name": "Buy", "property": name, "description": text}
        for name, text in properties.items()
    ]
    return {
        "lexicon_events": [{"event_name": "Buy", "description": description}],
        "lexicon_properties": rows,
    }


def comments(warehouse: Warehouse) -> dict[str, str]:
    """Of views, of their columns, and of properties' columns in events_wide."""
    return dict(
        warehouse.sql(
            """
            select view_name, comment from duckdb_views()
            where comment is not null and schema_name = 'by_event'
            union all
            select table_name || '.' || column_name, comment from duckdb_columns()
            where comment is not null and table_name in ('Buy', 'Open', 'events_wide', 'a"b')
              and column_name not in ('event_date', 'event_name', 'event_time', 'distinct_id',
                'device_id', 'user_id', 'insert_id', 'processed_at', 'properties')
            """
        )
    )


def test_a_part_replaces_its_table_whole(warehouse: Warehouse) -> None:
    first = {"cohorts": [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}]}
    assert replace_catalog(warehouse.connection, first, day=TODAY) == {"cohorts": 2}
    replace_catalog(warehouse.connection, {"cohorts": [{"id": 3, "name": "C"}]}, day=TODAY)
    assert warehouse.sql("select id, name from cohorts") == [(3, "C")]
    replace_catalog(warehouse.connection, {"cohorts": []}, day=TODAY)
    assert warehouse.sql("from cohorts") == []


def test_a_skipped_part_is_left_as_it_was(warehouse: Warehouse) -> None:
    first = {"cohorts": [{"id": 1}], "funnels": [{"funnel_id": 7, "name": "F"}]}
    replace_catalog(warehouse.connection, first, day=TODAY)
    again = {"cohorts": Skipped("no"), "funnels": []}
    assert replace_catalog(warehouse.connection, again, day=TODAY) == {"funnels": 0}
    assert warehouse.sql("select id from cohorts") == [(1,)]
    assert warehouse.sql("from funnels") == []


def test_columns_have_types_and_meanings(warehouse: Warehouse) -> None:
    annotation = {
        "id": 9,
        "date": "2024-01-02",
        "moment": "2024-01-02 09:00:00",
        "tags": ["a", "b"],
    }
    parts = {"bookmarks": [BOOKMARK], "annotations": [annotation]}
    replace_catalog(warehouse.connection, parts, day=TODAY)
    assert warehouse.sql("select created, modified, params->>'$.n' from bookmarks") == [
        (
            datetime(2024, 1, 1, 9, 30, tzinfo=UTC),
            datetime(2024, 1, 1, 7, 30, tzinfo=UTC),
            "1",
        )
    ]
    assert warehouse.sql("select date, moment, tags from annotations") == [
        (date(2024, 1, 2), datetime(2024, 1, 2, 9, 0), ["a", "b"])
    ]
    found = {c.name: (c.type, c.description) for c in schema(warehouse, "bookmarks")}
    assert found["params"] == ("JSON", "what the report asks, as Mixpanel keeps it")


def schema(warehouse: Warehouse, table: str) -> list[Any]:
    with asked(warehouse) as connection:
        return local.table_schema(connection, table).columns


def test_a_value_that_does_not_fit_is_null_and_odd_text_is_kept(warehouse: Warehouse) -> None:
    rows = [
        {"id": 10**30, "name": "a\x00b", "created": "some day"},
        {"id": 2, "name": "half \ud83d", "count": None},
    ]
    replace_catalog(warehouse.connection, {"cohorts": rows}, day=TODAY)
    assert warehouse.sql("select id, name, created from cohorts order by id nulls first") == [
        (None, "a\x00b", None),
        (2, "half ?", None),
    ]


def test_landed_says_what_there_is_of_the_catalog(warehouse: Warehouse) -> None:
    parts = {"cohorts": [{"id": 1}], "funnels": []}
    replace_catalog(warehouse.connection, parts, day=date(2024, 5, 31))
    replace_catalog(warehouse.connection, parts, day=TODAY)
    query = "select dataset, day, rows, partial from landed order by dataset"
    assert warehouse.sql(query) == [("cohorts", TODAY, 1, False), ("funnels", TODAY, 0, False)]
    with asked(warehouse) as connection:
        ages = {one.name: one.fetched_at for one in local.tables(connection)}
    assert ages["cohorts"] is not None


def test_a_failure_changes_nothing(warehouse: Warehouse) -> None:
    replace_catalog(warehouse.connection, {"cohorts": [{"id": 1}]}, day=TODAY)
    warehouse.sql("create view funnels as select 1 as funnel_id")
    parts = {"cohorts": [], "funnels": []}
    with pytest.raises(LoadError):
        replace_catalog(warehouse.connection, parts, day=TODAY)
    assert warehouse.sql("select id from cohorts") == [(1,)]


def test_events_and_their_properties_say_what_they_mean(warehouse: Warehouse) -> None:
    warehouse.load(sent('"plan":"pro","time":1', event='"Buy"'), sent('"plan":"x"', event='"Open"'))
    replace_catalog(warehouse.connection, lexicon(plan="The buyer's plan", time="When"), day=TODAY)
    assert comments(warehouse) == {
        "Buy": "An order",
        "Buy.plan": "The buyer's plan",
        "events_wide.plan": "The buyer's plan",
    }
    found = {one.name: one.description for one in schema(warehouse, "by_event.Buy")}
    assert found["plan"] == "The buyer's plan"


def test_computed_properties_are_described_in_their_views(open_warehouse: Any) -> None:
    warehouse = open_warehouse(max_property_columns=0)
    warehouse.load(sent('"plan":"pro"', event='"Buy"'))
    replace_catalog(warehouse.connection, lexicon(plan="The plan"), day=TODAY)
    assert comments(warehouse) == {"Buy": "An order", "Buy.plan": "The plan"}


def test_a_property_of_several_meanings_has_them_all_in_the_wide_table(
    warehouse: Warehouse,
) -> None:
    warehouse.load(sent('"n":1', event='"Buy"'), sent('"n":2', event='"Open"'))
    parts = lexicon(n="pieces")
    opened = {"entity_type": "event", "event_name": "Open", "property": "n", "description": "times"}
    parts["lexicon_properties"].append(opened)
    replace_catalog(warehouse.connection, parts, day=TODAY)
    assert comments(warehouse) == {
        "Buy": "An order",
        "Buy.n": "pieces",
        "Open.n": "times",
        "events_wide.n": "Buy: pieces; Open: times",
    }


def test_what_is_no_longer_described_says_nothing(warehouse: Warehouse) -> None:
    warehouse.load(sent('"plan":"pro"', event='"Buy"'))
    replace_catalog(warehouse.connection, lexicon(plan="The plan"), day=TODAY)
    replace_catalog(warehouse.connection, lexicon(None), day=TODAY)
    assert comments(warehouse) == {}


def test_comments_come_back_to_a_view_that_a_load_made_anew(warehouse: Warehouse) -> None:
    replace_catalog(warehouse.connection, lexicon(plan="The plan"), day=TODAY)
    warehouse.load(sent('"plan":"pro"', event='"Buy"'))
    warehouse.load(sent('"plan":"pro","new":1', event='"Buy"'))
    assert write_comments(warehouse.connection) == 0
    assert comments(warehouse) == {
        "Buy": "An order",
        "Buy.plan": "The plan",
        "events_wide.plan": "The plan",
    }


def test_columns_of_profiles_say_what_they_mean(warehouse: Warehouse) -> None:
    warehouse.load(sent('"plan":"pro"', event='"Buy"'))
    snap(warehouse, {"ann": {"plan": "pro"}})
    described = {"entity_type": "profile", "property": "plan", "description": "The plan now"}
    replace_catalog(
        warehouse.connection, {**lexicon(), "lexicon_properties": [described]}, day=TODAY
    )
    query = "select table_name from duckdb_columns() where comment = 'The plan now' order by 1"
    assert warehouse.sql(query) == [("profile_history",), ("profiles",), ("profiles_wide",)]
    snap(warehouse, {"ann": {"plan": "free"}}, 1)
    assert warehouse.sql(query) == [("profile_history",), ("profiles",), ("profiles_wide",)]
    replace_catalog(warehouse.connection, lexicon(), day=TODAY)
    assert warehouse.sql(query) == []


@pytest.mark.parametrize("name", ['a"b', "it's", "x;--", "Plan.$ü🌙", " "])
def test_odd_names_and_texts_are_described_too(warehouse: Warehouse, name: str) -> None:
    text = json.dumps(name)
    warehouse.load(sent(f"{text}:1", event=text))
    parts = {
        "lexicon_events": [{"event_name": name, "description": "it's\x00 odd"}],
        "lexicon_properties": [
            {"entity_type": "event", "event_name": name, "property": name, "description": "d'\"\n"}
        ],
    }
    replace_catalog(warehouse.connection, parts, day=TODAY)
    rows = warehouse.sql(
        "select table_name, comment from duckdb_columns() where column_name = ? order by 1", name
    )
    assert dict(rows)["events_wide"] == "d'\"\n"
    assert write_comments(warehouse.connection) == 0


def test_every_table_of_the_catalog_can_be_made(warehouse: Warehouse) -> None:
    replace_catalog(warehouse.connection, {name: [] for name in CATALOG_TABLES}, day=TODAY)
    for name, columns in CATALOG_TABLES.items():
        assert [row[0] for row in warehouse.sql(f"describe {name}")] == list(columns)


def test_landed_events_are_those_with_rows(warehouse: Warehouse) -> None:
    assert landed_events(duckdb.connect()) == []
    warehouse.load(sent(event='"Open"'), sent(event='"Buy"'))
    assert landed_events(warehouse.connection) == ["Buy", "Open"]
