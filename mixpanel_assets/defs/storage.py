"""Dagster's own storages, for a `dagster.yaml` whose paths are meant from its own folder.

Dagster takes a relative `base_dir` from the folder that a process stands in, and so makes another,
empty instance wherever `dagster` is run. It also takes `?` and `%41` in the name of a folder for
parts of an address.
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
    """The SQLite file as SQLAlchemy wants it: what means something in an address is escaped."""
    path = (Path(base_dir) / f"{db_name}.db").absolute()
    return URL.create("sqlite", database=path.as_posix()).render_as_string(hide_password=False)


for storage in (sqlite_run_storage, sqlite_event_log, sqlite_schedule_storage):
    vars(storage)["create_db_conn_string"] = _address


def _in_instance(base_dir: str) -> str:
    """The path, from the folder of the `dagster.yaml` that this process has read."""
    folder = Path(os.environ.get("DAGSTER_HOME") or Path.cwd())
    if not (Path(base_dir).is_absolute() or (folder / INSTANCE_FILE).is_file()):
        raise ConfigError(
            f"{base_dir} is meant from the folder of {INSTANCE_FILE}, and {folder} has none",
            hint=f"set DAGSTER_HOME to the folder of {INSTANCE_FILE}",
        )
    return str(folder / base_dir)


class Storage(DagsterSqliteStorage):
    """Runs, events and schedules."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> Self:
        """As Dagster makes it of its entry in `dagster.yaml`."""
        return cls.from_local(_in_instance(config_value["base_dir"]), inst_data)


class ArtifactStorage(LocalArtifactStorage):
    """What assets return, where they leave it to Dagster."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """As Dagster makes it of its entry in `dagster.yaml`."""
        return cls(_in_instance(config_value["base_dir"]), inst_data)


class ComputeLogs(LocalComputeLogManager):
    """What a step writes to stdout and stderr."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """As Dagster makes it of its entry in `dagster.yaml`."""
        return cls(_in_instance(config_value["base_dir"]), inst_data=inst_data)
