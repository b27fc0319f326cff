"""`mp sql` answers any question, and does nothing else."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mixpanel_assets.errors import DatabaseLockedError
from mixpanel_assets.warehouse.connection import reading
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]

REFUSED = {  # the torture suite has every kind
    "a write": "delete from landed",
    "copy to a file": "copy (select 1) to '{folder}/out.csv'",
    "a setting": "set threads = 1",
    "a file": "from read_csv('/etc/passwd')",
    "two statements": "select 1; select 2",
    "none": "",
    "nonsense": "selec 1",
    "an unknown column": "select nope from events",
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses(what: str, landed: Home, here: Mp, tmp_path: Path) -> None:
    before = (landed.path / "data/12345/mixpanel.duckdb").read_bytes()
    answer = here("sql", REFUSED[what].format(folder=tmp_path))
    assert (answer.code, answer.out, answer.error["code"]) == (6, "", "SQL_ERROR")
    assert (landed.path / "data/12345/mixpanel.duckdb").read_bytes() == before
    assert not list(tmp_path.glob("out*"))


ALLOWED = {
    'select 1 as "update"': [{"update": 1}],
    "select 'drop table x' as s": [{"s": "drop table x"}],
    "select 1 as created_at -- ; delete from landed": [{"created_at": 1}],
    "select '; insert' as s;": [{"s": "; insert"}],
    "with copy as (select 1 as a) from copy": [{"a": 1}],
    "select count(*) as n from landed": [{"n": 7}],
    "explain select 1": None,
    "describe events": None,
    "summarize landed": None,
    "show tables": None,
    "pragma table_info('landed')": None,
}


@pytest.mark.parametrize("query", ALLOWED)
def test_it_answers(query: str, landed: Home, here: Mp) -> None:
    answer = here("sql", query)
    assert (answer.code, answer.err) == (0, "")
    assert answer.json == (ALLOWED[query] or answer.json)


def test_an_unknown_table_comes_with_a_way_to_see_which_there_are(landed: Home, here: Mp) -> None:
    error = here("sql", "from nope").error
    assert "Table with name nope does not exist" in error["message"]
    assert "mp inspect overview" in error["hint"]


def test_a_thousand_rows_are_shown_and_the_rest_is_said(landed: Home, here: Mp) -> None:
    answer = here("sql", "from range(1001)")
    assert len(answer.json) == 1000
    assert answer.err == "mp: note: only the first 1,000 rows are shown; --limit 0 shows all\n"


@pytest.mark.parametrize(("limit", "shown"), [("0", 1001), ("1001", 1001), ("1002", 1001)])
def test_nothing_is_said_when_nothing_is_left_out(
    limit: str, shown: int, landed: Home, here: Mp
) -> None:
    answer = here("sql", "from range(1001)", "--limit", limit)
    assert (len(answer.json), answer.err) == (shown, "")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("select count(*) from landed", "7\n"),
        ("select 'a\"b'", '"a\\"b"\n'),
        ("select [1, 2]", "[1, 2]\n"),
        ("select null", "null\n"),
        ("select 1 where false", "null\n"),
        ("select range, 'b' from range(3)", "0\n"),
        ("select '{\"a\": 1}'::json", '{"a": 1}\n'),
    ],
)
def test_a_scalar_is_the_first_value_alone(query: str, shown: str, landed: Home, here: Mp) -> None:
    answer = here("sql", "--scalar", query)
    assert (answer.code, answer.out, answer.err) == (0, shown, "")


def test_a_plain_scalar_has_no_quotes(landed: Home, here: Mp) -> None:
    assert here("sql", "--scalar", "-f", "plain", "select 'a\"b'").out == 'a"b\n'


def test_the_question_may_come_from_a_file_or_stdin(landed: Home, here: Mp, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("-- a comment\nselect 'ü' as a;\n", "utf-8")
    assert here("sql", "--file", str(tmp_path / "q.sql")).json == [{"a": "ü"}]
    assert here("sql", "-", stdin="select 1 as a").json == [{"a": 1}]


@pytest.mark.parametrize("arguments", [(), ("select 1", "--file", "q.sql"), ("--file", "nope.sql")])
def test_there_must_be_one_question(arguments: tuple[str, ...], landed: Home, here: Mp) -> None:
    answer = here("sql", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.error["code"] in ("USAGE", "CONFIG_ERROR")


def test_a_question_that_takes_too_long_is_stopped(landed: Home, here: Mp) -> None:
    endless = "select sum(hash(a.range + b.range)) from range(10000000) a, range(10000000) b"
    answer = here("sql", "--timeout", "0.3", endless)
    assert (answer.code, answer.error["code"]) == (6, "SQL_ERROR")
    assert "--timeout" in answer.error["hint"]


def test_no_secret_is_needed_to_ask_what_is_landed(
    landed: Home, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MP_USERNAME", "MP_SECRET", "MP_BASE_URL"):
        monkeypatch.delenv(name)
    assert here("sql", "--scalar", "select count(*) from landed").out == "7\n"
    assert here("status").json[0]["days"] == 7


def test_a_warehouse_elsewhere_is_named_by_mp_warehouse(
    landed: Home, here: Mp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MP_WAREHOUSE", str(landed.path / "data/12345/mixpanel.duckdb"))
    monkeypatch.setenv("MP_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("MP_PROJECT_ID")
    monkeypatch.delenv("MP_USERNAME")
    monkeypatch.delenv("MP_SECRET")
    assert here("sql", "--scalar", "select count(*) from landed").out == "7\n"


def test_a_reader_that_stops_reading_is_no_failure(landed: Home) -> None:
    mp = f"{sys.executable} -m mixpanel_assets sql --limit 0 -f plain 'from range(300000)'"
    script = f"set -o pipefail; {mp} | head -1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=os.environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the warehouse open for writing."""
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "w.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate("\n")


def test_a_warehouse_in_use_is_waited_for_and_then_its_holder_is_named(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    with pytest.raises(DatabaseLockedError) as raised, reading(tmp_path / "w.duckdb", wait=0.1):
        pass
    assert raised.value.details["holding_pid"] == holder.pid
    assert f"process {holder.pid}" in raised.value.message
    assert (raised.value.code, raised.value.exit_code) == ("DATABASE_LOCKED", 5)


def test_readers_do_not_keep_each_other_out(landed: Home, here: Mp, mp: Mp) -> None:
    with reading(landed.path / "data/12345/mixpanel.duckdb"):
        assert mp("sql", "--scalar", "select count(*) from landed").out == "7\n"
