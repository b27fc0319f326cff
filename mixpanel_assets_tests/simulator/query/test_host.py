from __future__ import annotations

import httpx
import pytest

from mixpanel_assets.simulator.app.bookmarks import Flows, Insights

POLICY = '"project";q=60;w=3600, "project-concurrency";q=5;qu="concurrent-requests"'
HELP = (
    "For more information, please consult our documentation at "
    "https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints"
)
DAYS = {"from_date": "2024-01-01", "to_date": "2024-01-02"}
KIND = {"type": "general"}
VALUE = {"event": "A", "on": 'properties["n"]', **DAYS}
ENDPOINTS = {
    "events": {"event": ["A"], "unit": "day", **KIND, **DAYS},
    "events/names": KIND,
    "events/top": KIND,
    "events/properties": {"event": "A", "name": "n", "unit": "day", **KIND, **DAYS},
    "events/properties/top": {"event": "A"},
    "events/properties/values": {"event": "A", "name": "n"},
    "segmentation": VALUE,
    "segmentation/numeric": VALUE,
    "segmentation/sum": VALUE,
    "segmentation/average": VALUE,
    "funnels": {"funnel_id": 7500, **DAYS},
    "funnels/list": {},
    "retention": {"born_event": "A", **DAYS},
    "retention/addiction": {"unit": "day", "addiction_unit": "hour", **DAYS},
    "insights": {"bookmark_id": 63_000_001},
    "arb_funnels": {"bookmark_id": 63_000_002, "query_type": "flows"},
    "stream/query": {"distinct_ids": ["ana"], **DAYS},
    "jql": {
        "script": "function main(){return Events(params).reduce(mixpanel.reducer.count())}",
        "params": DAYS,
    },
    "cohorts/list": {},
    "engage": {},
}
every_endpoint = pytest.mark.parametrize("path", ENDPOINTS)
dated = pytest.mark.parametrize("path", [p for p in ENDPOINTS if "from_date" in ENDPOINTS[p]])


@pytest.fixture
def start(simulate, event):
    """Starts a simulator in which every endpoint has something to answer with."""

    def started(**settings):
        sim = simulate(**settings)
        sim.store.add([event("A", "2024-01-01T10:00:00", n=1), event("B", "2024-01-02T10:00:00")])
        sim.funnels.add("AB", ["A", "B"])
        sim.bookmarks.add("Line", Insights(events=("A",), days=9))
        sim.bookmarks.add("Flow", Flows(event="A", days=9))
        return sim

    return started


@every_endpoint
def test_every_endpoint_answers(start, query, path):
    answer = query(start(), path, **ENDPOINTS[path])

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"


@every_endpoint
def test_every_endpoint_takes_a_form_and_has_its_older_path(start, query, path):
    sim = start()
    account = (sim.project.username, sim.project.secret)
    asked = {"project_id": "12345", **ENDPOINTS[path]}

    form = httpx.post(f"{sim.url}/api/2.0/{path}", json=asked, auth=account)

    apart = ("session_id",)
    if path == "engage":
        assert {k: v for k, v in form.json().items() if k not in apart}["total"] == 0
    else:
        assert form.json() == query(sim, path, **ENDPOINTS[path]).json()


@every_endpoint
def test_every_endpoint_is_for_the_service_account_and_its_project(start, query, path):
    sim, asked = start(), ENDPOINTS[path]

    assert query(sim, path, auth=("demo", "wrong"), **asked).status_code == 401
    assert query(sim, path, auth=("demo", "wrong"), **asked).json()["error"]
    assert query(sim, path, project_id="9", **asked).status_code == 403
    nowhere = query(sim, path, project_id=None, **asked)
    assert nowhere.status_code == 400
    assert nowhere.json()["error"] == "project_id is required with a service account"
    assert query(sim, path, workspace_id=67890, **asked).status_code == 200
    assert query(sim, path, workspace_id=1, **asked).status_code == 400


@every_endpoint
def test_a_project_secret_stands_for_its_project(start, query, path):
    sim = start()
    secret = (sim.project.api_secret, "")

    assert query(sim, path, auth=secret, project_id=None, **ENDPOINTS[path]).status_code == 200
    assert query(sim, path, auth=secret, **ENDPOINTS[path]).status_code == 400


@every_endpoint
def test_every_endpoint_counts_in_the_hour(start, query, path):
    sim = start(limits=True)
    asked = ENDPOINTS[path]
    taken = {query(sim, "funnels/list").status_code for _ in range(59)}

    last, beyond = query(sim, path, **asked), query(sim, path, **asked)

    assert taken == {200}
    assert [last.status_code, beyond.status_code] == [200, 429]
    assert beyond.json() == {
        "request": str(beyond.request.url),
        "error": "Query rate limit exceeded for project_id: 12345. This request exceeded the rate"
        f" limit (61/60 queries running in the last hour). {HELP}",
    }
    assert beyond.headers["ratelimit-policy"] == POLICY
    assert beyond.headers["ratelimit"] == '"project";r=0;t=3600, "project-concurrency";r=4'
    assert beyond.headers["retry-after"] == "3600"


def test_what_is_refused_does_not_count_in_the_hour(start, query):
    sim = start(limits=True)
    for _ in range(70):
        query(sim, "segmentation", event="A")
        query(sim, "funnels/list", auth=("demo", "wrong"))

    assert query(sim, "funnels/list").status_code == 200


