"""Counts over landed events: segmentation, frequency, active users and lifecycle."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta, tzinfo
from typing import Any

import numpy as np

from mixpanel_assets.expressions import Step, parse_step
from mixpanel_assets.notes import note
from mixpanel_assets.questions.analytics import (
    DAY_MS,
    ActiveUsers,
    Frequency,
    Lifecycle,
    Segmentation,
)
from mixpanel_assets.results import (
    ActiveUsersResult,
    ActiveUsersRow,
    LifecycleResult,
    LifecycleRow,
    LocalFrequencyResult,
    LocalSegmentationResult,
)
from mixpanel_assets.warehouse.analytics.buckets import Buckets, number_of
from mixpanel_assets.warehouse.analytics.keys import Ints, firsts, sort
from mixpanel_assets.warehouse.analytics.source import (
    EPOCH_DAY,
    OTHER,
    OVERALL,
    Rows,
    Source,
    days_of,
    packing,
)
from mixpanel_assets.warehouse.sql import Connection
from mixpanel_assets.warehouse.statement import answer

MONTH = 30  # days of MAU
HOUR_MS = 3_600_000


def segmentation(
    warehouse: Connection, asked: Segmentation, zone: tzinfo
) -> LocalSegmentationResult:
    event = parse_step(asked.event)
    source = Source(warehouse, asked, zone, [event], walked=False)
    buckets = Buckets(source.first, source.last, asked.unit, asked.week_start)
    number, measure = asked.sum or asked.average, _measure(asked)
    people = asked.type != "general"
    columns = {
        "bucket": buckets.sql(source.at),
        "segment": source.segment(asked.by, [event.event]),
        "person": source.person if people else "null",
        "number": source.value(number, measure, [event.event]) if number else "null",
    }
    if people:
        source.count_left_out([event], timed=False)
    rows = source.rows(columns, [event])
    value = {
        "general": "count(*)",
        "unique": "count(distinct person)",
        "average": "case when count(person) > 0 then count(*) / count(distinct person) else 0 end",
    }[asked.type]
    if number:
        value = "fsum(number)" if asked.sum else "favg(number)"
    query = f"""
        select bucket, segment, {value} as value, count(*) as events, count(number),
               grouping(bucket) = 1 as is_total
        from ({rows}) group by grouping sets ((bucket, segment), (segment)) order by all
        """
    found = answer(warehouse, query).rows
    totals = {segment: (value, events) for _, segment, value, events, _, whole in found if whole}
    ranked = sorted(totals, key=lambda name: (-(totals[name][0] or 0), name))
    shown = ranked[: asked.limit]
    if number:
        _tell_numbers(found, number)
    if rest := ranked[asked.limit :]:
        # People can be in several segments, and an average has no sum: counted anew.
        kept = f"case when segment in (select unnest($shown)) then segment else '{OTHER}' end"
        inner = f"select * replace ({kept} as segment) from ({rows})"
        found = answer(
            warehouse, query.replace(f"({rows})", f"({inner})").replace("$shown", "?"), [shown]
        ).rows
        shown = [*shown, OTHER] if rest else shown
    if asked.by is None and not shown:
        shown = [""]
    series: dict[str, dict[str, float]] = {
        _named(name, asked, event): dict.fromkeys(buckets.labels, 0) for name in shown
    }
    for bucket, segment, value, _, _, whole in found:
        if not whole and bucket in series.get(_named(segment, asked, event), {}):
            series[_named(segment, asked, event)][bucket] = value if value is not None else 0
    events = sum(counted for _, counted in totals.values())
    return LocalSegmentationResult(
        asked.event,
        source.first,
        source.last,
        asked.unit,
        asked.by,
        sum(sum(counts.values()) for counts in series.values()),
        series,
        measure,
        source.basis(events=events),
    )


def _measure(asked: Segmentation) -> str:
    if asked.sum:
        return f"sum of {asked.sum}"
    return f"average of {asked.average}" if asked.average else asked.type


def _named(segment: str, asked: Segmentation, event: Step) -> str:
    return segment if asked.by else event.event


def _tell_numbers(found: list[tuple[Any, ...]], number: str) -> None:
    left_out = sum(events - numbers for _, _, _, events, numbers, whole in found if whole)
    if left_out:
        note(f"events whose {number} is not a number, and that are left out: {left_out:,}")


def frequency(warehouse: Connection, asked: Frequency, zone: tzinfo) -> LocalFrequencyResult:
    steps = None if asked.event is None else [parse_step(asked.event)]
    source = Source(warehouse, asked, zone, steps or ())
    source.count_left_out(steps)
    buckets = Buckets(source.first, source.last, asked.unit, asked.week_start)
    names = None if steps is None else [one.event for one in steps]
    columns = {"segment": source.segment(asked.by, names)} if asked.by else {}
    pack = packing(source.first, source.last)
    rows = source.read(columns, steps, coded=list(columns), packing=pack, only=source.timed)
    texts = rows.texts.get("segment", [""])
    part_ms = DAY_MS if asked.addiction_unit == "day" else HOUR_MS
    whole = _often(rows, None, 1, buckets, part_ms)
    split = {}
    if asked.by:
        split = _often(rows, rows["segment"], len(texts), buckets, part_ms)
    data: dict[str, Any] = {}
    for unit, (start, label) in enumerate(zip(buckets.starts, buckets.labels, strict=True)):
        length = _parts(asked, start)
        overall = _at_least(whole.get((unit, 0), {}), length, asked)
        if asked.by is None:
            data[label] = overall
            continue
        segments = {code: sum(c.values()) for (at, code), c in split.items() if at == unit}
        shown = sorted(segments, key=lambda code: (-segments[code], texts[code]))[: asked.limit]
        each = {texts[code]: _at_least(split[unit, code], length, asked) for code in shown}
        data[label] = {OVERALL: overall, **each}
    basis = source.basis(events=len(rows), people=rows.people)
    return LocalFrequencyResult(
        asked.event, source.first, source.last, asked.unit, asked.addiction_unit, data, basis
    )


def _often(
    rows: Rows, segment: Ints | None, segments: int, buckets: Buckets, part_ms: int
) -> dict[tuple[int, int], dict[int, int]]:
    """By unit and segment: how many people were active in so many parts of it."""
    assert rows.packing is not None
    first = rows.packing.first
    parts = (rows.packing.last + 1 - first) // part_ms
    key = rows.person * segments
    if segment is not None:
        key += segment
    key = key * parts + (rows.at - first) // part_ms
    key = key[firsts(key)]  # most repeats are side by side
    sort(key)
    key = key[firsts(key)]
    unit = buckets.of_days(days_of((key % parts) * part_ms + first))
    whose = key // parts
    begins = np.flatnonzero(firsts(whose) | firsts(unit))
    many = np.diff(np.append(begins, len(key)))
    most = int(many.max(initial=0)) + 1
    place = (unit[begins] * segments + whose[begins] % segments) * most + many
    counts: dict[tuple[int, int], dict[int, int]] = {}
    sort(place)
    kinds = np.flatnonzero(firsts(place))
    for kind, people in zip(place[kinds], np.diff(kinds, append=len(place)), strict=True):
        at, often = divmod(int(kind), most)
        counts.setdefault(divmod(at, segments), {})[often] = int(people)
    return counts


def _parts(asked: Frequency, start: date) -> int:
    """How many hours or days the unit has, also where the question's days cut it short."""
    days = {"day": 1, "week": 7, "month": monthrange(start.year, start.month)[1]}[asked.unit]
    return days if asked.addiction_unit == "day" else days * 24


