from __future__ import annotations

import pytest

from mixpanel_assets.simulator.app.bookmarks import Flows, FunnelReport, Insights, RetentionReport
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.query.funnels import Step

DAYS = ("2024-01-01", "2024-01-02")


@pytest.fixture
def events(event):
    return [
        event("Open", "2024-01-01T09:00:00", plan="free"),
        event("Open", "2024-01-01T10:00:00", plan="free"),
        event("Buy", "2024-01-01T11:00:00", plan="free"),
        event("Open", "2024-01-01T12:00:00", distinct_id="bo", plan="team"),
        event("Look", "2024-01-01T13:00:00", distinct_id="bo", plan="team"),
        event("Open", "2024-01-02T12:30:00", distinct_id="bo", plan="team"),
    ]


@pytest.fixture
def sim(sim, events):
    """Ana opens twice and buys; Bo opens, looks, and opens again a day and a half hour later."""
    sim.store.add(events)
    return sim


@pytest.fixture
def report(sim, ask):
    """Saves a report and reads it through /insights."""

    def read(report):
        return ask(sim, "insights", bookmark_id=sim.bookmarks.add("R", report).id)

    return read


def _at(day):
    return f"2024-01-0{day}T00:00:00+00:00"


def test_a_saved_report_has_a_number_for_every_day(report):
    assert report(Insights(events=("Open", "Buy"), dates=DAYS)) == {
        "computed_at": "2024-01-10T12:00:00.000000+00:00",
        "date_range": {
            "from_date": "2024-01-01T00:00:00+00:00",
            "to_date": "2024-01-02T23:59:59.999000+00:00",
        },
        "headers": ["$event"],
        "series": {"Open": {_at(1): 3, _at(2): 1}, "Buy": {_at(1): 1, _at(2): 0}},
    }


def test_a_report_may_be_of_people_of_weeks_or_of_the_whole(report):
    def series(**settings):
        return report(Insights(events=("Open",), dates=DAYS, **settings))["series"]["Open"]

    assert series(math="unique") == {_at(1): 2, _at(2): 1}
    assert series(math="unique", unit="week") == {_at(1): 2}
    assert series(chart="bar") == {"all": 4}
    assert series(chart="bar", where='properties["plan"] == "team"') == {"all": 2}


def test_a_breakdown_adds_a_level_and_the_overall_number(report):
    found = report(Insights(events=("Open",), by="plan", chart="bar", dates=DAYS))

    assert found["headers"] == ["$event", "plan"]
    numbers = {"$overall": {"all": 4}, "free": {"all": 2}, "team": {"all": 2}}
    assert found["series"] == {"Open": numbers}


def test_a_reports_days_may_follow_the_clock(report, sim, event):
    sim.store.add([event("Open", "2024-01-10T01:00:00")])

    found = report(Insights(events=("Open",), days=2))

    assert found["date_range"]["from_date"] == "2024-01-09T00:00:00+00:00"
    assert [*found["series"]["Open"].values()] == [0, 1]


def test_an_old_projects_dates_have_its_offset(simulate, ask, event):
    sim = simulate(project=Project(timezone="US/Pacific"))
    sim.store.add([event("Open", "2024-01-02T07:59:59"), event("Open", "2024-01-02T08:00:00")])
    saved = sim.bookmarks.add("R", Insights(events=("Open",), dates=DAYS))

    found = ask(sim, "insights", bookmark_id=saved.id)

    numbers = {"2024-01-01T00:00:00-08:00": 1, "2024-01-02T00:00:00-08:00": 1}
    assert found["series"]["Open"] == numbers
    assert found["date_range"]["to_date"] == "2024-01-02T23:59:59.999000-08:00"


def test_a_saved_funnel_can_be_read_both_ways(sim, report, ask):
    saved = FunnelReport(steps=(Step("Open"), Step("Buy")), length=1, dates=DAYS)

    assert report(saved)["headers"] == ["$funnel"]
    assert report(saved)["series"] == {
        "count": {"1. Open": {"all": 2}, "2. Buy": {"all": 1}},
        "avg_time": {"1. Open": {"all": None}, "2. Buy": {"all": 7200}},
        "avg_time_from_start": {"1. Open": {"all": 0}, "2. Buy": {"all": 7200}},
        "step_conv_ratio": {"1. Open": {"all": 1}, "2. Buy": {"all": 0.5}},
        "overall_conv_ratio": {"1. Open": {"all": 1}, "2. Buy": {"all": 0.5}},
    }
    native = ask(sim, "arb_funnels", bookmark_id=63_000_001)
    counts = {day: [s["count"] for s in one["steps"]] for day, one in native["data"].items()}
    assert counts == {"2024-01-01": [2, 1], "2024-01-02": [0, 0]}


