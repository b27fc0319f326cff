from __future__ import annotations

import json
import re
from datetime import date

import httpx
import pytest

from mixpanel_assets.simulator.query.engage import Paging

NOON = 1704888000


def _url(sim) -> str:
    return f"{sim.url}/api/query/engage"


def _account(sim) -> tuple[str, str]:
    return sim.project.username, sim.project.secret


def test_the_first_page_says_how_many_there_are(sim, profile, engage):
    sim.profiles.set([profile("ana", city="Łódź", tags=["a"]), profile("bo")])

    answer = engage(sim)

    content = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"\d{10}-[A-Z]{6}", content.pop("session_id"))
    assert content == {
        "page": 0,
        "page_size": 1000,
        "results": [profile("ana", city="Łódź", tags=["a"]), profile("bo")],
        "status": "ok",
        "total": 2,
    }


def test_later_pages_follow_under_the_session_and_give_no_total(crowd, engage, ids):
    sim = crowd(25)
    first = engage(sim, page_size=10)
    session = first.json()["session_id"]

    later = [engage(sim, page_size=10, session_id=session, page=n) for n in (1, 2, 3)]

    assert first.json()["total"] == 25
    assert [len(ids(page)) for page in [first, *later]] == [10, 10, 5, 0]
    assert [i for page in [first, *later] for i in ids(page)] == [f"u{n}" for n in range(25)]
    assert not any("total" in page.json() for page in later)
    assert {page.json()["session_id"] for page in later} == {session}
    assert {page.json()["status"] for page in later} == {"ok"}


def test_a_multiple_of_the_page_size_ends_in_an_empty_page(crowd, engage, ids):
    sim = crowd(10)
    session = engage(sim, page_size=5).json()["session_id"]

    assert len(ids(engage(sim, page_size=5, session_id=session, page=1))) == 5
    assert ids(engage(sim, page_size=5, session_id=session, page=2)) == []


def test_a_page_size_too_large_is_cut_and_the_answer_says_so(crowd, engage, ids):
    sim = crowd(9, paging=Paging(most_per_page=4))

    answer = engage(sim, page_size=1_000_000)

    assert answer.json()["page_size"] == 4
    assert len(ids(answer)) == 4


@pytest.mark.parametrize("how", ["query", "form", "json", "old path", "get"])
def test_parameters_come_in_the_url_a_form_or_json(crowd, how):
    sim = crowd(5)
    asked = {"project_id": "12345", "page_size": "2", "output_properties": '["n"]'}
    ways = {
        "query": ("POST", "/api/query/engage", {"params": asked}),
        "form": ("POST", "/api/query/engage", {"data": asked}),
        "json": (
            "POST",
            "/api/query/engage",
            {"json": {"project_id": 12345, "page_size": 2, "output_properties": ["n"]}},
        ),
        "old path": ("POST", "/api/2.0/engage", {"data": asked}),
        "get": ("GET", "/api/query/engage", {"params": asked}),
    }
    method, path, content = ways[how]

    answer = httpx.request(method, f"{sim.url}{path}", auth=_account(sim), **content)

    assert [one["$properties"] for one in answer.json()["results"]] == [{"n": 0}, {"n": 1}]


def test_the_body_goes_before_the_url(crowd):
    sim = crowd(5)
    url = f"{_url(sim)}?project_id=12345&page_size=1"

    answer = httpx.post(url, json={"page_size": 3}, auth=_account(sim))

    assert answer.json()["page_size"] == 3


def test_requests_are_on_record_with_the_parameters_of_their_body(crowd, engage):
    sim = crowd(1)
    engage(sim, page_size=7)

    assert sim.requests[0].params == {"project_id": "12345", "page_size": "7"}


