"""The words and signs of expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mixpanel_assets.expressions.mistakes import mistake

CONSTANTS = {"true": True, "false": False, "null": None, "undefined": None}
KEYWORDS = ("and", "or", "not", "in", *CONSTANTS)  # in any case

TEXT = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(
    rf"""\s*(?:
        (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.$]))
      | (?P<text>{TEXT})
      | (?P<word>[^\W\d][\w$]*|\$[\w$]+)
      | (?P<sign>==|!=|>=|<=(?!>)|<(?!>)|[-+*/%>()\[\],])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Token:
    """A word, sign, number or text; `wrong` is what none of them begins with."""

    kind: str
    text: str
    at: int
    end: int

    @property
    def key(self) -> str:
        """What the grammar knows a word or sign by: keywords are in lower case."""
        if self.kind not in ("word", "sign"):
            return ""
        folded = self.text.lower()
        return folded if folded in KEYWORDS else self.text


def token_at(text: str, at: int, name: str) -> Token:
    """The next token from this position of the parameter's text."""
    found = _TOKEN.match(text, at)
    if found and (kind := found.lastgroup):
        return Token(kind, found[kind], found.start(kind), found.end(kind))
    at = len(text) - len(text[at:].lstrip())
    if text[at] == '"':
        raise mistake(name, text, at, "the quote is never closed", r"a quote in a text is \"")
    return Token("wrong", text[at], at, at + 1)


def unquoted(text: str, name: str, whole: str, at: int) -> str:
    """The value of a text in quotes, which is at this position of the whole parameter."""
    for escape in _ESCAPE.finditer(text):
        if escape[1] not in '"\\':
            hint = r"a backslash is \\ and a double quote \"; nothing else is escaped"
            raise mistake(name, whole, at + escape.start(), "unknown escape", hint)
    return _ESCAPE.sub(r"\1", text[1:-1])
