"""`mp sql` with several statements: temporary views, macros and tables, and one that asks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mixpanel_assets import Workspace
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]
WAREHOUSE = "data/12345/mixpanel.duckdb"

ANSWERS = {
    "create temp view a as select 1 as x; from a": [{"x": 1}],
    "create temp macro twice(x) as x * 2; select twice(2) as x": [{"x": 4}],
    "create temp function twice(x) as x * 2; select twice(2) as x": [{"x": 4}],
    "create temp macro most(n) as table from range(n); select max(range) as x from most(3)": [
        {"x": 2}
    ],
    "CREATE OR REPLACE TEMPORARY TABLE a AS from range(3); select count(*) as x from a;": [
        {"x": 3}
    ],
    "create temp table if not exists a as (select 1 as x); from a": [{"x": 1}],
    'create temp table "a ""b" as select 1 as x; from "a ""b"': [{"x": 1}],
    "create temp view é(x) as select 'ü'; -- ;\n /* ; */ create /**/ temp -- a\n view b as from é;"
    " from b -- end": [{"x": "ü"}],
    "create temp view a as select 1 as x, 'p' as y; pivot a on y in ('p') using sum(x)": [{"p": 1}],
    "create temp view a as select 1 as x; describe a": None,
    "create temp view a as select 1 as x; with b as (from a) select x, ';' as s from b": [
        {"x": 1, "s": ";"}
    ],
}


@pytest.mark.parametrize("query", ANSWERS)
def test_temporary_things_come_before_the_question(query: str, landed: Home, here: Mp) -> None:
    before = (landed.path / WAREHOUSE).read_bytes()
    answer = here("sql", query)
    assert (answer.code, answer.err) == (0, "")
    assert answer.json == (ANSWERS[query] or answer.json)
    assert (landed.path / WAREHOUSE).read_bytes() == before
    assert here("sql", "from a").code == 6  # they last for one call


ONE_ONLY = "only one statement is allowed"
REFUSED = {
    "select 1; select 2": ONE_ONLY,
    "create view a as select 1; from a": ONE_ONLY,
    "create table a as select 1; from a": ONE_ONLY,
    "create macro a() as 1; select a()": ONE_ONLY,
    "create temp table a (x int); from a": ONE_ONLY,
    "create temp sequence a; select 1": ONE_ONLY,
    "create temp type a as enum ('x'); select 1": ONE_ONLY,
    "create secret a (type s3); select 1": ONE_ONLY,
    "create temp view a as select 1; select 2; from a": ONE_ONLY,
    "create temp view a as select 1; set threads = 1; from a": ONE_ONLY,
    "create temp view a as select 1; insert into a select 2; from a": ONE_ONLY,
    "create temp view a as select 1": "got CREATE",
    "create temp view a as select 1; create temp view b as select 1": "got CREATE",
    "create temp view a as select 1; delete from landed": "got DELETE",
    "create temp table a as from read_csv('/etc/passwd'); from a": "disabled",
    "create temp macro a(x) as table from read_text(x); from a('/etc/passwd')": "disabled",
    "create temp view a as select nope from events; from a": "nope",
    "create temp view Events as select 1 as x; from events": "already the name",
    'create temp table "LANDED" as select 1 as x; from landed': "already the name",
    "create temp macro count(x) as 1; select count(2)": "already the name",
    "create temp macro duckdb_functions() as table select '' as function_name; select 1": (
        "already the name"
    ),
    "create temp table a as from range(1000000000); from a limit 1": "Out of Memory",
}


@pytest.mark.parametrize("query", REFUSED)
def test_anything_else_is_refused(query: str, landed: Home, here: Mp) -> None:
    before = (landed.path / WAREHOUSE).read_bytes()
    answer = here("sql", query, MP_MEMORY_LIMIT="100MB")
    assert (answer.code, answer.out, answer.error["code"]) == (6, "", "SQL_ERROR")
    assert REFUSED[query] in answer.error["message"]
    assert answer.error["hint"]
    assert (landed.path / WAREHOUSE).read_bytes() == before


PRELUDE = """
-- shares
create temp macro share(part, whole) as round(100 * part / whole, 1);
create temp table bought as from events where event_name = 'Purchase' -- no semicolon"""
SHARE = "select share(count(*), (select count(*) from events)) as percent from bought"


def test_a_prelude_comes_from_a_file(
    landed: Home, here: Mp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.sql").write_text(PRELUDE)
    Path("q.sql").write_text(f"create temp view asked as {SHARE}; from asked")
    (row,) = here("sql", "--prelude", "p.sql", SHARE).json
    assert 0 < row["percent"] < 100
    assert here("sql", "--prelude", "p.sql", "-", stdin=SHARE).json == [row]
    assert here("sql", "--prelude", "p.sql", "--file", "q.sql").json == [row]
    assert here("sql", "--prelude", "p.sql", SHARE, "--scalar").json == row["percent"]
    saved = here("sql", "--prelude", "p.sql", SHARE, "--save", "a.jsonl").json
    assert (saved["rows"], saved["first"]) == (1, [row])
    Path("empty.sql").write_text("-- nothing yet\n")
    assert here("sql", "--prelude", "empty.sql", "select 1 as x").json == [{"x": 1}]
    assert here("sql", "--prelude", "none.sql", "select 1").error["code"] == "CONFIG_ERROR"
    Path("bad.sql").write_text("select 1")
    assert ONE_ONLY in here("sql", "--prelude", "bad.sql", "select 1").error["message"]


def test_python_has_them_with_parameters_for_the_question(landed: Home) -> None:
    with Workspace(read_only=True) as workspace:
        query = "create temp table a as from range(5); select count(*) from a where range < $1"
        assert workspace.sql_scalar(query, 3) == 3
        with workspace.sql_stream(query.replace("$1", "2")) as (_, rows):
            assert [*rows] == [(2,)]
        assert workspace.connection.execute("select 1").fetchone() == (1,)
        assert workspace.sql_scalar(query, 3) == 3


def test_an_empty_answer_by_way_of_them_has_its_reason(landed: Home, here: Mp) -> None:
    for made in ("view", "table"):
        query = f"create temp {made} a as select count(*) as n from events where event_name = 'No'"
        answer = here("sql", f"{query}; from a")
        assert answer.json == [{"n": 0}]
        assert "has no event 'No'" in answer.err
