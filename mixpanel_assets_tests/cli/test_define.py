"""`mp define`: views and macros of one's own, kept, and used wherever SQL is asked."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.errors import ConfigError, DatabaseNotFoundError, MixpanelDataError
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event

Mp = Callable[..., Answer]
BUYERS = "select distinct distinct_id from events where event_name = 'Purchase'"
TOP = "select event_name, count(*) as n from events group by all order by n desc, 1 limit most"


@pytest.fixture
def mine(landed: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the week's warehouse, which is the warehouse of the environment."""
    copy = tmp_path / "copy.duckdb"
    shutil.copy(landed.path / "data/12345/mixpanel.duckdb", copy)
    monkeypatch.setenv("MP_WAREHOUSE", str(copy))
    monkeypatch.chdir(tmp_path)
    return copy


def test_a_view_and_macros_are_defined_listed_shown_used_and_dropped(mine: Path, here: Mp) -> None:
    view = {"name": "buyers", "kind": "view", "sql": BUYERS}
    assert here("define", "buyers", BUYERS).json == view
    value = here("define", "weekly(d)", "date_trunc('week', d)").json
    rows = here("define", "Top( most:=1 )", f"{TOP};", stdin="").json
    single = here("define", "sold()", "(select count(*) from mine.buyers)").json
    assert value == {"name": "weekly(d)", "kind": "macro", "sql": "date_trunc('week', d)"}
    assert rows == {"name": "Top(most := 1)", "kind": "macro", "sql": TOP}
    listed = here("define", "--list")
    assert (listed.json, listed.err) == ([view, single, rows, value], "")
    for name in ("buyers", "BUYERS", "mine.buyers"):
        assert here("define", name).json == view
    buyers = here("sql", BUYERS, "--limit", "0").json
    assert here("sql", "from mine.buyers", "--limit", "0").json == buyers
    assert here("sql", "select mine.sold()", "--scalar").json == len(buyers)
    assert len(here("sql", "from mine.top(most := 2)").json) == 2
    week = here("sql", "select mine.weekly(date '2024-01-03')::date", "--scalar").json
    assert week == "2024-01-01"
    assert here("define", "--drop", "weekly(d)").json == value
    assert here("define", "top", "--drop").json == rows
    assert here("define", "--list").json == [view, single]
    assert here("sql", "from mine.top()").code == 6


def test_sql_comes_from_a_file_or_stdin(mine: Path, here: Mp) -> None:
    Path("b.sql").write_text(f"-- who buys\n{BUYERS};\n")
    assert here("define", "buyers", "--file", "b.sql").json["sql"].startswith("-- who buys\n")
    assert here("define", "again", "-", stdin=BUYERS).json["sql"] == BUYERS
    same = "(from mine.buyers except from mine.again)"
    assert here("sql", f"select count(*) from {same}", "--scalar").json == 0


def test_it_is_used_in_conditions_files_and_python(mine: Path, here: Mp) -> None:
    here("define", "buyers", BUYERS)
    where = ("--where", "distinct_id in (from mine.buyers)")
    shown = here("inspect", "breakdown", *where).json["total_events"]
    query = f"select count(*) from events where {where[1]}"
    assert shown == here("sql", query, "--scalar").json > 0
    saved = here("sql", "from mine.buyers", "--save", "b.parquet").json
    with Workspace() as workspace:
        assert workspace.sql_scalar("select count(*) from mine.buyers") == saved["rows"]
        assert [one.name for one in workspace.definitions()] == ["buyers"]


