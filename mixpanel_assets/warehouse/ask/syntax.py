"""A statement as DuckDB's json_serialize_sql has it: what is a column, a property, a torn arrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

ARROWS = ("->", "->>", "json_extract", "json_extract_string", "json_extract_path",
          "json_extract_path_text", "json_value", "json_exists", "json_type")  # fmt: skip
BOOLEAN = ("COMPARISON", "CONJUNCTION", "BETWEEN", "OPERATOR")
FIRST_KEY = re.compile(r'\$\.(?:"((?:[^"\\]|\\.)+)"|([^."\[*]+))')
TESTS = ("~~", "~~*", "!~~", "!~~*", "regexp_matches", "contains", "starts_with", "ends_with",
         "prefix", "suffix")  # fmt: skip
# They are written as columns are.
MOMENTS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}


def walk(node: Any) -> Iterator[Node]:
    """The node and all below it."""
    if isinstance(node, list):
        for part in node:
            yield from walk(part)
    elif isinstance(node, dict):
        yield node
        yield from walk(list(node.values()))


def common_tables(node: Node) -> list[Node]:
    """What WITH names in the node."""
    return (node.get("cte_map") or {}).get("map") or []


def column_of(node: Any) -> str | None:
    """The name of the column that the node is."""
    if isinstance(node, dict) and node.get("class") == "COLUMN_REF":
        return str(node["column_names"][-1])
    return None


def arguments(node: Node) -> list[Node]:
    """What an arrow or a function is given."""
    if node.get("class") == "LAMBDA":  # an arrow is read as one
        return [node.get("lhs") or {}, node.get("expr") or {}]
    given = node.get("arguments") or node.get("children") or []  # since and before DuckDB 2.0
    return [one.get("expression", one) for one in given]


def is_torn(node: Node) -> bool:
    """Whether an arrow, not a lambda, takes in a comparison beside its column and its path."""
    if node.get("class") != "LAMBDA" and node.get("function_name") not in ("->", "->>"):
        return False
    source, path = [*arguments(node), {}, {}][:2]
    used = {column_of(one) for one in walk(path)}
    if any(column_of(one) in used for one in walk(source) if column_of(one)):
        return False
    return source.get("class") in BOOLEAN or path.get("class") in BOOLEAN


def property_of(node: Node) -> str | None:
    """The property that the node takes out of `properties`."""
    if node.get("class") == "COLUMN_REF":  # properties.a
        names = [name.lower() for name in node["column_names"]]
        if "properties" in names[:-1]:
            return str(node["column_names"][names.index("properties") + 1])
        return None
    subscript = node.get("type") == "ARRAY_EXTRACT"  # properties['a']
    arrow = node.get("class") == "LAMBDA" or node.get("function_name") in ARROWS
    if not subscript and not arrow:
        return None
    source, path = [*arguments(node), {}, {}][:2]
    if column_of(source) != "properties":
        return None
    text = text_of(path)
    if text is None or subscript:
        return text or None
    return _first_key(text)


def text_of(node: Node) -> str | None:
    """The text that the node is, if it is one."""
    if node.get("class") != "CONSTANT":
        return None
    if "literal" in node:
        known = node["literal"]
        return str(known["text"]) if known.get("kind") == "STRING" else None
    value = (node.get("value") or {}).get("value")  # before DuckDB 2.0
    return value if isinstance(value, str) else None


def _first_key(path: str) -> str | None:
    if path.startswith("/"):
        return path[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")
    if not path.startswith("$"):
        return path or None
    found = FIRST_KEY.match(path)
    return (found[1] or found[2]) if found else None


def is_test(node: Node) -> bool:
    """Whether the node is one condition."""
    return (
        node.get("class") in ("COMPARISON", "BETWEEN")
        or node.get("type") == "COMPARE_IN"
        or (node.get("class") == "FUNCTION" and node.get("function_name") in TESTS)
    )


def qualifiers(node: Node) -> set[str]:
    """The names before the name of the column that the node is."""
    return {name.lower() for name in (node.get("column_names") or [])[:-1]}


def sides(conditions: list[Node]) -> set[frozenset[str]]:
    """The names of tables before the columns of the conditions: of each column its own."""
    columns = {
        (column_of(one), frozenset(qualifiers(one))) for one in walk(conditions) if column_of(one)
    }
    return {names for column, names in columns if column and column.lower() not in MOMENTS}
