"""What is for eyes is bounded, what is for programs is whole, and either way it is said."""

import json
from collections.abc import Callable

import pytest

from mixpanel_assets.cli.app import app
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.cli.test_help import WRITTEN
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]

EYES = ("md", "table", "plain")
PROGRAMS = ("json", "jsonl", "csv")
LONG = "select 'x' || repeat('é', 900000) as long, 1 as n"
CUT = "mp: note: cells are cut after 200 characters; use --format json for full values\n"
END = (
    "fit in {most} bytes: aggregate, select fewer columns, "
    "write all to a file with --format csv > FILE, or use --max-bytes 0\n"
)
HEADS = {"md": 2, "table": 2, "plain": 0}  # lines before the rows


@pytest.mark.parametrize("format_", EYES)
def test_for_eyes_it_ends_at_16_kb_at_a_whole_row(format_: str, landed: Home, here: Mp) -> None:
    answer = here("sql", "select range, repeat('é', 50) from range(1000)", "-f", format_)
    *lines, last = answer.out.splitlines(keepends=True)
    assert last == f"# {len(lines) - HEADS[format_]} of 1,000 rows {END.format(most='16,000')}"
    assert 16_000 - len(lines[-1].encode()) < len(answer.out.encode()) <= 16_000
    assert (lines[-1].count("é"), answer.err) == (50, "")


@pytest.mark.parametrize("format_", EYES)
@pytest.mark.parametrize("most", [1, 200, 300, 1000])
def test_max_bytes_says_where(most: int, format_: str, landed: Home, here: Mp) -> None:
    query = "select range as number, repeat('é', 1 + range % 90) as text from range(500)"
    answer = here("sql", query, "-f", format_, "--max-bytes", str(most))
    *lines, last = answer.out.splitlines(keepends=True)
    count = max(0, len(lines) - HEADS[format_])
    assert last == f"# {count} of 500 rows {END.format(most=f'{most:,}')}"
    assert len(answer.out.encode()) <= max(most, len(last.encode()))
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize("format_", EYES)
def test_max_bytes_0_is_all_of_it(format_: str, landed: Home, here: Mp) -> None:
    query = "select range, repeat('x', 100) from range(900)"
    answer = here("sql", query, "-f", format_, "--max-bytes", "0")
    assert len(answer.out.splitlines()) == 900 + HEADS[format_]
    assert (answer.err, "#" in answer.out) == ("", False)


@pytest.mark.parametrize("format_", EYES)
def test_what_just_fits_is_not_cut(format_: str, landed: Home, here: Mp) -> None:
    query = "select range as n, repeat('é', 1 + range) as text from range(20)"
    whole = here("sql", query, "-f", format_).out
    size = len(whole.encode())
    assert here("sql", query, "-f", format_, "--max-bytes", str(size)).out == whole
    less = here("sql", query, "-f", format_, "--max-bytes", str(size - 1)).out.splitlines()
    assert less[-1].startswith("# ")


def test_of_a_table_too_wide_for_a_row_only_that_is_said(landed: Home, here: Mp) -> None:
    columns = ", ".join(f"{n} as column_{n}" for n in range(2000))
    answer = here("sql", f"select {columns}", "-f", "table")
    assert answer.out == f"# 0 of 1 rows {END.format(most='16,000')}"


def test_beyond_both_limits_only_the_nearer_one_is_said(landed: Home, here: Mp) -> None:
    answer = here("sql", "select range, repeat('x', 90) from range(5000)", "-f", "plain")
    assert answer.out.splitlines()[-1].startswith("# 168 rows, and not all, fit in 16,000 bytes")
    assert answer.err == ""


@pytest.mark.parametrize("command", ["inspect keys", "inspect schema", "spec", "status", "limits"])
@pytest.mark.parametrize("format_", EYES)
def test_every_command_ends_there(command: str, format_: str, landed: Home, here: Mp) -> None:
    whole = here(*command.split(), "-f", format_, "--max-bytes", "0").out
    cut = here(*command.split(), "-f", format_, "--max-bytes", str(len(whole.encode()) - 1)).out
    assert cut.splitlines()[-1].startswith("# ")


