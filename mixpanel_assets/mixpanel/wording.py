"""How a question is put to Mixpanel: days, units and expressions, checked before anything is sent.

https://developer.mixpanel.com/reference/segmentation-expressions
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Literal

from mixpanel_assets.errors import DateRangeError, QueryError, UsageError
from mixpanel_assets.mixpanel import remarks
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.naming import named
from mixpanel_assets.notes import note

Day = date | str  # ISO text: 2024-01-31
Counting = Literal["general", "unique", "average"]  # events, people, events a person
COUNTINGS = ("general", "unique", "average")
UNITS = ("minute", "hour", "day", "week", "month")
CALENDAR_UNITS = ("day", "week", "month")
NUMERIC_UNITS = ("hour", "day")
LENGTH_UNITS = {"day": 90, "hour": 90 * 24, "minute": 90 * 1440, "second": 90 * 86400}
MOST_SEGMENTS = 10_000
MOST_INTERVAL_DAYS = 90

_TEXT = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_REFERENCE = re.compile(r"\b(?:properties|user|event)\s*\[")
_DOTTED = re.compile(r"\b(properties|user)\s*\.\s*([\w$]+)")


def ask(client: Client, path: str, asked: dict[str, Any]) -> Any:
    """The answer of a query endpoint; Mixpanel's warnings and names that may be wrong are noted.

    EventNotFoundError if there is no such event: without a request where that is known.
    """
    remarks.check(path, asked, client.names)
    try:
        answer = client.ask("GET", f"/api/query/{path}", params=asked)
    except QueryError as error:
        raise remarks.translated(error, path, asked, client.names) from error
    warning = answer.get("warning") if isinstance(answer, dict) else None
    if isinstance(warning, str) and warning:
        client.note(f"Mixpanel warns: {warning}")
    if client.names:
        for remark in remarks.remarks(path, asked, answer, client.names):
            note(remark)
    return answer


def params(**given: Any) -> dict[str, Any]:
    """What was given as Mixpanel spells it: days as ISO text, lists and objects as JSON."""
    return {name: _spelt(value) for name, value in given.items() if value is not None}


def _spelt(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value)
    return value.isoformat() if isinstance(value, date) else value


def days(start: Day, end: Day) -> tuple[date, date]:
    """Both days. DateRangeError if they are none, or in the wrong order."""
    first, last = _day(start), _day(end)
    if first > last:
        raise DateRangeError(
            f"{first} to {last} is no range of days", hint="from_date must not be after to_date"
        )
    return first, last


def _day(given: Day) -> date:
    if isinstance(given, datetime):
        return given.date()
    if isinstance(given, date):
        return given
    try:
        if len(given) == 10:
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise DateRangeError(f"{given!r} is not a day", hint="write YYYY-MM-DD", value=given)


def all_values(given: str | Sequence[str], name: str) -> list[str]:
    """The values, of one or several, of which one may be empty. UsageError if there is none."""
    if not (values := [given] if isinstance(given, str) else list(given)):
        raise UsageError(f"{name} is empty")
    return values


def one_of(value: str, allowed: Iterable[str], name: str) -> str:
    """The value. UsageError if Mixpanel does not know it here."""
    if value not in (choices := list(allowed)):
        raise UsageError(f"{name} {value!r} is none of {', '.join(choices)}", allowed=choices)
    return value


def number(value: int | None, name: str, *, most: int | None = None) -> int | None:
    """The number, or None. UsageError if it is below 1, or above the most that is allowed."""
    if value is not None and (value < 1 or (most is not None and value > most)):
        bound = "1 or more" if most is None else f"from 1 to {most:,}"
        raise UsageError(f"{name} is {value:,}, and must be {bound}")
    return value


def condition(where: str | None, name: str = "where") -> str | None:
    """The expression as it is; None if it is blank. UsageError for properties.plan."""
    if where is None or not where.strip():
        return None
    # Mixpanel takes it for a property of that whole name, and answers with nothing.
    if dotted := _DOTTED.search(_TEXT.sub('""', where)):
        meant = f"{dotted[1]}[{quoted(dotted[2])}]"
        raise UsageError(
            f"{name}: Mixpanel does not know {dotted[0]}",
            hint=f"write {meant}, or properties[{quoted(dotted[0])}] if that is its whole name",
            expression=where,
        )
    return where


def segment(on: str | None) -> str | None:
    """A property's bare name as an expression; an expression as it is; None if it is blank."""
    if on is None or not on.strip():
        return None
    if _REFERENCE.search(_TEXT.sub('""', on)):
        return on
    return f"properties[{quoted(condition(on, 'on') or '')}]"


def needed_segment(on: str) -> str:
    """As `segment`. UsageError if it is blank."""
    return segment(named(on, "on")) or ""


def quoted(text: str) -> str:
    """The text as a literal of an expression."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
