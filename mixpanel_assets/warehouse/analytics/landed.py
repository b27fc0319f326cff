"""Which days of a question are landed, and what that means for its answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from time import monotonic
from typing import Any

from mixpanel_assets.notes import note
from mixpanel_assets.questions.analytics import ALL_MS, DAY_MS, Analysis
from mixpanel_assets.results import Basis
from mixpanel_assets.warehouse.ask.coverage import as_ranges, as_text, landed_rows
from mixpanel_assets.warehouse.ask.names import LANDED, find_events
from mixpanel_assets.warehouse.sql import Connection, first_column


class LandedDays:
    """The days that a question asks about, and those whose events can count."""

    def __init__(self, warehouse: Connection, asked: Analysis[Any]) -> None:
        self.started = monotonic()
        self.warehouse, self.asked = warehouse, asked
        self.relation = find_events(warehouse, asked.table)
        self.first = asked.days[0] or date.min
        self.last = asked.days[1] or self._last_day()
        self.without_person = self.without_time = 0

    def _last_day(self) -> date:
        """The last landed day that was over, or else the last landed one."""
        over = [day for day, whole in self.landed.items() if whole and day >= self.first]
        return max(over or [self.first, *self.landed])

    @property
    def read_from(self) -> date:
        """The first day whose events can count."""
        return self.first - timedelta(days=-(-self.asked.looks_back_ms // DAY_MS))

    @property
    def read_until(self) -> date:
        """The last day whose events can count."""
        return self.last + timedelta(days=-(-self.asked.reads_ms // DAY_MS))

    @cached_property
    def landed(self) -> dict[date, bool]:
        """The landed days of the table, and whether each is whole."""
        every = landed_rows(self.warehouse)
        if self.relation.name in LANDED:
            found = [row for row in every if row["dataset"] == "events"]
            return {row["day"]: not row["partial"] for row in found}
        days: dict[date, bool] = {}
        for row in every:
            if row["dataset"] == self.relation.name:
                days |= _fetched(row)
        if not days:  # a table that mp did not make
            query = f"select distinct event_date from {self.relation.wide}"
            days = dict.fromkeys(filter(None, first_column(self.warehouse, query)), True)
        return days

    def whole_until(self, first: date, last: date) -> date | None:
        """The last day up to which all are landed and were over, from the first on."""
        day = first
        while day <= last and self.landed.get(day):
            day += timedelta(1)
        return day - timedelta(1) if day > first else None

    def basis(self, *, events: int, people: int | None = None) -> Basis:
        """What the answer is based on; with notes on days that are missing."""
        until = self.complete_until()
        days = [day for day in self.landed if self.read_from <= day <= self.read_until]
        missing = self._missing(self.first, self.last)
        if self.relation.name in LANDED or self.landed:
            self._tell(missing, until)
        return Basis(
            complete_until=until,
            landed_days=len(days),
            missing_days=as_ranges(missing),
            people=people,
            events=events,
            without_person=self.without_person,
            without_time=self.without_time,
            seconds=round(monotonic() - self.started, 3),
        )

    def _missing(self, first: date, last: date) -> list[date]:
        """The days that are not landed, or were landed before they were over."""
        days = (first + timedelta(n) for n in range((last - first).days + 1))
        return [day for day in days if not self.landed.get(day)]

    def complete_until(self) -> date | None:
        """The last day of the question for which all that can count is landed."""
        whole = self.whole_until(self.first, self.read_until)
        if whole is None:
            return None
        if whole >= self.read_until:
            return self.last
        found = whole - timedelta(days=-(-self.asked.reads_ms // DAY_MS))
        return min(found, self.last) if found >= self.first else None

    def _tell(self, missing: Sequence[date], until: date | None) -> None:
        if missing:
            note(f"not landed, or not over when they were: {as_text(missing)}")
        if 0 < self.asked.looks_back_ms < ALL_MS:
            before = self._missing(self.read_from, self.first - timedelta(1))
            if before:
                note(f"the days before count too, and are not landed: {as_text(before)}")
        reads = self.asked.reads_ms
        gone = [day for day in missing if day <= self.last]
        if reads and until != self.last and len(gone) < (self.last - self.first).days + 1:
            since = f"after {until}" if until else f"from {self.first} on"
            note(
                f"people who begin {since} have less time than the question gives them: what "
                f"follows is landed until {self._last_landed()}"
            )

    def _last_landed(self) -> str:
        whole = [day for day, over in self.landed.items() if over and day <= self.read_until]
        return str(max(whole)) if whole else "never"


def _fetched(row: dict[str, Any]) -> dict[date, bool]:
    """The days that one fetch asked for, and whether each was over; `landed` has a row for all."""
    asked = json.loads(row["filters"] or "{}")
    first = date.fromisoformat(asked.get("from", str(row["day"])))
    last = date.fromisoformat(asked.get("to", str(row["day"])))
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    return {day: not row["partial"] or day < last for day in days}


def days_read(asked: Analysis[Any], last: date | None) -> tuple[date | None, date | None]:
    """The first and last day of the events that the question reads; None: there is no such."""
    first, end = asked.days[0], last or asked.days[1]
    if first:
        first -= timedelta(days=-(-asked.looks_back_ms // DAY_MS))
    if end:
        end += timedelta(days=-(-asked.reads_ms // DAY_MS))
    return first, None if getattr(asked, "on_or_after", False) else end
