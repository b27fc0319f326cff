"""A name is a name, whatever it is: none hides another, and none answers for another."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets import warehouse as room
from mixpanel_assets.errors import UsageError
from mixpanel_assets.warehouse.ask.coverage import coverage
from mixpanel_assets.warehouse.load.fetched import check_name, load_named
from mixpanel_assets.warehouse.spelling import plain_names
from mixpanel_assets.warehouse.sql import quoted
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.conftest import Tries
from mixpanel_assets_tests.warehouse.conftest import DAY, Warehouse, sent, warehouses

Open = Callable[..., Warehouse]

SOURCE = "\n".join(path.read_text("utf-8") for path in Path(room.__path__[0]).rglob("*.py"))
# Every word that the SQL of the warehouse may be made of, and then some.
WORDS = sorted(set(re.findall(r"[a-z_][a-z0-9_]*", SOURCE)))
ALIASES = sorted(
    {
        *re.findall(r"\bas (\w+)", SOURCE),
        *re.findall(r"\b(\w+) as \(", SOURCE),
        *re.findall(r"\b(?:join|from) (\w+)\b", SOURCE),
    }
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3)
MOMENTS = ("time", "mp_processing_time_ms")  # base columns that show a number as a time
TOMORROW = DAY + timedelta(1)


def test_the_words_are_of_all_rooms_of_the_warehouse() -> None:
    loading, asking = {"newest", "survey", "stage"}, {"summarize", "reservoir", "quantile_cont"}
    assert loading | asking <= set(WORDS)


def record(values: dict[str, Any], event: str = "E") -> dict[str, Any]:
    """A record whose time comes first, as Mixpanel sends it."""
    return {"event": event, "properties": {"time": 1_704_196_800_000, **values}}


def by_name(warehouse: Warehouse, event: str = "E") -> dict[str, Any]:
    """The values of the event's one row by property, as its view shows them."""
    view = quoted(warehouse.views()[event])
    cursor = warehouse.connection.execute(f"from by_event.{view}")
    (row,) = cursor.fetchall()
    shown = dict(zip([name for name, *_ in cursor.description or ()], row, strict=True))
    columns = warehouse.sql(
        "select property, column_name from event_properties where event_name = ?", event
    )
    return {name: shown[column] for name, column in columns}


@pytest.mark.parametrize("physical", [0, 256])
def test_a_property_can_have_any_word_of_our_sql_as_its_name(
    open_warehouse: Open, physical: int
) -> None:
    warehouse = open_warehouse(max_property_columns=physical)
    words = [word for word in WORDS if word not in BASE_PROPERTIES]
    values = {word: f"{word} here" for word in (*words, *map(str.upper, words))}
    warehouse.load(record(values))
    warehouse.load(record(values), day=TOMORROW)
    warehouse.sql("delete from events_wide where event_date = ?", TOMORROW)
    assert by_name(warehouse) == {"time": by_name(warehouse)["time"], **values}


@settings.get_profile("slow")
@given(st.sets(st.sampled_from(WORDS) | NAMES, min_size=1, max_size=8), st.integers(0, 4))
def test_properties_of_any_names_have_their_own_values(names: set[str], physical: int) -> None:
    with warehouses() as opened:
        warehouse = opened(max_property_columns=physical)
        named = sorted(name for name in names if "\0" not in name and name not in MOMENTS)
        values = {name: n for n, name in enumerate(named)}
        warehouse.load(record({**values, "value": {"a": 1}}))
        warehouse.load(record({**values, "value": "text"}), day=TOMORROW)
        warehouse.sql("delete from events_wide where event_date = ?", DAY)
        shown = by_name(warehouse)
        expected = {"value": "text"} | {k: v for k, v in values.items() if k != "value"}
        assert {name: shown[name] for name in expected} == {
            name: str(value) if name in ("distinct_id",) else value
            for name, value in expected.items()
        }


def test_an_event_can_have_any_word_of_our_sql_as_its_name(warehouse: Warehouse) -> None:
    words = {*ALIASES, *WORDS[::10]}
    names = sorted({*words, *map(str.title, words)})
    warehouse.load(*(record({"n": n}, event=name) for n, name in enumerate(names)))
    views = warehouse.views()
    assert set(views) == set(names)
    counts = " union all ".join(f"select n, event_name from by_event.{quoted(views[name])}"
                                for name in names)  # fmt: skip
    assert sorted(warehouse.sql(counts)) == list(enumerate(names))


