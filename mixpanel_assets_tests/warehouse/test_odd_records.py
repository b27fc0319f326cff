"""Whatever Mixpanel sends is kept: once, and as it was sent."""

import json
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets.errors import ExportIncompleteError, MixpanelDataError
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets_tests.warehouse.conftest import NOON, Warehouse, sent, warehouses

NAMES = [
    *("event_date", "event_name", "properties", "Time", "distinct_ID", "event_time", "events"),
    *("utm", "UTM", "Utm", "utm_2", "UTM_2", "é", "É", "ß", "ẞ", "i", "I", "İ", "ı", "ſ", "s"),
    *("a.b", 'a"b', "a'b", "$x", "$", "a[0]", "a\\b", "a\nb", "a\tb", "😀", "a\u2028b", " a", "a "),
    *("x" * 300, "select", "from", "*", "$.*", "/a", "t0", "t1", "stage", "typed", "time_number"),
    *("verbatim", "event", "properties_2", "%s", "?", "$1", ":x", "--", "/*", "a;b", "null", "{}"),
]
EVENTS = ["main", "by_event", "events", "a.b", "", "_", "x" * 300, *NAMES]


@pytest.mark.parametrize("cap", [0, 3, 1000])
def test_a_property_of_any_name_has_a_column_with_its_values(open_warehouse, cap: int) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    numbered = {name: number for number, name in enumerate(NAMES)}
    warehouse.load({"event": "E", "properties": {"time": NOON, "n": 0, **numbered}})
    assert {name: warehouse.values(name) for name in NAMES} == {
        name: [number] for name, number in numbered.items()
    }


@pytest.mark.parametrize("name", ["rowid", "ROWID"])
def test_a_property_named_rowid_deletes_nothing(warehouse: Warehouse, name: str) -> None:
    lines = [sent(f'"{name}":0,"$insert_id":"{id_}"') for id_ in "abcc"]
    warehouse.load(*lines)
    assert warehouse.properties() == sorted(
        {line[len('{"event":"E","properties":') : -1] for line in lines}
    )


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_that_json_paths_can_not_say_shows_in_properties_alone(
    warehouse: Warehouse, name: str
) -> None:
    warehouse.load({"event": "E", "properties": {"time": NOON, "n": 0, name: 5}})
    assert warehouse.values(name) == [None]
    ((text,),) = warehouse.sql("select properties from events")
    assert json.loads(text)[name] == 5


def test_an_event_of_any_name_has_a_view_with_its_rows(warehouse: Warehouse) -> None:
    names = [*dict.fromkeys(EVENTS), "a\0b"]
    warehouse.load(*(sent(f'"n":{n}', event=json.dumps(name)) for n, name in enumerate(names)))
    assert {name: warehouse.values("n", name) for name in names} == {
        name: [number] for number, name in enumerate(names)
    }


IDS = [
    '"ann"',
    '""',
    "12",
    "1.5",
    "true",
    '[1,"a"]',
    '{"a":1}',
    "18446744073709551616",
    '"a\\u0000"',
]


@pytest.mark.parametrize("value", IDS)
def test_an_odd_id_is_kept_as_text(replaced: Warehouse, value: str) -> None:
    replaced.load(sent(f'"distinct_id":{value},"$insert_id":{value}'))
    text = json.loads(value) if value.startswith('"') else value
    assert replaced.sql("select distinct_id, insert_id from events") == [(text, text)]


def test_missing_and_null_ids_are_null(warehouse: Warehouse) -> None:
    warehouse.load(sent(), sent('"distinct_id":null,"$insert_id":null'))
    assert warehouse.sql("select distinct_id, insert_id from events") == [(None, None)] * 2


VERBATIM = [
    "{}",
    '{"a":1E5,"b":-0,"c":0.12345678901234567890123,"d":1.0,"e":1e400,"f":12345678901234567890.5}',
    '{"a":1e-7,"b":18446744073709551616,"c":NaN,"d":-Infinity}',
    '{ "a" : [ 1 , null,\t"x" ], "b":{} }',
    '{"a":1,"a":"x","A":null}',
    '{"a":"\\u0000\\u00e9\\/\\ud83d\\ude00","":"\u2028\u2029\u0085"}',
    '{"a":' + "[" * 5000 + "]" * 5000 + "}",
    '{"a":"' + "x" * 12_000_000 + '"}',
]


@pytest.mark.parametrize("text", VERBATIM, ids=range(len(VERBATIM)))
def test_properties_are_the_bytes_that_were_sent(replaced: Warehouse, text: str) -> None:
    replaced.load(f'{{"event":"E","properties":{text}}}')
    assert replaced.properties() == [text]


LAYOUTS = [
    '{"properties":{"a":1},"event":"E"}',
    '{"event": "E", "properties": {"a":1}}',
    '{"event":"E","properties":{"a":1},"extra":{"b":{}}}',
    '{"event":"E","extra":{"b":"c","properties":{"d":1}},"properties":{"a":1}}',
    '{"event":null,"properties":{"a":1}}',
    '{"event":12,"properties":{"a":1}}',
    '{"verbatim":"x","event":"E","properties":{"a":1}}',
]


