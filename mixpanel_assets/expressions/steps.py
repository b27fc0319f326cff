"""What a question takes besides a filter: a property to split by, an event with a filter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mixpanel_assets.expressions.mistakes import mistake
from mixpanel_assets.expressions.parser import parse
from mixpanel_assets.expressions.tokens import TEXT, unquoted
from mixpanel_assets.expressions.tree import FUNCTIONS, Expression, Property, quoted

_TEXT = re.compile(TEXT, re.DOTALL)
# What makes an expression of it, outside of texts. Names of properties have spaces, dashes, dots,
# slashes and parentheses, but hardly these.
_EXPRESSION = re.compile(
    rf"\b(?:properties|event|user)\s*[\[.]|\b(?:{'|'.join(FUNCTIONS)})\s*\(|[=!<>]=|[<>]"
)


@dataclass(frozen=True)
class Step:
    """An event, and which of them count; None: all."""

    event: str
    where: Expression | None = None

    def __str__(self) -> str:
        special = '"' in self.event[:1] or "[" in self.event or self.event != self.event.strip()
        event = quoted(self.event) if special else self.event
        return event if self.where is None else f"{event}[{self.where}]"


def parse_by(text: str, name: str = "by") -> Expression:
    """A property's name as it is or in double quotes, or an expression."""
    if not text.strip():
        raise mistake(name, text, 0, "a name or an expression is missing")
    if _TEXT.fullmatch(text):
        return Expression(text, Property(unquoted(text, name, text, 0), 0), name)
    if _EXPRESSION.search(_TEXT.sub('""', text)):
        return parse(text, name)
    return Expression(text, Property(text, 0), name)


def parse_step(text: str, name: str = "step") -> Step:
    """An event's name, or one with a filter: `Purchase[amount > 50]`.

    A name that begins with a double quote, or has an opening and ends with a closing bracket, has
    to be in double quotes.
    """
    if found := _TEXT.match(text):
        event, end = unquoted(found[0], name, text, 0), found.end()
        rest = text[end:].strip()
        if rest and not (rest[0] == "[" and rest[-1] == "]"):
            hint = r"a quote in a name is \""
            raise mistake(name, text, end, "expected [filter] or the end after a name", hint)
    elif text.startswith('"'):
        raise mistake(name, text, 0, "the quote is never closed", r"a quote in a name is \"")
    else:
        end = text.find("[") if text.rstrip().endswith("]") else -1
        event, rest = (text, "") if end < 0 else (text[:end].rstrip(), text[end:].strip())
    if not event.strip():
        raise mistake(name, text, 0, "the name of an event is missing")
    if not rest:
        return Step(event)
    if not (inside := rest[1:-1].strip()):
        hint = f"an event of this name is {quoted(text)}"
        raise mistake(name, text, end, "the filter is empty", hint)
    return Step(event, parse(inside, f"{name}: filter of {event}"))
