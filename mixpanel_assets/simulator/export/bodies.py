"""Response bodies: compressed when long enough, and broken when a fault says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mixpanel_assets.simulator.export.fragments import gzip_chunks
from mixpanel_assets.simulator.faults import GZIP_KINDS

# The export compresses only bodies larger than this.
# https://developer.mixpanel.com/reference/raw-event-export
GZIP_ABOVE = 1400


@dataclass(frozen=True)
class Body:
    """The bytes to send, whether they are gzip, and whether the connection drops after them."""

    chunks: Iterator[bytes]
    gzip: bool
    drops: bool = False

    @classmethod
    def of_chunks(cls, chunks: Iterator[bytes], *, zipped: bool, fault: str | None = None) -> Body:
        """A body of raw chunks, compressed if asked for and long enough."""
        waiting: list[bytes] = []
        length = 0
        for chunk in chunks:
            waiting.append(chunk)
            length += len(chunk)
            if length > GZIP_ABOVE:
                break
        raw = chain(waiting, chunks)
        drops = fault == "reset"
        if not zipped or (length <= GZIP_ABOVE and fault not in GZIP_KINDS):
            return cls(raw, gzip=False, drops=drops)
        return cls(_damaged(fault, gzip_chunks(raw)), gzip=True, drops=drops)

    @classmethod
    def of_gzip(
        cls, packed: Iterator[bytes], size: int, raw: Callable[[], Iterable[bytes]]
    ) -> Body:
        """A body that is already gzip, sent uncompressed when it is too short."""
        if size <= GZIP_ABOVE:
            return cls(iter(raw()), gzip=False)
        return cls(packed, gzip=True)


def _damaged(fault: str | None, packed: Iterator[bytes]) -> Iterator[bytes]:
    if fault not in (*GZIP_KINDS, "reset"):
        yield from packed
        return
    held = b""
    for chunk in packed:
        yield held
        held = chunk
    # `held` is the end of the stream, including its trailer of eight bytes.
    if fault == "bad-crc":
        yield held[:-8] + bytes([held[-8] ^ 0xFF]) + held[-7:]
    else:
        yield held[: max(1, len(held) - 24)]


class BodyResponse(Response):
    """A chunked text/plain answer, produced as fast as the client reads it."""

    media_type = "text/plain"

    def __init__(self, body: Body) -> None:
        headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"} if body.gzip else None
        super().__init__(headers=headers, media_type="text/plain")
        del self.headers["content-length"]
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while (chunk := await run_in_threadpool(next, self._body.chunks, None)) is not None:
            if await request.is_disconnected():
                return
            if chunk:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        # Without a closing message the server drops the connection mid-body.
        if not self._body.drops:
            await send({"type": "http.response.body", "body": b""})
