"""Retention over landed events: https://docs.mixpanel.com/docs/reports/retention"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo

import numpy as np

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import parse_step
from mixpanel_assets.questions.analytics import DAY_MS, Retention
from mixpanel_assets.results import CohortInfo, LocalRetentionResult
from mixpanel_assets.warehouse.analytics.buckets import DAYS, Buckets, number_of
from mixpanel_assets.warehouse.analytics.keys import (
    LONG_AGO,
    NEVER,
    Flags,
    Ints,
    Packing,
    Times,
    firsts,
    in_order,
)
from mixpanel_assets.warehouse.analytics.source import (
    OTHER,
    OVERALL,
    STEPS,
    Others,
    Rows,
    Source,
    day_ms,
    days_of,
    packing,
)
from mixpanel_assets.warehouse.sql import Connection

BORN, BACK = 1, 2  # bits of a row
MOST_RETURNED = 1_000  # segments of returns, each of which is counted for itself


def retention(warehouse: Connection, asked: Retention, zone: tzinfo) -> LocalRetentionResult:
    return _Retention(warehouse, asked, zone).result()


@dataclass(frozen=True)
class Births:
    """Who is followed from when, sorted by person and time; the unit and segment of each.

    `name` is that of the event if all events are returns.
    """

    person: Ints
    at: Ints
    unit: Ints
    segment: Ints
    name: Ints

    def __getitem__(self, which: Ints) -> Births:
        return Births(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


class _Retention:
    def __init__(self, warehouse: Connection, asked: Retention, zone: tzinfo) -> None:
        self.asked = asked
        back = None if asked.return_event is None else parse_step(asked.return_event)
        self.back = back
        # Compounded: whoever comes back is also followed from then on.
        self.born = back if asked.born is None else parse_step(asked.born)
        steps = [one for one in (self.born, back) if one is not None]
        self.source = Source(warehouse, asked, zone, steps)
        self.last = max([self.source.read_until, *self.source.landed])
        if not asked.on_or_after:
            self.last = self.source.read_until
        self.buckets = Buckets(self.source.first, self.source.last, asked.unit, asked.week_start)
        self.later = Buckets(self.source.first, self.last, asked.unit, asked.week_start)
        self.length = asked.interval_count + 1
        self.packing = packing(self.source.first, self.last)

    def result(self) -> LocalRetentionResult:
        asked, source = self.asked, self.source
        every = self._rows()
        rows = every if self.born is None else every.of_people(self._born(every))
        births, back = self._births(rows), self._back(rows)
        texts = rows.texts.get("segment", [""])
        if self._by_return and len(texts) > MOST_RETURNED:
            raise UsageError(
                f"by has {len(texts):,} values, and returns split by {MOST_RETURNED:,} at most",
                hint="split by the first event, or by an expression that has fewer values",
            )
        if not self._by_return:
            births, texts = self._largest(births, texts)
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
            source.basis(events=len(every), people=every.people),
        )

    def _largest(self, births: Births, texts: Sequence[str]) -> tuple[Births, list[str]]:
        """The births with the largest segments, and the others as one; by size, then by name."""
        weight = np.bincount(births.segment, minlength=len(texts))
        ranked = sorted(np.flatnonzero(weight).tolist(), key=lambda n: (-weight[n], texts[n]))
        shown = [texts[code] for code in ranked[: self.asked.limit]]
        place = np.full(len(texts), len(shown))
        place[ranked[: self.asked.limit]] = np.arange(len(shown))
        named = [*shown, OTHER] if len(ranked) > len(shown) else shown
        return replace(births, segment=place[births.segment]), named or [""]

    @property
    def _by_return(self) -> bool:
        return self.asked.by is not None and self.asked.by_event == "return"

    def _rows(self) -> Rows:
        source, asked = self.source, self.asked
        every = self.back is None
        steps = [one for one in (self.born, self.back) if one is not None]
        columns = {"name": source.name} if every else {}  # else all returns are of one event
        if asked.by:
            which = self.back if self._by_return else self.born
            segment = source.segment(asked.by, None if which is None else [which.event])
            bit = BACK if self._by_return and len(steps) == 2 else BORN
            if which is not None:
                segment = f"case when {STEPS} & {bit} <> 0 then {segment} else '' end"
            columns["segment"] = segment
        source.count_left_out(None if every else steps, last=self.last)
        others: Others = "matching" if every else "none"
        return source.read(
            columns,
            steps or None,
            coded=["segment"] if asked.by else (),
            packing=self.packing,
            last=self.last,
            only=source.timed,
            others=others,
        )

    def _born(self, rows: Rows) -> Flags:
        """The rows that can be a birth."""
        found: Flags = np.ones(len(rows), bool) if self.born is None else rows["steps"] & BORN != 0
        return found

    def _back(self, rows: Rows) -> Ints:
        """The rows that are a return."""
        if self.back is None:
            return np.arange(len(rows))
        # Compounded, it is the first event, too.
        return np.flatnonzero(rows["steps"] & (BORN if self.asked.born is None else BACK))

    def _births(self, rows: Rows) -> Births:
        which = np.flatnonzero(self._born(rows))
        person, at = self.packing.unpack(rows["key"][which])
        inside = days_of(at) <= number_of(self.source.last)
        which, person, at = which[inside], person[inside], at[inside]
        segment = np.zeros(len(which), np.int64)
        if self.asked.by and not self._by_return:
            segment = rows["segment"][which]
        name = rows["name"][which] if self.back is None else segment
        of_any = (name,) if self.born is None else ()  # else all have the same name
        order = np.lexsort((segment, *of_any, rows["key"][which]))
        unit = self.buckets.of_days(days_of(at[order]))
        births = Births(person[order], at[order], unit, segment[order], name[order])
        first = firsts(births.person)
        if self.asked.retention_type == "compounded":
            first = first | firsts(births.unit)
        return births[np.flatnonzero(first)]

    def _returns(
        self, rows: Rows, back: Ints, texts: Sequence[str]
    ) -> list[tuple[int | None, _Returns]]:
        if not self._by_return:
            return [(None, self._returned(rows, back))]
        segment = rows["segment"][back]
        return [(code, self._returned(rows, back[segment == code])) for code in range(len(texts))]

    def _returned(self, rows: Rows, which: Ints) -> _Returns:
        # Of one moment, the same event is no return.
        names = rows["name"][which] if self.back is None else None
        same = bool(self.back and self.born and self.back.event == self.born.event)
        return _Returns(self.packing, rows["key"][which], names, same_event=same)

    def _overall(self, rows: Rows, births: Births, back: Ints) -> Ints:
        found = np.zeros((len(self.buckets.starts), 1, self.length), np.int64)
        plain = replace(births, segment=np.zeros_like(births.unit))
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
                day_ms(self.buckets.moved(start, n))
                for start in self.buckets.starts
                for n in (number, number + 1)
            ]
        ).reshape(-1, 2)
        return edges[births.unit, 0], edges[births.unit, 1]

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
        segments = self._segments(found, texts) if self.asked.by else []
        for unit, label in enumerate(self.buckets.labels):
            whole, begun = int(sizes[unit].sum()), self._begun(self.buckets.starts[unit])
            name = OVERALL if self.asked.by else None
            cohorts.append(CohortInfo(label, whole, _rates(overall[unit], whole, begun), name))
            for name, codes in segments:
                counts = found[unit, codes].sum(axis=0)
                size = whole if self._by_return else int(sizes[unit, codes].sum())
                if size and (not self._by_return or counts.any()):
                    cohorts.append(CohortInfo(label, size, _rates(counts, size, begun), name))
        return cohorts

    def _segments(self, found: Ints, texts: Sequence[str]) -> list[tuple[str, list[int]]]:
        if not self._by_return:
            return [(text, [code]) for code, text in enumerate(texts)]
        weight = found.sum(axis=(0, 2)).tolist()
        known = [code for code in range(len(texts)) if weight[code]]
        ranked = sorted(known, key=lambda code: (-weight[code], texts[code]))
        shown = [(texts[code], [code]) for code in ranked[: self.asked.limit]]
        rest = ranked[self.asked.limit :]
        return [*shown, (OTHER, rest)] if rest else shown

    def _begun(self, start: date) -> int:
        """How many intervals have begun for somebody of the unit by the last landed day."""
        last = max(self.source.landed, default=self.last)
        first = max(start, self.source.first)
        days = DAYS[self.asked.unit]
        begins = (
            self.buckets.moved(start, number)
            if self.asked.calendar
            else first + timedelta(number * days)
            for number in range(self.length)
        )
        return sum(day <= last for day in begins)

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
        over = self.buckets.moved(start, 1) - timedelta(1)
        born = min(over, self.source.last)
        if self.asked.calendar:
            return self.buckets.moved(start, number + 1) - timedelta(1)
        return born + timedelta(days=(number + 1) * DAYS[self.asked.unit])


class _Returns:
    """Everybody's returns, to be asked for those from a time on."""

    def __init__(self, pack: Packing, key: Ints, names: Ints | None, *, same_event: bool) -> None:
        if names is not None:
            key, names = in_order(key, names, int(names.max(initial=0)))
        self._pack, self._names, self._same = pack, names, same_event
        self._times = Times(pack, key)

    def first(self, person: Ints, since: Ints) -> Ints:
        """When each came back first at or after the time."""
        return self._times.first(person, since)

    def after(self, births: Births) -> Ints:
        """When each came back first: later, or in the same moment with another event."""
        found = self._times.first(births.person, births.at + 1)
        if self._same:
            return found
        begin = self._times.place(births.person, births.at)
        end = self._times.place(births.person, births.at, "right")
        another = begin < end
        if self._names is not None:  # those of a moment are in order
            begin, end = begin[another], end[another]
            name = births.name[another]
            another[another] = (self._names[begin] != name) | (self._names[end - 1] != name)
        found[another] = births.at[another]
        return found

    def last(self, person: Ints) -> Ints:
        """When each came back last; LONG_AGO if never."""
        whose, at = self._pack.unpack(self._times.packed)
        most = int(max(person.max(initial=0), whose.max(initial=0))) + 1
        found = np.full(most, LONG_AGO)
        np.maximum.at(found, whose, at)
        last: Ints = found[person]
        return last


def _rates(counts: Ints, size: int, begun: int) -> list[float | None]:
    """Shares of those who came back; None for intervals of which nothing is landed."""
    shares = [float(count / size) if size else 0.0 for count in counts]
    return [share if number < begun else None for number, share in enumerate(shares)]
