"""Funnels over landed events: https://docs.mixpanel.com/docs/reports/funnels/funnels-advanced"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

import numpy as np

from mixpanel_assets.expressions import Step, parse, parse_by, parse_step
from mixpanel_assets.questions.analysis import exclusion, milliseconds
from mixpanel_assets.questions.analytics import Funnel
from mixpanel_assets.results import FunnelPart, LocalFunnelResult, LocalFunnelStep
from mixpanel_assets.warehouse.analytics.attempts import (
    Attempts,
    Entries,
    Exclusion,
    Walk,
    all_attempts,
    best_attempts,
    first_attempts,
    joined,
)
from mixpanel_assets.warehouse.analytics.buckets import Buckets, number_of
from mixpanel_assets.warehouse.analytics.keys import NEVER, Ints, Times, densely
from mixpanel_assets.warehouse.analytics.sessions import EXCLUDED, with_sessions, without
from mixpanel_assets.warehouse.analytics.source import (
    OTHER,
    OVERALL,
    STEPS,
    Others,
    Rows,
    Source,
    days_of,
    packing,
)
from mixpanel_assets.warehouse.ask.filters import condition, held
from mixpanel_assets.warehouse.sql import Connection

UNSET = -1  # the group of events without a property that is held


def funnel(warehouse: Connection, asked: Funnel, zone: tzinfo) -> LocalFunnelResult:
    return _Funnel(warehouse, asked, zone).result()


class _Funnel:
    def __init__(self, warehouse: Connection, asked: Funnel, zone: tzinfo) -> None:
        self.asked = asked
        self.of_entries = asked.where if asked.where_applies == "entries" else None
        of_events = replace(asked, where=None) if self.of_entries else asked
        self.steps = [parse_step(one) for one in asked.steps]
        self.exclusions = [exclusion(one) for one in asked.exclude or ()]
        self.every: list[Step] = [*self.steps, *(one.step for one in self.exclusions)]
        self.source = Source(warehouse, of_events, zone, self.every, reads=bool(self.of_entries))
        self.packing = packing(self.source.first, self.source.read_until)

    def result(self) -> LocalFunnelResult:
        asked, source = self.asked, self.source
        rows = self._rows()
        whole = self._attempts(rows)
        split = self._attempts(rows, rows["segment"]) if asked.by else None
        parts = list(self._parts(whole, split, rows)) if asked.by or asked.unit else None
        steps = self._steps(whole)
        entered, converted = steps[0].count, steps[-1].count
        return LocalFunnelResult(
            funnel_id=None,
            funnel_name="",
            from_date=source.first,
            to_date=source.last,
            conversion_rate=converted / entered if entered else 0.0,
            steps=[*steps],
            parts=parts,
            window=asked.window,
            basis=source.basis(events=len(rows), people=rows.people),
        )

    def _rows(self) -> Rows:
        source, asked = self.source, self.asked
        names = [one.event for one in self.every]
        begin = [one.event for one in (self.steps if asked.order == "any" else self.steps[:1])]
        columns: dict[str, str] = {}
        coded = []
        if asked.by:
            segment = source.segment(asked.by, begin)
            columns["segment"] = (
                f"case when {STEPS} & {self.begins} <> 0 then {segment} else '' end"
            )
            coded.append("segment")
        for number, name in enumerate(asked.hold or ()):
            value = held(parse_by(name, "hold"), source.columns_of(names))
            columns[f"held_{number}"] = f"coalesce({value}, '')"
            coded.append(f"held_{number}")
        if self.of_entries:
            kept = condition(parse(self.of_entries, "where"), source.columns_of(begin))
            columns["kept"] = f"coalesce({kept}, false)"
        timed = source.timed
        source.count_left_out(self.every, last=source.read_until)
        by_session = asked.count == "sessions"
        if by_session:
            timed += f" and {without(source, EXCLUDED)}"
        others: Others = "all" if by_session else "none"
        rows = source.read(
            columns,
            self.every,
            coded=coded,
            packing=self.packing,
            last=source.read_until,
            only=timed,
            others=others,
        )
        return with_sessions(rows, milliseconds(asked.idle)) if by_session else rows

    @property
    def begins(self) -> int:
        """The bits of the steps that can be the first one."""
        return (1 << len(self.steps)) - 1 if self.asked.order == "any" else 1

    def _attempts(self, rows: Rows, segment: Ints | None = None) -> Attempts:
        """Everybody's attempts, or those for each segment, which can be more."""
        found = self._of_all(rows, segment)
        if self.of_entries:
            found = found[np.flatnonzero(self._kept(rows, found))]
        return found

    def _of_all(self, rows: Rows, segment: Ints | None) -> Attempts:
        group = self._groups(rows)
        walk = self._walk(rows, group)
        if not self.asked.per_unit:
            return self._run(walk, self._entries(rows, segment, group))
        entries = self._entries(rows, segment, group)
        unit = self.buckets.of_days(days_of(entries.at))
        each = [
            self._run(walk, entries[np.flatnonzero(unit == n)])
            for n in range(len(self.buckets.starts))
        ]
        return joined(each, len(self.steps))

    def _entries(self, rows: Rows, segment: Ints | None, group: Ints | None) -> Entries:
        begins = np.flatnonzero(rows["steps"] & self.begins)
        person, at = self.packing.unpack(rows["key"][begins])
        begins = begins[(within := days_of(at) <= number_of(self.source.last))]
        return Entries(
            person[within],
            at[within],
            None if segment is None else segment[begins],
            None if group is None else group[begins],
        )

    def _walk(self, rows: Rows, group: Ints | None) -> Walk:
        def times(number: int, of: Ints | None) -> Times:
            which = rows["steps"] & (1 << number) != 0
            if of is not None:
                which &= of != UNSET
            if of is None:
                return Times(self.packing, rows["key"][which])
            return Times.of(self.packing, of[which], rows.at[which])

        any_order = self.asked.order == "any"
        count = len(self.steps)
        return Walk(
            [one.event for one in self.steps],
            [times(number, group) for number in range(0 if any_order else 1, count)],
            milliseconds(self.asked.window),
            self.packing,
            [
                Exclusion(one.step.event, one.after, one.before or count, times(count + n, None))
                for n, one in enumerate(self.exclusions)
            ],
            any_order,
        )

    def _run(self, walk: Walk, entries: Entries) -> Attempts:
        if self.asked.count == "totals":
            return all_attempts(walk, entries)
        if self.asked.reentry:
            return best_attempts(walk, entries)
        return first_attempts(
            walk, entries, overlapping=bool(self.asked.hold and entries.segment is not None)
        )

    def _groups(self, rows: Rows) -> Ints | None:
        """The person with the values held constant, which later steps share; None: the person."""
        if not self.asked.hold:
            return None
        codes = [(rows.person, int(rows.person.max(initial=0)) + 1)]
        unset = np.zeros(len(rows), bool)
        for number in range(len(self.asked.hold)):
            name = f"held_{number}"
            texts = rows.texts[name]
            codes.append((rows[name], len(texts)))
            if "" in texts:
                unset |= rows[name] == texts.index("")
        group, _ = densely(*codes)
        group[unset] = UNSET  # nothing is held that is not set
        return group

    def _kept(self, rows: Rows, found: Attempts) -> Ints:
        """Whether the filter holds for the entry of each attempt."""
        which = np.flatnonzero((rows["steps"] & self.begins != 0) & rows["kept"])
        kept = Times(self.packing, rows["key"][which])
        at = found.entries.at
        hits: Ints = kept.first(found.entries.person, at) == at
        return hits

    @property
    def buckets(self) -> Buckets:
        source, asked = self.source, self.asked
        return Buckets(source.first, source.last, asked.unit or "day", asked.week_start)

    def _parts(self, whole: Attempts, split: Attempts | None, rows: Rows) -> Iterator[FunnelPart]:
        segments = [(OVERALL if split else None, whole)]
        if split:
            named = self._segments(split, rows.texts["segment"])
            segments += [(name, split[np.flatnonzero(which)]) for name, which in named]
        if not self.asked.unit:
            for name, found in segments:
                yield FunnelPart([*self._steps(found)], segment=name)
            return
        units = [self.buckets.of_days(days_of(found.entries.at)) for _, found in segments]
        for number, label in enumerate(self.buckets.labels):
            for (name, found), unit in zip(segments, units, strict=True):
                there = np.flatnonzero(unit == number)
                if name in (None, OVERALL) or len(there):
                    yield FunnelPart([*self._steps(found[there])], label, name)

    def _segments(self, found: Attempts, texts: Sequence[str]) -> list[tuple[Any, Any]]:
        """The largest segments, and which attempts are in each; then all others."""
        sizes = np.bincount(found.entries.segments, minlength=len(texts))
        ranked = sorted(
            np.flatnonzero(sizes).tolist(), key=lambda code: (-sizes[code], texts[code])
        )
        shown = ranked[: self.asked.limit]
        segments: list[tuple[Any, Any]] = [
            (texts[code], found.entries.segments == code) for code in shown
        ]
        if len(ranked) > len(shown):
            segments.append((OTHER, ~np.isin(found.entries.segments, shown)))
        return segments

    def _steps(self, found: Attempts) -> list[LocalFunnelStep]:
        steps, count = [], len(found.over)
        for number, event in enumerate(self._names()):
            there = found.reached[:, number] != NEVER
            reached = int(there.sum())
            rate = (reached / count if count else 0.0) if number else 1.0
            seconds = None
            if number and reached:
                since = found.reached[there, number] - found.reached[there, number - 1]
                seconds = np.maximum(since, 0) / 1000  # none, if the later step came first
            steps.append(
                LocalFunnelStep(
                    event,
                    reached,
                    rate,
                    None if seconds is None else round(float(seconds.mean()), 3),
                    None if seconds is None else round(float(np.median(seconds)), 3),
                )
            )
            count = reached
        return steps

    def _names(self) -> list[str]:
        if self.asked.order == "any":
            return [f"any {n} of {len(self.steps)}" for n in range(1, len(self.steps) + 1)]
        return [str(one) for one in self.steps]
