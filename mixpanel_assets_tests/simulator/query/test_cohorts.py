from __future__ import annotations

from datetime import date

import httpx
import pytest

from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

TEAMS = Cohort(1000, "Teams", 'properties["plan"] == "team"', description="On a team plan")
LISTED = Cohort(2000, "Listed", distinct_ids=("ghost", "bo"), is_visible=False)


@pytest.fixture
def saved(simulate, profile):
    """A simulator with two cohorts; Bo is in both, and a ghost in one."""
    sim = simulate(cohorts=[TEAMS, LISTED])
    sim.profiles.set([profile("ana", plan="free"), profile("bo", plan="team")])
    return sim


def _listed(sim, method="POST", path="/api/query/cohorts/list", **asked):
    asked = {"project_id": "12345", **asked}
    account = (sim.project.username, sim.project.secret)
    return httpx.request(method, f"{sim.url}{path}", params=asked, auth=account, verify=False)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/api/query/cohorts/list", "/api/2.0/cohorts/list"])
def test_cohorts_are_listed_with_their_counts(saved, method, path):
    assert _listed(saved, method, path).json() == [
        {
            "count": 1,
            "is_visible": 1,
            "description": "On a team plan",
            "created": "2024-01-01 09:30:00",
            "project_id": 12345,
            "id": 1000,
            "name": "Teams",
        },
        {
            "count": 2,
            "is_visible": 0,
            "description": "",
            "created": "2024-01-01 09:30:00",
            "project_id": 12345,
            "id": 2000,
            "name": "Listed",
        },
    ]


def test_a_list_is_for_the_service_account_and_counts_in_the_hour(simulate):
    sim = simulate(limits=True)

    assert _listed(sim, project_id="9").status_code == 403
    assert httpx.post(f"{sim.url}/api/query/cohorts/list").status_code == 401
    assert {_listed(sim).status_code for _ in range(60)} == {200}
    assert _listed(sim).status_code == 429


def test_members_without_a_profile_are_listed_unless_told_otherwise(saved, engage, ids, profile):
    asked = {"filter_by_cohort": {"id": 2000}}

    everyone = engage(saved, **asked).json()

    assert everyone["results"] == [profile("ghost"), profile("bo", plan="team")]
    assert everyone["total"] == 2
    assert ids(engage(saved, **asked, include_all_users="true")) == ["ghost", "bo"]
    assert ids(engage(saved, **asked, include_all_users="false")) == ["bo"]


def test_a_cohort_and_a_selector_choose_together(saved, engage, ids):
    asked = {"filter_by_cohort": {"id": 2000}, "where": 'defined(properties["plan"])'}

    assert ids(engage(saved, **asked)) == ["bo"]


def test_a_cohort_follows_its_members(saved, engage, ids):
    saved.profiles.update("ana", set={"plan": "team"})

    assert ids(engage(saved, filter_by_cohort={"id": 1000})) == ["ana", "bo"]
    saved.cohorts.append(Cohort(3000, "New", distinct_ids=("ana",)))
    assert ids(engage(saved, filter_by_cohort={"id": 3000})) == ["ana"]


def test_a_world_has_cohorts(simulate, engage):
    sim = simulate(Store(world=World(1, date(2024, 1, 1), 30)))
    paying, beta, invited = _listed(sim).json()

    assert 0 < beta["count"] < paying["count"] < engage(sim, page_size=1).json()["total"]
    asked = {"filter_by_cohort": {"id": invited["id"]}}
    assert engage(sim, **asked).json()["total"] == invited["count"] == 25
    assert engage(sim, **asked, include_all_users="false").json()["total"] == 0
    assert [paying["is_visible"], beta["is_visible"], invited["is_visible"]] == [1, 1, 0]
