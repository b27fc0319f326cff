"""The Python API, as its users call it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import mixpanel_assets as mp
from mixpanel_assets.errors import (
    AuthenticationError,
    ConfigError,
    DatabaseNotFoundError,
    MixpanelDataError,
    SQLError,
    TableExistsError,
    TableNotFoundError,
)
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, event, long

LAST = DAY + timedelta(2)


@pytest.fixture
def days(account: Simulator) -> Simulator:
    """Three days hold an event each."""
    for n in range(3):
        one = event("Open", NOON + n * 86_400_000, plan=["free", "pro"][n % 2], n=n)
        account.store.set_day(DAY + timedelta(n), [one])
    return account


@pytest.fixture(params=["own", "file", "memory", long("ephemeral")])
def ws(request: pytest.FixtureRequest, days: Simulator, tmp_path: Path) -> Iterator[mp.Workspace]:
    """A workspace over each kind of warehouse."""
    make = {
        "own": mp.Workspace,
        "file": lambda: mp.Workspace(path=tmp_path / "elsewhere" / "w.duckdb"),
        "memory": mp.Workspace.memory,
        "ephemeral": mp.Workspace.ephemeral,
    }[request.param]
    with make() as made:
        yield made


def test_days_are_landed_and_asked(ws: mp.Workspace) -> None:
    landing = ws.materialize_events(DAY, str(LAST))
    assert (landing.to_dict()["rows"], landing.to_dict()["requests"]) == (3, 1)
    assert ws.sql_scalar("select count(*) from events where event_date >= $1", DAY) == 3
    frame = ws.sql("select plan, sum(n)::bigint as n from events_wide group by all order by plan")
    assert frame.to_dict("records") == [{"plan": "free", "n": 2}, {"plan": "pro", "n": 1}]
    assert ws.sql_rows("select 1 as one").columns == ["one"]


def test_profiles_are_landed(ws: mp.Workspace, days: Simulator) -> None:
    days.profiles.set([{"$distinct_id": "ann", "$properties": {"plan": "pro"}}])
    assert ws.materialize_profiles().rows == 1
    assert ws.sql_scalar("select plan from profiles") == "pro"


def test_the_catalog_is_landed(ws: mp.Workspace, days: Simulator) -> None:
    days.funnels.add("Way in", ["Open", "Buy"])
    landed = {one.table: one for one in ws.materialize_catalog()}
    assert (landed["funnels"].rows, landed["funnels"].skipped) == (1, None)
    assert ws.sql_scalar("select name from funnels") == "Way in"


def test_what_the_plan_refuses_is_skipped_and_said(ws: mp.Workspace, days: Simulator) -> None:
    days.fail_app("402@*")
    refused = {one.table for one in ws.materialize_catalog() if one.skipped}
    assert "bookmarks" in refused
    assert "funnels" not in refused


def test_what_is_landed_can_be_looked_at(ws: mp.Workspace) -> None:
    ws.materialize_events(DAY, LAST)
    assert "events" in {table.name for table in ws.tables()}
    assert ws.event_breakdown().to_dict()["total_events"] == 3
    assert ws.property_keys(event="Open") == sorted(ws.property_keys(event="Open"))
    assert (
        ws.property_distribution("Open", "plan", from_date=str(DAY)).to_dict()["total_count"] == 3
    )
    assert [day["rows"] for day in ws.status()] == [3]
    assert ws.info().project_id == "12345"


def test_a_day_is_rebuilt_without_a_request(ws: mp.Workspace, days: Simulator) -> None:
    ws.materialize_events(DAY, LAST)
    before = len(days.requests)
    assert ws.rebuild_events().to_dict()["rows"] == 3
    assert len(days.requests) == before


def test_a_rebuild_up_to_a_day_leaves_the_later_ones(ws: mp.Workspace) -> None:
    ws.materialize_events(DAY, LAST)
    rebuilt = ws.rebuild_events(to_date=DAY)
    assert [day.day for day in rebuilt.days] == [DAY]


def test_nothing_landed_is_an_empty_status_with_a_note(ws: mp.Workspace) -> None:
    with pytest.warns(mp.AnswerWarning, match="nothing is landed yet"):
        assert ws.status() == []


def test_a_moment_stands_for_its_day(ws: mp.Workspace) -> None:
    noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    assert ws.days(noon, noon) == (DAY, DAY)


def test_some_events_and_profiles_are_fetched_or_streamed(
    ws: mp.Workspace, days: Simulator
) -> None:
    days.profiles.set([{"$distinct_id": "ann", "$properties": {"plan": "pro"}}])
    ws.fetch_events("pros", from_date=DAY, to_date=LAST, where='properties["plan"] == "pro"')
    assert ws.sql_rows("select event_date, n from pros").rows == [(DAY + timedelta(1), 1)]
    ws.fetch_profiles("people", where='properties["plan"] == "pro"')
    assert ws.sql_scalar("select distinct_id from people") == "ann"
    with pytest.raises(TableExistsError):
        ws.fetch_profiles("people")
    streamed = list(ws.stream_events(from_date=str(DAY), to_date=LAST, raw=True))
    assert sorted(one["properties"]["n"] for one in streamed) == [0, 1, 2]
    (ann,) = ws.stream_profiles()
    assert (ann["distinct_id"], ann["properties"]) == ("ann", {"plan": "pro"})
    assert ws.drop_all() == ["people", "pros"]


def test_mixpanel_is_asked_live(days: Simulator) -> None:
    with mp.Workspace() as ws:
        answer = ws.segmentation("Open", from_date=str(DAY), to_date=LAST)
        assert answer.total == 3
        assert list(answer.df.columns) == ["date", "segment", "count"]
        assert [one.name for one in ws.cohorts()] == []


def test_a_run_leaves_folder_and_environment_as_they_were(days: Simulator) -> None:
    here, environment = Path.cwd(), dict(os.environ)
    with mp.Workspace() as ws:
        ws.materialize_events(DAY, DAY)
    assert (Path.cwd(), dict(os.environ)) == (here, environment)


def test_a_file_can_be_read_without_credentials(
    days: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mp.Workspace() as ws:
        ws.materialize_events(DAY, DAY)
        path = ws.db_path
    for name in ("MP_USERNAME", "MP_SECRET", "MP_PROJECT_ID"):
        monkeypatch.delenv(name)
    assert path is not None
    with mp.Workspace.open(path) as ws:
        assert ws.sql_scalar("select count(*) from events") == 1
        assert ws.info().project_id is None
        with pytest.raises(ConfigError):
            _ = ws.api
        with pytest.raises(ConfigError, match="read-only"):
            ws.materialize_events(DAY, DAY)
        with pytest.raises(ConfigError, match="read-only"):
            ws.drop("events", force=True)


def test_an_ephemeral_warehouse_leaves_nothing(days: Simulator) -> None:
    with mp.Workspace.ephemeral() as ws:
        ws.materialize_events(DAY, DAY)
        folder = ws.db_path.parent  # type: ignore[union-attr]
        assert folder.exists()
    assert not folder.exists()


def test_a_closed_workspace_says_so_and_closes_twice(account: Simulator) -> None:
    ws = mp.Workspace()
    ws.close()
    ws.close()
    with pytest.raises(ConfigError, match="closed"):
        _ = ws.api
    with pytest.raises(ConfigError, match="closed"):
        ws.sql("select 1")


def test_opening_costs_nothing_until_something_is_asked(account: Simulator, tmp_path: Path) -> None:
    with mp.Workspace(path=tmp_path / "none.duckdb") as ws:
        assert not (tmp_path / "none.duckdb").exists()
        with pytest.raises(DatabaseNotFoundError):
            ws.sql("select 1")
    assert account.requests == []


def test_errors_have_code_message_details_and_hint(
    account: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SECRET", "wrong-secret")
    with mp.Workspace.memory() as ws:
        with pytest.raises(AuthenticationError) as caught:
            ws.segmentation("Open", from_date=DAY, to_date=LAST)
        assert isinstance(caught.value, MixpanelDataError)
        assert caught.value.code == "AUTH_FAILED"
        assert caught.value.details["status"] == 401
        assert caught.value.hint
        assert "wrong-secret" not in repr(caught.value.to_dict())
        with pytest.raises(SQLError):
            ws.sql("selec 1")
        with pytest.raises(TableNotFoundError):
            ws.drop("nothing")


def test_threads_share_a_workspace(ws: mp.Workspace) -> None:
    ws.materialize_events(DAY, LAST)
    with ThreadPoolExecutor(8) as pool:
        counts = list(
            pool.map(lambda n: ws.sql_scalar(f"select count(*) + {n} from events"), range(40))
        )
    assert counts == [3 + n for n in range(40)]


def test_the_connection_is_open_until_the_workspace_is_closed(ws: mp.Workspace) -> None:
    ws.materialize_events(DAY, DAY)
    connection = ws.connection
    connection.execute("create temp table mine as select 42 as x")
    assert connection.execute("select x from mine").fetchall() == [(42,)]
    assert ws.connection is connection
    assert ws.sql_scalar("select count(*) from events") == 1
    ws.materialize_events(LAST, LAST)
    assert ws.sql_scalar("select count(*) from events") == 2


def test_importing_costs_nothing_heavy() -> None:
    code = (
        "import sys, mixpanel_assets as mp; mp.Workspace; "
        "print({'httpx','duckdb','pandas','dagster','rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_everything_public_is_there_and_nothing_else_is() -> None:
    for name in mp.__all__:
        assert getattr(mp, name)
    assert dir(mp) == sorted(mp.__all__)
    with pytest.raises(AttributeError):
        _ = mp.nothing


def test_times_are_of_utc_wherever_the_machine_is(days: Simulator) -> None:
    """In a process of its own: DuckDB asks for the machine's zone once."""
    script = f"""
import mixpanel_assets as mp
with mp.Workspace() as ws:
    ws.materialize_events("{DAY}", "{LAST}")
    for held in (False, True):
        if held:
            ws.connection
        print(ws.sql_scalar("select timestamptz '2024-01-01 00:00:00+00'::date::varchar"))
        print(ws.sql("select event_time from events")["event_time"].dtype)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "TZ": "America/New_York"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["2024-01-01", "datetime64[us, UTC]"] * 2, done.stderr
