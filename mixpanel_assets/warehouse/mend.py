"""Records that DuckDB can't parse, in a form that it can: none is dropped, and none is guessed at.

DuckDB refuses a whole file for one lone surrogate, one byte that is no UTF-8 or one control
character. This is the slow way through such a file, line by line; it is taken only when the
fast one fails.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

from mixpanel_assets.errors import ExportIncompleteError

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
DEEPEST = 200  # levels of nesting that every reader of JSON accepts


def mend(source: Path, target: Path) -> int:
    """`target` holds the records of `source`, odd ones rewritten; says how many were odd.

    Raises ExportIncompleteError for a line that is no event at all.
    """
    odd = 0
    with gzip.open(source, "rb") as lines, gzip.open(target, "wb", compresslevel=1) as mended:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            rewritten = mended_line(line.strip(), number)
            odd += rewritten != line.strip()
            mended.write(rewritten + b"\n")
    return odd


def mended_line(line: bytes, number: int = 1) -> bytes:
    """The line itself if it is regular, else one whose `verbatim` is the properties as text."""
    text = line.decode("utf-8", "replace")
    try:
        record, end = json.JSONDecoder(strict=False).raw_decode(text)
    except RecursionError:
        return _too_deep(text)
    except ValueError:
        record, end = None, 0
    if not isinstance(record, dict) or "event" not in record or text[end:].strip():
        raise ExportIncompleteError(
            f"line {number:,} of the export is no event, ending in {text[-120:]!r}",
            hint="Mixpanel ended this export early; run the same command again later",
            reason="a line is no event",
        )
    properties = record.get("properties")
    if text.startswith('{"event":"') and isinstance(properties, dict) and _is_plain(text, record):
        return text.encode()
    return _odd(record["event"], properties, _properties_text(text))


def _is_plain(text: str, record: dict[str, Any]) -> bool:
    # What yyjson, inside DuckDB, takes and the regular shape of a line allows.
    return (
        list(record) == ["event", "properties"]
        and text.endswith("}}")
        and '","properties":{' in text
        and not LONE_SURROGATE.search(json.dumps(record, ensure_ascii=False))
        and not any(character < " " for character in text)
        and text.count('"properties":') >= 1
        and not _repeats(text)
    )


def _repeats(text: str) -> bool:
    pairs = json.loads(text, object_pairs_hook=list, strict=False)
    return len(pairs) != len({name for name, _ in pairs})


def _odd(event: Any, properties: Any, verbatim: str) -> bytes:
    name = event if isinstance(event, str) or event is None else json.dumps(event)
    record = {
        "verbatim": verbatim,
        "event": name,
        "properties": properties if isinstance(properties, dict) else {},
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return LONE_SURROGATE.sub("�", text).encode()


def _properties_text(text: str) -> str:
    """The characters of the properties' value, as they stand in the line."""
    decoder = json.JSONDecoder(strict=False)
    found = "null"
    for match in re.finditer(r'"properties"\s*:\s*', text):
        try:
            _, end = decoder.raw_decode(text, match.end())
        except ValueError:
            continue
        found = text[match.end() : end]
        break
    return found


def _too_deep(text: str) -> bytes:
    # Nested deeper than Python parses: the name is found by hand, the rest is kept as text.
    name = re.search(r'"event"\s*:\s*("(?:[^"\\]|\\.)*")', text[:100_000])
    start = text.find('"properties"')
    verbatim = text[text.find(":", start) + 1 : text.rfind("}")] if start >= 0 else "null"
    return _odd(json.loads(name[1]) if name else None, {}, verbatim)
