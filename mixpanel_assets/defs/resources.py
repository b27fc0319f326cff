"""Mixpanel and the warehouse as Dagster resources, usable by any asset in one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field, PrivateAttr

from mixpanel_assets.access import Access, look_up
from mixpanel_assets.defs.projects import tell_projects_apart
from mixpanel_assets.errors import ConfigError, MixpanelDataError
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.live import answer
from mixpanel_assets.questions.base import R
from mixpanel_assets.questions.live import Live
from mixpanel_assets.settings import local_path
from mixpanel_assets.warehouse.connection import WRITER_WAIT, reading, writing


@lru_cache(maxsize=8)
def _of_run(run_id: str, account: str | None) -> Access:  # noqa: ARG001  it tells runs apart
    """One for all resources of a run: what is asked lands where it belongs."""
    return look_up(account)


class _Looking(dg.ConfigurableResource[Any]):
    """A resource that looks its account up once for each run, or once if it is used without."""

    account: str | None = None
    _run_id: str | None = PrivateAttr(None)
    _access: Access | None = PrivateAttr(None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """As Dagster does before a run, and before a sensor looks."""
        self._run_id = context.run.run_id if context.run else None

    @property
    def access(self) -> Access:
        """Settings, project and account: the same until the run ends."""
        if self._access is None:
            run_id, account = self._run_id, self.account
            self._access = _of_run(run_id, account) if run_id else look_up(account)
        return self._access


def check_one_project(mixpanel: "MixpanelResource", warehouse: "WarehouseResource") -> None:
    """ConfigError if the warehouse is that of another project than the one that is asked."""
    asked, kept = mixpanel.access.credentials.project_id, warehouse.project_or_none
    if kept not in (None, asked):
        raise ConfigError(
            f"the account of mixpanel is for project {asked}, that of warehouse for {kept}",
            hint="give both resources the same account",
        )


class MixpanelResource(_Looking):
    """Asks Mixpanel. Secrets come from the environment or the accounts file, never from config."""

    account: str | None = Field(
        default=None, description="An account of the configuration file; default: as for `mp`."
    )
    wait: bool = Field(
        default=True, description="Wait for rate limits and the hourly budget, up to an hour."
    )

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """As Dagster does before a run, which then says whose it is."""
        super().setup_for_execution(context)
        with suppress(MixpanelDataError):  # it is told by what needs it
            tell_projects_apart(context, self.access.project)

    @contextmanager
    def get_client(
        self, note: Callable[[str], None] = lambda message: None, *, wait: bool | None = None
    ) -> Iterator[Client]:
        """A client of the account's project, closed afterwards; `note` hears of waits.

        `wait` is in place of the resource's own.
        """
        patient = self.wait if wait is None else wait
        access = self.access
        with Client.open(access.settings, access.credentials, wait=patient, note=note) as client:
            yield client

    def ask(self, question: Live[R]) -> R:
        """The answer of Mixpanel; days such as 7d are counted in the project's time zone."""
        with self.get_client() as client:
            return answer(client, question.dated(self.access.settings.today()))


class WarehouseResource(_Looking, DuckDBResource):
    """The DuckDB file of the project: waits for its lock, and gives it back whatever happens."""

    database: str = Field(
        default="", description="Path of the DuckDB file; default: the warehouse of `mp`."
    )
    account: str | None = Field(
        default=None, description="The account whose project's warehouse is meant."
    )

    @property
    def project_or_none(self) -> str | None:
        """The project whose warehouse it is; None for a file that was named."""
        return None if self.database else self.access.project_or_none

    @property
    def path(self) -> Path:
        """Where the DuckDB file is."""
        if self.database:
            return local_path(self.database, "database", below=self.access.settings.home)
        return self.access.warehouse

    @contextmanager
    def get_reader(self, wait: float = WRITER_WAIT) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, open for reading, which many processes may do at once.

        A load is waited for, `wait` seconds at most.
        """
        settings = self.access.settings
        with reading(
            self.path,
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            wait=wait,
            spilling=True,
        ) as connection:
            yield connection

    @contextmanager
    def get_connection(
        self, note: Callable[[str], None] = lambda message: None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, open for writing by this process alone."""
        settings = self.access.settings
        with writing(
            self.path, memory_limit=settings.memory_limit, threads=settings.threads, note=note
        ) as connection:
            yield connection
