"""Reads the configuration file, and replaces it atomically."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import make_private_folder, replace_file

Config = MutableMapping[str, Any]
T = TypeVar("T")

LOCK_SECONDS = 30


def read_config(path: Path) -> dict[str, Any]:
    """The content of the file; empty if it does not exist.

    ConfigError if it can't be read, is not TOML, or is a symbolic link.
    """
    return _parsed(path, _text(path))


def change_config(path: Path, edit: Callable[[Config], T]) -> T:
    """Apply `edit` to the content, write the file with mode 0600 and return the result of `edit`.

    A lock admits one process at a time; readers see the old file or the new one. Comments and
    unchanged content are kept. Nothing is written if `edit` raises. ConfigError if the file belongs
    to mixpanel-headless.
    """
    from filelock import FileLock, Timeout

    if path.is_symlink():
        raise _linked(path)
    make_private_folder(path.parent)
    lock = path.with_name(f".{path.name}.lock")
    try:
        with FileLock(lock, timeout=LOCK_SECONDS, mode=0o600):
            text, answer = _edited(path, _text(path), edit)
            _replace(path, text)
    except Timeout as error:
        raise ConfigError(
            f"another process has been changing {path} for {LOCK_SECONDS} s",
            hint="wait for it to end, then try again",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written: {error.strerror}",
            hint="set MP_CONFIG_PATH to a writable path",
        ) from error
    return answer


def accounts_of(config: Config, path: Path) -> dict[str, dict[str, Any]]:
    """The accounts by name; those of mixpanel-headless have our key for the project id."""
    accounts = config.get("accounts", {})
    if not isinstance(accounts, Mapping) or not all(
        isinstance(entry, Mapping) for entry in accounts.values()
    ):
        raise ConfigError(f"{path}: accounts must be tables", hint="write [accounts.name] tables")
    return {
        str(name): {"project_id": entry.get("default_project"), **entry}
        for name, entry in accounts.items()
    }


def default_of(config: Config) -> Any:
    """The name of the default account: the configured one, else the first one, else None."""
    active = config.get("active")
    name = active.get("account") if isinstance(active, Mapping) else config.get("default")
    accounts = config.get("accounts")
    return name or (next(iter(accounts), None) if isinstance(accounts, Mapping) else None)


def _text(path: Path) -> str:
    try:
        # A link could point anywhere, and could be changed between a check and the read.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise (_linked(path) if path.is_symlink() else _unreadable(path, error)) from error
    try:
        with open(descriptor, "rb") as file:  # noqa: PTH123  a descriptor has no path
            return file.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ConfigError:
    # Python's message quotes the bytes that are not UTF-8: they may be part of a secret.
    words = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
    return ConfigError(f"{path} can't be read: {words}", hint="fix or remove the file")


def _linked(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is a symbolic link; a file with secrets must not be one",
        hint="set MP_CONFIG_PATH to the file itself",
    )


def _edited(path: Path, text: str, edit: Callable[[Config], T]) -> tuple[str, T]:
    import tomlkit

    config = _parsed(path, text)
    if _is_headless(config):
        raise ConfigError(
            f"{path} belongs to mixpanel-headless and was not changed",
            hint="keep the accounts of mp in another file: set MP_CONFIG_PATH=~/.mp/mp.toml",
        )
    answer = edit(config)
    with suppress(Exception):  # keep comments where possible; the content must be right
        document = tomlkit.parse(text)
        edit(document)
        styled = tomlkit.dumps(document)
        if tomllib.loads(styled) == config:
            return styled, answer
    plain = tomlkit.dumps(config)
    if tomllib.loads(plain) != config:
        raise ConfigError(f"{path} can't be rewritten", hint="edit it by hand")
    return plain, answer


def _replace(path: Path, text: str) -> None:
    for left in path.parent.iterdir():
        if left.name.startswith(f".{path.name}.") and left.name.endswith(".part"):
            left.unlink(missing_ok=True)  # of a killed process: we hold the lock
    replace_file(path, text)
    # Makes the rename survive a power failure; some systems do not support it.
    with suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_headless(config: Config) -> bool:
    entries = config.get("accounts", {})
    named = entries.values() if isinstance(entries, Mapping) else ()
    theirs = any(isinstance(a, Mapping) and {"type", "default_project"} & a.keys() for a in named)
    return theirs or "active" in config
