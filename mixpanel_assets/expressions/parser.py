"""Reads Mixpanel's segmentation expressions, by the binding strength of operators.

https://docs.mixpanel.com/reference/segmentation-expressions

By hand: the grammar is a dozen operators, and half of what is here are sentences about mistakes.
"""

from __future__ import annotations

import re

from mixpanel_assets.errors import UsageError, near_names
from mixpanel_assets.expressions.mistakes import hint_at, mistake
from mixpanel_assets.expressions.tokens import CONSTANTS, Token, token_at, unquoted
from mixpanel_assets.expressions.tree import (
    COMPARISONS,
    FUNCTIONS,
    TIME,
    Expression,
    Literal,
    Node,
    Operation,
    Property,
    quoted,
)

MOST_DEEP = 50  # levels of parentheses and operators; DuckDB and Python have limits of their own

_NOT, _COMPARISON, _SIGN = 3, 4, 7
_BINDING = {
    "or": 1,
    "and": 2,
    **dict.fromkeys(COMPARISONS, _COMPARISON),
    **dict.fromkeys("+-", 5),
    **dict.fromkeys("*/%", 6),
}
_DOTTED = re.compile(r"(?:properties\.)?(\w[\w$.]*)")


def parse(text: str, name: str = "where") -> Expression:
    """The parsed expression; UsageError with the position of the first mistake."""
    return Expression(text, _Reader(text, name).whole(), name)


class _Reader:
    """One token ahead; an operator takes what binds more tightly than itself."""

    def __init__(self, text: str, name: str) -> None:
        self._text, self._name = text, name
        self._next = token_at(text, 0, name)

    def whole(self) -> Node:
        node = self._expression(0, 0)
        if self._next.kind != "end":
            raise self._unexpected("an operator or the end")
        return node

    def _expression(self, binding: int, depth: int) -> Node:
        if depth > MOST_DEEP:
            raise self._too_deep(self._next.at)
        left = self._operand(binding, depth)
        while True:
            at, negated = self._next.at, self._next.key == "not"
            sign = "in" if negated else self._next.key
            strength = _BINDING.get(sign, 0)
            if strength <= binding:
                return left
            self._advance()
            if negated:
                self._expect("in", "in")
            left = self._operation(sign, left, at, depth)
            if negated:
                left = self._made("not", at, left)
            if strength == _COMPARISON and _BINDING.get(self._next.key) == _COMPARISON:
                hint = "write a < b and b < c, or put one of them in parentheses"
                raise self._mistake(self._next.at, "comparisons can't be chained", hint)

    def _operation(self, sign: str, left: Node, at: int, depth: int) -> Node:
        if sign == "in" and self._next.key == "[":
            return self._made("in", at, left, self._list(depth))
        operands = [left, self._expression(_BINDING[sign], depth + 1)]
        while sign in ("and", "or") and self._next.key == sign:
            self._advance()
            operands.append(self._expression(_BINDING[sign], depth + 1))
        return self._made(sign, at, *operands)

    def _operand(self, binding: int, depth: int) -> Node:
        token = self._next
        if token.kind == "text":
            return Literal(self._string(), token.at)
        if token.kind == "number":
            return self._number()
        if token.key == "(":
            return self._in_parentheses(depth)
        if token.key == "-":
            return self._negative(depth)
        if token.key == "not":
            if binding >= _NOT:
                raise self._mistake(token.at, "not has to be in parentheses here", "(not ...)")
            self._advance()
            return self._made("not", token.at, self._expression(_NOT - 1, depth + 1))
        if token.key == "[":
            hint = 'a list comes after in: plan in ["free", "pro"]'
            raise self._mistake(token.at, "expected a value; found a list", hint)
        if token.kind == "word" and token.key not in ("and", "or", "in"):
            return self._word(depth)
        raise self._unexpected("a value")

    def _in_parentheses(self, depth: int) -> Node:
        self._advance()
        node = self._expression(0, depth + 1)
        self._expect(")", "an operator or )")
        return node

    def _negative(self, depth: int) -> Node:
        at = self._advance().at
        operand = self._expression(_SIGN, depth + 1)
        value = operand.value if isinstance(operand, Literal) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return Literal(-value, at)
        return self._made("-", at, operand)

    def _number(self) -> Node:
        token = self._advance()
        value = float(token.text)
        if value == float("inf"):
            raise self._mistake(token.at, "the number is too large")
        return Literal(int(token.text) if token.text.isdecimal() else value, token.at)

    def _word(self, depth: int) -> Node:
        token = self._advance()
        if token.key in CONSTANTS:
            return Literal(CONSTANTS[token.key], token.at)
        if self._next.key == "[":
            return self._named(token)
        if self._next.key == "(":
            return self._call(token, depth)
        if self._text.startswith(".", token.end) and (found := _DOTTED.match(self._text, token.at)):
            hint = f"write properties[{quoted(found[1])}]"
            raise self._mistake(token.at, "a name with a dot has to be in quotes", hint)
        return Property(token.text, token.at)

    def _named(self, source: Token) -> Node:
        if source.text not in ("properties", "event", "user"):
            hint = 'a property is properties["..."]; a list comes after in'
            raise self._mistake(source.at, f"{source.text}[...] is unknown", hint)
        if source.text == "user":
            message = "user[...] reads profiles, which are not joined to landed events"
            raise self._mistake(source.at, message, "join the view profiles with SQL")
        self._advance()
        if self._next.kind != "text":
            raise self._unexpected("a name in double quotes")
        at, name = self._next.at, self._string()
        self._expect("]", "]")
        if source.text == "event" and name != TIME:
            hint = f"a property of the event is properties[{quoted(name)}]"
            raise self._mistake(at, 'event[...] has "$time" only', hint)
        return Property(name, source.at)

    def _call(self, function: Token, depth: int) -> Node:
        if function.text not in FUNCTIONS:
            near = near_names(function.text, FUNCTIONS)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FUNCTIONS)}"
            raise self._mistake(function.at, f"there is no function {function.text}", hint)
        return self._made(function.text, function.at, self._in_parentheses(depth))

    def _list(self, depth: int) -> Node:
        at = self._advance().at
        items: list[Node] = []
        while self._next.key != "]":
            if items:
                self._expect(",", ", or ]")
            items.append(self._expression(0, depth + 1))
        self._advance()
        return self._made("[]", at, *items)

    def _made(self, operator: str, at: int, *operands: Node) -> Node:
        heights = (one.height for one in operands if isinstance(one, Operation))
        node = Operation(operator, operands, at, 1 + max(heights, default=0))
        if node.height > MOST_DEEP:
            raise self._too_deep(at)
        return node

    def _string(self) -> str:
        token = self._advance()
        return unquoted(token.text, self._name, self._text, token.at)

    def _advance(self) -> Token:
        token = self._next
        self._next = token_at(self._text, token.end, self._name)
        return token

    def _expect(self, key: str, wanted: str) -> None:
        if self._next.key != key:
            raise self._unexpected(wanted)
        self._advance()

    def _unexpected(self, wanted: str) -> UsageError:
        token = self._next
        found = "the end" if token.kind == "end" else token.text[:40]
        hint = hint_at(self._text, token.at)
        return self._mistake(token.at, f"expected {wanted}; found {found}", hint)

    def _too_deep(self, at: int) -> UsageError:
        return self._mistake(at, f"nested more than {MOST_DEEP} levels deep")

    def _mistake(self, at: int, message: str, hint: str | None = None) -> UsageError:
        return mistake(self._name, self._text, at, message, hint)
