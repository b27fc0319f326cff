"""Every condition reaches Mixpanel as it means it, and what contradicts itself is not asked."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.errors import PlanRequiredError, QueryError, UsageError
from mixpanel_assets.mixpanel.export.profiles import export_profiles
from mixpanel_assets.mixpanel.export.selection import ProfileSelection
from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, Project

GROUP = "-1405123841946871899"
NOW = int(time.time())
BEHAVIORS = [{"window": "5d", "name": "b1", "event_selectors": [{"event": "buy"}]}]
ONCE = {"behaviors": BEHAVIORS, "where": '(behaviors["b1"] == 1)'}
NEVER = {"behaviors": BEHAVIORS, "where": '(behaviors["b1"] == 0)'}

Profile = dict[str, Any]


def profile(distinct_id: str, **properties: Any) -> Profile:
    return {"$distinct_id": distinct_id, "$properties": properties}


ANN, BO, CY = profile("ann", n=1, city="Łódź"), profile("bo", n=2, city="Oslo"), profile("cy", n=3)
ACME = profile("Acme", size=40)
GHOST = profile("ghost")  # in the cohort, without a profile


@pytest.fixture
def mixpanel() -> Any:
    """Three users, one group, a cohort of two of the users and a ghost; Ann bought once."""
    cohort = Cohort(5, "Few", where='properties["n"] <= 2', distinct_ids=("ghost",))
    with Simulator(cohorts=[cohort]) as simulator:
        simulator.profiles.set([ANN, BO, CY])
        simulator.profiles.set([ACME], data_group_id=GROUP)
        bought = {"time": (NOW - 3600) * 1000, "distinct_id": "ann", "$insert_id": "1"}
        simulator.store.add([{"event": "buy", "properties": bought}])
        yield simulator


def download(
    project: Project, folder: Path, page_size: int = 1, **conditions: Any
) -> list[Profile]:
    """The profiles that match, by distinct id; the smallest pages, so that all repeat it."""
    selection = ProfileSelection(**conditions)
    file = export_profiles(project.client, selection, folder, DAY, page_size=page_size)
    with gzip.open(file.path) as lines:
        found = [json.loads(line) for line in lines]
    assert len(found) == file.records
    return sorted(found, key=lambda one: str(one["$distinct_id"]))


SELECTIONS: list[tuple[dict[str, Any], list[Profile]]] = [
    ({}, [ANN, BO, CY]),
    ({"where": 'properties["city"] == "Łódź"'}, [ANN]),
    ({"where": ""}, [ANN, BO, CY]),
    ({"where": 'properties["n"] > 7'}, []),
    ({"cohort_id": 5}, [ANN, BO]),
    ({"cohort_id": 5, "include_all_users": True}, [ANN, BO, GHOST]),
    ({"cohort_id": 5, "where": 'properties["n"] == 2'}, [BO]),
    ({"output_properties": ["n"]}, [profile("ann", n=1), profile("bo", n=2), CY]),
    ({"output_properties": []}, [profile("ann"), profile("bo"), profile("cy")]),
    ({"distinct_ids": ["cy", "ann", "cy", "nobody"]}, [ANN, CY]),
    ({"data_group_id": GROUP}, [ACME]),
    (ONCE, [ANN]),
    (NEVER, [BO, CY]),
    ({**ONCE, "as_of_timestamp": NOW - 7200}, []),
    ({**NEVER, "as_of_timestamp": NOW - 7200}, [ANN, BO, CY]),
]


@pytest.mark.parametrize(("conditions", "profiles"), SELECTIONS)
def test_a_download_has_the_profiles_that_meet_the_conditions(
    project: Project, tmp_path: Path, conditions: dict[str, Any], profiles: list[Profile]
) -> None:
    assert download(project, tmp_path / "landed", **conditions) == profiles


def test_every_page_repeats_the_whole_selection(
    mixpanel: Simulator, project: Project, tmp_path: Path
) -> None:
    download(project, tmp_path, **NEVER, output_properties=["n"])
    first, *later = [dict(seen.params) for seen in mixpanel.requests]
    assert abs(int(first["as_of_timestamp"]) - time.time()) < 600
    assert first == {
        "project_id": mixpanel.project.project_id,
        "where": NEVER["where"],
        "behaviors": json.dumps(BEHAVIORS),
        "as_of_timestamp": first["as_of_timestamp"],
        "output_properties": '["n"]',
        "page_size": "1",
        "page": "0",
    }
    (session,) = {seen["session_id"] for seen in later}
    pages = sorted(later, key=lambda seen: int(seen["page"]))
    assert pages == [{**first, "session_id": session, "page": str(n)} for n in (1, 2)]


@pytest.mark.parametrize("everyone", [True, False])
def test_with_a_cohort_it_is_always_said_whether_all_users_are_meant(
    mixpanel: Simulator, project: Project, tmp_path: Path, everyone: bool
) -> None:
    download(project, tmp_path, cohort_id=5, include_all_users=everyone)
    told = {
        (seen.params["filter_by_cohort"], seen.params["include_all_users"])
        for seen in mixpanel.requests
    }
    assert told == {('{"id": 5}', json.dumps(everyone))}


def test_no_ids_are_no_call_and_an_empty_file(
    mixpanel: Simulator, project: Project, tmp_path: Path
) -> None:
    assert download(project, tmp_path, distinct_ids=[]) == []
    assert mixpanel.requests == []


def test_more_ids_than_a_query_takes_are_several_queries(
    mixpanel: Simulator, project: Project, tmp_path: Path
) -> None:
    mixpanel.profiles.fill(4500)
    ids = [f"synthetic-{n:07d}" for n in range(4500)]
    found = download(project, tmp_path, 5000, distinct_ids=[*ids, *ids])
    assert [one["$distinct_id"] for one in found] == ids
    assert project.client.budget.report()["query"]["used"] == 3


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"behaviors": BEHAVIORS, "cohort_id": 5}, "behaviors and by a cohort"),
        ({"include_all_users": True}, "cohort"),
        ({"as_of_timestamp": NOW + 3600}, "not in the past"),
        ({"as_of_timestamp": (NOW - 3600) * 1000}, "not in the past"),
    ],
)
def test_conditions_that_contradict_each_other_are_not_asked(
    conditions: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        ProfileSelection(**conditions)
    assert (raised.value.code, raised.value.exit_code) == ("USAGE", 2)
    assert raised.value.hint


def test_an_unknown_cohort_is_mixpanels_to_refuse(project: Project, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no cohort 6"):
        download(project, tmp_path, cohort_id=6)


def test_a_plan_without_profiles_says_so_and_costs_nothing(
    mixpanel: Simulator, project: Project, tmp_path: Path
) -> None:
    mixpanel.fail_engage("402@*")
    with pytest.raises(PlanRequiredError, match="Your plan does not allow"):
        download(project, tmp_path)
    assert project.client.budget.report()["query"]["used"] == 0
    assert len(mixpanel.requests) == 1
