"""A home may have any name, as far as DuckDB can keep a file there."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event, project_at

Mp = Callable[..., Answer]
SPAN = ("--from", str(DAY), "--to", str(DAY))
ODD = """100%41 #1 [a-z]* {x} 'é' "q" $HOME;&"""


@pytest.fixture
def mixpanel_with_events(account: Simulator) -> Simulator:
    account.store.set_day(DAY, [event("Open", NOON + n) for n in range(5)])
    return account


def test_what_is_in_its_name_means_nothing(
    mixpanel_with_events: Simulator, here: Mp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / ODD
    monkeypatch.setenv("MP_HOME", str(home))
    project = project_at(home, mixpanel_with_events)
    with project.client:
        assert [day.rows for day in project.ingest()] == [5]
    commands = [
        *(("rebuild", "events"), ("fetch", "events", "pulled", *SPAN), ("fetch", "profiles")),
        *(("inspect", "events"), ("inspect", "info"), ("limits",), ("doctor",)),
    ]
    assert [(c, a.err) for c in commands if (a := here("-q", *c)).code] == []
    assert here("sql", "--scalar", "select count(*) from events").out == "5\n"
    assert here("status").json[0]["days"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("folder", ["what?", "back\\slash"])
@pytest.mark.parametrize(("variable", "path"), [("MP_HOME", "{}"), ("MP_WAREHOUSE", "{}/w.duckdb")])
def test_a_folder_where_duckdb_can_keep_no_file_is_refused_before_anything(
    variable: str, path: str, folder: str, mixpanel_with_events: Simulator, here: Mp, tmp_path: Path
) -> None:
    place = {variable: str(tmp_path / path.format(folder))}
    for command in (("fetch", "events", *SPAN), ("materialize", "events", *SPAN), ("status",)):
        answer = here(*command, **place)
        assert (answer.code, answer.out, answer.error["code"]) == (2, "", "CONFIG_ERROR")
        assert variable in answer.error["message"]
        assert "MP_WAREHOUSE" in answer.error["hint"]
    assert mixpanel_with_events.requests == []


def test_the_rest_of_such_a_home_can_be_used(
    mixpanel_with_events: Simulator, here: Mp, tmp_path: Path
) -> None:
    place = {"MP_HOME": str(tmp_path / "what?"), "MP_WAREHOUSE": str(tmp_path / "a?b.duckdb")}
    assert here("fetch", "events", "pulled", *SPAN, **place).json["rows"] == 5
    assert here("sql", "--scalar", "select count(*) from pulled", **place).out == "5\n"
    assert here("limits", **place).json["export"]["used"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a?b.duckdb", "what?"]
