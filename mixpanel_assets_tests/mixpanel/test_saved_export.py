"""Saved reports as rows, one for each number."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from mixpanel_assets.errors import QueryError, ServerError
from mixpanel_assets.mixpanel.live import answers
from mixpanel_assets.mixpanel.live.report_rows import export_saved_reports, report_rows
from mixpanel_assets.results.catalog import Skipped
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.asking import discovery, live
from mixpanel_assets_tests.conftest import Project

Opened = Callable[..., Project]
NOW = 1_704_672_000.0  # 2024-01-08


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    """A week of a project, with what its people have saved."""
    store = Store(
        world=World(first_day=date(2024, 1, 1), events_per_day=100), last_day=date(2024, 1, 7)
    )
    with Simulator(store, retry_after=0, clock=lambda: NOW) as simulator:
        yield simulator


def rows_of(series: dict[str, Any], *headers: str) -> list[tuple[list[str], Any, Any, float]]:
    """path, date, moment and value of each row of such an answer."""
    answer = {"headers": list(headers) or ["$event"], "series": series}
    rows = report_rows(answers.saved(1, answer))
    return [(row["path"], row["date"], row["moment"], row["value"]) for row in rows]


def test_insights_have_a_row_for_each_segment_and_time() -> None:
    hours = {"2024-01-01T00:00:00-08:00": 1, "2024-01-01T01:00:00-08:00": 2.5}
    assert rows_of({"Buy": {"$overall": hours}}) == [
        (["Buy", "$overall"], "2024-01-01", "2024-01-01T00:00:00", 1),
        (["Buy", "$overall"], "2024-01-01", "2024-01-01T01:00:00", 2.5),
    ]


def test_a_segment_that_looks_like_a_day_is_no_time() -> None:
    days = {"2023-05-05": {"2024-01-01T00:00:00+00:00": 3}}
    assert rows_of({"Buy": days}) == [
        (["Buy", "2023-05-05"], "2024-01-01", "2024-01-01T00:00:00", 3)
    ]


def test_a_report_without_time_has_values_without_one() -> None:
    assert rows_of({"Buy": {"all": 4}}) == [(["Buy"], None, None, 4)]
    assert rows_of({"count": {"1. Buy": {"all": 5}}}, "$funnel") == [
        (["count", "1. Buy", "all"], None, None, 5)
    ]


def test_retention_has_a_row_for_each_interval() -> None:
    cohort = {"first": 4, "counts": [3, 1]}
    series = {"Sign up and then Open": {"2024-01-01T00:00:00Z": {"$overall": cohort}}}
    path = ["Sign up and then Open", "$overall"]
    time = ("2024-01-01", "2024-01-01T00:00:00")
    assert rows_of(series, "$retention") == [
        ([*path, "first"], *time, 4),
        ([*path, "counts", "0"], *time, 3),
        ([*path, "counts", "1"], *time, 1),
    ]


def test_what_is_no_number_is_left_out() -> None:
    odd = {"a": None, "b": "1", "c": True, "d": float("nan"), "2024-01-01": 1}
    assert [row[-1] for row in rows_of({"Buy": odd})] == [1]
    assert rows_of({}) == []


def test_every_number_of_a_world_s_reports_has_its_row(
    world: Simulator, open_project: Opened
) -> None:
    client = open_project(world).client
    ids = [one.id for one in discovery.list_bookmarks(client) if one.type != "flows"]
    found = export_saved_reports(client, ids)
    assert list(found) == ids
    for id_, rows in found.items():
        assert not isinstance(rows, Skipped)
        assert rows
        assert {row["report_type"] for row in rows} == {live.saved_report(client, id_).report_type}
        if rows[0]["report_type"] == "insights":
            _, shown = live.saved_report(client, id_).to_rows()
            assert sorted(row["value"] for row in rows) == sorted(line[-1] for line in shown)


def test_an_unknown_report_is_an_error_that_names_it(
    world: Simulator, open_project: Opened
) -> None:
    with pytest.raises(QueryError) as raised:
        export_saved_reports(open_project(world).client, [5])
    assert raised.value.details["bookmark_id"] == 5
    assert "saved report 5" in str(raised.value.hint)


def test_a_report_that_the_plan_refuses_is_skipped_in_mixpanel_s_words(
    open_project: Opened,
) -> None:
    with Simulator(retry_after=0, plan_refuses=["insights"]) as simulator:
        found = export_saved_reports(open_project(simulator).client, [5])
    refused = found[5]
    assert isinstance(refused, Skipped)
    assert refused.reason.startswith("Your plan does not allow API calls")


def test_any_other_failure_is_raised(world: Simulator, open_project: Opened) -> None:
    with Simulator(retry_after=0) as simulator:
        simulator.fail_query(*(f"500@{n}" for n in range(1, 9)))
        with pytest.raises(ServerError):
            export_saved_reports(open_project(simulator).client, [5])
