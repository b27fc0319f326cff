"""A page is one file without scripts that loads nothing, whatever it shows."""

import re
from datetime import date
from html.parser import HTMLParser

import pytest

from mixpanel_assets.charts.page import LONGEST, Section, page
from mixpanel_assets_tests.charts import gallery
from mixpanel_assets_tests.charts.test_charts import HOSTILE

VOID = {"meta", "img", "br"}


class Read(HTMLParser):
    """The elements of a page, its texts by element, and whether it is well formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.append((self.open[-1], data))

    def of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def report(name: str = "Week") -> str:
    drawn = gallery.ordinary()
    sections = [
        Section(f"{name} {kind}", name, chart, [name, "n"], [[name, n] for n in range(8)])
        for kind, chart in drawn.items()
    ]
    more = [Section(name, chart=gallery.retention(30, 30)) for _ in range(10 - len(sections))]
    return page(name, name, [*sections, *more])


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_text(name: str) -> None:
    plain, hostile = Read(report()), Read(report(name))
    left_out = {"p"} if not name else set()
    assert {tag for tag, _ in hostile.tags} == {tag for tag, _ in plain.tags} - left_out
    assert not [key for _, given in hostile.tags for key in given if key.startswith("on")]


def test_nothing_is_loaded_and_nothing_runs() -> None:
    tags = Read(report()).tags
    assert {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "a", "base"} == set()
    sources = [given["src"] or "" for tag, given in tags if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/svg+xml,") for source in sources)
    (policy,) = [g["content"] for t, g in tags if t == "meta" and "http-equiv" in g]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    styles = report().partition("<style>")[2].partition("</style>")[0]
    assert re.findall(r"url\(|@import|https?:", styles) == []


def test_ten_sections_are_under_500_kb() -> None:
    assert len(re.findall("<section>", report())) == 10
    assert len(report().encode()) < 500_000


def test_a_page_is_light_and_dark_or_as_it_is_fixed() -> None:
    chart = gallery.ordinary()["funnel"]
    sections = [Section("a", chart=chart)]
    assert "prefers-color-scheme:dark" in page("t", "", sections)
    for theme in ("light", "dark"):
        text = page("t", "", sections, theme=theme)
        assert "prefers-color-scheme" not in text
        assert f'<meta name="color-scheme" content="{theme}">' in text


def test_a_table_shows_values_as_people_read_them() -> None:
    rows = [[12345, 0.25, None, date(2026, 11, 2), True], [1, None, "x", date(2026, 11, 3), False]]
    read = Read(page("t", "", [Section("s", columns=["n", "share", "x", "day", "b"], rows=rows)]))
    first = ["12,345", "0.25", "2026-11-02", "True"]
    assert read.of("td") == [*first, "1", "x", "2026-11-03", "False"]
    numeric = [given.get("class") == "n" for tag, given in read.tags if tag == "th"]
    assert numeric == [True, True, False, False, False]


def test_a_long_table_and_a_long_cell_are_cut_and_say_so() -> None:
    rows = [["x" * 1000]] * 33
    read = Read(page("t", "", [Section("s", columns=["a"], rows=rows)]))
    assert len(read.of("td")) == 20
    assert {len(text) for text in read.of("td")} == {LONGEST}
    assert read.of("p") == ["and 13 more rows"]


def test_an_empty_table_still_has_its_columns() -> None:
    assert Read(page("t", "", [Section("s", columns=["a", "b"])])).of("th") == ["a", "b"]
