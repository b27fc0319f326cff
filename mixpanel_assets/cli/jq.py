"""`--jq`: a filter over the JSON of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from mixpanel_assets.errors import FilterError, UsageError
from mixpanel_assets.notes import note

MAYBE_LARGE = re.compile("[0-9]{16}")
LARGEST_EXACT = 2**53
SHOWN = 60  # characters of an expression on each side of a mistake

# Keep a filter away from files and from the environment, which holds secrets: these definitions
# replace jq's own, and `import` and `include` are allowed only at the start of a program.
CLOSED = "{} as $ENV | def env: {}; def modulemeta: null; def get_search_list: [];\n"


class Program:
    """A jq program, compiled."""

    def __init__(self, expression: str) -> None:
        import jq

        self._program = jq.compile(CLOSED + expression)

    def results(self, text: str) -> Iterator[Any]:
        """The program's results for the JSON; FilterError if it fails."""
        if _has_large(text):
            note("--jq rounds integers beyond 2^53, as jq does; they are exact without --jq")
        try:
            yield from self._program.input_text(text)
        except ValueError as error:
            raise FilterError(
                f"--jq: {error}",
                hint="run the command without --jq to see its input; a list's items are .[]",
            ) from error


def _has_large(text: str) -> bool:
    if not MAYBE_LARGE.search(text):
        return False
    integers: list[int] = []
    json.loads(text, parse_int=lambda digits: integers.append(int(digits)))
    return any(abs(integer) > LARGEST_EXACT for integer in integers)


def compiled(expression: str, format_: str) -> Program:
    """The program; a usage error if it is invalid, or the format is not JSON."""
    if format_ not in ("json", "jsonl"):
        raise UsageError(
            f"--jq filters JSON, and the format is {format_}",
            hint="use --format json or jsonl with --jq, or leave --jq out",
        )
    try:
        return Program(expression)
    except ValueError as error:
        raise _mistake(expression, str(error)) from error


def _mistake(expression: str, told: str) -> UsageError:
    """The error for an expression that jq can't compile, which it shows with a caret."""
    reason = " ".join(told.removeprefix("jq: error: ").partition(" at <top-level>")[0].split())
    reason = reason.partition(", expecting")[0].replace("end of file", "end")
    place = re.search(r"line (\d+), column (\d+)", told)
    lines = expression.splitlines() or [""]
    shown = ""
    if place and 0 <= (line := int(place[1]) - 1 - CLOSED.count("\n")) < len(lines):
        column = int(place[2]) + (reason.endswith("unexpected end"))
        start = max(0, column - SHOWN)
        part = lines[line][start : column + SHOWN]
        shown = f"\n    {part}\n    {' ' * (column - start - 1)}^"
    return UsageError(
        f"--jq: {reason}{shown}",
        hint="a list's items are .[], its first .[0], a member .name, and a filter select(.a > 1)",
        expression=expression[:SHOWN],
    )
