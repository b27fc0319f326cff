"""How `/import` validates each event, and its messages.

https://developer.mixpanel.com/reference/import-events
"""

from __future__ import annotations

import json
import re
from typing import Any

_MOST_PROPERTIES = 255
_MOST_BYTES = 1024 * 1024
_DEEPEST = 3
_SECONDS_BELOW = 100_000_000_000
_1971_MS = 31_536_000_000
_HOUR_MS = 3_600_000
_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_PLACEHOLDERS = {
    *("anon", "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown"),
    *("true", "false", "0", "-1", "[]", "{}", "<nil>", "00000000-0000-0000-0000-000000000000"),
}

Failure = dict[str, Any]


def milliseconds(value: Any) -> int | None:
    """A time given in seconds or milliseconds, in epoch milliseconds; None if it is not a time."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value * 1000) if abs(value) < _SECONDS_BELOW else int(value)


def failure_of(event: Any, now_ms: int, *, strict: bool) -> Failure | None:
    """Why the event is rejected, as one of `failed_records`; `strict` checks more."""
    if not isinstance(event, dict) or not isinstance(event.get("properties"), dict):
        return _failure({}, "properties", "must be an object")
    properties = event["properties"]
    if not isinstance(event.get("event"), str) or not event["event"]:
        return _failure(properties, "event", "must be a non-empty string")
    at = milliseconds(properties.get("time"))
    if at is None:
        return _failure(properties, "properties.time", "must be specified as seconds since epoch")
    if at < _1971_MS:
        return _failure(properties, "properties.time", "must not be before 1971")
    if at > now_ms + _HOUR_MS:
        return _failure(properties, "properties.time", "must not be in the future")
    return _strict_failure(event, properties) if strict else None


def _strict_failure(event: dict[str, Any], properties: dict[str, Any]) -> Failure | None:
    insert_id, distinct_id = properties.get("$insert_id"), properties.get("distinct_id")
    if not isinstance(insert_id, str) or not _INSERT_ID.fullmatch(insert_id):
        text = "must be up to 36 letters, digits and hyphens"
        return _failure(properties, "properties.$insert_id", text)
    if not isinstance(distinct_id, str):
        return _failure(properties, "properties.distinct_id", "must be a string")
    if distinct_id.lower() in _PLACEHOLDERS:
        return _failure(properties, "properties.distinct_id", "must name one person")
    if len(properties) > _MOST_PROPERTIES:
        return _failure(properties, "properties", f"must be at most {_MOST_PROPERTIES}")
    if _depth(properties) > _DEEPEST + 1:
        return _failure(properties, "properties", f"must not nest deeper than {_DEEPEST}")
    if len(json.dumps(event)) > _MOST_BYTES:
        return _failure(properties, "event", "must be smaller than 1 MB")
    return None


def _failure(properties: dict[str, Any], field: str, text: str) -> Failure:
    return {
        "$insert_id": properties.get("$insert_id", ""),
        "field": field,
        "message": f"'{field}' is invalid: {text}",
    }


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_depth, value), default=0)
    return 0
