"""A chart as .svg, .png and .html is whole, has its text, and says what is missing."""

import re
import struct
import subprocess
import sys
import warnings
import zlib
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
import resvg_py

from mixpanel_assets import charts
from mixpanel_assets.charts import files
from mixpanel_assets.charts.drawing import FAINT, GROUND, INK
from mixpanel_assets.errors import ConfigError, UsageError
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets_tests.charts import gallery
from mixpanel_assets_tests.charts.test_charts import HOSTILE, KINDS

CHART = charts.bars("Purchases", "", [("pro", 1, "1")])


def pixels(data: bytes) -> tuple[int, int, set[str]]:
    """Width, height and colors of a PNG of 8-bit RGBA."""
    wide, high = struct.unpack(">II", data[16:24])
    parts, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        parts += data[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    assert data[24:26] == b"\x08\x06"
    rows, before, found = zlib.decompress(parts), bytes(4 * wide), set()
    for y in range(high):
        line = rows[y * (4 * wide + 1) :][: 4 * wide + 1]
        before = unfiltered(line[0], line[1:], before)
        found |= {before[x : x + 3].hex() for x in range(0, 4 * wide, 4)}
    return wide, high, {f"#{color}" for color in found}


def unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    """A row of a PNG, without its filter."""
    out = bytearray(line)
    for n, value in enumerate(line):
        left, up = (out[n - 4] if n > 3 else 0), above[n]
        corner = above[n - 4] if n > 3 else 0
        near = min((left, up, corner), key=lambda one: abs(left + up - corner - one))
        out[n] = (value + (0, left, up, (left + up) // 2, near)[kind]) % 256
    return bytes(out)


@pytest.mark.parametrize("theme", [None, "light", "dark"])
def test_a_svg_is_the_image(theme: None, tmp_path: Path) -> None:
    path = charts.write(CHART, tmp_path / "a.svg", theme=theme)
    assert path.read_text("utf-8") == f"{CHART.themed(theme)}\n"
    ElementTree.fromstring(path.read_bytes())


def test_a_png_is_twice_as_large_and_has_text_in_either_theme(tmp_path: Path) -> None:
    for mode, theme in enumerate(("light", "dark")):
        path = charts.write(CHART, tmp_path / f"{theme}.png", theme=theme)
        wide, high, colors = pixels(path.read_bytes())
        assert (wide, high) == (1120, 2 * int(re.findall(r"height='(\d+)'", CHART.svg)[0]))
        assert {GROUND[mode], INK[mode], FAINT[mode]} <= colors
        assert GROUND[1 - mode] not in colors
    assert files.png(CHART) == (tmp_path / "light.png").read_bytes()


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_drawn_as_png(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnswerWarning)  # of letters without a font
        assert files.png(KINDS["flows"](name)).startswith(b"\x89PNG")


def test_without_a_font_a_png_is_refused() -> None:
    # resvg draws no text then, and says nothing.
    draw = partial(resvg_py.svg_to_bytes, skip_system_fonts=True)
    with pytest.raises(ConfigError, match="can't have text") as refused:
        files.png(CHART, draw=draw)
    assert "fonts-dejavu-core" in str(refused.value.hint)


def test_letters_that_no_font_has_are_named() -> None:
    chart = charts.bars("\U0001fbfa\u1c5a\u1c5b", "", [("a", 1, "1")])  # Ol Chiki
    with pytest.warns(AnswerWarning, match="no font of this machine has \u1c5a: boxes"):
        files.png(chart)


def test_without_the_extra_a_png_is_refused_and_the_others_are_written(tmp_path: Path) -> None:
    script = f"""
import sys
sys.modules["resvg_py"] = None  # what Python has for a package that is not there
from pathlib import Path
from mixpanel_assets import charts
from mixpanel_assets.charts.files import check
chart = charts.bars("t", "", [("a", 1, "1")])
charts.write(chart, {str(tmp_path / "a.svg")!r})
charts.write(chart, {str(tmp_path / "a.html")!r})
try:
    check(Path({str(tmp_path / "a.png")!r}))
except Exception as error:
    print(error.code, error.hint)
"""
    said = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert said == "CONFIG_ERROR pip install 'mixpanel-assets[charts]', or write .svg or .html\n"
    assert {one.name for one in tmp_path.iterdir()} == {"a.svg", "a.html"}


def test_a_html_page_holds_the_chart_and_its_words(tmp_path: Path) -> None:
    text = charts.write(CHART, tmp_path / "a.html").read_text("utf-8")
    assert CHART.url in text
    assert "<title>Purchases</title>" in text


def test_another_file_is_kept_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    charts.write(CHART, tmp_path / "a.svg")
    with pytest.raises(UsageError, match="exists already"):
        charts.write(KINDS["bars"]("b"), tmp_path / "a.svg")
    charts.write(KINDS["bars"]("b"), tmp_path / "a.svg", replace=True)
    assert (tmp_path / "a.svg").read_text() == KINDS["bars"]("b").svg + "\n"


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end with \.svg, \.png or \.html"):
        charts.write(CHART, tmp_path / "a.pdf")


def test_the_images_of_the_documents_are_as_drawn() -> None:
    drawn = {f"{name}.svg": f"{chart.svg}\n" for name, chart in gallery.ordinary().items()}
    kept = {one.name: one.read_text("utf-8") for one in gallery.IMAGES.iterdir()}
    assert kept == drawn, "run: python -m mixpanel_assets_tests.charts.gallery docs"
