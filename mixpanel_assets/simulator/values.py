"""The values of segmentation expressions: strict types, and `UNDEFINED` where nothing fits.

https://developer.mixpanel.com/reference/segmentation-expressions
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

_LAST_SECOND = 4_294_967_295
_DECIMAL = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")


class ExpressionError(ValueError):
    """The expression's text, or a value in it, is invalid."""


class _Undefined:
    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = _Undefined()


@dataclass(frozen=True, order=True)
class Moment:
    """A point in time, the result of `datetime()`."""

    ms: int


def truth(value: Any) -> bool:
    """The value as an operand of and/or: undefined is false, anything but a boolean an error."""
    if value is UNDEFINED:
        return False
    if isinstance(value, bool):
        return value
    raise ExpressionError(f"expected a boolean, found {value!r}")


def negate(value: Any) -> Any:
    """The negation of a boolean; undefined is false, and of anything else it is undefined."""
    if value is UNDEFINED:
        return True
    return not value if isinstance(value, bool) else UNDEFINED


def is_number(value: Any) -> bool:
    """Whether the value is a number, and not a boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(left: Any, right: Any) -> bool:
    """Whether two values are equal; values of different types never are."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return type(left) is type(right) and bool(left == right)


def contains(item: Any, container: Any) -> Any:
    """`item in container`: a substring of a string, or a member of a list."""
    if isinstance(container, list):
        return any(equal(item, member) for member in container)
    if isinstance(item, str) and isinstance(container, str):
        return item in container
    return UNDEFINED


def add(left: Any, right: Any) -> Any:
    """The sum of two numbers, or the concatenation of two strings."""
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return left + right if is_number(left) and is_number(right) else UNDEFINED


def remainder(left: Any, right: Any) -> Any:
    """The remainder of a division, with the sign of the dividend."""
    if not (is_number(left) and is_number(right)) or right == 0:
        return UNDEFINED
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def minus(value: Any) -> Any:
    """The negated number."""
    return -value if is_number(value) else UNDEFINED


def divide(left: Any, right: Any) -> Any:
    """The quotient; undefined when dividing by zero."""
    return left / right if is_number(left) and is_number(right) and right != 0 else UNDEFINED


def boolean(value: Any) -> bool:
    """The value as a boolean: "false", "", 0 and undefined are false, all else is true.

    https://docs.mixpanel.com/docs/data-structure/property-reference/data-type
    """
    if is_number(value):
        return bool(value)
    return value is not False and value is not UNDEFINED and value not in ("", "false")


def number(value: Any) -> Any:
    """The value as a number, if it is one or the text of one."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Moment):
        return value.ms
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            return UNDEFINED
        found = float(value)
        return int(found) if found.is_integer() else found
    return value if is_number(value) else UNDEFINED


def string(value: Any) -> Any:
    """The value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str) or is_number(value):
        return str(value)
    return UNDEFINED


def items(value: Any) -> Any:
    """The value as a list, if it is one."""
    return value if isinstance(value, list) else UNDEFINED


def moment(value: Any, zone: tzinfo = UTC) -> Any:
    """The point in time of a number of seconds or milliseconds, or of an ISO text."""
    if isinstance(value, Moment):
        return value
    if is_number(value) and value > 0:
        return Moment(int(value * 1000) if value <= _LAST_SECOND else int(value))
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            return UNDEFINED
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
        return Moment(round(aware.timestamp() * 1000))
    return UNDEFINED


def _compare(test: Callable[[Any, Any], bool], *kinds: type) -> Callable[[Any, Any], Any]:
    def compared(left: Any, right: Any) -> Any:
        alike = any(isinstance(left, kind) and isinstance(right, kind) for kind in kinds)
        if alike or (is_number(left) and is_number(right)):
            return test(left, right)
        return UNDEFINED

    return compared


def _arithmetic(work: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda left, right: (
        work(left, right) if is_number(left) and is_number(right) else UNDEFINED
    )


def _whole(work: Callable[[float], int]) -> Callable[[Any], Any]:
    def whole(value: Any) -> Any:
        if isinstance(value, float):
            return work(value) if math.isfinite(value) else UNDEFINED
        return value if is_number(value) else UNDEFINED

    return whole


_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    **{sign: _compare(test, Moment) for sign, test in _ORDERS.items()},
    "in": contains,
    "+": add,
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": divide,
    "%": remainder,
}

# Profile selectors also order texts, and so ISO dates.
TEXT_ORDERS = {sign: _compare(test, Moment, str) for sign, test in _ORDERS.items()}

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "floor": _whole(math.floor),
    "ceil": _whole(math.ceil),
    "round": _whole(lambda value: math.floor(value + 0.5)),
    "boolean": boolean,
    "number": number,
    "string": string,
    "defined": lambda value: value is not UNDEFINED,
    "datetime": moment,
}
