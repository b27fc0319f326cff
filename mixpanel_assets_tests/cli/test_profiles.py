"""`mp materialize profiles` and `mp rebuild profiles`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]


def today(zone: str = "UTC") -> str:
    return str(datetime.now(ZoneInfo(zone)).date())


@pytest.fixture
def people(account: Simulator) -> Simulator:
    """Mixpanel has ann and bob."""
    account.profiles.set(
        {"$distinct_id": name, "$properties": {"plan": "free"}} for name in ("ann", "bob")
    )
    return account


def test_a_snapshot_is_told_on_stdout_alone(people: Simulator, here: Mp) -> None:
    answer = here("materialize", "profiles")
    assert (answer.code, answer.err) == (0, "")
    told = answer.json
    assert list(told) == [
        "asset", "snapshot_date", "rows", "new", "changed", "removed",
        "requests", "seconds", "run_id",
    ]  # fmt: skip
    assert told.pop("seconds") > 0
    assert len(told.pop("run_id")) == 36
    assert told == {
        "asset": "profiles", "snapshot_date": today(), "rows": 2, "new": 2, "changed": 0,
        "removed": 0, "requests": len(people.requests),
    }  # fmt: skip


def test_a_snapshot_can_be_asked(people: Simulator, here: Mp) -> None:
    here("materialize", "profiles")
    answer = here("sql", "select distinct_id, plan, snapshot_date from profiles order by 1")
    assert answer.json == [
        {"distinct_id": name, "plan": "free", "snapshot_date": today()} for name in ("ann", "bob")
    ]
    query = "select property, type, profiles from profile_properties"
    assert here("sql", query).json == [{"property": "plan", "type": "VARCHAR", "profiles": 2}]


def test_a_snapshot_takes_one_query_of_the_hour(people: Simulator, here: Mp) -> None:
    here("materialize", "profiles")
    assert here("limits").json["query"]["used"] == 1


def test_a_rebuild_asks_mixpanel_nothing_and_gives_the_same(people: Simulator, here: Mp) -> None:
    landed = here("materialize", "profiles").json
    rows, asked = here("sql", "from profile_history order by all").out, len(people.requests)
    answer = here("rebuild", "profiles")
    assert (answer.code, answer.err, len(people.requests)) == (0, "", asked)
    own = {"requests": 0, "run_id": None, "seconds": answer.json["seconds"]}
    assert answer.json == {**landed, **own}
    assert here("sql", "from profile_history order by all").out == rows


def test_there_is_nothing_to_rebuild_before_a_snapshot(account: Simulator, here: Mp) -> None:
    answer = here("rebuild", "profiles")
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "CONFIG_ERROR")
    assert "mp materialize profiles" in answer.error["hint"]


def test_a_rebuild_that_would_lose_a_snapshot_is_refused(
    people: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here("materialize", "profiles")
    (file,) = (tmp_path / "home" / "landed").rglob("profiles.*.jsonl.gz")
    file.rename(file.with_name("profiles.2024-01-02.20240102T120000000000Z.jsonl.gz"))
    answer = here("rebuild", "profiles")
    assert (answer.code, answer.error["code"]) == (2, "CONFIG_ERROR")
    assert today() in answer.error["message"]
    assert here("sql", "--scalar", "select count(*) from profiles").out == "2\n"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("401@*", "AUTH_FAILED"), ("403@*", "AUTH_FAILED"), ("402@*", "PLAN_REQUIRED")],
)
def test_what_mixpanel_refuses_is_asked_once_and_exits_with_3(
    fault: str, code: str, people: Simulator, here: Mp
) -> None:
    people.fail_engage(fault)
    answer = here("materialize", "profiles")
    assert (answer.code, answer.out, answer.error["code"]) == (3, "", code)
    assert answer.error["hint"]
    assert answer.error["details"]["body"] in answer.error["message"]
    assert len(people.requests) == 1


def test_wrong_credentials_exit_with_3(
    people: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SECRET", "wrong")
    answer = here("materialize", "profiles")
    assert (answer.code, answer.out, answer.error["code"]) == (3, "", "AUTH_FAILED")


def test_an_incomplete_download_exits_with_1_and_changes_nothing(
    people: Simulator, here: Mp
) -> None:
    here("materialize", "profiles")
    before = here("sql", "from profile_history order by all").out
    people.fail_engage("short@*")
    answer = here("materialize", "profiles")
    assert (answer.code, answer.out, answer.error["code"]) == (1, "", "EXPORT_INCOMPLETE")
    assert here("sql", "from profile_history order by all").out == before


def test_status_shows_profiles_beside_events(people: Simulator, here: Mp) -> None:
    here("materialize", "events", "--from", "today")
    here("materialize", "profiles")
    _, told = here("status").json
    assert told.pop("last_loaded_at").startswith(today())
    assert told == {
        "asset": "profiles", "first_day": today(), "last_day": today(),
        "days": 1, "missing": [], "partial": [], "rows": 2, "repaired": 0, "renamed": [],
        "runs": [],
    }  # fmt: skip


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_day_of_a_snapshot_is_the_project_s(zone: str, here: Mp) -> None:
    with Simulator(project=Project(timezone=zone)) as mixpanel:
        mixpanel.profiles.fill(3)
        env = {"MP_BASE_URL": mixpanel.url, "MP_USERNAME": mixpanel.project.username}
        env |= {"MP_SECRET": mixpanel.project.secret, "MP_PROJECT_ID": "12345"}
        env |= {"MP_PROJECT_TIMEZONE": zone}
        answer = here("materialize", "profiles", **env)
        again = here("rebuild", "profiles", **env)
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["snapshot_date"] == again.json["snapshot_date"] == today(zone)
    days = {today(each) for each in ("Pacific/Kiritimati", "Pacific/Pago_Pago")}
    assert len(days) == 2
