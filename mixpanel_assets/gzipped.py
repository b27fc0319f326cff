"""gzip streams, decompressed as they come."""

from __future__ import annotations

from collections.abc import Iterator

from isal import isal_zlib

GZIP = 31  # zlib's window bits for a gzip stream with header and trailer
PIECE = 4 * 1024 * 1024  # a compressed chunk may be a thousand times larger than it looks


class Inflater:
    """Decompresses a gzip stream in pieces; several members one after the other are one stream."""

    def __init__(self) -> None:
        self._member = isal_zlib.decompressobj(GZIP)

    @property
    def ended(self) -> bool:
        """What came so far is whole, checksums included."""
        return bool(self._member.eof)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What is in the next chunk, in pieces; IsalError if it can't be."""
        more = bool(chunk)
        while more:
            if self._member.eof:
                self._member = isal_zlib.decompressobj(GZIP)
            piece = self._member.decompress(chunk, PIECE)
            yield piece
            chunk = self._member.unused_data if self.ended else self._member.unconsumed_tail
            more = bool(chunk) or (len(piece) == PIECE and not self.ended)
