"""Checks of what questions about behavior take: steps, exclusions, durations, expressions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import Step, parse, parse_by, parse_step

_DURATION = re.compile(r"(\d{1,9})\s*([smhdw])")
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_BETWEEN = re.compile(r"(?s)(.*):(\d{1,3})-(\d{1,3})")


@dataclass(frozen=True)
class Exclusion:
    """An event that ends an attempt after one step and before another, numbered from 1."""

    step: Step
    after: int = 1
    before: int | None = None  # None: the last one


def duration(given: str, name: str) -> str:
    """The duration unchanged: 7d, 24h, 30m, 10s or 2w."""
    milliseconds(given, name)
    return given


def milliseconds(given: str, name: str = "duration") -> int:
    """The duration in milliseconds; UsageError if it is none."""
    found = _DURATION.fullmatch(given.strip().lower())
    if not found or not int(found[1]):
        raise UsageError(f"{name} {given!r} is not a duration", hint="write 7d, 24h, 30m or 10s")
    return int(found[1]) * _UNITS_MS[found[2]]


def expression(given: str, name: str) -> str | None:
    """The filter unchanged, None if blank; UsageError at its first mistake."""
    if not given.strip():
        return None
    parse(given, name)
    return given


def breakdown(given: str, name: str) -> str:
    """The property's name or the expression unchanged; UsageError at its first mistake."""
    parse_by(given, name)
    return given


def step(given: str, name: str) -> str:
    """The event, or event with a filter, unchanged; UsageError at its first mistake."""
    parse_step(given, name)
    return given


def each_step(given: Sequence[str], name: str) -> tuple[str, ...]:
    """The same for several."""
    return tuple(step(one, f"{name}: step {n}") for n, one in enumerate(given, 1))


def exclusions(given: Sequence[str], name: str) -> tuple[str, ...]:
    """The events unchanged, each optionally with `:1-2`; UsageError at the first mistake."""
    for one in given:
        exclusion(one, name)
    return tuple(given)


def exclusion(given: str, name: str = "exclude") -> Exclusion:
    """The event, and between which steps it ends an attempt: `X`, `X:1-2`, `X[plan == "pro"]:2-3`.

    `X[:1-2]` is the same as `X:1-2`.
    """
    text = re.sub(r"\[(:\d{1,3}-\d{1,3})\]$", r"\1", given)
    if not (found := _BETWEEN.fullmatch(text)):
        return Exclusion(parse_step(text, name))
    after, before = int(found[2]), int(found[3])
    if not 1 <= after < before:
        hint = f"write {found[1]}:1-2 for between steps 1 and 2"
        raise UsageError(f"{name}: {given!r} is not between two steps", hint=hint)
    return Exclusion(parse_step(found[1], name), after, before)
