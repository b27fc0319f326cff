"""Values as text: exact in JSON, readable in a table cell."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from mixpanel_assets.results import JSONText

_SPECIAL = re.compile('[,"\r\n]')


def to_json(value: Any) -> str:
    """The value as JSON: exact integers and decimals, ISO dates, null for NaN and infinity."""
    if isinstance(value, JSONText):
        return str(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False)
    if isinstance(value, float):
        return json.dumps(value) if math.isfinite(value) else "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else "null"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_json(str(k))}: {to_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(to_json(item) for item in value) + "]"
    return to_json(_text(value))


def object_json(names: Sequence[str], row: Sequence[Any]) -> str:
    """A row as a JSON object; the names are JSON already."""
    members = (f"{name}: {to_json(value)}" for name, value in zip(names, row, strict=True))
    return "{" + ", ".join(members) + "}"


def _text(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


def cell(value: Any) -> str | None:
    """The value as text for a table cell: JSON if it is nested, None if it is null."""
    if value is None:
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int | float | Decimal | list | tuple | Mapping):
        text = to_json(value)
        return None if text == "null" else text  # NaN and infinity
    return _text(value)


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """CSV lines: null is an empty field, and an empty text two quotes."""
    for row in rows:
        yield ",".join(map(_csv_field, row)) + "\n"


def _csv_field(value: Any) -> str:
    # csv.writer can write these two differently only since Python 3.12.
    text = cell(value)
    if text is None:
        return ""
    if text and not _SPECIAL.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'
