"""Two projects in one Dagster instance: it can't tell their days apart, and says so."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.defs.runs import PROJECT
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]
LAND = ("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-02")


@pytest.fixture
def other() -> Iterator[dict[str, str]]:
    """The environment of another project, which has a Mixpanel of its own."""
    project = Project(project_id="99999", username="other", secret="other-secret")
    with Simulator(project=project, retry_after=0) as simulator:
        yield {
            "MP_BASE_URL": simulator.url,
            "MP_USERNAME": project.username,
            "MP_SECRET": project.secret,
            "MP_PROJECT_ID": project.project_id,
        }


def runs_of(home: Path) -> list[tuple[str, list[str]]]:
    """The project of each run, the oldest first, and what the run warns of."""
    found = []
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        for run in reversed(instance.get_runs()):
            records = instance.get_records_for_run(run.run_id).records
            entries = [record.event_log_entry for record in records]
            said = [one.user_message for one in entries if one.level == logging.WARNING]
            found.append((run.tags[PROJECT], said))
    return found


def test_a_run_for_another_project_says_whose_days_the_instance_has(
    account: Simulator, other: dict[str, str], here: Mp, tmp_path: Path
) -> None:
    assert here(*LAND).err == ""
    second = here(*LAND, **other)
    assert (second.code, second.err.count("\n")) == (0, 1)
    assert second.err.startswith("mp: note: this Dagster instance also has runs of project 12345:")
    assert "project 99999" in here(*LAND).err
    assert "project 12345" in here("--quiet", "materialize", "catalog", **other).err
    told = runs_of(tmp_path / "home")
    assert [project for project, _ in told] == ["12345", "99999", "12345", "99999"]
    assert [len(said) for _, said in told] == [0, 1, 1, 1]
    assert all("also has runs of project" in text for _, said in told for text in said)


def test_projects_with_homes_of_their_own_have_nothing_to_say(
    account: Simulator,
    other: dict[str, str],
    mp: Mp,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    if not pytestconfig.getoption("--torture"):
        pytest.skip("processes of their own take long")
    for variables in ({}, {**other, "MP_HOME": str(tmp_path / "other")}):
        assert mp(*LAND, **variables).err == ""
    assert runs_of(tmp_path / "other") == [("99999", [])]


def test_python_is_told_too(
    account: Simulator, other: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace().materialize_events("2024-01-02", "2024-01-02")
    for name, value in other.items():
        monkeypatch.setenv(name, value)
    with pytest.warns(AnswerWarning, match="also has runs of project 12345"):
        Workspace().materialize_events("2024-01-02", "2024-01-02")
