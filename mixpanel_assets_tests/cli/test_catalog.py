"""`mp materialize catalog` and `all`: what a project has saved and described is in tables."""

from collections.abc import Callable, Iterator

import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.saved_things import simulated

TABLES = [
    "lexicon_events",
    "lexicon_properties",
    "cohorts",
    "funnels",
    "bookmarks",
    "annotations",
]


def use(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    project = simulator.project
    monkeypatch.setenv("MP_BASE_URL", simulator.url)
    monkeypatch.setenv("MP_USERNAME", project.username)
    monkeypatch.setenv("MP_SECRET", project.secret)
    monkeypatch.setenv("MP_PROJECT_ID", project.project_id)


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A Mixpanel with one of each thing that people save."""
    with simulated() as simulator:
        use(simulator, monkeypatch)
        yield simulator


def test_the_catalog_is_one_table_after_another(
    saved: Simulator, here: Callable[..., Answer]
) -> None:
    answer = here("materialize", "catalog")
    assert (answer.code, answer.err) == (0, "")
    assert [one["table"] for one in answer.json] == TABLES
    assert [one["rows"] for one in answer.json] == [2, 2, 1, 1, 1, 1]
    assert {one["skipped"] for one in answer.json} == {None}
    assert len({one["run_id"] for one in answer.json}) == 1
    assert here("sql", "select name from funnels").json == [{"name": "Checkout"}]


def test_what_the_plan_refuses_is_skipped_and_said(
    monkeypatch: pytest.MonkeyPatch, here: Callable[..., Answer]
) -> None:
    with simulated(plan_refuses=("funnels",)) as simulator:
        use(simulator, monkeypatch)
        answer = here("materialize", "catalog")
    assert answer.code == 0, answer.err
    (funnels,) = [one for one in answer.json if one["table"] == "funnels"]
    assert funnels["rows"] is None
    assert "plan" in funnels["skipped"].lower()
    assert sum(one["skipped"] is None for one in answer.json) == 5


def test_all_lands_events_profiles_and_the_catalog(
    saved: Simulator, here: Callable[..., Answer]
) -> None:
    answer = here("materialize", "all", "--from", "2024-01-02", "--to", "2024-01-02")
    assert answer.code == 0, answer.err
    assert answer.json["events"]["rows"] == 2
    assert answer.json["profiles"]["asset"] == "profiles"
    assert [one["table"] for one in answer.json["catalog"]] == TABLES
    landed = {one["asset"] for one in here("status").json}
    assert landed >= {"events", "profiles", *TABLES}


def test_all_goes_on_without_profiles_that_the_plan_refuses(
    monkeypatch: pytest.MonkeyPatch, here: Callable[..., Answer]
) -> None:
    with simulated(plan_refuses=("engage",)) as simulator:
        use(simulator, monkeypatch)
        answer = here("materialize", "all", "--from", "2024-01-02", "--to", "2024-01-02")
    assert answer.code == 0, answer.err
    assert "plan" in answer.json["profiles"]["skipped"].lower()
    assert len(answer.json["catalog"]) == 6


def test_a_refused_account_fails_with_its_own_exit_code(
    saved: Simulator, here: Callable[..., Answer]
) -> None:
    answer = here("materialize", "catalog", MP_SECRET="wrong")
    assert (answer.code, answer.error["code"]) == (3, "AUTH_FAILED")
