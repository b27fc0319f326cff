from __future__ import annotations

import httpx
import pytest

DAYS = {"from_date": "2024-01-01", "to_date": "2024-01-03"}
BY_NAME = 'Events({from_date: "2024-01-01", to_date: "2024-01-03"}).groupBy(["name"], %s)'
COUNT = "mixpanel.reducer.count()"


@pytest.fixture
def sim(sim, event):
    """Three events of Ana's and one of Bo's."""
    sim.store.add(
        [
            event("Look", "2024-01-03T10:00:00", plan="free"),
            event("Buy", "2024-01-01T10:00:00.500", plan="free"),
            event("Buy", "2024-01-02T10:00:00", plan="team"),
            event("Buy", "2024-01-02T11:00:00", distinct_id="bo"),
        ]
    )
    return sim


def _jql(sim, script, **form):
    return httpx.post(
        f"{sim.url}/api/query/jql",
        params={"project_id": "12345"},
        data={"script": script, **form},
        auth=(sim.project.username, sim.project.secret),
    )


def _main(body):
    return f"function main() {{ return {body}; }}"


def test_a_persons_activity_is_told_oldest_first_in_seconds(sim, query):
    answer = query(sim, "stream/query", distinct_ids=["ana", "nobody"], **DAYS)

    buy = {"time": 1704103200, "distinct_id": "ana", "plan": "free"}
    events = answer.json()["results"]["events"]
    assert answer.json()["status"] == "ok"
    assert [one["event"] for one in events] == ["Buy", "Buy", "Look"]
    assert events[0] == {"event": "Buy", "properties": buy}
    assert answer.headers["deprecation"] == "true"


def test_an_activity_feed_needs_people_and_days(sim, query):
    answer = query(sim, "stream/query", **DAYS)
    assert answer.json()["error"] == "Missing required parameter: distinct_ids"
    answer = query(sim, "stream/query", distinct_ids="ana", **DAYS)
    assert "distinct_ids is not JSON" in answer.json()["error"]
    answer = query(sim, "stream/query", distinct_ids=["ana"], from_date="2024-01-01")
    assert answer.json()["error"] == "Missing required parameter: to_date"


def test_a_script_may_count_events_by_name(sim):
    answer = _jql(sim, "function main(){\n  return " + BY_NAME % COUNT + "\n}\n")

    assert answer.json() == [{"key": ["Buy"], "value": 3}, {"key": ["Look"], "value": 1}]


def test_a_script_may_use_parameters_and_selectors(sim):
    script = _main(
        "Events({'from_date': params.start, to_date: params.end, event_selectors: ["
        """{event: 'Buy', selector: 'properties["plan"] == "free"'}, {event: "Look"},]})"""
        f""".groupBy(["properties.plan", 'distinct_id'], {COUNT})"""
    )
    params = '{"start": "2024-01-01T00:00:00.000Z", "end": "2024-01-03"}'

    assert _jql(sim, script, params=params).json() == [{"key": ["free", "ana"], "value": 2}]
    whole = _main(f"Events(params).reduce({COUNT}) // all of them\n")
    params = '{"from_date": "2024-01-02", "to_date": "2024-01-03"}'
    assert _jql(sim, whole, params=params).json() == [3]


@pytest.mark.parametrize(
    "script",
    [
        "function main() { return 1 }",
        _main(BY_NAME % "mixpanel.reducer.sum('x')"),
        _main(f"Events({{from_date: '2024-01-01'}}).reduce({COUNT})"),
        _main(f"Events({{from_date: ]}}).reduce({COUNT})"),
        _main(f"Events([]).reduce({COUNT})"),
    ],
)
def test_a_script_that_fails_is_a_412(sim, script):
    answer = _jql(sim, script)

    assert answer.status_code == 412
    assert answer.json()["request"] == "/api/query/jql?project_id=12345"
    error = answer.json()["error"]
    assert error.startswith("UserVisiblePreconditionFailedError: Uncaught exception ")


def test_a_script_is_needed(sim, query):
    assert query(sim, "jql").json()["error"] == "Missing required parameter: script"
