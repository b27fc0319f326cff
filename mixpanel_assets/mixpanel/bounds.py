"""Limits on the size, number of values and duration of an answer."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from mixpanel_assets.errors import AnswerTooLargeError
from mixpanel_assets.settings import Settings

MB = 1024**2
GB = 1024**3

# A parsed value takes about a hundred bytes of memory, however short its JSON.
BYTES_PER_VALUE = 16
LONGEST_ANSWER = 1800.0  # seconds; Mixpanel itself ends a query after 488
LONGEST_EXPORT = 6 * 3600.0


@dataclass(frozen=True)
class Bounds:
    """Limits in uncompressed bytes, and in seconds from an answer's headers to its end."""

    answer_bytes: int = 128 * MB
    export_bytes: int = 64 * GB
    answer_seconds: float = LONGEST_ANSWER
    export_seconds: float = LONGEST_EXPORT

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits of the settings."""
        return cls(settings.max_answer_mb * MB, settings.max_export_gb * GB)

    def of_export(self) -> Meter:
        """A meter for one export that begins now."""
        return Meter(self.export_bytes, self.export_seconds, "MP_MAX_EXPORT_GB")

    def whole(self, chunks: Iterable[bytes]) -> bytes:
        """The joined chunks of a JSON answer. Raises AnswerTooLargeError."""
        meter = Meter(self.answer_bytes, self.answer_seconds, "MP_MAX_ANSWER_MB")
        body = bytearray()
        for chunk in chunks:
            meter.count(len(chunk))
            body += chunk
        # An estimate: these characters also occur in strings, but rarely.
        values = sum(body.count(sign) for sign in (b",", b":", b"[", b"{"))
        if values * BYTES_PER_VALUE > self.answer_bytes:
            raise meter.exceeded(f"has about {values:,} values")
        return bytes(body)


class Meter:
    """Counts received bytes and time, and raises AnswerTooLargeError above a limit."""

    def __init__(self, most_bytes: int, seconds: float, setting: str) -> None:
        self._most, self._seconds, self._setting = most_bytes, seconds, setting
        self._end = time.monotonic() + seconds
        self._bytes = 0

    def count(self, size: int) -> None:
        """Add `size` received bytes. Raises AnswerTooLargeError."""
        self._bytes += size
        if self._bytes > self._most:
            raise self.exceeded(f"is longer than {self._most:,} bytes")
        if time.monotonic() > self._end:
            raise self.exceeded(f"took over {self._seconds:,.0f} s", hint="try again later")

    def exceeded(self, what: str, hint: str | None = None) -> AnswerTooLargeError:
        """The error for an answer that `what`, such as "is longer than 5 bytes"."""
        return AnswerTooLargeError(
            f"Mixpanel's answer {what}",
            hint=hint or f"request less data, or increase {self._setting}",
            bytes_seen=self._bytes,
        )