def test_strangers_are_told_so_in_json(sim, engage):
    wrong = engage(sim, auth=("nobody", "x"))
    token = engage(sim, auth=(sim.project.token, ""))

    assert (wrong.status_code, token.status_code) == (401, 401)
    assert wrong.json() == {"error": "Invalid credentials", "request": "/api/query/engage?"}
    assert engage(sim, project_id="999").status_code == 403
    assert engage(sim, project_id="").status_code == 400


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"page": 1}, "session_id is required"),
        ({"page": 1, "session_id": "1-ABC"}, "unknown or has expired"),
        ({"page": "x"}, "page must be a whole number"),
        ({"page": -1}, "page must not be negative"),
        ({"page_size": 0}, "page_size must be positive"),
        ({"output_properties": "n"}, "output_properties is not JSON"),
        ({"output_properties": '{"n":1}'}, "output_properties must be a JSON array"),
        ({"distinct_id": "a", "distinct_ids": '["b"]'}, "mutually exclusive"),
        ({"behaviors": "[1]", "filter_by_cohort": '{"id":1}'}, "mutually exclusive"),
        ({"distinct_ids": json.dumps(["a"] * 2001)}, "at most 2000"),
        ({"filter_by_cohort": "{}"}, "filter_by_cohort must be like"),
        ({"filter_by_cohort": '{"id":5}'}, "there is no cohort 5"),
        ({"where": 'properties["n"'}, "where: syntax error"),
        ({"where": "1 and true"}, "expected a boolean"),
        ({"where": 'behaviors["b"] > 0'}, "no behavior is named 'b'"),
        ({"behaviors": '[{"name":"b"}]'}, "behaviors: "),
        ({"as_of_timestamp": NOON + 1}, "must not be in the future"),
    ],
)
def test_what_makes_no_sense_is_refused(crowd, engage, asked, error):
    answer = engage(crowd(1), **asked)

    assert answer.status_code == 400
    assert error in answer.json()["error"]


def test_a_page_of_another_query_is_not_cached(crowd, engage):
    sim = crowd(3)
    session = engage(sim, where='properties["n"] > 0').json()["session_id"]

    answer = engage(sim, session_id=session, page=1)

    assert answer.status_code == 400
    assert answer.json()["error"] == "request for page in uncached query for params"


def test_a_session_is_of_one_moment(crowd, engage, ids, profile):
    sim = crowd(4)
    session = engage(sim, page_size=2).json()["session_id"]
    sim.profiles.delete("u2")
    sim.profiles.update("u3", set={"n": "changed"})
    sim.profiles.update("new", set={"n": 9})

    later = engage(sim, page_size=2, session_id=session, page=1, output_properties=["n"])

    assert later.json()["results"] == [profile("u2", n=2), profile("u3", n=3)]
    assert engage(sim, page_size=2).json()["total"] == 4
    assert ids(engage(sim)) == ["new", "u0", "u1", "u3"]


def test_live_pages_repeat_a_profile_when_one_is_made_between(crowd, engage, ids):
    sim = crowd(4, paging=Paging(live=True))
    first = engage(sim, page_size=2)
    sim.profiles.update("new", set={"n": 9})

    later = engage(sim, page_size=2, page=1, session_id=first.json()["session_id"])

    assert (ids(first), ids(later)) == (["u0", "u1"], ["u1", "u2"])


def test_live_pages_skip_a_profile_when_one_vanishes_between(crowd, engage, ids, profile):
    sim = crowd(4, paging=Paging(live=True))
    first = engage(sim, page_size=2)
    sim.profiles.delete("u0")
    sim.profiles.update("u3", set={"n": "changed"})

    asked = {"page_size": 2, "page": 1, "output_properties": ["n"]}
    later = engage(sim, session_id=first.json()["session_id"], **asked)

    assert ids(first) == ["u0", "u1"]
    assert later.json()["results"] == [profile("u3", n="changed")]


def test_a_session_ends_with_time(crowd, engage):
    now = [float(NOON)]
    sim = crowd(3, clock=lambda: now[0], paging=Paging(session_seconds=60))
    session = engage(sim, page_size=1).json()["session_id"]

    now[0] += 59
    assert engage(sim, page_size=1, page=1, session_id=session).status_code == 200
    now[0] += 1
    answer = engage(sim, page_size=1, page=2, session_id=session)

    assert answer.status_code == 400
    assert "expired" in answer.json()["error"]


def test_a_session_ends_after_so_many_pages(crowd, engage):
    sim = crowd(5, paging=Paging(session_pages=3))
    session = engage(sim, page_size=1).json()["session_id"]

    pages = [engage(sim, page_size=1, page=n, session_id=session) for n in (1, 2, 3)]

    assert [page.status_code for page in pages] == [200, 200, 400]


def test_ids_choose_profiles_that_exist(crowd, engage, ids):
    sim = crowd(5)

    assert ids(engage(sim, distinct_id="u3")) == ["u3"]
    assert ids(engage(sim, distinct_id="nobody")) == []
    assert ids(engage(sim, distinct_ids=["u4", "u1", "nobody", "u4"])) == ["u4", "u1"]
    assert ids(engage(sim, distinct_ids=["u4", "u1"], where='properties["n"] < 2')) == ["u1"]


