"""`mp`, `mp dev` and `dagster dev` find the same instance."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from mixpanel_assets.defs.instance import MARK, TEMPLATE, dagster_home, enter_instance
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.dagsters import materialized, name

LAND = ("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-03")


def test_it_is_below_the_home_by_default(tmp_path: Path) -> None:
    home = dagster_home(Settings.from_env())
    assert home == tmp_path / "home" / "dagster"
    _, _, text = (home / "dagster.yaml").read_text().partition("\n")
    assert text.replace(f'"{home}/.dagster/', ".dagster/").replace('"\n', "\n") == (
        TEMPLATE.read_text()
    )


def test_it_is_the_checkout_that_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkout" / "deep" / "inside").mkdir(parents=True)
    (tmp_path / "checkout" / "dagster.yaml").touch()
    monkeypatch.chdir(tmp_path / "checkout" / "deep" / "inside")
    assert dagster_home(Settings.from_env()) == tmp_path / "checkout"
    assert not (tmp_path / "home").exists()


def test_it_is_dagster_home_before_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "named"))
    assert dagster_home(Settings.from_env()) == tmp_path / "named"


def test_a_dagster_yaml_of_one_s_own_is_kept(tmp_path: Path) -> None:
    own = tmp_path / "home" / "dagster" / "dagster.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("telemetry:\n  enabled: false\n")
    assert dagster_home(Settings.from_env()) == own.parent
    assert own.read_text() == "telemetry:\n  enabled: false\n"


def test_a_dagster_yaml_of_an_older_version_is_renewed_unless_it_was_changed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "home" / "dagster" / "dagster.yaml"
    dagster_home(Settings.from_env())
    now = file.read_text()
    older = "telemetry:\n  enabled: false\n"
    line = f"{MARK} {hashlib.sha256(older.encode()).hexdigest()[:16]}\n"
    file.write_text(line + older)
    dagster_home(Settings.from_env())
    assert file.read_text() == now
    for changed in (line + older + "# mine\n", now + "# mine\n", "# mine\n" + now):
        file.write_text(changed)
        dagster_home(Settings.from_env())
        assert file.read_text() == changed
    assert list(file.parent.iterdir()) == [file]


def test_entering_it_leaves_the_paths_of_the_environment_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_HOME", "relative")
    monkeypatch.setenv("MP_WAREHOUSE", "w.duckdb")
    monkeypatch.setenv("DAGSTER_HOME", "instance")
    before = Settings.from_env()
    assert enter_instance(before) == Path.cwd() == tmp_path / "instance"
    assert Settings.from_env() == before
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / "instance")


def test_another_process_sees_the_days_that_mp_landed(
    account: Simulator, mp: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where DAGSTER_HOME says; that `mp dev` sees those of the default place is tested with it."""
    home = tmp_path / "named"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert mp(*LAND).code == 0
    monkeypatch.chdir(home)
    with dg.DagsterInstance.get() as instance:
        assert materialized(instance) == {"2024-01-02", "2024-01-03"}
        (run,) = instance.get_runs()
    assert (run.job_name, run.status, run.tags["mp/source"]) == (
        name("events_job"),
        dg.DagsterRunStatus.SUCCESS,
        "cli",
    )
