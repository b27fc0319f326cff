"""A statement that is slightly wrong gets an answer that says what to write instead."""

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.errors import SQLError
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]
MOST = 600  # bytes of an error

# What is asked, and what the hint or the message has.
ERRORS: list[tuple[str, list[str]]] = [
    # Tables: near names among our own, never DuckDB's.
    ("select count(*) from event", ["did you mean events", "mp inspect overview"]),
    ("select count(*) from mixpanel_events", ["events", "mp inspect overview"]),
    ("select count(*) from evnts_wide", ["events_wide"]),
    ("select count(*) from event_props", ["event_properties"]),
    ("select count(*) from indexes", ["mp inspect overview"]),
    ("select count(*) from zzz", ["tables: event_properties, events, events_wide"]),
    ("select count(*) from users", ["mp materialize profiles"]),
    ("select count(*) from warehouse.public.events", ["did you mean events"]),
    ("describe evnts", ["did you mean events"]),
    ("select * from by_event", ['by_event."']),
    ('select "Purchase".amount from events', ['FROM: by_event."Purchase"']),
    # Views of events, quoted.
    ('select * from "Add To Cart"', ['by_event."Add To Cart"']),
    ("select * from Purchase", ['by_event."Purchase"']),
    ("select * from by_event.Add_To_Cart", ['by_event."Add To Cart"']),
    ("select * from by_event.'Sign Up'", ['by_event."Sign Up"']),
    ("select * from by_event.signup", ['by_event."Sign Up"']),
    ("select * from Sign Up", ['by_event."Sign Up"']),
    ('select * from by_event."Purchses"', ['by_event."Purchase"']),
    # Columns by other names.
    ("select evnt_name from events", ["did you mean event_name", "LINE 1: ", "\n               ^"]),
    ("select event, count(*) from events group by all", ["did you mean event_name?"]),
    ("select time from events", ["did you mean event_time?"]),
    ("select timestamp from events", ["did you mean event_time?"]),
    ("select name from events", ["did you mean event_name?"]),
    ("select date from events", ["did you mean event_date?"]),
    ("select userid from events", ["distinct_id"]),
    ("select e.event from events e", ["did you mean event_name?"]),
    ("select * exclude (propertiez) from events", ["did you mean properties?"]),
    ("select 1 from events a join events b using (insertid)", ["did you mean insert_id?"]),
    ("select event_name", ["FROM events"]),
    ("select\n  count(*)\nfrom events\nwhere evnt_date = today()", ["event_date", "LINE 4: where"]),
    # Properties that are no columns of events.
    (
        "select avg(amount) from events",
        ['events_wide."amount"', 'by_event."Checkout Started"', "properties->>'$.amount'"],
    ),
    ("select sku from events", ['events_wide."sku"', 'by_event."Add To Cart"']),
    ("select 1 from events where topic = 'x'", ['by_event."Support Ticket Opened"']),
    ('select "$city" from events', ['events_wide."$city"', "properties->>'$.\"$city\"'"]),
    ("select curency from events", ["did you mean the property currency?", "events_wide"]),
    ('select priority from by_event."Purchase"', ['by_event."Support Ticket Opened"']),
    ("select e.price from events e", ['events_wide."price"']),
    ("select properties:quantity from events", ["properties->>'$.quantity'"]),
    ("select coupn from events_wide", ["did you mean coupon"]),
    ('select "$insert_id" from events', ["insert_id"]),
    ("select zzzz from events", ["mp inspect find zzzz"]),
    # Names with $, unquoted or eaten by the shell.
    ("select $city from events_wide", ['"$city"', "mp sql - <<'SQL'"]),
    ("select $nothing from events_wide", ['"$nothing"', "mp sql - <<'SQL'"]),
    ("select  from events_wide", ["shell replaces $name", "mp sql - <<'SQL'"]),
    ("select , count(*) from events_wide group by all", ["shell replaces $name"]),
    ("select count(*) from events_wide where  = 'Paris'", ["shell replaces $name"]),
    ("select sum() from events_wide", ["shell replaces $name"]),
    ('select "" from events_wide', ["shell replaces $name"]),
    ("select ? from events", ["mp sql takes no parameters"]),
    # Texts in double quotes, and none.
    ('select 1 from events where event_name = "Sign Up"', ["single quotes: 'Sign Up'"]),
    ('select 1 from events where event_name in ("Search")', ["single quotes: 'Search'"]),
    ('select 1 from events where event_name like "Sign%"', ["single quotes: 'Sign%'"]),
    ("select 1 from events where event_name = `Page View`", ["single quotes: 'Page View'"]),
    ('select strftime(event_time, "%Y-%m") from events', ["single quotes: '%Y-%m'"]),
    ('select properties->>"$.plan" from events', ["single quotes: '$.plan'"]),
    ("select 1 from events_wide where currency = EUR", ["single quotes: 'EUR'", "shell"]),
    ("select 1 from events where event_name = Sign Up", ["single quotes", "shell"]),
    ("select 1 from events where event_name = ‘Search’", ["single quotes: 'Search'"]),
    ("select 1 from events where event_name = 'it's'", ["doubled"]),
    # Parts of dates, and other databases' functions.
    ("select date_trunc(day, event_time) from events", ["date_trunc('day', event_time)"]),
    ("select date_trunc(event_time, month) from events", ["date_trunc('month', event_time)"]),
    ("select date_part(hour, event_time) from events", ["date_part('hour', event_time)"]),
    ("select datediff(days, event_date, today()) from events", ["datediff('day'"]),
    ("select date_trunc('weeek', event_time) from events", ["did you mean 'week'?"]),
    ("select dateadd(day, 1, event_date) from events", ["interval 7 days"]),
    ("select countt(*) from events", ["did you mean count"]),
    ("select to_char(event_time, 'YYYY') from events", ["strftime("]),
    ("select nvl(user_id, 'x') from events", ["coalesce("]),
    ("select uniqExact(user_id) from events", ["count(distinct x)"]),
    ("select json_extract_scalar(properties, '$.plan') from events", ["properties->>'$."]),
    ("select percentile(amount, 0.5) from events_wide", ["quantile_cont("]),
    ("select safe_cast(plan as int) from events_wide", ["try_cast("]),
    ("select frobnicate(plan) from events_wide", ["duckdb_functions()"]),
    ("select date_sub(event_date, interval 1 day) from events", ["interval"]),
    ("select now() - 7", ["interval 7 days"]),
    ("select time_bucket(day, event_time) from events", ["date_trunc('day', event_time)"]),
    ("select trunc(event_time, 'month') from events", ["date_trunc('day', event_time)"]),
    ("select extract(hour, event_time) from events", ["extract(hour FROM event_time)"]),
    ("select plan, count(*) from events_wide group by 1 order by count", ["count(*) as n"]),
    ("select planned from events_wide", ["did you mean plan"]),
    ("select avg(properties->>'amount') from events", ["try_cast("]),
    ("select properties->>'amount' + 1 from events", ["parentheses"]),
    ("select properties->>'amount' > 10 from events", ["try_cast("]),
    ("select count(distinct plan, currency) from events_wide", ["count(distinct (a, b))"]),
    ("select plan::numbr from events_wide", ["did you mean double?"]),
    # Aggregates beside columns.
    ("select plan, count(*) from events_wide", ["GROUP BY ALL", "plan", "LINE 1: ", "^"]),
    ("select plan, amount, sum(amount) from events_wide group by plan", ["GROUP BY ALL", "amount"]),
    ("select plan from events_wide where count(*) > 1 group by 1", ["HAVING"]),
    ("select 1 from events where row_number() over () = 1", ["QUALIFY"]),
    ("select sum(count(*)) from events group by event_name", ["subquery"]),
    (
        "select event_date, lag(n) over (order by event_date), count(*) n from events group by all",
        ["subquery"],
    ),
    # Dates.
    ("select 1 from events where event_date >= '01/05/2024'", ["YYYY-MM-DD", "'2024-01-05'"]),
    ("select 1 from events where event_time > '5.1.2024'", ["YYYY-MM-DD"]),
    ("select 1 from events where event_date = 'yesterday'", ["current_date - 1"]),
    ("select 1 from events where event_date >= '7d'", ["current_date - 7"]),
    ("select 1 from events where event_date > 2024-01-05", ["single quotes"]),
    # What is not allowed, and what is instead.
    ("select 1; select 2", ["one statement", "mp define"]),
    ("create temp table x as select 1", ["SELECT", "CREATE TEMP", "mp define"]),
    ("create view v as select 1", ["mp define"]),
    ("create macro m(a) as a + 1", ["mp define"]),
    ("copy events to 'x.csv'", ["--save FILE"]),
    ("copy (select 1) to 'x.parquet' (format parquet)", ["--save FILE"]),
    ("export database 'x'", ["--save FILE"]),
    ("select * from read_csv('x.csv')", ["warehouse alone"]),
    ("select * from 'x.parquet'", ["warehouse alone"]),
    ("attach 'x.db'", ["warehouse alone"]),
    ("install httpfs", ["warehouse alone"]),
    ("set threads=1", ["MP_THREADS"]),
    ("pragma memory_limit='1GB'", ["MP_MEMORY_LIMIT"]),
    ("set timezone='Europe/Paris'", ["at time zone"]),
    ("drop table events", ["mp drop"]),
    ("insert into events select * from events", ["mp materialize"]),
    # Words.
    ("selct count(*) from events", ["did you mean SELECT?"]),
    ("select count(*) form events", ["did you mean FROM?"]),
    ("select top 5 * from events", ["LIMIT 5"]),
    ("select top(5) * from events", ["LIMIT 5"]),
    ("select * from events limit 5, 10", ["OFFSET 5"]),
    ("query.sql", ["mp sql --file query.sql"]),
    ("select count(* from events", ["parenthesis"]),
]