def test_a_view_is_looked_at_as_tables_are(mine: Path, here: Mp) -> None:
    here("define", "Bought", "from events where event_name = 'Purchase'")
    for name in ("mine.Bought", 'mine."bought"', "Mine.bought"):
        columns = here("inspect", "schema", "--table", name).json["columns"]
        assert "distinct_id" in [one["name"] for one in columns]
    count = here("sql", "select count(*) from mine.bought", "--scalar").json
    assert here("inspect", "summarize", "--table", "mine.bought").json["row_count"] == count
    (event,) = here("inspect", "breakdown", "--table", "mine.bought").json["events"]
    assert (event["event_name"], event["count"]) == ("Purchase", count)
    amount = ("inspect", "numeric", "--event", "Purchase", "--property", "amount", "--table")
    assert here(*amount, "mine.bought").json["sum"] == here(*amount, "events").json["sum"] > 0
    here("define", "amounts", 'select amount from by_event."Purchase"')
    assert len(here("inspect", "sample", "--table", "mine.amounts", "-n", "2").json) == 2
    assert here("inspect", "breakdown", "--table", "mine.amounts").code == 4
    assert here("inspect", "schema", "--table", "mine.nope").error["code"] == "TABLE_NOT_FOUND"


def test_an_existing_one_is_replaced_only_when_asked(mine: Path, here: Mp) -> None:
    here("define", "buyers", BUYERS)
    taken = here("define", "Buyers(n)", "n + 1")
    assert (taken.code, taken.error["code"]) == (2, "TABLE_EXISTS")
    assert "--replace" in taken.error["hint"]
    assert here("sql", "select count(*) from mine.buyers").code == 0
    assert here("define", "Buyers(n)", "n + 1", "--replace").json["kind"] == "macro"
    assert here("sql", "select mine.buyers(1)", "--scalar").json == 2
    assert here("sql", "from mine.buyers").code == 6
    assert len(here("define", "--list").json) == 1


@pytest.mark.parametrize("name", ["buyers", "buyers(n)", "by"])
def test_none_is_defined_by_itself(name: str, mine: Path, here: Mp) -> None:
    here("define", "buyers" if name == "by" else name, "select 1 as one")
    use = "from mine.buyers(1)" if "(" in name else "from mine.buyers"
    here("define", "by", use)
    before = here("define", "--list").json
    changed = here("define", name, "from mine.by", "--replace")
    assert (changed.code, changed.error["code"]) == (6, "SQL_ERROR")
    assert "by itself" in changed.error["message"]
    assert here("define", "--list").json == before
    assert here("sql", "from mine.by").json == [{"one": 1}]


NO_NAMES = {
    "a b": "letters",
    'a"b': "letters",
    "": "letters",
    "1a": "letters",
    "a.b": "letters",
    "a; drop": "letters",
    "x" * 64: "letters",
    "f(a b)": "parameters",
    "f(a,)": "parameters",
    "f(a := b)": "parameters",
    "f(a) as 1, g(b)": "parameters",
    "Events": "table or view",
    "profiles": "table or view",
    "events(n)": "table or view",
    "SUM(x)": "function of DuckDB",
    "range(x)": "function of DuckDB",
    "Select": "word of SQL",
}


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_would_confuse_is_refused(name: str, mine: Path, here: Mp) -> None:
    before = mine.read_bytes()
    answer = here("define", name, "select 1 as one")
    assert (answer.code, answer.error["code"]) == (2, "USAGE")
    assert NO_NAMES[name] in answer.error["message"]
    assert mine.read_bytes() == before


@pytest.mark.parametrize("name", ["sold", "Größe", "week", "a1", "_x", "größe(maß)", "f( )"])
def test_a_plain_name_is_taken(name: str, mine: Path, here: Mp) -> None:
    assert here("define", name, "select 1 as one").code == 0
    assert here("sql", f"from mine.{name.replace('maß', '1')}").json == [{"one": 1}]


BAD = {
    "a file": ("x", "from read_csv('/etc/passwd')"),
    "a file by its name": ("x", "from '/etc/passwd'"),
    "a file that the caller names": ("x(a)", "from read_text(a)"),
    "one of those in an expression": ("x(a)", "(select max(content) from read_text(a)) || ''"),
    "any table": ("x(a)", "from query_table(a)"),
    "any query": ("x(a)", "from query(a)"),
    "files": ("x(a)", "from glob(a)"),
    "the network": ("x", "from 'https://127.0.0.1:9/x.csv'"),
    "copy": ("x", "copy (select 1) to 'x.csv'"),
    "two statements": ("x", "select 1; select 2"),
    "a second statement after an expression": ("x(a)", "a + 1; drop table landed"),
    "a second macro": ("x(a)", "1, (a, b) as a + b"),
    "a write": ("x", "delete from landed"),
    "explain": ("x", "explain select 1"),
    "pivot": ("x", "pivot events on event_name using count(*)"),
    "a parameter": ("x", "select $1"),
    "no table": ("x", "from nope"),
    "no column": ("x", "select nope from events"),
    "no column of a macro": ("x(a)", "a + b"),
    "nonsense": ("x(a)", "a +"),
    "itself": ("x", "from mine.x"),
}


