"""The weekly rhythm of a series of hourly counts, and where it is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[Any]

HOURS = 24
WINDOWS = (1, 3, 6, 12, 24)  # hours that are looked at together
PEERS = 6  # days that a day is compared with, the nearest
FARTHEST = 49  # days between them
LEAST_PEERS = 3
FEW = 5  # events in an hour: the median of fewer is not their mean
# Standard deviations, and shares of what is expected. A few people can make many events at once,
# but not fewer than none.
FALL_SCORE, FALLS = 4.5, 0.6
RISE_SCORE, RISES = 7.0, 1.7
AS_USUAL = 0.8
CLEARLY = 0.34  # of what is expected: nothing where two were
LEAST_GROWN = 2  # events expected in an hour that is added at an end
USUAL = 0.4549  # the median of a squared standard normal


@dataclass(frozen=True)
class Deviation:
    """Hours in which a series is not what its rhythm makes expect; positions in its hours."""

    start: int
    end: int  # the first one after it
    expected: float
    actual: float
    score: float
    rhythm: tuple[tuple[int, ...], ...]  # of each day those that it is compared with

    @property
    def change(self) -> float:
        """How many more there are than expected."""
        return self.actual - self.expected

    @property
    def extremity(self) -> float:
        """How far it is from what is expected, whatever the size."""
        return abs(float(np.log((self.actual + 1) / (self.expected + 1))))

    def overlaps(self, other: Deviation) -> bool:
        """Whether it is at the same time, and in the same direction."""
        apart = self.end <= other.start or other.end <= self.start
        return not apart and (self.change > 0) == (other.change > 0)

    def change_of(self, counts: Counts) -> float:
        """The change of another series in the same hours."""
        expected = _expected(counts, self.rhythm)
        hours = slice(self.start, self.end)
        return float(counts[hours].sum() - expected[hours].sum())


def deviations(counts: Counts, days: Sequence[date]) -> list[Deviation]:
    """Where the series leaves its rhythm, the largest first."""
    rhythm = peers(days)
    if not any(rhythm):
        return []
    found = _found(counts, counts, rhythm, days)
    if not found:
        return []
    # What deviates is no measure for the days around it.
    usual = counts.copy()
    for one in found:
        hours = slice(one.start, one.end)
        usual[hours] = _expected(counts, rhythm)[hours]
    return _found(counts, usual, rhythm, days)


def peers(days: Sequence[date]) -> tuple[tuple[int, ...], ...]:
    """For each day the nearest days that are like it; none if they are too few."""
    found = []
    for n, day in enumerate(days):
        near = (m for m, one in enumerate(days) if m != n and abs((one - day).days) <= FARTHEST)
        others = sorted(near, key=lambda m: (abs(m - n), m))
        like = [m for m in others if days[m].weekday() == day.weekday()]
        if len(like) < LEAST_PEERS:
            like = [m for m in others if (days[m].weekday() < 5) == (day.weekday() < 5)]
        if len(like) < LEAST_PEERS:
            like = others
        found.append(tuple(like[:PEERS]) if len(like) >= LEAST_PEERS else ())
    return tuple(found)


def _expected(counts: Counts, rhythm: tuple[tuple[int, ...], ...]) -> Counts:
    """What the days like it make expect of each hour: their mean, without the extremes."""
    by_day = counts.reshape(-1, HOURS)
    expected = np.empty_like(by_day, dtype=float)
    for n, like in enumerate(rhythm):
        if not like:
            expected[n] = by_day[n]  # nothing is known of it
            continue
        rows = np.sort(by_day[list(like)], axis=0)
        if len(like) > LEAST_PEERS:
            expected[n] = rows[1:-1].mean(axis=0)
        else:
            expected[n] = np.where(rows[1] >= FEW, rows[1], _usual(by_day[list(like)]))
    return expected.reshape(-1)


def _usual(rows: Counts) -> Counts:
    """The mean of the days, without the one whose total is farthest from the others'."""
    totals = rows.sum(axis=1)
    farthest = np.argmax(np.abs(totals - np.median(totals)))
    mean: Counts = np.delete(rows, farthest, axis=0).mean(axis=0)
    return mean


