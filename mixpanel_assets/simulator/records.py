"""An event as one line of the export: compact JSON, raw characters, time first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Record = dict[str, Any]

_HEAD = re.compile(rb'\{"event":("(?:[^"\\]|\\.)*"),"properties":\{"time":(\d+)(?=[,}])')
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode


def encode(record: Any) -> bytes:
    """The record, or any other value, as a line without its newline."""
    try:
        return _encode(record).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form
        return _encode_ascii(record).encode()


def decode(line: bytes) -> Record | None:
    """The record of a line, or None when the line is not an event with properties."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if isinstance(record, dict) and isinstance(record.get("properties"), dict):
        return record
    return None


def ordered(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties in the export's observed order: time, distinct_id, the rest."""
    first = {name: properties[name] for name in ("time", "distinct_id") if name in properties}
    return first | {name: properties[name] for name in sorted(properties) if name not in first}


def event_of(line: bytes) -> str | None:
    """The line's event name, without parsing the whole line where possible."""
    head = _HEAD.match(line)
    name = json.loads(head[1]) if head else (decode(line) or {}).get("event")
    return name if isinstance(name, str) else None


def retimed(line: bytes, change: Callable[[int], int]) -> bytes:
    """The line with its integer time changed; a line without one is returned as is."""
    head = _HEAD.match(line)
    if head:
        start, end = head.span(2)
        return line[:start] + str(change(int(head[2]))).encode() + line[end:]
    record = decode(line)
    if record is None or not isinstance(record["properties"].get("time"), int):
        return line
    record["properties"]["time"] = change(record["properties"]["time"])
    return encode(record)
