"""A project as a component: a `defs.yaml` that Dagster loads."""

import json
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.core.package_entry import discover_entry_point_package_objects
from dagster.components.testing import create_defs_folder_sandbox
from dagster_shared.serdes.objects import EnvRegistryKey

from mixpanel_assets import AccountNotFoundError, MixpanelComponent

# Dagster itself still calls what Pydantic has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")


def test_dagster_finds_the_component_of_the_installed_package() -> None:
    found = discover_entry_point_package_objects()
    assert found[EnvRegistryKey("mixpanel_assets", "MixpanelComponent")] is MixpanelComponent


@pytest.mark.parametrize("start", ["'2024-01-02'", "2024-01-02"])
def test_a_yaml_file_makes_a_project_with_its_attributes(start: str) -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(MixpanelComponent)
        (path / "defs.yaml").write_text(
            f"""
            type: mixpanel_assets.MixpanelComponent
            attributes:
              key_prefix: [shop, web]
              group: web
              start: {start}
              automation: true
            """
        )
        with sandbox.build_all_defs() as defs:
            events = defs.resolve_assets_def(["shop", "web", "events"])
            (spec,) = events.specs
            assert spec.group_name == "web"
            assert events.partitions_def
            assert events.partitions_def.get_partition_keys()[0] == "2024-01-02"
            schedule = defs.resolve_schedule_def("shop_web_daily_events")
            assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_a_scaffolded_component_is_the_account_that_mp_uses(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    entry = {"username": "ann", "secret": "s", "project_id": "77"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in entry.items()]
    (home / "config.toml").write_text("\n".join(['default = "acme"', "[accounts.acme]", *lines]))
    with create_defs_folder_sandbox() as sandbox:
        sandbox.scaffold_component(MixpanelComponent)
        with sandbox.build_all_defs() as defs:
            assert defs.resolve_assets_def(["acme", "events"]).op.pool == "warehouse_77"


def test_an_account_that_is_not_there_is_named() -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(MixpanelComponent)
        text = "type: mixpanel_assets.MixpanelComponent\nattributes: {account: nobody}\n"
        (path / "defs.yaml").write_text(text)
        with pytest.raises(Exception, match=r"defs\.yaml") as refused, sandbox.build_all_defs():
            pass
        assert isinstance(refused.value.__cause__, AccountNotFoundError)
