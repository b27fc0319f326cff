"""How much an answer may be: in bytes, in values, in time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from mixpanel_assets.errors import AnswerTooLargeError
from mixpanel_assets.settings import Settings

MB = 1024**2
GB = 1024**3

# Parsed, a value takes about a hundred bytes, however few it is sent in.
BYTES_PER_VALUE = 16
LONGEST_ANSWER = 1800.0  # seconds; Mixpanel itself ends a query after 488
LONGEST_EXPORT = 6 * 3600.0


@dataclass(frozen=True)
class Bounds:
    """Bytes are uncompressed ones; seconds count from the headers of an answer to its end."""

    answer_bytes: int = 128 * MB
    export_bytes: int = 64 * GB
    answer_seconds: float = LONGEST_ANSWER
    export_seconds: float = LONGEST_EXPORT

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What the environment allows."""
        return cls(settings.max_answer_mb * MB, settings.max_export_gb * GB)

    def of_export(self) -> Meter:
        """For one export, from now on."""
        return Meter(self.export_bytes, self.export_seconds, "MP_MAX_EXPORT_GB")

    def of_answer(self) -> Meter:
        """For one answer in JSON, from now on."""
        return Meter(self.answer_bytes, self.answer_seconds, "MP_MAX_ANSWER_MB")

    def whole(self, chunks: Iterable[bytes]) -> bytes:
        """The chunks of an answer in JSON, as one. Raises AnswerTooLargeError."""
        meter, body = self.of_answer(), bytearray()
        for chunk in chunks:
            meter.count(len(chunk))
            body += chunk
        # Not in strings alone do these stand, but there they are few.
        values = sum(body.count(sign) for sign in (b",", b":", b"[", b"{"))
        if values * BYTES_PER_VALUE > self.answer_bytes:
            raise meter.exceeded(f"has {values:,} values or so")
        return bytes(body)


class Meter:
    """Counts what comes in, and raises AnswerTooLargeError once it is too much."""

    def __init__(self, most_bytes: int, seconds: float, setting: str) -> None:
        self._most, self._seconds, self._setting = most_bytes, seconds, setting
        self._end = time.monotonic() + seconds
        self._bytes = 0

    def count(self, size: int) -> None:
        """So many more bytes came."""
        self._bytes += size
        if self._bytes > self._most:
            raise self.exceeded(f"is longer than {self._most:,} bytes")
        if time.monotonic() > self._end:
            raise self.exceeded(f"goes on after {self._seconds:,.0f} s", hint="try again later")

    def exceeded(self, what: str, hint: str | None = None) -> AnswerTooLargeError:
        """The error that says what the answer is or does."""
        return AnswerTooLargeError(
            f"Mixpanel's answer {what}",
            hint=hint or f"ask for less, or raise {self._setting}",
            bytes_seen=self._bytes,
        )
