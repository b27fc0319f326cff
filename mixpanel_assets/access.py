"""Settings, project and account, looked up together once.

The environment and the configuration file may change at any time. Separate look-ups could request
the data of one project and write it to the warehouse of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from mixpanel_assets import accounts
from mixpanel_assets.errors import ConfigError, MixpanelDataError
from mixpanel_assets.settings import Settings


@dataclass(frozen=True)
class Access:
    """Settings, project and account as of one moment; or the errors raised instead of them."""

    asked: str | None  # name of an account; None: the environment's or the default one
    settings: Settings  # with the time zone of the account's project
    account: accounts.Account | MixpanelDataError
    known_project: str | MixpanelDataError
    name: str | None  # the account's in the configuration file; None: the environment's

    @property
    def credentials(self) -> accounts.Credentials:
        """The account's credentials; raises what find_account raised."""
        if isinstance(self.account, MixpanelDataError):
            raise self.account
        return self.account.credentials

    @property
    def project(self) -> str:
        """The project id, which may be known without credentials; raises what find_project did."""
        if isinstance(self.known_project, MixpanelDataError):
            raise self.known_project
        return self.known_project

    @property
    def project_or_none(self) -> str | None:
        """The project id, if it is known."""
        return self.known_project if isinstance(self.known_project, str) else None

    @property
    def warehouse(self) -> Path:
        """The project's DuckDB file. With MP_WAREHOUSE, the project need not be known."""
        return self.settings.warehouse or self.settings.warehouse_path(self.project)

    def with_credentials(self) -> Access:
        """This access, or a new one if it has no credentials yet but they are set now.

        ConfigError if they belong to another project or warehouse.
        """
        if isinstance(self.account, accounts.Account):
            return self
        fresh = look_up(self.asked)
        project = fresh.credentials.project_id
        placed = self.settings.warehouse or self.project_or_none  # its warehouse is determined
        if self.project_or_none in (None, project) and (
            not placed or self.warehouse == fresh.warehouse
        ):
            return fresh
        raise ConfigError(
            f"this is project {self.project_or_none} in {self.warehouse}, and the credentials are "
            f"now those of project {project} in {fresh.warehouse}",
            hint="create another Workspace for the other project",
        )


_held: ContextVar[Access | None] = ContextVar("access", default=None)


def look_up(account: str | None = None) -> Access:
    """The access of `holding`, else a new one from the environment and the configuration file.

    Raises ConfigError for invalid settings, AccountNotFoundError for a name that is not in the
    file. Missing credentials raise when they are used.
    """
    held = _held.get()
    if held and account in (None, held.asked, held.name):
        return held
    settings, name = Settings.from_env(), account
    found: accounts.Account | MixpanelDataError
    project: str | MixpanelDataError
    try:
        found = accounts.find_account(settings, account)
        project, name = found.credentials.project_id, found.name
    except MixpanelDataError as error:
        found = error
        with suppress(MixpanelDataError):
            name = accounts.account_in_use(settings, account)
        try:
            project = accounts.find_project(settings, account)
        except MixpanelDataError as why:
            project = why
    return Access(account, accounts.with_time_zone(settings, name), found, project, name)


@contextmanager
def holding(access: Access) -> Iterator[None]:
    """Make `look_up` return this access in the block, such as in an in-process Dagster run."""
    token = _held.set(access)
    try:
        yield
    finally:
        _held.reset(token)
