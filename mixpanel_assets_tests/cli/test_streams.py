"""Wherever stdout and stderr go: a terminal, a file, a full disk, nowhere."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mixpanel_assets.cli import output
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.cli.conftest import FIRST, LAST, Home
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event, long

Mp = Callable[..., Answer]

DAYS = f"--from {FIRST} --to {LAST}"
COMMANDS = {
    "help": "mp --help",
    "no command": "mp",
    "help of a command": "mp sql --help",
    "the version": "mp --version",
    "the command line": "mp spec",
    "rows": "mp sql 'from range(9)'",
    "many rows": "mp sql --limit 0 -f csv 'from range(300000)'",
    "one value": "mp sql --scalar 'select 1'",
    "a result": "mp inspect breakdown",
    "a pull": f"mp fetch events --stdout {DAYS}",
}
CONTROLS = "select chr(27) || '[31m' || chr(155) || chr(8238) || chr(7) as a"


@pytest.fixture
def shell(landed: Home) -> Callable[[str], Answer]:
    """Runs a line by bash, which has `mp`."""

    def run(line: str) -> Answer:
        mp = f'set -o pipefail; mp() {{ "{sys.executable}" -m mixpanel_assets "$@"; }}; '
        done = subprocess.run(["bash", "-c", mp + line], capture_output=True, text=True)
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


Shell = Callable[[str], Answer]


CLOSED, FULL = (">&-", "Bad file descriptor"), ("> /dev/full", "No space left on device")


@pytest.mark.parametrize(
    ("what", "where"),
    [
        *((what, CLOSED) for what in ("help", "rows", "a pull")),
        *((what, FULL) for what in ("help", "many rows")),
        *(long(what, CLOSED) for what in COMMANDS if what not in ("help", "rows", "a pull")),
    ],
)
def test_an_answer_that_can_not_be_written_is_a_clear_error(
    what: str, where: tuple[str, str], shell: Shell
) -> None:
    answer = shell(f"{COMMANDS[what]} {where[0]}")
    assert (answer.code, answer.error["code"]) == (1, "OUTPUT_FAILED")
    assert answer.error["message"] == f"the answer can't be written to stdout: {where[1]}"
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize("what", ["help", long("no command"), "many rows", "a pull"])
def test_a_reader_that_has_seen_enough_is_no_failure(what: str, shell: Shell) -> None:
    answer = shell(f"{COMMANDS[what]} | head -c 1")
    assert (answer.code, len(answer.out)) == (0, 1)
    assert "rror" not in answer.err


@pytest.mark.parametrize("stderr", ["2>&-", "2> /dev/full", "2> >(true)"])
def test_without_a_stderr_the_work_and_the_exit_code_are_the_same(
    stderr: str, shell: Shell
) -> None:
    assert shell(f"mp sql nonsense {stderr}").code == 6
    noted = shell(f"mp sql -f csv 'from range(1001)' {stderr}")
    assert (noted.code, noted.err, len(noted.out.splitlines())) == (0, "", 1001)


def test_no_file_takes_the_place_of_a_closed_stream(shell: Shell, landed: Home) -> None:
    asked = "mp sql --scalar 'select count(*) from landed'"
    assert shell(f"{asked} <&-").out == "7\n"
    before = (landed.path / "data/12345/mixpanel.duckdb").read_bytes()
    assert shell(f"{asked} >&- 2>&- <&-").code == 1
    assert (landed.path / "data/12345/mixpanel.duckdb").read_bytes() == before
    assert shell("mp sql - <&-").error["code"] == "SQL_ERROR"


@pytest.mark.parametrize("format_", ["csv", "jsonl", "json"])
def test_into_a_file_all_rows_go(format_: str, shell: Shell, tmp_path: Path) -> None:
    answer = shell(f"mp sql -f {format_} 'from range(3000)' > {tmp_path}/rows")
    assert (answer.code, answer.err) == (0, "")
    text = (tmp_path / "rows").read_text()
    assert len(text.splitlines()) == 3000 + (format_ == "csv")
    if format_ == "json":
        assert json.loads(text) == [{"range": n} for n in range(3000)]


def test_a_limit_holds_wherever_it_goes(shell: Shell, tmp_path: Path) -> None:
    answer = shell(f"mp query sql -f csv --limit 1000 'from range(3000)' > {tmp_path}/rows")
    assert answer.err == "mp: note: only the first 1,000 rows are shown; --limit 0 shows all\n"
    assert len((tmp_path / "rows").read_text().splitlines()) == 1001
    assert len(shell("mp sql -f csv 'from range(3000)'").out.splitlines()) == 1001
    assert len(shell("mp sql -f csv 'from range(3000)' | cat").out.splitlines()) == 1001


def test_all_of_a_feed_goes_into_a_file(shell: Shell, account: Simulator, tmp_path: Path) -> None:
    account.store.set_day(DAY, [event("Open", NOON + n) for n in range(1001)])
    feed = f"mp query activity-feed --users ann --from {DAY} --to {DAY} -f jsonl"
    answer = shell(f"{feed} > {tmp_path}/all")
    assert (answer.err, len((tmp_path / "all").read_text().splitlines())) == ("", 1001)
    answer = shell(feed)
    note = "mp: note: only the newest 1,000 of 1,001 events; --limit 0 keeps all\n"
    assert answer.err.startswith(note)
    assert len(answer.out.splitlines()) == 1000


FAILING = (
    "select repeat('x', 100) as text, if(range = 200000, error('it broke'), range) as n "
    "from range(300000)"
)


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv", "plain"])
def test_a_failure_in_the_middle_is_seen(format_: str, shell: Shell, tmp_path: Path) -> None:
    asked = f'mp sql -f {format_} --limit 0 --max-bytes 0 "{FAILING}"'
    answer = shell(f"{asked} > {tmp_path}/rows")
    assert (answer.code, answer.error["code"]) == (6, "SQL_ERROR")
    assert "it broke" in answer.error["message"]
    assert (tmp_path / "rows").stat().st_size > 0
    if format_ == "json":
        assert not (tmp_path / "rows").read_text().endswith("]\n")


def test_what_is_shown_by_default_is_whole_or_an_error(shell: Shell) -> None:
    answer = shell(
        "mp sql -f csv \"select if(range = 999, error('it broke'), 1) from range(2000)\""
    )
    assert (answer.code, answer.out) == (6, "")


@pytest.mark.parametrize("format_", ["json", long("csv"), long("plain")])
def test_many_rows_need_no_memory(format_: str, landed: Home) -> None:
    script = f"""
