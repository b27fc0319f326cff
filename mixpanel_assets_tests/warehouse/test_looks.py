"""What `inspect quality` tells of landed data is there, and its SQL shows it."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from mixpanel_assets.errors import EventNotFoundError
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.results import Issue
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.warehouse.conftest import (
    DAY,
    DAY_MS,
    NOON,
    STORY,
    Warehouse,
    asked,
    warehouses,
)

CHANGED = 7  # the day on which a version, a name and a type change


def line(event: str, day: int, n: int, **properties: Any) -> str:
    base = {"time": NOON + day * DAY_MS + n, "distinct_id": f"u{n}", "$insert_id": f"{day}-{n}"}
    return json.dumps({"event": event, "properties": {**base, **properties}})


def records(day: int) -> Iterator[str]:
    late = day >= CHANGED
    for n in range(40):
        new = late and n % 4 == 0
        yield line(
            "Purchase",
            day,
            n,
            **{
                "$lib_version": "5.2.0" if new else "5.1.0",
                "amount": "9,50" if new else 9.5,
                "price_usd" if late else "price": 3.5,
                "currency": ("EUR", "USD")[n % 2],
                "order_id": f"o-{day}-{n}",
                "paid_at": (NOON + day * DAY_MS) // 1000,
                "ordered": "2024-01-02T03:04:05Z",
                "items": [{"sku": "a", "price": 1.5}],
                "plan": "pro",
                "is_test": n == 3,
            },
            **({"Plan": "PRO"} if n == 5 else {}),
        )
        yield line("signed up" if late else "Sign Up", day, n, method="email", invited=False)
        if n < 10:
            yield line("Visit", day, n, **{"$browser": "HeadlessChrome" if n == 1 else "Safari"})


@pytest.fixture(scope="module")
def project() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouses() as opened:
        warehouse = opened()
        for day in range(14):
            warehouse.load(*records(day), day=DAY + timedelta(day))
        with asked(warehouse) as connection:
            yield connection


@pytest.fixture(scope="module")
def issues(project: duckdb.DuckDBPyConnection) -> list[Issue]:
    return list(local.quality(project))


def told(issues: list[Issue], issue: str) -> list[str]:
    return [one.detail for one in issues if one.issue == issue]


def test_a_type_is_told_with_its_share_its_first_day_and_who_sends_it(issues: list[Issue]) -> None:
    (one,) = [one for one in issues if one.issue == "types"]
    assert one.detail == (
        "amount of Purchase is number 88 %, text 12 % since 2024-01-09; "
        "text comes from $lib_version 5.2.0"
    )
    assert (one.event, one.property, one.since) == ("Purchase", "amount", date(2024, 1, 9))


def test_what_was_renamed_is_told_with_its_partner(issues: list[Issue]) -> None:
    assert told(issues, "renamed") == [
        "'Sign Up' ends 2024-01-08 (280), 'signed up' begins 2024-01-09 (280): renamed?",
        "price of Purchase ends 2024-01-08 (280), price_usd begins 2024-01-09 (280): renamed?",
    ]
    assert told(issues, "ends") == told(issues, "begins") == []


def test_spellings_are_told_with_their_counts(issues: list[Issue]) -> None:
    assert told(issues, "spelling") == ["properties of like spelling: plan 560, Plan 14"]


def test_marks_of_tests_and_bots_are_told(issues: list[Issue]) -> None:
    assert told(issues, "mark") == [
        "is_test of Purchase is true in 2.5 % (560 values looked at)",
        "$browser of Visit names a bot in 10 % (140 values looked at)",
    ]


def test_likely_currencies_times_and_ids_are_told(issues: list[Issue]) -> None:
    assert [one.property for one in issues if one.issue == "currency"] == ["currency"]
    assert {one.property for one in issues if one.issue == "time"} == {"ordered", "paid_at"}
    assert [one.property for one in issues if one.issue == "id"] == ["order_id"]


def test_the_shape_of_lists_is_told(issues: list[Issue]) -> None:
    (shape,) = told(issues, "shape")
    assert 'lists of the shape [{"sku":"VARCHAR","price":"DOUBLE"}]' in shape


def test_each_statement_runs_and_shows_something(
    issues: list[Issue], project: duckdb.DuckDBPyConnection
) -> None:
    for one in issues:
        assert project.execute(one.sql).fetchall(), one


def test_one_event_has_its_own_issues(project: duckdb.DuckDBPyConnection) -> None:
    assert {one.event for one in local.quality(project, "Visit")} == {"Visit"}
    with pytest.raises(EventNotFoundError) as failed:
        local.quality(project, "visits")
    assert failed.value.hint == "did you mean Visit?"


def test_a_property_of_another_type_in_another_event_is_told(warehouse: Warehouse) -> None:
    lines = [line("A", 0, n, size=n) for n in range(30)]
    warehouse.load(*lines, line("B", 0, 99, size="large"))
    with asked(warehouse) as connection:
        (one,) = local.quality(connection)
        assert one.detail == "size is number 97 %, text 3.2 % in B"
        assert connection.execute(one.sql).fetchall()


def test_names_of_any_letters_are_told(warehouse: Warehouse) -> None:
    names = ['a"b', "it's", "a\nb", "東京", "x" * 500, "$.x[0]", ""]
    lines = [
        line(f"E {name}", 0, n, **{name: n if n % 2 else str(n), f"{name} is_test": True})
        for name in names
        for n in range(30)
    ]
    warehouse.load(*lines)
    with asked(warehouse) as connection:
        found = local.quality(connection)
        assert {one.property for one in found if one.issue == "types"} == set(names)
        for one in found:
            assert connection.execute(one.sql).fetchall(), one


def test_nothing_odd_is_said_where_nothing_is(warehouse: Warehouse) -> None:
    warehouse.load(*STORY[:2])
    with asked(warehouse) as connection, pytest.warns(AnswerWarning, match="nothing odd"):
        assert local.quality(connection) == []