def test_saved_retention_can_be_read_both_ways(sim, report, ask):
    saved = RetentionReport(born_event="Open", unit="day", interval_count=1, dates=DAYS)
    first = {"first": 2, "counts": [2, 1], "rates": [1, 0.5]}
    nobody = {"first": 0, "counts": [0, 0], "rates": [0, 0]}

    found = report(saved)

    assert found["headers"] == ["$retention", "segment"]
    dates = {_at(1): {"$overall": first}, _at(2): {"$overall": nobody}}
    assert found["series"] == {"Open and then Any event": dates}
    native = ask(sim, "retention", bookmark_id=63_000_001)
    assert native["2024-01-01"] == {"first": 2, "counts": [2, 1]}
    native = ask(sim, "retention", bookmark_id=63_000_001, event="Buy")
    assert native["2024-01-01"] == {"first": 2, "counts": [1, 0]}


def test_saved_retention_can_be_broken_down(report):
    saved = RetentionReport(born_event="Open", unit="day", interval_count=1, by="plan", dates=DAYS)

    first = report(saved)["series"]["Open and then Any event"][_at(1)]

    assert first["free"] == {"first": 2, "counts": [1, 0], "rates": [0.5, 0]}
    assert first["team"] == {"first": 2, "counts": [1, 1], "rates": [0.5, 0.5]}


def test_saved_flows_tell_what_people_did_next(sim, ask):
    saved = sim.bookmarks.add("Then", Flows(event="Open", forward=2, dates=DAYS))

    found = ask(sim, "arb_funnels", bookmark_id=saved.id, query_type="flows_sankey")

    assert found["computed_at"] == "2024-01-10T12:00:00.000000+00:00"
    assert found["overallConversionRate"] == 1
    assert found["breakdowns"] == [
        {"path": ["Open", "Look", "Open"], "count": 1},
        {"path": ["Open", "Open", "Buy"], "count": 1},
    ]
    edges = [
        {"event": "Look", "step": 1, "totalCount": 1},
        {"event": "Open", "step": 1, "totalCount": 1},
    ]
    assert found["steps"][0] == {
        "nodes": [{"event": "Open", "step": 0, "totalCount": 2, "edges": edges}]
    }


def test_a_report_is_read_where_its_type_can_be(sim, query):
    saved = sim.bookmarks.add("Then", Flows(event="Open"))
    answer = query(sim, "insights", bookmark_id=saved.id)
    assert answer.status_code == 400
    assert answer.json()["error"] == f"bookmark {saved.id} is of type flows"

    assert query(sim, "insights", bookmark_id=1).status_code == 404
    answer = query(sim, "insights")
    assert answer.json()["error"] == "Missing required parameter: bookmark_id"
    answer = query(sim, "arb_funnels", bookmark_id=saved.id, query_type="paths")
    assert "Invalid query_type" in answer.json()["error"]


def test_bookmarks_are_listed_perhaps_by_type(sim, app):
    sim.bookmarks.add("A", Insights(events=("Open",), days=7), description="All")
    sim.bookmarks.add("B", Flows(event="Open"), id_=5)

    listed = app(sim, "/projects/12345/bookmarks", v="2").json()
    flows = app(sim, "/projects/12345/bookmarks", v="2", type="flows").json()

    assert listed["status"] == "ok"
    first = listed["results"][0]
    assert [(one["id"], one["type"]) for one in listed["results"]] == [
        (63_000_001, "insights"),
        (5, "flows"),
    ]
    assert first["name"] == "A"
    assert first["project_id"] == 12345
    assert first["params"]["days"] == 7
    assert [one["name"] for one in flows["results"]] == ["B"]
    assert app(sim, "/projects/12345/bookmarks", v="2", type="charts").status_code == 400
    assert app(sim, "/projects/12345/bookmarks").json() == {
        "error": "v must be 2",
        "status": "error",
    }
