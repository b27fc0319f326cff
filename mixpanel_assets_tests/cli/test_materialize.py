"""`mp materialize` and `mp rebuild`: the days said, and nothing but them."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import time

import mixpanel as sdk
import pytest

from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event

Mp = Callable[..., Answer]
DAY_MS = 86_400_000
TODAY = datetime.now(UTC).date()
NEXT = DAY + timedelta(1)


@pytest.fixture
def days(account: Simulator) -> Simulator:
    """Three days from DAY on hold one, two and three events."""
    for n in range(3):
        at = NOON + n * DAY_MS
        account.store.set_day(DAY + timedelta(n), [event("Open", at + i) for i in range(n + 1)])
    return account


def asked(mixpanel: Simulator) -> list[tuple[str, str]]:
    return [(r.params["from_date"], r.params["to_date"]) for r in mixpanel.requests]


def test_a_landed_range_is_told_in_full_on_stdout_alone(days: Simulator, mp: Mp) -> None:
    answer = mp("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-04")
    assert (answer.code, answer.err) == (0, "")
    told = answer.json
    assert told.pop("seconds") > 0
    assert len(told.pop("run_id")) == 36
    lines = [line for n in range(3) for line in days.store.lines(DAY + timedelta(n))]
    assert told.pop("bytes") == sum(map(len, lines))
    whole = {"duplicates": 0, "partial": False}
    assert told == {
        "asset": "events", "from": "2024-01-02", "to": "2024-01-04",
        "days": 3, "rows": 6, "duplicates": 0, "requests": 1,
        "partitions": [{"day": f"2024-01-0{2 + n}", "rows": n + 1, **whole} for n in range(3)],
    }  # fmt: skip


def test_a_day_to_come_is_cut_off_and_said(account: Simulator, here: Mp) -> None:
    answer = here("materialize", "events", "--from", "yesterday", "--to", "2999-01-01")
    assert (answer.code, answer.json["to"]) == (0, str(TODAY))
    note = f"mp: note: 2999-01-01 is after the project's today: landing up to {TODAY}\n"
    assert answer.err == note


def test_only_a_day_that_is_over_is_whole(account: Simulator, here: Mp) -> None:
    told = here("materialize", "events", "--from", "1d").json["partitions"]
    assert [(day["day"], day["partial"]) for day in told] == [
        (str(TODAY - timedelta(1)), False),
        (str(TODAY), True),
    ]
    assert here("status").json[0]["partial"] == [str(TODAY)]


def test_missing_lands_what_is_missing_or_not_whole_and_nothing_else(
    account: Simulator, here: Mp
) -> None:
    here("materialize", "events", "--from", "3d", "--to", "3d")
    here("materialize", "events", "--from", "1d")
    before = len(account.requests)
    told = here("materialize", "events", "--from", "4d", "--missing").json
    landed = [(TODAY - date.fromisoformat(day["day"])).days for day in told["partitions"]]
    assert (landed, told["requests"]) == ([4, 2, 0], 3)
    ranges = [(str(TODAY - timedelta(n)),) * 2 for n in landed]
    assert asked(account)[before:] == ranges


def test_missing_asks_nothing_when_nothing_is_missing(days: Simulator, here: Mp) -> None:
    span = ("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-04")
    here(*span)
    again = here(*span, "--missing")
    assert (again.code, again.err) == (0, "")
    assert (again.json["days"], again.json["requests"], len(days.requests)) == (0, 0, 1)


def test_status_names_the_days_between_that_are_missing(days: Simulator, here: Mp) -> None:
    for day in ("2024-01-02", "2024-01-04"):
        here("materialize", "events", "--from", day, "--to", day)
    (told,) = here("status").json
    assert told.pop("last_loaded_at").startswith(str(TODAY))
    assert told == {
        "asset": "events", "first_day": "2024-01-02", "last_day": "2024-01-04",
        "days": 2, "missing": ["2024-01-03"], "partial": [], "rows": 4, "repaired": 0,
        "renamed": [], "runs": [],
    }  # fmt: skip


def test_status_of_nothing_is_an_empty_list_and_says_how_to_land(
    account: Simulator, here: Mp
) -> None:
    answer = here("status")
    assert (answer.code, answer.out) == (0, "[]\n")
    assert "mp materialize events --from 7d" in answer.err


def test_limits_tell_what_this_machine_has_used(days: Simulator, here: Mp) -> None:
    here("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-02")
    told = here("limits").json
    assert told["export"] == {"used": 1, "limit": 60, "window_seconds": 3600, "resets_in": 0}
    assert told.keys() == {"export", "query", "lexicon"}


def test_two_at_once_both_succeed(days: Simulator) -> None:
    command = [sys.executable, "-m", "mixpanel_assets", "materialize", "events"]
    spans = [("2024-01-02", "2024-01-03"), ("2024-01-03", "2024-01-04")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([*command, "--from", a, "--to", b], **pipes) for a, b in spans]
    printed = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert [json.loads(out)["rows"] for out, _ in printed] == [3, 5]


def test_what_the_official_sdk_sends_can_be_asked_for(account: Simulator, here: Mp) -> None:
    consumer = sdk.Consumer(events_url=f"{account.url}/track")
    sdk.Mixpanel(account.project.token, consumer).track("ana", "Opened", {"city": "Łódź 🌙"})
    here("materialize", "events", "--from", "today")
    query = 'select distinct_id, city from by_event."Opened"'
    assert here("sql", query).json == [{"distinct_id": "ana", "city": "Łódź 🌙"}]


def test_a_rebuild_asks_mixpanel_nothing_and_gives_the_same(days: Simulator, here: Mp) -> None:
    landed = here("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-04").json
    rows = here("sql", "from events order by all").out
    answer = here("rebuild", "events")
    assert (answer.code, answer.err, len(days.requests)) == (0, "", 1)
    own = {"requests": 0, "run_id": None, "seconds": answer.json["seconds"]}
    assert answer.json == {**landed, **own}
    assert here("sql", "from events order by all").out == rows


def test_a_rebuild_of_a_range_leaves_the_other_days(days: Simulator, here: Mp) -> None:
    here("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-04")
    told = here("rebuild", "events", "--from", "2024-01-03", "--to", "2024-01-03").json
    assert [(day["day"], day["rows"]) for day in told["partitions"]] == [("2024-01-03", 2)]
    assert here("sql", "--scalar", "select count(*) from events").out == "6\n"


@pytest.mark.parametrize("arguments", [(), ("--from", "2024-01-02", "--to", "2024-01-02")])
def test_there_is_nothing_to_rebuild_before_anything_is_landed(
    arguments: tuple[str, ...], account: Simulator, here: Mp
) -> None:
    answer = here("rebuild", "events", *arguments)
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "CONFIG_ERROR")
    assert "mp materialize events" in answer.error["hint"]


def test_an_account_of_the_file_may_be_named(
    days: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("MP_USERNAME", "MP_SECRET", "MP_PROJECT_ID"):
        monkeypatch.delenv(name)
    account = 'username = "{0.username}"\nsecret = "{0.secret}"\nproject_id = "{0.project_id}"\n'
    wrong = '[accounts.wrong]\nusername = "x"\nsecret = "y"\nproject_id = "1"\n'
    (tmp_path / "home").mkdir()
    config = tmp_path / "home" / "config.toml"
    config.write_text(
        'default = "wrong"\n' + wrong + "[accounts.right]\n" + account.format(days.project)
    )
    run = ("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-02")
    assert here("--account", "right", *run).code == 0
    assert here("--account", "right", "status").json[0]["days"] == 1
    assert here(*run).error["code"] == "AUTH_FAILED"
    assert here("-a", "nobody", *run).error["code"] == "ACCOUNT_NOT_FOUND"


def test_a_legacy_project_counts_days_in_its_own_zone(here: Mp) -> None:
    zone = "Pacific/Kiritimati"  # its day begins 14 hours before UTC's
    with Simulator(project=Project(timezone=zone)) as mixpanel:
        env = {"MP_BASE_URL": mixpanel.url, "MP_USERNAME": mixpanel.project.username}
        env |= {"MP_SECRET": mixpanel.project.secret, "MP_PROJECT_ID": "12345"}
        answer = here("materialize", "events", "--from", "today", **env, MP_PROJECT_TIMEZONE=zone)
        assert (answer.code, answer.err) == (0, "")
        assert asked(mixpanel) == [(answer.json["from"], answer.json["to"])]
        assert answer.json["partitions"][0]["partial"] is True


@pytest.mark.parametrize("question", ["materialize events", "fetch events", "query frequency"])
def test_a_budget_that_is_spent_is_told_at_once_and_once(
    question: str, account: Simulator, here: Mp, tmp_path: Path
) -> None:
    looks = iter(range(10_000))
    began = time() - 1800
    ledger = tmp_path / "home" / "budget.sqlite"
    budget = Budget(ledger, account.project.project_id, clock=lambda: began + next(looks) / 2)
    for kind in ("export", "query"):
        for _ in range(60):
            budget.spend(kind)
    answer = here(*question.split(), "--from", "2024-01-02", "--to", "2024-02-01", "--no-wait")
    assert (answer.code, answer.out) == (5, "")
    assert answer.error["code"] == "BUDGET_EXHAUSTED"
    assert answer.err.count("used up") == 1
    assert account.requests == []
