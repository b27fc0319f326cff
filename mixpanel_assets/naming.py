"""Names of events, properties, people and columns. They are not stripped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mixpanel_assets.errors import UsageError


def named(value: str, what: str) -> str:
    """The name. UsageError if it is empty or blank."""
    if isinstance(value, str) and not value.strip():
        raise UsageError(f"{what} is empty", hint="name one")
    return value


def names_of(given: str | Iterable[str], what: str) -> list[str]:
    """One or several names as a list, without duplicates. UsageError if one is empty."""
    names = dict.fromkeys([given] if isinstance(given, str) else given)
    return [named(name, what) for name in names]


def some_named(given: str | Iterable[str], what: str) -> list[str]:
    """Like `names_of`. UsageError if there is none."""
    if not (names := names_of(given, what)):
        raise UsageError(f"{what} is empty", hint="name one")
    return names


def all_values(given: str | Iterable[str], what: str) -> list[str]:
    """One or several values as a list; a value may be empty. UsageError if there is none."""
    if not (values := [given] if isinstance(given, str) else list(given)):
        raise UsageError(f"{what} is empty")
    return values


def blanks_count(name: str) -> str:
    """A remark to append to a message if the name has leading or trailing blanks, else empty."""
    if name == name.strip():
        return ""
    return f" (blanks are part of a name: {name.strip()!r} is another)"


def distinct(columns: Sequence[str]) -> list[str]:
    """The columns' names; repeated ones get _2, _3 ..."""
    names: dict[str, None] = {}
    for column in columns:
        name, count = column, 1
        while name in names:
            count += 1
            name = f"{column}_{count}"
        names[name] = None
    return list(names)
