"""Says what is wrong with an expression, where, and what was probably meant."""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

from mixpanel_assets.errors import UsageError
from mixpanel_assets.shown import one_line

_SHOWN = 60  # characters on each side of a mistake

_SET = 'write defined(properties["..."]) or not defined(properties["..."])'
_PART = 'a part of a text is "part" in properties["..."]'
_STRAIGHT = 'quotes are straight: "text"'
_HINTS = {
    "'": 'texts are in double quotes: "text"',
    "=": "equal is ==",
    "<>": "not equal is !=",
    "!": "negation is not",
    "&": "conjunction is and",
    "|": "disjunction is or",
    "`": 'a name can be written as properties["..."]',
    "“": _STRAIGHT,
    "”": _STRAIGHT,
    ".": 'a fraction is 0.5, and a name with a dot properties["a.b"]',
    "is": _SET,
    "exists": _SET,
    "like": _PART,
    "ilike": _PART,
    "contains": _PART,
    "between": "write x >= 1 and x <= 2",
}


def mistake(name: str, text: str, at: int, message: str, hint: str | None = None) -> UsageError:
    """The error for a parameter's text, which it shows with a caret under the character."""
    start = max(0, at - _SHOWN)
    before = ("..." if start else "") + one_line(text[start:at])
    after = one_line(text[at : at + _SHOWN]) + ("..." if len(text) > at + _SHOWN else "")
    caret = " " * sum(map(_cells, before)) + "^"
    return UsageError(
        f"{name}: {message}\n    {before}{after}\n    {caret}",
        hint=hint,
        expression=text,
        position=at + 1,
    )


def hint_at(text: str, at: int) -> str | None:
    """What to write instead of a sign or word that other languages have."""
    for sign, hint in _HINTS.items():
        if sign.isalpha():
            if re.compile(rf"{sign}\b", re.IGNORECASE).match(text, at):
                return hint
        elif text.startswith(sign, at):
            return hint
    return None


def _cells(letter: str) -> int:
    if combining(letter):
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1
