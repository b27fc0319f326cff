"""`mp query` answers what the landed events say, and fails as the contract has it."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event

Mp = Callable[..., Answer]
DAYS = ("--from", "2024-01-01", "--to", "2024-01-07")


def rows(here: Mp, sql: str) -> list[Any]:
    """What the warehouse says, as lists of values."""
    found = here("sql", sql, "--limit", "0")
    assert found.err == ""
    return [list(row.values()) for row in found.json]


def series(here: Mp, *question: str) -> dict[str, dict[str, float]]:
    """The series of a live answer, without its zeros."""
    found = here("query", *question, *DAYS)
    assert (found.code, found.err) == (0, "")
    return {
        name: {day: n for day, n in counts.items() if n}
        for name, counts in found.json["series"].items()
    }


def by_name(found: list[Any]) -> dict[str, dict[str, Any]]:
    names: dict[str, dict[str, Any]] = {}
    for name, day, n in found:
        names.setdefault(name, {})[day] = n
    return names


def test_segmentation_is_what_sql_counts(here: Mp, landed: Home) -> None:
    sql = """select plan, event_date::varchar, count(*) from by_event."Purchase" group by all"""
    found = series(here, "segmentation", "--event", "Purchase", "--on", "plan")
    assert found == by_name(rows(here, sql)) != {}


def test_people_are_what_sql_counts(here: Mp, landed: Home) -> None:
    sql = """select event_name, event_date::varchar, count(distinct person) from events
        where event_name = 'Page View' group by all"""
    found = series(here, "segmentation", "-e", "Page View", "--type", "unique")
    assert found == by_name(rows(here, sql)) != {}


def test_a_condition_is_sql_s(here: Mp, landed: Home) -> None:
    sql = """select 'Purchase', event_date::varchar, count(*) from by_event."Purchase"
        where amount > 100 group by all"""
    where = 'properties["amount"] > 100'
    assert series(here, "segmentation", "-e", "Purchase", "-w", where) == by_name(rows(here, sql))


def test_event_counts_are_what_sql_counts(here: Mp, landed: Home) -> None:
    sql = """select event_name, event_date::varchar, count(*) from events
        where event_name in ('Purchase', 'Sign Up') group by all"""
    assert series(here, "event-counts", "-e", "Purchase,Sign Up") == by_name(rows(here, sql))


def test_property_counts_are_what_sql_counts(here: Mp, landed: Home) -> None:
    sql = """select plan, event_date::varchar, count(*) from by_event."Purchase" group by all"""
    found = series(here, "property-counts", "-e", "Purchase", "-p", "plan")
    assert found == by_name(rows(here, sql))


def test_sums_and_averages_are_what_sql_computes(here: Mp, landed: Home) -> None:
    sql = """select event_date::varchar, sum(amount), avg(amount) from by_event."Purchase"
        group by all order by all"""
    expected = rows(here, sql)
    question = ("--event", "Purchase", "--on", "amount", *DAYS)
    sums = here("query", "segmentation-sum", *question).json["results"]
    averages = here("query", "segmentation-average", *question).json["results"]
    assert sums == pytest.approx({day: total for day, total, _ in expected})
    assert averages == pytest.approx({day: mean for day, _, mean in expected})


def test_ranges_of_a_number_hold_all_events(here: Mp, landed: Home) -> None:
    found = series(here, "segmentation-numeric", "--event", "Purchase", "--on", "amount")
    ((events,),) = rows(here, """select count(amount) from by_event."Purchase" """)
    assert sum(n for counts in found.values() for n in counts.values()) == events


FUNNEL = """
    with first as (
        select distinct_id, min(event_time) as at from events
        where event_name = 'Add To Cart' and distinct_id is not null group by all
    ), checkout as (
        select first.distinct_id, first.at as start, min(event_time) as at from events, first
        where event_name = 'Checkout Started' and events.distinct_id = first.distinct_id
            and event_time between first.at and first.at + interval 1 day group by all
    ), purchase as (
        select checkout.distinct_id from events, checkout
        where event_name = 'Purchase' and events.distinct_id = checkout.distinct_id
            and event_time between checkout.at and checkout.start + interval 1 day group by all
    )
    select (select count(*) from first), (select count(*) from checkout),
        (select count(*) from purchase)
