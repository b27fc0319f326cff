"""Dagster's storages, with paths relative to the folder of `dagster.yaml`.

Dagster resolves a relative `base_dir` from the current folder, and so creates another, empty
instance wherever `dagster` is run. It also reads `?` and `%41` in a folder's name as URL syntax.
"""

import os
from pathlib import Path
from typing import Any, Self

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import URL

from mixpanel_assets.defs.instance import INSTANCE_FILE
from mixpanel_assets.errors import ConfigError


def _address(base_dir: str, db_name: str) -> str:
    """The SQLite file as an SQLAlchemy URL, escaped."""
    path = (Path(base_dir) / f"{db_name}.db").absolute()
    return URL.create("sqlite", database=path.as_posix()).render_as_string(hide_password=False)


for storage in (sqlite_run_storage, sqlite_event_log, sqlite_schedule_storage):
    vars(storage)["create_db_conn_string"] = _address


def _in_instance(base_dir: str) -> str:
    """The path, relative to the folder of this process's `dagster.yaml`."""
    folder = Path(os.environ.get("DAGSTER_HOME") or Path.cwd())
    if not (Path(base_dir).is_absolute() or (folder / INSTANCE_FILE).is_file()):
        raise ConfigError(
            f"{base_dir} is relative to the folder of {INSTANCE_FILE}, but {folder} has none",
            hint=f"set DAGSTER_HOME to the folder of {INSTANCE_FILE}",
        )
    return str(folder / base_dir)


class Storage(DagsterSqliteStorage):
    """Runs, events and schedules."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> Self:
        return cls.from_local(_in_instance(config_value["base_dir"]), inst_data)


class ArtifactStorage(LocalArtifactStorage):
    """Values that assets return to Dagster's default IO manager."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        return cls(_in_instance(config_value["base_dir"]), inst_data)


class ComputeLogs(LocalComputeLogManager):
    """The stdout and stderr of steps."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        return cls(_in_instance(config_value["base_dir"]), inst_data=inst_data)
