"""Charts of lines: one or more series over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mixpanel_assets.charts.drawing import SERIES, Chart, Drawing, polyline
from mixpanel_assets.charts.rows import bars
from mixpanel_assets.charts.scale import (
    Plot,
    days_on_end,
    is_number,
    label_times,
    number,
    period,
    plot,
    sketched,
    weekends,
    width_for,
)


def lines(title: str, about: str, series: Mapping[str, Mapping[str, Any]]) -> Chart:
    """A line for each of the largest series over times, which are ISO text or any other.

    A value that is not a number is a gap. At a single time, the series are bars.
    """
    times = sorted({time for values in series.values() for time in values})  # so is ISO text
    ranked = sorted(series, key=lambda name: -_total(series[name]))
    if len(times) < 2:
        rows = [(name, value, number(value)) for name in ranked for value in series[name].values()]
        return bars(title, ", ".join(filter(None, [about, *times])), rows)
    drawn = {name: series[name] for name in ranked[: len(SERIES)]}
    more = f"the {len(drawn)} largest of {number(len(series))}" if len(series) > len(drawn) else ""
    about = ", ".join(filter(None, [about, period(times), more]))
    drawing = Drawing(title, about, width=width_for(times))
    if len(drawn) > 1:
        drawing.legend(drawn, lines=True)
    values = (value for one in drawn.values() for value in one.values())
    area = plot(drawing, len(times), values, shaded=weekends(days_on_end(times)))
    known = {
        name: [value if is_number(value := one.get(time)) else None for time in times]
        for name, one in drawn.items()
    }
    for n, numbers in enumerate(known.values()):
        drawing.path(_line(area, numbers), f"line{n}")
    drawing.rows += sketched(times, known, apart=True)
    label_times(drawing, area, times)
    return drawing.done()


def _line(area: Plot, values: Sequence[float | None]) -> str:
    """The line of one series, with gaps."""
    parts: list[list[tuple[float, float]]] = [[]]
    for slot, value in enumerate(values):
        if value is not None:
            parts[-1].append((area.x(slot + 0.5), area.y(value)))
        elif parts[-1]:
            parts.append([])
    return "".join(polyline(part) for part in parts if part)


def _total(values: Mapping[str, Any]) -> float:
    return sum(abs(value) for value in values.values() if is_number(value))
