"""Mixpanel expressions, checked before they are sent: a wrong one gets an empty answer.

https://developer.mixpanel.com/reference/segmentation-expressions
"""

import re
from collections.abc import Iterator

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import Expression, parse, quoted
from mixpanel_assets.expressions.tree import (
    COMPARISONS,
    Literal,
    Node,
    Operation,
    Property,
    walk,
    written,
)
from mixpanel_assets.naming import named

_TEXT = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_REFERENCE = re.compile(r"\b(?:properties|user|event)\s*\[")
_DOTTED = re.compile(r"\b(properties|user)\s*\.\s*([\w$]+)")


def condition(where: str, name: str = "where") -> str | None:
    """The expression unchanged, None if blank; UsageError for plan == "pro" and properties.plan."""
    given = _undotted(where, name)
    if given and not _REFERENCE.search(_TEXT.sub('""', where)) and (meant := mended(where)):
        raise UsageError(
            f'{name}: Mixpanel reads a property as properties["..."], and a text in double quotes',
            hint=f"write {meant}",
            expression=where,
        )
    return given


def _undotted(where: str, name: str) -> str | None:
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


def mended(where: str) -> str | None:
    """The expression in Mixpanel's form, if it is not and can be told; else None.

    Names are in brackets, texts in double quotes, and equal is ==.
    """
    for text in dict.fromkeys((where, "".join(_doubled(where)))):
        try:
            parsed = parse(text)
        except UsageError:
            continue
        tree = _with_texts(parsed)
        changed = text != where or any(_is_bare(one, text) for one in walk(parsed.tree))
        return written(tree) if changed else None
    return None


def _doubled(where: str) -> Iterator[str]:
    """The parts of the text, with == for = and double quotes for single ones."""
    end = 0
    for found in _TEXT.finditer(where):
        yield re.sub(r"(?<![=!<>])=(?!=)", "==", where[end : found.start()])
        yield quoted(found[0][1:-1]) if found[0][0] == "'" else found[0]
        end = found.end()
    yield re.sub(r"(?<![=!<>])=(?!=)", "==", where[end:])


def _is_bare(node: Node, text: str) -> bool:
    return isinstance(node, Property) and not _REFERENCE.match(text, node.at)


def _with_texts(parsed: Expression) -> Node:
    """The tree, in which a bare word that a property is compared with is a text."""

    def changed(node: Node) -> Node:
        if not isinstance(node, Operation):
            return node
        left, *others = (changed(one) for one in node.operands)
        if node.operator in COMPARISONS and isinstance(left, Property):
            others = [
                Literal(one.name, one.at)
                if isinstance(one, Property) and _is_bare(one, parsed.text)
                else one
                for one in others
            ]
        return Operation(node.operator, (left, *others), node.at, node.height)

    return changed(parsed.tree)


def split_by(on: str, name: str = "on") -> str | None:
    """The name or expression unchanged, None if blank; UsageError for properties.plan."""
    return on if _REFERENCE.search(_TEXT.sub('""', on)) else _undotted(on, name)


def needed_split(on: str, name: str = "on") -> str | None:
    """As `split_by`; UsageError if blank."""
    return split_by(named(on, name), name)


def segment(on: str) -> str:
    """A property's name as an expression; an expression unchanged."""
    return on if _REFERENCE.search(_TEXT.sub('""', on)) else f"properties[{quoted(on)}]"
