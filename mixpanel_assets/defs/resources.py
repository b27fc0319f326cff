"""Mixpanel and the warehouse as Dagster resources, usable by any asset in one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field

from mixpanel_assets.accounts import find_credentials, find_project
from mixpanel_assets.mixpanel.bounds import Bounds
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy
from mixpanel_assets.settings import Settings, local_path
from mixpanel_assets.warehouse.connection import WRITER_WAIT, reading, writing

NO_WAIT = 5.0  # seconds that even --no-wait waits


class MixpanelResource(dg.ConfigurableResource[Any]):
    """Asks Mixpanel. Secrets come from the environment or the accounts file, never from config."""

    account: str | None = Field(
        default=None, description="An account of the configuration file; default: as for `mp`."
    )
    wait: bool = Field(
        default=True, description="Wait for rate limits and the hourly budget, up to an hour."
    )

    @contextmanager
    def get_client(
        self, note: Callable[[str], None] = lambda message: None, *, wait: bool | None = None
    ) -> Iterator[Client]:
        """A client of the account's project, closed afterwards; `note` hears of waits.

        `wait` is in place of the resource's own.
        """
        patient = self.wait if wait is None else wait
        settings = Settings.from_env()
        credentials = find_credentials(settings, self.account)
        with Client(
            credentials,
            Budget(settings.home / "budget.sqlite", credentials.project_id),
            base_url=settings.base_url,
            bounds=Bounds.of(settings),
            retry=RetryPolicy() if patient else RetryPolicy(longest_wait=NO_WAIT),
            note=note,
        ) as client:
            yield client


class WarehouseResource(DuckDBResource):
    """The DuckDB file of the project: waits for its lock, and gives it back whatever happens."""

    database: str = Field(
        default="", description="Path of the DuckDB file; default: the warehouse of `mp`."
    )
    account: str | None = Field(
        default=None, description="The account whose project's warehouse is meant."
    )

    @property
    def path(self) -> Path:
        """Where the DuckDB file is."""
        settings = Settings.from_env()
        if self.database:
            return local_path(self.database, "database", below=settings.home)
        return settings.warehouse_path(find_project(settings, self.account))

    @contextmanager
    def get_reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, open for reading, which many processes may do at once."""
        settings = Settings.from_env()
        with reading(
            self.path,
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            wait=WRITER_WAIT,
            spilling=True,
        ) as connection:
            yield connection

    @contextmanager
    def get_connection(
        self, note: Callable[[str], None] = lambda message: None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, open for writing by this process alone."""
        settings = Settings.from_env()
        with writing(
            self.path, memory_limit=settings.memory_limit, threads=settings.threads, note=note
        ) as connection:
            yield connection
