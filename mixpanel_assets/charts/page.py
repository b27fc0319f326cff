"""One page of HTML with charts and small tables: no scripts, nothing from elsewhere, printable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from mixpanel_assets.charts.drawing import FAINT, FONT, GRID, GROUND, INK, Chart, Theme, plain
from mixpanel_assets.charts.scale import number

MOST_ROWS = 20  # of a table
LONGEST = 200  # characters of a cell
BEHIND = ("#f3f5f7", "#121417")  # light and dark, behind the sections
# Nothing is loaded, and nothing runs, whatever the names of events hold.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
*{box-sizing:border-box}
body{margin:0;padding:24px 16px;background:var(--behind);color:var(--ink);font:15px/1.5 FONT}
header,section,footer{max-width:1160px;margin:0 auto 16px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px}
h2{font-size:17px;line-height:1.3;margin:0 0 4px}
h1,h2,p,th,td{overflow-wrap:anywhere}
p{margin:0 0 12px;color:var(--faint);max-width:75ch}
section{background:var(--ground);border:1px solid var(--grid);border-radius:8px;padding:16px}
.parts{display:flex;flex-wrap:wrap;gap:16px 24px;align-items:flex-start}
figure{margin:0;max-width:100%;overflow-x:auto}
.table{flex:1 1 260px;min-width:0;max-width:100%;overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px;text-align:start;vertical-align:top;border-bottom:1px solid var(--grid)}
th{color:var(--faint);font-weight:600}
th.n,td.n{text-align:end;white-space:nowrap}
th{overflow-wrap:normal}
.more{font-size:13px;margin:6px 0 0}
@media(max-width:600px){
body{padding:12px 8px}section{padding:12px 10px}
figure img{max-width:none!important;zoom:.8}}
@media print{
body{background:none;padding:0}section{break-inside:avoid;border:0;padding:0 0 12px}
figure img{max-width:100%!important;zoom:1}}
@page{margin:14mm}
"""


@dataclass(frozen=True)
class Section:
    """A heading, a sentence, a chart and a table; each may be left out."""

    heading: str
    sentence: str = ""
    chart: Chart | None = None
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


def page(title: str, about: str, sections: Sequence[Section], *, theme: Theme | None = None) -> str:
    """The whole page; by default light or dark, as its reader prefers."""
    colors = "light dark" if theme is None else theme
    return "".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n',
            '<meta name="viewport" content="width=device-width,initial-scale=1">\n',
            f'<meta name="color-scheme" content="{colors}">\n',
            f"<title>{_text(title)}</title>\n<style>{_palette(theme)}",
            f"{_STYLE.replace('FONT', FONT)}</style></head>\n<body>\n",
            f'<header><h1 dir="auto">{_text(title)}</h1>{_paragraph(about)}</header>\n',
            *(part for section in sections for part in _section(section, theme)),
            "</body></html>\n",
        ]
    )


def _section(section: Section, theme: Theme | None) -> Iterator[str]:
    yield "<section>"
    if section.heading:
        yield f'<h2 dir="auto">{_text(section.heading)}</h2>'
    yield _paragraph(section.sentence)
    yield '<div class="parts">'
    if section.chart:
        drawn = replace(section.chart, svg=section.chart.themed(theme))
        yield f"<figure>{drawn.html()}</figure>"
    if section.columns:
        yield from _table(section.columns, section.rows)
    yield "</div></section>\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    numeric = [
        any(map(_is_number, cells)) and all(one is None or _is_number(one) for one in cells)
        for cells in (zip(*rows, strict=True) if rows else [()] * len(columns))
    ]
    kinds = [' class="n"' if one else ' dir="auto"' for one in numeric]
    yield '<div class="table"><table><thead><tr>'
    for name, kind in zip(columns, kinds, strict=True):
        yield f"<th{kind}>{_text(name)}</th>"
    yield "</tr></thead><tbody>"
    for row in rows[:MOST_ROWS]:
        cells = zip(row, kinds, strict=True)
        yield f"<tr>{''.join(f'<td{kind}>{_cell(value)}</td>' for value, kind in cells)}</tr>"
    yield "</tbody></table>"
    if len(rows) > MOST_ROWS:
        yield f'<p class="more">and {number(len(rows) - MOST_ROWS)} more rows</p>'
    yield "</div>"


def _cell(value: Any) -> str:
    text = "" if value is None else number(value) if _is_number(value) else str(value)
    return _text(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _paragraph(words: str) -> str:
    return f'<p dir="auto">{_text(words)}</p>' if words else ""


def _text(words: str) -> str:
    return escape(plain(words))


def _palette(theme: Theme | None) -> str:
    """The colors of the page, as the charts have them."""
    names = {"behind": BEHIND, "ground": GROUND, "ink": INK, "faint": FAINT, "grid": GRID}
    light, dark = (
        f":root{{{';'.join(f'--{name}:{pair[mode]}' for name, pair in names.items())}}}"
        for mode in (0, 1)
    )
    if theme is not None:
        return light if theme == "light" else dark
    return f"{light}@media(prefers-color-scheme:dark){{{dark}}}"