"""


def test_a_funnel_is_what_sql_follows(here: Mp, landed: Home) -> None:
    funnel = next(one for one in landed.mixpanel.funnels if one.name == "Checkout")
    found = here("query", "funnel", str(funnel.id), *DAYS).json
    (counts,) = rows(here, FUNNEL)
    assert [step["count"] for step in found["steps"]] == counts
    assert found["conversion_rate"] == counts[-1] / counts[0] > 0


RETENTION = """
    with born as (
        select distinct_id, min(event_time) as "at", min(event_date) as day from events
        where event_name = 'Sign Up' and distinct_id is not null group by all
    ), back as (
        select born.*, (epoch_ms(event_time) - epoch_ms(born."at")) // 86400000 as n from born
        left join events on events.distinct_id = born.distinct_id
            and event_name = 'Purchase' and event_time >= born."at"
    )
    select day::varchar, count(distinct distinct_id),
        count(distinct distinct_id) filter (n = 0), count(distinct distinct_id) filter (n = 1)
    from back group by all order by all
"""


def test_retention_is_what_sql_follows(here: Mp, landed: Home) -> None:
    question = ("--born", "Sign Up", "--return", "Purchase", "--intervals", "1")
    found = here("query", "retention", *question, *DAYS).json["cohorts"]
    cohorts = [[c["date"], c["size"], *(n * c["size"] for n in c["retention"])] for c in found]
    assert cohorts == [pytest.approx(row) for row in rows(here, RETENTION)]


def test_frequency_counts_everybody_once_in_the_first_column(here: Mp, landed: Home) -> None:
    sql = """select event_date::varchar, count(distinct person) from events
        where event_name = 'Page View' group by all order by all"""
    found = here("query", "frequency", "--event", "Page View", *DAYS).json["data"]
    assert [[day, counts[0]] for day, counts in found.items()] == rows(here, sql)


def test_an_activity_feed_is_what_somebody_did(here: Mp, landed: Home) -> None:
    ((who, times),) = rows(
        here, "select distinct_id, count(*) from events group by 1 order by 2 desc, 1 limit 1"
    )
    found = here("query", "activity-feed", "--users", who, *DAYS)
    assert (found.err, len(found.json["events"]), found.json["truncated"]) == ("", times, False)
    cut = here("query", "activity-feed", "--users", who, "--limit", "1", *DAYS)
    assert cut.err == f"mp: note: only the newest 1 of {times} events; --limit 0 keeps all\n"
    assert len(cut.json["events"]) == 1


def test_a_saved_report_is_answered_as_it_was_saved(here: Mp, landed: Home) -> None:
    types = {}
    for one in landed.mixpanel.bookmarks:
        found = here("query", "saved-report", str(one.id), "--type", one.type)
        assert (found.code, found.err) == (0, "")
        types[one.type] = found.json["report_type"]
    assert types == {name: name for name in ("insights", "funnels", "retention", "flows")}


def test_flows_are_the_saved_report(here: Mp, landed: Home) -> None:
    (saved,) = (one for one in landed.mixpanel.bookmarks if one.type == "flows")
    found = here("query", "flows", str(saved.id)).json
    assert list(found) == [
        "bookmark_id",
        "computed_at",
        "steps",
        "breakdowns",
        "overall_conversion_rate",
        "metadata",
    ]


SCRIPT = "function main() { return Events(params).groupBy(['name'], mixpanel.reducer.count()) }"


def test_a_script_counts_what_sql_counts(here: Mp, landed: Home, tmp_path: Path) -> None:
    (tmp_path / "counts.js").write_text(SCRIPT)
    given = ("--param", "from_date=2024-01-01", "--param", 'to_date="2024-01-07"')
    found = here("query", "jql", "counts.js", *given)
    sql = "select event_name, count(*) from events group by 1 order by 1"
    assert [[one["key"][0], one["value"]] for one in found.json["raw"]] == rows(here, sql)
    assert "retiring JQL" in found.err
    again = here("query", "jql", "-", *given, "--format", "jsonl", stdin=SCRIPT)
    assert json.loads(again.out.splitlines()[0])["key_0"] == found.json["raw"][0]["key"][0]


def test_sql_is_the_same_command_here(here: Mp, landed: Home) -> None:
    query = "select count(*) as events from events"
    assert here("query", "sql", query).out == here("sql", query).out


def test_tables_are_rows_and_jq_filters_the_answer(here: Mp, landed: Home) -> None:
    question = ("query", "segmentation", "-e", "Purchase", *DAYS)
    table = list(csv.DictReader(io.StringIO(here(*question, "-f", "csv").out)))
    assert table[0].keys() == {"date", "segment", "count"}
    total = here(*question, "--jq", ".total").json
    assert total == sum(int(row["count"]) for row in table) > 0
    lines = here(*question, "-f", "jsonl").out.splitlines()
    assert len(lines) == len(table)


def test_days_are_those_of_other_commands(here: Mp, landed: Home) -> None:
    wrong = here("query", "event-counts", "-e", "Open", "--from", "soon")
    assert (wrong.code, wrong.out, wrong.error["code"]) == (2, "", "INVALID_DATE")
    turned = here("query", "event-counts", "-e", "Open", "--from", "today", "--to", "7d")
    assert (turned.code, turned.error["code"]) == (2, "INVALID_DATE")


@pytest.mark.parametrize(
    "question",
    [
        ("segmentation", "-e", "Open", "--unit", "year", *DAYS),
        ("retention", "--born", "Open", "--unit", "week", "--interval", "2", *DAYS),
        ("segmentation", "-e", "Open", "--where", "properties.plan", *DAYS),
        ("jql",),
        ("jql", "--script", "x", "--param", "y"),
    ],
)
def test_a_wrong_question_asks_nothing(
    question: tuple[str, ...], here: Mp, account: Simulator
) -> None:
    found = here("query", *question)
    assert (found.code, found.out, found.error["code"]) == (2, "", "USAGE")
    assert account.requests == []


def test_a_funnel_that_is_not_named_by_its_id_asks_for_their_list_alone(
    here: Mp, account: Simulator
) -> None:
    found = here("query", "funnel", "one", *DAYS)
    assert (found.code, found.out, found.error["code"]) == (2, "", "USAGE")
    assert [request.path for request in account.requests] == ["/api/query/funnels/list"]


def test_refused_credentials_are_exit_3(here: Mp, account: Simulator, monkeypatch: Any) -> None:
    monkeypatch.setenv("MP_SECRET", "wrong")
    found = here("query", "event-counts", "-e", "Open", *DAYS)
    assert (found.code, found.out, found.error["code"]) == (3, "", "AUTH_FAILED")


def test_a_question_that_mixpanel_refuses_is_exit_6(here: Mp, account: Simulator) -> None:
    found = here("query", "segmentation", "-e", "Open", "--where", "properties[", *DAYS)
    assert (found.code, found.out, found.error["code"]) == (6, "", "QUERY_FAILED")
    assert here("query", "funnel", "1", *DAYS).code == 6


def test_a_spent_hour_is_exit_5_without_a_wait(
    here: Mp, account: Simulator, tmp_path: Path
) -> None:
    budget = Budget(tmp_path / "home" / "budget.sqlite", account.project.project_id)
    for _ in range(60):
        budget.spend("query")
    found = here("query", "event-counts", "-e", "Open", *DAYS, "--no-wait")
    assert (found.code, found.out, found.error["code"]) == (5, "", "BUDGET_EXHAUSTED")
    assert account.requests == []


def test_a_question_is_paid_from_the_query_budget(here: Mp, account: Simulator) -> None:
    assert here("query", "event-counts", "-e", "Open", *DAYS).code == 0
    assert here("limits").json["query"]["used"] == 1


def test_a_plan_without_queries_is_exit_3(here: Mp, account: Simulator) -> None:
    account.fail_query("402@1")
    found = here("query", "event-counts", "-e", "Open", *DAYS)
    assert (found.code, found.out, found.error["code"]) == (3, "", "PLAN_REQUIRED")


def test_a_failure_behind_a_200_is_no_answer(here: Mp, account: Simulator) -> None:
    account.fail_query("200-error@1")
    found = here("query", "event-counts", "-e", "Open", *DAYS)
    assert (found.code, found.out) == (6, "")


def test_mixpanel_s_rate_limit_is_exit_5_without_a_wait(
    here: Mp, account: Simulator, monkeypatch: Any
) -> None:
    with Simulator(project=account.project, query_faults=["429@*"]) as busy:
        monkeypatch.setenv("MP_BASE_URL", busy.url)
        found = here("query", "event-counts", "-e", "Open", *DAYS, "--no-wait")
        assert (found.code, found.out, found.error["code"]) == (5, "", "RATE_LIMITED")
        assert len(busy.requests) == 1


def test_values_that_mixpanel_may_have_cut_are_noted(account: Simulator, here: Mp) -> None:
    account.store.set_day(DAY, [event("Open", NOON + n, n=f"v{n}") for n in range(61)])
    days = ("--event", "Open", "--from", str(DAY), "--to", str(DAY))
    note = "mp: note: only the {} most frequent values are counted; raise --limit for more\n"
    split = here("query", "segmentation", *days, "--on", "n")
    assert (split.err, split.json["total"]) == (note.format(60), 60)
    whole = here("query", "segmentation", *days, "--on", "n", "--limit", "100")
    assert (whole.err, whole.json["total"]) == ("", 61)
    counts = here("query", "property-counts", *days, "--property", "n")
    assert (counts.err, len(counts.json["series"])) == (note.format(10), 10)
    some = here("query", "property-counts", *days, "--property", "n", "--values", "v1,v2")
    assert (some.err, len(some.json["series"])) == ("", 2)
