"""Accounts: credentials from the environment or the configuration file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, SecretStr

from mixpanel_assets.configfile import Config, accounts_of, change_config, default_of, read_config
from mixpanel_assets.errors import AccountExistsError, AccountNotFoundError, ConfigError
from mixpanel_assets.settings import Settings, time_zone

Region = Literal["us", "eu", "in"]
Kind = Literal["service_account", "project_secret", "oauth_token"]
HINT = "set MP_USERNAME, MP_SECRET and MP_PROJECT_ID (a Mixpanel service account), or: mp auth add"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
RETIRES = "Mixpanel retires project secrets on 2027-03-03: create a service account instead"

# Environment variables by kind of credentials; any of them selects the kind.
KINDS: dict[Kind, tuple[str, ...]] = {
    "service_account": ("MP_USERNAME", "MP_SECRET"),
    "project_secret": ("MP_PROJECT_SECRET",),
    "oauth_token": ("MP_OAUTH_TOKEN",),
}

T = TypeVar("T")


class Credentials(BaseModel):
    """Credentials for one project. The secret is never part of a repr, log or error.

    `username` is empty unless the kind is service_account.
    """

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    username: str = ""
    secret: SecretStr
    project_id: str
    region: Region = "us"
    kind: Kind = "service_account"

    @property
    def warning(self) -> str | None:
        """A deprecation warning for this kind of credentials, if any."""
        return RETIRES if self.kind == "project_secret" else None


@dataclass(frozen=True)
class Account:
    """Credentials and their source: the environment, or the account `name` in the file `path`."""

    credentials: Credentials
    name: str | None = None
    path: Path | None = None
    timezone: str | None = None  # None: MP_PROJECT_TIMEZONE, else UTC
    is_default: bool = False

    @property
    def source(self) -> str:
        """`environment` or `config`."""
        return "environment" if self.path is None else "config"

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain data, with the secret masked."""
        known = self.credentials
        return {
            "name": self.name,
            "kind": known.kind,
            "username": known.username or None,
            "secret": "********",
            "project_id": known.project_id,
            "region": known.region,
            "timezone": self.timezone,
            "is_default": self.is_default,
            "source": self.source,
            "path": None if self.path is None else str(self.path),
        }


def find_account(settings: Settings, account: str | None = None) -> Account:
    """The first of: the named account, the environment's, that of MP_ACCOUNT, the default one.

    Raises ConfigError for missing or incomplete credentials, or if they are for another project
    than MP_PROJECT_ID; AccountNotFoundError for a name that is not in the configuration file.
    """
    if account is None and (found := _from_env()):
        return Account(found, timezone=settings.project_timezone)
    config = read_config(settings.config_path)
    name, entry = _chosen(config, settings.config_path, account)
    source = f"account {name!r} of {settings.config_path}"
    known = _from_entry(entry, source)
    project_id = os.environ.get("MP_PROJECT_ID", "").strip()
    if account is None and project_id not in ("", known.project_id):
        raise ConfigError(
            f"MP_PROJECT_ID is {project_id}, but {source} is for project {known.project_id}",
            hint=f"unset MP_PROJECT_ID, or select the account: mp --account {name} ...",
        )
    zone = time_zone(f"{source}: timezone", _text_of(entry, "timezone"))
    is_default = name == default_of(config)
    return Account(known, name, settings.config_path, zone, is_default)


def find_credentials(settings: Settings, account: str | None = None) -> Credentials:
    """The credentials of find_account; raises what it raises."""
    return find_account(settings, account).credentials


def find_project(settings: Settings, account: str | None = None) -> str:
    """The project id alone; for commands that don't call Mixpanel, so no secret is needed."""
    if account is None and (project_id := os.environ.get("MP_PROJECT_ID", "").strip()):
        return _project_id(project_id)
    if account is None and _kinds_given():
        return find_credentials(settings).project_id
    name, entry = _chosen(read_config(settings.config_path), settings.config_path, account)
    if not (project_id := _text_of(entry, "project_id") or ""):
        raise ConfigError(
            f"account {name!r} of {settings.config_path} has no project_id", hint=HINT
        )
    return _project_id(project_id)


def account_in_use(settings: Settings, account: str | None = None) -> str | None:
    """The name of the account that find_account takes, with or without a secret.

    None for the environment's account, or if there is none. Raises ConfigError for an invalid file,
    AccountNotFoundError.
    """
    found = _in_use(settings, account)
    return found[0] if found else None