@pytest.mark.parametrize("line", LAYOUTS)
def test_properties_are_an_object_however_the_line_is_laid_out(
    replaced: Warehouse, line: str
) -> None:
    replaced.load(line)
    assert [json.loads(text) for text in replaced.properties()] == [{"a": 1}]


# As sent, and as `properties` shows it: JSON to every reader, and otherwise verbatim.
REPAIRED = {
    '{"time":1,"a":"cut \\ud83d","b":{"c":2.50}}': '{"time":1,"a":"cut \\ufffd","b":{"c":2.50}}',
    '{"time":1,"a":"\\ude00\\ud83d\\ude00","b":2}': '{"time":1,"a":"\\ufffd\\ud83d\\ude00","b":2}',
    '{"time":1,"\\uDfff":1,"b":2}': '{"time":1,"\\ufffd":1,"b":2}',
    '{"time":1,"a":"\\\\ud800 \\ud800"}': '{"time":1,"a":"\\\\ud800 \\ufffd"}',
    '{"time":1,"a":"x\ty\x01"}': '{"time":1,"a":"x\\u0009y\\u0001"}',
    '{"time":1,"a":"x\0y"}': '{"time":1,"a":"x\\u0000y"}',
}


@pytest.mark.parametrize("text", REPAIRED)
def test_what_is_no_unicode_is_replaced_and_nothing_else(replaced: Warehouse, text: str) -> None:
    lost = "ufffd" in REPAIRED[text]  # a control character only gets another form
    match = "1 event of 2024-01-02 had text that is not Unicode"
    with pytest.warns(AnswerWarning, match=match) if lost else nullcontext():
        replaced.load(f'{{"event":"E","properties":{text}}}', sent())
    asked = "select properties::varchar from events where event_time < '2000-01-01'"
    assert replaced.sql(asked) == [(REPAIRED[text],)]
    assert replaced.sql("select repaired from landed") == [(int(lost),)]


@pytest.mark.filterwarnings("ignore:.*not Unicode")
@pytest.mark.parametrize("cap", [0, 256])
@pytest.mark.parametrize("odd", ["cut \\ud83d", "tab\there"])
def test_every_other_property_of_a_cut_emoji_is_there(
    open_warehouse: Callable[..., Warehouse], cap: int, odd: str
) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    line = sent(f'"n":1,"title":"{odd}","page":"/p/1","tags":["a"]')
    warehouse.load(sent('"n":0,"page":"/p/0"'), line, sent('"n":2,"page":"/p/2"'))
    assert warehouse.values("page") == ["/p/0", "/p/1", "/p/2"]
    assert warehouse.values("tags") == [None, ["a"], None]
    asked = "select properties->>'$.page' from events order by 1"
    assert warehouse.sql(asked) == [("/p/0",), ("/p/1",), ("/p/2",)]


# Lines of every make, by their number.
MAKES: dict[str, Callable[[int], bytes]] = {
    "as usual": lambda n: sent(f'"n":{n}').encode(),
    "ends with a carriage return": lambda n: sent(f'"n":{n}').encode() + b"\r",
    "a tab between": lambda n: sent(f'"n":\t{n}').encode(),
    "a tab in a text": lambda n: sent(f'"n":{n},"a":"\t"').encode(),
    "a cut emoji": lambda n: sent(f'"n":{n},"a":"\\ud83d"').encode(),
    "no UTF-8": lambda n: sent(f'"n":{n},"a":"?"').encode().replace(b"?", b"\xff"),
    "blanks": lambda n: f'{{"event": "E", "properties": {{"time": {NOON}, "n": {n}}}}}'.encode(),
    "more after": lambda n: f'{{"event":"E","properties":{{"time":1,"n":{n}}},"x":{{}}}}'.encode(),
    "text like a long number": lambda n: sent(f'"n":{n},"a":"[{"9" * 40}]"').encode(),
    "a long number": lambda n: sent(f'"n":{n},"a":{"9" * 40}').encode(),
}


@pytest.mark.filterwarnings("ignore:.*not Unicode")
@settings.get_profile("slow")
@given(st.lists(st.sampled_from(sorted(MAKES)), min_size=1, max_size=12))
def test_lines_of_any_makes_beside_each_other_are_each_there_once(makes: list[str]) -> None:
    with warehouses() as opened:
        warehouse = opened()
        warehouse.load(*(MAKES[make](n) for n, make in enumerate(makes)))
        assert warehouse.values("n") == list(range(len(makes)))
        texts = [json.loads(text)["n"] for text in warehouse.properties()]
        assert sorted(texts) == list(range(len(makes)))


def test_whole_emoji_and_escaped_backslashes_are_not_touched(warehouse: Warehouse) -> None:
    line = sent('"a":"\\ud83d\\ude00 \\\\ud83d"')
    warehouse.load(line, sent('"b":1'))
    assert line[len('{"event":"E","properties":') : -1] in warehouse.properties()
    assert warehouse.sql("select repaired from landed") == [(0,)]


