"""`mp inspect` says what is landed, in every format, without asking Mixpanel."""

import csv
import json
from collections.abc import Callable
from typing import Any

import pytest

from mixpanel_assets_tests.cli.conftest import FIRST, LAST, Home
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]

# What is typed after `mp inspect`: the members of its answer, and the header of its table.
ANSWERS: dict[str, tuple[list[str], str]] = {
    "info": (
        ["path", "project_id", "region", "account", "tables", "size_mb", "created_at"],
        "path,project_id,region,account,tables,size_mb,created_at",
    ),
    "schema": (["table_name", "columns"], "name,type,nullable,primary_key,description"),
    "summarize --table landed": (
        ["table", "row_count", "columns"],
        "column_name,column_type,min,max,approx_unique,avg,std,q25,q50,q75,count,null_percentage",
    ),
    "breakdown --from 2024-01-02 --to 2024-01-03": (
        ["table", "total_events", "total_users", "date_range", "events"],
        "event_name,count,unique_users,first_seen,last_seen,pct_of_total",
    ),
    "column -c distinct_id --top 3": (
        [
            *("table", "column", "dtype", "count", "null_count", "null_pct", "unique_count"),
            *("unique_pct", "top_values", "min", "max", "mean", "std"),
        ],
        "value,count",
    ),
    "distribution -e Purchase -p plan --limit 2": (
        ["event", "property_name", "from_date", "to_date", "total_count", "values"],
        "value,count,percentage",
    ),
    "numeric -e Purchase -p amount --percentiles 50,99.9": (
        [
            *("event", "property_name", "from_date", "to_date", "count", "min", "max", "sum"),
            *("avg", "stddev", "percentiles", "not_numbers", "not_numbers_example"),
        ],
        "event,property_name,from_date,to_date,count,min,max,sum,avg,stddev,"
        "not_numbers,not_numbers_example,p50,p99.9",
    ),
    "daily --events Purchase,Search": (
        ["from_date", "to_date", "events", "counts"],
        "date,event,count",
    ),
    "engagement --events Purchase --buckets 1,2": (
        ["from_date", "to_date", "events", "total_users", "buckets", "events_of_nobody"],
        "bucket_min,bucket_label,user_count,percentage",
    ),
    "coverage -e Purchase -p plan,amount -p $city": (
        ["event", "from_date", "to_date", "total_events", "coverage"],
        "property,defined_count,null_count,coverage_percentage",
    ),
}


@pytest.mark.parametrize("typed", ANSWERS)
def test_an_answer_is_one_object_in_json_and_its_rows_in_a_table(
    typed: str, landed: Home, here: Mp
) -> None:
    asked = len(landed.mixpanel.requests)
    members, header = ANSWERS[typed]
    answer = here("inspect", *typed.split())
    assert (answer.code, answer.err) == (0, "")
    assert list(answer.json) == members
    assert here("inspect", *typed.split(), "-f", "jsonl").json == answer.json
    table = here("inspect", *typed.split(), "-f", "csv")
    assert table.out.splitlines()[0] == header
    assert len(table.out.splitlines()) > 1
    assert len(landed.mixpanel.requests) == asked


def test_tables_and_samples_are_lists_of_objects(landed: Home, here: Mp) -> None:
    tables = here("inspect", "tables").json
    assert [list(table) for table in tables] == 5 * [["name", "type", "row_count", "fetched_at"]]
    events = here("sql", "--scalar", "select count(*) from events").json
    assert {table["name"]: table["row_count"] for table in tables}["events"] == events
    rows = here("inspect", "sample", "-n", "2", "-t", 'by_event."Purchase"').json
    assert [row["amount"] > 0 for row in rows] == [True, True]
    (row,) = here("inspect", "sample", "-n", "1").json
    assert isinstance(row["properties"], dict)


def test_keys_are_a_list_of_names(landed: Home, here: Mp) -> None:
    keys = here("inspect", "keys", "-e", "Purchase").json
    assert keys == sorted(keys)
    assert {"amount", "plan", "time"} <= {*keys} < {*here("inspect", "keys").json}
    assert here("inspect", "keys", "-e", "Purchase", "-f", "jsonl").out.count('"') == 2 * len(keys)
    assert here("inspect", "keys", "-e", "Purchase", "-f", "csv").out.split() == ["property", *keys]


