"""A name is a name: it leads nowhere, and says nothing to the database."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr

from mixpanel_assets import Workspace
from mixpanel_assets.accounts import NAME as ACCOUNT
from mixpanel_assets.accounts import Credentials, add_account, find_project
from mixpanel_assets.errors import (
    ConfigError,
    DateRangeError,
    MixpanelDataError,
    PropertyNotFoundError,
    TableNotFoundError,
    UsageError,
)
from mixpanel_assets.settings import Settings, parse_day
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.load.fetched import NAME as TABLE
from mixpanel_assets.warehouse.load.fetched import check_name
from mixpanel_assets.warehouse.sql import literal, quoted
from mixpanel_assets_tests.conftest import DAY, NOON, Project, Tries
from mixpanel_assets_tests.torture.conftest import Figures

NASTY = [
    *("../../x", "/etc/passwd", "..", ".", "~", "a/b", "a\\b", "C:\\x", "file:///x", "x\0y", "\0"),
    *(
        "'",
        "''",
        '"',
        '""',
        "'; drop table landed; --",
        '"; drop table landed; --',
        "`",
        "$$",
        "$1",
    ),
    *("select", "SELECT", "from", "order", "table", "null", "default", "rowid", "main", "temp"),
    *(
        "%s",
        "{0}",
        "{name}",
        "%(x)s",
        "$(id)",
        "`id`",
        "; id",
        "| id",
        "-rf",
        "--help",
        "\\",
        "\\'",
    ),
    *(
        "a\nb",
        "a\r\nb",
        "a\tb",
        " ",
        "  a",
        "a ",
        "\u2028",
        "\u202e",
        "\ufeff",
        "\u200b",
        "\U0001f600",
    ),
    *(
        "é",
        "e\u0301",
        "İ",
        "ı",
        "ß",
        "SS",
        "ﬁ",
        "Ａ",
        "x" * 10_000,
        "é" * 5_000,
        '"' * 3_000,
        "'" * 3_000,
    ),
    *(
        "event_name",
        "EVENT_NAME",
        "properties",
        "events",
        "landed",
        "by_event",
        "a.b",
        "a,b",
        "[0]",
    ),
    *(
        "$.a",
        "$.*",
        "*",
        "?",
        "#",
        "a#b",
        "a:b",
        "/",
        "//",
        "/0",
        "~0~1",
        "CON",
        "nul",
        "a\x1b[31m",
        "\x7f",
    ),
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))
EXAMPLES = examples(deadline=None, max_examples=60, database=None)


@pytest.fixture(scope="module")
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with one table."""
    with duckdb.connect() as database:
        database.execute("create table canary as select 1")
        yield database


@given(name=TEXT)
@EXAMPLES
def test_any_text_is_an_identifier_or_a_string_that_says_itself(
    name: str, memory: duckdb.DuckDBPyConnection
) -> None:
    name = name.encode("utf-8", "replace").decode()
    with memory.cursor() as database:
        assert database.execute(f"select {literal(name)}").fetchall() == [(name,)]
        if "\0" not in name and name:
            answer = database.execute(f"select 1 as {quoted(name)} from canary")
            assert answer.description[0][0] == name
        assert database.execute("show tables").fetchall() == [("canary",)]


@given(name=TEXT)
@EXAMPLES
def test_an_account_has_a_plain_name_or_none(name: str) -> None:
    known = Credentials(username="u", secret=SecretStr("s"), project_id="1")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder) / "a" / "home")
        try:
            add_account(settings, name, known)
        except ConfigError:
            assert not ACCOUNT.fullmatch(name)
        else:
            assert find_project(settings, name) == "1"
        found = {str(path.relative_to(folder)) for path in Path(folder).rglob("*")}
        assert found <= {"a", "a/home", "a/home/config.toml", "a/home/.config.toml.lock"}


@given(name=TEXT)
@EXAMPLES
def test_a_table_has_a_plain_name_or_none(name: str) -> None:
    try:
        assert check_name(name) == name
    except UsageError:
        return
    assert TABLE.fullmatch(name)
    assert name.isascii()
    assert name.isidentifier()


@given(text=TEXT | st.dates().map(str) | st.integers().map(lambda n: f"{n}d"))
@EXAMPLES
def test_a_day_is_a_day_or_refused(text: str) -> None:
    with suppress(DateRangeError):
        assert isinstance(parse_day(text, date(2024, 3, 1)), date)


@given(text=TEXT)
@EXAMPLES
def test_a_project_is_a_number(text: str) -> None:
    entry = f"[accounts.x]\nproject_id = {_toml(text)}\n"
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder))
        settings.config_path.write_text(entry, "utf-8")
        with suppress(ConfigError):
            assert find_project(settings, "x").isdigit()


def _toml(text: str) -> str:
    import tomlkit

    return tomlkit.item(text.encode("utf-8", "replace").decode()).as_string()


@pytest.mark.filterwarnings("ignore:(?s).*not numbers")
def test_names_that_come_from_mixpanel_stay_names(
    mixpanel: Simulator, project: Project, tries: Tries, figures: Figures
) -> None:
    chance = random.Random("names")
    names = [name for name in NASTY if name] + [_any(chance) for _ in range(tries(20, 1500))]
    mixpanel.store.set_day(
        DAY,
        [
            {
                "event": name,
                "properties": {
                    **{"time": NOON + n, "distinct_id": name, "$insert_id": str(n)},
                    name: name,
                    "same": name,
                },
            }
            for n, name in enumerate(names)
        ],
    )
    project.ingest()
    with Workspace.open(project.path) as workspace:
        assert workspace.sql_scalar("select count(*) from events") == len(names)
        rows = workspace.sql_rows(
            "select event_name, distinct_id, properties->>'$.same' from events"
        )
        assert set(rows.rows) == {(name, name, name) for name in names}
        tables = {one.name for one in workspace.tables()}
        assert tables == {"events", "events_wide", "event_properties", "identities", "landed"}
        asked = names[:: max(1, len(names) // tries(3, 200))]
        for name in asked:
            _ask(workspace, name)
    outside = [path for path in project.settings.home.parent.iterdir() if path.name != "home"]
    assert outside == []
    figures(
        "Names of events, properties and people can't leave their place",
        len(names),
        f"each kept as it is; {len(asked)} asked for by 6 questions, no harm",
    )


def _ask(workspace: Workspace, name: str) -> None:
    """Every question that takes a name is answered, or says that there is none such."""
    questions = [
        lambda: workspace.property_keys(event=name),
        lambda: workspace.property_coverage(name, [name]),
        lambda: workspace.property_distribution(name, name),
        lambda: workspace.numeric_summary(name, name),
        lambda: workspace.daily_counts(events=[name]),
        lambda: workspace.table_schema(f"by_event.{name}"),
    ]
    for question in questions:
        with suppress(PropertyNotFoundError, TableNotFoundError):
            question()


def _any(chance: random.Random) -> str:
    """Pieces of nasty names and odd characters."""
    pieces = [piece for piece in NASTY if len(piece) < 100] + ["a", "b", "1", "_", "$"]
    return "".join(chance.choice(pieces) for _ in range(chance.randint(1, 5)))


def test_no_table_of_a_nasty_name_is_dropped(tmp_path: Path, tries: Tries) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("create table mine as select 1")
    with Workspace(path=path) as workspace:
        for name in NASTY[:: tries(12, 1)]:
            with pytest.raises(MixpanelDataError):
                workspace.drop(name)
        assert "mine" in [one.name for one in workspace.tables()]
