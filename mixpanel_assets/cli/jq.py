"""`--jq`: a program over the JSON of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import typer

from mixpanel_assets.errors import FilterError
from mixpanel_assets.notes import note

MAYBE_LARGE = re.compile("[0-9]{16}")
LARGEST_EXACT = 2**53

# The environment, where secrets are, and files are none of an answer's business. What comes first
# in a program hides jq's own words, and keeps `import` and `include` out.
CLOSED = "{} as $ENV | def env: {}; def modulemeta: null; def get_search_list: [];\n"


class Program:
    """A jq program, compiled."""

    def __init__(self, expression: str) -> None:
        import jq

        self._program = jq.compile(CLOSED + expression)

    def results(self, text: str) -> Iterator[Any]:
        """What the program makes of the JSON. FilterError if it does not fit it."""
        if _has_large(text):
            note("--jq rounds integers beyond 2^53, as jq does; without it they are exact")
        try:
            yield from self._program.input_text(text)
        except ValueError as error:
            raise FilterError(
                f"--jq: {error}", hint="see what it is given: the same command without --jq"
            ) from error


def _has_large(text: str) -> bool:
    if not MAYBE_LARGE.search(text):
        return False
    integers: list[int] = []
    json.loads(text, parse_int=lambda digits: integers.append(int(digits)))
    return any(abs(integer) > LARGEST_EXACT for integer in integers)


def compiled(expression: str, format_: str) -> Program:
    """The program; a usage error if it is none, or is for a format that is not JSON."""
    if format_ not in ("json", "jsonl"):
        raise typer.BadParameter(
            f"it is for json and jsonl, and the format is {format_}", param_hint="'--jq'"
        )
    try:
        return Program(expression)
    except ValueError as error:
        told = str(error).removeprefix("jq: error: ").partition("\njq: ")[0]
        raise typer.BadParameter(" ".join(told.split()), param_hint="'--jq'") from error
