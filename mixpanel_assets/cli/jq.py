"""`--jq`: a filter over the JSON of an answer."""

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
                f"--jq: {error}", hint="run the command without --jq to see its input"
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
        raise typer.BadParameter(
            f"requires format json or jsonl, not {format_}", param_hint="'--jq'"
        )
    try:
        return Program(expression)
    except ValueError as error:
        reason = str(error).removeprefix("jq: error: ").partition("\njq: ")[0]
        raise typer.BadParameter(" ".join(reason.split()), param_hint="'--jq'") from error