def test_too_many_at_once_is_another_429(start, query):
    sim = start(query_faults=["429-concurrency@1"])

    answer = query(sim, "funnels/list")

    assert answer.status_code == 429
    assert answer.json() == {
        "error": "Query rate limit exceeded for project_id: 12345. This request exceeded the"
        " concurrency limit (6/5 queries running concurrently)."
    }
    assert answer.headers["ratelimit"] == '"project";r=60, "project-concurrency";r=0;t=10'
    assert answer.headers["ratelimit-policy"] == POLICY
    assert answer.headers["retry-after"] == "10"


def test_a_busy_server_tells_no_limits(start, query):
    answer = query(start(query_faults=["429-bare@1"]), "funnels/list")

    assert answer.status_code == 429
    assert answer.json() == {
        "error": "Query rate limit exceeded for project_id: 12345"
        " For more information, please consult our documentation"
    }
    assert not {"retry-after", "ratelimit", "ratelimit-policy"} & set(answer.headers)


@every_endpoint
def test_a_free_plan_has_no_queries(start, query, export, path):
    sim = start(plan_refuses=["query"])

    answer = query(sim, path, **ENDPOINTS[path])

    assert answer.status_code == 402
    text = "Your plan does not allow API calls. Upgrade at mixpanel.com/pricing"
    assert answer.json()["error"] == text
    assert export(sim).status_code == 200


def test_a_plan_may_leave_out_single_endpoints(start, query, engage):
    sim = start(plan_refuses=["engage", "funnels"])

    assert engage(sim).status_code == 402
    assert query(sim, "funnels/list").status_code == 402
    assert query(sim, "cohorts/list").status_code == 200


@dated
def test_a_plans_history_ends(start, query, path):
    sim = start(history_days=9)
    asked = ENDPOINTS[path]

    assert query(sim, path, **asked).status_code == 200
    answer = query(sim, path, **{**asked, "from_date": "2023-12-31"})
    assert answer.status_code == 403
    assert answer.json()["error"] == "Date range exceeds 9 days into the past"


def test_a_saved_reports_days_must_be_in_the_plans_history(start, query):
    sim = start(history_days=7)

    for path in ("insights", "arb_funnels"):
        answer = query(sim, path, **ENDPOINTS[path])
        assert answer.json()["error"] == "Date range exceeds 7 days into the past"
    assert query(sim, "events/names", **KIND).status_code == 200


@dated
@pytest.mark.parametrize(
    ("days", "text"),
    [
        ({"to_date": None}, "Missing required parameter: to_date"),
        ({"from_date": None}, "Missing required parameter: from_date"),
        ({"to_date": "2024-01-11"}, "to_date cannot be later than today"),
        ({"from_date": "2024-01-09"}, "from_date cannot be later than to_date"),
        ({"from_date": "2024-13-01"}, "Error in from_date: invalid date, month must be in 1..12"),
        ({"from_date": "1/1/2024"}, "Error in from_date: invalid date, not in yyyy-mm-dd form"),
        ({"from_date": "1999-12-31"}, "Error in from_date: invalid date, bad year"),
    ],
)
def test_days_are_checked(start, query, path, days, text):
    answer = query(start(), path, **{**ENDPOINTS[path], **days})

    assert answer.status_code == 400
    assert answer.json()["error"] == text


@pytest.mark.parametrize(
    ("path", "asked", "text"),
    [
        ("events", {"event": None}, "Missing required parameter: event"),
        ("events", {"event": "A"}, "event is not JSON"),
        ("events", {"event": [1]}, "event must be a JSON array of strings"),
        ("events", {"type": None}, "Missing required parameter: type"),
        ("events", {"unit": None}, "Missing required parameter: unit"),
        ("events", {"unit": "hour", "type": "unique"}, "unit: cannot get uniques by hour"),
        ("events", {"interval": 2}, "specify either interval or from_date and to_date"),
        ("events", {"format": "xml"}, "Invalid format"),
        ("events/names", {"type": None}, "Missing required parameter: type"),
        ("events/top", {"type": "total"}, "Invalid type: 'total'"),
        ("events/top", {"limit": 0}, "limit must be at least 1"),
        ("events/properties", {"name": None}, "Missing required parameter: name"),
        ("events/properties", {"values": "female"}, "values is not JSON"),
        ("events/properties/values", {"name": None}, "Missing required parameter: name"),
        ("events/properties/values", {"event": None}, "Missing required parameter: event"),
        ("segmentation", {"event": None}, "Missing required parameter: event"),
        ("segmentation", {"where": '1 and "a"'}, "where: expected a boolean"),
    ],
)
def test_parameters_are_checked(start, query, path, asked, text):
    answer = query(start(), path, **{**ENDPOINTS[path], **asked})

    assert answer.status_code == 400
    assert text in answer.json()["error"]
    assert answer.json()["request"].startswith(f"/api/query/{path}?")


@pytest.mark.parametrize("kind", ["400-timeout", "401", "402", "403", "500"])
def test_a_status_fault_answers_json(start, query, kind):
    answer = query(start(query_faults=[f"{kind}@1"]), "funnels/list")

    assert answer.status_code == int(kind[:3])
    assert answer.json()["error"]


def test_an_error_may_come_with_a_200(start, query):
    answer = query(start(query_faults=["200-error@1"]), "funnels/list")

    assert answer.status_code == 200
    assert answer.json() == {"error": "unknown error"}


def test_faults_of_queries_come_as_planned(start, query, engage):
    sim = start()
    sim.fail_query("502@1", "reset@3")

    assert query(sim, "funnels/list").text.startswith("<html>")
    assert engage(sim).status_code == 200
    assert query(sim, "cohorts/list").status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        query(sim, "funnels/list")
    sim.fail_query("500@*")
    assert query(sim, "events/names", **KIND).status_code == 500
    sim.fail_query()
    assert query(sim, "events/names", **KIND).status_code == 200
