"""A chart is sound XML with any name in it, fits into its image, and needs no color to be read."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets import charts
from mixpanel_assets.charts.drawing import (
    DASHES,
    FAINT,
    FONT_SIZE,
    GROUND,
    INK,
    SERIES,
    SMALL_SIZE,
    TITLE_SIZE,
    shortened,
    told_apart,
    width_of,
)
from mixpanel_assets.charts.scale import number, short, ticks
from mixpanel_assets.charts.sketch import Bar, Line, Spark
from mixpanel_assets.charts.small import INK as SMALL_INK
from mixpanel_assets_tests.charts import gallery

SVG = "{http://www.w3.org/2000/svg}"
DAY = date(2026, 11, 2)  # a Monday
DAYS = [DAY + timedelta(n) for n in range(35)]
HOSTILE = [
    "<script>alert(1)</script>",
    "\"'&<>]]>&amp;<!--",
    "a\x00b\x1b[31m\u202etxt",
    "\ud800\ufffe\uffff",
    "שלום עולם",
    "👩\u200d🚀🎉" * 30,
    "N" * 300,
    "W" * 80,
    "日本語のイベント" * 9,
    "",
    "# [x](javascript:alert(1)) ![y](z) | `c` %3Cb%3E",
]
Drawn = Callable[[str], charts.Chart]

# By kind: a chart with a name in every place that takes one.
KINDS: dict[str, Drawn] = {
    "days": lambda name: charts.days(name, {DAY: 3, DAYS[4]: 5}, partial=[DAYS[4]], unit=name),
    "shares": lambda name: charts.shares(name, name, {name: {DAY: 0.5}, f"{name}2": {DAY: 2.0}}),
    "bars": lambda name: charts.bars(name, name, [(name, 12, name), (None, 3, "3"), ("b", -1, "")]),
    "heat": lambda name: charts.heat(name, name, [(name, [1, 0.5, None]), ("b", [])]),
    "grouped": lambda name: charts.grouped(
        name, name, [name, "b"], {name: [(2, name), (1, "")], None: [(1, "1")]}
    ),
    "stacked": lambda name: charts.stacked(
        name, name, {name: {name: 3, "b": -2}, "b": {"b": float("nan")}}
    ),
    "stacked days": lambda name: charts.stacked(name, name, {name: {str(day): 1 for day in DAYS}}),
    "flows": lambda name: charts.flows(
        name, name, [(0, name, "b", 3), (0, name, name, 2), (1, "b", name, 1), (5, name, "c", 1)]
    ),
    "lines": lambda name: charts.lines(
        name, name, {name: {name: 1, "b": 2.5}, "b": {"b": None, "c": float("nan")}}
    ),
    "lines of days": lambda name: charts.lines(name, name, {name: {str(day): 1 for day in DAYS}}),
    "small days": lambda name: charts.small_days({DAY: 1}),
    "small hours": lambda name: charts.small_hours([0] * 24, name),
}


def parsed(chart: charts.Chart) -> ElementTree.Element:
    """The image as XML."""
    return ElementTree.fromstring(chart.svg.encode())


def texts(chart: charts.Chart) -> list[tuple[str, float, float, float]]:
    """Each text, and its start, end and base line in pixels, by the widths of a wide font."""
    found = []
    for one in parsed(chart).iter(f"{SVG}text"):
        words, x, y = one.text or "", float(one.get("x", 0)), float(one.get("y", 0))
        size = {"title": TITLE_SIZE, "small": SMALL_SIZE}.get(one.get("class", ""), FONT_SIZE)
        room = width_of(words, size)
        start = x - {"end": room, "middle": room / 2}.get(one.get("text-anchor", ""), 0)
        found.append((words, start, start + room, y))
    return found


def outside(chart: charts.Chart) -> list[str]:
    """The texts of an image that are not within it."""
    root = parsed(chart)
    wide, high = float(root.get("width", 0)), float(root.get("height", 0))
    return [
        words
        for words, start, end, y in texts(chart)
        if start < -0.1 or end > wide + 0.1 or not 8 < y < high
    ]


def overlapping(chart: charts.Chart) -> list[tuple[str, str]]:
    """The texts of an image that are on one another."""
    return [
        (one, other)
        for (one, start, end, y), (other, start2, end2, y2) in combinations(texts(chart), 2)
        if min(end, end2) - max(start, start2) > 1 and abs(y - y2) < 10
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_text_within_the_image(kind: str, name: str) -> None:
    chart = KINDS[kind](name)
    root = parsed(chart)
    known = {"svg", "style", "rect", "path", "text", "pattern", "g"}
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= known
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on")]
    assert outside(chart) == overlapping(chart) == []


SEEN = gallery.hard() | gallery.ordinary()


@pytest.mark.parametrize("kind", SEEN)
def test_what_was_seen_in_a_browser_fits(kind: str) -> None:
    chart = SEEN[kind]
    assert outside(chart) == overlapping(chart) == []
    assert int(parsed(chart).get("width", 0)) <= 800


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_every_text_makes_sound_xml(name: str) -> None:
    for kind in ("bars", "lines", "days"):
        assert outside(KINDS[kind](name)) == []


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(-(10**15), 10**15), st.floats(allow_nan=True), st.none()),
        min_size=1,
        max_size=40,
    )
)
def test_every_number_can_be_drawn(values: list[Any]) -> None:
    assert outside(charts.lines("t", "", {"a": {str(n): v for n, v in enumerate(values)}})) == []
    assert outside(charts.bars("t", "", [("a", value, number(value)) for value in values])) == []
    assert outside(charts.heat("t", "", [("a", values)])) == []
    assert outside(charts.stacked("t", "", {"a": {str(n): v for n, v in enumerate(values)}})) == []
    links = [(n % 3, f"a{n % 5}", f"a{n % 7}", value) for n, value in enumerate(values)]
    assert outside(charts.flows("t", "", links)) == []


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.integers(0, 500), st.integers(0, 10**12), min_size=1, max_size=60))
def test_any_days_can_be_drawn(counts: dict[int, int]) -> None:
    days = {DAY + timedelta(n): count for n, count in counts.items()}
    chart = charts.days("Events a day", days, partial=[max(days)])
    assert outside(chart) == []
    assert f"{sum(counts.values()):,} events" in chart.text


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=35, max_size=35))
def test_a_small_chart_of_five_weeks_is_short_enough_to_be_shown_in_place(
    counts: list[int],
) -> None:
    known = {day: count for day, count in zip(DAYS, counts, strict=True) if count % 7}
    known |= {DAYS[0]: 1, DAYS[-1]: counts[-1]}
    drawn = [
        charts.small_days(known, [DAYS[-1]]),
        charts.small_hours(counts[:24], "America/New_York"),
    ]
    assert all(len(one.markdown()) < 1000 for one in drawn)
    assert [outside(one) for one in drawn] == [[], []]


def test_the_same_data_make_the_same_image() -> None:
    assert all(drawn("a") == drawn("a") for drawn in KINDS.values())


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_in_an_image_ends_its_markdown_or_html(name: str) -> None:
    chart = KINDS["bars"](name)
    assert not set(chart.url) & set('<>"\\`|&#\n[]')
    assert re.fullmatch(r"!\[.*\]\(<data:image/svg\+xml,[^<>]*>\)", chart.markdown(), re.DOTALL)
    (image,) = ElementTree.fromstring(f"<p>{chart.html().replace('>', '/>')}</p>")
    assert image.get("src") == chart.url
    assert image.get("alt") == chart.text


def test_a_chart_of_days_says_in_words_which_are_missing_and_which_were_not_over() -> None:
    counts = {day: 10 for day in DAYS[:10] if day.day not in (4, 5)}
    text = charts.days("Events", counts, partial=[DAYS[9]]).text
    assert "70 events" not in text
    assert "80 events, on average 10 a whole day." in text
    assert "Shaded: Saturdays and Sundays." in text
    assert "Hatched: not over when it was landed: 2026-11-11." in text
    assert "×: not landed: 2026-11-04, 2026-11-05." in text


def test_what_is_left_out_is_said() -> None:
    many = {f"s{n}": {"a": n, "b": 1} for n in range(30)}
    assert "the 8 largest of 30" in charts.lines("t", "", many).text
    assert "The first 20 of 30 rows." in charts.bars("t", "", [("a", 1, "1")] * 30).text
    wide = charts.heat("t", "", [("a", [1.0] * 50)] * 40)
    assert "The first 31 of 40 rows. The first 38 of 50 columns. In percent." in wide.text


def heights(chart: charts.Chart, style: str) -> float:
    """How high all rectangles of a series are together."""
    paths = [one for one in parsed(chart).iter(f"{SVG}path") if style in str(one.attrib)]
    return sum(map(float, re.findall(r"h[\d.]+v([\d.]+)h", str(paths[-1].get("d")))))  # no legend


def test_stacked_parts_are_as_high_as_they_count_above_and_below_zero() -> None:
    parts = {"new": {"a": 10, "b": 20}, "kept": {"a": 30, "b": 30}, "gone": {"a": -30, "b": -15}}
    chart = charts.stacked("t", "", parts)
    new, kept, gone = (heights(chart, style) for style in ("'fill0'", "(#h1)", "(#h2)"))
    assert kept / new == pytest.approx(2, rel=0.02)
    assert gone / new == pytest.approx(1.5, rel=0.02)
    assert [words for words, *_ in texts(chart) if words.startswith("-")] != []


def test_of_many_stacked_parts_the_smaller_ones_are_added_up() -> None:
    chart = charts.stacked("t", "", {f"p{n}": {"a": n + 1, "b": 1} for n in range(20)})
    names = [row.name for row in chart.rows if isinstance(row, Spark)]
    assert names == [f"p{n}" for n in range(13, 20)] + ["13 others"]
    added = next(row for row in chart.rows if isinstance(row, Spark) and row.name == "13 others")
    assert added.values == (sum(range(1, 14)), 13)


def test_a_funnel_of_many_segments_says_how_many_are_left_out() -> None:
    chart = charts.grouped(
        "t", "", ["one", "two"], {f"s{n}": [(2, "2"), (1, "1")] for n in range(23)}
    )
    assert "The first 8 of 23 segments." in chart.text
    assert len([row for row in chart.rows if isinstance(row, Bar)]) == 16


def test_a_group_has_no_bar_for_a_part_that_ends_before_it() -> None:
    chart = charts.grouped("t", "", ["one", "two"], {"a": [(2, "2"), (1, "1")], "b": [(2, "2")]})
    bars = [row.name if isinstance(row, Bar) else row for row in chart.rows]
    assert bars == [Line("t", is_title=True), Line("one"), "a", "b", Line("two"), "a"]


def test_a_step_shows_its_six_commonest_and_the_others_together() -> None:
    links = [(0, "start", f"e{n}", 100 - n) for n in range(10)] + [(1, "e9", "last", 5)]
    chart = charts.flows("t", "", links)
    shown = [words for words, *_ in texts(chart)]
    assert [words for words in shown if words[0] == "e"] == [f"e{n}" for n in range(6)]
    assert str(sum(100 - n for n in range(6, 10))) in shown
    rows = [row for row in chart.rows if isinstance(row, Bar)]
    assert (rows[0].name, rows[0].text) == ("start → (other)", "370")
    assert (rows[-1].name, rows[-1].text) == ("(other) → last", "5")


def test_nothing_flows_where_nothing_is_counted() -> None:
    for links in ([], [(0, "a", "b", 0)], [(0, "a", "b", None)], [(0, "a", "b", float("nan"))]):
        assert "No paths." in charts.flows("t", "", links).text


def test_what_has_no_rows_says_so() -> None:
    empty = [
        charts.bars("t", "", []),
        charts.grouped("t", "", [], {}),
        charts.heat("t", "", []),
        charts.lines("t", "", {}),
        charts.stacked("t", "", {}),
    ]
    assert [chart.text for chart in empty] == ["t. No values."] * 5


def test_names_that_differ_at_their_end_are_told_apart() -> None:
    names = [f"{'Checkout Started ' * 9}{n}" for n in range(3)]
    labels = told_apart([*names, "short"], 120)
    assert [label[-1] for label in labels.values()] == ["0", "1", "2", "t"]
    assert all(width_of(label) <= 120 for label in labels.values())
    assert told_apart(["a", "a\n"], 120) == {"a": "a", "a\n": "a "}


def test_a_theme_can_be_fixed() -> None:
    chart = KINDS["flows"]("a</style>@media(prefers-color-scheme:dark){x}</style>")
    for theme, ground in zip(("light", "dark"), GROUND, strict=True):
        svg = chart.themed(theme)
        sheet = svg[svg.index("<style>") : svg.index("</style>")]
        assert "@media" not in sheet
        assert re.findall(r"\.ground{fill:(#\w+)}", sheet)[-1] == ground
    assert chart.themed(None) == chart.svg


def test_series_differ_in_more_than_color() -> None:
    assert len(set(DASHES)) == len(DASHES) == len(SERIES)
    parts = {name: dict.fromkeys(DAYS, 1.0) for name in ("a", "b", "c")}
    patterns = [
        one.get("patternTransform")
        for one in parsed(charts.shares("t", "", parts)).iter(f"{SVG}pattern")
    ]
    assert len(set(patterns)) == 2  # the first is plain


@pytest.mark.parametrize("mode", [0, 1])
def test_text_and_series_stand_out_from_the_ground(mode: int) -> None:
    assert all(contrast(ink[mode], GROUND[mode]) >= 4.5 for ink in (INK, FAINT))
    assert all(contrast(color, GROUND[mode]) >= 3 for color in SERIES)
    assert contrast(f"#{SMALL_INK[1:] * 2}", ("#ffffff", "#030615")[mode]) >= 4.4


def contrast(one: str, other: str) -> float:
    """The contrast of two colors by WCAG."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@settings(max_examples=25, deadline=None)
