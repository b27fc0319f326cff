"""Answers are exact in every format, and the same bytes wherever they go."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.cli.test_streams import on_a_terminal
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]

# What is asked: how it is in JSON, and in the cell of a table.
VALUES = {
    "null": ("null", ""),
    "true": ("true", "true"),
    "170141183460469231731687303715884105727::hugeint": 2 * (str(2**127 - 1),),
    "18446744073709551615::ubigint": 2 * ("18446744073709551615",),
    "1.10::decimal(9,2)": ("1.10", "1.10"),
    "12345678901234567890.123456789::decimal(38,9)": 2 * ("12345678901234567890.123456789",),
    "0.1::double": ("0.1", "0.1"),
    "1e300::double": ("1e+300", "1e+300"),
    "timestamptz '2024-01-02 05:04:05.123456+02'": (
        '"2024-01-02T03:04:05.123456+00:00"',
        "2024-01-02T03:04:05.123456+00:00",
    ),
    "timestamp '2024-01-02 03:04:05'": ('"2024-01-02T03:04:05"', "2024-01-02T03:04:05"),
    "date '2024-01-02'": ('"2024-01-02"', "2024-01-02"),
    "time '03:04:05.5'": ('"03:04:05.500000"', "03:04:05.500000"),
    "'ab\\xFF'::blob": ('"ab\\\\xff"', "ab\\xff"),
    "'12345678-1234-5678-1234-567812345678'::uuid": (
        '"12345678-1234-5678-1234-567812345678"',
        "12345678-1234-5678-1234-567812345678",
    ),
    "[1, null, 3]": 2 * ("[1, null, 3]",),
    "[['a'], []]": 2 * ('[["a"], []]',),
    "['nan'::double, 1]": 2 * ("[null, 1.0]",),
    "{'a': 1, 'b': [date '2024-01-01']}": 2 * ('{"a": 1, "b": ["2024-01-01"]}',),
    "map {'k': 1.5, 'j': null}": 2 * ('{"k": 1.5, "j": null}',),
    "map {1: true}": 2 * ('{"1": true}',),
    """'{"n": 12345678901234567890123}'::json""": 2 * ('{"n": 12345678901234567890123}',),
    "'x'::enum('x', 'y')": ('"x"', "x"),
    "'Łódź ✓ 🌙'": ('"Łódź ✓ 🌙"', "Łódź ✓ 🌙"),
}


@pytest.mark.parametrize("expression", VALUES)
def test_a_value_is_exact(expression: str, landed: Home, here: Mp) -> None:
    in_json, in_cell = VALUES[expression]
    query = f"select {expression} as v"
    assert here("sql", query).out == f'[{{"v": {in_json}}}]\n'
    assert here("sql", query, "--format", "plain").out == f"{in_cell}\n"


@pytest.mark.parametrize("number", ["nan", "infinity", "-infinity"])
def test_what_is_no_number_is_null(number: str, landed: Home, here: Mp) -> None:
    assert here("sql", f"select '{number}'::double as v").out == '[{"v": null}]\n'


def test_what_is_no_number_is_an_empty_cell_as_null_is(landed: Home, here: Mp) -> None:
    query = "select 'nan'::double as a, null as b"
    assert here("sql", query, "--format", "csv").out == "a,b\n,\n"


@pytest.mark.parametrize("wrapped", ["[j]", "{'j': j}", "map {'j': j}", "list(j)"])
def test_json_inside_a_nested_value_is_nested_too(wrapped: str, landed: Home, here: Mp) -> None:
    query = f"""select {wrapped} as v from (select '{{"a": [1]}}'::json as j) group by j"""
    inside = {"a": [1]}
    wanted = {"j": inside} if "'j'" in wrapped else [inside]
    assert here("sql", query).json == [{"v": wanted}]


def test_columns_of_one_name_are_all_in_json(landed: Home, here: Mp) -> None:
    query = "select 1 as a, 2 as a, 3 as a, 4 as a_2"
    assert here("sql", query).json == [{"a": 1, "a_2": 2, "a_3": 3, "a_2_2": 4}]
    assert here("sql", query, "--format", "csv").out == "a,a,a,a_2\n1,2,3,4\n"


TEXT = (
    "select 1 as n, 'a' || chr(9) || 'b' || chr(10) || '\"c\", ✓' as text union all select 20, null"
)
WRITTEN = {
    "json": '[{"n": 1, "text": "a\\tb\\n\\"c\\", ✓"},\n {"n": 20, "text": null}]\n',
    "jsonl": '{"n": 1, "text": "a\\tb\\n\\"c\\", ✓"}\n{"n": 20, "text": null}\n',
    "csv": 'n,text\n1,"a\tb\n""c"", ✓"\n20,\n',
    "md": '| n | text |\n| --- | --- |\n| 1 | a b "c", ✓ |\n| 20 |  |\n',
    "plain": '1\ta b "c", ✓\n20\t\n',
    "table": 'n   text\n--  ----------\n1   a b "c", ✓\n20\n',
}


@pytest.mark.parametrize("format_", WRITTEN)
def test_tabs_and_newlines_never_break_a_row(format_: str, landed: Home, here: Mp) -> None:
    query = f"from ({TEXT}) order by n"
    assert here("sql", query, "--format", format_).out == WRITTEN[format_]


EMPTY = {
    "json": "[]\n",
    "jsonl": "",
    "csv": "a\n",
    "md": "| a |\n| --- |\n",
    "plain": "",
    "table": "a\n-\n",
}


@pytest.mark.parametrize("format_", EMPTY)
def test_no_rows_are_no_rows(format_: str, landed: Home, here: Mp) -> None:
    answer = here("sql", "select 1 as a limit 0", "--format", format_)
    assert (answer.code, answer.out) == (0, EMPTY[format_])


def test_wide_letters_keep_a_table_straight(landed: Home, here: Mp) -> None:
    query = "select '日本' as a, 1 as b union all select 'x', 2 order by b"
    wanted = "a     b\n----  -\n日本  1\nx     2\n"
    assert here("sql", query, "--format", "table").out == wanted


def test_mp_format_is_the_default_format(
    landed: Home, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_FORMAT", "plain")
    assert here("sql", "select 1, 'a'").out == "1\ta\n"
    assert here("sql", "select 1 as n", "-f", "json").out == '[{"n": 1}]\n'


def test_status_and_limits_know_every_format(landed: Home, here: Mp) -> None:
    header = (
        "asset,first_day,last_day,days,missing,partial,rows,repaired,last_loaded_at,renamed,runs"
    )
    assert here("status", "-f", "csv").out.splitlines()[0] == header
    assert json.loads(here("limits", "-f", "jsonl").out) == here("limits").json
    assert [len(here("status", "-f", f).out.splitlines()) for f in ("jsonl", "plain")] == [1, 1]


def test_properties_are_json_not_text(landed: Home, here: Mp) -> None:
    (row,) = here("sql", "select properties from events limit 1").json
    assert {"time", "distinct_id", "$insert_id"} <= row["properties"].keys()


def test_in_csv_an_empty_text_is_not_null(landed: Home, here: Mp) -> None:
    query = "from (values (1, '', null), (2, null, ''), (3, ' ', 'a,\"b\"')) v(n, a, b)"
    wanted = 'n,a,b\n1,"",\n2,,""\n3, ,"a,""b"""\n'
    assert here("sql", query, "-f", "csv").out == wanted
    assert here("sql", "from (values (null), ('')) v(a)", "-f", "csv").out == 'a\n\n""\n'


