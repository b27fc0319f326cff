"""--save FILE: the rows of a statement as a file, written by DuckDB."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.errors import ConfigError, OutputError, UsageError
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]

EVERY_TYPE = """
    select now()::date as d, timestamptz '2024-01-02 03:04:05.5+00' as tz,
           timestamp '2024-01-02 03:04:05' as ts, 'nan'::double as n, '-inf'::float as f,
           170141183460469231731687303715884105727::hugeint as h, 1.50::decimal(9, 2) as dc,
           {'at': timestamptz '2024-01-02 00:00:00+00', 'x': 'inf'::double} as s,
           [{'y': 'nan'::double}, null] as l, null::struct(a double) as none, [[1.5, null]] as ll,
           '{"a": [1, 2.50]}'::json as j, true as b, '' as empty, 'a,"b"\nc' as t, null as nothing,
           1 as x, 2 as x
    """


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_json_lines_and_csv_have_the_values_of_mp_sql(landed: Home, here: Mp) -> None:
    for query in (EVERY_TYPE, "from events order by all limit 50"):
        assert here("sql", query, "--save", "a.jsonl", "--replace").err == ""
        lines = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
        assert lines == here("sql", query).json
        here("sql", query, "--save", "a.csv", "--replace")
        shown = here("sql", query, "-f", "csv").out.splitlines()
        assert _cells(Path("a.csv").read_text().splitlines()[1:]) == _cells(shown[1:])


def _cells(lines: list[str]) -> list[list[Any]]:
    """The cells, those that are JSON parsed: blanks in it mean nothing."""

    def read(cell: str) -> Any:
        return json.loads(cell) if cell[:1] in ("{", "[") else cell

    return [[read(cell) for cell in row] for row in csv.reader(lines)]


def test_parquet_keeps_the_types(landed: Home, here: Mp) -> None:
    answer = here("sql", "from events_wide", "--save", "a.parquet").json
    found = duckdb.sql("describe from 'a.parquet'").fetchall()
    assert {row[0]: row[1] for row in found} == {c["name"]: c["type"] for c in answer["columns"]}
    assert answer["rows"] == here("sql", "select count(*) from events", "--scalar").json
    assert answer["bytes"] == Path("a.parquet").stat().st_size
    assert [*answer] == ["path", "rows", "bytes", "columns", "first"]
    assert len(answer["first"]) == 3


@pytest.mark.parametrize("file", ["a.parquet", "a.csv", "a.jsonl", "A.CSV"])
def test_no_rows_are_a_file_of_no_rows(landed: Home, here: Mp, file: str) -> None:
    answer = here("sql", "select 1 as a where false", "--save", file).json
    assert (answer["rows"], answer["first"]) == (0, [])
    assert Path(file).exists()


WRONG = {
    ("../a.csv",): "is not in the working folder",
    ("/a.csv",): "is not in the working folder",
    ("a.xlsx",): "must end with .parquet, .csv or .jsonl",
    ("none/a.csv",): "there is no folder none",
    ("taken.csv",): "taken.csv exists already",
}


@pytest.mark.parametrize("file", WRONG)
def test_a_file_that_can_not_be_written_is_refused(
    landed: Home, here: Mp, file: tuple[str]
) -> None:
    Path("taken.csv").write_text("mine")
    answer = here("sql", "select 1", "--save", *file)
    assert (answer.code, answer.out) == (2, "")
    assert WRONG[file] in answer.error["message"]
    assert [path.name for path in Path().iterdir()] == ["taken.csv"]
    assert Path("taken.csv").read_text() == "mine"


@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1) to 'b.csv'",
        "select 1) to 'b.csv' (format csv); copy (select 2",
        "select 1; copy (select 1) to 'b.csv'",
        "from read_csv('taken.csv')",
        "from glob('*')",
        "select * from nowhere",
        "select error('at once')",
        "create temp table x as select 1",
    ],
)
def test_a_statement_that_fails_or_is_refused_leaves_no_file(
    landed: Home, here: Mp, query: str
) -> None:
    Path("taken.csv").write_text("a\n1\n")
    answer = here("sql", query, "--save", "a.csv")
    assert answer.code == 6, answer.error
    assert [path.name for path in Path().iterdir()] == ["taken.csv"]


def test_replace_needs_a_file(landed: Home, here: Mp) -> None:
    assert "--replace is about the file" in here("sql", "select 1", "--replace").error["message"]


def test_a_comment_or_semicolon_at_the_end_does_no_harm(landed: Home, here: Mp) -> None:
    assert here("sql", "select 1 as a; -- all", "--save", "a.csv").json["rows"] == 1
    assert here("sql", "select 1 as a -- all", "--save", "b.csv").json["rows"] == 1


def test_in_python_any_folder_will_do(landed: Home, tmp_path: Path) -> None:
    with Workspace() as workspace:
        saved = workspace.save("from events limit 2", tmp_path / "a.parquet")
        assert (saved.rows, saved.path) == (2, str(tmp_path / "a.parquet"))
        with pytest.raises(UsageError, match="exists already"):
            workspace.save("from events", tmp_path / "a.parquet")
        with pytest.raises(UsageError, match="not in the working folder"):
            workspace.save("from events", "/tmp/a.csv", under=tmp_path)
    with Workspace.memory() as workspace, pytest.raises(ConfigError, match="in memory"):
        workspace.save("select 1", tmp_path / "b.csv")


def test_a_full_disk_is_told_and_leaves_nothing(landed: Home) -> None:
    with Workspace() as workspace, pytest.raises((OutputError, UsageError)):
        workspace.save("from range(10)", "/dev/full/a.csv")


@pytest.mark.parametrize("file", ["a.parquet", "a.csv", "a.jsonl"])
@pytest.mark.parametrize(
    "asked",
    [
        ("ask", "segmentation", "Purchase", "--from", "2024-01-01", "--by", "plan"),
        ("inspect", "schema", "-t", "events"),
        ("inspect", "keys"),
        ("query", "segmentation", "-e", "Purchase", "--from", "2024-01-01", "--to", "2024-01-03"),
    ],
    ids=" ".join,
)
def test_answers_to_questions_are_saved_by_row(
    landed: Home, here: Mp, asked: tuple[str, ...], file: str
) -> None:
    shown = list(csv.reader(here(*asked, "-f", "csv").out.splitlines()))
    saved = here(*asked, "--save", file).json
    found = duckdb.sql(f"from '{file}'")
    assert found.columns == shown[0]
    assert [["" if v is None else _as_csv(v) for v in row] for row in found.fetchall()] == shown[1:]
    assert saved["rows"] == len(shown) - 1


def _as_csv(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def test_an_answer_without_rows_is_saved_with_its_columns(landed: Home, here: Mp) -> None:
    asked = ("inspect", "breakdown", "--from", "2023-01-01", "--to", "2023-01-02")
    saved = here(*asked, "--save", "a.csv").json
    assert saved["rows"] == 0
    assert Path("a.csv").read_text().startswith("event_name,")


def test_a_fetch_may_go_to_a_file_instead_of_a_table(landed: Home, here: Mp) -> None:
    days = ("--from", "2024-01-02", "--to", "2024-01-02")
    query = "select count(*) from events where event_date = '2024-01-02'"
    rows = here("sql", query, "--scalar").json
    assert here("fetch", "events", *days, "--save", "a.parquet").json["rows"] == rows
    assert duckdb.sql("select count(*) from 'a.parquet'").fetchall() == [(rows,)]
    assert here("fetch", "events", *days, "--save", "a.parquet").code == 2
    assert here("fetch", "events", *days, "--save", "a.parquet", "--replace").code == 0
    refused = here("fetch", "events", "mine", *days, "--save", "b.parquet")
    assert "--save creates no table" in refused.error["message"]
    assert here("fetch", "profiles", "--save", "p.csv").json["rows"] > 0
    tables = here("inspect", "tables").json
    assert not {"fetched_events", "fetched_profiles"} & {one["name"] for one in tables}


@pytest.mark.parametrize("file", ["a.csv", "a.jsonl"])
def test_texts_of_answers_are_saved_as_they_are_shown(landed: Home, here: Mp, file: str) -> None:
    days = ("--from", "2024-01-01", "--to", "2024-01-01")
    asked = ("ask", "segmentation", "Page View", *days, "--unit", "hour")
    here(*asked, "--save", file)
    shown = here(*asked, "-f", Path(file).suffix[1:]).out.splitlines()
    saved = Path(file).read_text().splitlines()
    if file == "a.csv":
        assert list(csv.reader(saved)) == list(csv.reader(shown))
    else:
        assert [json.loads(line) for line in saved] == [json.loads(line) for line in shown]
