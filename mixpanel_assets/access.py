"""Whose data it is, where it is kept and who asks for it: looked up together, once.

The environment and the file of accounts may change at any time. Who looked up one after the other
could ask for the data of one project and write it to the warehouse of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from mixpanel_assets.accounts import (
    Account,
    Credentials,
    find_account,
    find_project,
    with_time_zone,
)
from mixpanel_assets.errors import ConfigError, MixpanelDataError
from mixpanel_assets.settings import Settings


@dataclass(frozen=True)
class Access:
    """Settings, project and account of one moment; without credentials it knows why."""

    asked: str | None  # the name of an account; None: as the environment and the file say
    settings: Settings  # with the time zone of the account's project
    account: Account | MixpanelDataError
    known_project: str | MixpanelDataError

    @property
    def credentials(self) -> Credentials:
        """What Mixpanel is asked with; raises what find_account has raised."""
        if isinstance(self.account, MixpanelDataError):
            raise self.account
        return self.account.credentials

    @property
    def project(self) -> str:
        """The project's id, which may be known without credentials; raises as find_project."""
        if isinstance(self.known_project, MixpanelDataError):
            raise self.known_project
        return self.known_project

    @property
    def project_or_none(self) -> str | None:
        """The project's id, if it is known."""
        return self.known_project if isinstance(self.known_project, str) else None

    @property
    def warehouse(self) -> Path:
        """The DuckDB file of the project; with MP_WAREHOUSE no project need be known."""
        return self.settings.warehouse or self.settings.warehouse_path(self.project)

    def with_credentials(self) -> Access:
        """The same with credentials, which may have been set meanwhile.

        ConfigError if they are of another project, or the warehouse would be another one.
        """
        if isinstance(self.account, Account):
            return self
        fresh = look_up(self.asked)
        project = fresh.credentials.project_id
        placed = self.settings.warehouse or self.project_or_none  # it has a warehouse already
        if self.project_or_none in (None, project) and (
            not placed or self.warehouse == fresh.warehouse
        ):
            return fresh
        raise ConfigError(
            f"this is project {self.project_or_none} in {self.warehouse}, and the credentials are "
            f"now those of project {project} in {fresh.warehouse}",
            hint="make another Workspace for the other project",
        )


_held: ContextVar[Access | None] = ContextVar("access", default=None)


def look_up(account: str | None = None) -> Access:
    """The access that is held, else what the environment and the file of accounts say now.

    Raises ConfigError for settings that make no sense, AccountNotFoundError for a name that the
    file does not have; missing credentials are told by who needs them.
    """
    held = _held.get()
    if held and account in (None, held.asked):
        return held
    settings, name = Settings.from_env(), account
    found: Account | MixpanelDataError
    project: str | MixpanelDataError
    try:
        found = find_account(settings, account)
        project, name = found.credentials.project_id, found.name
    except MixpanelDataError as error:
        found = error
        try:
            project = find_project(settings, account)
        except MixpanelDataError as why:
            project = why
    return Access(account, with_time_zone(settings, name), found, project)


@contextmanager
def holding(access: Access) -> Iterator[None]:
    """Whatever looks up in the block, a run of Dagster's in this process above all, finds this."""
    token = _held.set(access)
    try:
        yield
    finally:
        _held.reset(token)