def _found(
    counts: Counts, usual: Counts, rhythm: tuple[tuple[int, ...], ...], days: Sequence[date]
) -> list[Deviation]:
    expected = _expected(usual, rhythm)
    fewest = min(len(like) for like in rhythm if like)
    candidates: list[tuple[float, int, int]] = []
    for window in WINDOWS:
        starts = _starts(window, days)
        actual, wanted = _sums(counts, starts, window), _sums(expected, starts, window)
        squared = _squared(actual, wanted)
        measured = squared[wanted >= 2]
        if not len(measured):
            continue
        noise = max(1.0, float(np.median(measured)) / USUAL) * (1 + 1 / fewest)
        score = np.sqrt(squared / noise)
        ratio = (actual + 1) / (wanted + 1)
        falls = (score >= FALL_SCORE) & (ratio <= FALLS)
        out = falls | ((score >= RISE_SCORE) & (ratio >= RISES))
        candidates += [
            (float(score[n]), int(starts[n]), int(starts[n]) + window) for n in np.flatnonzero(out)
        ]
    return _apart(sorted(candidates, reverse=True), counts, expected, rhythm, days)


def _starts(window: int, days: Sequence[date]) -> Counts:
    """The hours at which windows begin that have no missing day in them; whole days at midnight."""
    every = np.arange(0, len(days) * HOURS - window + 1, HOURS if window == HOURS else 1)
    ordinals = np.array([day.toordinal() for day in days])
    first, last = ordinals[every // HOURS], ordinals[(every + window - 1) // HOURS]
    kept: Counts = every[last - first == (every + window - 1) // HOURS - every // HOURS]
    return kept


def _sums(counts: Counts, starts: Counts, window: int) -> Counts:
    total = np.concatenate(([0.0], np.cumsum(counts)))
    sums: Counts = total[starts + window] - total[starts]
    return sums


def _squared(actual: Counts, expected: Counts) -> Counts:
    """The squared deviance of counts from what is expected."""
    wanted = np.maximum(expected, 0.5)
    logs = np.where(actual > 0, actual * np.log(np.maximum(actual, 1) / wanted), 0.0)
    squared: Counts = np.maximum(2 * (logs - (actual - wanted)), 0.0)
    return squared


def _apart(
    candidates: list[tuple[float, int, int]],
    counts: Counts,
    expected: Counts,
    rhythm: tuple[tuple[int, ...], ...],
    days: Sequence[date],
) -> list[Deviation]:
    """Windows that don't overlap, the highest scores first; neighbors become one."""
    kept: list[Deviation] = []
    for score, start, end in candidates:
        hours = slice(start, end)
        one = Deviation(
            start, end, float(expected[hours].sum()), float(counts[hours].sum()), score, rhythm
        )
        touching = [
            k
            for k in kept
            if k.start <= end and start <= k.end and (k.change > 0) == (one.change > 0)
        ]
        if any(k.start < end and start < k.end for k in touching):
            continue
        kept.append(one)
    exact = [_exact(one, counts, expected, days) for one in kept]
    return _joined(exact, counts, expected)


def _exact(one: Deviation, counts: Counts, expected: Counts, days: Sequence[date]) -> Deviation:
    """Without hours at its ends that are as usual, and with those beside it that are not."""
    start, end, falls = one.start, one.end, one.change < 0

    def ratio(hour: int) -> float:
        """Of an hour the share of what is expected; of a rise the inverse."""
        share = (counts[hour] + 1) / (expected[hour] + 1)
        return float(share if falls else 1 / share)

    def belongs(hour: int, beside: int) -> bool:
        if not 0 <= hour < len(counts) or expected[hour] < LEAST_GROWN:
            return False
        apart = abs((days[hour // HOURS] - days[beside // HOURS]).days)
        return apart <= 1 and ratio(hour) <= limit

    share = (one.actual + 1) / (one.expected + 1)
    limit = max(CLEARLY, share if falls else 1 / share)
    while end - start > 1 and ratio(start) > AS_USUAL:
        start += 1
    while end - start > 1 and ratio(end - 1) > AS_USUAL:
        end -= 1
    while belongs(start - 1, start):
        start -= 1
    while belongs(end, end - 1):
        end += 1
    return _of_hours(one, start, end, counts, expected)


def _of_hours(one: Deviation, start: int, end: int, counts: Counts, expected: Counts) -> Deviation:
    hours = slice(start, end)
    wanted, actual = float(expected[hours].sum()), float(counts[hours].sum())
    return Deviation(start, end, wanted, actual, one.score, one.rhythm)


def _joined(kept: list[Deviation], counts: Counts, expected: Counts) -> list[Deviation]:
    """Those with at most two hours between them are one."""
    found: list[Deviation] = []
    for one in sorted(kept, key=lambda one: one.start):
        before = found[-1] if found else None
        if before and one.start - before.end <= 2 and (before.change > 0) == (one.change > 0):
            best = max(before, one, key=lambda one: one.score)
            found[-1] = _of_hours(best, before.start, max(before.end, one.end), counts, expected)
        else:
            found.append(one)
    return sorted(found, key=lambda one: -one.score)
