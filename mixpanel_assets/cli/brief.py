"""Errors as one short line: what is long is cut, and all of it is shown by --verbose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

MOST = 600  # bytes of the line
LEAST = 40  # characters that are left of a text


def brief(error: dict[str, Any], written: Callable[[Any], str], most: int = MOST) -> dict[str, Any]:
    """The error (code, message, hint, details), so that it takes at most `most` bytes as written.

    Details are cut first, then the message, then the hint; the ends of long lists and texts go.
    """
    for shorter in _shorter(error):
        error = shorter
        if len(written(error).encode()) <= most:
            break
    return error


def _shorter(error: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield error
    for length in (200, 100, LEAST):
        details = {name: _cut(value, length) for name, value in error["details"].items()}
        error = {**error, "details": details}
        yield error
    yield (error := {**error, "details": {}})
    for length in (300, 240, 180, 120, 80, 50):
        error = {**error, "message": _text(error["message"], length)}
        yield error
        yield (error := {**error, "hint": error["hint"] and _text(error["hint"], length)})


def _cut(value: Any, length: int) -> Any:
    if isinstance(value, str):
        return _text(value, length)
    if isinstance(value, list):
        kept: list[Any] = []
        for item in value:
            if len(str([*kept, item])) > length:
                return [*kept, f"... {len(value) - len(kept):,} more"]
            kept.append(item)
    return value


def _text(text: str, length: int) -> str:
    """The text, in the middle of which something may be left out: its end often says why."""
    if len(text) <= length:
        return text
    return f"{text[: length * 2 // 3]} ... {text[len(text) - length // 3 :]}"
