"""Mixpanel and the warehouse, for any asset in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from mixpanel_assets.definitions import defs
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.simulator.server import Simulator

OPEN = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create table t (a int)')"


def test_no_secret_is_in_a_resource_s_config(account: Simulator) -> None:
    resources = defs().get_repository_def().get_top_level_resources()
    shown = repr(resources) + repr(vars(MixpanelResource())) + repr(vars(WarehouseResource()))
    fields = {
        name: set(resource.config_schema.config_type.fields) for name, resource in resources.items()
    }
    for prefix in ("", "_12345"):
        assert fields[f"mixpanel{prefix}"] == {"account", "project_id", "wait"}
        own = {"account", "project_id", "database", "connection_config"}
        assert fields[f"warehouse{prefix}"] == own
    assert account.project.secret not in shown


def test_an_asset_asks_mixpanel_in_one_line(account: Simulator) -> None:
    days = {"from_date": "2024-01-02", "to_date": "2024-01-02"}
    with MixpanelResource().get_client() as client, client.stream_export(days) as answer:
        assert (answer.status_code, answer.read()) == (200, b"")


def test_an_asset_that_fails_gives_the_warehouse_back(account: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "home" / "data" / "12345" / "mixpanel.duckdb"
    with pytest.raises(ZeroDivisionError), WarehouseResource().get_connection():
        raise ZeroDivisionError
    done = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_warehouse_may_be_named(account: Simulator, tmp_path: Path) -> None:
    with WarehouseResource(database=str(tmp_path / "own.duckdb")).get_connection() as warehouse:
        warehouse.execute("create table t (a int)")
    assert (tmp_path / "own.duckdb").exists()


def test_the_account_of_a_resource_is_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    config = '[accounts.b]\nusername = "u"\nsecret = "s"\nproject_id = "7"\nregion = "eu"\n'
    (tmp_path / "home" / "config.toml").write_text(config)
    with MixpanelResource(account="b").get_client() as client:
        assert (client.credentials.project_id, client.credentials.region) == ("7", "eu")