def _at_least(counts: dict[int, int], length: int, asked: Frequency) -> list[int]:
    if asked.exactly:
        return [counts.get(n, 0) for n in range(1, length + 1)]
    return [sum(c for n, c in counts.items() if n >= least) for least in range(1, length + 1)]


def active_users(warehouse: Connection, asked: ActiveUsers, zone: tzinfo) -> ActiveUsersResult:
    steps = None if asked.event is None else [parse_step(asked.event)]
    source = Source(warehouse, asked, zone, steps or ())
    first = source.read_from
    person, day, events = _days_of_people(source, steps, first)
    begin, size = number_of(first), (source.last - first).days + 1
    counted = _active(person, day - begin, (1, 7, MONTH), size)
    labels = [str(source.first + timedelta(n)) for n in range(size - MONTH + 1)]
    rows = [
        ActiveUsersRow(label, int(dau), int(wau), int(mau), float(dau / mau) if mau else None)
        for label, dau, wau, mau in zip(labels, *counted[:, MONTH - 1 :], strict=True)
    ]
    people = int((np.diff(person) != 0).sum()) + 1 if len(person) else 0
    basis = source.basis(events=events, people=people)
    return ActiveUsersResult(source.first, source.last, rows, basis)


def _active(person: Ints, day: Ints, lengths: Sequence[int], size: int) -> Ints:
    """For each length and day, how many people were active in so many days up to it."""
    longest = max(lengths)
    gap = np.full(len(day), longest)  # until the person's next active day
    same = person[1:] == person[:-1]
    gap[:-1][same] = np.minimum(np.diff(day)[same], longest)
    pairs = np.bincount(day * (longest + 1) + gap, minlength=size * (longest + 1))
    many = pairs.reshape(size, longest + 1)
    found = np.zeros((len(lengths), size), np.int64)
    for n, length in enumerate(lengths):
        change = np.zeros(size + longest + 1, np.int64)
        change[:size] = many.sum(axis=1)
        for days in range(1, longest + 1):
            change[min(days, length) :][:size] -= many[:, days]
        found[n] = np.cumsum(change)[:size]
    return found


