"""Names of events, properties and people, taken as they stand: blanks are part of them."""

from __future__ import annotations

from collections.abc import Iterable

from mixpanel_assets.errors import UsageError


def named(value: str, what: str) -> str:
    """The name. UsageError if it is empty, or blanks alone."""
    if isinstance(value, str) and not value.strip():
        raise UsageError(f"{what} is empty", hint="name one")
    return value


def names_of(given: str | Iterable[str], what: str) -> list[str]:
    """The names of one or several, each once. UsageError if one is empty."""
    names = dict.fromkeys([given] if isinstance(given, str) else given)
    return [named(name, what) for name in names]


def some_named(given: str | Iterable[str], what: str) -> list[str]:
    """As `names_of`. UsageError if there is none."""
    if not (names := names_of(given, what)):
        raise UsageError(f"{what} is empty", hint="name one")
    return names


def all_values(given: str | Iterable[str], what: str) -> list[str]:
    """The values, of one or several, of which one may be empty. UsageError if there is none."""
    if not (values := [given] if isinstance(given, str) else list(given)):
        raise UsageError(f"{what} is empty")
    return values


def blanks_count(name: str) -> str:
    """That blanks make it another name, to add to a sentence about a name that has some around."""
    if name == name.strip():
        return ""
    return f" (blanks are part of a name: {name.strip()!r} is another)"
