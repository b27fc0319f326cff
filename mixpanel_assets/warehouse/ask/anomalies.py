"""Hours and days on which events fall or rise out of their weekly rhythm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from mixpanel_assets.notes import note
from mixpanel_assets.questions import local
from mixpanel_assets.results import Anomaly
from mixpanel_assets.warehouse.ask.carried import (
    Landscape,
    columns_of,
    json_text,
    landscape,
    text_of,
)
from mixpanel_assets.warehouse.ask.rhythm import HOURS, Counts, Deviation, deviations
from mixpanel_assets.warehouse.sql import Connection, has_tables, literal

LEAST_DAYS = 10  # whole landed days: a rhythm has to be seen
MOST_DAYS = 120  # landed ones, before the first one asked about
MOST_SHOWN = 20
LEAST_A_DAY = 20  # events: of a series with fewer nothing is said
MOST_VALUES = 12  # of a segment
SEGMENTS = (
    *("platform", "$os", "mp_lib", "mp_country_code", "country"),
    *("$app_version_string", "app_version", "version", "$lib_version"),
)
SAME_CHANGE = 0.7  # of the change of a broader series: it is the same one
AS_EXTREME = 0.85  # as the most extreme: it is no more exact than that
NOT_MOVED = 0.5  # of a segment's change, in all segments together: else others made up for it


@dataclass(frozen=True)
class Series:
    """What is counted: all events or one, of any segment or one."""

    event: str | None = None
    segment: str | None = None
    value: str | None = None

    def terms(self) -> list[str]:
        """SQL: the conditions of its rows."""
        terms = []
        if self.event is not None:
            terms.append(f"event_name = {literal(self.event)}")
        if self.segment is not None:
            terms.append(f"{json_text(self.segment)} = {literal(self.value or '')}")
        return terms

    @property
    def breadth(self) -> int:
        """How much it leaves open: 2 for all events."""
        return (self.event is None) + (self.segment is None)


def anomalies(warehouse: Connection, asked: local.Anomalies) -> list[Anomaly]:
    """The deviations from the weekly rhythm, the largest first."""
    days = _days(warehouse, *asked.days)
    if len(days) < LEAST_DAYS:
        note(f"{len(days)} whole landed days: a weekly rhythm shows in {LEAST_DAYS} or more")
        return []
    seen = landscape(warehouse)
    counted = _counted(warehouse, seen, days)
    found = [
        (series, one) for series, counts in counted.items() for one in deviations(counts, days)
    ]
    found = [one for one in found if not _moved(*one, counted)]
    first = asked.days[0]
    told = [
        _told(series, one, days)
        for series, one in _narrowed(found, counted)
        if first is None or days[(one.end - 1) // HOURS] >= first
    ]
    if not told:
        note(f"nothing leaves its weekly rhythm in {len(days)} landed days")
    if len(told) > MOST_SHOWN:
        note(f"{len(told) - MOST_SHOWN:,} more, that deviate less")
    return told[:MOST_SHOWN]


def _days(warehouse: Connection, first: date | None, last: date | None) -> list[date]:
    """The landed days that are whole, in UTC."""
    if not has_tables(warehouse, "main", "landed"):
        return []
    query = """
        select distinct day from landed
        where dataset = 'events' and not partial and ($last is null or day <= $last) order by day
        """
    days = [day for (day,) in warehouse.execute(query, {"last": last}).fetchall()]
    asked = sum(day >= first for day in days) if first else 0
    kept = days[-asked - MOST_DAYS :]
    other = "select 1 from events_wide where event_time::date <> event_date limit 1"
    if kept and warehouse.execute(other).fetchall():
        landed = set(kept)  # days of another zone: only what is between two of them is whole
        kept = [d for d in kept if {d - timedelta(1), d + timedelta(1)} <= landed]
    return kept


def _counted(warehouse: Connection, seen: Landscape, days: Sequence[date]) -> dict[Series, Counts]:
    """Events by hour, of every series that has enough of them."""
    found: dict[Series, Counts] = {}
    columns = columns_of(warehouse)
    for segment in (None, *(one for one in SEGMENTS if one in seen.over_all)):
        value = "null::varchar" if segment is None else text_of(columns[segment])
        query = f"""
            select event_name, {value} as value, event_time::date as day,
                   hour(event_time) as hour, count(*)
            from events_wide
            where event_date between $first and $last and event_time is not null
            group by all
            """
        rows = warehouse.execute(
            query, {"first": days[0] - timedelta(1), "last": days[-1] + timedelta(1)}
        ).fetchall()
        for series, counts in _as_series(segment, rows, days):
            found.setdefault(series, counts)
    return found


def _as_series(
    segment: str | None,
    rows: Sequence[tuple[str | None, str | None, date, int, int]],
    days: Sequence[date],
) -> Iterator[tuple[Series, Counts]]:
    place = {day: n for n, day in enumerate(days)}
    totals: dict[str | None, int] = {}
    for _, value, _, _, count in rows:
        totals[value] = totals.get(value, 0) + count
    values = sorted(totals, key=lambda one: -totals[one])[:MOST_VALUES]
    if segment is not None and len(totals) < 2:
        return  # it splits nothing
    grids: dict[Series, Counts] = {}
    for event, value, day, hour, count in rows:
        if day not in place or (segment is not None and (value is None or value not in values)):
            continue
        for name in dict.fromkeys((None, event)):
            series = Series(name, segment, value)
            if series not in grids:
                grids[series] = np.zeros(len(days) * HOURS)
            grids[series][place[day] * HOURS + hour] += count
    for series, grid in grids.items():
        if grid.sum() >= LEAST_A_DAY * len(days):
            yield series, grid


def _moved(series: Series, one: Deviation, counted: dict[Series, Counts]) -> bool:
    """Whether other values of the segment made up for it, as when a version follows another."""
    if series.segment is None:
        return False
    whole = counted.get(Series(series.event))
    if whole is None:
        return True
    others = whole - counted[series]
    # What the others would have had, by their own hours before and after.
    rest = one.change_of(others)
    change = one.actual - one.expected
    return change * (change + rest) <= 0 or abs(change + rest) < NOT_MOVED * abs(change)


def _narrowed(
    found: list[tuple[Series, Deviation]], counted: Mapping[Series, Counts]
) -> list[tuple[Series, Deviation]]:
    """Of deviations at one time, the one that says most exactly what deviates."""
    left = sorted(found, key=lambda one: -one[1].score)
    kept: list[tuple[Series, Deviation]] = []
    while left:
        at = left[0][1]
        same = [one for one in left if one[1].overlaps(at)]
        left = [one for one in left if not one[1].overlaps(at)]
        start, end = min(one.start for _, one in same), max(one.end for _, one in same)
        span = replace(at, start=start, end=end)
        changes = [abs(span.change_of(counted[series])) for series, _ in same]
        largest = SAME_CHANGE * max(changes)
        whole = [one for one, change in zip(same, changes, strict=True) if change >= largest]
        extreme = max(one.extremity for _, one in whole)
        exact = [one for one in whole if one[1].extremity >= AS_EXTREME * extreme]
        kept.append(max(exact, key=lambda one: (one[0].breadth, one[1].score)))
    return sorted(kept, key=lambda one: -one[1].score)


def _told(series: Series, one: Deviation, days: Sequence[date]) -> Anomaly:
    start, end = (_moment(place, days) for place in (one.start, one.end - 1))
    end += timedelta(hours=1)
    hours = sorted({place % HOURS for place in range(one.start, one.end)})
    terms = ["event_time::date = day", *series.terms()]
    if len(hours) < HOURS:
        terms.append(f"hour(event_time) in ({', '.join(map(str, hours))})")
    first, last = start.date() - timedelta(21), (end - timedelta(hours=1)).date() + timedelta(7)
    sql = (
        "select day, dayname(day) as weekday, (select count(*) from events "
        f"where {' and '.join(terms)}) as events from landed "
        f"where dataset = 'events' and day between '{first}' and '{last}' order by day"
    )
    segment = None if series.segment is None else f"{series.segment} = {series.value}"
    return Anomaly(series.event, start, end, round(one.expected), int(one.actual), segment, sql)


def _moment(place: int, days: Sequence[date]) -> datetime:
    day = days[place // HOURS]
    return datetime(day.year, day.month, day.day, place % HOURS, tzinfo=UTC)