@pytest.mark.parametrize(("query", "told"), ERRORS, ids=[query for query, _ in ERRORS])
def test_an_error_says_what_to_write(query: str, told: list[str], landed: Home, here: Mp) -> None:
    answer = here("sql", query)
    assert (answer.code, answer.out, answer.error["code"]) == (6, "", "SQL_ERROR")
    assert len(answer.err.encode()) <= MOST
    said = f"{answer.error['message']} {answer.error['hint']}"
    assert [part for part in told if part not in said] == []
    assert answer.error["hint"]
    assert [one for one in ("pg_", "sqlite_", "duckdb_sch", "internal.") if one in said] == []


# What is asked, and what is noted beside the answer.
NOTED: list[tuple[str, list[str]]] = [
    ("select count(*) from events where event_name = 'purchase'", ["'Purchase'"]),
    ("select count(*) from events where event_name = 'Sign Ups'", ["'Sign Up'"]),
    ("select count(*) from events where lower(event_name) = 'sign ups'", ["'Sign Up'"]),
    (
        "select count(*) from events where event_name in ('Serch', 'Purchas')",
        ["Search", "Purchase"],
    ),
    ("select count(*) filter (event_name = 'sign up') from events", ["'Sign Up'"]),
    ("select distinct properties->>'curency' from events", ["'curency'", "'currency'"]),
    ("select properties.curency from events limit 3", ["'currency'"]),
    ("select properties['curency'] from events limit 3", ["'currency'"]),
    ("select json_value(properties, '$.curency') from events limit 3", ["'currency'"]),
    ("select count(*) from events where event_time > now() - interval 7 days", ["2024-01-07"]),
    ("select count(*) from events where event_date = '2023-12-31'", ["2024-01-01"]),
    ("select sum(sku) from (select price as sku from events_wide where plan = 'gold')", ["'gold'"]),
    ("select avg(amount) from events_wide where event_name = 'Search'", ["'Purchase'"]),
]


