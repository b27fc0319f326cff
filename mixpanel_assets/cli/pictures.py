"""Charts in a terminal: bars, rows of small bars and shaded tables of text."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from itertools import groupby, pairwise
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from mixpanel_assets.charts import Chart
from mixpanel_assets.charts.drawing import GROUND, SERIES
from mixpanel_assets.charts.sketch import Bar, Cells, Line, Row, Ruler, Spark
from mixpanel_assets.cli import streams
from mixpanel_assets.shown import one_line

WIDTH = 80  # columns, but on a narrower terminal
NARROWEST = 30
WIDEST_NAME, WIDEST_TEXT = 0.4, 0.35  # of the width
EIGHTHS = " ▏▎▍▌▋▊▉"
HEIGHTS = "▁▂▃▄▅▆▇█"
MOST_REPEATED = 3  # columns for each value of a spark
GROUND_OF_CELLS = GROUND[1]
STRONGEST = 0.7  # tint of a cell: white text stays legible


def text(chart: Chart) -> str:
    """The chart as text; in color on a terminal, unless NO_COLOR is set."""
    return rendered(chart, width(), color=streams.to_terminal() and not os.environ.get("NO_COLOR"))


def width() -> int:
    """The number of columns: the same on a terminal and in a pipe, if the terminal has them."""
    if not streams.to_terminal():
        return WIDTH
    return max(min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH), NARROWEST)


def rendered(chart: Chart, width: int, *, color: bool) -> str:
    """The chart as lines of at most this many columns."""
    out = StringIO()
    console = Console(
        file=out, width=width, color_system="auto" if color else None, force_terminal=color
    )
    for kind, rows in groupby(chart.rows or [Line(chart.text)], key=_kind):
        for row in LAYOUTS[kind](list(rows), width):
            for line in row.wrap(console, width) if kind is Line else [row]:
                line.rstrip()  # before it is colored
                console.print(line, soft_wrap=True, highlight=False, markup=False)
    return out.getvalue()


def _kind(row: Row) -> type[Row]:
    return Spark if isinstance(row, Ruler) else type(row)


def _lines(rows: Sequence[Line], _: int) -> Iterator[Text]:
    for row in rows:
        yield Text(one_line(row.words), style="bold" if row.is_title else "")


def _bars(rows: Sequence[Bar], width: int) -> Iterator[Text]:
    names, texts, room = _columns(rows, width)
    for row, name, words in zip(rows, names, texts, strict=True):
        eighths = round(row.share * room * 8)
        bar = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
        yield Text.assemble(name, "  ", (bar, SERIES[row.series]), " " if bar else "", words)


def _sparks(rows: Sequence[Spark | Ruler], width: int) -> Iterator[Text]:
    sparks = [row for row in rows if isinstance(row, Spark)]
    names, texts, room = _columns(sparks, width)
    labels = iter(zip(names, texts, strict=True))
    for row in rows:
        if isinstance(row, Ruler):
            if sparks and (wide := min(room // max(len(row.letters), 1), MOST_REPEATED)):
                letters = "".join(letter.ljust(wide) for letter in row.letters)
                yield Text.assemble(" " * cell_len(names[0]), "  ", (letters, "dim"))
            continue
        name, words = next(labels)
        drawn = "".join(_small_bars(_fitted(row.values, room)))
        yield Text.assemble(name, "  ", (drawn, SERIES[row.series]), "  ", words)


def _fitted(values: Sequence[float | None], room: int) -> list[float | None]:
    """As many values as have room: each several times, or means of neighbors."""
    if len(values) <= room:
        times = min(room // max(len(values), 1), MOST_REPEATED)
        return [value for value in values for _ in range(times)]
    edges = [n * len(values) // room for n in range(room + 1)]
    parts = [values[start:end] for start, end in pairwise(edges)]
    return [_mean([value for value in part if value is not None]) for part in parts]


def _mean(values: Sequence[float]) -> float | None:
    return sum(value / len(values) for value in values) if values else None


def _small_bars(values: Sequence[float | None]) -> Iterator[str]:
    """A letter for each value, on a scale from 0 or the least to the largest; blank for a gap."""
    known = [value for value in values if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    for value in values:
        if value is None:
            yield " "
        else:
            part = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0
            yield HEIGHTS[round(part * (len(HEIGHTS) - 1))]


def _cells(rows: Sequence[Cells], width: int) -> Iterator[Text]:
    widest = max((cell_len(one) for row in rows for one, _ in row.cells), default=0)
    wide = min(widest, 6) + 1
    names = _cut([row.name for row in rows], int(width * WIDEST_NAME))
    left = max(map(cell_len, names), default=0)
    most = max((width - left - 1) // wide, 1)
    for row, name in zip(rows, names, strict=True):
        line = Text(f"{name} ")
        for words, tint in row.cells[:most]:
            # With a blank before, so that cells side by side can be told apart.
            line.append(" ")
            line.append(_middle(words, wide - 1).rjust(wide - 1), _shade(tint) if tint else "")
        yield line
    columns = max(len(row.cells) for row in rows)
    if columns > most:
        yield Text(f"and {columns - most} more columns")


def _shade(tint: float) -> str:
    """White on a color between those of the ground and the first series."""
    pairs = zip(_rgb(GROUND_OF_CELLS), _rgb(SERIES[0]), strict=True)
    mixed = (round(dark + (light - dark) * tint * STRONGEST) for dark, light in pairs)
    return "white on #" + "".join(f"{part:02x}" for part in mixed)


def _rgb(color: str) -> list[int]:
    return [int(color[n : n + 2], 16) for n in (1, 3, 5)]


def _columns(rows: Sequence[Bar | Spark], width: int) -> tuple[list[str], list[str], int]:
    """The names of rows, their texts, and the columns that are left between."""
    names = _cut([row.name for row in rows], int(width * WIDEST_NAME))
    texts = [_middle(one_line(row.text), int(width * WIDEST_TEXT)) for row in rows]
    used = max(map(cell_len, names), default=0) + max(map(cell_len, texts), default=0)
    return names, texts, max(width - used - 4, 1)


def _cut(names: Sequence[str], most: int) -> list[str]:
    """The names on one line each, padded to the same width."""
    shown = [_middle(one_line(name), most) for name in names]
    wide = max(map(cell_len, shown), default=0)
    return [set_cell_size(name, wide) for name in shown]


def _middle(words: str, most: int) -> str:
    """The text without its middle, if it is wider: names often differ at their end."""
    if cell_len(words) <= most:
        return words
    end = set_cell_size(words[::-1], (most - 1) // 2).rstrip()[::-1]
    return f"{set_cell_size(words, most - 1 - cell_len(end)).rstrip()}…{end}"


LAYOUTS: dict[type[Row], Callable[[Any, int], Iterator[Text]]] = {
    Line: _lines,
    Bar: _bars,
    Spark: _sparks,
    Cells: _cells,
}
