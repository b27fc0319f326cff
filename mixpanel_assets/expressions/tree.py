"""A parsed expression, and Mixpanel's own text of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions.mistakes import mistake

TIME = "$time"  # the event's own time, in properties[...] and event[...]
CASTS = ("string", "number", "boolean", "datetime", "list")
FUNCTIONS = ("defined", *CASTS, "floor", "ceil", "round")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in")


@dataclass(frozen=True)
class Literal:
    """A text, a number, true, false, or None for null and undefined."""

    value: str | float | bool | None
    at: int


@dataclass(frozen=True)
class Property:
    """A property of the event; `$time` is when it happened."""

    name: str
    at: int


@dataclass(frozen=True)
class Operation:
    """An operator or function: `and` and `or` of any number of operands, `[]` is a list."""

    operator: str
    operands: tuple[Node, ...]
    at: int
    height: int = field(default=1, compare=False)  # levels of operations, from here down


Node = Literal | Property | Operation


@dataclass(frozen=True)
class Expression:
    """A parsed expression: `text` as it was written, `str()` as Mixpanel reads it."""

    text: str
    tree: Node
    name: str = "where"  # of the parameter

    def __str__(self) -> str:
        return written(self.tree)

    def properties(self) -> list[str]:
        """The names of the properties that it reads, without `$time`."""
        names = (node.name for node in walk(self.tree) if isinstance(node, Property))
        return [name for name in dict.fromkeys(names) if name != TIME]

    def mistake(self, node: Node, message: str, hint: str | None = None) -> UsageError:
        """The error for a part that can't be meant."""
        return mistake(self.name, self.text, node.at, message, hint)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order of the text."""
    yield node
    if isinstance(node, Operation):
        for operand in node.operands:
            yield from walk(operand)


def quoted(text: str) -> str:
    """The text as a string literal of an expression."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def written(node: Node) -> str:
    """The node as Mixpanel reads it: names in brackets, operators in lower case."""
    if isinstance(node, Literal):
        return _literal(node.value)
    if isinstance(node, Property):
        return f"properties[{quoted(node.name)}]"
    if node.operator == "[]":
        return f"[{', '.join(map(_within, node.operands))}]"
    if node.operator in FUNCTIONS:
        return f"{node.operator}({written(node.operands[0])})"
    operands = [_within(operand) for operand in node.operands]
    if len(operands) == 1:
        return f"{node.operator}{' ' if node.operator == 'not' else ''}{operands[0]}"
    return f" {node.operator} ".join(operands)


def _within(node: Node) -> str:
    bare = not isinstance(node, Operation) or node.operator in ("[]", *FUNCTIONS)
    return written(node) if bare else f"({written(node)})"


def _literal(value: str | float | bool | None) -> str:
    if value is None:
        return "undefined"
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)