def with_time_zone(settings: Settings, account: str | None = None) -> Settings:
    """The settings with the account's time zone, unless MP_PROJECT_TIMEZONE is set."""
    given = settings.project_timezone or os.environ.get("MP_PROJECT_TIMEZONE", "").strip()
    if given or not (found := _in_use(settings, account)):
        return settings
    name, entry = found
    source = f"account {name!r} of {settings.config_path}: timezone"
    return replace(settings, project_timezone=time_zone(source, _text_of(entry, "timezone")))


@contextmanager
def using_account(settings: Settings, name: str | None) -> Iterator[None]:
    """Use this account in this process and its child processes, overriding other variables.

    None changes nothing.
    """
    if name is None:
        yield
        return
    find_account(settings, name)
    others = ("MP_PROJECT_ID", "MP_REGION", *(v for names in KINDS.values() for v in names))
    before = {v: os.environ.pop(v) for v in ("MP_ACCOUNT", *others) if v in os.environ}
    os.environ["MP_ACCOUNT"] = name
    try:
        yield
    finally:
        del os.environ["MP_ACCOUNT"]
        os.environ.update(before)


def list_accounts(settings: Settings) -> list[dict[str, Any]]:
    """Accounts of the file: name, kind, username, project_id, region, timezone, is_default.

    Missing values are None.
    """
    config = read_config(settings.config_path)
    default = default_of(config)
    return [
        {
            "name": name,
            "kind": _kind(entry),
            "username": _text_of(entry, "username"),
            "project_id": _text_of(entry, "project_id"),
            "region": _text_of(entry, "region") or "us",
            "timezone": _text_of(entry, "timezone"),
            "is_default": name == default,
        }
        for name, entry in accounts_of(config, settings.config_path).items()
    ]


def add_account(
    settings: Settings,
    name: str,
    credentials: Credentials,
    *,
    timezone: str | None = None,
    default: bool = False,
) -> bool:
    """Add the account to the file, and return whether it is the default; the first one always is.

    Raises AccountExistsError if the name is taken, ConfigError if it is not a valid name.
    """
    if not NAME.fullmatch(name):
        hint = "use up to 64 letters, digits, _, - and ."
        raise ConfigError(f"{name!r} is not an account name", hint=hint)
    entry = _entry(credentials)
    if zone := time_zone("--timezone", timezone):
        entry["timezone"] = zone

    def add(config: Config) -> bool:
        if name in accounts_of(config, settings.config_path):
            raise AccountExistsError(
                f"account {name!r} already exists in {settings.config_path}",
                hint=f"choose another name, or first run: mp auth remove {name}",
                account_name=name,
            )
        if default or default_of(config) is None:
            config["default"] = name
        config.setdefault("accounts", {})[name] = dict(entry)
        return bool(default_of(config) == name)

    return _change(settings, add)


def remove_account(settings: Settings, name: str) -> str | None:
    """Remove the account from the file, and return the name of the default account, if any.

    If it was the default, the first remaining account becomes it. Raises AccountNotFoundError.
    """

    def remove(config: Config) -> str | None:
        default = default_of(config)
        _chosen(config, settings.config_path, name)
        del config["accounts"][name]
        left = next(iter(config["accounts"]), None)
        if default == name:
            config.pop("default", None)
            if left is not None:
                config["default"] = str(left)
        return None if default_of(config) is None else str(default_of(config))

    return _change(settings, remove)


def switch_account(settings: Settings, name: str) -> None:
    """Make the account the default one. Raises AccountNotFoundError."""

    def switch(config: Config) -> None:
        _chosen(config, settings.config_path, name)
        config["default"] = name

    _change(settings, switch)


def make_credentials(fields: Mapping[str, Any], source: str) -> Credentials:
    """Credentials from kind, username, secret, project_id and region (default: us).

    ConfigError, naming `source`, for missing or invalid values.
    """
    region = str(fields.get("region", "us")).lower()
    if region not in get_args(Region):
        raise ConfigError(
            f"{source}: {region!r} is not a Mixpanel region",
            hint="use us, eu or in; see your project's settings",
        )
    kind = fields["kind"]
    needed = ("username", "secret", "project_id")[kind != "service_account" :]
    if missing := [key for key in needed if not str(fields.get(key) or "").strip()]:
        raise ConfigError(f"{source} has no {' and no '.join(missing)}", hint=HINT)
    secret = str(fields["secret"]).strip()
    try:
        f"{fields['username']}{secret}".encode()
    except UnicodeEncodeError:  # its message may hold a part of the secret
        message = f"{source}: user name or secret is not UTF-8"
        raise ConfigError(message, hint="enter it again") from None
    if kind == "oauth_token" and not (secret.isascii() and secret.isprintable()):
        # It becomes part of a header; an error about an invalid header would show it.
        raise ConfigError(f"{source}: the token is not valid", hint="check MP_OAUTH_TOKEN")
    return Credentials(
        username=str(fields["username"]),
        secret=SecretStr(secret),
        project_id=_project_id(str(fields["project_id"]).strip()),
        region=region,  # type: ignore[arg-type]  # one of the three, as just checked
        kind=kind,
    )


