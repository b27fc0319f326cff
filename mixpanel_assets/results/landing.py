"""Results of landing; `to_dict` is the JSON of the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from mixpanel_assets import charts
from mixpanel_assets.charts import Chart
from mixpanel_assets.results.base import Result, as_html
from mixpanel_assets.results.frames import frame


class JSONText(str):
    """JSON text, which is written unchanged so that numbers keep all their digits."""

    __slots__ = ()


@dataclass(frozen=True)
class LandedDay:
    """One landed day: its rows, and the number of duplicates left out."""

    day: date
    rows: int
    duplicates: int
    bytes: int  # of uncompressed JSON
    partial: bool  # the day was not over when it was exported
    file: str
    repaired: int = 0  # rows whose text was not valid Unicode and has U+FFFD instead

    def to_dict(self) -> dict[str, Any]:
        """day, rows, duplicates, partial."""
        return {
            "day": str(self.day),
            "rows": self.rows,
            "duplicates": self.duplicates,
            "partial": self.partial,
        }


class LandingPlan(Result):
    """What landing days would take, judged by the days landed last; None: none are landed yet."""

    asset: str
    from_date: date
    to_date: date
    days: int
    replaced: int  # of them, landed completely already
    requests: int  # at most, while nothing is landed
    rows: int | None
    bytes: int | None  # of JSON
    seconds: float | None  # with waits for the hour's requests, without Mixpanel's own time
    requests_left: int  # in this hour

    def to_dict(self) -> dict[str, Any]:
        shown = super().to_dict()
        days = {"from": shown.pop("from_date"), "to": shown.pop("to_date")}
        return {"asset": shown.pop("asset"), **days, **shown}


@dataclass(frozen=True)
class Landing:
    """The days that one materialization loaded into the warehouse."""

    asset: str
    start: date
    end: date
    days: list[LandedDay] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0
    run_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The output of `mp materialize` and `mp rebuild`."""
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

    def summary(self) -> str:
        """What was landed, in a few lines."""
        shown = self.to_dict()
        lines = [
            f"{self.asset} {self.start} to {self.end}: {_counted(len(self.days), 'day')}, "
            f"{shown['rows']:,} rows, {shown['duplicates']:,} duplicates",
            f"{_counted(self.requests, 'request')}, {shown['bytes'] / 1e6:,.1f} MB of JSON, "
            f"{shown['seconds']:,.1f} s",
        ]
        if self.run_id:
            lines[-1] += f", run {self.run_id}"
        partial = [str(day.day) for day in self.days if day.partial]
        if partial:
            lines.append(f"not over when it was landed: {', '.join(partial)}")
        return "\n".join(lines)

    def chart(self) -> Chart:
        """The landed days as an image."""
        counts = {day.day: day.rows for day in self.days}
        partial = [day.day for day in self.days if day.partial]
        return charts.days("Landed events a day", counts, partial=partial)

    def _repr_html_(self) -> str:
        rows = [tuple(day.to_dict().values()) for day in self.days]
        return as_html(frame(["day", "rows", "duplicates", "partial"], rows), self.chart())


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class LandedTable(Result):
    """A replaced table of the catalog; or, in `skipped`, Mixpanel's reason why it is unchanged.

    One object of the output of `mp materialize catalog`.
    """

    table: str
    rows: int | None
    skipped: str | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """All profiles of a day, and the number of changes since the previous snapshot."""

    day: date
    rows: int
    new: int
    changed: int
    removed: int
    repaired: int = 0  # rows whose text was not valid Unicode and has U+FFFD instead
    requests: int = 0
    seconds: float = 0.0
    run_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The output of `mp materialize profiles`."""
        counts = ("rows", "new", "changed", "removed", "requests")
        return {
            "asset": "profiles",
            "snapshot_date": str(self.day),
            **{name: getattr(self, name) for name in counts},
            "seconds": round(self.seconds, 3),
            "run_id": self.run_id,
        }


class Fetched(Result):
    """The rows that one pull added to its table."""

    table: str
    type: str  # events or profiles
    rows: int
    duplicates: int  # left out
    start: date | None  # None for profiles
    end: date | None
    duration_seconds: float
    fetched_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """The output of `mp fetch`."""
        names = {"start": "from", "end": "to"}
        own = super().to_dict() | {"duration_seconds": round(self.duration_seconds, 3)}
        return {names.get(name, name): value for name, value in own.items()}


class Reconciled(Result):
    """What Dagster's record lacked, or had without it being landed.

    `reported` and `wiped` are days of events and profiles.
    """

    reported: list[date]
    wiped: list[date]


class Backfill(Result):
    """Days handed over to Dagster; `backfill_id` is None if there are none to land.

    `url` is that of the backfill in the UI of `mp dev`; None if that does not run.
    """

    asset: str
    start: date
    end: date
    backfill_id: str | None
    url: str | None

    def to_dict(self) -> dict[str, Any]:
        """The output of `mp materialize events --detach`."""
        return {
            "asset": self.asset,
            "from": str(self.start),
            "to": str(self.end),
            "backfill_id": self.backfill_id,
            "url": self.url,
        }