def lifecycle(warehouse: Connection, asked: Lifecycle, zone: tzinfo) -> LifecycleResult:
    steps = None if asked.event is None else [parse_step(asked.event)]
    source = Source(warehouse, asked, zone, steps or ())
    first = max(source.read_from, min([source.first, *source.landed]))
    person, day, events = _days_of_people(source, steps, first)
    buckets = Buckets(first, source.last, asked.unit, asked.week_start)
    unit = buckets.of_days(day)
    kept = firsts(person) | firsts(unit)
    person, unit = person[kept], unit[kept]
    size = len(buckets.labels)
    new = firsts(person)
    before = np.append(-2, unit[:-1])
    after = np.append(unit[1:], -2)
    last = np.append(new[1:], True) if len(new) else new
    retained = ~new & (before == unit - 1)
    gone = last | (after != unit + 1)
    counts = {
        "new": np.bincount(unit[new], minlength=size),
        "retained": np.bincount(unit[retained], minlength=size),
        "resurrected": np.bincount(unit[~new & ~retained], minlength=size),
        "dormant": np.bincount(unit[gone] + 1, minlength=size + 1),
    }
    start = buckets.labels.index(str(buckets.start(source.first)))
    rows = [
        LifecycleRow(buckets.labels[n], *(int(counts[name][n]) for name in counts))
        for n in range(start, size)
    ]
    people = int(new.sum())
    basis = source.basis(events=events, people=people)
    over = buckets.moved(buckets.starts[-1], 1) - timedelta(1)
    if over > source.last:
        note(
            f"the last {asked.unit} ends on {over} and is counted until {source.last}: people who "
            "come back later in it are dormant here"
        )
    return LifecycleResult(source.first, source.last, rows, basis)


def _days_of_people(
    source: Source, steps: Sequence[Step] | None, first: date
) -> tuple[Ints, Ints, int]:
    """Everybody's days since 1970, sorted by person, and the number of events."""
    columns = {"person": source.person, "day": EPOCH_DAY}
    source.count_left_out(steps, first, timed=False)
    found = source.read(columns, steps, first=first, only=source.somebody)
    size = number_of(source.last) + 1
    pairs = found.person * size + found["day"]
    events = len(pairs)
    pairs = pairs[firsts(pairs)]  # most repeats are side by side
    sort(pairs)
    pairs = pairs[firsts(pairs)]
    return pairs // size, pairs % size, events
