"""What every chart is made of: an image, its palette, font and text, and an area with a scale."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal
from urllib.parse import quote

from mixpanel_assets.charts.sketch import Line, Row
from mixpanel_assets.shown import markdown_cell, one_line

SVG = "http://www.w3.org/2000/svg"
WIDTH = 560  # fits on the page of a partition in Dagster, in a window of 1300 pixels
WIDE = 800  # of an image with many columns
MARGIN = 12
LINE = 17  # pixels from one line of text to the next
# resvg knows no `system-ui`, and draws no text at all if it has none of the families.
FONT = (
    "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,"
    "'Noto Sans','Liberation Sans','DejaVu Sans',sans-serif"
)
FONT_SIZE, TITLE_SIZE, SMALL_SIZE = 12, 14, 9
BOLD = 1.12  # how much wider the letters of a title are
DARK = "@media(prefers-color-scheme:dark)"
MOST_LINES = 8  # of one text
SAMPLE = 34  # pixels for the color of a series in a legend

# Light and dark. A chart has its own ground: the page around it may be dark in a browser that asks
# for light.
GROUND = ("#ffffff", "#1c1f24")
INK = ("#1f2328", "#f0f3f6")
FAINT = ("#59636e", "#adb5bd")
SHADE = ("#e7ebef", "#2d333c")
GRID = ("#d8dee4", "#3a4048")
# Of series, on both grounds. Each also has dashes, hatching or a label: color alone says nothing.
SERIES = ("#3b7dd8", "#d4711b", "#159a87", "#9467d6", "#d4486a", "#87871d", "#2f93b8", "#8a7d70")
DASHES = ("none", "7 3", "2 2", "9 3 2 3", "5 5", "14 3", "1 4", "6 2 2 2 2 2")
ANGLES = (45, 135, 0, 90)  # of hatching

_RIM = "paint-order:stroke;stroke-width:3px;stroke-linejoin:round;stroke:"
_STYLES = {
    "ground": tuple(f"fill:{color}" for color in GROUND),
    "ink": tuple(f"fill:{color}" for color in INK),
    "title": tuple(f"fill:{color};font:600 {TITLE_SIZE}px {FONT}" for color in INK),
    "small": tuple(f"fill:{color};font:{SMALL_SIZE}px {FONT}" for color in INK),
    "faint": tuple(f"fill:{color}" for color in FAINT),
    # With a rim in the color of the ground, for text that lies on something else.
    "rimmed": tuple(f"fill:{ink};{_RIM}{paper}" for ink, paper in zip(INK, GROUND, strict=True)),
    "faint-rimmed": tuple(
        f"fill:{faint};{_RIM}{paper}" for faint, paper in zip(FAINT, GROUND, strict=True)
    ),
    "shade": tuple(f"fill:{color}" for color in SHADE),
    "grid": tuple(f"stroke:{color}" for color in GRID),
    "cross": tuple(f"stroke:{color};stroke-width:1.5" for color in FAINT),
    **{f"fill{n}": (f"fill:{color}",) for n, color in enumerate(SERIES)},
    **{
        f"line{n}": (f"stroke:{SERIES[n]};stroke-width:2;fill:none;stroke-dasharray:{dashes}",)
        for n, dashes in enumerate(DASHES)
    },
}

Theme = Literal["light", "dark"]
_SAFE = " !$'()*+,/:;=@"
_DARK_RULES = re.compile(rf"(<style>[^<]*){re.escape(DARK)}{{([^<]*)}}</style>")
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
_WIDTHS = {  # of letters in em, in a wide font
    **dict.fromkeys("fijlrtI.,:;'|!()[]{}/\\- ·", 0.42),
    **dict.fromkeys("mwMW@%—…", 1.0),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ&+=<>~#", 0.8),
}


@dataclass(frozen=True)
class Chart:
    """An image, what it shows in words, and the same as rows for a terminal."""

    svg: str
    text: str
    rows: tuple[Row, ...] = ()

    def themed(self, theme: Theme | None) -> str:
        """The SVG that is light or dark wherever it is shown; by default, as its reader prefers."""
        if theme is None:
            return self.svg
        rules = r"\1\2" if theme == "dark" else r"\1"
        return _DARK_RULES.sub(rf"{rules}</style>", self.svg, count=1)

    @property
    def url(self) -> str:
        """The image as a data URL: it has spaces, but no character of Markdown, HTML or JSON."""
        return f"data:image/svg+xml,{quote(self.svg, safe=_SAFE)}"

    @property
    def title(self) -> str:
        """The first line."""
        return next((row.words for row in self.rows if isinstance(row, Line)), self.text)

    def markdown(self) -> str:
        """The image in Markdown."""
        return f"![{markdown_cell(self.text)}](<{self.url}>)"

    def html(self) -> str:
        """The image in HTML, which can't style or be styled by the page around it."""
        style = "display:block;max-width:100%;height:auto;margin:4px 0"
        return f'<img alt="{escape(self.text)}" src="{self.url}" style="{style}">'


