"""Expressions select in SQL what they select in Mixpanel.

[E] is https://docs.mixpanel.com/reference/segmentation-expressions, [T] is
https://docs.mixpanel.com/docs/data-structure/property-reference/data-type, and [H] is the help page
"How do I build segmentation expressions". The last test compares random expressions over random
events with the simulator's evaluator, which shares no code with ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import parse, parse_by, quoted
from mixpanel_assets.expressions.tree import FUNCTIONS
from mixpanel_assets.fetch import pull_events
from mixpanel_assets.mixpanel.export.selection import EventSelection
from mixpanel_assets.notes import AnswerWarning, notes_to
from mixpanel_assets.simulator import expressions as simulator
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.ask.filters import condition, segment_text
from mixpanel_assets.warehouse.ask.kinds import EventColumns
from mixpanel_assets.warehouse.ask.names import find_events
from mixpanel_assets.warehouse.connection import reading
from mixpanel_assets_tests.conftest import Project, Tries
from mixpanel_assets_tests.warehouse.conftest import DAY, NOON, Warehouse, asked, sent, warehouses

EVENTS: list[dict[str, Any]] = [
    {"plan": "free", "amount": 5, "trial": True, "mixed": 1, "tags": ["new", "sale"]},
    {"plan": "pro", "amount": 7.5, "trial": False, "mixed": "1", "tags": []},
    {"plan": "", "amount": 0, "mixed": True, "list": [1, "x", True, None], "when": "2024-01-02"},
    {"plan": None, "amount": -7, "mixed": ["1"], "list": {"a": 1}, "when": "2024-01-02T10:00:00Z"},
    {"id": "5", "text": "2.5", "never": None, "when": 1704189600, "yes": "false"},
]


NUMBER = "(properties->>'$.n')::int"


def lines(events: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each, numbered by `n`, a second after the one before."""
    texts = [json.dumps({"n": n, **event})[1:-1] for n, event in enumerate(events)]
    return [sent(text, time=NOON + 1000 * n) for n, text in enumerate(texts)]