def test_the_numbers_are_those_of_sql(landed: Home, here: Mp) -> None:
    span = ("--from", "2024-01-02", "--to", "2024-01-04")
    days = "event_date between '2024-01-02' and '2024-01-04'"

    def sql(query: str) -> Any:
        return here("sql", "--scalar", f"{query} and {days}").json

    event = "event_name = 'Purchase'"
    count = sql(f"select count(*) from events where {event}")
    daily = here("inspect", "daily", "--events", "Purchase", *span).json
    assert sum(day["count"] for day in daily["counts"]) == count
    assert (daily["from_date"], daily["to_date"]) == ("2024-01-02", "2024-01-04")
    values = here("inspect", "distribution", "-e", "Purchase", "-p", "plan", *span).json
    assert values["total_count"] == count
    numeric = here("inspect", "numeric", "-e", "Purchase", "-p", "amount", *span).json
    total = sql("select fsum((properties->>'$.amount')::double) from events where " + event)
    assert numeric["sum"] == total
    people = here("inspect", "engagement", *span).json
    assert people["total_users"] == sql("select count(distinct person) from events where true")
    free = here("inspect", "coverage", "-e", "Purchase", "-p", "plan", "-w", "plan = 'free'", *span)
    assert free.json["total_events"] == sql(
        f"select count(*) from events where {event} and (properties->>'$.plan') = 'free'"
    )


def test_a_name_with_a_comma_is_quoted(landed: Home, here: Mp) -> None:
    assert here("inspect", "daily", "--events", 'Purchase, "Search"').json["events"] == [
        *("Purchase", "Search"),
    ]
    answer = here("inspect", "daily", "--events", '"Purchase, Search"')
    assert answer.error["details"]["event_name"] == "Purchase, Search"


def test_a_day_to_come_is_left_out_and_said(landed: Home, here: Mp) -> None:
    answer = here("inspect", "breakdown", "--from", str(FIRST), "--to", "2999-01-01")
    assert answer.code == 0
    assert "asking up to" in answer.err
    assert here("inspect", "breakdown", "--to", str(LAST)).json == answer.json


def test_info_needs_no_secret(landed: Home, here: Mp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here("inspect", "info").json["region"] == "us"
    monkeypatch.delenv("MP_USERNAME")
    monkeypatch.delenv("MP_SECRET")
    found = here("inspect", "info").json
    assert (found["project_id"], found["region"]) == (landed.environment["MP_PROJECT_ID"], None)


# What is typed after `mp inspect`: the exit code and the error's code.
REFUSED = {
    "sample -t event": (4, "TABLE_NOT_FOUND"),
    "breakdown -t landed": (4, "TABLE_NOT_FOUND"),
    "keys -e purchase": (4, "EVENT_NOT_FOUND"),
    "distribution -e Purchase -p plam": (4, "PROPERTY_NOT_FOUND"),
    "column -c plam": (4, "PROPERTY_NOT_FOUND"),
    "column -c 1+": (6, "SQL_ERROR"),
    "daily -w nosuch=1": (6, "SQL_ERROR"),
    "daily --from soon": (2, "INVALID_DATE"),
    "daily --from 2024-01-02 --to 2024-01-01": (2, "INVALID_DATE"),
    "sample -n -1": (2, "USAGE"),
    "column": (2, "USAGE"),
    "distribution -e Purchase": (2, "USAGE"),
    "numeric -e Purchase -p amount --percentiles 101": (2, "USAGE"),
    "numeric -e Purchase -p amount --percentiles x": (2, "USAGE"),
    "engagement --buckets 1.5": (2, "USAGE"),
    "tables --jq .[": (2, "USAGE"),
    "tables --jq .[0] -f csv": (2, "USAGE"),
    "tables --jq .name": (6, "FILTER_FAILED"),
}


@pytest.mark.parametrize("typed", REFUSED)
def test_it_refuses(typed: str, landed: Home, here: Mp) -> None:
    answer = here("inspect", *typed.split())
    assert (answer.code, answer.error["code"]) == REFUSED[typed]
    assert answer.out == ""


def test_nothing_is_landed_yet(here: Mp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_PROJECT_ID", "1")
    for command in ("info", "tables", "breakdown"):
        answer = here("inspect", command)
        assert (answer.code, answer.error["code"]) == (4, "DATABASE_NOT_FOUND")


@pytest.mark.parametrize("format_", ["csv", "plain", "table"])
def test_every_format_has_a_row_for_each_event(format_: str, landed: Home, here: Mp) -> None:
    events = here("inspect", "breakdown").json["events"]
    lines = here("inspect", "breakdown", "-f", format_).out.splitlines()
    rows = lines[{"csv": 1, "plain": 0, "table": 2}[format_] :]
    assert len(rows) == len(events)
    for row, event in zip(rows, events, strict=True):
        assert row.startswith(event["event_name"])


def test_nested_values_are_json_in_a_cell(landed: Home, here: Mp) -> None:
    lines = here("inspect", "sample", "-n", "1", "-f", "csv").out.splitlines()
    (row,) = csv.DictReader(lines)
    assert "time" in json.loads(row["properties"])
