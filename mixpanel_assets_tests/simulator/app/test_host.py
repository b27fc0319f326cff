from __future__ import annotations

import pytest

from mixpanel_assets.simulator.app.lexicon import PROFILE

SCHEMAS = "/projects/12345/schemas"
NOTES = "/projects/12345/annotations"
EVERY_PATH = (
    *("/me", "/projects/12345/workspaces/public", SCHEMAS, SCHEMAS + "/event", NOTES),
    *(SCHEMAS + "/event/A%2FB", NOTES + "/tags", NOTES + "/640001"),
)
every_path = pytest.mark.parametrize("path", EVERY_PATH)


def _start(simulate, **settings):
    sim = simulate(**settings)
    about = {"display_name": "Bought", "tags": ["shop"], "contacts": ["a@b.c"]}
    sim.lexicon.describe("A/B", "An event.", **about)
    sim.lexicon.describe_property("A/B", "price", "number", "In euros.", hidden=True)
    sim.lexicon.describe(PROFILE, "A person.")
    sim.annotations.add("2024-01-02 16:30:00", "Launched", tags=["release", "eu"])
    sim.annotations.add("2024-01-05", "Fixed", tags=["release"])
    return sim


@pytest.fixture
def sim(simulate):
    """A simulator with two schemas and two annotations."""
    return _start(simulate)


BOUGHT = {
    "description": "An event.",
    "properties": {
        "price": {
            "type": "number",
            "description": "In euros.",
            "metadata": {"com.mixpanel": {"hidden": True, "dropped": False}},
        }
    },
    "metadata": {
        "com.mixpanel": {
            "displayName": "Bought",
            "tags": ["shop"],
            "hidden": False,
            "dropped": False,
            "contacts": ["a@b.c"],
            "teamContacts": [],
        }
    },
}


def test_schemas_are_listed_in_an_envelope(sim, app):
    found = app(sim, SCHEMAS).json()

    assert found["status"] == "ok"
    event, person = found["results"]
    assert event == {"entityType": "event", "name": "A/B", "schemaJson": BOUGHT}
    assert (person["entityType"], person["name"]) == ("profile", "$user")


def test_schemas_can_be_of_one_type_or_one_name(sim, app):
    def names(path, **params):
        return [one["name"] for one in app(sim, SCHEMAS + path, **params).json()["results"]]

    assert names("/event") == ["A/B"]
    assert names("/profile") == ["$user"]
    assert names("/event", entity_name="A/B") == ["A/B"]
    assert names("/event", entity_name="none") == []
    assert app(sim, SCHEMAS + "/event/A%2FB").json() == BOUGHT


def test_a_schema_that_is_not_there_is_a_404(sim, app):
    answer = app(sim, SCHEMAS + "/event/None")

    assert answer.status_code == 404
    assert answer.json() == {"error": "No schema for event 'None'", "status": "error"}
    assert app(sim, SCHEMAS + "/group").status_code == 400
    sim.lexicon.forget("A/B")
    assert app(sim, SCHEMAS + "/event/A%2FB").status_code == 404


def test_a_property_has_one_of_the_lexicons_types(sim):
    with pytest.raises(ValueError, match="not 'datetime'"):
        sim.lexicon.describe_property("A/B", "at", "datetime")


def test_annotations_are_listed_between_days(sim, app):
    launched = {
        "id": 640001,
        "date": "2024-01-02 16:30:00",
        "description": "Launched",
        "user": {"id": 1, "first_name": "Demo", "last_name": "Analyst"},
        "tags": [{"id": 1, "name": "release"}, {"id": 2, "name": "eu"}],
    }

    def found(**params):
        return [one["description"] for one in app(sim, NOTES, **params).json()["results"]]

    assert app(sim, NOTES).json()["results"][0] == launched
    assert found() == ["Launched", "Fixed"]
    assert found(fromDate="2024-01-03") == ["Fixed"]
    assert found(fromDate="2024-01-02", toDate="2024-01-02") == ["Launched"]
    assert app(sim, NOTES + "/640001").json() == {"status": "ok", "results": launched}
    assert app(sim, NOTES + "/640009").status_code == 404