class Drawing:
    """An image that grows downwards: `y` is where its next part begins."""

    def __init__(self, title: str, *lines: str, width: int = WIDTH) -> None:
        self.y: float = MARGIN
        self.width = width
        self.rows: list[Row] = []
        self._parts: list[str] = []
        self._styles = {"ground", "ink"}
        self._hatched: set[int] = set()
        self._told: list[str] = []
        self.say(title, "title", TITLE_SIZE)
        for line in lines:
            self.say(line)
        self.y += 4

    def say(
        self, words: str, style: str = "faint", size: int = FONT_SIZE, *, seen: bool = False
    ) -> None:
        """Add lines of text as wide as the image; they are also what it shows in words.

        What is about something `seen` in the image has no row.
        """
        words = plain(words)
        self._told.append(words)
        if not seen:
            self.rows.append(Line(words, style == "title"))
        for line in wrapped(words, self.width - 2 * MARGIN, size):
            self.y += LINE
            self.text(MARGIN, self.y - 4, line, style, size=size)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        style: str = "ink",
        *,
        anchor: str = "start",
        size: int = FONT_SIZE,
    ) -> None:
        """Add one line of text that starts, ends or has its middle at x; moved into the image."""
        words = plain(words)
        wide = width_of(words, size)
        before = {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        x = min(max(x, before + 2), max(self.width - 2 - wide + before, before))
        place = "" if anchor == "start" else f" text-anchor='{anchor}'"
        at = f"x='{rounded(x)}' y='{rounded(y)}'"
        self._parts.append(f"<text{self._styled(style)} {at}{place}>{xml(words)}</text>")

    def path(self, d: str, style: str) -> None:
        """Add a path of SVG, if it is not empty."""
        if d:
            self._parts.append(f"<path{self._styled(style)} d='{d}'/>")

    def fill(self, d: str, series: int, *, hatched: bool = False, opacity: float = 1) -> None:
        """Add an area in the color of a series."""
        if hatched and d:
            self._hatched.add(series)
            self._parts.append(f"<path fill='url(#h{series})' d='{d}'/>")
        elif d:
            through = "" if opacity == 1 else f" fill-opacity='{opacity:.2f}'"
            self._parts.append(f"<path{self._styled(f'fill{series}')}{through} d='{d}'/>")

    def legend(self, names: Iterable[str], *, lines: bool = False) -> None:
        """Add the name of each series beside its color and hatching, or its dashes."""
        x: float = self.width
        room = self.width / 2 - MARGIN - SAMPLE - 20
        for series, name in enumerate(told_apart(names, room).values()):
            if x + SAMPLE + width_of(name) > self.width - MARGIN:
                x, self.y = MARGIN, self.y + LINE
            if lines:
                self.path(f"M{rounded(x)} {rounded(self.y - 8)}h{SAMPLE - 6}", f"line{series}")
            else:
                box = rectangle(x, self.y - 14, SAMPLE - 6, 11)
                self.fill(box, series, hatched=series > 0)
            self.text(x + SAMPLE, self.y - 4, name)
            x += SAMPLE + width_of(name) + 14

    def done(self) -> Chart:
        """The image as it is now."""
        text = " ".join(
            line if line.endswith((".", "?", "!")) else f"{line}." for line in self._told
        )
        wide, high = self.width, rounded(self.y + MARGIN)
        hatching = "".join(self._hatching(series) for series in sorted(self._hatched))
        svg = (
            f"<svg xmlns='{SVG}' viewBox='0 0 {wide} {high}' width='{wide}' height='{high}' "
            f"role='img' aria-label='{xml(text)}'>{self._sheet()}{hatching}"
            f"<rect class='ground' width='{wide}' height='{high}' rx='6'/>"
        )
        return Chart(f"{svg}{''.join(self._parts)}</svg>", text, tuple(self.rows))

    def _styled(self, style: str) -> str:
        self._styles.add(style)
        return "" if style == "ink" else f" class='{style}'"

    def _hatching(self, series: int) -> str:
        return (
            f"<pattern id='h{series}' width='5' height='5' patternUnits='userSpaceOnUse' "
            f"patternTransform='rotate({ANGLES[series % len(ANGLES)]})'>"
            f"<rect{self._styled(f'fill{series}')} width='5' height='5' fill-opacity='0.4'/>"
            f"<rect{self._styled(f'fill{series}')} width='2.5' height='5'/></pattern>"
        )

    def _sheet(self) -> str:
        """The styles in use, light and dark."""
        used = [(_selector(name), rules) for name, rules in _STYLES.items() if name in self._styles]
        light = "".join(f"{selector}{{{rules[0]}}}" for selector, rules in used)
        dark = "".join(f"{selector}{{{rules[1]}}}" for selector, rules in used if len(rules) > 1)
        font = f"svg{{font:{FONT_SIZE}px {FONT}}}"
        return f"<style>{font}{light}{DARK}{{{dark}}}</style>"


def rectangle(x: float, y: float, width: float, height: float) -> str:
    """A rectangle for the `d` of a path: one path holds many."""
    return f"M{rounded(x)} {rounded(y)}h{rounded(width)}v{rounded(height)}h{rounded(-width)}z"


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """A line through the points for the `d` of a path; a single point is a dash."""
    first, *rest = (f"{rounded(x)} {rounded(y)}" for x, y in points)
    return f"M{first}" + ("".join(f"L{point}" for point in rest) or "m-3 0h6")


def width_of(words: str, size: int = FONT_SIZE) -> float:
    """About how wide the text is, in pixels; rather too wide than too narrow."""
    return size * sum(map(_em, words)) * (BOLD if size == TITLE_SIZE else 1)


def shortened(words: str, room: float, size: int = FONT_SIZE) -> str:
    """A name on one line, cut with an ellipsis if it is wider than the room."""
    words = plain(words) or "(empty)"
    if width_of(words, size) <= room:
        return words
    room -= width_of("…", size)
    for end, letter in enumerate(words):
        room -= width_of(letter, size)
        if room < 0:
            return f"{words[:end]}…"
    return words


def told_apart(names: Iterable[str], room: float) -> dict[str, str]:
    """Each name on one line; where several would look the same, they are cut in their middle."""
    cut = {name: shortened(name, room) for name in names}
    seen = Counter(cut.values())
    return {
        name: label
        if seen[label] == 1 or width_of(plain(name)) <= room
        else _without_middle(name, room)
        for name, label in cut.items()
    }


def _without_middle(name: str, room: float) -> str:
    end = shortened(plain(name)[::-1], room / 2)[-2::-1]
    return f"{shortened(name, room - width_of(end))}{end}"


def wrapped(words: str, room: float, size: int = FONT_SIZE) -> list[str]:
    """The text as lines of at most this width; a word that is wider is broken."""
    lines = [""]
    for word in words.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer, size) <= room:
            lines[-1] = longer
        else:
            lines += _broken(word, room, size)
    lines = [line for line in lines if line]
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], shortened(f"{lines[MOST_LINES - 1]} …", room - size, size)]


def _broken(word: str, room: float, size: int) -> list[str]:
    """The word in pieces of at most this width."""
    pieces, used = [""], 0.0
    for letter in word:
        used += width_of(letter, size)
        if used > room:
            pieces, used = [*pieces, ""], width_of(letter, size)
        pieces[-1] += letter
    return pieces


def _em(letter: str) -> float:
    if letter in _WIDTHS:
        return _WIDTHS[letter]
    if letter < "\u0250":
        return 0.66
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.35 if letter >= "\U0001f000" else 1.05


def _selector(style: str) -> str:
    return "text" if style == "ink" else f".{style}"


def xml(words: str) -> str:
    """The words as text or as an attribute of XML."""
    return escape(plain(words))


def plain(words: str) -> str:
    """The words on one line, with U+FFFD for what XML can't hold."""
    return _NOT_XML.sub("\ufffd", one_line(words))


def rounded(value: float) -> str:
    """A number of pixels with at most one decimal."""
    return f"{round(value, 1):g}"
