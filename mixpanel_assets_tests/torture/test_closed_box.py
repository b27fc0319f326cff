"""Whatever SQL is asked, the warehouse stays as it is, no file is made and no secret is told."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy
import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.cli.sql import TEXTS
from mixpanel_assets.errors import MixpanelDataError, SQLError
from mixpanel_assets.results import SQLResult
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.ask.doubts import asked
from mixpanel_assets.warehouse.connection import reading
from mixpanel_assets_tests.conftest import DAY, Project, Tries, event
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.statements import READS, WRITES, dressed

CANARY = "the-canary-sings-4711"
frame = {"a": numpy.array([CANARY])}  # what DuckDB would find as a table of that name
GIGABYTE = 10**9


@dataclass
class Box:
    """A warehouse in a folder of its own, and beside it what nobody may read or make."""

    folder: Path
    warehouse: Path
    settings: Settings
    port: int
    connections: list[object]

    @property
    def places(self) -> dict[str, object]:
        return {
            "folder": self.folder,
            "canary": self.folder / "canary.csv",
            "new": self.folder / "new",
            "warehouse": self.warehouse,
            "port": self.port,
        }

    def state(self) -> dict[str, str]:
        """Every file below the folder, with the hash of what is in it."""
        files = sorted(self.folder.rglob("*"))
        return {
            str(file): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
            for file in files
        }


@pytest.fixture
def box(
    mixpanel: Simulator, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Box]:
    mixpanel.store.set_day(DAY, [event("Open"), event("Buy", plan="pro", update="created_at")])
    project.ingest()
    folder = tmp_path / "outside"
    (folder / "box").mkdir(parents=True)
    warehouse = folder / "box" / "warehouse.duckdb"
    shutil.copy(project.path, warehouse)
    (folder / "canary.csv").write_text(f"a,b\n{CANARY},1\n")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("CANARY", CANARY)
    monkeypatch.setenv("MP_SECRET", CANARY)
    monkeypatch.chdir(folder)
    with listening() as (port, connections):
        yield Box(folder, warehouse, Settings(tmp_path / "home"), port, connections)


class listening:
    """A server that nobody should call, and who did."""

    def __enter__(self) -> tuple[int, list[object]]:
        import socket

        self._server = socket.create_server(("127.0.0.1", 0))
        self._calls: list[object] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self._server.getsockname()[1], self._calls

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, address = self._server.accept()
                self._calls.append(address)
                connection.close()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(2)
        self._server.close()
        self._thread.join()


def ask(path: Path, text: str, settings: Settings, *, timeout: float) -> SQLResult:
    limits: dict[str, Any] = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    with reading(path, timeout=timeout, **limits) as warehouse:
        return asked(warehouse, text)


def rows_of_ask(box: Box, text: str) -> Any:
    return ask(box.warehouse, text, box.settings, timeout=20).rows


def rows_of_workspace(box: Box, text: str) -> Any:
    with Workspace.open(box.warehouse) as workspace:
        return workspace.sql_rows(text).rows


def rows_of_connection(box: Box, text: str) -> Any:
    with Workspace.open(box.warehouse) as workspace:
        return workspace.connection.execute(text).fetchmany(50)


def rows_saved(box: Box, text: str) -> Any:
    file = box.settings.home.with_name("rows.jsonl")
    with Workspace.open(box.warehouse) as workspace:
        workspace.save(text, file, replace=True)
    return file.read_text()


def values_of_expression(box: Box, text: str) -> Any:
    with Workspace.open(box.warehouse) as workspace:
        return workspace.column_stats(f"({text})").to_dict()


def events_where(box: Box, text: str) -> Any:
    with Workspace.open(box.warehouse) as workspace:
        return workspace.event_breakdown(where=f"exists ({text})").to_dict()


def table_named(box: Box, text: str) -> Any:
    with Workspace.open(box.warehouse) as workspace:
        return workspace.sample(text).rows


def rows_of_session(box: Box, text: str) -> Any:
    """Before, in and after something temporary."""
    table = f"create temp table made as {text}; from made"
    queries = [
        table,
        f"{text}; from landed",
        f"create temp view made as {text}; from made",
        f"create temp macro made() as ({text}); select made()",
        f"create temp view made as select 1; {text}",
    ]
    asks = [partial(rows_of_ask, box, query) for query in queries]
    return any_of([*asks, partial(rows_saved, box, table)])


def rows_of_definition(box: Box, text: str) -> Any:
    """Defined in a copy of the warehouse, which the box asks, and an open DuckDB."""
    path = Path(shutil.copy(box.warehouse, box.settings.home.with_name("defined.duckdb")))
    kept, copy = everything_but_mine(path), replace(box, warehouse=path)
    canary = f"'{box.folder / 'canary.csv'}'"

    def defined(head: str, sql: str, use: str) -> Any:
        with Workspace(path=path) as workspace:
            workspace.define(head, sql, replace=True)
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute(use).fetchmany(50)
        return rows, rows_of_ask(copy, use)

    found = any_of(
        [
            partial(defined, "made", text, "from mine.made"),
            partial(defined, "made(a)", text, f"from mine.made({canary})"),
            partial(defined, "made(b)", f"({text})", f"select mine.made({canary})"),
            partial(defined, "c(x)", text.replace(canary, "x"), f"from mine.c({canary})"),
        ]
    )
    assert everything_but_mine(path) == kept
    return found


def any_of(asks: list[Callable[[], Any]]) -> Any:
    """What came back of those that were answered, and the errors; SQLError if none was."""
    found, errors = [], []
    for ask in asks:
        try:
            with warnings.catch_warnings(action="ignore"):  # such as: it has no rows
                found.append(ask())
        except (MixpanelDataError, duckdb.Error) as error:
            errors.append(str(error))
    if not found:
        raise SQLError("; ".join(errors))
    return found, errors


def everything_but_mine(path: Path) -> list[Any]:
    with duckdb.connect(str(path)) as connection:
        query = """
            select schema_name, view_name, sql from duckdb_views() where not internal
            union all select schema_name, table_name, sql from duckdb_tables()
            order by all
            """
        rows = [row for row in connection.execute(query).fetchall() if row[0] != "mine"]
        tables = [row[:2] for row in rows if row[:2] != ("internal", "definitions")]
        return [*tables, connection.execute("from landed").fetchall()]


DOORS: list[Callable[[Box, str], Any]] = [
    *[rows_of_ask] * 5,
    *[rows_saved] * 3,
    rows_of_workspace,
    rows_of_connection,
    values_of_expression,
    events_where,
    table_named,
    rows_of_session,
    rows_of_definition,
]


def said(door: Callable[[Box, str], Any], box: Box, text: str) -> tuple[bool, str]:
    """Whether the statement was answered, and all that came back."""
    try:
        return True, repr(door(box, text))
    except MixpanelDataError as error:
        return False, json.dumps(error.to_dict())
    except duckdb.Error as error:
        return False, str(error)


def test_no_statement_changes_makes_or_tells_anything(
    box: Box, tries: Tries, figures: Figures
) -> None:
    before, answered, chance = box.state(), 0, random.Random("closed box")
    count = tries(30, 3000)
    for _ in range(count):
        text, door = dressed(chance, box.places), chance.choice(DOORS)
        known, answer = said(door, box, text)
        answered += known
        assert CANARY not in answer, (door.__name__, text)
        assert box.state() == before, (door.__name__, text)
    assert box.connections == []
    figures(
        "No SQL changes the warehouse, makes a file, calls out or reads what is outside",
        count,
        f"{answered:,} harmless answers, {count - answered:,} errors, no harm",
    )


HARMLESS = (
    "select current_setting",
    "select getvariable",
    "select write_log",
    "from which_secret",
    "from duckdb_secrets()",
    "create temp table x as select 1",  # before a question
)


@pytest.mark.parametrize("door", [rows_of_ask, rows_saved, rows_of_session, rows_of_definition])
def test_each_harm_is_refused_bare(
    box: Box, door: Callable[[Box, str], Any], tries: Tries, figures: Figures
) -> None:
    before, statements = box.state(), [text.format(**box.places) for text in READS + WRITES]
    if door in (rows_of_session, rows_of_definition):  # each asks several times
        statements = statements[:: tries(6, 1)]
    answered = []
    for text in statements:
        known, answer = said(door, box, text)
        answered += [text] * known
        assert CANARY not in answer, text
    assert box.state() == before
    assert box.connections == []
    assert [one for one in answered if not one.startswith(HARMLESS)] == []
    count = len(statements)
    figures(
        f"Each harmful statement is refused by DuckDB itself ({door.__name__})",
        count,
        f"{count - len(answered)} refused, {len(answered)} without effect",
    )


def test_the_same_statements_do_harm_in_an_open_database(
    box: Box, tmp_path: Path, tries: Tries
) -> None:
    spare, before, harmful = tmp_path / "spare", box.state(), 0
    shutil.copytree(box.folder, spare)
    local = [text for text in READS + WRITES if "http" not in text and "://" not in text]
    local = local[:: tries(9, 1)]
    for text in local:
        with duckdb.connect(str(box.warehouse)) as open_one, suppress(duckdb.Error):
            harmful += CANARY in repr(open_one.execute(text.format(**box.places)).fetchall())
        harmful += box.state() != before
        shutil.rmtree(box.folder)
        shutil.copytree(spare, box.folder)
    assert harmful > len(local) / 3


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select 1 as created_at", [(1,)]),
        ("select 'drop table landed' as copy", [("drop table landed",)]),
        ('select update from by_event."Buy"', [("created_at",)]),
        ('select "update" from by_event."Buy" -- attach', [("created_at",)]),
        ("select 'install; load' as \"set\"", [("install; load",)]),
        ("pivot (select event_name, 1 as n from events) on event_name using sum(n)", [(1, 1)]),
    ],
)
def test_words_alone_are_no_harm(box: Box, query: str, rows: list[Any]) -> None:
    assert rows_of_ask(box, query) == rows


def test_what_asks_nothing_is_refused_by_its_kind(box: Box) -> None:
    for text, kind in {"create temp table x as select 1": "CREATE", "begin": "TRANSACTION"}.items():
        with pytest.raises(SQLError, match=f"are allowed; got {kind}") as raised:
            rows_of_ask(box, text)
        assert raised.value.hint


def test_more_than_the_memory_is_said_with_its_setting(box: Box) -> None:
    settings = Settings(box.folder, memory_limit="60MB")
    with pytest.raises(SQLError, match="Out of Memory") as raised:
        ask(box.warehouse, "from range(30000000) order by hash(range)", settings, timeout=60)
    assert "MP_MEMORY_LIMIT" in str(raised.value.hint)
    assert "\n" not in raised.value.message


PAIRED = "with recursive r as (select 1 as n union all select n + 1 from r)"
NESTED = 100_000
BOMBS = {
    "nested parentheses": "select " + "(" * NESTED + "1" + ")" * NESTED,
    "many giant texts": "select repeat('x', 100000000) || range from range(1000)",
    "a function that can't be interrupted": (
        "select levenshtein(repeat('a', 1000000), repeat('b', 1000000))"
    ),
    "a recursion for ever": f"{PAIRED} select count(*) from r",
    "a giant cross join": "select sum(hash(a.range + b.range)) from range(100000000) a, "
    "range(100000000) b",
    "a giant text": "select repeat('x', 3000000000)",
    "a text beyond all limits": "select repeat(repeat('x', 100000), 100000)",
    "a giant series": "select count(*) from generate_series(1, 1000000000000)",
    "a giant list": "select list(range) from range(1000000000000)",
    "a giant sort": "from range(1000000000000) order by hash(range)",
    "a giant grouping": "select range, count(*) from range(1000000000000) group by all",
    "a giant sum of texts": "select string_agg(repeat('x', 1000), '') from range(10000000000)",
    "endless padding": "select lpad('x', 2000000000, 'y')",
    "endless formatting": "select format('{:>2000000000}', 'x')",
    "a giant fold": "select list_reduce(range(100000000), lambda x, y: x + y)",
    "nots": "select " + "not " * NESTED + "true",
    "signs": "select " + "- " * NESTED + "1",
    "sums": "select " + "+".join(["1"] * NESTED),
    "lists in lists": "select " + "[" * NESTED + "1" + "]" * NESTED,
    "cases in cases": "select " + "case when true then " * 20_000 + "1" + " end" * 20_000,
    "selects in selects": "select * from (" * 20_000 + "select 1" + ")" * 20_000,
    "unions": " union all ".join(["select 1"] * 20_000),
    "open comments": "select 1 " + "/*" * NESTED,
    "open quotes": "select " + "'" * (NESTED + 1),
    "a long name": f'select 1 as "{"x" * 1_000_000}"',
    "doubled again and again": "with a0 as (select 1 as x)"
    + "".join(f", a{n} as (from a{n - 1} union all from a{n - 1})" for n in range(1, 40))
    + " select count(*) from a39",
    "a catastrophic regex": "select regexp_matches(repeat('a', 30000), '(a*)*b')",
    "a giant regex": f"select regexp_matches('a', '{'(a?){1000}' * 500}')",
    "deep json": "select (repeat('[', 1000000) || repeat(']', 1000000))::json->'$[0][0]'",
}


@dataclass
class Ended:
    """How a process ended: its most memory in bytes too."""

    code: int
    err: str
    memory: int


def run_bomb(box: Box, name: str, log: Path) -> Ended:
    environment = {
        **os.environ,
        "MP_HOME": str(box.settings.home),
        "MP_WAREHOUSE": str(box.warehouse),
        "MP_PROJECT_ID": "1",
    }
    log.with_suffix(".sql").write_text(BOMBS[name])
    command = [sys.executable, "-m", "mixpanel_assets", "sql", "--timeout", "0.5", "-"]
    with log.open("w") as err, log.with_suffix(".sql").open() as text:
        process = subprocess.Popen(
            command, stdin=text, stdout=subprocess.DEVNULL, stderr=err, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(process.returncode, log.read_text(), usage.ru_maxrss * 1024)


def test_a_bomb_ends_in_time_with_an_error_and_bounded_memory(
    box: Box, tmp_path: Path, tries: Tries, figures: Figures
) -> None:
    before, names = box.state(), list(BOMBS)[: tries(3, len(BOMBS))]
    with ThreadPoolExecutor(2) as pool:
        jobs = {
            name: pool.submit(run_bomb, box, name, tmp_path / f"bomb-{n}.log")
            for n, name in enumerate(names)
        }
    ended = {name: job.result() for name, job in jobs.items()}
    for name, end in ended.items():
        assert end.code in (0, 6), (name, end)
        if end.code:
            assert json.loads(end.err)["error"]["code"] == "SQL_ERROR", (name, end.err)
        assert end.memory < GIGABYTE + TEXTS + GIGABYTE // 2, name
    assert ended["nested parentheses"].code == ended["many giant texts"].code == 6
    assert box.state() == before
    assert rows_of_ask(box, "select count(*) from events") == [(2,)]
    most = max(end.memory for end in ended.values()) / GIGABYTE
    failed = sum(end.code == 6 for end in ended.values())
    figures(
        "A statement that asks too much is stopped; nothing crashes",
        len(names),
        f"{failed} errors, {len(names) - failed} answers, at most {most:.1f} GB of memory",
    )
