"""Mixpanel and the warehouse as Dagster resources, usable by any asset in one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field

from mixpanel_assets.accounts import find_credentials, find_project
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import writing

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
    def get_client(self, note: Callable[[str], None] = lambda message: None) -> Iterator[Client]:
        """A client of the account's project, closed afterwards; `note` hears of waits."""
        settings = Settings.from_env()
        credentials = find_credentials(settings, self.account)
        with Client(
            credentials,
            Budget(settings.home / "budget.sqlite", credentials.project_id),
            base_url=settings.base_url,
            retry=RetryPolicy() if self.wait else RetryPolicy(longest_wait=NO_WAIT),
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

    @contextmanager
    def get_connection(
        self, note: Callable[[str], None] = lambda message: None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, open for writing by this process alone."""
        settings = Settings.from_env()
        path = (
            settings.warehouse_path(find_project(settings, self.account))
            if not self.database
            else settings.home / self.database
        )
        with writing(
            path, memory_limit=settings.memory_limit, threads=settings.threads, note=note
        ) as connection:
            yield connection
