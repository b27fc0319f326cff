"""Which numbers DuckDB's types hold exactly; any other one is kept as text."""

from __future__ import annotations

import re

from mixpanel_assets.warehouse.sql import literal

LARGEST_BIGINT = 2**63 - 1
EXACT_IN_DOUBLE = 2**53  # 2^53 + 1 is read as 2^53

# Numbers that neither a 128-bit integer nor a double holds: 18 and more significant digits with
# a point among them, 39 and more without one, or an exponent of three digits.
_LONG = [
    r"0\.0*[1-9][0-9]{17,}",
    *(rf"[1-9][0-9]{{{i}}}\.[0-9]{{{17 - i},}}" for i in range(17)),
    r"[1-9][0-9]{17,}\.[0-9]+",
    r"[1-9][0-9]{17,}[eE][+-]?[0-9]+",
    r"[1-9][0-9]{38,}",
    r"[0-9][0-9.]*[eE][+-]?[0-9]{3,}",
]
_NUMBER = rf"-?(?:{'|'.join(_LONG)})[0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
# A number follows the colon after a name, or is in a list. An id in text, such as $device:6202e639,
# is not a number.
_BEFORE = r'(?:":|[\[,])\s*'
LONG_NUMBER = rf"({_BEFORE})({_NUMBER})(\s*[,\]}}])"
MAYBE_LONG = rf"{_BEFORE}-?[0-9][0-9.]*(?:[0-9.]{{15}}|[eE][+-]?[0-9]{{3}})"
LONG_INTEGER = rf"{_BEFORE}-?[0-9]{{16,}}\s*[,\]}}]"

NOT_TEXT = ["UBIGINT", "BIGINT", "DOUBLE", "BOOLEAN", "OBJECT", "ARRAY"]


def is_long(number: str, pattern: re.Pattern[str] = re.compile(_NUMBER)) -> bool:
    """Whether no number type holds the number of a JSON text exactly."""
    return pattern.fullmatch(number) is not None


def quoting(properties: str) -> str:
    """SQL: the properties with each number that no number type holds exactly as a string.

    Text that looks like such a number may make it invalid JSON.
    """
    # Twice: of two neighbours in a list the first takes the comma that the second needs.
    for _ in range(2):
        replacement = "'\\1\"\\2\"\\3', 'g'"
        properties = f"regexp_replace({properties}, {literal(LONG_NUMBER)}, {replacement})"
    return properties


def stored_values() -> str:
    """SQL: what values are taken from, of a row of the table."""
    quoted_ = quoting("properties")
    return (
        f"case when regexp_matches(properties, {literal(MAYBE_LONG)}) "
        f"and json_valid({quoted_}) then {quoted_} else properties end"
    )


def large(number: str) -> str:
    """SQL: a double may have rounded the number."""
    return f"abs({number}) >= {EXACT_IN_DOUBLE}"


def mixed(list_: str) -> str:
    """SQL: the list holds other things than text."""
    return f"list_has_any(json_type({list_}, '$[*]'), {NOT_TEXT})"
