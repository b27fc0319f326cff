"""Mixpanel expressions, checked before they are sent: a wrong one gets an empty answer.

https://developer.mixpanel.com/reference/segmentation-expressions
"""

import re

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import quoted
from mixpanel_assets.naming import named

_TEXT = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_REFERENCE = re.compile(r"\b(?:properties|user|event)\s*\[")
_DOTTED = re.compile(r"\b(properties|user)\s*\.\s*([\w$]+)")


def condition(where: str, name: str = "where") -> str | None:
    """The expression unchanged, None if blank; UsageError for properties.plan."""
    if not where.strip():
        return None
    # Mixpanel reads it as a property of that name, and returns an empty answer.
    if dotted := _DOTTED.search(_TEXT.sub('""', where)):
        meant = f"{dotted[1]}[{quoted(dotted[2])}]"
        raise UsageError(
            f"{name}: Mixpanel does not know {dotted[0]}",
            hint=f"write {meant}, or properties[{quoted(dotted[0])}] if that is its name",
            expression=where,
        )
    return where


def split_by(on: str, name: str = "on") -> str | None:
    """The name or expression unchanged, None if blank; UsageError for properties.plan."""
    return on if _REFERENCE.search(_TEXT.sub('""', on)) else condition(on, name)


def needed_split(on: str, name: str = "on") -> str | None:
    """As `split_by`; UsageError if blank."""
    return split_by(named(on, name), name)


def segment(on: str) -> str:
    """A property's name as an expression; an expression unchanged."""
    return on if _REFERENCE.search(_TEXT.sub('""', on)) else f"properties[{quoted(on)}]"