@pytest.fixture(scope="module", params=[256, 0], ids=["physical", "computed"])
def landed(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    """The events, with properties as columns and computed from the JSON."""
    with warehouses() as opened:
        warehouse = opened(max_property_columns=request.param)
        warehouse.load(*lines(EVENTS), sent('"n":9,"plan":"Basic","only":1', event='"Other"'))
        with asked(warehouse) as connection:
            yield connection


def columns(connection: duckdb.DuckDBPyConnection, **more: Any) -> EventColumns:
    return EventColumns(connection, find_events(connection, "events"), **more)


def selected(connection: duckdb.DuckDBPyConnection, text: str, **more: Any) -> list[int]:
    """The numbers of the events that the expression selects."""
    with notes_to(lambda message: None):
        where = condition(parse(text), columns(connection, **more))
    query = f"select {NUMBER} from events_wide where event_name = 'E' and {where} order by 1"
    return [n for (n,) in connection.execute(query).fetchall()]


def simulated(text: str, events: Sequence[dict[str, Any]] = EVENTS) -> list[int]:
    """The same by the simulator's evaluator."""
    expression = simulator.parse(str(parse(text)))
    every = [{"n": n, "time": NOON + 1000 * n, **event} for n, event in enumerate(events)]
    return [event["n"] for event in every if expression.matches(event)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        # [E] == is false for different types, and != true whenever == is false.
        ('plan == "free"', [0]),
        ('plan != "free"', [1, 2, 3, 4]),
        ("mixed == 1", [0]),
        ('mixed == "1"', [1]),
        ("mixed == true", [2]),
        ("mixed != 1", [1, 2, 3, 4]),
        ('list == "x"', []),
        ("plan == undefined", [3, 4]),
        ("plan != null", [0, 1, 2]),
        # [E] < and the like compare numbers, else they are undefined, which is false.
        ("amount > 0", [0, 1]),
        ("amount <= 0", [2, 3]),
        ("mixed >= 1", [0]),
        ("not (amount > 0)", [2, 3, 4]),
        ("(amount > 0) == false", [2, 3]),
        # [E] in: part of a text, which has capitals; one of a list.
        ('"r" in plan', [0, 1]),
        ('"FREE" in plan', []),
        ('"" in plan', [0, 1, 2]),
        ('not "r" in plan', [2, 3, 4]),
        ('"r" not in plan', [2, 3, 4]),
        ('plan in ["free", "pro"]', [0, 1]),
        ('plan not in ["free", "pro"]', [2, 3, 4]),
        ("mixed in [1, true]", [0, 2]),
        ('plan in [1, "free"]', [0]),
        ("plan in []", []),
        ('amount in [5, n + 1, "5"]', [0]),
        # The documents do not say what in does with a property that is a list: an item equals it.
        ('"new" in tags', [0]),
        ('"ne" in tags', []),
        ("1 in list", [2]),
        ('"x" in list', [2]),
        ("true in list", [2]),
        ('"1" in mixed', [1, 3]),
        # [E] defined is "is set" in the UI; null is not set.
        ("defined(plan)", [0, 1, 2]),
        ("not defined(plan)", [3, 4]),
        ("defined(list)", [2, 3]),
        ("defined(tags)", [0, 1]),
        # [E] and, or, not: undefined is false.
        ("trial", [0]),
        ("not trial", [1, 2, 3, 4]),
        ("trial == false", [1]),
        ("trial and amount > 1 or amount < 0", [0, 3]),
        ("not trial and not defined(plan)", [3, 4]),
        # [E] arithmetic: numbers, or undefined; no division by 0; the dividend's sign.
        ("amount + 1 == 6", [0]),
        ('plan + "!" == "free!"', [0]),
        ("not defined(plan + 1)", [0, 1, 2, 3, 4]),
        ("10 / amount == 2", [0]),
        ("defined(10 / amount)", [0, 1, 3]),
        ("amount % 4 == -3", [3]),
        ("amount % -4 == 1", [0]),
        ("-amount == 7", [3]),
        ("mixed + mixed == 2", [0]),
        ('mixed + mixed == "11"', [1]),
        ("floor(amount) == 7", [1]),
        ("ceil(amount) == 8", [1]),
        ("round(amount) == 8", [1]),
        # [E] string(): decimal text, "true" or "false".
        ('string(amount) == "5"', [0]),
        ('string(amount) == "7.5"', [1]),
        ('string(trial) == "true"', [0]),
        ('string(mixed) == "1"', [0, 1]),
        ('string(1 / 4) + string(10 * 10) == "0.25100"', [0, 1, 2, 3, 4]),
        # [E] number(): a decimal text, true is 1, else undefined.
        ("number(id) == 5", [4]),
        ("number(text) > 2", [4]),
        ("number(trial) == 1", [0]),
        ("number(mixed) == 1", [0, 1, 2]),
        ("defined(number(plan))", []),
        # [T] boolean(): "false", "", 0 and undefined are false, any other value true.
        ("boolean(plan)", [0, 1]),
        ("boolean(amount)", [0, 1, 3]),
        ("boolean(tags)", [0, 1]),
        ("boolean(yes)", []),
        ("boolean(mixed)", [0, 1, 2, 3]),
        # The time of the event, and times in texts and numbers; the documents name no more of it.
        ('event["$time"] >= datetime("2024-01-02T12:00:02")', [2, 3, 4]),
        ('properties["$time"] < datetime("2024-01-02T13:00:01+01:00")', [0]),
        ("datetime(time) > datetime(1704196803)", [4]),
        ("time > 1704196803000", [4]),
        ("datetime(when) == datetime(1704189600)", [3, 4]),
        ('datetime(when) <= datetime("2024-01-02")', [2]),
        ("(plan == \"free\") == trial", [0, 1]),
    ],
)  # fmt: skip
def test_an_expression_selects_what_mixpanel_selects(
    landed: duckdb.DuckDBPyConnection, text: str, numbers: list[int]
) -> None:
    assert selected(landed, text) == numbers
    assert simulated(text) == numbers


def test_a_list_is_itself_and_anything_else_is_none(landed: duckdb.DuckDBPyConnection) -> None:
    # Documented for profiles only.
    assert selected(landed, "defined(list(list))") == [2]
    assert selected(landed, 'defined(list(tags)) and "new" in list(tags)') == [0]
    assert selected(landed, "defined(list(plan))") == []


