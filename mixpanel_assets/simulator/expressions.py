"""Mixpanel's segmentation expressions, read from text and applied to properties.

https://developer.mixpanel.com/reference/segmentation-expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mixpanel_assets.simulator import values
from mixpanel_assets.simulator.values import UNDEFINED, ExpressionError, Moment

Properties = Mapping[str, Any]
Node = Callable[[Properties], Any]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<word>[A-Za-z_]+)
      | (?P<sign>==|!=|>=|<=|[-+*/%<>()\[\],])
    )""",
    re.VERBOSE | re.DOTALL,
)
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in")
LITERALS = {"true": True, "false": False, "null": UNDEFINED, "undefined": UNDEFINED}
_CAPITALS = {"AND": "and", "OR": "or", "NOT": "not"}


@dataclass(frozen=True)
class Expression:
    """A parsed expression."""

    text: str
    node: Node

    def evaluate(self, properties: Properties) -> Any:
        """The expression's value; `UNDEFINED` where Mixpanel has none."""
        return self.node(properties)

    def matches(self, properties: Properties) -> bool:
        """Whether a filter of this expression lets the event through."""
        return self.node(properties) is True


@dataclass(frozen=True)
class Dialect:
    """The vocabulary of an expression language; its operators by precedence, lowest first."""

    levels: tuple[tuple[str, ...], ...]
    binary: Mapping[str, Callable[[Any, Any], Any]]
    functions: Mapping[str, Callable[[Any], Any]]
    sources: Mapping[str, Callable[[str], Node]]
    constants: Mapping[str, Any]


def parse(text: str, dialect: Dialect | None = None) -> Expression:
    """The parsed expression; an ExpressionError names the position of a syntax error."""
    reader = _Reader(text, dialect or _OF_EVENTS)
    node = reader.disjunction()
    reader.finish()
    return Expression(text, node)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if not match or not match.lastgroup:
            raise ExpressionError(f"unexpected character at {at}: {text[at:].strip()[:1]!r}")
        word = match[match.lastgroup]
        found.append(_Token(match.lastgroup, _CAPITALS.get(word, word), match.start()))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


class _Reader:
    """Recursive descent, one method per level of precedence."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self._dialect = dialect
        self._tokens = _tokens(text)
        self._next = 0

    def finish(self) -> None:
        if self._peek.kind != "end":
            raise self._error("the end")

    def disjunction(self) -> Node:
        return self._chain("or", self._conjunction)

    def _conjunction(self) -> Node:
        return self._chain("and", self._negation)

    def _chain(self, word: str, operand: Callable[[], Node]) -> Node:
        left = operand()
        while self._take(word):
            left = _logical(word, left, operand())
        return left

    def _negation(self) -> Node:
        if self._take("not"):
            node = self._negation()
            return lambda properties: values.negate(node(properties))
        return self._binary(0)

    def _binary(self, level: int) -> Node:
        if level == len(self._dialect.levels):
            return self._unary()
        left = self._binary(level + 1)
        while operator := self._take(*self._dialect.levels[level]):
            left = _applied(self._dialect.binary[operator], left, self._binary(level + 1))
        return left

    def _unary(self) -> Node:
        if self._take("-"):
            return _applied(values.minus, self._unary())
        if self._take("not"):
            return _applied(values.negate, self._unary())
        return self._primary()

    def _primary(self) -> Node:
        token = self._advance()
        if token.kind == "number":
            return _constant(
                float(token.text) if re.search("[.eE]", token.text) else int(token.text)
            )
        if token.kind == "string":
            return _constant(_unquoted(token.text))
        if token.text == "(":
            node = self.disjunction()
            self._expect(")")
            return node
        if token.text == "[":
            return self._list()
        if token.kind == "word":
            return self._word(token)
        raise self._error("a value", token)

    def _word(self, token: _Token) -> Node:
        if token.text in self._dialect.constants:
            return _constant(self._dialect.constants[token.text])
        if token.text in self._dialect.sources:
            self._expect("[")
            name = self._advance()
            if name.kind != "string":
                raise self._error("a property name in double quotes", name)
            self._expect("]")
            return self._dialect.sources[token.text](_unquoted(name.text))
        if token.text in self._dialect.functions:
            self._expect("(")
            argument = self.disjunction()
            self._expect(")")
            return _applied(self._dialect.functions[token.text], argument)
        raise self._error("a value", token)

    def _list(self) -> Node:
        items: list[Node] = []
        while not self._take("]"):
            if items:
                self._expect(",")
            items.append(self._binary(1))
        return lambda properties: [item(properties) for item in items]

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._peek
        if token.kind != "end":
            self._next += 1
        return token

    def _take(self, *texts: str) -> str | None:
        if self._peek.kind in ("sign", "word") and self._peek.text in texts:
            return self._advance().text
        return None

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._error(repr(text))

    def _error(self, wanted: str, token: _Token | None = None) -> ExpressionError:
        token = token or self._peek
        found = repr(token.text) if token.text else "the end"
        return ExpressionError(f"syntax error at {token.at}: expected {wanted}, found {found}")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _constant(value: Any) -> Node:
    return lambda _: value


def _applied(function: Callable[..., Any], *operands: Node) -> Node:
    if len(operands) == 1:
        only = operands[0]
        return lambda properties: function(only(properties))
    left, right = operands
    return lambda properties: function(left(properties), right(properties))


def _logical(word: str, left: Node, right: Node) -> Node:
    if word == "and":
        return lambda p: values.truth(left(p)) and values.truth(right(p))
    return lambda p: values.truth(left(p)) or values.truth(right(p))


def property_of(name: str) -> Node:
    """A reader of the property; null counts as undefined."""

    def read(properties: Properties) -> Any:
        value = properties.get(name)
        return UNDEFINED if value is None else value

    return read


def _property_of_event(name: str) -> Node:
    if name == "$time":
        return lambda p: values.moment(p["$time"] if "$time" in p else p.get("time"))
    return property_of(name)


def _event(name: str) -> Node:
    return _property_of_event(name) if name == "$time" else _constant(UNDEFINED)


def joining(profile_of: Callable[[], Callable[[Any], Properties]]) -> Dialect:
    """The language of event expressions with `user[...]` read from the profile of a distinct id.

    The lookup is created when an expression that needs it is parsed.
    """
    return replace(
        _OF_EVENTS, sources={**_OF_EVENTS.sources, "user": lambda name: _joined(name, profile_of())}
    )


def _joined(name: str, profile: Callable[[Any], Properties]) -> Node:
    read = property_of(name)
    return lambda properties: read(profile(properties.get("distinct_id")))


_OF_EVENTS = Dialect(
    levels=(COMPARISONS, ("+", "-"), ("*", "/", "%")),
    binary=values.BINARY,
    functions=values.FUNCTIONS,
    sources={
        "properties": _property_of_event,
        "event": _event,
        # The raw export does not join profiles.
        "user": lambda _: _constant(UNDEFINED),
    },
    constants=LITERALS,
)

__all__ = ["UNDEFINED", "Expression", "ExpressionError", "Moment", "parse"]
