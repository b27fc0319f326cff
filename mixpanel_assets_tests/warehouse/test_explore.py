"""Numbers about events are those that one counts by hand."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from mixpanel_assets.errors import (
    EventNotFoundError,
    MixpanelDataError,
    PropertyNotFoundError,
    SQLError,
    TableNotFoundError,
    UsageError,
)
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.results import JSONText
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.warehouse.conftest import DAY, NOON, Warehouse, asked, by, each, sent

NEXT = DAY + timedelta(1)
Connection = duckdb.DuckDBPyConnection


def test_a_breakdown_counts_events_and_people(story: Connection) -> None:
    found = local.event_breakdown(story)
    assert (found.total_events, found.total_users) == (5, 2)
    assert [str(moment) for moment in found.date_range] == [
        "2024-01-02 12:00:00+00:00",
        "2024-01-03 12:00:00+00:00",
    ]
    told = [(e.event_name, e.count, e.unique_users, e.pct_of_total) for e in found.events]
    assert told == [("Open", 4, 2, 80.0), ("Buy", 1, 1, 20.0)]


def test_a_breakdown_is_of_the_days_and_rows_asked_for(story: Connection) -> None:
    one_day = local.event_breakdown(story, from_date=NEXT, to_date=NEXT)
    assert [(e.event_name, e.count) for e in one_day.events] == [("Open", 2), ("Buy", 1)]
    ann = local.event_breakdown(story, where="distinct_id = 'ann' -- hers")
    assert [(e.event_name, e.count) for e in ann.events] == [("Open", 2), ("Buy", 1)]
    assert (one_day.total_users, ann.total_users) == (2, 1)


def test_a_breakdown_of_no_rows_is_zeros(story: Connection) -> None:
    with pytest.warns(AnswerWarning, match="its rows are of 2 days from 2024-01-02 to 2024-01-03"):
        found = local.event_breakdown(story, to_date=DAY - timedelta(1))
    assert (found.total_events, found.total_users, found.date_range, found.events) == (
        *(0, 0, (None, None), []),
    )


def test_an_event_without_a_name_is_counted_too(warehouse: Warehouse) -> None:
    warehouse.load(by("ann"), sent('"distinct_id":"bob"', event="null"))
    with asked(warehouse) as connection:
        found = local.event_breakdown(connection)
        daily = local.daily_counts(connection)
    assert sorted((str(e.event_name), e.count) for e in found.events) == [("E", 1), ("None", 1)]
    assert {count.event for count in daily.counts} == {"E", None}


def test_a_distribution_counts_values_and_those_without_one(story: Connection) -> None:
    found = local.property_distribution(story, "Open", "plan")
    told = [(v.value, v.count, v.percentage) for v in found.values]
    assert told == [("free", 2, 50.0), ("pro", 1, 25.0), (None, 1, 25.0)]
    assert (found.total_count, found.event, found.property_name) == (4, "Open", "plan")


def test_a_distribution_is_of_all_values_however_many_are_listed(story: Connection) -> None:
    found = local.property_distribution(story, "Open", "plan", limit=1)
    assert [(v.value, v.count, v.percentage) for v in found.values] == [("free", 2, 50.0)]
    assert found.total_count == 4


def test_a_distribution_is_of_the_days_asked_for(story: Connection) -> None:
    found = local.property_distribution(story, "Open", "plan", from_date=DAY, to_date=DAY)
    assert [(v.value, v.count) for v in found.values] == [("free", 1), ("pro", 1)]
    assert (found.from_date, found.to_date, found.total_count) == (DAY, DAY, 2)


# The values of a property as they were sent: how often each is told.
VALUES: dict[str, tuple[list[str], list[tuple[Any, int]]]] = {
    "text": (['"b"', '"a"', '"b"'], [("b", 2), ("a", 1)]),
    "numbers": (["1", "2.5", "1.0"], [(1.0, 2), (2.5, 1)]),
    "large": (["9007199254740993", "9007199254740992"], [(2**53, 1), (2**53 + 1, 1)]),
    "truth": (["true", "false", "true"], [(True, 2), (False, 1)]),
    "mixed": (['"x"', "1", "[2]", '"x"'], [("x", 2), ("1", 1), ("[2]", 1)]),
    "lists": (['["a"]', '["a","b"]', '["a"]'], [(["a"], 2), (["a", "b"], 1)]),
    "nested": (['{"k":[1]}', '{"k":[1]}'], [(JSONText('{"k":[1]}'), 2)]),
    "null": (["null", "null"], [(None, 2)]),
}


@pytest.mark.parametrize("cap", [0, 256])
@pytest.mark.parametrize("kind", VALUES)
def test_a_distribution_is_of_values_of_any_kind(
    open_warehouse: Callable[..., Warehouse], kind: str, cap: int
) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    sent_, told = VALUES[kind]
    warehouse.load(*each(*sent_))
    with asked(warehouse) as connection:
        found = local.property_distribution(connection, "E", "p")
        coverage = local.property_coverage(connection, "E", ["p"])
    assert [(v.value, v.count) for v in found.values] == told
    assert coverage.coverage[0].defined_count == (0 if kind == "null" else len(sent_))


@pytest.mark.parametrize("cap", [0, 256])
def test_a_numeric_summary_is_right(open_warehouse: Callable[..., Warehouse], cap: int) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    warehouse.load(*each("1", "2", "3", "10", "null"))
    with asked(warehouse) as connection:
        found = local.numeric_summary(connection, "E", "p", percentiles=[0, 50, 100])
    assert (found.count, found.min, found.max, found.sum, found.avg) == (4, 1, 10, 16, 4.0)
    assert found.stddev == pytest.approx(math.sqrt((9 + 4 + 1 + 36) / 3))
    assert found.percentiles == {0: 1.0, 50: 2.5, 100: 10.0}
    assert list(found.df.columns)[-3:] == ["p0", "p50", "p100"]


# Values as they were sent: how many are numbers, their sum, and how many are not.
NUMBERS: dict[str, tuple[list[str], int, Any, int]] = {
    "halves": (["0.5", "1.5"], 2, 2.0, 0),
    "tenths": (["0.1"] * 10, 10, 1.0, 0),
    "text that reads as a number": (['"12"', '"x"', "1", '""', '"nan"', '"inf"'], 2, 13.0, 4),
    "amounts as people write them": (['"39,90"', '"1,234.56"', '"5"'], 1, 5.0, 2),
    "what is no number to JSON": (["1.5", "NaN", "2.5", "-Infinity"], 2, 4.0, 2),
    "mixed": (['"x"', "1", "[2]", "true", '{"a":1}'], 1, 1.0, 4),
    "integers beyond 64 bits": (["9223372036854775808", "1"], 2, 9223372036854775809.0, 0),
    "the largest of 64 bits": (["9223372036854775807"] * 2, 2, 2 * (2**63 - 1), 0),
    "truth": (["true", "false"], 0, None, 2),
    "lists": (['["1"]'], 0, None, 1),
    "nested": (['{"a":1}'], 0, None, 1),
    "null": (["null"], 0, None, 0),
}


@pytest.mark.parametrize("cap", [0, 256])
@pytest.mark.parametrize("kind", NUMBERS)
def test_what_is_no_number_is_not_summed_up_but_counted(
    open_warehouse: Callable[..., Warehouse], kind: str, cap: int
) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    sent_, count, total, others = NUMBERS[kind]
    warehouse.load(*each(*sent_))
    told = pytest.warns(AnswerWarning, match=f"not numbers, and left out: {others};")
    with asked(warehouse) as connection, told if others else nullcontext():
        found = local.numeric_summary(connection, "E", "p")
    assert (found.count, found.sum, found.not_numbers) == (count, total, others)
    assert (found.not_numbers_example is not None) == (others > 0)
    assert list(found.percentiles) == [25, 50, 75, 90, 95, 99]
    if not count:
        assert {found.min, found.max, found.avg, *found.percentiles.values()} == {None}


@pytest.mark.parametrize("percentile", [-1, 100.5])
def test_a_percentile_is_between_0_and_100(story: Connection, percentile: float) -> None:
    with pytest.raises(UsageError, match="from 0 to 100"):
        local.numeric_summary(story, "Open", "n", percentiles=[percentile])


def test_daily_counts_are_by_day_and_name(story: Connection) -> None:
    found = local.daily_counts(story)
    told = [(count.date, count.event, count.count) for count in found.counts]
    assert told == [(DAY, "Open", 2), (NEXT, "Buy", 1), (NEXT, "Open", 2)]
    buys = local.daily_counts(story, events=["Buy"])
    assert [(count.date, count.count) for count in buys.counts] == [(NEXT, 1)]
    assert buys.to_dict() == {
        "from_date": None,
        "to_date": None,
        "events": ["Buy"],
        "counts": [{"date": "2024-01-03", "event": "Buy", "count": 1}],
    }


@pytest.mark.filterwarnings("ignore:no row of")
def test_an_event_that_no_chosen_day_has_is_no_mistake(story: Connection) -> None:
    day = {"from_date": DAY, "to_date": DAY}
    assert local.daily_counts(story, events=["Buy"], **day).counts == []
    assert local.property_distribution(story, "Buy", "amount", **day).values == []
    assert local.numeric_summary(story, "Buy", "amount", **day).count == 0
    (coverage,) = local.property_coverage(story, "Buy", ["amount"], **day).coverage
    assert (coverage.defined_count, coverage.null_count, coverage.coverage_percentage) == (0, 0, 0)
    engagement = local.engagement_distribution(story, events=["Buy"], **day)
    assert (engagement.total_users, {bucket.percentage for bucket in engagement.buckets}) == (
        0,
        {0},
    )


def test_everybody_is_in_one_bucket(warehouse: Warehouse) -> None:
    people = {"one": 1, "two": 2, "four": 4, "five": 5, "many": 120}
    lines = [by(p, time=NOON + i) for p, n in people.items() for i in range(n)]
    warehouse.load(*lines, by(None), by(""))
    with asked(warehouse) as connection:
        found = local.engagement_distribution(connection)
        assert local.event_breakdown(connection).total_users == 5
        wide = local.engagement_distribution(connection, buckets=[5, 3, 5])
    told = {bucket.bucket_label: bucket.user_count for bucket in found.buckets}
    assert told == {"1": 1, "2-4": 2, "5-9": 1, "10-24": 0, "25-49": 0, "50-99": 0, "100+": 1}
    assert (found.total_users, found.buckets[1].percentage) == (5, 40.0)
    assert found.events_of_nobody == 2
    told = {bucket.bucket_label: bucket.user_count for bucket in wide.buckets}
    assert told == {"1-2": 2, "3-4": 1, "5+": 2}
    assert [bucket.bucket_min for bucket in wide.buckets] == [1, 3, 5]


def test_coverage_counts_what_is_defined(story: Connection) -> None:
    found = local.property_coverage(story, "Open", ["plan", "n", "amount", "distinct_id"])
    told = [
        (c.property, c.defined_count, c.null_count, c.coverage_percentage) for c in found.coverage
    ]
    assert told == [
        ("plan", 3, 1, 75.0),
        ("n", 3, 1, 75.0),
        ("amount", 0, 4, 0.0),
        ("distinct_id", 3, 1, 75.0),
    ]
    assert found.total_events == 4


# What is asked: the error, and the first name that may have been meant.
MISTAKES: dict[str, tuple[Callable[[Any], Any], type[MixpanelDataError], str]] = {
    "distribution": (
        lambda w: local.property_distribution(w, "opens", "plan"),
        *(EventNotFoundError, "Open"),
    ),
    "numeric": (lambda w: local.numeric_summary(w, "Oepn", "n"), EventNotFoundError, "Open"),
    "daily": (lambda w: local.daily_counts(w, events=["Open", "buy"]), EventNotFoundError, "Buy"),
    "engagement": (
        lambda w: local.engagement_distribution(w, events=["By"]),
        *(EventNotFoundError, "Buy"),
    ),
    "coverage": (lambda w: local.property_coverage(w, "OPEN", ["x"]), EventNotFoundError, "Open"),
    "property": (
        lambda w: local.property_coverage(w, "Open", ["plan", "Plan"]),
        *(PropertyNotFoundError, "plan"),
    ),
    "number": (
        lambda w: local.numeric_summary(w, "Open", "amuont"),
        *(PropertyNotFoundError, "amount"),
    ),
    "table": (lambda w: local.daily_counts(w, table="Events_"), TableNotFoundError, "events"),
    "other": (lambda w: local.event_breakdown(w, "landed"), TableNotFoundError, "events"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_name_that_is_nowhere_has_near_ones(story: Connection, what: str) -> None:
    ask, kind, near = MISTAKES[what]
    with pytest.raises(kind) as failed:
        ask(story)
    (told,) = [v for name, v in failed.value.details.items() if name.startswith("similar_")]
    assert told[0] == near
    assert failed.value.exit_code == 4


@pytest.mark.parametrize("where", ["plan = ", "true) --", "1; select 2", "nosuch > 1"])
def test_a_where_that_is_no_expression_is_an_sql_error(story: Connection, where: str) -> None:
    with pytest.raises(SQLError):
        local.daily_counts(story, where=where)


NAMES = ["it's", 'a "b"', "--", "x; drop table landed", "日本"]


@pytest.mark.parametrize("name", NAMES)
def test_any_event_name_is_asked_for_as_it_is(warehouse: Warehouse, name: str) -> None:
    quoted = name.replace('"', '\\"')
    warehouse.load(by("ann", '"p":1', event=quoted), by("ann"))
    with asked(warehouse) as connection:
        assert local.property_distribution(connection, name, "p").total_count == 1
        assert local.daily_counts(connection, events=[name]).counts[0].count == 1


def test_a_fetched_table_is_asked_by_its_json(named: Connection) -> None:
    table: dict[str, Any] = {"table": "buys"}
    assert local.numeric_summary(named, "Buy", "amount", **table).sum == 6.5
    values = local.property_distribution(named, "Buy", 'o"k', **table).values
    assert [(v.value, v.count) for v in values] == [("yes", 1), (None, 1)]
    counts = local.daily_counts(named, to_date=DAY, **table).counts
    assert [(count.date, count.event) for count in counts] == [(DAY, "Buy")]
    assert local.engagement_distribution(named, **table).total_users == 2
    coverage = local.property_coverage(named, "Buy", ["Plan", "plan", "time"], **table).coverage
    assert [c.defined_count for c in coverage] == [1, 1, 1]
    with pytest.raises(PropertyNotFoundError) as failed:
        local.property_coverage(named, "Buy", ["Amount"], **table)
    assert failed.value.details["similar_properties"][0] == "amount"
    with pytest.raises(TableNotFoundError):
        local.event_breakdown(named, "profiles")


def test_an_emptied_table_has_no_event_of_any_name(warehouse: Warehouse) -> None:
    warehouse.load(by("ann"))
    warehouse.load()
    with asked(warehouse) as connection:
        with pytest.warns(AnswerWarning, match="no landed day .1 of them. has an event"):
            assert local.event_breakdown(connection).events == []
        with pytest.warns(AnswerWarning, match="no landed day"):
            assert local.daily_counts(connection).counts == []
        with pytest.warns(AnswerWarning, match="no landed day"):
            assert local.engagement_distribution(connection).total_users == 0
        with pytest.raises(EventNotFoundError) as failed:
            local.property_distribution(connection, "E", "distinct_id")
    assert failed.value.details["similar_events"] == []