@pytest.mark.parametrize("name", ["value", "T0", "it's", 'say "x"', "rowid", "event_name"])
def test_a_table_property_and_event_of_one_name_are_told_apart(
    warehouse: Warehouse, name: str
) -> None:
    warehouse.load(record({name: 1.5, "n": 0}, event=name))
    assert warehouse.values(name, event=name) == [1.5]
    assert local.numeric_summary(warehouse.connection, name, name).sum == 1.5


def test_a_fetched_table_can_have_any_name_that_our_sql_uses(
    warehouse: Warehouse, tries: Tries
) -> None:
    taken, every = [], sorted({name.lower() for name in ALIASES})
    names = {*every[:: tries(6, 1)], "number"}
    file = warehouse.land(sent('"n":7,"value":"v"').encode() + b"\n", DAY, DAY)
    for count, name in enumerate(names):
        try:
            check_name(name)
        except UsageError:
            taken.append(name)
            continue
        args: Any = (warehouse.connection, name, "events", [file], warehouse.settings)
        load_named(*args, how="create", filters={})
        if count % 8 == 0:
            load_named(*args, how="append", filters={})
        assert warehouse.sql(f'select n, "value" from {quoted(name)}') == [(7, "v")]
    assert local.column_stats(warehouse.connection, "n", "number").top_values == [(7, 1)]
    warehouse.load(sent('"n":1'))
    assert warehouse.values("n") == [1]
    assert len(taken) < len(names) / 3


# Spellings that DuckDB can't tell apart.


def spelled(names: dict[str, int], property_: bool = True) -> list[dict[str, Any]]:
    """So many records with each name, as a property or as an event."""
    return [
        record({name: name, "n": n}) if property_ else record({"n": n}, event=name)
        for name, count in names.items()
        for n in range(count)
    ]


@pytest.mark.parametrize("physical", [0, 256])
def test_one_typo_that_came_first_does_not_keep_the_name(
    open_warehouse: Open, physical: int
) -> None:
    warehouse = open_warehouse(max_property_columns=physical)
    warehouse.load(*spelled({"PLAN": 1}))
    warehouse.load(*spelled({"plan": 5}), day=TOMORROW)
    asked = 'select plan, PLAN_2, count(*) from by_event."E" group by all order by all'
    assert warehouse.sql(asked) == [("plan", None, 5), (None, "PLAN", 1)]
    warehouse.load_anew(warehouse.files)
    assert warehouse.sql(asked) == [("plan", None, 5), (None, "PLAN", 1)]


def test_names_change_places_when_another_spelling_becomes_the_commonest(
    warehouse: Warehouse,
) -> None:
    warehouse.load(*spelled({"plan": 3, "Plan": 2, "PLAN": 1}))
    assert [warehouse.column(name)[0] for name in ("plan", "Plan", "PLAN")] == [
        "plan", "Plan_2", "PLAN_3"]  # fmt: skip
    warehouse.load(*spelled({"PLAN": 9, "plan": 1}), day=TOMORROW)
    assert warehouse.column("PLAN")[0] == "PLAN"
    assert warehouse.column("Plan")[0] == "Plan_2"
    for name, count in {"plan": 4, "Plan": 2, "PLAN": 10}.items():
        column = quoted(warehouse.column(name)[0])
        assert warehouse.sql(f"select count({column}) from events_wide") == [(count,)]
        assert set(warehouse.values(name)) == {name, None}


def test_a_name_given_to_another_goes_to_the_property_that_is_called_so(
    warehouse: Warehouse,
) -> None:
    warehouse.load(*spelled({"plan": 2, "Plan": 1}))
    warehouse.load(*spelled({"plan_2": 1}), day=TOMORROW)
    assert warehouse.column("plan_2")[0] == "plan_2"
    assert warehouse.sql("select count(Plan_3), count(plan_2) from events_wide") == [(1, 1)]


def test_the_view_of_an_event_shows_its_own_spelling_alone(warehouse: Warehouse) -> None:
    warehouse.load(*spelled({"SIGN UP": 3}, property_=False))
    warehouse.load(*spelled({"Sign Up": 9}, property_=False), day=TOMORROW)
    counts = 'select event_name, count(*) from by_event."{}" group by all'
    assert warehouse.sql(counts.format("Sign Up")) == [("Sign Up", 9)]
    assert warehouse.sql(counts.format("SIGN UP_2")) == [("SIGN UP", 3)]
    assert warehouse.views() == {"Sign Up": "Sign Up", "SIGN UP": "SIGN UP_2"}