def test_max_bytes_goes_with_format() -> None:
    both = {name: {one.name for one in command.params} for name, command in WRITTEN.items()}
    assert app.registered_commands
    assert [n for n, own in both.items() if ("format_" in own) != ("max_bytes" in own)] == []


@pytest.mark.parametrize("format_", EYES)
def test_a_wide_cell_is_cut_and_that_is_said(format_: str, landed: Home, here: Mp) -> None:
    answer = here("sql", LONG, "-f", format_)
    assert f"x{'é' * 198}…" in answer.out
    assert (answer.out.count("é"), answer.err) == (198, CUT)
    assert max(map(len, answer.out.splitlines())) < 230


@pytest.mark.parametrize("format_", EYES)
def test_a_cell_of_200_characters_is_whole(format_: str, landed: Home, here: Mp) -> None:
    answer = here("sql", "select repeat('é', 200) as a, repeat('|', 200) as b", "-f", format_)
    assert (answer.out.count("é"), answer.out.count("…"), answer.err) == (200, 0, "")


@pytest.mark.parametrize("format_", EYES)
def test_a_nested_cell_is_cut_too(format_: str, landed: Home, here: Mp) -> None:
    answer = here("sql", "select range(100000) as list", "-f", format_)
    assert (len(answer.out) < 500, answer.err) == (True, CUT)


def test_nothing_is_said_of_cells_that_are_not_shown(landed: Home, here: Mp) -> None:
    query = "select repeat('x', 1 + range * 10) as a from range(100)"
    answer = here("sql", query, "-f", "plain", "--max-bytes", "1500")
    assert (answer.out.splitlines()[-1][:2], answer.err) == ("# ", "")


@pytest.mark.parametrize("format_", PROGRAMS)
def test_for_programs_a_long_cell_is_whole_and_its_size_is_said(
    format_: str, landed: Home, here: Mp
) -> None:
    answer = here("sql", LONG, "-f", format_)
    assert answer.out.count("é") == 900_000
    smaller = "" if format_ == "csv" else ", or a part with --jq"
    assert answer.err == f"mp: note: the answer is 1.8 MB; select fewer rows or columns{smaller}\n"


@pytest.mark.parametrize("format_", PROGRAMS)
@pytest.mark.parametrize(("size", "said"), [(63_000, False), (65_000, True)])
def test_up_to_64_kb_nothing_is_said(
    size: int, said: bool, format_: str, landed: Home, here: Mp
) -> None:
    answer = here("sql", f"select repeat('x', {size}) as a", "-f", format_, "--max-bytes", "100")
    assert (answer.out.count("x"), "the answer is 65 KB" in answer.err) == (size, said)
    assert answer.err.count("\n") == said


def test_one_value_alone_follows_the_same_rules(landed: Home, here: Mp) -> None:
    long = "select repeat('x', 900)"
    assert here("sql", "--scalar", "-f", "plain", long).out == "x" * 199 + "…\n"
    assert here("sql", "--scalar", "-f", "plain", long).err == CUT
    assert json.loads(here("sql", "--scalar", long).out) == "x" * 900
    assert here("sql", "--scalar", "-f", "table", "select 'a' || chr(27)").out == "a\\x1b\n"
    assert here("sql", "--scalar", "-f", "csv", "select ''").out == '""\n'
    assert here("sql", "--scalar", "-f", "csv", "select null").out == "\n"


def test_the_padding_of_a_table_is_bounded(landed: Home, here: Mp) -> None:
    query = "select if(range = 0, repeat('x', 5000000), 'y') as a from range(1000)"
    answer = here("sql", query, "-f", "table", "--max-bytes", "0")
    assert len(answer.out) < 1_000 * 201 + 1_000
