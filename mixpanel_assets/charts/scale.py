"""Numbers, days and series as text, and an area with slots across and a scale upwards."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, TypeGuard

from mixpanel_assets.charts.drawing import (
    LINE,
    MARGIN,
    WIDE,
    WIDTH,
    Drawing,
    rectangle,
    shortened,
    width_of,
)
from mixpanel_assets.charts.sketch import Bar, Row, Ruler, Spark, largest, share

HEIGHT = 130  # of the area
WIDEST_BAR = 40
WIDEST_LABEL = 90
GAP = 12  # between two labels, at least
LEAST = 1e-300  # distance of two ticks
MOST_DIGITS = 1e15  # a larger number is rounded
SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
SHADED = "Shaded: Saturdays and Sundays."
MOST_BARS = 35  # of times in a terminal
MANY = 100  # times, which need a wide image
FEW_WEEKS = 2  # whose days are labeled
SATURDAY = 5  # of date.weekday()
# Not those of `strftime`, which depend on the locale.
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def is_number(value: Any) -> TypeGuard[float]:
    """Whether the value can be drawn."""
    return isinstance(value, int | float) and abs(value) < 1e300  # not NaN either


def number(value: Any) -> str:
    """The number in full, such as 12,345 or 0.25; any other value as text."""
    if not is_number(value):
        return str(value)
    if abs(value) > MOST_DIGITS:
        return f"{value:.3g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"


def short(value: float) -> str:
    """The number for an axis: 12K, 1.5M."""
    for size, letter in SIZES:
        if abs(value) >= size:
            return f"{round(value / size, 2):,g}{letter}"
    return f"{value:.3g}"


def short_day(day: date) -> str:
    """The day for an axis: Jan 2."""
    return f"{MONTHS[day.month - 1]} {day.day}"


def span(days: Collection[date]) -> list[date]:
    """All days from the first to the last of some."""
    first, last = min(days), max(days)
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def ticks(least: float, most: float, *, whole: bool = False, most_ticks: int = 4) -> list[float]:
    """Round numbers from at most `least`, 0 or less, to at least `most`, 0 or more."""
    rough = max((most - least) / most_ticks, 1 if whole or most == least else LEAST)
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * n for n in (1, 2, 5, 10) if size * n >= rough * 0.999)
    first, last = math.floor(least / step), math.ceil(most / step)
    return [float(f"{n * step:.12g}") for n in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class Plot:
    """An area with slots across, such as days, and a scale upwards."""

    left: float
    right: float
    top: float
    slots: int
    low: float
    high: float

    @property
    def wide(self) -> float:
        """The width of a slot."""
        return (self.right - self.left) / self.slots

    @property
    def bottom(self) -> float:
        """Where the scale begins."""
        return self.top + HEIGHT

    def x(self, slot: float) -> float:
        """Where a slot begins."""
        return self.left + self.wide * slot

    def y(self, value: float) -> float:
        """How high the value is."""
        return self.bottom - HEIGHT * (value - self.low) / (self.high - self.low)

    def bar(self, slot: int, value: float, above: float = 0) -> str:
        """A bar in a slot that begins `above` another."""
        start, end = sorted((self.y(above), self.y(above + value)))
        wide = min(self.wide * 0.76, WIDEST_BAR)
        return rectangle(self.x(slot + 0.5) - wide / 2, start, wide, end - start)


def plot(
    drawing: Drawing,
    slots: int,
    values: Iterable[float],
    *,
    unit: str = "",
    shaded: Iterable[int] = (),
) -> Plot:
    """Add an area with its grid, scaled for the values and 0, with some slots shaded."""
    drawn = [0.0, *filter(is_number, values)]
    whole = all(value == int(value) for value in drawn)
    marks = ticks(min(drawn), max(drawn), whole=whole and not unit)
    labels = [f"{short(mark)}{unit}" for mark in marks]
    left = MARGIN + max(map(width_of, labels)) + 6
    right = drawing.width - MARGIN
    made = Plot(left, right, drawing.y + 8, max(slots, 1), marks[0], marks[-1])
    shade = (rectangle(made.x(slot), made.top, made.wide, HEIGHT) for slot in shaded)
    drawing.path("".join(shade), "shade")
    for mark, label in zip(marks, labels, strict=True):
        drawing.path(f"M{left:.1f} {made.y(mark):.1f}H{right}", "grid")
        drawing.text(left - 6, made.y(mark) + 4, label, "faint", anchor="end")
    drawing.y = made.bottom + LINE + 6
    return made


def label_slots(
    drawing: Drawing, area: Plot, labels: Sequence[str], slots: Sequence[int] | None = None
) -> None:
    """Add the labels of these slots, evenly spaced, under the area; as many as have room."""
    chosen = range(len(labels)) if slots is None else slots
    apart = area.wide * (chosen[1] - chosen[0]) if len(chosen) > 1 else area.wide
    widest = max((width_of(labels[slot]) for slot in chosen), default=0) + GAP
    for slot in chosen[:: math.ceil(widest / apart)]:
        drawing.text(area.x(slot + 0.5), area.bottom + LINE, labels[slot], "faint", anchor="middle")


def label_days(drawing: Drawing, area: Plot, days: Sequence[date]) -> None:
    """Add dates under the area: of Mondays, or of any day if there are few."""
    labels = list(map(short_day, days))
    mondays = [slot for slot, day in enumerate(days) if day.weekday() == 0]
    label_slots(drawing, area, labels, mondays if len(mondays) > FEW_WEEKS else None)


def period(times: Sequence[str]) -> str:
    """The first and the last of some times."""
    return times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"


def width_for(times: Sequence[str]) -> int:
    """The width of an image with these times across."""
    return WIDE if len(times) > MANY else WIDTH


def label_times(drawing: Drawing, area: Plot, times: Sequence[str]) -> None:
    """Add these times under the area; for days, explain how weekends are drawn."""
    if days := days_on_end(times):
        label_days(drawing, area, days)
        if weekends(days):
            drawing.say(SHADED, seen=True)
    else:
        labels = [shortened(short_time(time), WIDEST_LABEL) for time in times]
        label_slots(drawing, area, labels)


def sketched(
    times: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    unit: str = "",
    *,
    apart: bool = False,
) -> list[Row]:
    """Series over time as rows: a bar for each time of a short one, else a spark for each series.

    Parts that are stacked are not `apart`: each is a spark, also a single one.
    """
    days = days_on_end(times)
    known = [value for values in series.values() for value in values if value is not None]
    if apart and len(series) == 1 and len(times) <= MOST_BARS and min(known, default=0) >= 0:
        (values,) = series.values()
        names = [f"{WEEKDAYS[day.weekday()]} {day}" for day in days] or times
        return [
            _bar(name, value, largest(known), unit)
            for name, value in zip(names, values, strict=True)
        ]
    rows: list[Row] = [
        _spark(name, values, unit, n) for n, (name, values) in enumerate(series.items())
    ]
    return [*rows, ruler(days)] if days else rows


def _bar(name: str, value: float | None, most: float, unit: str) -> Bar:
    text = "×" if value is None else f"{number(value)}{unit}"
    return Bar(name, share(value or 0, most), text)


def _spark(name: str, values: Sequence[float | None], unit: str, series: int) -> Spark:
    """A row of small bars; those of a series below 0 are as high as they are far below."""
    known = [value for value in values if value is not None]
    if known and max(known) <= 0 > min(known):
        below = tuple(None if value is None else -value for value in values)
        return Spark(name, below, f"{number(-min(known))}{unit} below 0 at most", series)
    most = f"{number(max(known))}{unit} at most" if known else ""
    return Spark(name, tuple(values), most, series)


def days_on_end(times: Sequence[str]) -> list[date]:
    """The times as days on end; empty if they are anything else."""
    days: list[date] = []
    with suppress(ValueError):
        moments = [datetime.fromisoformat(one) for one in times]
        days = [moment.date() for moment in moments if moment.time() == time.min]
    on_end = all(later - day == timedelta(1) for day, later in pairwise(days))
    return days if on_end and len(days) == len(times) else []


def short_time(text: str) -> str:
    """A time as `Jan 2` or `Jan 2 03:00`; other text as it is."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        day = short_day(moment)
        return f"{day} {moment:%H:%M}" if len(text) > len("2026-01-02") else day
    return text


def ruler(days: Sequence[date]) -> Ruler:
    """The first letter of each weekday, small for Saturdays and Sundays."""
    letters = [WEEKDAYS[day.weekday()][0] for day in days]
    for slot in weekends(days):
        letters[slot] = letters[slot].lower()
    return Ruler("".join(letters))


def weekends(days: Sequence[date]) -> list[int]:
    """The slots of Saturdays and Sundays."""
    return [slot for slot, day in enumerate(days) if day.weekday() >= SATURDAY]