def test_csv_is_read_back_as_it_was(landed: Home, here: Mp, tmp_path: Path) -> None:
    texts = ["", "a", ",", '"', "\n", "\r", "\r\n", " ", '""', "\t", "é", "'", "NULL", '[", "]']
    rows = ", ".join(f"({n}, $x${text}$x$)" for n, text in enumerate(texts))
    query = f"from (values {rows}, ({len(texts)}, null)) v(n, text) order by n"
    (tmp_path / "v.csv").write_bytes(here("sql", query, "-f", "csv").out.encode())
    read = duckdb.read_csv(str(tmp_path / "v.csv"), all_varchar=True, allow_quoted_nulls=False)
    assert [text for _, text in read.fetchall()] == [*texts, None]


def test_markdown_is_a_table_of_nothing_but_text(landed: Home, here: Mp) -> None:
    query = "select 'a|b' as \"c|d\", '<b>' as html, ['x'] as list"
    wanted = '| c\\|d | html | list |\n| --- | --- | --- |\n| a\\|b | &lt;b&gt; | \\["x"\\] |\n'
    assert here("sql", query, "-f", "md").out == wanted


def test_a_terminal_gets_a_table_and_a_pipe_json(
    landed: Home, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("sql", "select 1 as a, 'x' as b")
    assert on_a_terminal(*asked) == here(*asked, "-f", "table").out
    assert here(*asked).out.startswith("[")
    assert on_a_terminal(*asked, "-f", "json") == here(*asked).out
    assert on_a_terminal(*asked, "--jq", ".[0].a") == "1\n"
    assert on_a_terminal("inspect", "keys") == here("inspect", "keys", "-f", "table").out
    monkeypatch.setenv("MP_FORMAT", "csv")
    assert on_a_terminal(*asked) == "a,b\n1,x\n"


def test_a_landing_is_a_few_lines_on_a_terminal(
    landed: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(landed.path, tmp_path / "copy")
    monkeypatch.setenv("MP_HOME", str(tmp_path / "copy"))
    shown = on_a_terminal("rebuild", "events")
    assert re.match(
        r"events 2024-01-01 to 2024-01-07: 7 days, [\d,]+ rows, \d+ duplicates\n"
        r"0 requests, [\d.]+ MB of JSON, [\d.]+ s",
        shown,
    )
    assert len(shown.splitlines()) <= 3
