"""Small charts for a cell of a table.

In Markdown they have less than 1,000 characters: of a longer text Dagster shows only a link.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from mixpanel_assets.charts.drawing import SERIES, SVG, Chart, plain, xml
from mixpanel_assets.charts.scale import number, short_day, span, weekends

ROOM = 264  # pixels across
HEIGHT = 44  # of the highest bar
LINE = 16  # of text above the bars, and below
INK = "#777"  # legible on light and dark pages: a small chart has no ground of its own
LABELS = 3  # at most


def small_days(counts: Mapping[date, int], partial: Collection[date] = ()) -> Chart:
    """A bar for each day of up to five weeks, striped if the day was not over; weekends shaded."""
    days = span(counts)
    mondays = [slot for slot, day in enumerate(days) if day.weekday() == 0] or [0]
    labels = {slot: short_day(days[slot]) for slot in mondays[:: -(-len(mondays) // LABELS)]}
    return _small(
        f"{number(sum(counts.values()))} events from {days[0]} to {days[-1]}",
        [counts.get(day) for day in days],
        labels,
        striped={slot for slot, day in enumerate(days) if day in partial},
        shaded=weekends(days),
    )


def small_hours(counts: Sequence[int], zone: str) -> Chart:
    """A bar for each of 24 hours, by the clock of a zone."""
    most, least = (f"{counts.index(n):02d}:00 ({number(n)})" for n in (max(counts), min(counts)))
    labels = {hour: f"{hour:02d}" for hour in range(0, len(counts), 6)}
    return _small(f"Most events from {most}, least from {least}, {zone}", counts, labels)


def _small(
    text: str,
    values: Sequence[int | None],
    labels: Mapping[int, str],
    *,
    striped: Collection[int] = (),
    shaded: Sequence[int] = (),
) -> Chart:
    """A bar for each value, with the largest one above and labels below; None is a gap."""
    step = max(ROOM // len(values), 2)
    most = max(value or 0 for value in values)
    base = LINE + HEIGHT

    def bars(*, chosen: bool) -> str:
        tops = (
            f"M{slot * step + step // 2} {base}V{base - _height(value, most)}"
            for slot, value in enumerate(values)
            if value is not None and (slot in striped) == chosen
        )
        return "".join(tops)

    shade = "".join(f"M{slot * step} {LINE + HEIGHT // 2}h{step}" for slot in shaded)
    words = [f"<text y='11'>most: {number(most)}</text>"] + [
        f"<text x='{slot * step}' y='{base + 13}'>{xml(label)}</text>"
        for slot, label in labels.items()
    ]
    svg = (
        f"<svg xmlns='{SVG}' width='{ROOM}' height='{base + LINE}'>"
        f"<g fill='{INK}' style='font:11px sans-serif'>{''.join(words)}</g>"
        f"<path stroke='{INK}4' stroke-width='{HEIGHT}' d='{shade}'/>"
        f"<g stroke='{SERIES[0]}' stroke-width='{min(step - 1 - step // 5, 20)}'>"
        f"<path d='{bars(chosen=False)}'/>"
        f"<path stroke-dasharray='2 1' d='{bars(chosen=True)}'/></g></svg>"
    )
    return Chart(svg, plain(text))


def _height(value: float, most: float) -> int:
    """A bar's height; one pixel at least, so that zero is not a gap."""
    return max(round(HEIGHT * value / most), 1) if most else 1