import resource, sys
from mixpanel_assets.cli.app import main
def peak(rows):
    query = f"select range as n, repeat('x', 1000) as text from range({{rows}})"
    sys.argv = ["mp", "sql", "--limit", "0", "--max-bytes", "0", "-f", "{format_}", query]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(-peak(10_000) + peak(60_000), file=sys.stderr)
"""
    with Path(os.devnull).open("w") as nowhere:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=nowhere, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.splitlines()[-1]) < 30  # MB, of 60 MB of text


def on_a_terminal(*arguments: str, stderr: bool = False) -> str:
    """What a terminal gets of stdout, or of stderr."""
    ours, theirs = pty.openpty()
    streams = {"stderr" if stderr else "stdout": theirs}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams}
    process = subprocess.Popen([sys.executable, "-m", "mixpanel_assets", *arguments], **streams)
    os.close(theirs)
    got = b""
    try:
        while some := os.read(ours, 1 << 16):
            got += some
    except OSError:  # so ends a terminal
        pass
    process.wait()
    os.close(ours)
    return got.decode().replace("\r\n", "\n")


SHOWN = r"\x1b[31m\x9b\u202e\x07"


@pytest.mark.parametrize("format_", ["table", long("plain"), "csv"])
def test_a_terminal_is_not_commanded(format_: str, landed: Home) -> None:
    shown = on_a_terminal("sql", "-f", format_, CONTROLS)
    assert shown.splitlines()[-1] == SHOWN


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_jsonon_a_terminal_is_the_same_value(format_: str, landed: Home, here: Mp) -> None:
    shown = on_a_terminal("sql", "-f", format_, CONTROLS)
    assert "\\u001b[31m\\u009b\\u202e\\u0007" in shown
    assert json.loads(shown) == json.loads(here("sql", "-f", format_, CONTROLS).out)


def test_in_a_pipe_csv_and_json_are_verbatim(landed: Home, here: Mp) -> None:
    assert here("sql", "-f", "csv", CONTROLS).out == "a\n\x1b[31m\x9b\u202e\x07\n"
    assert "\x9b\u202e" in here("sql", "-f", "json", CONTROLS).out


@pytest.mark.parametrize("format_", ["table", "plain", "md"])
def test_for_eyes_it_is_escaped_everywhere(format_: str, landed: Home, here: Mp) -> None:
    shown = SHOWN if format_ != "md" else SHOWN.replace("\\", "\\\\").replace("[", "\\[")
    answer = here("sql", "-f", format_, f'select a, a as "{chr(27)}[2J" from ({CONTROLS})')
    assert shown in answer.out
    assert "\x1b" not in answer.out


def test_an_erroron_a_terminal_is_escaped(landed: Home) -> None:
    shown = on_a_terminal("inspect", "daily", "--events", "\x1b[2J\x9b\u202eOpen", stderr=True)
    assert r"\x1b[2J\x9b\u202eOpen" in shown
    assert "\x1b" not in shown
    assert shown.count("\n") > 0


def test_an_error_for_programs_is_json_of_the_same_value(landed: Home, here: Mp) -> None:
    answer = here("sql", 'select "\x1b[2J\x9b\u202eOpen"')
    assert {"\x9b", "\u202e", "\x1b"} & set(answer.err) == set()
    assert "\x1b[2J\x9b\u202eOpen" in answer.error["message"]


def test_a_traceback_is_escaped(landed: Home, here: Mp) -> None:
    traced = here("--verbose", "sql", 'select "\x1b[2J\x9b"')
    assert traced.err.startswith("Traceback")
    assert {"\x9b", "\x1b"} & set(traced.err) == set()


def test_a_note_is_one_line_and_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    output.note("landed \x1b[2J\nmp: all is well")
    assert capsys.readouterr().err == "mp: landed \\x1b[2J\\nmp: all is well\n"