def _change(settings: Settings, edit: Callable[[Config], T]) -> T:
    path = settings.config_path
    with suppress(OSError):
        if path.parent == settings.home and settings.home.exists():
            settings.home.chmod(0o700)  # another program may have made it readable to others
    return change_config(path, edit)


def _chosen(config: Config, path: Path, account: str | None) -> tuple[str, dict[str, Any]]:
    name = account if account is not None else os.environ.get("MP_ACCOUNT") or default_of(config)
    accounts = accounts_of(config, path)
    if name is None:
        raise ConfigError("there are no Mixpanel credentials", hint=HINT)
    if name not in accounts:
        raise AccountNotFoundError(
            f"there is no account {name!r} in {path}",
            hint=f"existing accounts: {', '.join(accounts) or 'none'}",
            account_name=name,
            available_accounts=list(accounts),
        )
    return name, accounts[name]


def _in_use(settings: Settings, account: str | None) -> tuple[str, dict[str, Any]] | None:
    """Name and entry of the account of the file; None if the environment selects another one."""
    if account is None and _kinds_given():
        return None
    config = read_config(settings.config_path)
    if account is None and not os.environ.get("MP_ACCOUNT") and default_of(config) is None:
        return None
    name, entry = _chosen(config, settings.config_path, account)
    project_id = os.environ.get("MP_PROJECT_ID", "").strip()
    if account is None and project_id not in ("", _text_of(entry, "project_id")):
        return None  # MP_PROJECT_ID selects another project
    return name, entry


def _kinds_given() -> list[Kind]:
    return [k for k, names in KINDS.items() if any(os.environ.get(n, "").strip() for n in names)]


def _from_env() -> Credentials | None:
    given = _kinds_given()
    if not given:
        return None
    if len(given) > 1:
        names = [name for kind in given for name in KINDS[kind] if os.environ.get(name)]
        message = f"{' and '.join(names)} are different kinds of credentials"
        raise ConfigError(message, hint="unset all but one kind")
    names = [*KINDS[given[0]], "MP_PROJECT_ID"]
    values = {name: os.environ.get(name, "").strip() for name in names}
    if missing := [name for name, value in values.items() if not value]:
        raise ConfigError(f"{' and '.join(missing)} not set", hint=HINT, missing=missing)
    fields = {
        "kind": given[0],
        "username": values.get("MP_USERNAME", ""),
        "secret": values[KINDS[given[0]][-1]],
        "project_id": values["MP_PROJECT_ID"],
        "region": os.environ.get("MP_REGION") or "us",
    }
    return make_credentials(fields, "MP_REGION")


def _kind(entry: Mapping[str, Any]) -> str:
    if "type" in entry:
        return str(entry["type"])
    return "project_secret" if "project_secret" in entry else "service_account"


def _from_entry(entry: Mapping[str, Any], source: str) -> Credentials:
    kind = _kind(entry)
    if kind not in KINDS:
        raise ConfigError(
            f"{source} has the type {kind!r}, which mp does not support",
            hint="add a service account: mp auth add; set MP_CONFIG_PATH to use another file",
        )
    fields = {**entry, "kind": kind}
    if kind == "project_secret":
        fields |= {"username": "", "secret": entry["project_secret"]}
    if kind == "oauth_token":
        variable = str(entry.get("token_env", ""))
        fields |= {"username": "", "secret": entry.get("token") or os.environ.get(variable, "")}
    return make_credentials(fields, source)


def _entry(known: Credentials) -> dict[str, str]:
    secret = known.secret.get_secret_value()
    if known.kind == "oauth_token":
        raise ConfigError("tokens are not stored in the file", hint="set MP_OAUTH_TOKEN")
    who = {"username": known.username, "secret": secret}
    if known.kind == "project_secret":
        who = {"project_secret": secret}
    return {**who, "project_id": known.project_id, "region": known.region}


def _text_of(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return None if value in (None, "") else str(value)


def _project_id(text: str) -> str:
    # It is part of folder names and URLs.
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{text!r} is not a project id", hint="MP_PROJECT_ID is a number")
    return text