def test_annotations_have_tags(sim, app):
    eu = {"id": 2, "name": "eu", "project_id": 12345, "has_annotations": True}

    assert app(sim, NOTES + "/tags").json() == [{**eu, "id": 1, "name": "release"}, eu]


def test_dates_of_annotations_are_checked(sim, app):
    answer = app(sim, NOTES, fromDate="yesterday")

    assert answer.status_code == 400
    text = "Error in fromDate: invalid date, not in yyyy-mm-dd form"
    assert answer.json() == {"error": text, "status": "error"}


def test_parameters_that_are_not_known_are_refused(sim, app):
    answer = app(sim, NOTES, from_date="2024-01-01")

    assert answer.status_code == 400
    text = "Unknown query parameter: from_date"
    assert answer.json() == {"error": text, "status": "error"}


def test_a_credential_can_see_its_project_and_data_view(sim, app):
    me = app(sim, "/me").json()["results"]
    views = app(sim, "/projects/12345/workspaces/public").json()["results"]

    assert me["projects"] == {"12345": {"id": 12345, "name": "Demo Project", "timezone": "UTC"}}
    assert me["workspaces"]["67890"] == views[0]
    assert views[0]["name"] == "All Project Data"


@every_path
def test_every_endpoint_is_for_the_service_account_and_its_project(sim, app, path):
    assert app(sim, path).status_code == 200
    answer = app(sim, path, auth=("demo", "wrong"))
    assert answer.status_code == 401
    assert answer.json() == {"error": "Invalid credentials", "status": "error"}
    assert app(sim, path, auth=(sim.project.api_secret, "")).status_code == 401
    if "12345" in path:
        answer = app(sim, path.replace("12345", "9"))
        assert answer.status_code == 403
        assert answer.json()["status"] == "error"


@every_path
def test_a_plan_may_leave_out_the_app_api(simulate, app, path):
    answer = app(_start(simulate, plan_refuses=["app"]), path)

    assert answer.status_code == 402
    assert answer.json()["status"] == "error"


def test_the_lexicon_answers_five_times_a_minute(simulate, app):
    now = [1_704_888_000.0]
    sim = _start(simulate, limits=True, clock=lambda: now[0])

    statuses = [app(sim, SCHEMAS).status_code for _ in range(5)]
    refused = app(sim, SCHEMAS + "/event")
    others = app(sim, NOTES).status_code
    now[0] += 60

    assert (statuses, others) == ([200] * 5, 200)
    assert refused.status_code == 429
    assert refused.json() == {"error": "Rate limit exceeded", "status": "error"}
    assert refused.headers["retry-after"] == "60"
    assert app(sim, SCHEMAS).status_code == 200


def test_the_app_api_takes_nothing_from_the_hour_of_queries(simulate, app, query):
    sim = _start(simulate, limits=True)

    assert {app(sim, NOTES).status_code for _ in range(70)} == {200}
    assert query(sim, "funnels/list").status_code == 200


def test_faults_of_the_app_api_come_as_planned(sim, app, query):
    sim.fail_app("500@1", "429@2", "429-bare@3", "502@4")

    answers = [app(sim, NOTES) for _ in range(5)]

    assert [one.status_code for one in answers] == [500, 429, 429, 502, 200]
    assert answers[0].json() == {"error": "unknown error", "status": "error"}
    assert answers[1].headers["retry-after"] == "3600"
    assert "retry-after" not in answers[2].headers
    assert query(sim, "funnels/list").status_code == 200


@every_path
def test_a_path_of_the_app_host_may_end_in_a_slash(sim, app, path):
    if not path.endswith("B"):  # there it would belong to the event's name
        assert app(sim, path + "/").content == app(sim, path).content


@pytest.mark.parametrize("path", [SCHEMAS, SCHEMAS + "/event", SCHEMAS + "/event/A%2FB"])
def test_the_lexicon_may_be_told_who_asks(sim, app, path):
    assert app(sim, path, query_origin="a-client").content == app(sim, path).content


def test_bookmarks_may_be_told_who_asks_for_which_project(sim, app):
    path, who = "/projects/12345/bookmarks", {"query_origin": "a-client", "project_id": "12345"}

    assert app(sim, path, v="2", **who).json() == app(sim, path, v="2").json()
