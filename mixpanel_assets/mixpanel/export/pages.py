"""A page of profiles, taken apart without touching a single value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mixpanel_assets.errors import ExportIncompleteError
from mixpanel_assets.mixpanel.answers import error_for, is_error, said

HINT = "Mixpanel sent a damaged page; run the same command again later"

# Numbers stay text: they are only compared.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_FRAME = re.compile(
    r"""\{\s*"\$distinct_id"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"\$properties"\s*:\s*(?=\{)"""
)
_MARK = re.compile(r"[ \t\r\n]*([{}\[\],:]|\Z)[ \t\r\n]*")


@dataclass(frozen=True)
class Page:
    """What engage answers: profiles as (key, line), every value in it as Mixpanel sent it.

    The key stands for the `$distinct_id`. Only a first page is sure to have the others.
    """

    profiles: list[tuple[bytes, bytes]]
    total: int | None = None
    page_size: int | None = None
    session_id: str | None = None


def page_of(status: int, headers: Mapping[str, str], body: bytes) -> Page:
    """The page that an answer holds, or the error that it means.

    Raises ExportIncompleteError for a body that is not a page, or not all of it.
    """
    if status != 200:
        raise error_for(status, headers, body)
    # As Latin-1 each byte is a character: what is cut out becomes the very same bytes again.
    try:
        members, results = split_results(body.decode("latin-1"))
        if is_error(members):
            raise error_for(status, headers, body)
        if results is None:
            raise ValueError("it has no results")
        return Page(
            [_profile(value, text) for value, text in results],
            _whole(members.get("total")),
            _whole(members.get("page_size")),
            members.get("session_id") or None,
        )
    except (ValueError, TypeError, RecursionError) as error:
        reason = f"{error}, in {said(body[-200:])!r}"
        raise ExportIncompleteError(
            f"Mixpanel's answer is not a page of profiles: {reason}", hint=HINT, reason=reason
        ) from error


def split_results(text: str) -> tuple[dict[str, Any], list[tuple[Any, str]] | None]:
    """The members of a JSON object, and apart its `results`: each value with its own text.

    Raises ValueError for anything else.
    """
    members: dict[str, Any] = {}
    results = None
    mark, at = _mark(text, 0, "{")
    if text.startswith("}", at):
        mark, at = _mark(text, at, "}")
    while mark != "}":
        name, at = _DECODER.raw_decode(text, at)
        _, at = _mark(text, at, ":")
        if name == "results":
            results, at = _array(text, at)
        else:
            members[name], at = _DECODER.raw_decode(text, at)
        mark, at = _mark(text, at, ",}")
    if at < len(text):
        raise ValueError("something follows its end")
    return members, results


def _array(text: str, at: int) -> tuple[list[tuple[Any, str]], int]:
    values: list[tuple[Any, str]] = []
    mark, at = _mark(text, at, "[")
    if text.startswith("]", at):
        return values, at + 1
    while mark != "]":
        value, end = _DECODER.raw_decode(text, at)
        values.append((value, text[at:end]))
        mark, at = _mark(text, end, ",]")
    return values, at


def _mark(text: str, at: int, expected: str) -> tuple[str, int]:
    found = _MARK.match(text, at)
    if not found or not found[1] or found[1] not in expected:
        raise ValueError(f"it has no {' or '.join(expected)} at {at}")
    return found[1], found.end()


def _profile(value: Any, text: str) -> tuple[bytes, bytes]:
    if not isinstance(value, dict):
        raise TypeError("one of its results is not a profile")
    distinct_id = value.get("$distinct_id")
    name = distinct_id if isinstance(distinct_id, str) else text
    key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    if "\n" in text or "\r" in text:  # between values only: in strings they are escaped
        text = text.replace("\n", " ").replace("\r", " ")
    return key, _framed(text).encode("latin-1")


def _framed(text: str) -> str:
    """The profile without spaces between its two members: what a load reads at once."""
    if not (frame := _FRAME.match(text)):
        return text
    return f'{{"$distinct_id":{frame[1]},"$properties":{text[frame.end() : -1].rstrip()}}}'


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
