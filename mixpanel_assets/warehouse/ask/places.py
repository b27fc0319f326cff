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
    if offset < 0:
        return None
    # Of several statements DuckDB counts the lines of one; the line is where its text is.
    inner = excerpt.removeprefix("...").removesuffix("...")
    order = sorted(range(len(lines)), key=lambda n: n != number - 1)
    line = next((n for n in order if inner in lines[n]), None)
    if line is None:
        return None
    text = lines[line]
    position = text.index(inner) + offset - (3 if excerpt.startswith("...") else 0)
    at = sum(len(one) + 1 for one in lines[:line]) + position
    return Place(message[: found.start()], at, line + 1, position + 1, text, len(carets))
