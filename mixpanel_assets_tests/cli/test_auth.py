"""`mp auth`: accounts are kept, shown without their secrets, and tried."""

import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mixpanel_assets.cli.output import Chartless
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event

Mp = Callable[..., Answer]
SECRET = 's3cr"et\\ é'
SHOP = ("auth", "add", "shop", "-u", "ann", "-p", "7")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "home" / "config.toml"


@pytest.fixture
def shop(here: Mp) -> None:
    """There are two accounts, shop (the default) and old."""
    assert here(*SHOP, "--secret-stdin", stdin=SECRET + "\n").code == 0
    old = ("auth", "add", "old", "-u", "bob", "-p", "8", "-r", "eu", "--timezone", "Asia/Tokyo")
    assert here(*old, "--secret-stdin", stdin=SECRET).code == 0


@pytest.fixture
def registered(mixpanel: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The simulator's service account is in the file under the name sim."""
    known = mixpanel.project
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    args = ("auth", "add", "sim", "-u", known.username, "-p", known.project_id, "--secret-stdin")
    assert here(*args, stdin=known.secret).json == {"added": "sim", "is_default": True}
    return mixpanel


def test_an_account_is_added_shown_switched_to_and_removed(here: Mp, config: Path) -> None:
    added = here(*SHOP, "--secret-stdin", stdin=SECRET + "\n")
    assert (added.code, added.err) == (0, "")
    assert added.json == {"added": "shop", "is_default": True}
    assert tomllib.loads(config.read_text())["accounts"]["shop"]["secret"] == SECRET
    second = here("auth", "add", "b", "-u", "b", "-p", "8", "--secret-stdin", stdin="x")
    assert second.json == {"added": "b", "is_default": False}
    assert here("auth", "switch", "b").json == {"default": "b"}
    assert [(a["name"], a["is_default"]) for a in here("auth", "list").json] == [
        ("shop", False),
        ("b", True),
    ]
    assert here("auth", "remove", "b", "--force").json == {"removed": "b", "default": "shop"}
    assert here("auth", "remove", "shop", "--force").json == {"removed": "shop", "default": None}
    assert here("auth", "list").json == []


def test_show_tells_where_an_account_comes_from(
    shop: None, here: Mp, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("auth", "show").json == {
        "name": "shop",
        "kind": "service_account",
        "username": "ann",
        "secret": "********",
        "project_id": "7",
        "region": "us",
        "timezone": None,
        "is_default": True,
        "source": "config",
        "path": str(config),
    }
    named = [here("auth", "show", "old").json, here("-a", "old", "auth", "show").json]
    assert [(a["name"], a["region"], a["timezone"]) for a in named] == [
        ("old", "eu", "Asia/Tokyo")
    ] * 2
    for name, value in {"USERNAME": "cy", "SECRET": SECRET, "PROJECT_ID": "9"}.items():
        monkeypatch.setenv(f"MP_{name}", value)
    shown = here("auth", "show").json
    assert [shown[key] for key in ("name", "username", "source", "path")] == [
        None,
        "cy",
        "environment",
        None,
    ]


def test_a_secret_may_come_from_the_environment(here: Mp, monkeypatch, config: Path) -> None:
    monkeypatch.setenv("MP_SECRET", SECRET)
    assert here(*SHOP).code == 0
    assert tomllib.loads(config.read_text())["accounts"]["shop"]["secret"] == SECRET


def _typed(answers: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of mp on a terminal where each question is answered so."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mixpanel_assets", *arguments],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    asked = ""
    try:
        assert process.stderr
        for question, answer in answers.items():
            while not asked.endswith(question):
                letter = process.stderr.read(1)
                assert letter, asked
                asked += letter
            os.write(ours, f"{answer}\n".encode())
        out, err = process.communicate(timeout=60)
        shown = os.read(ours, 1 << 16).decode()  # what the terminal echoed
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
    return process.returncode, out, asked + err + shown


def test_on_a_terminal_what_is_missing_is_asked_for(config: Path) -> None:
    answers = {"User name: ": "ann", "Project id: ": "7", "Secret: ": SECRET}
    code, out, shown = _typed(answers, "auth", "add", "shop")
    assert (code, out) == (0, '{"added": "shop", "is_default": true}\n')
    assert ("ann" in shown, "s3cr" in shown) == (True, False)
    added = tomllib.loads(config.read_text())["accounts"]["shop"]
    assert (added["username"], added["project_id"], added["secret"]) == ("ann", "7", SECRET)


def test_a_removal_is_confirmed_on_a_terminal(shop: None, here: Mp) -> None:
    question = "Remove the account old? [y/N] "
    assert _typed({question: ""}, "auth", "remove", "old")[:2] == (130, "")
    assert len(here("auth", "list").json) == 2
    removed = _typed({question: "y"}, "auth", "remove", "old")
    assert removed[:2] == (0, '{"removed": "old", "default": "shop"}\n')


# What is typed, what is on stdin: the exit code and the error's code.
ADD = ("auth", "add", "new", "-u", "u", "-p", "1", "--secret-stdin")
REFUSED = {
    "a taken name": ((*SHOP, "--secret-stdin"), "x", 2, "ACCOUNT_EXISTS"),
    "a name that is none": (("auth", "add", "a/b", *ADD[3:]), "x", 2, "CONFIG_ERROR"),
    "no name": (("auth", "add"), "", 2, "USAGE"),
    "no user name": (("auth", "add", "new", "-p", "1", "--secret-stdin"), "x", 2, "USAGE"),
    "no project": (("auth", "add", "new", "-u", "u", "--secret-stdin"), "x", 2, "USAGE"),
    "no secret": (ADD[:-1], "", 2, "USAGE"),
    "an empty secret": (ADD, " \n", 2, "CONFIG_ERROR"),
    "a secret as an argument": ((*ADD, "--secret", "x"), "x", 2, "USAGE"),
    "a project that is no number": ((*ADD[:5], "-p", "shop", ADD[-1]), "x", 2, "CONFIG_ERROR"),
    "an unknown region": ((*ADD, "-r", "mars"), "x", 2, "CONFIG_ERROR"),
    "an unknown zone": ((*ADD, "--timezone", "Mars/Base"), "x", 2, "CONFIG_ERROR"),
    "a user name of a secret": ((*ADD, "--project-secret"), "x", 2, "USAGE"),
    "a removal nobody confirms": (("auth", "remove", "shop"), "y\n", 2, "USAGE"),
    "removing a stranger": (("auth", "remove", "dan", "--force"), "", 4, "ACCOUNT_NOT_FOUND"),
    "switching to a stranger": (("auth", "switch", "dan"), "", 4, "ACCOUNT_NOT_FOUND"),
    "showing a stranger": (("auth", "show", "dan"), "", 4, "ACCOUNT_NOT_FOUND"),
    "testing a stranger": (("auth", "test", "dan"), "", 4, "ACCOUNT_NOT_FOUND"),
    "an empty name": (("-a", "", "auth", "show"), "", 4, "ACCOUNT_NOT_FOUND"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses_and_changes_nothing(what: str, shop: None, here: Mp, config: Path) -> None:
    arguments, stdin, exit_code, code = REFUSED[what]
    before = config.read_bytes()
    answer = here(*arguments, stdin=stdin)
    assert (answer.code, answer.out, answer.error["code"]) == (exit_code, "", code)
    assert answer.error["hint"]
    assert config.read_bytes() == before


def test_no_account_at_all_is_a_config_error_that_says_what_to_do(here: Mp) -> None:
    answer = here("auth", "show")
    assert (answer.code, answer.error["code"]) == (2, "CONFIG_ERROR")
    assert "mp auth add" in answer.error["hint"]


def test_a_secret_that_is_no_utf8_is_refused_unseen(mp: Mp) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "mixpanel_assets", *ADD, "-v"],
        input=b"s3cret\xff",
        capture_output=True,
    )
    assert (done.returncode, done.stdout, b"s3cret" in done.stderr) == (2, b"", False)


def test_a_working_account_is_proven_with_one_request(registered: Simulator, here: Mp) -> None:
    registered.store.set_day(DAY, [event("Open", NOON)])
    answer = here("auth", "test")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json == {
        "account": "sim",
        "ok": True,
        "kind": "service_account",
        "project_id": "12345",
        "region": "us",
        "source": "config",
    }
    (request,) = registered.requests
    assert (request.path, request.params["limit"]) == ("/api/2.0/export", "1")
    assert here("-a", "sim", "limits").json["export"]["used"] == 1


@pytest.mark.parametrize("variable", ["MP_PROJECT_SECRET", "MP_OAUTH_TOKEN"])
def test_other_kinds_of_credentials_work_from_the_environment(
    variable: str, mixpanel: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy = variable == "MP_PROJECT_SECRET"
    known = mixpanel.project
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    monkeypatch.setenv("MP_PROJECT_ID", known.project_id)
    monkeypatch.setenv(variable, known.api_secret if legacy else known.oauth_token)
    answer = here("auth", "test")
    assert (answer.code, answer.json["source"]) == (0, "environment")
    assert ("2027-03-03" in answer.err) is legacy
    landed = here("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-02")
    assert (landed.code, "2027-03-03" in landed.err) == (0, legacy)
    assert {"project_id" in request.params for request in mixpanel.requests} == {not legacy}
    monkeypatch.setenv(variable, "wrong")
    assert here("auth", "test").code == 3


def test_a_project_secret_is_kept_without_a_user_name(
    mixpanel: Simulator, here: Mp, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    secret = mixpanel.project.api_secret
    add = ("auth", "add", "old", "--project-secret", "-p", "12345", "--secret-stdin")
    added = here(*add, stdin=secret)
    assert (added.code, "2027-03-03" in added.err) == (0, True)
    assert tomllib.loads(config.read_text())["accounts"]["old"] == {
        "project_secret": secret,
        "project_id": "12345",
        "region": "us",
    }
    tested = here("auth", "test")
    assert (tested.json["kind"], "2027-03-03" in tested.err) == ("project_secret", True)
    shown = here("auth", "show")
    assert (shown.json["kind"], shown.json["username"], secret in shown.out) == (
        "project_secret",
        None,
        False,
    )


def test_wrong_credentials_end_with_3_and_name_the_account(
    shop: None, here: Mp, mixpanel: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    answer = here("auth", "test")
    assert (answer.code, answer.out, answer.error["code"]) == (3, "", "AUTH_FAILED")
    assert "mp auth show shop" in answer.error["hint"]
    assert len(mixpanel.requests) == 1


@pytest.mark.parametrize(
    ("fault", "code"), [("402@*", 3), ("403@*", 3), ("500@*", 1), ("429@*", 5)]
)
def test_a_test_asks_once_whatever_it_is_told(
    fault: str, code: int, registered: Simulator, here: Mp
) -> None:
    registered.fail(fault)
    assert here("auth", "test").code == code
    assert len(registered.requests) == 1


@pytest.mark.parametrize("format_", Chartless)
def test_no_secret_is_ever_printed(
    format_: str, shop: None, here: Mp, mixpanel: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    commands = [
        ("auth", "list", "-f", format_),
        ("auth", "show", "-f", format_),
        ("auth", "show", "old", "-f", format_),
        ("auth", "test", "-f", format_),
        ("-v", "auth", "test"),
        ("-v", *SHOP, "--secret-stdin"),
        ("auth", "switch", "old", "-f", format_),
        ("auth", "remove", "old", "--force", "-f", format_),
    ]
    answers = [here(*command, stdin=SECRET) for command in commands]
    assert {answer.code for answer in answers} == {0, 2, 3}
    printed = "".join(answer.out + answer.err for answer in answers)
    assert [part for part in (SECRET, 's3cr\\"et', "s3cr") if part in printed] == []


def test_a_list_is_a_table_too(shop: None, here: Mp) -> None:
    table = here("auth", "list", "--format", "table").out.splitlines()
    assert table[0].split() == [
        "name", "kind", "username", "project_id", "region", "timezone", "is_default",
    ]  # fmt: skip
    assert table[2].split() == ["shop", "service_account", "ann", "7", "us", "true"]


def test_an_account_s_time_zone_is_that_of_its_project_s_days(
    here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = "Pacific/Kiritimati"  # it is tomorrow there for most of the day
    with Simulator(project=Project(timezone=zone)) as mixpanel:
        known = mixpanel.project
        noon = int(datetime(2024, 1, 2, 12, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
        mixpanel.store.add([event("Open", noon)])
        monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
        add = ("auth", "add", "far", "-u", known.username, "-p", known.project_id)
        assert here(*add, "--timezone", zone, "--secret-stdin", stdin=known.secret).code == 0
        other = ("auth", "add", "x", "-u", "x", "-p", "9", "-d", "--secret-stdin")
        assert here(*other, stdin="x").code == 0
        day = ("--from", "2024-01-02", "--to", "2024-01-02")
        landed = here("-a", "far", "materialize", "events", *day)
        assert (landed.code, landed.json["rows"]) == (0, 1), landed.err
        asked = "select epoch_ms(event_time) from events"
        assert here("-a", "far", "sql", "--scalar", asked).json == noon
        today = datetime.now(ZoneInfo(zone)).date()
        latest = here("-a", "far", "materialize", "events", "--from", str(today))
        assert latest.code == 0, latest.err
        assert latest.json["to"] in (str(today), str(today + timedelta(1)))


def test_a_named_account_beats_the_environment_in_every_command(
    registered: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USERNAME", "SECRET"):
        monkeypatch.setenv(f"MP_{name}", "wrong")
    monkeypatch.setenv("MP_PROJECT_ID", "999")
    assert here("auth", "test").code == 3
    assert here("-a", "sim", "auth", "test").json["account"] == "sim"
    day = ("--from", "2024-01-02", "--to", "2024-01-02")
    assert here("-a", "sim", "materialize", "events", *day).code == 0
    assert here("-a", "sim", "status").json[0]["days"] == 1
    checks = {check["check"]: check for check in here("-a", "sim", "doctor").json}
    assert "project 12345" in checks["credentials"]["detail"]
    assert "account 'sim'" in checks["credentials"]["detail"]