@pytest.mark.filterwarnings("ignore:.*not Unicode")
@pytest.mark.parametrize("raw", [b"\xff", b"\xed\xa0\x80", b"\x01", b"\0"])
@pytest.mark.parametrize("place", ['"a":"X"', '"X":1'])
def test_one_odd_line_changes_nothing_about_the_others(
    warehouse: Warehouse, raw: bytes, place: str
) -> None:
    warehouse.load(sent('"b":1E5'), sent(place).encode().replace(b"X", raw), sent('"b":-0'))
    assert [text for text in warehouse.properties() if '"b"' in text] == [
        f'{{"time":{NOON},"b":-0}}',
        f'{{"time":{NOON},"b":1E5}}',
    ]


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_a_deep_record_is_the_same_next_to_an_odd_one(warehouse: Warehouse) -> None:
    deep = sent('"a":' + "[" * 5000 + "]" * 5000)
    warehouse.load(deep, sent('"b":"\\ud800"'))
    assert deep[len('{"event":"E","properties":') : -1] in warehouse.properties()


def test_a_lone_surrogate_under_a_repeated_key_is_kept(warehouse: Warehouse) -> None:
    with pytest.warns(AnswerWarning):
        warehouse.load(sent('"a":"\\ud83d","a":1'))
    assert warehouse.properties() == [f'{{"time":{NOON},"a":"\\ufffd","a":1}}']


@pytest.mark.parametrize("length", [10, 11])
def test_an_odd_layout_with_text_beyond_ascii_is_kept(warehouse: Warehouse, length: int) -> None:
    text = f'{{"a":"{"x" * 10}{"é" * 60}"}}'
    lines = {
        10: f'{{"event": "E", "properties": {text}}}',
        11: f'{{"event":"E","properties":{text},"{"x" * 11}{"é" * 60}":1}}',
    }
    warehouse.load(lines[length])
    assert warehouse.sql("select count(*) from events") == [(1,)]


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_a_number_of_5000_digits_is_the_same_next_to_an_odd_record(warehouse: Warehouse) -> None:
    warehouse.load(sent('"n":0,"a":' + "9" * 5000), sent('"n":1,"b":"\\ud800"'))
    assert warehouse.values("a") == ["9" * 5000, None]


@pytest.mark.parametrize("value", ["null", "[]", '"x"', "3", None])
def test_properties_that_are_no_object_are_kept_as_their_text(
    warehouse: Warehouse, value: str | None
) -> None:
    warehouse.load('{"event":"E"' + (f',"properties":{value}}}' if value else "}"))
    query = "select event_name, properties::varchar from events"
    assert warehouse.sql(query) == [("E", value or "null")]


ODD_EVENTS = {"null": None, "12": "12", '["x"]': '["x"]', '"\\ud800"': "\ufffd", '""': ""}


@pytest.mark.filterwarnings("ignore:.*not Unicode")
@pytest.mark.parametrize("event", ODD_EVENTS)
def test_an_event_that_is_no_text_is_named_by_its_json(warehouse: Warehouse, event: str) -> None:
    warehouse.load(sent(event=event), sent(event=event))
    assert warehouse.sql("select event_name from events") == [(ODD_EVENTS[event],)] * 2


LINE = sent('"a":1').encode()
BODIES = {
    "carriage returns": (LINE + b"\r\n" + LINE + b"\r\n", 2),
    "no final newline": (LINE + b"\n" + LINE, 2),
    "blank lines": (b"\n" + LINE + b"\n\n \t\n" + LINE + b"\n\r\n\n", 2),
    "space around": (b"  " + LINE + b" \t\n\t" + LINE + b"\n", 2),
    "separators in text": (sent('"a":"x\u2028y\u2029z\u0085w"').encode() + b"\n", 1),
    "nothing": (b"", 0),
    "one newline": (b"\n", 0),
}


@pytest.mark.parametrize("kind", BODIES)
def test_lines_end_at_newlines_only(warehouse: Warehouse, kind: str) -> None:
    body, rows = BODIES[kind]
    (day,) = warehouse.load_bytes(body)
    assert (day.rows, len(warehouse.properties())) == (rows, rows)


NO_EVENTS = [LINE + LINE, LINE + b" " + LINE, b"[]", b"1", LINE[:-1], b'{"properties":{}}', b"{}"]


@pytest.mark.parametrize("line", NO_EVENTS)
def test_a_line_that_is_no_event_is_refused(warehouse: Warehouse, line: bytes) -> None:
    with pytest.raises(ExportIncompleteError):
        warehouse.load(LINE, line)
    assert warehouse.sql("select count(*) from events") == [(0,)]


def test_a_record_beyond_every_limit_is_a_load_error(warehouse: Warehouse) -> None:
    with pytest.raises(MixpanelDataError):
        warehouse.load(sent('"a":"' + "x" * 40_000_000 + '"'))
