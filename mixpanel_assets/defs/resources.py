"""Mixpanel and the warehouse as Dagster resources."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field, PrivateAttr

from mixpanel_assets.access import Access, look_up
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.runs import PROJECT
from mixpanel_assets.errors import ConfigError, MixpanelDataError
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.live import answer
from mixpanel_assets.questions.analytics import Analysis
from mixpanel_assets.questions.base import R
from mixpanel_assets.questions.live import Live
from mixpanel_assets.settings import local_path
from mixpanel_assets.warehouse.analytics import SPINE_WAIT, analyze
from mixpanel_assets.warehouse.connection import WRITER_WAIT, reading, writing


@lru_cache(maxsize=8)
def _of_run(run_id: str, account: str | None) -> Access:  # noqa: ARG001  the cache's key
    """The account of a run, looked up once for all its resources."""
    return look_up(account)


class _Looking(dg.ConfigurableResource[Any]):
    """A resource that looks up its account once per run, or once if used without a run."""

    account: str | None = None
    project_id: str | None = None
    _run_id: str | None = PrivateAttr(None)
    _access: Access | None = PrivateAttr(None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Prepare for a run or a sensor's tick."""
        self._run_id = context.run.run_id if context.run else None

    @property
    def access(self) -> Access:
        """Settings, project and account, unchanged until the run ends."""
        if self._access is None:
            run_id, account = self._run_id, self.account
            self._access = _of_run(run_id, account) if run_id else look_up(account)
        found = self._access.project_or_none
        if self.project_id and found not in (None, self.project_id):
            raise ConfigError(
                f"account {self._access.name or 'of the environment'} is now of project {found}, "
                f"and this is defined for project {self.project_id}",
                hint="reload the definitions of this code location",
            )
        return self._access


def check_one_project(mixpanel: "MixpanelResource", warehouse: "WarehouseResource") -> None:
    """Raise ConfigError if the two resources are for different projects."""
    asked, kept = mixpanel.access.credentials.project_id, warehouse.project_or_none
    if kept not in (None, asked):
        raise ConfigError(
            f"the account of mixpanel is for project {asked}, that of warehouse for {kept}",
            hint="give both resources the same account",
        )


class MixpanelResource(_Looking):
    """The Mixpanel API. Secrets come from the environment or the accounts file, not from config."""

    account: str | None = Field(
        default=None, description="Account of the configuration file; default: as for mp."
    )
    project_id: str | None = Field(
        default=None, description="Refuse an account of another project; default: any."
    )
    wait: bool = Field(
        default=True, description="Wait for rate limits and the hourly budget, up to an hour."
    )

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Prepare for a run, and tag it with its project."""
        super().setup_for_execution(context)
        if context.run and context.instance:
            with suppress(MixpanelDataError):  # raised again where it matters
                tag = {PROJECT: self.access.project}
                context.instance.add_run_tags(context.run.run_id, tag)

    @contextmanager
    def get_client(
        self, note: Callable[[str], None] = lambda message: None, *, wait: bool | None = None
    ) -> Iterator[Client]:
        """A client of the account's project, closed afterwards.

        `note` is called with each wait and retry; `wait` overrides the resource's.
        """
        wait, access = self.wait if wait is None else wait, self.access
        with Client.open(access.settings, access.credentials, wait=wait, note=note) as client:
            yield client

    def ask(self, question: Live[R]) -> R:
        """The answer of Mixpanel; days such as 7d are counted in the project's time zone."""
        with self.get_client() as client:
            return answer(client, question.dated(self.access.settings.today()))


class WarehouseResource(_Looking, DuckDBResource):
    """The DuckDB file of the project; opening waits for its lock, and closing releases it."""

    database: str = Field(
        default="", description="Path of the DuckDB file; default: the warehouse of mp."
    )
    account: str | None = Field(
        default=None, description="Account of the project; default: as for mp."
    )
    project_id: str | None = Field(
        default=None, description="Refuse an account of another project; default: any."
    )

    @property
    def project_or_none(self) -> str | None:
        """The project of the warehouse; None if `database` is set."""
        return None if self.database else self.access.project_or_none

    @property
    def path(self) -> Path:
        """The path of the DuckDB file."""
        if self.database:
            return local_path(self.database, "database", below=self.access.settings.home)
        return self.access.warehouse

    def get_reader(
        self, wait: float = WRITER_WAIT
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """The warehouse, open for reading by any number of processes.

        Waits for a load, `wait` seconds at most.
        """
        return reading(self.path, wait=wait, spilling=True, **self._limits)

    @contextmanager
    def get_connection(
        self, note: Callable[[str], None] = lambda message: None, wait: float = WRITER_WAIT
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, open for writing by this process alone.

        Waits for others, `wait` seconds at most.
        """
        with writing(self.path, note=note, wait=wait, **self._limits) as connection:
            yield connection

    def analyze(self, question: Analysis[R]) -> R:
        """The answer from landed events, as of `mp ask`; days such as 7d are the project's."""
        settings = self.access.settings
        return analyze(
            question.dated(settings.today()),
            settings.zone,
            # Closed to writes beside it, too: the question may hold SQL of whoever asks.
            reading=partial(reading, self.path, wait=WRITER_WAIT, **self._limits),
            writing=partial(self.get_connection, wait=SPINE_WAIT),
        )

    @property
    def _limits(self) -> dict[str, Any]:
        settings = self.access.settings
        return {"memory_limit": settings.memory_limit, "threads": settings.threads}


def resources_of(resources: Any, project: Project) -> tuple[MixpanelResource, WarehouseResource]:
    """The project's two resources. ConfigError if they are for different projects."""
    mixpanel = getattr(resources, project.mixpanel)
    warehouse = getattr(resources, project.duckdb)
    check_one_project(mixpanel, warehouse)
    return mixpanel, warehouse
