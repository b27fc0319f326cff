"""Raw events of a span of days, as one file that is verified to its last byte."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from isal.igzip_lib import IsalError

from mixpanel_assets.errors import ExportIncompleteError
from mixpanel_assets.gzipped import GZIP, Inflater
from mixpanel_assets.landed import FileWriter, LandedFile, events_name, landing
from mixpanel_assets.mixpanel.bounds import Bounds
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export.selection import EVERY_EVENT, EventSelection
from mixpanel_assets.settings import make_private_folder

LONGEST_LINE = 16 * 1024 * 1024  # Mixpanel takes in events of less than 1 MB
TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
HINT = "Mixpanel ended this export early; run the same command again later"


def export_events(
    mixpanel: Client,
    start: date,
    end: date,
    folder: Path,
    selection: EventSelection = EVERY_EVENT,
    *,
    longest_text: int = 0,
) -> LandedFile:
    """One verified file of the chosen events of these days, both ends included.

    If it has at most `longest_text` bytes uncompressed, these are a file beside it. A cut answer is
    asked for again as a whole, some times; then ExportIncompleteError. Only a verified file ever
    has its name.

    https://developer.mixpanel.com/reference/raw-event-export
    """
    # A long span is halved by the caller, not insisted on; one with a limit can't be.
    attempts = 3 if end > start and selection.limit is None else None
    make_private_folder(folder)
    params = {"from_date": str(start), "to_date": str(end), "time_in_ms": "true"}
    params |= selection.fields()

    def export() -> LandedFile:
        exported_at = mixpanel.now()
        path = folder / events_name(start, end, exported_at)
        with landing(path, longest_text) as file, mixpanel.stream_export(params) as response:
            lines = copy_verified(response, LineCheck(), mixpanel.bounds, file)
        return LandedFile(path, start, end, exported_at, file.checksum, lines, text=file.text)

    return mixpanel.retrying(export, attempts)


def copy_verified(
    response: httpx.Response, lines: LineCheck, bounds: Bounds, file: FileWriter | None = None
) -> int:
    """Check a body by `lines`, and copy it to a file; how many lines it has.

    Raises ExportIncompleteError if it is not whole, AnswerTooLargeError if `bounds` are exceeded.
    """
    gzipped = response.headers.get("Content-Encoding", "").lower() == "gzip"
    meter = bounds.of_export()
    with _cut_is_incomplete(lines):
        for data, text in _inflated(response, lines) if gzipped else _deflated(response):
            meter.count(len(text))
            lines.feed(text)
            if file:
                file.write(data)
                file.write_text(text)
        lines.finish()
    return lines.count


def _inflated(response: httpx.Response, lines: LineCheck) -> Iterator[tuple[bytes, bytes]]:
    """A gzip body in pieces: as it was sent, and uncompressed."""
    inflater = Inflater()
    for chunk in response.iter_raw():
        yield chunk, b""
        for piece in inflater.feed(chunk):
            yield b"", piece
    if not inflater.ended:
        raise lines.incomplete("its gzip stream has no end")


def _deflated(response: httpx.Response) -> Iterator[tuple[bytes, bytes]]:
    """A plain body in pieces: compressed, and as it was sent."""
    deflate = zlib.compressobj(1, wbits=GZIP)
    for chunk in response.iter_raw():
        yield deflate.compress(chunk), chunk
    yield deflate.flush(), b""


@contextmanager
def _cut_is_incomplete(lines: LineCheck) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, httpx.StreamError) as error:
        reason = str(error) or type(error).__name__
        raise lines.incomplete(f"the connection ended ({reason})") from error
    except (zlib.error, IsalError) as error:  # type: ignore[misc]  # its stub hides its base
        raise lines.incomplete(f"its gzip stream is damaged ({error})") from error


class LineCheck:
    r"""Checks a body as it comes; raises ExportIncompleteError unless every line is a record.

    Lines end with \n and with nothing else: a value may hold U+2028, U+0085 and the like. That
    each record is valid JSON throughout is left to the load, which parses every byte anyway.
    """

    def __init__(self) -> None:
        self.count = 0
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Check the next piece of the body, cut anywhere."""
        cut = data.rfind(b"\n") + 1
        if cut:
            self._check(self._rest + data[:cut])
            self._rest = bytearray(data[cut:])
        else:
            self._rest += data
            if len(self._rest) > LONGEST_LINE:
                raise self.incomplete(f"a line is longer than {LONGEST_LINE:,} bytes")

    def finish(self) -> None:
        """Check what is left at the end: a last line without its line end counts too."""
        if self._rest.strip():
            self._check_line(self._rest)
            self._rest = bytearray()

    def incomplete(self, reason: str) -> ExportIncompleteError:
        """The error that says why the body is not whole, and after how many records."""
        return ExportIncompleteError(
            f"the export is incomplete after {self.count:,} events: {reason}",
            hint=HINT,
            reason=reason,
            events_seen=self.count,
        )

    def _check(self, block: bytes | bytearray) -> None:
        # `block` is whole lines. Counting bytes is a hundred times faster than looking at lines.
        ends = block.count(b"\n")
        last = block.rfind(b"\n", 0, -1) + 1
        regular = block.count(b'}\n{"event":') + block.startswith(b'{"event":')
        if regular == ends and block.endswith(b"}\n"):
            self.count += ends - 1
            self._check_line(block[last:])  # the newest line: a cut body ends with an odd one
        elif block.strip():
            for line in block.split(b"\n"):
                if line.strip():
                    self._check_line(line)

    def _check_line(self, line: bytes | bytearray) -> dict[str, Any]:
        try:
            record = json.loads(line.decode("utf-8", "replace"), strict=False)
        except RecursionError:
            # Deeper than Python parses: the load has the last word, if the line has an end.
            record = {"event": ""} if _is_closed(line) else None
        except ValueError:
            record = None
        if not isinstance(record, dict) or "event" not in record:
            seen = line.strip()[-120:].decode("utf-8", "replace")
            raise self.incomplete(f"it has a line that is not an event, ending in {seen!r}")
        self.count += 1
        return record


def _is_closed(line: bytes | bytearray) -> bool:
    """Whether every string, list and object of the line ends in it."""
    signs = TEXT.sub(b"", line)
    pairs = ((b"{", b"}"), (b"[", b"]"))
    return b'"' not in signs and all(signs.count(a) == signs.count(b) for a, b in pairs)
