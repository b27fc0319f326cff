"""A failure is one line of JSON on stderr, an exit code, and nothing on stdout."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event

Mp = Callable[..., Answer]
LAND = ("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-02")


def _landing(start: str, end: str) -> tuple[str, ...]:
    return ("materialize", "events", "--from", start, "--to", end)


# What is typed, what is set: the exit code and the error's code.
REFUSED = {
    "an unknown command": (("frob",), {}, 2, "USAGE"),
    "an unknown asset": (("materialize", "frob"), {}, 2, "USAGE"),
    "an unknown option": (("status", "--frob"), {}, 2, "USAGE"),
    "an option left out": (("materialize", "events"), {}, 2, "USAGE"),
    "an unknown format": (("status", "-f", "xml"), {}, 2, "USAGE"),
    "a limit below zero": (("sql", "--limit", "-1", "select 1"), {}, 2, "USAGE"),
    "a word that is no day": (_landing("soon", "today"), {}, 2, "INVALID_DATE"),
    "a day that never was": (_landing("2023-02-29", "today"), {}, 2, "INVALID_DATE"),
    "a reversed range": (_landing("2024-01-03", "2024-01-02"), {}, 2, "INVALID_DATE"),
    "a range to come": (_landing("2999-01-01", "2999-01-02"), {}, 2, "INVALID_DATE"),
    "a day before Mixpanel": (_landing("1999-12-31", "today"), {}, 2, "INVALID_DATE"),
    "days ago beyond time": (_landing("9999999999d", "today"), {}, 2, "INVALID_DATE"),
    "an unknown region": (LAND, {"MP_REGION": "mars"}, 2, "CONFIG_ERROR"),
    "no project id": (LAND, {"MP_PROJECT_ID": ""}, 2, "CONFIG_ERROR"),
    "half a service account": (LAND, {"MP_SECRET": ""}, 2, "CONFIG_ERROR"),
    "no account at all": (LAND, {"MP_SECRET": "", "MP_USERNAME": ""}, 2, "CONFIG_ERROR"),
    "http to a stranger": (LAND, {"MP_BASE_URL": "http://example.com"}, 2, "CONFIG_ERROR"),
    "an unknown zone": (LAND, {"MP_PROJECT_TIMEZONE": "Mars/Base"}, 2, "CONFIG_ERROR"),
    "an unknown MP_FORMAT": (("status",), {"MP_FORMAT": "xml"}, 2, "CONFIG_ERROR"),
    "a home that is a file": (LAND, {"MP_HOME": "/proc/version"}, 2, "CONFIG_ERROR"),
    "a home that can't be": (LAND, {"MP_HOME": "/proc/nope/home"}, 2, "CONFIG_ERROR"),
    "limits of no home": (("limits",), {"MP_HOME": "/proc/nope/home"}, 2, "CONFIG_ERROR"),
    "a warehouse that can't be": (LAND, {"MP_WAREHOUSE": "/proc/nope/w.db"}, 2, "CONFIG_ERROR"),
    "an instance that can't be": (LAND, {"DAGSTER_HOME": "/proc/nope"}, 2, "CONFIG_ERROR"),
    "an unknown account": (("-a", "nobody", *LAND), {}, 4, "ACCOUNT_NOT_FOUND"),
    "no warehouse": (("sql", "select 1"), {}, 4, "DATABASE_NOT_FOUND"),
    "bad simulator days": (("simulate", "--data", "/nope"), {}, 2, "CONFIG_ERROR"),
    "a bad fault": (("simulate", "--fault", "frob@1"), {}, 2, "CONFIG_ERROR"),
    "a bad port": (("simulate", "--port", "99999"), {}, 2, "USAGE"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses(
    what: str, account: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, settings, exit_code, code = REFUSED[what]
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    answer = here(*arguments)
    assert (answer.code, answer.out, answer.error["code"]) == (exit_code, "", code)
    assert answer.error.keys() == {"code", "message", "hint", "details"}
    assert answer.error["hint"]
    assert "Traceback" not in answer.err
    assert account.requests == []


# What Mixpanel answers: the exit code and the error's code.
ANSWERS = {
    "401@*": (3, "AUTH_FAILED"),
    "403@*": (3, "AUTH_FAILED"),
    "402@*": (3, "PLAN_REQUIRED"),
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_what_mixpanel_refuses_is_said_in_its_words(
    fault: str, account: Simulator, here: Mp
) -> None:
    account.fail(fault)
    answer = here(*LAND)
    assert (answer.code, answer.error["code"]) == ANSWERS[fault]
    assert (answer.out, len(answer.err.splitlines()), len(account.requests)) == ("", 1, 1)
    assert answer.error["details"]["body"] in answer.error["message"]
    assert answer.error["details"]["status"] == int(fault[:3])


def test_wrong_credentials_are_one_line_on_stderr(account: Simulator, here: Mp) -> None:
    answer = here(*LAND, MP_SECRET="wrong")
    assert (answer.code, answer.out) == (3, "")
    assert answer.error["code"] == "AUTH_FAILED"
    assert "Unable to authenticate request" in answer.error["message"]
    assert len(answer.err.splitlines()) == 1


def test_a_rate_limit_is_not_waited_for_with_no_wait(
    account: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(retry_after=3600) as mixpanel:
        monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
        mixpanel.fail("429@*")
        answers = [here(*LAND, "--no-wait") for _ in range(2)]
        assert len(mixpanel.requests) == 1
    told = [(answer.code, answer.out, answer.error["code"]) for answer in answers]
    assert told == [(5, "", "RATE_LIMITED"), (5, "", "BUDGET_EXHAUSTED")]


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts `mp` and goes on."""

    def started(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mixpanel_assets", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return started


def _ended(process: subprocess.Popen[str], seconds: float = 60) -> Answer:
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.wait()
    return Answer(process.returncode, out, err)


def test_what_may_pass_later_is_tried_again_and_then_told(
    account: Simulator, start: Callable[..., subprocess.Popen[str]], monkeypatch
) -> None:
    account.store.set_day(DAY, [event("Open", NOON + n) for n in range(50)])
    account.fail("cut-line@*")
    cut = start(*LAND)
    monkeypatch.setenv("MP_BASE_URL", "http://127.0.0.1:1")
    nobody = start(*LAND)
    answers = [_ended(cut), _ended(nobody)]
    told = [(a.code, a.out, a.error["code"], "Traceback" in a.err) for a in answers]
    assert told == [(1, "", "EXPORT_INCOMPLETE", False), (5, "", "UNAVAILABLE", False)]
    assert [a.err.splitlines()[0][:4] for a in answers] == ["mp: ", "mp: "]


def test_the_days_before_a_failure_are_landed_and_named(account: Simulator, here: Mp) -> None:
    for n in range(9):
        account.store.set_day(DAY + timedelta(n), [event("Open", NOON + n * 86_400_000)])
    account.fail("403@2")
    answer = here(*_landing("2024-01-02", "2024-01-10"))
    assert (answer.code, answer.out) == (3, "")
    assert answer.error["details"]["landed"] == [f"2024-01-0{2 + n}" for n in range(7)]
    assert here("status").json[0]["last_day"] == "2024-01-08"


def test_an_interrupted_wait_ends_with_130(
    account: Simulator, start: Callable[..., subprocess.Popen[str]], monkeypatch
) -> None:
    with Simulator(retry_after=3000) as mixpanel:
        monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
        mixpanel.fail("429@*")
        process = start(*LAND)
        assert process.stderr
        assert "retrying in 3000 s" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        answer = _ended(process, 20)
    assert (answer.code, answer.out, "Traceback" in answer.err) == (130, "", False)


def test_an_interrupted_download_ends_at_once_with_130(
    account: Simulator, start: Callable[..., subprocess.Popen[str]], monkeypatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MP_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        process = start(*LAND)
        connection, _ = silent.accept()
        with connection:
            connection.recv(1 << 16)
            process.send_signal(signal.SIGINT)
            answer = _ended(process, 10)
    assert (answer.code, answer.out, "Traceback" in answer.err) == (130, "", False)


def test_a_landing_leaves_one_that_is_still_at_work_alone(
    account: Simulator,
    start: Callable[..., subprocess.Popen[str]],
    here: Mp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with monkeypatch.context() as patch:
            patch.setenv("MP_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
            process = start(*LAND)
        connection, _ = silent.accept()
        with connection:
            other = here(*_landing("2024-01-05", "2024-01-05"))
            runs = _runs(tmp_path)
            process.kill()
            _ended(process)
    assert (other.code, runs) == (0, ["SUCCESS", "STARTED"])


def _runs(folder: Path) -> list[str]:
    """The statuses of the instance's runs, the newest first."""
    home = folder / "home" / "dagster"
    with chdir(home), dg.DagsterInstance.from_config(str(home)) as instance:
        return [run.status.value for run in instance.get_runs()]


def test_verbose_adds_a_traceback_before_the_last_line(account: Simulator, here: Mp) -> None:
    answer = here("--verbose", "sql", "select 1")
    assert (answer.code, answer.out) == (4, "")
    assert answer.err.startswith("Traceback")
    assert answer.error["code"] == "DATABASE_NOT_FOUND"


def test_a_broken_config_file_is_named(account: Simulator, here: Mp, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text("accounts = [")
    answer = here("-a", "x", "status")
    assert (answer.code, answer.error["code"]) == (2, "CONFIG_ERROR")
    assert str(tmp_path / "home" / "config.toml") in answer.error["message"]


@pytest.mark.parametrize(
    "text", ["accounts = 1", "[accounts]\nx = 1", "default = 1\n[accounts.y]\nusername = 'a'"]
)
def test_a_config_file_of_the_wrong_shape_is_a_config_error(
    text: str, account: Simulator, here: Mp, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.delenv("MP_PROJECT_ID")
    monkeypatch.delenv("MP_USERNAME")
    monkeypatch.delenv("MP_SECRET")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(text)
    for arguments in (("status",), ("-a", "x", "status")):
        answer = here(*arguments)
        assert answer.code in (2, 4), answer.err


def test_a_warehouse_that_is_no_database_is_named(
    account: Simulator, here: Mp, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "w.db").write_text("this is no database" * 1000)
    monkeypatch.setenv("MP_WAREHOUSE", str(tmp_path / "w.db"))
    answer = here("sql", "select 1")
    assert (answer.out, str(tmp_path / "w.db") in answer.error["message"]) == ("", True)
    assert answer.code == 6
