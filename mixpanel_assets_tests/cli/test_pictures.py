"""--chart FILE and --format chart: of every answer that has a chart, and of no other."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from rich.cells import cell_len

from mixpanel_assets import charts
from mixpanel_assets.cli.app import app
from mixpanel_assets.cli.pictures import rendered
from mixpanel_assets.cli.spec import describe
from mixpanel_assets_tests.charts import gallery
from mixpanel_assets_tests.charts.test_charts import HOSTILE, KINDS, SEEN
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.cli.test_streams import on_a_terminal
from mixpanel_assets_tests.conftest import Answer, long, shortened

Mp = Callable[..., Answer]
DAYS = ("--from", "2024-01-01", "--to", "2024-01-07")
LIVE = ("query", "segmentation", "-e", "Purchase", "--on", "plan", *DAYS)
ASKED = ("inspect", "breakdown")  # which takes no query from the hour's budget
COMMANDS = describe(typer.main.get_command(app))["commands"]
CHARTED = {
    one["command"] for one in COMMANDS if any(o["name"] == "--chart" for o in one["options"])
}

# Every command whose answers have a chart, with arguments that give one.
DRAWN: dict[str, tuple[str, ...]] = {
    "mp query segmentation": ("-e", "Purchase", *DAYS),
    "mp query segmentation-numeric": ("-e", "Purchase", "--on", 'properties["amount"]', *DAYS),
    "mp query segmentation-sum": ("-e", "Purchase", "--on", 'properties["amount"]', *DAYS),
    "mp query segmentation-average": ("-e", "Purchase", "--on", 'properties["amount"]', *DAYS),
    "mp query event-counts": ("--events", "Purchase,Sign Up", *DAYS),
    "mp query property-counts": ("-e", "Purchase", "-p", "plan", *DAYS),
    "mp query funnel": ("FUNNEL", "--on", "plan", *DAYS),
    "mp query retention": ("--born", "Sign Up", *DAYS),
    "mp query frequency": DAYS,
    "mp query saved-report": ("INSIGHTS",),
    "mp query flows": ("FLOWS",),
    "mp ask funnel": ("Search", "Purchase", *DAYS),
    "mp ask retention": ("--born", "Search", *DAYS),
    "mp ask segmentation": ("Purchase", *DAYS),
    "mp ask frequency": ("Search", *DAYS),
    "mp ask sessions": DAYS,
    "mp ask flows": ("Search", *DAYS),
    "mp ask active-users": DAYS,
    "mp ask lifecycle": DAYS,
    "mp ask attribution": ("Purchase", "--by", "plan", *DAYS),
    "mp inspect column": ("-c", "event_name"),
    "mp inspect breakdown": (),
    "mp inspect distribution": ("-e", "Purchase", "-p", "plan"),
    "mp inspect daily": (),
    "mp inspect engagement": (),
    "mp inspect coverage": ("-e", "Purchase", "-p", "plan,amount"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(command: str, home: Home) -> list[str]:
    """The command line, with the ids of saved reports."""
    funnel = next(one for one in home.mixpanel.funnels if one.name == "Checkout")
    bookmarks = {one.type: str(one.id) for one in home.mixpanel.bookmarks}
    known = {"FUNNEL": str(funnel.id)}
    known |= {name: bookmarks.get(name.lower(), "") for name in ("INSIGHTS", "FLOWS")}
    return [*command.split()[1:], *(known.get(word, word) for word in DRAWN[command])]


def test_these_are_all_commands_with_a_chart() -> None:
    assert set(DRAWN) == CHARTED


@pytest.mark.parametrize(
    "command", shortened(DRAWN, *(one for one in DRAWN if "query" not in one), "mp query funnel")
)
def test_an_answer_is_drawn_to_a_file_and_in_a_terminal(
    command: str, landed: Home, here: Mp, folder: Path
) -> None:
    asked = words(command, landed)
    shown = here(*asked, "--format", "chart", "--chart", "a.svg")
    assert shown.code == 0
    assert shown.err.endswith("mp: note: the chart is in a.svg\n")
    assert len(shown.out.splitlines()) > 1
    assert max(map(cell_len, shown.out.splitlines())) <= 80
    assert (folder / "a.svg").read_text("utf-8").startswith("<svg")


def test_in_json_the_answer_also_has_the_path_of_the_chart(landed: Home, here: Mp) -> None:
    plain, written = here(*ASKED), here(*ASKED, "--chart", "a.svg")
    assert (written.code, written.err) == (0, "")
    assert written.json == {**plain.json, "chart": "a.svg"}


@pytest.mark.parametrize("suffix", ["svg", "png", "html"])
def test_each_kind_of_file_is_written(suffix: str, landed: Home, here: Mp, folder: Path) -> None:
    (folder / "below").mkdir()
    path = f"below/a.{suffix}"
    assert here(*ASKED, "--chart", path, "--jq", ".chart").json == path
    start = {"svg": b"<svg", "png": b"\x89PNG", "html": b"<!doctype html>"}[suffix]
    assert (folder / path).read_bytes().startswith(start)


@pytest.mark.parametrize("format_", ["jsonl", "table", "chart", *map(long, ("csv", "md", "plain"))])
def test_in_other_formats_a_note_says_where_the_chart_is(
    format_: str, landed: Home, here: Mp, folder: Path
) -> None:
    plain = here(*ASKED, "-f", format_)
    answer = here(*ASKED, "-f", format_, "--chart", "a.svg")
    assert (answer.code, answer.out) == (0, plain.out)
    assert answer.err == "mp: note: the chart is in a.svg\n"


REFUSED = {
    ("--chart", "../a.svg"): "is not in the working folder",
    ("--chart", "/a.svg"): "is not in the working folder",
    ("--chart", "a.pdf"): "must end with .svg, .png or .html",
    ("--chart", "none/a.svg"): "there is no folder none",
    ("--chart", "taken.svg"): "taken.svg exists already",
    ("--replace",): "--replace is about the file of --save or --chart",
}


@pytest.mark.parametrize("options", REFUSED)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_asked(
    options: tuple[str, ...], landed: Home, here: Mp, folder: Path
) -> None:
    (folder / "taken.svg").write_text("mine")
    before = len(landed.mixpanel.requests)
    answer = here(*LIVE, *options)
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "USAGE")
    assert REFUSED[options] in answer.error["message"]
    assert len(landed.mixpanel.requests) == before
    assert (folder / "taken.svg").read_text() == "mine"
    assert [one.name for one in folder.iterdir()] == ["taken.svg"]


def test_a_file_is_replaced_if_that_is_asked_for(landed: Home, here: Mp, folder: Path) -> None:
    (folder / "a.svg").write_text("mine")
    assert here(*ASKED, "--chart", "a.svg", "--replace").code == 0
    assert (folder / "a.svg").read_text("utf-8").startswith("<svg")


def test_a_question_that_fails_leaves_no_file(landed: Home, here: Mp, folder: Path) -> None:
    answer = here("inspect", "column", "-c", "nowhere", "--chart", "a.svg")
    assert (answer.code, answer.error["code"]) == (4, "PROPERTY_NOT_FOUND")
    assert list(folder.iterdir()) == []


def test_commands_without_charts_do_not_offer_the_format(landed: Home, here: Mp) -> None:
    for one in COMMANDS:
        (formats,) = [o["choices"] for o in one["options"] if o["name"] == "--format"] or [[]]
        assert ("chart" in formats) == (one["command"] in CHARTED)
    answer = here("status", "-f", "chart")
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "USAGE")
    assert "'chart' is not one of 'json'" in answer.error["message"]


def test_mp_format_may_be_chart(landed: Home, here: Mp) -> None:
    assert here(*ASKED, MP_FORMAT="chart").out == here(*ASKED, "-f", "chart").out
    answer = here("status", MP_FORMAT="chart")
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "CONFIG_ERROR")
    assert "no chart" in answer.error["message"]
    assert here("status", "-f", "json", MP_FORMAT="chart").code == 0


@pytest.mark.parametrize("options", [("--chart", "a.svg"), long(("-f", "chart"))])
def test_a_saved_report_of_another_kind_has_no_chart(
    options: tuple[str, ...], landed: Home, here: Mp, folder: Path
) -> None:
    report = next(one.id for one in landed.mixpanel.bookmarks if one.type == "funnels")
    answer = here("query", "saved-report", str(report), *options)
    assert (answer.code, answer.out, answer.error["code"]) == (1, "", "OUTPUT_FAILED")
    assert "no chart" in answer.error["message"]
    assert list(folder.iterdir()) == []


ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def test_it_is_colored_on_a_terminal_only_and_never_with_no_color(
    landed: Home, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = (*ASKED, "-f", "chart")
    piped = here(*asked).out
    assert "\x1b" not in piped
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    shown = on_a_terminal(*asked)
    assert "\x1b[38;5;" in shown
    assert ESCAPES.sub("", shown) == piped
    monkeypatch.setenv("NO_COLOR", "1")
    assert on_a_terminal(*asked) == piped


@pytest.mark.parametrize("width", [30, 80])
@pytest.mark.parametrize("kind", SEEN)
def test_every_kind_fits_into_a_terminal(kind: str, width: int) -> None:
    shown = rendered(SEEN[kind], width, color=False)
    assert max(map(cell_len, shown.splitlines())) <= width
    assert "\x1b" not in shown
    assert [line for line in shown.splitlines() if line.endswith(" ")] == []


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_no_name_commands_a_terminal(kind: str, name: str) -> None:
    shown = rendered(KINDS[kind](name), 80, color=False)
    assert not set(shown) & {"\x1b", "\x00", "\u202e"}
    assert max(map(cell_len, shown.splitlines())) <= 80


SHOWN = {
    "bars": (
        charts.bars("Title", "About", [("a", 4, "4"), ("bb", 1, "1"), (None, 0, "0")]),
        """\
