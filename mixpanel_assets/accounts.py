"""Who asks: credentials from the environment or the configuration file."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, SecretStr

from mixpanel_assets.errors import AccountNotFoundError, ConfigError
from mixpanel_assets.settings import Settings

Region = Literal["us", "eu", "in"]
HINT = "set MP_USERNAME, MP_SECRET and MP_PROJECT_ID (a Mixpanel service account)"


class Credentials(BaseModel):
    """A service account of one project; the secret shows in no repr, log or error."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    username: str
    secret: SecretStr
    project_id: str
    region: Region = "us"


def find_credentials(settings: Settings, account: str | None = None) -> Credentials:
    """The credentials to use: a named account, the environment, MP_ACCOUNT, the default account.

    Raises ConfigError when there are none or some of them, AccountNotFoundError for a name that
    the configuration file does not have.
    """
    if account is None and (found := _from_env()):
        return found
    name = account or os.environ.get("MP_ACCOUNT") or None
    config = _read_config(settings.config_path)
    accounts = _accounts(config, settings.config_path)
    if name is None:
        name = config.get("default") or next(iter(accounts), None)
    if name is None:
        raise ConfigError("there are no Mixpanel credentials", hint=HINT)
    if name not in accounts:
        raise AccountNotFoundError(
            f"there is no account {name!r} in {settings.config_path}",
            hint=f"accounts: {', '.join(accounts) or 'none'}",
            account_name=name,
            available_accounts=list(accounts),
        )
    return _credentials(accounts[name], f"account {name!r} of {settings.config_path}")


def find_project(settings: Settings, account: str | None = None) -> str:
    """The project id alone, for commands that never ask Mixpanel: no secret is needed."""
    if account is None and (project_id := os.environ.get("MP_PROJECT_ID", "").strip()):
        return _project_id(project_id)
    return find_credentials(settings, account).project_id


def _accounts(config: dict[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    accounts = config.get("accounts", {})
    if not isinstance(accounts, dict) or not all(isinstance(a, dict) for a in accounts.values()):
        raise ConfigError(f"{path}: accounts are not tables", hint="write [accounts.name] tables")
    return accounts


def _from_env() -> Credentials | None:
    names = ("MP_USERNAME", "MP_SECRET", "MP_PROJECT_ID")
    given = {name: value for name in names if (value := os.environ.get(name, "").strip())}
    if not given.keys() & {"MP_USERNAME", "MP_SECRET"}:
        return None
    if missing := [name for name in names if name not in given]:
        raise ConfigError(f"{' and '.join(missing)} not set", hint=HINT, missing=missing)
    fields = {name.removeprefix("MP_").lower(): value for name, value in given.items()}
    return _credentials({**fields, "region": os.environ.get("MP_REGION") or "us"}, "MP_REGION")


def _credentials(fields: dict[str, Any], source: str) -> Credentials:
    region = str(fields.get("region", "us")).lower()
    if region not in get_args(Region):
        raise ConfigError(
            f"{source}: {region!r} is not a Mixpanel region",
            hint="use us, eu or in, as your project's settings say",
        )
    if missing := [key for key in ("username", "secret", "project_id") if not fields.get(key)]:
        raise ConfigError(f"{source} has no {' and no '.join(missing)}", hint=HINT)
    return Credentials(
        username=str(fields["username"]),
        secret=SecretStr(str(fields["secret"])),
        project_id=_project_id(str(fields["project_id"]).strip()),
        region=region,  # type: ignore[arg-type]  # one of the three, as just checked
    )


def _project_id(text: str) -> str:
    # It names a folder and goes into URLs.
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{text!r} is not a project id", hint="MP_PROJECT_ID is a number")
    return text


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} can't be read: {error}", hint="mend or remove the file"
        ) from error