def test_a_time_in_an_expression_is_of_the_projects_zone_and_one_in_a_property_of_utc(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    # Mixpanel's SDK says the first, for profiles; [T] the second.
    zone = ZoneInfo("America/New_York")
    assert selected(landed, '$time >= datetime("2024-01-02T07:00:03")', zone=zone) == [3, 4]
    assert selected(landed, 'datetime(when) == datetime("2024-01-02T05:00")', zone=zone) == [3, 4]
    assert selected(landed, 'datetime(when) == datetime("2024-01-02T00:00Z")', zone=zone) == [2]


def told(connection: duckdb.DuckDBPyConnection, text: str, **more: Any) -> list[str]:
    notes: list[str] = []
    with notes_to(notes.append):
        condition(parse(text), columns(connection, **more))
    return notes


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("pln != 1", ["no landed event has a property 'pln'; did you mean plan, n?"]),
        ("zzzz == 1 or zzzz == 2", ["no landed event has a property 'zzzz'"]),
        ("never == 1", ["the property 'never' is null in every landed event"]),
        (
            'amount == "5"',
            ['where: properties["amount"] == "5" is true for no event: on the left is a number, on '
             "the right text; values of different types are never equal"],
        ),
        (
            'plan > "a"',
            ['where: properties["plan"] > "a" is true for no event: on the left is text, on the '
             "right text; > compares numbers, or datetimes"],
        ),
        (
            'tags != "new"',
            ['where: properties["tags"] != "new" is true for every event: on the left is a list, '
             "on the right text; values of different types are never equal"],
        ),
        (
            "id in [5, 6]",
            ['where: properties["id"] in [5, 6] is true for no event: on the left is text, on the '
             "right a number; values of different types are never equal"],
        ),
        ("1 in plan", ['where: 1 in properties["plan"] is true for no event: on the left is a '
                       "number, on the right text; in looks for a text in a text, or for a value "
                       "in a list"]),
        ("plan == amount or mixed == 1", ['where: properties["plan"] == properties["amount"] is '
                                          "true for no event: on the left is text, on the right a "
                                          "number; values of different types are never equal"]),
        ('plan == "nothing"', []),
        ("mixed == 1", []),
    ],
)  # fmt: skip
def test_what_can_never_hold_is_noted(
    landed: duckdb.DuckDBPyConnection, text: str, notes: list[str]
) -> None:
    assert told(landed, text) == notes


def test_a_property_of_other_events_is_noted(landed: duckdb.DuckDBPyConnection) -> None:
    noted = "no landed 'E' has a property 'only'; other events have"
    assert told(landed, "only == 1", events=["E"]) == [noted]
    assert told(landed, "amount == 1", events=["Other", "Open"]) == [
        "no landed 'Other' or 'Open' has a property 'amount'; other events have"
    ]
    assert told(landed, "only == 1", events=["E", "Other"]) == []
    assert told(landed, "only == 1") == []


def test_types_are_those_of_the_named_events(open_warehouse: Any) -> None:
    warehouse = open_warehouse()
    both = [sent('"n":1,"x":true,"y":2,"z":["a"]'), sent('"n":2,"x":false,"y":30,"z":{"b":1}')]
    warehouse.load(*both, sent('"x":"true","y":"2","z":"a"', event='"Other"'))
    with asked(warehouse) as connection:
        assert selected(connection, "x", events=["E"]) == [1]
        assert selected(connection, "y > 3", events=["E"]) == [2]
        assert selected(connection, '"a" in z', events=["E"]) == [1]
        assert "json_type" not in condition(parse("y > 3"), columns(connection, events=["E"]))
        with pytest.raises(UsageError, match="this is a boolean or text"):
            selected(connection, "x")


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("plan", 1, "a condition is true or false; this is text"),
        ("trial and amount", 11, "a condition is true or false; this is a number"),
        ("not tags", 5, "a condition is true or false; this is a list"),
        ("trial or mixed", 10, "this is a boolean or a number or text or a list"),
        ("trial == (1 and true)", 11, "this is a number"),
        ('datetime("yesterday") < $time', 10, "this is not a time"),
        ('datetime("2024-02-30") < $time', 10, "this is not a time"),
        ("datetime(0) < $time", 10, "this is not a time"),
        ("datetime(1e300) < $time", 10, "this is not a time"),
    ],
)
def test_what_is_no_condition_or_time_is_refused(
    landed: duckdb.DuckDBPyConnection, text: str, position: int, message: str
) -> None:
    with pytest.raises(UsageError) as found:
        selected(landed, text)
    assert found.value.details["position"] == position
    assert {*message.split()} <= {*found.value.message.split()}


def test_what_would_be_too_much_sql_is_refused(landed: duckdb.DuckDBPyConnection) -> None:
    text = "string(number(" * 20 + "mixed" + "))" * 20 + ' == "1"'
    with pytest.raises(UsageError, match="too complex"):
        selected(landed, text)


