"""The metadata that the UI shows of a materialization."""

import time
from collections.abc import Sequence

import dagster as dg

from mixpanel_assets.results import LandedDay

REQUESTS = "run_requests"
SECONDS = "run_seconds"
SKIPPED = "skipped"  # the entry of an observation with the reason
WIDEST = 30  # characters of the longest bar
BLOCKS = " ▏▎▍▌▋▊▉"  # eighths of a character

Metadata = dict[str, dg.MetadataValue]


def of_day(day: LandedDay, seconds: float) -> Metadata:
    """The figures of a day; `seconds` is its share of the time since the previous days."""
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(day.rows),
        "duplicates": dg.MetadataValue.int(day.duplicates),
        "repaired": dg.MetadataValue.int(day.repaired),
        "bytes": dg.MetadataValue.int(day.bytes),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
        "partial": dg.MetadataValue.bool(day.partial),
        "file": dg.MetadataValue.text(day.file),
    }


def of_run(requests: int, started: float) -> dict[str, int | float]:
    """The requests of a run, and its seconds since `started` (of the monotonic clock)."""
    return {REQUESTS: requests, SECONDS: round(time.monotonic() - started, 3)}


def hours_chart(events: Sequence[int]) -> str:
    """Events per hour as bars, in Markdown."""
    most = max(*events, 1)
    lines = [f"{hour:02d} {_bar(count / most)} {count:,}" for hour, count in enumerate(events)]
    return "\n".join(["```", *lines, "```"])


def _bar(share: float) -> str:
    whole, eighths = divmod(round(share * WIDEST * 8), 8)
    return ("█" * whole + BLOCKS[eighths].strip()).ljust(WIDEST)