@pytest.mark.parametrize("what", BAD)
def test_sql_that_is_not_one_select_of_the_warehouse_is_refused(
    what: str, mine: Path, here: Mp
) -> None:
    before = mine.read_bytes()
    answer = here("define", *BAD[what])
    assert (answer.code, answer.out, answer.error["code"]) == (6, "", "SQL_ERROR")
    assert mine.read_bytes() == before
    assert not list(mine.parent.glob("x*"))


def test_a_wrong_command_line_says_so(mine: Path, here: Mp) -> None:
    for words in (
        ("buyers", BUYERS, "--file", "x.sql"),
        ("buyers", BUYERS, "--drop"),
        ("--list", "--drop", "buyers"),
        ("--list", "buyers"),
        ("--drop",),
        ("buyers", "--replace"),
        ("buyers", " "),
        ("buyers", "/* nothing */ ;"),
    ):
        assert here("define", *words).code == 2, words


@pytest.mark.parametrize("words", [("buyer",), ("--drop", "buyer")])
def test_an_unknown_one_is_named_with_one_like_it(
    words: tuple[str, ...], mine: Path, here: Mp
) -> None:
    here("define", "buyers", BUYERS)
    answer = here("define", *words)
    assert (answer.code, answer.error["code"]) == (4, "TABLE_NOT_FOUND")
    assert "buyers" in answer.error["hint"]


def test_an_error_says_how_a_definition_is_written(mine: Path, here: Mp) -> None:
    here("define", "buyers", BUYERS)
    here("define", "weekly(d)", "date_trunc('week', d)")
    for query, hint in {
        "from buyers": "mine.buyers",
        "select weekly(today())": "mine.weekly(d)",
        "from mine.buyer": "mine.buyers",
        "from mine.zzz": "mp define --list",
    }.items():
        assert hint in here("sql", query).error["hint"]


def test_a_broken_one_stays_and_says_why(mine: Path, here: Mp) -> None:
    with duckdb.connect(str(mine)) as connection:
        connection.execute("create table pulled as select 1 as a, 2 as b")
    here("define", "pulls", "select a from pulled")
    here("define", "few(n)", "select b from pulled limit n")
    here("define", "more", "from mine.pulls")
    assert here("drop", "pulled").code == 0
    listed = here("define", "--list")
    assert [one["name"] for one in listed.json] == ["few(n)", "more", "pulls"]
    for name in ("few", "more", "pulls"):
        assert f"mine.{name} does not work as things are" in listed.err
    assert "Table with name pulled does not exist" in listed.err
    for query in ("from mine.pulls", "from mine.few(1)", "from mine.more"):
        for more in ((), ("--save", "x.csv")):
            error = here("sql", query, *more).error
            assert "does not work as things are" in error["message"]
            assert "Table with name pulled does not exist" in error["message"]
            assert "mp define" in error["hint"]
    with duckdb.connect(str(mine)) as connection:
        connection.execute("create table pulled as select 'new' as a")
    assert here("sql", "from mine.more").json == [{"a": "new"}]
    assert "Referenced column" in here("sql", "from mine.few(1)").error["message"]
    assert here("define", "--drop", "few").code == 0


