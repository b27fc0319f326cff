"""Charts of rows: bars with names, and tables whose cells are shaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixpanel_assets.charts.drawing import (
    MARGIN,
    WIDTH,
    Chart,
    Drawing,
    rectangle,
    shortened,
    width_of,
)
from mixpanel_assets.charts.scale import is_number, number

ROW = 22
MOST_ROWS = 20
NARROWEST, WIDEST = 40, 80  # pixels of a cell: 100% has room
WIDEST_NAME = 200
STRONGEST = 0.55  # tint of a cell: its number stays legible


def bars(
    title: str,
    about: str,
    items: Sequence[tuple[str | None, Any, str]],
    *,
    whole: float | None = None,
) -> Chart:
    """A bar for each name and value, with a text beside it, in the given order.

    The longest bar is `whole`, by default the largest value.
    """
    shown = items[:MOST_ROWS]
    drawing = Drawing(title, *filter(None, [about, _left_out(len(items), "rows")]))
    names = [shortened("(none)" if name is None else name, WIDEST_NAME) for name, *_ in shown]
    left = MARGIN + max(map(width_of, names), default=0) + 8
    texts = [shortened(text, WIDEST_NAME) if text else "" for *_, text in shown]
    room = WIDTH - MARGIN - left - max(map(width_of, texts), default=0) - 6
    most = max([whole or 0, *(value for _, value, _ in shown if is_number(value))])
    for name, text, (_, value, _) in zip(names, texts, shown, strict=True):
        long = room * max(value, 0) / most if most and is_number(value) else 0
        drawing.text(left - 8, drawing.y + 15, name, anchor="end")
        drawing.fill(rectangle(left, drawing.y + 4, max(long, 0.5), ROW - 8), 0)
        drawing.text(left + long + 6, drawing.y + 15, text, "faint")
        drawing.y += ROW
    return drawing.done()


def heat(
    title: str,
    about: str,
    rows: Sequence[tuple[str, Sequence[Any]]],
    *,
    first: int = 0,
) -> Chart:
    """A table of shares from 0 to 1 in percent, whose cells are shaded by them; None is empty.

    Its columns are numbered from `first`.
    """
    shown = rows[:MOST_ROWS]
    names = [shortened(name, WIDEST_NAME) for name, _ in shown]
    left = MARGIN + max(map(width_of, names), default=0) + 8
    columns = max((len(values) for _, values in rows), default=0)
    wide = min(columns, int((WIDTH - MARGIN - left) / NARROWEST))
    cell = min((WIDTH - MARGIN - left) / max(wide, 1), WIDEST)
    left_out = [_left_out(len(rows), "rows"), _left_out(columns, "columns", wide)]
    drawing = Drawing(title, *filter(None, [about, " ".join(filter(None, left_out))]))
    for n in range(wide):
        middle = left + cell * (n + 0.5)
        drawing.text(middle, drawing.y + 14, str(first + n), "faint", anchor="middle")
    drawing.y += ROW
    for name, (_, values) in zip(names, shown, strict=True):
        drawing.text(left - 8, drawing.y + 15, name, anchor="end")
        for n, value in enumerate(values[:wide]):
            if is_number(value):
                box = rectangle(left + cell * n, drawing.y, cell - 1, ROW - 1)
                drawing.fill(box, 0, opacity=STRONGEST * min(max(value, 0), 1))
                percent = shortened(f"{value:.0%}", cell)
                middle = left + cell * (n + 0.5)
                drawing.text(middle, drawing.y + 15, percent, anchor="middle")
        drawing.y += ROW
    return drawing.done()


def _left_out(count: int, what: str, most: int = MOST_ROWS) -> str:
    return f"The first {most} of {number(count)} {what}." if count > most else ""
