"""Charts as files: .svg, .png and .html."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

from mixpanel_assets import outfiles
from mixpanel_assets.charts.drawing import FONT, GROUND, SVG, Chart, Theme, xml
from mixpanel_assets.charts.page import Section, page
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.notes import note

Draw = Callable[..., bytes]  # resvg_py.svg_to_bytes
SUFFIXES = (".svg", ".png", ".html")
ZOOM = 2  # pixels of a .png for each of the chart
BLOCK = 8  # bits of a character within its block of related ones
UNASSIGNED = "\U0010fffe"  # no font has it
MOST_NAMED = 5
INSTALL = "pip install 'mixpanel-assets[charts]'"


def check(path: Path, *, replace: bool = False, under: Path | None = None) -> None:
    """Raise UsageError or ConfigError if no chart can be written there.

    `under` is the folder that has to hold it, by default any.
    """
    outfiles.check(path, SUFFIXES, replace=replace, under=under)
    if path.suffix.lower() == ".png":
        _has_font(_renderer())


def write(
    chart: Chart,
    path: str | Path,
    *,
    replace: bool = False,
    theme: Theme | None = None,
    under: Path | None = None,
) -> Path:
    """Write the chart to a new .svg, .png or .html file, whole or not at all.

    By default, a .png is light, the others are light or dark as their reader prefers, and the file
    may be in any folder, not only `under` one.
    """
    path = Path(path)
    check(path, replace=replace, under=under)
    kind = path.suffix.lower()
    if kind == ".png":
        data = png(chart, theme or "light")
    elif kind == ".html":
        data = _page(chart, theme).encode()
    else:
        data = f"{chart.themed(theme)}\n".encode()
    with outfiles.placed(path, replace=replace) as part:
        part.write_bytes(data)
    return path


def png(chart: Chart, theme: Theme = "light", draw: Draw | None = None) -> bytes:
    """The chart as a PNG, twice as large.

    ConfigError without the extra or a font; a note says which letters no font has.
    """
    draw = draw or _renderer()
    _has_font(draw)
    if missing := "".join(_without_glyph(draw, chart.svg)):
        note(f"no font of this machine has {missing[:MOST_NAMED]}: boxes in the .png stand for it")
    ground = GROUND[("light", "dark").index(theme)]
    return draw(svg_string=chart.themed(theme), zoom=ZOOM, background=ground)


def _page(chart: Chart, theme: Theme | None) -> str:
    return page(chart.title, "", [Section("", chart=chart)], theme=theme)


@cache
def _renderer() -> Draw:
    try:
        from resvg_py import svg_to_bytes
    except ImportError as error:
        message = "a chart as .png needs the package resvg-py"
        raise ConfigError(message, hint=f"{INSTALL}, or write .svg or .html") from error
    drawn: Draw = svg_to_bytes
    return drawn


@cache
def _has_font(draw: Draw) -> None:
    """Raise ConfigError if no text can be drawn: resvg would leave it out without a word."""
    if _letter(draw, "M") == _letter(draw, " "):
        raise ConfigError(
            "a .png can't have text: none of the fonts that charts use is on this machine",
            hint="install one (Debian, Ubuntu: apt-get install fonts-dejavu-core; Alpine: apk add "
            "font-dejavu), or write .svg or .html",
        )


def _without_glyph(draw: Draw, text: str) -> Iterator[str]:
    """Of each block of letters that are not Latin, one that no font has."""
    letters = sorted({letter for letter in text if letter > "\u02ff" and letter.isprintable()})
    missing = {_letter(draw, UNASSIGNED), _letter(draw, " ")}
    for _, block in groupby(letters, key=lambda letter: ord(letter) >> BLOCK):
        first = next((one for one in block if one.isalnum()), None)
        if first and _letter(draw, first) in missing:
            yield first


@cache
def _letter(draw: Draw, letter: str) -> bytes:
    text = f"<text x='4' y='24'>{xml(letter)}</text>"
    svg = f"<svg xmlns='{SVG}' width='48' height='32'><style>text{{font:16px {FONT}}}</style>{text}"
    return draw(svg_string=f"{svg}</svg>", zoom=1, background=GROUND[0])