def test_output_properties_cut_what_is_sent(crowd, engage, profile):
    answer = engage(crowd(1), output_properties=["n", "missing"])

    assert answer.json()["results"] == [profile("u0", n=0)]


def test_a_group_is_asked_for_by_its_id(sim, profile, engage, ids):
    sim.profiles.set([profile("ana")])
    sim.profiles.set([profile("Acme", size=3)], "-1405123841946871899")

    assert ids(engage(sim, data_group_id="-1405123841946871899")) == ["Acme"]
    assert ids(engage(sim, data_group_id="7")) == []
    assert ids(engage(sim)) == ["ana"]


BEHAVIOR = [{"window": "2d", "name": "b1", "event_selectors": [{"event": "buy"}]}]


@pytest.fixture
def buyers(sim, event, profile):
    """Ana bought twice in two days, and just before; Bo long ago; Cy only looked."""
    sim.profiles.set([profile("ana"), profile("bo"), profile("cy")])
    bought = [event("buy", f"2024-01-{day}T12:00:01", n=day) for day in ("08", "09")]
    old = event("buy", "2024-01-02T10:00:00", distinct_id="bo")
    too_old = event("buy", "2024-01-08T12:00:00")
    sim.store.add([*bought, too_old, old, event("look", "2024-01-09T10:00:00", distinct_id="cy")])
    return sim


def test_behaviors_count_events_in_a_window(buyers, engage, ids):
    twice = {"behaviors": BEHAVIOR, "where": '(behaviors["b1"] == 2)'}

    assert ids(engage(buyers, **twice)) == ["ana"]
    assert ids(engage(buyers, **twice, as_of_timestamp=NOON - 2 * 86400)) == []
    none = {"behaviors": BEHAVIOR, "where": '(behaviors["b1"] == 0)'}
    assert ids(engage(buyers, **none)) == ["bo", "cy"]


def test_behaviors_may_choose_among_the_events(buyers, engage, ids):
    selector = {"event": "buy", "selector": 'properties["n"] == "09"'}
    behavior = [{**BEHAVIOR[0], "event_selectors": [selector]}]

    assert ids(engage(buyers, behaviors=behavior, where='behaviors["b1"] == 1')) == ["ana"]


def test_behaviors_are_of_somebody_at_some_time(sim, event, profile, engage, ids):
    sim.profiles.set([profile("None"), profile("ana")])
    nobody, untimed = event("buy", "2024-01-09T12:00:00", distinct_id=None), {"distinct_id": "ana"}
    sim.store.set_day(date(2024, 1, 9), [nobody, {"event": "buy", "properties": untimed}])

    none = {"behaviors": BEHAVIOR, "where": '(behaviors["b1"] == 0)'}
    assert ids(engage(sim, **none)) == ["None", "ana"]


def test_paging_by_behavior_needs_the_time_it_is_as_of(buyers, engage, ids):
    asked = {"behaviors": BEHAVIOR, "where": '(behaviors["b1"] == 0)', "page_size": 1}
    session = engage(buyers, **asked).json()["session_id"]
    refused = engage(buyers, **asked, session_id=session, page=1)
    assert refused.status_code == 400
    assert refused.json()["error"] == "request for page in uncached query for params"

    asked["as_of_timestamp"] = NOON
    session = engage(buyers, **asked).json()["session_id"]

    assert ids(engage(buyers, **asked, session_id=session, page=1)) == ["cy"]


def test_the_properties_of_profiles_are_listed_with_their_types(sim, query, profile):
    odd = {"tags": ["a"], "address": {"zip": 1}, "vip": True, "nothing": None}
    sim.profiles.set([profile(plan="pro", born="2020-01-02T03:04:05", n=1.5, **odd)])

    answer = query(sim, "engage/properties").json()

    assert (answer["status"], {name: one["type"] for name, one in answer["results"].items()}) == (
        "ok",
        {
            "plan": "string",
            "born": "datetime",
            "n": "number",
            "tags": "list",
            "address": "object",
            "vip": "boolean",
            "nothing": "unknown",
        },
    )


def test_an_engage_path_may_end_in_a_slash(crowd, engage, ids):
    assert ids(engage(crowd(1), path="/api/query/engage/")) == ["u0"]
