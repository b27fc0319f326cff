"""Ways an API fails, each planned for the N-th request to it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass

STATUS_KINDS = ("429", "429-bare", "500", "502", "401", "402", "403")
GZIP_KINDS = ("truncated-gzip", "bad-crc")
LINE_KINDS = ("cut-glued", "cut-line", "cut-body", "error-tail", "clean-cut", "no-newline")
KINDS = (*LINE_KINDS, *GZIP_KINDS, "reset", "slow", *STATUS_KINDS)
QUERY_KINDS = (
    *("200-error", "400-timeout", "429-concurrency", "reset", "slow"),
    *STATUS_KINDS,
)
PAGE_KINDS = ("short", "duplicate", "expired", "reset", "slow", *STATUS_KINDS)

_FAULT = re.compile(r"(?P<kind>[^@]+)@(?:(?P<first>\d+)(?:-(?P<last>\d+))?|(?P<every>\*))")


@dataclass(frozen=True)
class Fault:
    """One kind of failure over a range of requests, counted from 1."""

    kind: str
    first: int
    last: int | None

    def strikes(self, number: int) -> bool:
        """Whether the request with this number is to fail."""
        return self.first <= number and (self.last is None or number <= self.last)


def parse_fault(text: str, kinds: tuple[str, ...] = KINDS) -> Fault:
    """The fault that `KIND@N`, `KIND@N-M` or `KIND@*` names."""
    found = _FAULT.fullmatch(text.strip())
    if not found or found["kind"] not in kinds:
        raise ValueError(
            f"not a fault: {text!r}. Write KIND@N, KIND@N-M or KIND@* for the N-th request"
            f" of its API, counted from 1. Kinds: {', '.join(kinds)}"
        )
    if found["every"]:
        return Fault(found["kind"], 1, None)
    first = int(found["first"])
    last = int(found["last"] or first)
    if not 1 <= first <= last:
        raise ValueError(f"not a fault: {text!r}. Requests count from 1, and N-M needs N <= M")
    return Fault(found["kind"], first, last)


class FaultPlan:
    """Which of the next requests fail, and how."""

    def __init__(self, faults: Iterable[str] = (), kinds: tuple[str, ...] = KINDS) -> None:
        self._kinds = kinds
        self._faults = [parse_fault(text, kinds) for text in faults]
        self._seen = 0
        self._lock = threading.Lock()

    def add(self, faults: Iterable[str]) -> None:
        """Add faults, counted from the next request; they take precedence over older ones."""
        parsed = [parse_fault(text, self._kinds) for text in faults]
        with self._lock:
            ahead = [
                Fault(f.kind, f.first + self._seen, f.last and f.last + self._seen) for f in parsed
            ]
            self._faults = ahead + self._faults

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults = []

    def strike(self) -> str | None:
        """Count one request and return the kind of failure planned for it, if any."""
        with self._lock:
            self._seen += 1
            return next((f.kind for f in self._faults if f.strikes(self._seen)), None)


def faulty_lines(kind: str | None, lines: Iterable[bytes], total: int) -> Iterable[bytes]:
    """Pieces of the body, newlines included, broken by the fault after half of the records.

    Forms seen in the field: https://github.com/mixpanel/mixpanel-utils and the fixtures of
    other exporters.
    """
    half = (total + 1) // 2
    whole = kind not in LINE_KINDS and kind not in ("truncated-gzip", "reset")
    if kind == "cut-body":
        yield b"export terminated early"
        return
    if not total and kind in ("cut-glued", "cut-line", "error-tail"):
        yield from _tail(kind, b"")
        return
    for number, line in enumerate(lines, start=1):
        if kind == "no-newline" and number == total:
            yield line
        elif whole or kind == "no-newline" or number < half:
            yield line + b"\n"
        else:
            yield from _tail(kind, line)
            return


def _tail(kind: str | None, line: bytes) -> Iterable[bytes]:
    if kind == "cut-glued":
        value = line.rfind(b'":', 0, len(line) * 2 // 3)
        yield line[: value + 2] + b"terminated early"
    elif kind == "cut-line":
        yield line + b"\nterminated early\n"
    elif kind == "error-tail":
        yield line + b'\n{"error": "unknown er'
    elif kind in ("reset", "truncated-gzip"):
        yield line[: len(line) // 2]
    else:
        yield line + b"\n"
