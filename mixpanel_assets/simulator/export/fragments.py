"""Days as compressed pieces that can be concatenated into one gzip member."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from isal import isal_zlib

CHUNK = 1 << 18
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_LAST_BLOCK = b"\x03\x00"
_LINES_AT_ONCE = 512


@dataclass(frozen=True)
class Fragment:
    """Whole lines as raw deflate that ends on a byte boundary and leaves the stream open."""

    source: Path | bytes
    size: int
    crc: int
    lines: int

    def chunks(self) -> Iterator[bytes]:
        """The compressed bytes, a chunk at a time."""
        if isinstance(self.source, bytes):
            yield self.source
            return
        yield from file_chunks(self.source)

    def raw_chunks(self) -> Iterator[bytes]:
        """The uncompressed bytes, a chunk at a time."""
        inflate = isal_zlib.decompressobj(-15)
        for chunk in self.chunks():
            yield inflate.decompress(chunk)


def pack(lines: Iterable[bytes], path: Path | None = None) -> Fragment:
    """The lines as a fragment, kept in the file when a path is given."""
    size = crc = count = 0
    deflate = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    waiting = iter(lines)
    out: list[bytes] = []
    file = path.open("wb") if path else None
    try:
        while batch := list(islice(waiting, _LINES_AT_ONCE)):
            raw = b"\n".join(batch) + b"\n"
            size, count = size + len(raw), count + len(batch)
            crc = isal_zlib.crc32(raw, crc)
            (file.write if file else out.append)(deflate.compress(raw))
        (file.write if file else out.append)(deflate.flush(isal_zlib.Z_FULL_FLUSH))
    finally:
        if file:
            file.close()
    return Fragment(path or b"".join(out), size, crc, count)


def gzip_member(fragments: Iterable[Fragment]) -> Iterator[bytes]:
    """One gzip member of all the fragments; nothing is compressed again."""
    yield GZIP_HEADER
    size = crc = 0
    for fragment in fragments:
        yield from fragment.chunks()
        crc = isal_zlib.crc32_combine(crc, fragment.crc, fragment.size)
        size += fragment.size
    yield _LAST_BLOCK + struct.pack("<LL", crc, size & 0xFFFFFFFF)


def gzip_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """One gzip member of the raw chunks, compressed as they come."""
    deflate = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    for chunk in chunks:
        if packed := deflate.compress(chunk):
            yield packed
    yield deflate.flush()


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of the chunks, split on newline bytes only, without them."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def joined(pieces: Iterable[bytes], at_least: int = CHUNK) -> Iterator[bytes]:
    """The same bytes in fewer, larger chunks."""
    waiting: list[bytes] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= at_least:
            yield b"".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield b"".join(waiting)


def file_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, a chunk at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def gzip_size(path: Path) -> int:
    """The uncompressed size that the file's trailer gives."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        return int.from_bytes(file.read(4), "little")


def gunzip_chunks(path: Path) -> Iterator[bytes]:
    """The uncompressed bytes of a gzip file, a chunk at a time."""
    inflate = isal_zlib.decompressobj(31)
    for chunk in file_chunks(path):
        while chunk:
            yield inflate.decompress(chunk)
            chunk = inflate.unused_data
            if inflate.eof:  # the next member, if the file has several
                inflate = isal_zlib.decompressobj(31)
