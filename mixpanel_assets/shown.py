"""Escapes untrusted text for terminals, JSON and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

# C0 and C1 controls, line separators, and bidirectional controls.
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

# Characters to escape with a backslash; `_` only if it is not between two letters or digits.
_ACTIVE = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


def visible(text: str, keep: str = "") -> str:
    r"""The text with control characters and bidi overrides as `\n`, `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return HIDDEN.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def visible_json(text: str) -> str:
    r"""JSON text with the same characters as `\u001b`, `\u202e`; line ends stay."""
    return HIDDEN.sub(lambda found: _JSON_BLANKS.get(found[0]) or _unicode(found[0]), text)


def one_line(text: str) -> str:
    """The visible text on one line: tabs and line ends become spaces."""
    return visible(text.translate(_BLANKS))


def markdown_row(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(map(markdown_cell, cells))} |"


def markdown_cell(text: str) -> str:
    """The text as a cell of a Markdown table, with Markdown and HTML escaped."""
    return _ACTIVE.sub(r"\\\g<0>", one_line(text)).translate(_ENTITIES)


_BLANKS = dict.fromkeys(map(ord, "\t\r\n"), " ")
# Between tokens of JSON; in its strings they are escaped.
_JSON_BLANKS = {"\n": "\n", "\t": "\t", "\r": " "}


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def _unicode(letter: str) -> str:
    return f"\\u{ord(letter):04x}"
