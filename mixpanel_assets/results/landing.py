"""What landing returns: plain records, in the words of the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from mixpanel_assets.results.base import Result, plain


class JSONText(str):
    """Text that is JSON: it is written as it stands, digit by digit."""

    __slots__ = ()


@dataclass(frozen=True)
class LandedDay:
    """One day in the warehouse: its rows, and the duplicates that were left out."""

    day: date
    rows: int
    duplicates: int
    bytes: int  # of JSON, uncompressed
    partial: bool  # the day was not over when it was exported
    file: str
    repaired: int = 0  # rows whose text was no Unicode, where U+FFFD stands for what was not

    def to_dict(self) -> dict[str, Any]:
        """day, rows, duplicates, partial."""
        return {
            "day": str(self.day),
            "rows": self.rows,
            "duplicates": self.duplicates,
            "partial": self.partial,
        }


@dataclass(frozen=True)
class Landing:
    """What one materialization put into the warehouse."""

    asset: str
    start: date
    end: date
    days: list[LandedDay] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0
    run_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The answer of `mp materialize` and `mp rebuild`."""
        return {
            "asset": self.asset,
            "from": str(self.start),
            "to": str(self.end),
            "days": len(self.days),
            "rows": sum(day.rows for day in self.days),
            "duplicates": sum(day.duplicates for day in self.days),
            "requests": self.requests,
            "bytes": sum(day.bytes for day in self.days),
            "seconds": round(self.seconds, 3),
            "run_id": self.run_id,
            "partitions": [day.to_dict() for day in self.days],
        }


@dataclass(frozen=True)
class LandedTable:
    """A table of the catalog, replaced whole; or why it was left as it was, in Mixpanel's words."""

    table: str
    rows: int | None
    skipped: str | None = None
    run_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """One object of the answer of `mp materialize catalog`."""
        return {
            "table": self.table,
            "rows": self.rows,
            "skipped": self.skipped,
            "run_id": self.run_id,
        }


@dataclass(frozen=True)
class Snapshot:
    """All profiles of a day, and how many of them are not as the snapshot before had them."""

    day: date
    rows: int
    new: int
    changed: int
    removed: int
    repaired: int = 0  # rows whose text was no Unicode, where U+FFFD stands for what was not
    requests: int = 0
    seconds: float = 0.0
    run_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The answer of `mp materialize profiles`."""
        return {
            "asset": "profiles",
            "snapshot_date": str(self.day),
            "rows": self.rows,
            "new": self.new,
            "changed": self.changed,
            "removed": self.removed,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "run_id": self.run_id,
        }


@dataclass(frozen=True, repr=False)
class Fetched(Result):
    """What one pull added to a table of its own."""

    table: str
    type: str  # events or profiles
    rows: int
    duplicates: int  # that were left out
    start: date | None  # None for profiles
    end: date | None
    duration_seconds: float
    fetched_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """The answer of `mp fetch`."""
        return {
            "table": self.table,
            "type": self.type,
            "rows": self.rows,
            "duplicates": self.duplicates,
            "from": plain(self.start),
            "to": plain(self.end),
            "duration_seconds": round(self.duration_seconds, 3),
            "fetched_at": self.fetched_at.isoformat(),
        }