def test_the_deepest_and_longest_expressions_run(landed: duckdb.DuckDBPyConnection) -> None:
    assert selected(landed, "(" * 49 + "amount == 5" + ")" * 49) == [0]
    assert selected(landed, "not " * 48 + "amount == 5") == [0]
    assert selected(landed, f"{' + '.join(['amount'] * 49)} == {5 * 49}") == [0]
    assert selected(landed, " or ".join(f"amount == {n}" for n in range(1, 500))) == [0]
    assert selected(landed, f"amount in [{', '.join(map(str, range(1, 5_000)))}]") == [0]


def test_a_filter_of_a_typed_column_reads_nothing_else(landed: duckdb.DuckDBPyConnection) -> None:
    where = condition(parse('plan == "free" and amount > 1'), columns(landed))
    if "json" not in where:  # computed columns are JSON
        assert where == """(("plan" = 'free') and ("amount" > 1))"""


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("plan", ["free", "pro", "", "undefined", "undefined"]),
        ("amount", ["5", "7.5", "0", "-7", "undefined"]),
        ("trial", ["true", "false", "undefined", "undefined", "undefined"]),
        ("mixed", ["1", "1", "true", '["1"]', "undefined"]),
        ("tags", ['["new","sale"]', "[]", "undefined", "undefined", "undefined"]),
        ("list", ["undefined", "undefined", '[1,"x",true,null]', '{"a":1}', "undefined"]),
        ("floor(amount / 2)", ["2", "3", "0", "-4", "undefined"]),
        ("amount > 1", ["true", "true", "false", "false", "undefined"]),
        ("never", ["undefined"] * 5),
    ],
)
def test_a_segment_is_named_by_its_value_as_text(
    landed: duckdb.DuckDBPyConnection, text: str, values: list[Any]
) -> None:
    with notes_to(lambda message: None):
        value = segment_text(parse_by(text), columns(landed), "undefined")
    query = f"select {value} from events_wide where event_name = 'E' order by {NUMBER}"
    assert [one for (one,) in landed.execute(query).fetchall()] == values


def test_a_table_of_fetched_events_is_read_by_its_types(named: duckdb.DuckDBPyConnection) -> None:
    found = EventColumns(named, find_events(named, "buys"))

    def people(text: str) -> list[str]:
        query = f"select distinct_id from buys where {condition(parse(text), found)} order by 1"
        return [who for (who,) in named.execute(query).fetchall()]

    assert people("amount > 3") == ["bob"]
    assert people('plan == "b"') == ["bob"]
    assert people(r'properties["o\"k"] == "yes"') == ["ann"]
    with pytest.warns(AnswerWarning, match=r"^no row has a property 'plann'; did you mean"):
        people("plann == 1")


NASTY = ['"', "'", "';drop table events_wide;--", "--", "/*", "*/", "\x00", "a\x00'b", "\\", "$1",
         "{0}", "{", "%s", "]", "$.a", "日本", "a\nb", "Plan", "plan"]  # fmt: skip


def test_no_name_or_text_gets_into_the_sql_unquoted(open_warehouse: Any) -> None:
    warehouse = open_warehouse(max_property_columns=8)
    names = [name for name in NASTY if "\x00" not in name]
    warehouse.load(
        *lines([dict.fromkeys(names, text) for text in NASTY]),
        *lines([dict.fromkeys(names, n) for n in range(2)]),
    )
    with asked(warehouse) as connection:
        for number, text in enumerate(NASTY):
            name = f"properties[{quoted(names[number % len(names)])}]"
            assert selected(connection, f"{name} == {quoted(text)}") == [number]
            assert selected(connection, f"{name} in [{quoted(text)}]") == [number]
            assert number in selected(connection, f"{quoted(text)} in {name}")
            assert selected(connection, f"{name} + {quoted(text)} == {quoted(text * 2)}") == [
                number
            ]
            assert told(connection, f"properties[{quoted(f'no {text}')}] == 1")
        for name in names:
            assert selected(connection, f"properties[{quoted(name)}] == 1") == [1]


def test_a_name_that_duckdb_can_not_read_is_refused(open_warehouse: Any) -> None:
    warehouse = open_warehouse()
    warehouse.load(sent('"n":1,"":1'), sent('"n":2,"a\\u0000b":1'))
    with asked(warehouse) as connection:
        for name in ("", "a\x00b"):
            with pytest.raises(UsageError, match="DuckDB can't read a property of the name"):
                selected(connection, f"properties[{quoted(name)}] == 1")


# Random events and expressions.

NAMES = ["a", "b", "C", "c", "d e", 'q"']
TEXTS = ["", "a", "abc", "5", " 2.5 ", "1e2", "true", "false", "NaN", "x'y", 'q"', "\\", "日本",
         "a\0b", "2024-01-02", "2024-01-02T10:00:00", "2024-01-02T10:00:00.5+02:00",
         "2024-13-01"]  # fmt: skip
