"""Retention over landed events: https://docs.mixpanel.com/docs/reports/retention"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

import numpy as np

from mixpanel_assets.expressions import parse_step
from mixpanel_assets.questions.analytics import DAY_MS, Retention
from mixpanel_assets.results import CohortInfo, LocalRetentionResult
from mixpanel_assets.warehouse.analytics.buckets import Buckets, number_of
from mixpanel_assets.warehouse.analytics.keys import (
    LONG_AGO,
    NEVER,
    Flags,
    Ints,
    Packing,
    Times,
    firsts,
)
from mixpanel_assets.warehouse.analytics.source import (
    OTHER,
    OVERALL,
    TIMED,
    Others,
    Rows,
    Source,
    day_ms,
    days_of,
    packing,
)
from mixpanel_assets.warehouse.sql import Connection

DAYS = {"day": 1, "week": 7, "month": 30}  # of a rolling interval
BORN, BACK = 1, 2  # bits of a row


def retention(warehouse: Connection, asked: Retention, zone: tzinfo) -> LocalRetentionResult:
    return _Retention(warehouse, asked, zone).result()


@dataclass(frozen=True)
class Births:
    """Who is followed from when, sorted by person and time; the unit and segment of each."""

    person: Ints
    at: Ints
    name: Ints
    unit: Ints
    segment: Ints

    def __getitem__(self, which: Ints) -> Births:
        return Births(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


class _Retention:
    def __init__(self, warehouse: Connection, asked: Retention, zone: tzinfo) -> None:
        self.asked, self.source = asked, Source(warehouse, asked, zone)
        back = None if asked.return_event is None else parse_step(asked.return_event)
        self.back = back
        # Compounded: whoever comes back is also followed from then on.
        self.born = back if asked.born is None else parse_step(asked.born)
        self.last = max([self.source.read_until, *self.source.landed])
        if not asked.on_or_after:
            self.last = self.source.read_until
        self.buckets = Buckets(self.source.first, self.source.last, asked.unit, asked.week_start)
        self.later = Buckets(self.source.first, self.last, asked.unit, asked.week_start)
        self.length = asked.interval_count + 1

    def result(self) -> LocalRetentionResult:
        asked, source = self.asked, self.source
        steps = [one for one in (self.born, self.back) if one is not None]
        source.check(steps)
        rows = self._rows()
        births, back = self._births(rows), self._back(rows)
        texts = rows.texts.get("segment", [""])
        sizes = np.zeros((len(self.buckets.starts), len(texts)), np.int64)
        np.add.at(sizes, (births.unit, births.segment), 1)
        found = np.zeros((*sizes.shape, self.length), np.int64)
        for segment, those in self._returns(rows, back, texts):
            self._add(found, births, those, segment)
        overall = self._overall(rows, births, back) if self._by_return else found.sum(axis=1)
        cohorts = list(self._cohorts(sizes, found, overall, texts))
        return LocalRetentionResult(
            asked.born,
            asked.return_event,
            source.first,
            source.last,
            asked.unit,
            cohorts,
            self._average(sizes.sum(axis=1), overall),
            source.basis(events=len(rows), people=rows.people),
        )

    @property
    def _by_return(self) -> bool:
        return self.asked.by is not None and self.asked.by_event == "return"

    def _rows(self) -> Rows:
        source, asked = self.source, self.asked
        every = self.back is None
        steps = [one for one in (self.born, self.back) if one is not None]
        columns = {"person": source.person, "at": source.at}
        if every or len(steps) == 2:  # else all are of one event
            columns["name"] = "event_name"
        if asked.by:
            which = self.back if self._by_return else self.born
            names = None if which is None else [which.event]
            bit = BACK if self._by_return and len(steps) == 2 else BORN
            segment = source.segment(asked.by, names)
            columns["segment"] = (
                segment
                if which is None
                else f"case when steps & {bit} <> 0 then {segment} else '' end"
            )
        source.tell_left_out(None if every else steps, last=self.last)
        if not steps:
            query = source.rows({**columns, "steps": "3"}, last=self.last, only=TIMED)
        else:
            others: Others = "matching" if every else "none"
            query = source.rows(columns, steps, last=self.last, only=TIMED, others=others)
        coded = [name for name in ("person", "name", "segment") if name in columns]
        return source.read(query, coded)

    def _bits(self, rows: Rows) -> tuple[Flags, Flags]:
        bits = rows["steps"]
        born = bits & BORN != 0
        if self.back is None:
            every = np.ones(len(rows), bool)
            return (born if self.born is not None else every), every
        return born, (born if self.asked.born is None else bits & BACK != 0)

    def _names(self, rows: Rows) -> Ints:
        names: Ints = rows.columns.get("name", np.zeros(len(rows), np.int64))
        return names

    def _births(self, rows: Rows) -> Births:
        born, _ = self._bits(rows)
        day = days_of(rows["at"])
        which = np.flatnonzero(born & (day <= number_of(self.source.last)))
        person, at, name = rows["person"][which], rows["at"][which], self._names(rows)[which]
        segment = np.zeros(len(which), np.int64)
        if self.asked.by and not self._by_return:
            segment = rows["segment"][which]
        order = np.lexsort((segment, name, at, person))
        births = Births(
            person[order],
            at[order],
            name[order],
            self.buckets.of_days(day[which][order]),
            segment[order],
        )
        first = firsts(births.person)
        if self.asked.retention_type == "compounded":
            first = first | firsts(births.unit)
        return births[np.flatnonzero(first)]

    def _back(self, rows: Rows) -> Ints:
        return np.flatnonzero(self._bits(rows)[1])

    def _returns(
        self, rows: Rows, back: Ints, texts: Sequence[str]
    ) -> list[tuple[int | None, _Returns]]:
        if not self._by_return:
            return [(None, self._returned(rows, back))]
        segment = rows["segment"][back]
        return [(code, self._returned(rows, back[segment == code])) for code in range(len(texts))]

    def _returned(self, rows: Rows, which: Ints) -> _Returns:
        pack = packing(self.source.first, self.last)
        return _Returns(pack, rows["person"][which], rows["at"][which], self._names(rows)[which])

    def _overall(self, rows: Rows, births: Births, back: Ints) -> Ints:
        found = np.zeros((len(self.buckets.starts), 1, self.length), np.int64)
        plain = Births(
            births.person, births.at, births.name, births.unit, np.zeros_like(births.unit)
        )
        self._add(found, plain, self._returned(rows, back), None)
        overall: Ints = found[:, 0]
        return overall

    def _add(self, found: Ints, births: Births, returns: _Returns, segment: int | None) -> None:
        """Count who came back in each interval, by unit and segment of the birth."""
        where = births.segment if segment is None else np.full(len(births.unit), segment)
        since = returns.after(births)
        if self.asked.on_or_after:
            last = returns.last(births.person)
            reached = np.where((since != NEVER) & (last >= since), self._interval(births, last), -1)
            for number in range(self.length):
                came = reached >= number
                np.add.at(found[:, :, number], (births.unit[came], where[came]), 1)
            return
        for number in range(self.length):
            starts, ends = self._bounds(births, number)
            first = since if number == 0 else returns.first(births.person, starts)
            came = first < ends
            np.add.at(found[:, :, number], (births.unit[came], where[came]), 1)

    def _bounds(self, births: Births, number: int) -> tuple[Ints, Ints]:
        """When the interval begins and ends for each birth."""
        if not self.asked.calendar:
            length = DAYS[self.asked.unit] * DAY_MS
            return births.at + number * length, births.at + (number + 1) * length
        edges = np.array(
            [
                day_ms(self._moved(start, n))
                for start in self.buckets.starts
                for n in (number, number + 1)
            ]
        ).reshape(-1, 2)
        return edges[births.unit, 0], edges[births.unit, 1]

    def _moved(self, start: date, units: int) -> date:
        if self.asked.unit != "month":
            return start + timedelta(days=units * DAYS[self.asked.unit])
        months = start.year * 12 + start.month - 1 + units
        return date(months // 12, months % 12 + 1, 1)

    def _interval(self, births: Births, at: Ints) -> Ints:
        """The number of the interval that a time after the birth is in."""
        if not self.asked.calendar:
            found: Ints = (at - births.at) // (DAYS[self.asked.unit] * DAY_MS)
            return found
        days = np.where(at == NEVER, 0, days_of(at))
        place = self.later.of_days(np.clip(days, number_of(self.source.first), None))
        return place - births.unit

    def _cohorts(
        self, sizes: Ints, found: Ints, overall: Ints, texts: Sequence[str]
    ) -> list[CohortInfo]:
        cohorts = []
        segments = self._segments(found, sizes, texts) if self.asked.by else []
        for unit, label in enumerate(self.buckets.labels):
            whole = int(sizes[unit].sum())
            name = OVERALL if self.asked.by else None
            cohorts.append(CohortInfo(label, whole, _rates(overall[unit], whole), name))
            for name, codes in segments:
                counts = found[unit, codes].sum(axis=0)
                size = whole if self._by_return else int(sizes[unit, codes].sum())
                if size and (not self._by_return or counts.any()):
                    cohorts.append(CohortInfo(label, size, _rates(counts, size), name))
        return cohorts

    def _segments(
        self, found: Ints, sizes: Ints, texts: Sequence[str]
    ) -> list[tuple[str, list[int]]]:
        weight = (found.sum(axis=(0, 2)) if self._by_return else sizes.sum(axis=0)).tolist()
        known = [code for code in range(len(texts)) if weight[code]]
        ranked = sorted(known, key=lambda code: (-weight[code], texts[code]))
        shown = [(texts[code], [code]) for code in ranked[: self.asked.limit]]
        rest = ranked[self.asked.limit :]
        return [*shown, (OTHER, rest)] if rest else shown

    def _average(self, sizes: Ints, overall: Ints) -> list[float | None]:
        """Each interval's share over the cohorts for which it is over and landed.

        Those who began and those who came back are both weighted by the cohort's size, as in
        Mixpanel's example: 500 of 1000 and 400 of 500 are 56 %.
        """
        average: list[float | None] = []
        until = self.source.whole_until(self.source.first, self.last)
        for number in range(self.length):
            complete = [
                unit
                for unit, start in enumerate(self.buckets.starts)
                if until is not None and self._ends(start, number) <= until
            ]
            weight = sizes[complete].astype(float)
            began, back = weight @ sizes[complete], weight @ overall[complete, number]
            average.append(float(back / began) if began else None)
        return average

    def _ends(self, start: date, number: int) -> date:
        """The last day on which the interval ends for somebody of the unit."""
        over = self._moved(start, 1) - timedelta(1)
        born = min(over, self.source.last)
        if self.asked.calendar:
            return self._moved(start, number + 1) - timedelta(1)
        return born + timedelta(days=(number + 1) * DAYS[self.asked.unit])


class _Returns:
    """Everybody's returns, to be asked for those from a time on."""

    def __init__(self, pack: Packing, person: Ints, at: Ints, name: Ints) -> None:
        self._person, self._at = person, at
        self._name = name[np.lexsort((name, at, person))]  # as `place` counts
        self._times = Times(pack, person, at)

    def first(self, person: Ints, since: Ints) -> Ints:
        """When each came back first at or after the time."""
        return self._times.first(person, since)

    def after(self, births: Births) -> Ints:
        """When each came back first: later, or in the same moment with another event."""
        found = self._times.first(births.person, births.at + 1)
        low = self._times.place(births.person, births.at)
        high = self._times.place(births.person, births.at, "right")
        here = np.flatnonzero(high > low)
        names = births.name[here]
        other = (self._name[low[here]] != names) | (self._name[high[here] - 1] != names)
        found[here[other]] = births.at[here[other]]
        return found

    def last(self, person: Ints) -> Ints:
        """When each came back last; LONG_AGO if never."""
        most = int(max(person.max(initial=0), self._person.max(initial=0))) + 1
        found = np.full(most, LONG_AGO)
        np.maximum.at(found, self._person, self._at)
        last: Ints = found[person]
        return last


def _rates(counts: Ints, size: int) -> list[float]:
    return [float(count / size) if size else 0.0 for count in counts]
