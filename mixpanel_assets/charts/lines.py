"""Charts of lines: one or more series over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from mixpanel_assets.charts.drawing import SERIES, Chart, Drawing, polyline, shortened
from mixpanel_assets.charts.rows import bars
from mixpanel_assets.charts.scale import (
    SHADED,
    Plot,
    is_number,
    label_days,
    label_slots,
    number,
    plot,
    short_day,
    weekends,
)

DAY = timedelta(1)
WIDEST_LABEL = 90


def lines(title: str, about: str, series: Mapping[str, Mapping[str, Any]]) -> Chart:
    """A line for each of the largest series over times, which are ISO text or any other.

    A value that is not a number is a gap. At a single time, the series are bars.
    """
    times = sorted({time for values in series.values() for time in values})  # so is ISO text
    ranked = sorted(series, key=lambda name: -_total(series[name]))
    if len(times) < 2:
        rows = [(name, value, number(value)) for name in ranked for value in series[name].values()]
        return bars(title, ", ".join(filter(None, [about, *(times or ["no values"])])), rows)
    drawn = {name: series[name] for name in ranked[: len(SERIES)]}
    more = f"the {len(drawn)} largest of {number(len(series))}" if len(series) > len(drawn) else ""
    drawing = Drawing(title, ", ".join(filter(None, [about, f"{times[0]} to {times[-1]}", more])))
    if len(drawn) > 1:
        drawing.legend(drawn, lines=True)
    days = _days(times)
    values = (value for one in drawn.values() for value in one.values())
    area = plot(drawing, len(times), values, shaded=weekends(days))
    for n, one in enumerate(drawn.values()):
        drawing.path(_line(area, [one.get(time) for time in times]), f"line{n}")
    if days:
        label_days(drawing, area, days)
    else:
        label_slots(drawing, area, [shortened(_label(time), WIDEST_LABEL) for time in times])
    if weekends(days):
        drawing.say(SHADED)
    return drawing.done()


def _line(area: Plot, values: Sequence[Any]) -> str:
    """The line of one series, with gaps."""
    parts: list[list[tuple[float, float]]] = [[]]
    for slot, value in enumerate(values):
        if is_number(value):
            parts[-1].append((area.x(slot + 0.5), area.y(value)))
        elif parts[-1]:
            parts.append([])
    return "".join(polyline(part) for part in parts if part)


def _total(values: Mapping[str, Any]) -> float:
    return sum(abs(value) for value in values.values() if is_number(value))


def _days(times: Sequence[str]) -> list[date]:
    """The times as days on end; empty if they are anything else."""
    days: list[date] = []
    with suppress(ValueError):
        moments = [datetime.fromisoformat(one) for one in times]
        days = [moment.date() for moment in moments if moment.time() == time.min]
    on_end = all(later - day == DAY for day, later in pairwise(days))
    return days if on_end and len(days) == len(times) else []


def _label(text: str) -> str:
    """A time as `Jan 2` or `Jan 2 03:00`; other text as it is."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        day = short_day(moment)
        return f"{day} {moment:%H:%M}" if len(text) > len("2026-01-02") else day
    return text