texts = st.sampled_from(TEXTS)
numbers = st.integers(-10, 10) | st.sampled_from([0.5, -2.25, 7.0, 1e6, 1_704_189_600])
items = st.lists(texts | st.integers(-3, 3) | st.booleans() | st.none(), max_size=3)
KINDS: list[st.SearchStrategy[Any]] = [
    texts,
    numbers,
    st.integers(-10, 10),
    st.booleans(),
    items,
    st.lists(texts, max_size=3),
    st.dictionaries(st.sampled_from(["k", "l"]), st.integers(0, 2), max_size=1),
    st.none(),
]


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events, whose properties have values of one kind or of several."""
    kinds = {
        name: st.one_of(*draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)))
        for name in draw(st.lists(st.sampled_from(NAMES), min_size=2, unique=True))
    }
    optional = {**kinds, "yes": st.booleans() | st.none()}
    return draw(st.lists(st.fixed_dictionaries({}, optional=optional), min_size=1, max_size=20))


names = st.sampled_from(NAMES).map(lambda name: f"properties[{quoted(name)}]")
leaves = (
    names
    | texts.map(quoted)
    | numbers.map(str)
    | st.sampled_from(["true", "false", "undefined", 'event["$time"]', "missing", "yes"])
)
times = st.sampled_from(
    ['event["$time"]', "datetime(1704196805)", 'datetime("2024-01-02T12:00:03")',
     'datetime("2024-01-02")']
) | names.map(lambda name: f"datetime({name})")  # fmt: skip
CASTS = [one for one in FUNCTIONS if one not in ("datetime", "list")]


def _values(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    call = st.tuples(st.sampled_from(CASTS), inner).map("{0[0]}({0[1]})".format)
    signs = st.sampled_from(["+", "+", "-", "*", "/", "%"])
    return call | st.tuples(inner, signs, inner).map(" ".join).map("({})".format)


values = st.recursive(leaves | times, _values, max_leaves=4)
signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"])
lists = st.lists(leaves, max_size=3).map(", ".join).map("[{}]".format)
tests = (
    st.tuples(values, signs, values).map(" ".join)
    | st.tuples(names, signs, leaves).map(" ".join)
    | st.tuples(values, st.sampled_from(["in", "not in"]), lists).map(" ".join)
    | values.map("defined({})".format)
    | values.map("boolean({})".format)
    | st.just("yes")
).map("({})".format)


def _conditions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    both = st.tuples(inner, st.sampled_from(["and", "or", "==", "!="]), inner)
    return inner.map("(not {})".format) | both.map(" ".join).map("({})".format)


conditions = st.recursive(tests, _conditions, max_leaves=5)
EACH = 10  # expressions for the same events


@pytest.mark.parametrize("most_columns", [256, 2])
def test_random_expressions_select_what_the_simulator_selects(
    replaced: Warehouse, tries: Tries, most_columns: int
) -> None:
    replaced.settings = replace(replaced.settings, max_property_columns=most_columns)

    @settings(max_examples=tries(10, 500), deadline=None)
    @given(streams(), st.lists(conditions, min_size=EACH, max_size=EACH))
    def agree(events: list[dict[str, Any]], expressions: list[str]) -> None:
        file = replaced.land(b"".join(f"{one}\n".encode() for one in lines(events)), DAY, DAY)
        replaced.load_anew([file])
        for text in expressions:
            assert selected(replaced.connection, text) == simulated(text, events), text

    agree()


@pytest.mark.parametrize(
    "text",
    [
        'plan != "free"',
        'plan in ["free", "pro"] and not trial',
        "mixed == 1 or number(text) > 2",
        '"sale" in tags',
        '$time >= datetime("2024-01-02T12:00:03")',
    ],
)
def test_the_export_selects_the_same_events_when_it_is_sent_the_expression(
    project: Project, mixpanel: Simulator, text: str
) -> None:
    records = [json.loads(line) for line in lines(EVENTS)]
    mixpanel.store.set_day(DAY, records)
    project.ingest()
    selection = EventSelection(where=str(parse(text)))
    pull_events(project.client, project.settings, DAY, DAY, selection).fetch(project.warehouse, "t")
    with reading(project.path) as connection:
        sent_back = connection.execute(f"select {NUMBER} from t order by 1").fetchall()
        assert [(n,) for n in selected(connection, text)] == sent_back != []
