"""Charts of rows: bars with names, alone or in groups, and tables whose cells are shaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any

from mixpanel_assets.charts.drawing import (
    MARGIN,
    SERIES,
    SMALL_SIZE,
    WIDE,
    WIDTH,
    Chart,
    Drawing,
    rectangle,
    shortened,
    told_apart,
    width_of,
)
from mixpanel_assets.charts.scale import is_number, number
from mixpanel_assets.charts.sketch import Bar, Cells, Line, largest, share

ROW = 22
LOW_ROW = 18  # of a bar in a group
MOST_ROWS = 20
MOST_HEAT_ROWS = 31  # a month of days
NARROWEST, WIDEST = 40, 80  # pixels of a cell: 100% has room
SMALLEST = 20  # the same for 100 in small letters
WIDEST_NAME, WIDEST_OF_MANY = 200, 150  # the latter beside many columns
STRONGEST = 0.55  # tint of a cell: its number stays legible

Item = tuple[str | None, Any, str]  # a name, a value, and the text beside its bar


def bars(title: str, about: str, items: Sequence[Item], *, whole: float | None = None) -> Chart:
    """A bar for each name and value, with a text beside it, in the given order.

    The longest bar is `whole`, by default the largest value.
    """
    shown = items[:MOST_ROWS]
    drawing = Drawing(title, *_about(about, _left_out(len(items), "rows"), items))
    _bars(drawing, [[(0, *item) for item in shown]], ROW, whole)
    return drawing.done()


def grouped(
    title: str,
    about: str,
    names: Sequence[str],
    parts: Mapping[str | None, Sequence[tuple[Any, str]]],
    *,
    whole: float | None = None,
) -> Chart:
    """For each name a group of bars: one for each part, with the text beside it.

    A part has a value and a text for each name. Only the first parts are drawn.
    """
    drawn = dict(list(parts.items())[: len(SERIES)])
    left_out = [_left_out(len(parts), "segments", len(SERIES)), _left_out(len(names), "groups")]
    drawing = Drawing(title, *_about(about, " ".join(filter(None, left_out)), names and parts))
    groups = [
        [
            (n, part, *values[at])
            for n, (part, values) in enumerate(drawn.items())
            if at < len(values)
        ]
        for at in range(len(names[:MOST_ROWS]))
    ]
    _bars(drawing, groups, LOW_ROW, whole, headings=names)
    return drawing.done()


def _bars(
    drawing: Drawing,
    groups: Sequence[Sequence[tuple[int, str | None, Any, str]]],
    high: int,
    whole: float | None,
    headings: Sequence[str] = (),
) -> None:
    """Add groups of bars, each a series, a name, a value and a text, on one scale."""
    items = [item for group in groups for item in group]
    names = told_apart((_said(name) for _, name, _, _ in items), WIDEST_NAME)
    texts = {text: shortened(text, WIDEST_NAME) if text else "" for *_, text in items}
    left = MARGIN + max(map(width_of, names.values()), default=0) + 8
    room = drawing.width - MARGIN - left - max(map(width_of, texts.values()), default=0) - 6
    most = max(whole or 0, largest(value for _, _, value, _ in items if is_number(value)))
    for at, group in enumerate(groups):
        if headings:
            _heading(drawing, headings[at])
        for series, name, value, text in group:
            part = share(value, most) if is_number(value) else 0.0
            middle = drawing.y + high / 2 + 4
            drawing.text(left - 8, middle, names[_said(name)], anchor="end")
            box = rectangle(left, drawing.y + 3, max(room * part, 0.5), high - 6)
            drawing.fill(box, series, hatched=False)
            drawing.text(left + room * part + 6, middle, texts[text], "faint")
            drawing.rows.append(Bar(_said(name), part, text, series))
            drawing.y += high


def _heading(drawing: Drawing, name: str) -> None:
    drawing.text(MARGIN, drawing.y + 17, shortened(name, drawing.width - 2 * MARGIN))
    drawing.rows.append(Line(name))
    drawing.y += ROW + 2


def _said(name: str | None) -> str:
    return "(none)" if name is None else name


def heat(
    title: str,
    about: str,
    rows: Sequence[tuple[str, Sequence[Any]]],
    *,
    first: int = 0,
) -> Chart:
    """A table of shares from 0 to 1 in percent, whose cells are shaded by them; None is empty.

    Its columns are numbered from `first`. With many columns, the image is wide and its numbers are
    small.
    """
    shown = rows[:MOST_HEAT_ROWS]
    columns = max((len(values) for _, values in rows), default=0)
    names, left = _names(shown, WIDEST_NAME)
    many = columns > (WIDTH - MARGIN - left) // NARROWEST
    if many:
        names, left = _names(shown, WIDEST_OF_MANY)
    room = (WIDE if many else WIDTH) - MARGIN - left
    wide = min(columns, int(room / (SMALLEST if many else NARROWEST)))
    cell = min(room / max(wide, 1), WIDEST)
    left_out = [
        _left_out(len(rows), "rows", MOST_HEAT_ROWS),
        _left_out(columns, "columns", wide),
        "In percent." if many else "",
    ]
    said = _about(about, " ".join(filter(None, left_out)), rows)
    drawing = Drawing(title, *said, width=WIDE if many else WIDTH)
    heads = [str(first + n) for n in range(wide)]
    for n, head in enumerate(heads):
        drawing.text(left + cell * (n + 0.5), drawing.y + 14, head, "faint", anchor="middle")
    drawing.rows.append(Cells("", tuple((head, 0.0) for head in heads)))
    drawing.y += ROW
    small = cell < NARROWEST
    for name, (given, values) in zip(names, shown, strict=True):
        drawing.text(left - 8, drawing.y + 15, name, anchor="end")
        _cells(drawing, left, cell, values[:wide], small=small)
        texts = ((_percent(value, small=small), _tint(value)) for value in values[:wide])
        drawing.rows.append(Cells(given, tuple(texts)))
        drawing.y += ROW
    return drawing.done()


def _names(rows: Sequence[tuple[str, Any]], widest: float) -> tuple[list[str], float]:
    """The names of rows, and where their cells begin."""
    labels = told_apart((name for name, _ in rows), widest)
    names = [labels[name] for name, _ in rows]
    return names, MARGIN + max(map(width_of, names), default=0) + 8


def _cells(
    drawing: Drawing, left: float, cell: float, values: Sequence[Any], *, small: bool
) -> None:
    style, size = ("small", SMALL_SIZE) if small else ("ink", 12)
    for n, value in enumerate(values):
        if is_number(value):
            box = rectangle(left + cell * n, drawing.y, cell - 1, ROW - 1)
            drawing.fill(box, 0, opacity=STRONGEST * _tint(value))
            text = shortened(_percent(value, small=small), cell, size)
            middle = left + cell * (n + 0.5)
            drawing.text(middle, drawing.y + 15, text, style, anchor="middle", size=size)


def _percent(value: Any, *, small: bool) -> str:
    if not is_number(value):
        return ""
    return f"{value:.0%}".removesuffix("%") if small else f"{value:.0%}"


def _tint(value: Any) -> float:
    return min(max(value, 0.0), 1.0) if is_number(value) else 0.0


def _about(about: str, left_out: str, rows: Sized) -> list[str]:
    """The lines below a title."""
    return [line for line in (about, left_out, "" if rows else "No values.") if line]


def _left_out(count: int, what: str, most: int = MOST_ROWS) -> str:
    return f"The first {most} of {number(count)} {what}." if count > most else ""
