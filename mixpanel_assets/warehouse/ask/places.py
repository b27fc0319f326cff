"""Where in a statement DuckDB found a mistake."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

AROUND = 34  # characters that are shown on each side
MOST_CARETS = 20
_PLACE = re.compile(r"\n+LINE (\d+): (.*)\n( *)(\^+)\s*$", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """A place in a statement: `head` is DuckDB's message without it."""

    head: str
    at: int  # characters before it
    line: int
    position: int  # from 1, in its line
    text: str  # the line
    length: int

    @property
    def details(self) -> dict[str, Any]:
        return {"line": self.line, "position": self.position}

    @property
    def shown(self) -> str:
        """The line, or the part around the place, and ^ under it."""
        start, end = max(0, self.position - 1 - AROUND), self.position - 1 + AROUND
        before = ("..." if start else "") + self.text[start : self.position - 1]
        after = self.text[self.position - 1 : end] + ("..." if end < len(self.text) else "")
        intro = f"LINE {self.line}: "
        carets = "^" * max(1, min(self.length, MOST_CARETS, len(after)))
        return f"\n{intro}{before}{after}\n{' ' * len(intro + before)}{carets}"


def found_in(message: str, query: str) -> Place | None:
    """The place that the message shows, if it does."""
    found = _PLACE.search(message)
    if not found:
        return None
    number, excerpt, blanks, carets = int(found[1]), found[2], found[3], found[4]
    offset = len(blanks) - len(f"LINE {number}: ")
    lines = query.split("\n")
    if number > len(lines) or offset < 0:
        return None
    text, position = lines[number - 1], offset
    if excerpt.startswith("..."):
        inner = excerpt[3:].removesuffix("...")
        start = text.find(inner)
        if start < 0:
            return None
        position = start + offset - 3
    at = sum(len(line) + 1 for line in lines[: number - 1]) + position
    head = message[: found.start()]
    return Place(head, at, number, position + 1, text, len(carets))