Title
About
a       █████████████████████████████ 4
bb      ███████▎ 1
(none)  0
""",
    ),
    "a line": (
        charts.lines("Title", "", {"x": {"2026-11-06": 8, "2026-11-07": None, "2026-11-08": 4}}),
        """\
Title
2026-11-06 to 2026-11-08
Fri 2026-11-06  █████████████████████ 8
Sat 2026-11-07  ×
Sun 2026-11-08  ██████████▌ 4
""",
    ),
    "heat": (
        charts.heat("Title", "", [("a", [1, 0.25]), ("bb", [0.5])]),
        """\
Title
       0    1
a   100%  25%
bb   50%
""",
    ),
    "stacked": (
        charts.stacked("Title", "", {"up": {"a": 1, "b": 8}, "down": {"a": -8, "b": -1}}),
        """\
Title
a to b
up    ▂▂▂███  8 at most
down  ███▂▂▂  8 below…t most
""",
    ),
    "flows": (
        charts.flows("Title", "", [(0, "a", "b", 2), (0, "a", "c", 1)]),
        """\
Title
Step 1 to 2
a → b  ██████████████████████████████ 2
a → c  ███████████████ 1
""",
    ),
}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_terminal_shows(kind: str) -> None:
    chart, wanted = SHOWN[kind]
    assert rendered(chart, 40, color=False) == wanted


def test_a_day_of_a_week_has_its_letter() -> None:
    drawn = {"a": dict.fromkeys(gallery.DAYS[:14], 1), "b": {}}
    shown = rendered(charts.lines("t", "", drawn), 80, color=False)
    assert shown.splitlines()[-1].split() == [*"MTWTFssMTWTFss"]