@pytest.mark.parametrize(("query", "told"), NOTED, ids=[query for query, _ in NOTED])
def test_an_empty_answer_comes_with_its_reason(
    query: str, told: list[str], landed: Home, here: Mp
) -> None:
    answer = here("sql", query)
    assert (answer.code, answer.err[:10]) == (0, "mp: note: ")
    assert [part for part in told if part not in answer.err] == []


@pytest.mark.parametrize(
    "query",
    [
        "select 0",
        "select null",
        "select count(*) from events where event_name = 'Search' or event_name = 'x'",
        "select event_name from events limit 0",
        "select event_name, count(*) from events group by all having count(*) > 1000000",
        "select properties['gift'] from events where event_name = 'Purchase'",
        "select count(*) from events where event_name = 'Purchase' and event_date = '2024-01-02'",
    ],
)
def test_an_empty_answer_without_a_known_reason_has_no_note(
    query: str, landed: Home, here: Mp
) -> None:
    answer = here("sql", query)
    assert (answer.code, answer.err) == (0, "")


def test_a_note_names_no_days_where_there_are_none(landed: Home, here: Mp) -> None:
    known = ["Add To Cart", "Checkout Started", "Page View", "Purchase", "Search", "Sign Up"]
    none = " and ".join(f"event_name <> '{name}'" for name in [*known, "Support Ticket Opened"])
    answer = here("sql", f"select count(*) from events where {none}")
    assert answer.err.startswith("mp: note: no row of events has event_name <> ")
    assert "None" not in answer.err