def test_a_name_is_free_again_when_nothing_landed_has_it(warehouse: Warehouse) -> None:
    warehouse.load(*spelled({"SIGN UP": 3}, property_=False))
    warehouse.load(*spelled({"other": 1}, property_=False))
    warehouse.load(*spelled({"Sign Up": 1}, property_=False), day=TOMORROW)
    assert warehouse.views() == {"other": "other", "Sign Up": "Sign Up"}


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from(["a", "A", "a_2", "A_2", "a_3", "", "_", "a\0"]) | NAMES,
                    st.integers(0, 3)),
    st.dictionaries(st.sampled_from(["a", "A", "a_2"]), st.sampled_from(["a", "a_2", "A_3"])),
)  # fmt: skip
def test_every_name_is_given_once_and_the_commonest_spelling_keeps_its_own(
    counts: dict[str, int], known: dict[str, str]
) -> None:
    names = plain_names(counts, ["b"], known)
    assert names.keys() == counts.keys()
    folded = [name.lower() for name in names.values()]
    assert len(set(folded)) == len(folded)
    assert "b" not in folded
    for name, plain in names.items():
        same = [other for other in counts if other.lower() == name.lower() and "\0" not in other]
        if name in same and name and counts[name] > max(
            (counts[other] for other in same if other != name), default=-1
        ) and name.lower() != "b":  # fmt: skip
            assert plain == name


def test_statuses_say_which_spelling_is_where(warehouse: Warehouse) -> None:
    warehouse.load(
        *spelled({"plan": 2, "PLAN": 1, "event_date": 1}),
        *spelled({"Sign Up": 2, "SIGN UP": 1}, property_=False),
    )
    (events,) = coverage(warehouse.connection)
    assert events["renamed"] == [
        {"event": "SIGN UP", "view": 'by_event."SIGN UP_2"'},
        {"property": "PLAN", "column": "PLAN_2"},
        {"property": "event_date", "column": "event_date_2"},
    ]


def test_a_property_is_found_by_its_spelling_and_a_column_by_its_own(warehouse: Warehouse) -> None:
    warehouse.load(*spelled({"plan": 2, "PLAN": 1}))
    for table in ("events", 'by_event."E"'):
        counts = {
            name: local.column_stats(warehouse.connection, name, table).count
            for name in ("plan", "PLAN", "PLAN_2")
        }
        assert counts == {"plan": 2, "PLAN": 1, "PLAN_2": 1}


def test_the_view_that_is_looked_at_is_that_of_the_spelling(warehouse: Warehouse) -> None:
    warehouse.load(*spelled({"Sign Up": 1, "SIGN UP": 4}, property_=False))
    for name, count in {"Sign Up": 1, "SIGN UP": 4, "SIGN UP_2": 1, "sign up": 4}.items():
        for table in (f'by_event."{name}"', f"by_event.{name}"):
            if name == "SIGN UP_2":
                table = table.replace("SIGN UP_2", "Sign Up_2")
            assert local.column_stats(warehouse.connection, "n", table).count == count


@pytest.mark.parametrize("table", ["order", "user", "select"])
def test_spellings_in_a_fetched_table_of_any_name(warehouse: Warehouse, table: str) -> None:
    body = b"".join(json.dumps(one).encode() + b"\n" for one in spelled({"plan": 2, "Plan": 1}))
    file = warehouse.land(body, DAY, DAY)
    for how in ("create", "append"):
        args: Any = (warehouse.connection, table, "events", [file], warehouse.settings)
        load_named(*args, how=how, filters={})
    asked = f'select count("plan"), count("Plan_2") from "{table}"'
    assert warehouse.sql(asked) in ([(2, 1)], [(4, 2)])


def test_the_columns_of_a_view_say_whose_spelling_they_hold(warehouse: Warehouse) -> None:
    warehouse.load(*spelled({"plan": 2, "PLAN": 1}))
    columns = local.table_schema(warehouse.connection, 'by_event."E"').columns
    said = {column.name: column.description for column in columns}
    assert said["PLAN_2"] == "the property 'PLAN'"
    assert said["plan"] is None


def test_it_is_a_day(warehouse: Warehouse) -> None:
    warehouse.load(*spelled({"SIGN UP": 1}, property_=False))
    assert warehouse.sql('select event_date from by_event."SIGN UP"') == [(date(2024, 1, 2),)]
