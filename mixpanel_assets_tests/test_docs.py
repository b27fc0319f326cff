"""The documentation is true: its commands and programs run, its links lead somewhere."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mixpanel_assets.cli.app import app
from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.settings import Settings
from mixpanel_assets.workspace import Workspace
from mixpanel_assets_tests import sessions
from mixpanel_assets_tests.conftest import Answer

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text("utf-8") for page in PAGES}

TYPED = [
    (name, line)
    for name, text in TEXTS.items()
    if name not in sessions.PAGES
    for line, _ in sessions.session(text)
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a person who has landed a week."""
    folder = tmp_path_factory.mktemp("reader")
    with sessions.reader(folder, events_per_day=200) as environment:
        for words in ("events --from 7d", "profiles"):
            command = ["mp", "materialize", *words.split()]
            subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
        yield environment


@pytest.mark.parametrize("page", sessions.PAGES)
def test_a_session_prints_what_its_page_shows(page: str, tmp_path: Path) -> None:
    commands, shown = zip(*sessions.session(TEXTS[page]), strict=True)
    with sessions.reader(tmp_path, profiles=sessions.PROFILES) as environment:
        printed = sessions.printed(list(commands), environment)
    assert [*map(sessions.shape, printed)] == [*map(sessions.shape, shown)]


def test_no_other_page_shows_what_a_command_prints() -> None:
    shown = [name for name, text in TEXTS.items() if any(out for _, out in sessions.session(text))]
    assert sorted(shown) == sorted(sessions.PAGES)


@pytest.mark.parametrize(("page", "line"), TYPED, ids=lambda text: text[:60])
def test_every_command_that_a_page_shows_works(
    page: str,
    line: str,
    reader: dict[str, str],
    typed: Callable[[str, dict[str, str]], Answer],
) -> None:
    done = typed(line, reader)
    assert (done.code, done.err) == (0, "")
    assert done.out.strip() not in ("", "[]")


PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = [(name, code) for name, text in TEXTS.items() for code in PYTHON.findall(text)]


@pytest.mark.parametrize(("page", "code"), PROGRAMS, ids=lambda text: text[:40])
def test_every_python_program_runs(page: str, code: str, reader: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:mixpanel_assets", "-c", code],
        env=reader,
        cwd=reader["HOME"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


METHOD = re.compile(r"`([a-z_]+)`")


def test_every_method_of_a_workspace_is_in_its_document() -> None:
    named = set(METHOD.findall(TEXTS["docs/guides/python.md"]))
    public = {name for name in dir(Workspace) if not name.startswith("_")}
    classmethods_and_properties = {"open", "ephemeral", "memory", "api", "connection", "db_path"}
    assert public - classmethods_and_properties - {"settings"} <= named


def test_guides_and_reference_show_commands() -> None:
    assert {"docs/guides/landing.md", "docs/reference/tables.md"} <= {page for page, _ in TYPED}


def _names(command: Any, path: str = "mp") -> Iterator[str]:
    children = getattr(command, "commands", {})
    for name, child in children.items():
        yield from _names(child, f"{path} {name}")
    if not children:
        yield path


@pytest.mark.parametrize("command", list(_names(typer.main.get_command(app))))
def test_every_command_is_in_a_document(command: str) -> None:
    assert any(command in text for text in TEXTS.values())


READ_AT = re.compile(r"""["'](MP_[A-Z_]+|DAGSTER_HOME)["']""")
ROOMS = ["settings.py", "accounts.py", "cli/*.py", "defs/*.py"]


def test_every_variable_that_is_read_is_in_the_settings_table() -> None:
    sources = [path for room in ROOMS for path in (ROOT / "mixpanel_assets").glob(room)]
    read = {name for path in sources for name in READ_AT.findall(path.read_text("utf-8"))}
    table = TEXTS["docs/reference/settings.md"]
    named = set(re.findall(r"`(MP_[A-Z_]+|DAGSTER_HOME)`", table))
    assert read - {"MP_"} == named


@pytest.mark.parametrize("ending", ["mp demo", "pytest"])
def test_the_gate_finds_each_quick_start_once(ending: str) -> None:
    finder = re.search(r"^readme_command\(\).*?^}$", (ROOT / ".ci/run").read_text(), re.M | re.S)
    assert finder
    script = f"{finder[0]}\nreadme_command '{ending}'"
    done = subprocess.run(["bash", "-ec", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert TEXTS["README.md"].splitlines().count(line) == 1
    assert line.startswith("python3 -m venv .venv && . .venv/bin/activate && pip install ")


LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize(
    ("page", "target"), [(name, t) for name, text in TEXTS.items() for t in LINK.findall(text)]
)
def test_every_link_leads_somewhere(page: str, target: str) -> None:
    assert ((ROOT / page).parent / target).exists()


@pytest.mark.parametrize("page", [name for name in TEXTS if name.startswith("docs/")])
def test_the_index_leads_to_every_page(page: str) -> None:
    assert page == "docs/index.md" or f"({page.removeprefix('docs/')})" in TEXTS["docs/index.md"]


MAPPED = re.compile(r"^([│ ]*)[├└]── (\S+)", re.MULTILINE)


def _mapped(text: str) -> Iterator[str]:
    """The paths in the map's tree, and those that its text names."""
    above: list[str] = []
    for indent, name in MAPPED.findall(text):
        above = [*above[: len(indent) // 4], name]
        yield "/".join(part.rstrip("/") for part in above)
    yield from re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", text)


@pytest.mark.parametrize("path", sorted({*_mapped(TEXTS["docs/how-it-works/map.md"])}))
def test_what_the_map_names_is_there(path: str) -> None:
    assert (ROOT / "mixpanel_assets" / path).exists() or (ROOT / path).exists()


ERROR = re.compile(r"^\| `([A-Z_]+)` \| (\d) \| (.+?) \|", re.MULTILINE)


def _errors(base: type[MixpanelDataError]) -> Iterator[type[MixpanelDataError]]:
    yield base
    for below in base.__subclasses__():
        yield from _errors(below)


def test_the_page_of_errors_has_every_error() -> None:
    page = {
        (code, int(exit_code), name)
        for code, exit_code, names in ERROR.findall(TEXTS["docs/reference/errors.md"])
        for name in re.findall(r"\w+", names)
    }
    own = [one for one in _errors(MixpanelDataError) if one.__module__ == "mixpanel_assets.errors"]
    assert page == {(one.code, one.exit_code, one.__name__) for one in own}


def test_the_page_of_errors_says_which_may_pass_later() -> None:
    _, _, later = TEXTS["docs/reference/errors.md"].partition("It may succeed later")
    codes = {code for code, _, _ in ERROR.findall(later)}
    assert codes == {one.code for one in _errors(MixpanelDataError) if one.may_pass_later}


def test_the_settings_table_has_the_defaults_of_the_program() -> None:
    defaults = Settings(Path("/"))
    table = TEXTS["docs/reference/settings.md"]
    row = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    assert f"{defaults.earliest_day}" in row["MP_START_DATE"]
    assert f"default {defaults.max_property_columns}" in row["MP_MAX_PROPERTY_COLUMNS"]
    most = f"default {defaults.max_answer_mb} and {defaults.max_export_gb}"
    assert most in row["MP_MAX_ANSWER_MB"]
    assert f"default {defaults.reland_days}" in row["MP_RELAND_DAYS"]
    assert f"default {defaults.memory_limit}" in row["MP_MEMORY_LIMIT"]
    assert f"default {str(defaults.keep_landed).lower()}" in row["MP_KEEP_LANDED"]
