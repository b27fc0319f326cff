"""Finds the days with newly received events, with one streamed export."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeGuard

from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export.events import LineCheck, copy_verified

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_SECONDS = 1e11  # larger times are in milliseconds


def newest_arrivals(
    mixpanel: Client, start: date, end: date, since: datetime
) -> dict[date, datetime]:
    """By day from start to end, the time of the newest event received since `since`, if any.

    The export is not stored. A cut answer is requested again, then raises ExportIncompleteError.
    https://docs.mixpanel.com/docs/tracking-best-practices/hot-shard-limits
    """
    since_ms = int(since.timestamp() * 1000)
    params = {
        "from_date": str(start),
        "to_date": str(end),
        "time_in_ms": "true",
        "where": f'number(properties["mp_processing_time_ms"]) >= {since_ms}',
    }

    def asked() -> _Arrivals:
        arrivals = _Arrivals(start, end)
        with mixpanel.stream_export(params) as response:
            copy_verified(response, arrivals, mixpanel.bounds)
        return arrivals

    return {
        day: EPOCH + timedelta(milliseconds=newest)
        for day, newest in sorted(mixpanel.retrying(asked).newest.items())
    }


class _Arrivals(LineCheck):
    """Records the newest receipt time of each day."""

    def __init__(self, start: date, end: date) -> None:
        super().__init__()
        self.newest: dict[date, float] = {}
        self._start, self._end = start, end

    def _check(self, block: bytes | bytearray) -> None:
        for line in block.split(b"\n") if block.strip() else ():
            if line.strip():
                self._check_line(line)

    def _check_line(self, line: bytes | bytearray) -> dict[str, Any]:
        record = super()._check_line(line)
        if isinstance(properties := record.get("properties"), dict):
            at, came_in = properties.get("time"), properties.get("mp_processing_time_ms")
            if _is_time(at) and _is_time(came_in):
                # The export may include events of a time just outside the span.
                day = min(max(day_of(at), self._start), self._end)
                self.newest[day] = max(self.newest.get(day, 0.0), float(came_in))
        return record


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e14


def day_of(time: float) -> date:
    """The UTC day of an event's time, in seconds or milliseconds since 1970."""
    milliseconds = time if abs(time) > MOST_SECONDS else time * 1000
    return (EPOCH + timedelta(milliseconds=milliseconds)).date()
