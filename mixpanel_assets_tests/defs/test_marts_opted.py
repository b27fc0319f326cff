"""Marts are there for those who ask for them: by a file, an argument or a component."""

import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from mixpanel_assets import ConfigError, MixpanelComponent
from mixpanel_assets.dagster import definitions_of, mixpanel_definitions
from mixpanel_assets.definitions import known_projects
from mixpanel_assets.defs.project import Project

BUILT_IN = ("spine", "sessions", "user_days", "active_users")
WEEKS = "[lifecycle.weeks]"
ACCOUNT = '[accounts.{}]\nusername = "u"\nsecret = "s"\nproject_id = "{}"\nregion = "us"\n'


def declare(tmp_path: Path, text: str) -> None:
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "mixpanel.toml").write_text(text)


def names(project: Project) -> set[str]:
    return {key.path[-1] for key in definitions_of(project).resolve_all_asset_keys()}


def test_there_are_no_marts_unless_they_are_asked_for(tmp_path: Path) -> None:
    assert not names(Project.of()) & {*BUILT_IN}
    assert names(Project.of(marts=True)) >= {*BUILT_IN}
    declare(tmp_path, WEEKS)
    assert names(Project.of()) >= {*BUILT_IN, "lifecycle_weeks"}
    assert not names(Project.of(marts=False)) & {*BUILT_IN}


def test_a_setting_or_an_argument_names_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "other.toml"
    file.write_text(WEEKS)
    found = mixpanel_definitions(key_prefix="shop", marts=str(file)).resolve_all_asset_keys()
    assert dg.AssetKey(["shop", "lifecycle_weeks"]) in found
    monkeypatch.setenv("MP_MARTS", str(file))
    assert "lifecycle_weeks" in names(Project.of())
    file.unlink()
    with pytest.raises(ConfigError, match=r"other\.toml is missing"):
        Project.of()


def test_definitions_of_a_user_have_none_unless_they_say_so(tmp_path: Path) -> None:
    declare(tmp_path, WEEKS)
    without = mixpanel_definitions(key_prefix="shop").resolve_all_asset_keys()
    assert not {key.path[-1] for key in without} & {*BUILT_IN}
    found = mixpanel_definitions(key_prefix="shop", marts=True).resolve_all_asset_keys()
    assert {key.path[-1] for key in found} >= {*BUILT_IN, "lifecycle_weeks"}


def test_the_file_is_of_the_account_that_mp_uses(tmp_path: Path) -> None:
    declare(tmp_path, WEEKS)
    accounts = ACCOUNT.format("app", 2) + ACCOUNT.format("shop", 1)
    (tmp_path / "home" / "config.toml").write_text(f'default = "shop"\n{accounts}')
    declared = {project.account: project.marts is not None for project in known_projects()}
    assert declared == {"shop": True, "app": False}


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")
@pytest.mark.parametrize("given", ["true", "marts.toml"])
def test_a_component_may_have_marts(given: str, tmp_path: Path) -> None:
    (tmp_path / "marts.toml").write_text(WEEKS)
    value = given if given == "true" else tmp_path / given
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(MixpanelComponent)
        (path / "defs.yaml").write_text(
            "type: mixpanel_assets.MixpanelComponent\n"
            f"attributes: {{key_prefix: shop, automation: true, marts: {value}}}\n"
        )
        with sandbox.build_all_defs() as defs:
            keys = {key.path[-1] for key in defs.resolve_all_asset_keys()}
            sensor = defs.get_repository_def().get_sensor_def("shop_marts")
            assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert {*BUILT_IN} <= keys
    assert ("lifecycle_weeks" in keys) == (given != "true")


def test_every_mart_says_what_it_is_and_whose(tmp_path: Path) -> None:
    declare(tmp_path, WEEKS)
    project = Project.of()
    graph = definitions_of(project).resolve_asset_graph()
    for name in (*BUILT_IN, "lifecycle_weeks"):
        spec = graph.get(project.key(name)).to_asset_spec()
        assert spec.description
        assert (spec.group_name, spec.kinds) == (project.group, {"duckdb", "table"})
        assert (spec.owners, spec.tags["source"]) == (["team:data"], "mixpanel")
        columns = spec.metadata["dagster/column_schema"].columns
        assert [one.name for one in columns if not one.description] == []
    assert graph.get(project.key("spine")).parent_keys == {project.key("events")}
    for name in (*BUILT_IN[1:], "lifecycle_weeks"):
        assert graph.get(project.key(name)).parent_keys == {project.key("spine")}


def test_dagster_loads_the_file_of_the_guide_as_its_user_does(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "guides" / "marts.md").read_text("utf-8")
    (declared,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    declare(tmp_path, declared)
    (tmp_path / "definitions.py").write_text(program)
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-f", "definitions.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    tables = [mart.table for mart in Project.of().marts or ()]
    assert tables == [
        "funnel_checkout",
        "retention_signup",
        "segmentation_revenue",
        "attribution_purchases",
    ]
    declare(tmp_path, declared.replace("window", "windw"))
    refused = subprocess.run(
        command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True
    )
    assert refused.returncode != 0
    said = re.sub(r"\s+", " ", refused.stdout + refused.stderr)
    assert "mixpanel.toml: funnels.checkout.windw is not an option" in said
