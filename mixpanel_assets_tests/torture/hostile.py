"""A server on loopback that sends whatever harm it is told to, byte by byte as told."""

import gzip
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from mixpanel_assets.simulator.project import Project

MB = 1024**2
GB = 1024**3
OK = b"HTTP/1.1 200 OK\r\n"
RECORD = b'{"event":"a","properties":{"time":1704196800000}}\n'


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    line: str
    headers: str
    form: dict[str, str]


Harm = Callable[[Asked], Iterable[bytes]]


class Hostile:
    """Answers every request with the bytes that `harm` makes of it, then hangs up."""

    def __init__(self, harm: Harm) -> None:
        self.harm = harm
        self.asked: list[Asked] = []
        self.sent = 0
        self.project = Project()
        self._stopped = False
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name="hostile", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stopped:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            asked = _read(connection)
            self.asked.append(asked)
            for piece in self.harm(asked):
                if self._stopped:
                    return
                connection.sendall(piece)
                self.sent += len(piece)
            connection.shutdown(socket.SHUT_WR)


def _read(connection: socket.socket) -> Asked:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            raise ValueError("nothing was asked")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    line, _, headers = head.decode("latin-1").partition("\r\n")
    lengths = [h.split(":")[1] for h in headers.splitlines() if h.lower().startswith("content-len")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return Asked(line, headers, dict(parse_qsl(body.decode())))


def answer(*pieces: bytes | Iterable[bytes], headers: bytes = b"") -> Harm:
    """200 with these pieces as its body; it ends where the connection does."""

    def send(asked: Asked) -> Iterator[bytes]:
        yield OK + headers + b"Connection: close\r\n\r\n"
        for piece in pieces:
            yield from [piece] if isinstance(piece, bytes) else piece

    return send


def raw(*pieces: bytes | Iterable[bytes]) -> Harm:
    """Exactly these bytes."""

    def send(asked: Asked) -> Iterator[bytes]:
        for piece in pieces:
            yield from [piece] if isinstance(piece, bytes) else piece

    return send


def zipped(*pieces: bytes | Iterable[bytes]) -> Harm:
    """200 with these pieces as one gzip stream."""

    def chunks() -> Iterator[bytes]:
        for piece in pieces:
            yield from [piece] if isinstance(piece, bytes) else piece

    return answer(Again(lambda: deflated(chunks())), headers=b"Content-Encoding: gzip\r\n")


class Again:
    """What a function makes, anew each time it is gone through."""

    def __init__(self, make: Callable[[], Iterable[bytes]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._make())


def deflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    deflate = zlib.compressobj(9, wbits=31)
    for chunk in chunks:
        if piece := deflate.compress(chunk):
            yield piece
    yield deflate.flush()


def repeated(piece: bytes, size: int) -> Again:
    """The piece over and over, about so many bytes of it, a megabyte at a time."""
    block = piece * max(1, min(MB, size) // len(piece))
    return Again(lambda: itertools.repeat(block, max(1, size // len(block))))


def inflating(piece: bytes, size: int) -> Again:
    """A small gzip stream without its end, which inflates to `size` bytes of the piece repeated.

    It is one deflated megabyte, again and again.
    """
    block = piece * max(1, MB // len(piece))
    deflate = zlib.compressobj(9, wbits=-15)
    once = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    times = max(1, size // len(block))
    header = gzip.compress(b"")[:10]
    return Again(lambda: itertools.chain([header], itertools.repeat(once, times)))


def bomb(piece: bytes, size: int) -> Harm:
    """200 with such a body."""
    return answer(inflating(piece, size), headers=b"Content-Encoding: gzip\r\n")


def page(profiles: Iterable[str], **more: Any) -> bytes:
    """An answer with a page of engage."""
    results = [{"$distinct_id": name, "$properties": {}} for name in profiles]
    said = {"status": "ok", "session_id": "s", "page_size": 5000, "results": results, **more}
    body = json.dumps(said).encode()
    return OK + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


# Starts the command from a process that is small itself: a peak is inherited by what it starts.
MEASURE = """
import os, sys
pid = os.fork()
if not pid:
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
_, status, used = os.wait4(pid, 0)
open(sys.argv[1], "w").write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Ended:
    """How a process of `mp` ended, and the most memory that it had, in MB."""

    code: int
    out: str
    error: dict[str, Any]
    megabytes: int


def measured(*arguments: str, peak: str, **environment: str) -> Ended:
    """`mp` with the arguments, as a process; its peak is noted in a file of that name."""
    started = [sys.executable, "-S", "-c", MEASURE, peak]
    done = subprocess.run(
        [*started, "-m", "mixpanel_assets", *arguments],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, **environment},
    )
    megabytes = int(Path(peak).read_text()) // 1024
    last = (done.stderr.splitlines() or ["{}"])[-1]
    said = json.loads(last) if last.startswith("{") else {"error": {"said": done.stderr}}
    return Ended(done.returncode, done.stdout, said.get("error", {}), megabytes)
