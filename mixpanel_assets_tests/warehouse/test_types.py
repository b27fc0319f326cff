"""Typed columns hold exactly what was sent, whatever comes later and in whatever order."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets.warehouse.numbers import is_long, quoting
from mixpanel_assets.warehouse.sql import first_column, quoted
from mixpanel_assets_tests.warehouse.conftest import DAY, DAY_MS, NOON, Warehouse, each, sent

NEXT = DAY + timedelta(1)
TYPES = {
    "BIGINT": [
        "1",
        "-0",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775807",
        "null",
    ],
    "HUGEINT": ["1", "9223372036854775808", "-9223372036854775809", "1" + "0" * 37],
    "DOUBLE": ["0.1", "1", "1e-7", "1E5", "-0.0", "1.0", "9007199254740992", "null"],
    "BOOLEAN": ["true", "false", "null"],
    "VARCHAR": ['"x"', '""', "null", '"1"', '"\\u0000"'],
    "VARCHAR[]": ["[]", '["a"]', '["a",null,""]', "null"],
    "JSON": ["{}", "[1]", '["a",1]', '{"a":[1,{"b":null}]}', "[[]]", "[9007199254740993]"],
}
TEXTS = [
    ["1", '"x"', "true", "null", "[]", "{}"],
    ["9007199254740993", "0.5"],
    ["9223372036854775808", "0.5"],
    ["1" + "0" * 38, "1"],
    ["1" + "0" * 400, "-1" + "0" * 40],
    ["0.12345678901234567890123", "12345678901234567890.5", "1e400", "1e-400", "0.1", "7"],
    ['["a"]', '"x"'],
]


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("cap", [0, 256])
def test_a_type_is_the_narrowest_that_holds_every_value(
    open_warehouse: Callable[..., Warehouse], type_: str, cap: int
) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    warehouse.load(*each(*TYPES[type_]))
    assert warehouse.column("p")[1] == type_
    assert shown(warehouse.values("p"), type_) == [meant(value) for value in TYPES[type_]]


@pytest.mark.parametrize("values", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("cap", [0, 256])
def test_what_no_type_holds_together_is_text(
    open_warehouse: Callable[..., Warehouse], values: list[str], cap: int
) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    warehouse.load(*each(*values))
    assert warehouse.column("p")[1] == "VARCHAR"
    assert shown(warehouse.values("p"), "VARCHAR", values) == [meant(value) for value in values]


@pytest.mark.parametrize("value", ["123456789012345678901e0", "123456789012345678901E2"])
def test_a_long_number_with_an_exponent_keeps_its_digits(warehouse: Warehouse, value: str) -> None:
    warehouse.load(*each(value))
    assert shown(warehouse.values("p"), "VARCHAR", [value]) == [meant(value)]


def test_a_number_is_exact_next_to_a_text_that_looks_like_one(warehouse: Warehouse) -> None:
    warehouse.load(sent('"n":0,"p":0.12345678901234567890123,"q":"x:0.12345678901234567890123"'))
    assert warehouse.values("p") == ["0.12345678901234567890123"]


def test_a_large_integer_next_to_a_text_that_looks_like_one_is_kept(warehouse: Warehouse) -> None:
    number = "1" + "0" * 40
    warehouse.load(sent(f'"n":0,"p":{number},"q":"x:{number}"'))
    assert warehouse.values("p") == [number]


@pytest.mark.filterwarnings("ignore:.*not Unicode")
@pytest.mark.parametrize("number", ["1" + "0" * 40, "0.12345678901234567890123"])
def test_a_mended_record_has_exact_numbers_too(warehouse: Warehouse, number: str) -> None:
    warehouse.load(sent(f'"n":0,"p":{number},"q":"\\ud800"'))
    assert warehouse.values("p") == [number]


@pytest.mark.parametrize("cap", [0, 256])
def test_a_list_or_object_has_every_digit_of_its_numbers_as_text_if_need_be(
    open_warehouse: Callable[..., Warehouse], cap: int
) -> None:
    number = "0.12345678901234567890123"
    warehouse = open_warehouse(max_property_columns=cap)
    warehouse.load(*each(f"[{number}]", "[1]"))
    assert warehouse.values("p") == [f'["{number}"]', "[1]"]
    warehouse.load(*each(f'{{"a":{number}}}', name="q"))
    assert warehouse.values("q") == [f'{{"a":"{number}"}}']


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_a_widened_column_keeps_the_values_of_mended_records(warehouse: Warehouse) -> None:
    warehouse.load(sent('"n":0,"p":1,"q":"\\ud800"'))
    warehouse.load(sent('"n":1,"p":"x"'), day=NEXT)
    assert warehouse.values("p") == ["1", "x"]


def test_a_type_changes_after_a_year_and_nothing_is_lost(warehouse: Warehouse) -> None:
    kinds = ["null", "1", "0.5", "9007199254740993", "true", '"x"', "[1]"]
    for n, value in enumerate(kinds):
        day = DAY + timedelta(60 * n)
        warehouse.load(sent(f'"n":{n},"p":{value}'), day=day)
    assert shown(warehouse.values("p"), "VARCHAR", kinds) == [meant(value) for value in kinds]


def test_a_property_that_was_null_at_first_is_typed_when_it_has_a_value(
    warehouse: Warehouse,
) -> None:
    for n, value in enumerate(["null", "null", "7"]):
        warehouse.load(sent(f'"n":{n},"p":{value}'), day=DAY + timedelta(n))
    assert (warehouse.values("p"), warehouse.column("p")[1]) == ([None, None, 7], "BIGINT")


def test_a_day_replaced_by_narrower_values_leaves_the_type(warehouse: Warehouse) -> None:
    warehouse.load(*each('"x"'))
    warehouse.load(*each("1"))
    assert (warehouse.values("p"), warehouse.column("p")[1]) == (["1"], "VARCHAR")


def test_types_after_loading_anew_are_the_narrowest_again(warehouse: Warehouse) -> None:
    warehouse.load(*each('"x"'))
    warehouse.load(*each("1"))
    warehouse.load_anew(warehouse.files[-1:])
    assert (warehouse.values("p"), warehouse.column("p")[1]) == ([1], "BIGINT")


@pytest.mark.parametrize(
    ("values", "type_"),
    [(["1", "0.5", "9007199254740993"], "VARCHAR"), (['["x"]', '["x",1]', "null"], "JSON")],
)
def test_the_order_of_loads_does_not_matter_for_types(
    values: list[str], type_: str, open_warehouse: Callable[..., Warehouse]
) -> None:
    found = set()
    for order in permutations(values):
        warehouse = open_warehouse()
        for n, value in enumerate(order):
            warehouse.load(sent(f'"n":{n},"p":{value}'), day=DAY + timedelta(n))
        found.add(warehouse.column("p")[1])
    assert found == {type_}


integers = st.one_of(
    st.integers(-(10**4), 10**4),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 2**127, 10**40]),
)
plain = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="0123456789"), max_size=5
)
leaves = st.one_of(
    st.none(), st.booleans(), integers, st.floats(allow_nan=False, allow_infinity=False), plain
)
small = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), plain)  # long ones: see the bug
values = st.one_of(
    leaves,
    st.lists(plain, max_size=3),
    st.lists(small, max_size=3),
    st.dictionaries(plain, small, max_size=2),
)
records = st.dictionaries(st.sampled_from(["a", "A", "b", "c.d", "é", "É"]), values, max_size=4)
loads = st.lists(
    st.tuples(st.integers(0, 2), st.lists(records, max_size=3)), min_size=1, max_size=4
)


@settings.get_profile("slow")
@given(loads=loads, cap=st.sampled_from([1, 3, 256]))
def test_every_value_is_what_was_sent_after_any_loads_in_any_order(
    open_warehouse: Callable[..., Warehouse], loads: list[tuple[int, list[Any]]], cap: int
) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    model = {}
    for shift, batch in loads:
        model[shift] = batch
        warehouse.load(*numbered(shift, batch), day=DAY + timedelta(shift))
    expected = read_of(model)
    assert held(warehouse, model) == expected
    latest = {file.start: file for file in warehouse.files}
    warehouse.load_anew([latest[day] for day in sorted(latest, reverse=True)])
    assert held(warehouse, model) == expected


def numbered(shift: int, batch: list[dict[str, Any]]) -> list[str]:
    base = {"time": NOON + shift * DAY_MS}
    return [
        json.dumps(
            {"event": "E", "properties": {**base, "n": shift * 10 + n, **record}},
            separators=(",", ":"),
            ensure_ascii=False,
        )
        for n, record in enumerate(batch)
    ]


def read_of(model: dict[int, list[dict[str, Any]]]) -> dict[str, list[Any]]:
    rows = [record for shift in sorted(model) for record in model[shift]]
    names = {name for record in rows for name in record}
    return {name: [meant(json.dumps(row.get(name))) for row in rows] for name in names}


def held(warehouse: Warehouse, model: dict[int, list[dict[str, Any]]]) -> dict[str, list[Any]]:
    rows = [record for shift in sorted(model) for record in model[shift]]
    found = {}
    for name in {name for record in rows for name in record}:
        texts = [json.dumps(row.get(name)) for row in rows]
        found[name] = shown(warehouse.values(name), warehouse.column(name)[1], texts)
    return found


def meant(text: str) -> Any:
    """What a JSON text says, numbers by their exact value; true is not 1."""
    return canonical(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def shown(values: list[Any], type_: str, sent: list[str] | None = None) -> list[Any]:
    """What typed values say: text in a VARCHAR is a text if a text was sent, else JSON."""
    if type_ == "JSON":
        return [None if value is None else meant(value) for value in values]
    if type_ == "VARCHAR" and sent:
        return [
            canonical(value) if value is None or text.startswith('"') else meant(value)
            for value, text in zip(values, sent, strict=True)
        ]
    return [canonical(value) for value in values]


def canonical(value: Any) -> Any:
    match value:
        case bool():
            return str(value)
        case int() | Decimal():
            return Decimal(value)
        case float():
            return Decimal(repr(value))
        case list():
            return [canonical(item) for item in value]
        case dict():
            return {name: canonical(item) for name, item in value.items()}
    return value


def test_ids_in_text_that_look_like_numbers_are_neither_numbers_nor_odd(
    warehouse: Warehouse,
) -> None:
    warehouse.load(sent('"n":0,"p":"$device:6202e639ba","q":"a:12345678901234567890"'))
    assert (warehouse.values("p"), warehouse.values("q")) == (
        ["$device:6202e639ba"],
        ["a:12345678901234567890"],
    )
    assert warehouse.sql("select properties->>'$.p' from events") == [("$device:6202e639ba",)]


def test_neighbours_in_a_list_keep_their_digits(warehouse: Warehouse) -> None:
    number = "0.12345678901234567890123"
    warehouse.load(sent(f'"n":0,"p":[{number},{number},{number}]'))
    assert warehouse.values("p") == [[number] * 3]


@pytest.mark.parametrize("number", ["9007199254740993", "-9007199254740993"])
def test_an_integer_that_a_double_rounds_is_found_among_hundreds_of_numbers(
    warehouse: Warehouse, number: str
) -> None:
    numbers = ",".join(f'"n{n}":{n}.5' for n in range(300))
    warehouse.load(sent(numbers), sent(f'"n7":{number},"text":"{number}","list":[{number}]'))
    assert set(warehouse.sql("select n7 from events_wide")) == {(number,), ("7.5",)}


@pytest.mark.parametrize("cap", [0, 256])
@pytest.mark.parametrize(
    "written", ["PLAN", "\\u0050lan", 'P\\"lan', "P\\/lan", "\\ud83c\\udf19Plan", "PL\u00c4N"]
)
def test_a_name_that_differs_in_case_only_has_its_own_values_however_it_is_written(
    open_warehouse: Callable[..., Warehouse], written: str, cap: int
) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    name = json.loads(f'"{written}"')
    other = json.dumps(name.lower(), ensure_ascii=False)
    warehouse.load(
        sent(f'{other}:"other","{written}":"its"'),
        sent(f'"{written}":"its"'),
        sent(f'{other}:"other","text":{json.dumps(name)}'),
        sent(f'{other}:"other"'),
    )
    ((column,),) = warehouse.sql(
        "select column_name from event_properties where property = ?", name
    )
    found = warehouse.sql(f'select {quoted(column)} from by_event."E"')
    assert sorted(found, key=str) == [("its",), ("its",), (None,), (None,)]


@given(
    sign=st.sampled_from(["", "-"]),
    whole=st.from_regex(r"0|[1-9][0-9]{0,41}", fullmatch=True),
    fraction=st.from_regex(r"(\.[0-9]{1,41})?", fullmatch=True),
    exponent=st.from_regex(r"([eE][+-]?[0-9]{1,4})?", fullmatch=True),
)
def test_python_and_duckdb_agree_on_which_numbers_are_exact(
    sign: str, whole: str, fraction: str, exponent: str
) -> None:
    number = f"{sign}{whole}{fraction}{exponent}"
    sent_ = f'{{"a":{number},"b":[{number},{number}]}}'
    (found,) = first_column(CONNECTION, f"select {quoting('?')}", [sent_])
    long = f'{{"a":"{number}","b":["{number}","{number}"]}}'
    assert found == (long if is_long(number) else sent_)


CONNECTION = duckdb.connect()
