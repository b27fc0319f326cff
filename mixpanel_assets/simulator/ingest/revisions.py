"""The update operations of the ingestion API, applied to a profile.

https://developer.mixpanel.com/reference/profile-set
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from mixpanel_assets.simulator.records import encode
from mixpanel_assets.simulator.values import is_number

Properties = dict[str, Any]


def revised(distinct_id: str, line: bytes | None, operations: Mapping[str, Any]) -> bytes | None:
    """The encoded profile after the operations; None when it was deleted."""
    if "$delete" in operations:
        return None
    properties: Properties = json.loads(line)["$properties"] if line else {}
    for name, operation in OPERATIONS.items():
        if name in operations:
            operation(properties, operations[name])
    return encode({"$distinct_id": distinct_id, "$properties": properties})


def _set(properties: Properties, given: Properties) -> None:
    properties.update(given)


def _set_once(properties: Properties, given: Properties) -> None:
    for name, value in given.items():
        properties.setdefault(name, value)


def _add(properties: Properties, given: Properties) -> None:
    for name, value in given.items():
        held = properties.get(name, 0)
        if is_number(held) and is_number(value):
            properties[name] = held + value


def _append(properties: Properties, given: Properties) -> None:
    for name, value in given.items():
        held = properties.setdefault(name, [])
        if isinstance(held, list):
            held.append(value)


def _union(properties: Properties, given: Properties) -> None:
    for name, values in given.items():
        held = properties.setdefault(name, [])
        if isinstance(held, list) and isinstance(values, list):
            held.extend(value for value in values if value not in held)


def _remove(properties: Properties, given: Properties) -> None:
    for name, value in given.items():
        held = properties.get(name)
        if isinstance(held, list):
            properties[name] = [member for member in held if member != value]


def _unset(properties: Properties, names: list[str]) -> None:
    for name in names:
        properties.pop(name, None)


OPERATIONS: dict[str, Callable[[Properties, Any], None]] = {
    "$set": _set,
    "$set_once": _set_once,
    "$add": _add,
    "$append": _append,
    "$union": _union,
    "$remove": _remove,
    "$unset": _unset,
}
