"""Records that DuckDB can't parse, in a form that it can: none is dropped, and none is guessed at.

DuckDB refuses a whole file for one lone surrogate, one byte that is no UTF-8 or one control
character. This is the slow way through such a file, line by line; it is taken only when the
fast one fails.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # missing in its stub
from pathlib import Path
from typing import Any

from mixpanel_assets.errors import ExportIncompleteError

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
CONTROL_CHARACTER = re.compile("[\x00-\x1f]")
SPACE = re.compile(r"[ \t\r\n]*")
TEXT = r'("(?:[^"\\]|\\.)*")'

MOST_DIGITS = 38  # of a 128-bit integer
EXACT_DIGITS = 17  # of a double


def mend(source: Path, target: Path, keys: tuple[str, str]) -> None:
    """`target` holds the records of `source`, each as name, sent and typed.

    `keys` are the members of a record: its name (its event, whose profile it is), its properties.

    `sent` is the text of its properties as JSON that DuckDB parses: they themselves if they are
    that, else one JSON text. `typed` is an object to take values from, null for `sent` itself.
    Raises ExportIncompleteError for a line that is no record at all.
    """
    with gzip.open(source, "rb") as lines, gzip.open(target, "wb", compresslevel=1) as mended:
        for number, line in enumerate(lines, 1):
            if text := line.decode("utf-8", "replace").strip():
                record = json.dumps(_mended(text, number, keys), ensure_ascii=False)
                mended.write(LONE_SURROGATE.sub("\ufffd", record).encode() + b"\n")


def _mended(text: str, number: int, keys: tuple[str, str]) -> dict[str, Any]:
    name_key, properties_key = keys
    try:
        members = {name: (raw, value) for name, raw, value in reversed(list(_members(text)))}
    except RecursionError:
        return _deep(text, keys)
    except ValueError:
        members = {}
    if name_key not in members:
        raise ExportIncompleteError(
            f"line {number:,} of the export is no record, ending in {text[-120:]!r}",
            hint="Mixpanel ended this export early; run the same command again later",
            reason="a line is no record",
        )
    raw_name, name = members[name_key]
    raw, properties = members.get(properties_key, ("null", None))
    named = name if isinstance(name, str) or name is None else raw_name
    numbers = _Numbers()
    typed = numbers.object_of(raw) if isinstance(properties, dict) else {}
    plain = not CONTROL_CHARACTER.search(raw) and not _has_lone_surrogate(raw)
    as_sent = plain and isinstance(properties, dict) and not numbers.any_long
    return {
        "name": named,
        "sent": raw if plain else json.dumps(raw),
        "typed": None if as_sent else typed,
    }


def _members(text: str) -> Iterator[tuple[str, str, Any]]:
    """Of the line's object: name, text of the value, value. ValueError if it is no object."""
    decoder = json.JSONDecoder(strict=False, parse_int=str)
    at = _after("{", text, 0)
    while text[at : at + 1] != "}":
        name, at = scanstring(text, _after('"', text, at), False)
        start = _after(":", text, at)
        value, at = decoder.raw_decode(text, start)
        yield name, text[start:at], value
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "}":
            raise ValueError("neither , nor } follows")
    if _skip(text, at + 1) != len(text):
        raise ValueError("something follows the object")


def _after(character: str, text: str, at: int) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != character:
        raise ValueError(f"{character} is missing")
    return _skip(text, at + 1) if character != '"' else at + 1


def _skip(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _has_lone_surrogate(raw: str) -> bool:
    if not SURROGATE_ESCAPE.search(raw):
        return False
    pairs = json.JSONDecoder(object_pairs_hook=list, parse_int=str, strict=False).decode(raw)
    return bool(LONE_SURROGATE.search(json.dumps(pairs, ensure_ascii=False)))


@dataclass
class _Numbers:
    """Reads JSON with each number that no number type holds exactly as a string."""

    any_long: bool = False

    def object_of(self, raw: str) -> Any:
        """The value; of equal names the first one counts, as it does for DuckDB."""
        decoder = json.JSONDecoder(
            strict=False,
            parse_int=self._integer,
            parse_float=self._number,
            object_pairs_hook=lambda pairs: dict(reversed(pairs)),
        )
        return decoder.decode(raw)

    def _integer(self, text: str) -> int | str:
        return int(text) if len(text.lstrip("-")) <= MOST_DIGITS else self._long(text)

    def _number(self, text: str) -> float | str:
        mantissa, _, exponent = text.lower().partition("e")
        digits = mantissa.replace(".", "").lstrip("-0")
        exact = len(digits) <= EXACT_DIGITS and len(exponent.lstrip("+-")) < 3
        return float(text) if exact else self._long(text)

    def _long(self, text: str) -> str:
        self.any_long = True
        return text


def _deep(text: str, keys: tuple[str, str]) -> dict[str, Any]:
    """Nested deeper than Python parses: DuckDB may, if the line is otherwise regular."""
    name_key, properties_key = map(re.escape, keys)
    match = re.fullmatch(
        rf'\{{"{name_key}":{TEXT},"{properties_key}":(\{{.*\}})\}}', text, re.DOTALL
    )
    if match and not (SURROGATE_ESCAPE.search(text) or CONTROL_CHARACTER.search(text)):
        return {"name": json.loads(match[1]), "sent": match[2], "typed": None}
    name = re.match(rf'\{{\s*"{name_key}"\s*:\s*{TEXT}', text)
    return {"name": json.loads(name[1]) if name else None, "sent": json.dumps(text), "typed": {}}