# SQL of the user's in a statement of ours: the place is in what was typed.
PARTS: list[tuple[list[str], str, str]] = [
    (["inspect", "breakdown", "--where", "evnt_name = 'x'"], "LINE 2: evnt_name", "event_name"),
    (["inspect", "daily", "--where", 'event_name = "Search"'], "LINE 2: event_name", "'Search'"),
    (["inspect", "column", "--column", "nvl(plan, 'x')"], "LINE 2: (nvl(plan", "coalesce"),
    (
        ["ask", "segmentation", "Purchase", "--from", "2024-01-01", "--sql-where", "amont > 3"],
        "LINE 2: amont > 3",
        "amount",
    ),
]


@pytest.mark.parametrize(("words", "place", "told"), PARTS, ids=[words[1] for words, *_ in PARTS])
def test_a_condition_in_sql_is_explained_too(
    words: list[str], place: str, told: str, landed: Home, here: Mp
) -> None:
    answer = here(*words)
    assert (answer.code, answer.error["code"]) == (6, "SQL_ERROR")
    assert place in answer.error["message"]
    assert told in answer.error["hint"]


def test_a_mistake_in_a_long_line_is_shown_with_what_is_around(landed: Home, here: Mp) -> None:
    many = ", ".join(["event_name"] * 60)
    answer = here("sql", f"select {many}, evnt_time, {many} from events")
    assert len(answer.err.encode()) <= MOST
    line, caret = answer.error["message"].splitlines()[-2:]
    assert line[caret.index("^") :].startswith("evnt_time")
    assert answer.error["details"] == {"line": 1, "position": 8 + len(many) + 2}


def test_a_mistake_after_a_temporary_view_is_shown_where_it_is(landed: Home, here: Mp) -> None:
    for between in (" ", "\n\n"):  # the place is in the statement that asks
        query = f"create temp view v as select 1 as one;{between}select evnt_name from events"
        answer = here("sql", query)
        assert answer.error["details"] == {"line": 1, "position": 8}
        text, caret = answer.error["message"].splitlines()[-2:]
        assert text[caret.index("^") :].startswith("evnt_name")
        assert answer.error["hint"].startswith("did you mean event_name")


def test_rows_that_would_be_saved_are_explained_too(landed: Home, here: Mp, tmp_path: Path) -> None:
    answer = here("sql", "select evnt_name from events", "--save", "rows.csv")
    assert (answer.code, answer.error["code"]) == (6, "SQL_ERROR")
    assert answer.error["hint"].startswith("did you mean event_name")
    assert not (tmp_path / "rows.csv").exists()


def test_a_hint_s_statement_works(landed: Home, here: Mp) -> None:
    hint = here("sql", "select avg(amount) from events").error["hint"]
    _, ways = hint.split(": ")
    wide, view, path = ways.replace("or ", "").split(", ")
    table, _, column = wide.partition(".")
    for query in (
        f"select avg({column}) from {table}",
        f"select avg({column}) from {view}",
        f"select avg(({path})::double) from events",
    ):
        (row,) = here("sql", query).json
        assert next(iter(row.values())) > 0


def test_python_s_traceback_has_the_hint(landed: Home) -> None:
    with Workspace() as ws, pytest.raises(SQLError) as raised:
        ws.sql("select avg(amount) from events")
    assert raised.value.__notes__ == [f"hint: {raised.value.hint}"]
    assert "".join(traceback.format_exception(raised.value)).count("amount is a property") == 1


def test_the_search_for_a_function_works(landed: Home, here: Mp) -> None:
    hint = here("sql", "select sparkbar(amount) from events_wide").error["hint"]
    query = hint.partition('mp sql "')[2].removesuffix('"')
    assert here("sql", query).code == 0
