"""Odd lines of a file, in a form that DuckDB parses: each is kept, and nothing is guessed.

DuckDB gives nothing for a line with a lone surrogate, a byte that is not UTF-8 or a control
character. Those lines alone go this slow way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # missing in its stub
from pathlib import Path
from typing import Any

from mixpanel_assets.errors import ExportIncompleteError
from mixpanel_assets.warehouse.numbers import is_long

CONTROL_CHARACTER = re.compile("[\x00-\x1f]")
ESCAPED = {code: f"\\u{code:04x}" for code in range(32)}
CONTROL_BYTES = bytes(byte for byte in range(32) if byte != ord("\n"))
TEXT = r'("(?:[^"\\]|\\.)*")'
TEXTS = re.compile(TEXT, re.DOTALL)
# A pair of surrogates, half of one, any other escape.
PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
ESCAPES = re.compile(rf"({PAIR})|(\\u[dD][89a-fA-F][0-9a-fA-F]{{2}})|\\.", re.DOTALL)
REPLACEMENT = r"\ufffd"
SPACE = re.compile(r"[ \t\r\n]*")

CHUNK = 1 << 19  # bytes to look at together


def odd_lines(part: Path, keys: tuple[str, str]) -> Iterator[bytes]:
    """The lines that DuckDB can't parse, or that are not laid out as Mixpanel does it.

    `keys` are the members of a record: its name (its event, whose profile it is), its properties.
    """
    opening, inner = f'{{"{keys[0]}":"'.encode(), f',"{keys[1]}":{{'.encode()

    def laid_out(lines: bytes, count: int) -> bool:
        return (
            lines.startswith(opening)
            and lines.count(b"\n" + opening) == count - 1
            and lines.count(b"}}\n") == count
            and lines.count(inner) >= count
            and len(lines.translate(None, CONTROL_BYTES)) == len(lines)
            and (lines.isascii() or _is_utf8(lines))
        )

    for text in _whole_lines(part):
        if not laid_out(text, text.count(b"\n")):
            odd = (
                one for one in _at_newlines(text) if not laid_out(one, 1) or _has_half_a_pair(one)
            )
            yield from (one for one in odd if one.strip())
        elif _may_have_surrogates(text):
            yield from filter(_has_half_a_pair, _at_newlines(text))


def _whole_lines(part: Path) -> Iterator[bytes]:
    """The part in chunks that end with a line; the last line ends, too."""
    rest = b""
    with part.open("rb") as file:
        while chunk := file.read(CHUNK):
            end = chunk.rfind(b"\n") + 1
            if end:
                yield rest + chunk[:end]
            rest = chunk[end:] if end else rest + chunk
    if rest:
        yield rest + b"\n"


def _at_newlines(text: bytes) -> list[bytes]:
    return [line + b"\n" for line in text.split(b"\n")[:-1]]


def _may_have_surrogates(text: bytes) -> bool:
    return b"\\u" in text and (b"\\ud" in text or b"\\uD" in text)


def _has_half_a_pair(line: bytes) -> bool:
    escapes = ESCAPES.finditer(line.decode("latin-1")) if _may_have_surrogates(line) else ()
    return any(found[2] for found in escapes)


def mend(source: Path, target: Path, keys: tuple[str, str]) -> None:
    """Write each record of `source` to `target` as name, sent, typed and repaired.

    `sent` is the text of its properties, in which U+FFFD stands for what is not Unicode; `repaired`
    says whether any did. `typed` is an object to take values from, null for `sent` itself. Raises
    ExportIncompleteError for a line that is not a record at all.
    """
    with source.open("rb") as lines, target.open("wb") as mended:
        for line in filter(bytes.strip, lines):
            record = json.dumps(_mended(line, keys), ensure_ascii=False)
            mended.write(record.encode("utf-8", "replace") + b"\n")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _mended(line: bytes, keys: tuple[str, str]) -> dict[str, Any]:
    name_key, properties_key = keys
    sent = line.decode("utf-8", "replace").strip()
    whole = _without_halves(sent)
    repaired = whole.encode() != line.strip()
    text = _escaped_controls(whole)
    try:
        members = {name: (raw, value) for name, raw, value in reversed(list(_members(text)))}
    except RecursionError:
        return {**_deep(text, keys), "repaired": repaired}
    except ValueError:
        members = {}
    if name_key not in members:
        raise ExportIncompleteError(
            f"a line of the export is not a record, ending in {text[-120:]!r}",
            hint="Mixpanel ended this export early; run the same command again later",
            reason="a line is not a record",
        )
    raw_name, name = members[name_key]
    raw, properties = members.get(properties_key, ("null", None))
    typed, differs = _typed(raw) if isinstance(properties, dict) else ({}, True)
    return {
        "name": name if isinstance(name, str) or name is None else raw_name,
        "sent": raw,
        "typed": typed if differs else None,
        "repaired": repaired,
    }


def _without_halves(text: str) -> str:
    """The line with U+FFFD for halves of surrogate pairs."""
    if "\\" not in text:
        return text
    return ESCAPES.sub(lambda found: REPLACEMENT if found[2] else found[0], text)


def _escaped_controls(text: str) -> str:
    """The line with control characters in texts as JSON writes them."""
    if not CONTROL_CHARACTER.search(text):
        return text
    return TEXTS.sub(lambda found: found[0].translate(ESCAPED), text)


def _members(text: str) -> Iterator[tuple[str, str, Any]]:
    """Of the line's object: name, text of the value, value. ValueError if it is not an object."""
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


def _typed(raw: str) -> tuple[Any, bool]:
    """The object, with each number that no number type holds as a string; whether any is."""
    long: list[str] = []

    def number(text: str, kind: Callable[[str], float]) -> float | str:
        if not is_long(text):
            return kind(text)
        long.append(text)
        return text

    decoder = json.JSONDecoder(
        strict=False,
        parse_int=lambda text: number(text, int),
        parse_float=lambda text: number(text, float),
        object_pairs_hook=lambda pairs: dict(reversed(pairs)),  # the first counts, as for DuckDB
    )
    return decoder.decode(raw), bool(long)


def _deep(text: str, keys: tuple[str, str]) -> dict[str, Any]:
    """Nested deeper than Python parses: DuckDB may, if the line is otherwise regular."""
    name_key, properties_key = map(re.escape, keys)
    match = re.fullmatch(
        rf'\{{"{name_key}":{TEXT},"{properties_key}":(\{{.*\}})\}}', text, re.DOTALL
    )
    if match:
        return {"name": json.loads(match[1]), "sent": match[2], "typed": None}
    name = re.match(rf'\{{\s*"{name_key}"\s*:\s*{TEXT}', text)
    return {"name": json.loads(name[1]) if name else None, "sent": json.dumps(text), "typed": {}}