def test_a_table_that_came_later_is_told_from_it(mine: Path, here: Mp) -> None:
    here("define", "pulled", "select 'mine' as a")
    with duckdb.connect(str(mine)) as connection:
        connection.execute("create table pulled as select 'theirs' as a")
    assert here("sql", "from pulled").json == [{"a": "theirs"}]
    assert here("sql", "from mine.pulled").json == [{"a": "mine"}]
    assert "there is a table pulled now" in here("define", "pulled").err


def test_an_empty_answer_by_way_of_a_view_has_its_reason(mine: Path, here: Mp) -> None:
    here("define", "nopes", "from events where event_name = 'Nope'")
    here("define", "days", "select event_date from mine.nopes")
    for query in ("select count(*) as n from mine.nopes", "from mine.days"):
        assert "has no event 'Nope'" in here("sql", query).err


def test_the_file_can_be_asked_by_others(mine: Path, here: Mp) -> None:
    here("define", "top(most)", TOP)
    here("define", "buyers", BUYERS)
    with duckdb.connect(str(mine), read_only=True) as connection:
        assert len(connection.execute("from mine.top(1)").fetchall()) == 1
    with duckdb.connect() as connection:
        connection.execute(f"attach '{mine}' as other (read_only); use other")
        assert connection.execute("select count(*) from mine.buyers").fetchall() > [(0,)]


def test_a_workspace_that_can_t_keep_it_says_so(mine: Path, tmp_path: Path) -> None:
    with Workspace.open(mine) as reader, pytest.raises(ConfigError, match="read-only"):
        reader.define("one", "select 1")
    with Workspace.memory() as memory, pytest.raises(ConfigError, match="memory"):
        memory.define("one", "select 1")
    with Workspace(path=tmp_path / "none.duckdb") as empty:
        with pytest.raises(DatabaseNotFoundError):
            empty.define("one", "select 1")
        with pytest.raises(DatabaseNotFoundError):
            empty.drop_definition("one")
    shutil.copy(mine, tmp_path / "mine.duckdb")
    named = Workspace(path=tmp_path / "mine.duckdb")
    with named, pytest.raises(ConfigError, match="mine is their schema"):
        named.define("one", "select 1")


def test_definitions_are_kept_through_loads_rebuilds_and_drops(
    account: Simulator, here: Mp
) -> None:
    first, second = str(DAY), str(DAY + timedelta(1))
    account.store.set_day(DAY, [event("Open", plan="free")])
    account.store.set_day(DAY + timedelta(1), [event("Open", NOON + 86_400_000, plan=7, new=True)])
    here("materialize", "events", "--from", first, "--to", first)
    with Workspace() as workspace:
        workspace.define("opens", 'from by_event."Open"')
        workspace.define("plans", "select plan::varchar as plan from events_wide")
        workspace.define("of(wanted)", "select count(*) as n from mine.plans where plan = wanted")
    kept = here("define", "--list").json

    def shown() -> tuple[list[str], object]:
        listed = here("define", "--list")
        assert (listed.json, listed.err) == (kept, "")
        columns = here("sql", "describe mine.opens").json
        assert here("sql", "select count(*) from mine.of('free')", "--scalar").json == 1
        plans = here("sql", "from mine.plans order by 1").json
        return [one["column_name"] for one in columns], [one["plan"] for one in plans]

    columns, plans = shown()
    assert ("new" in columns, plans) == (False, ["free"])
    here("materialize", "events", "--from", second, "--to", second)
    columns, plans = shown()
    assert ("new" in columns, plans) == (True, ["7", "free"])
    assert here("rebuild", "events").code == 0
    assert shown() == (columns, plans)
    assert here("drop", "events", "--force").code == 0
    dropped = here("define", "--list")
    assert dropped.json == kept
    assert dropped.err.count("does not work as things are") == 3
    assert here("rebuild", "events").code == 0
    assert shown() == (columns, plans)


def test_threads_define_and_ask_at_once(mine: Path) -> None:
    def one(n: int) -> object:
        with Workspace() as workspace:
            try:
                workspace.define(f"v{n}", f"select {n} as n")
                return workspace.sql_scalar(f"from mine.v{n}")
            except MixpanelDataError as error:
                return error

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(one, range(4))] == [0, 1, 2, 3]
