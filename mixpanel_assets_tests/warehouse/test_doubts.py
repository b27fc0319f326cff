"""An empty, zero or null answer says why when that is known, and says nothing else."""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta

import duckdb
import pytest

from mixpanel_assets.errors import EventNotFoundError, SQLError
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.warehouse.ask import doubts as doubting
from mixpanel_assets.warehouse.ask.doubts import doubts
from mixpanel_assets.warehouse.load.create import create_profile_tables, create_tables
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.warehouse.conftest import (
    DAY,
    STORY,
    Warehouse,
    asked,
    sent,
    warehouses,
)

FLIGHT = sent('"origin":"ORD","a":{"b":"x"},"delay":0', event='"Flight Departed"')


@pytest.fixture(scope="module", params=[256, 1], ids=["physical", "computed"])
def landed(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two days of four events; tests only read them."""
    with warehouses() as opened:
        warehouse = opened(max_property_columns=request.param)
        warehouse.load(*STORY, FLIGHT, end=DAY + timedelta(1))
        with asked(warehouse) as connection:
            yield connection


def told(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> list[str]:
    """The notes of an answer, as whoever asks has them."""
    with pytest.warns(AnswerWarning) as heard:  # noqa: PT031
        doubting.asked(connection, query, parameters)
        doubting.note("the last")
    *notes, _ = [str(one.message) for one in heard]
    return notes


KNOWN_REASONS = {
    "select count(*) from events where event_name = 'flight departed'": [
        "events has no event 'flight departed'; did you mean 'Flight Departed'?"
    ],
    "select count(*) from main.events_wide e where 'Opne' = e.event_name": [
        "events_wide has no event 'Opne'; did you mean 'Open'?"
    ],
    "select 1 from events where event_name in ('Opn', 'By')": [
        "events has no event 'Opn'; did you mean 'Open'?",
        "events has no event 'By'; did you mean 'Buy'?",
    ],
    "select count(*) filter (where event_name = 'Opne') from events": [
        "events has no event 'Opne'; did you mean 'Open'?"
    ],
    "select sum(case when event_name = 'Opne' then 1 else 0 end) from events": [
        "events has no event 'Opne'; did you mean 'Open'?"
    ],
    "select * from events where event_name = 'Opne' or event_name = 'Bye'": [
        "events has no event 'Opne'; did you mean 'Open'?",
        "events has no event 'Bye'; did you mean 'Buy'?",
    ],
    "with e as (from events) select * from e where event_name = 'Opne'": [
        "events has no event 'Opne'; did you mean 'Open'?"
    ],
    "select count(*) from events where lower(event_name) = 'OPEN'": [
        "no row of events has lower(event_name) = 'OPEN'; did you mean 'Open'?"
    ],
    "select * from events where event_name = 'Op' || 'ne'": [
        "no row of events has event_name = 'Op' || 'ne'; did you mean 'Open'?"
    ],
    "select count(*) from events where event_date > current_date - 30": [
        "no row of events has event_date > current_date - 30; "
        "its rows are of 2 days from 2024-01-02 to 2024-01-03"
    ],
    "select count(*) from events where event_time >= current_timestamp - interval 1 day": [
        "no row of events has event_time >= current_timestamp - interval 1 day; "
        "its rows are of 2 days from 2024-01-02 to 2024-01-03"
    ],
    "select count(*) from events where event_name = 'Buy' and event_date = '2024-01-02'": [
        "no row of events has event_name = 'Buy' and event_date = '2024-01-02'; "
        "all of those with (event_name = 'Buy') are of 2024-01-03"
    ],
    "select * from events where event_time > '2024-01-02 13:00' and event_time < '2024-01-03'": [
        "no row of events has event_time > '2024-01-02 13:00' and event_time < '2024-01-03'; "
        "its rows are of 2 days from 2024-01-02 to 2024-01-03"
    ],
    "select * from events where event_name like 'Op_'": [
        "no row of events has event_name like 'Op_'; did you mean 'Open'?"
    ],
    "select properties->>'orgin' from events": [
        "nothing landed has a property 'orgin'; did you mean 'origin'?"
    ],
    "select properties->>'$.\"orgin\"' as o, count(*) from events group by all": [
        "nothing landed has a property 'orgin'; did you mean 'origin'?"
    ],
    "select properties->'$.orgin.x' from events": [
        "nothing landed has a property 'orgin'; did you mean 'origin'?"
    ],
    "select json_extract_string(properties, '/orgin') from events": [
        "nothing landed has a property 'orgin'; did you mean 'origin'?"
    ],
    "select e.properties.plann from events e": [
        "nothing landed has a property 'plann'; did you mean 'plan'?"
    ],
    "select properties->>'$.amount' from events where event_name = 'Open'": [
        "no landed 'Open' has a property 'amount'; 'Buy' has"
    ],
    "select count(*) from events where event_time > now() - interval 7 days": [
        "no row of events has event_time > now() - interval 7 days; "
        "its rows are of 2 days from 2024-01-02 to 2024-01-03"
    ],
    "select count(*) from events where event_date between '2023-01-01' and '2023-12-31'": [
        "no row of events has event_date between '2023-01-01' and '2023-12-31'; "
        "its rows are of 2 days from 2024-01-02 to 2024-01-03"
    ],
    "select * from by_event.\"Open\" where plan = 'Pro'": [
        "no row of by_event.Open has plan = 'Pro'; did you mean 'pro'?"
    ],
}


@pytest.mark.parametrize("query", KNOWN_REASONS)
def test_the_reason_is_told(landed: duckdb.DuckDBPyConnection, query: str) -> None:
    assert told(landed, query) == KNOWN_REASONS[query]


def test_the_reason_is_told_of_parameters_too(landed: duckdb.DuckDBPyConnection) -> None:
    query = "select count(*) from events where event_date > $2 and event_name = $1"
    assert told(landed, query, "opne", "2024-01-01") == [
        "events has no event 'opne'; did you mean 'Open'?"
    ]


RIGHT_AS_THEY_ARE = [
    "select count(*) from events where event_name = 'Buy' and distinct_id = 'bob'",
    "select 1 where false",
    "select 0 as zero, event_name from events",
    'select delay from by_event."Flight Departed"',
    "select properties->>'plan' from events where event_name = 'Open'",
    "from events where event_name <> 'Opne' and distinct_id = 'bob' and event_name = 'Buy'",
    "select * from events where not (event_name = 'Opne') and event_name is null",
    "from events where (event_name = 'Opne' or event_name = 'Open') and event_time is null",
    "with e as (select upper(event_name) as event_name from events) "
    "select * from e where event_name = 'OPNE'",
    "select * from events where distinct_id in (select distinct_id from events where false)",
    "select * from events where exists (select 1 from landed where false)",
    "select * from (values ('a')) v(event_name) where event_name = 'Opne'",
    "select null, properties from events",
    "select count(*) from events a join events b using (distinct_id) "
    "where a.event_name = 'Flight Departed' and a.event_date = '2024-01-02' "
    "and b.event_name = 'Buy' and b.event_date = '2024-01-03'",
    "select max(b.properties->>'$.amount') from events a join events b "
    "on a.insert_id = b.insert_id where a.event_name = 'Open'",
    "select count(*) filter (where event_name = 'Flight Departed' and distinct_id = 'bob'), "
    "max(properties->>'$.amount') from events",
    "select properties->>'$[0]', properties->>'$.*' from events where false",
    "select count(*) from information_schema.tables where table_name = 'nope'",
    "describe events",
    "select (properties->'a')->>'b' = 'y' from events",
    "select list_filter([1], lambda x: x > 1) from events",
    "select e.* from events_wide e left join (values ('u', 'gold')) t(distinct_id, plan) on false "
    "where t.plan = 'gold'",
    "select properties->>'$.nope' from (select '{}'::json as properties from events)",
    "select properties->>'$.amount' from events "
    "where (event_name = 'Open' or event_name in ('Buy')) and insert_id is null",
    "select 1 as n from events where " + "1 + " * 600 + "1 < 0",
]


@pytest.mark.parametrize("query", RIGHT_AS_THEY_ARE)
def test_nothing_is_told_of_an_answer_that_is_right(
    landed: duckdb.DuckDBPyConnection, query: str
) -> None:
    assert told(landed, query) == []


def test_a_note_is_never_false(landed: duckdb.DuckDBPyConnection) -> None:
    """What a note says of a condition holds of the rows, for conditions of any make."""
    chance = random.Random(3)
    atoms = {
        f"{column} {test}": column
        for column, tests in {
            "event_name": ["= 'Open'", "= 'open'", "in ('Buy', 'x')", "like 'B%'", "ilike 'b%'"],
            "event_date": ["= '2024-01-02'", "> '2024-01-02'", "< '2024-01-02'"],
            "distinct_id": ["= 'ann'", "= 'Ann'", "is null", "<> 'ann'"],
            "event_time": ["> now()", "< '2024-01-03'", "between '2024-01-02' and '2024-01-03'"],
        }.items()
        for test in tests
    }
    for _ in range(60):
        parts = [chance.choice(["", "not "]) + chance.choice(list(atoms)) for _ in range(3)]
        where = f"{parts[0]} {chance.choice(['and', 'or'])} ({parts[1]} and {parts[2]})"
        for message in doubts(landed, f"select * from events where {where}"):
            if message.startswith("events has no event"):
                assert repr("open") in message or repr("x") in message
                continue
            condition = message.removeprefix("no row of events has ").partition(";")[0]
            found = landed.execute(f"select count(*) from events where {condition}").fetchall()
            assert found == [(0,)], (where, message)


def test_an_arrow_beside_a_comparison_says_how_to_write_it(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    query = "from events where event_name = 'Open' and properties->'a' = 'x'"
    with pytest.raises(SQLError) as failed:
        doubting.asked(landed, query)
    assert "in parentheses" in str(failed.value.hint)
    (arrow, *_) = doubts(landed, query)  # DuckDB before 2.0 answers some of these
    assert "(properties->'$.a') in parentheses" in arrow


def test_an_empty_table_says_how_to_land(warehouse: Warehouse) -> None:
    warehouse.load(sent())
    warehouse.sql("delete from landed")
    warehouse.sql("delete from events_wide")
    with asked(warehouse) as connection:
        assert told(connection, "select count(*) from events where event_name = 'x'") == [
            "events has no rows: land some days first, mp materialize events --from 7d"
        ]


@pytest.mark.parametrize(
    "question",
    [
        local.event_breakdown,
        local.daily_counts,
        local.engagement_distribution,
        local.sample,
        local.property_keys,
        local.summarize,
        lambda w: local.column_stats(w, "event_name"),
    ],
)
def test_every_question_to_empty_tables_says_how_to_land(
    warehouse: Warehouse, question: Callable[[duckdb.DuckDBPyConnection], object]
) -> None:
    create_tables(warehouse.connection)
    with asked(warehouse) as connection:
        with pytest.warns(AnswerWarning, match="land some days first"):
            question(connection)
        with pytest.raises(EventNotFoundError) as failed:
            local.property_distribution(connection, "Open", "distinct_id")
    assert "mp materialize events" in str(failed.value.hint)


def test_an_empty_table_says_where_the_rows_are_that_were_fetched(warehouse: Warehouse) -> None:
    warehouse.load(sent())
    warehouse.sql("delete from landed")
    warehouse.sql("delete from events_wide")
    warehouse.sql("insert into landed by name select 'fetched_events' as dataset, '{}' as filters")
    with asked(warehouse) as connection:
        (note,) = told(connection, "select count(*) from events")
    assert note.endswith("; what was fetched is in fetched_events")


def test_a_spelling_that_another_answers_for_is_told(warehouse: Warehouse) -> None:
    names = {"Sign Up": 2, "SIGN UP": 1}
    for name, count in names.items():
        warehouse.load(
            *(sent(f'"plan":1,"n":{n}', event=f'"{name}"') for n in range(count)),
            *(sent(f'"PLAN":{n}', event='"other"') for n in range(count - 1)),
            day=DAY + timedelta(count),
        )
    with asked(warehouse) as connection:
        assert told(connection, 'select count(*) from by_event."SIGN UP"') == [
            "by_event.\"SIGN UP\" has the events of another spelling; those named 'SIGN UP' are in "
            'by_event."SIGN UP_2"'
        ]
        assert told(connection, 'select count(*) from by_event."SIGN UP_2"') == []
        (note,) = told(connection, "select max(PLAN) from events_wide")
        assert note == (
            'the column "PLAN" is that of another spelling; the property \'PLAN\' is in "PLAN_2"'
        )
        assert told(connection, 'select plan, n from by_event."Sign Up"') == []


def test_spellings_of_events_are_not_those_of_profiles_or_of_the_statement(
    warehouse: Warehouse,
) -> None:
    warehouse.load(*(sent(f'"Zed":{n}') for n in range(3)), sent('"zed":1'))
    create_profile_tables(warehouse.connection)
    with asked(warehouse) as connection:
        for query in (
            'select "zed" from (select 1 as "zed")',
            "select properties->>'$.zed' as zed, count(*) from events group by zed",
            "select 1 as a where 1 = 1",
        ):
            assert told(connection, query) == []
        (note,) = told(connection, "select zed from events_wide")
        assert "the property 'zed' is in \"zed_2\"" in note


def test_a_column_that_only_another_event_fills_is_told(warehouse: Warehouse) -> None:
    warehouse.load(sent('"mag":1.5', event='"Quake"'), sent('"delay":2', event='"Flight"'))
    with asked(warehouse) as connection:
        of_flights = "select avg({}) from events_wide where event_name = 'Flight'"
        note = "no landed 'Flight' has a property 'mag'; 'Quake' has"
        assert told(connection, of_flights.format("mag")) == [note]
        assert told(connection, of_flights.format("delay")) == []


def test_the_view_of_an_event_under_another_spelling_says_whose_rows_it_has(
    landed: duckdb.DuckDBPyConnection,
) -> None:
    assert told(landed, "select count(*) from by_event.buy") == [
        "by_event.\"buy\" has the events named 'Buy'; none that is landed is named 'buy'"
    ]


def test_json_beside_a_text_says_which_arrow_gives_text(landed: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(SQLError) as failed:
        doubting.asked(landed, "from events where (properties->'$.plan') = 'pro'")
    assert "->> gives a text" in str(failed.value.hint)


def test_a_base_column_is_no_spelling_of_a_property(warehouse: Warehouse) -> None:
    warehouse.load(sent('"event_name":1,"rowid":2,"properties":3,"Event_Time":4'))
    query = "select event_name, event_time, properties, rowid, event_name_2 from events_wide"
    with asked(warehouse) as connection:
        assert told(connection, query) == []


def test_a_warehouse_of_an_older_layout_is_asked_without_notes() -> None:
    with duckdb.connect() as connection:
        assert doubts(connection, "select count(*) from events where event_name = 'x'") == []