@given(st.floats(-1e12, 0), st.floats(0, 1e12))
def test_ticks_span_the_values(least: float, most: float) -> None:
    found = ticks(least, most)
    near = 1e-9 * (most - least)
    assert found[0] <= least + near
    assert found[-1] >= most - near
    assert 2 <= len(found) <= 7
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("least", "most", "whole", "expected"),
    [
        (0, 100, True, [0, 50, 100]),
        (0, 3, True, [0, 1, 2, 3]),
        (0, 0, True, [0, 1]),
        (0, 0.03, False, [0, 0.01, 0.02, 0.03]),
        (-5, 5, False, [-5, 0, 5]),
    ],
)
def test_ticks_are_round(least: float, most: float, whole: bool, expected: list[float]) -> None:
    assert ticks(least, most, whole=whole) == expected


def test_numbers_are_short_on_axes_and_full_beside_bars() -> None:
    values = [0, 7, 1500, 20000, 2_500_000, 0.25, -3000]
    assert list(map(short, values)) == ["0", "7", "1.5K", "20K", "2.5M", "0.25", "-3K"]
    assert list(map(number, [12345, 2.0, 2.5, 0.125, None])) == [
        "12,345",
        "2",
        "2.50",
        "0.125",
        "None",
    ]


def test_a_long_name_ends_with_an_ellipsis() -> None:
    assert shortened("a" * 50, 100).endswith("…")
    assert shortened("ab\ncd", 100) == "ab cd"
    assert shortened("", 100) == "(empty)"
