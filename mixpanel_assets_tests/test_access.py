"""Settings, project and credentials are those of one moment: no project's data is another's."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

import mixpanel_assets as mp
from mixpanel_assets.accounts import Credentials, add_account, switch_account
from mixpanel_assets.defs.project import Project as InDagster
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, Answer, event, long
from mixpanel_assets_tests.dagsters import execute, failure

Mp = Callable[..., Answer]
DAYS = {"from_date": DAY, "to_date": DAY}
# Whenever it is, at least one of them has another day than UTC.
FAR_ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago")


def fill(simulator: Simulator) -> None:
    name = f"Of {simulator.project.project_id}"
    simulator.store.set_day(DAY, [event(name)])
    simulator.profiles.set([{"$distinct_id": name, "$properties": {}}])
    simulator.funnels.add(name, [name, name])


def variables(simulator: Simulator, **more: str) -> dict[str, str]:
    known = simulator.project
    return {
        "MP_BASE_URL": simulator.url,
        "MP_USERNAME": known.username,
        "MP_SECRET": known.secret,
        "MP_PROJECT_ID": known.project_id,
        **more,
    }


@pytest.fixture
def other() -> Iterator[Simulator]:
    """The Mixpanel of another project."""
    project = Project(project_id="99999", username="other", secret="other-secret")
    with Simulator(project=project, retry_after=0) as simulator:
        fill(simulator)
        yield simulator


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """From now on the environment is that of a Mixpanel's project."""

    def used(simulator: Simulator, **more: str) -> None:
        for name, value in variables(simulator, **more).items():
            monkeypatch.setenv(name, value)

    return used


WORKSPACES = {
    "own": mp.Workspace,
    "memory": mp.Workspace.memory,
    "ephemeral": mp.Workspace.ephemeral,
    "file": lambda: mp.Workspace(path="own.duckdb"),
}


@pytest.mark.parametrize(
    ("kind", "used_before"),
    [
        *((kind, True) for kind in WORKSPACES),
        ("file", False),
        *(long(kind, False) for kind in WORKSPACES if kind != "file"),
    ],
)
def test_a_workspace_stays_with_its_project_whatever_the_environment_says_later(
    kind: str,
    used_before: bool,
    mixpanel: Simulator,
    other: Simulator,
    use: Callable[..., None],
    tmp_path: Path,
) -> None:
    fill(mixpanel)
    use(mixpanel)
    with WORKSPACES[kind]() as ws:
        if used_before:
            ws.materialize_events(DAY, DAY)
        use(other, MP_HOME=str(tmp_path / "other"), MP_WAREHOUSE=str(tmp_path / "other.duckdb"))
        ws.materialize_events(DAY, DAY)
        ws.materialize_profiles()
        ws.materialize_catalog()
        ws.fetch_events("pulled", **DAYS)
        ws.rebuild_events()
        assert ws.sql_scalar("select string_agg(event_name, '') from events") == "Of 12345"
        assert ws.sql_scalar("select string_agg(event_name, '') from pulled") == "Of 12345"
        assert ws.sql_scalar("select string_agg(distinct_id, '') from profiles") == "Of 12345"
        assert ws.sql_scalar("select string_agg(name, '') from funnels") == "Of 12345"
        assert [one.name for one in ws.funnels()] == ["Of 12345"]
        assert [one["event_name"] for one in ws.stream_events(**DAYS)] == ["Of 12345"]
        assert ws.info().project_id == ws.api.credentials.project_id == "12345"
        assert ws.settings.home == tmp_path / "home"
        assert ws.db_path is None or tmp_path / "other.duckdb" != ws.db_path
    assert other.requests == []
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "other.duckdb").exists()


def test_a_workspace_stays_with_its_account_when_another_one_becomes_the_default(
    mixpanel: Simulator, other: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(mixpanel)
    keep({"shop": mixpanel, "old": other})
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    with mp.Workspace() as ws:
        switch_account(Settings.from_env(), "old")
        ws.materialize_events(DAY, DAY)
        assert ws.info().project_id == "12345"
        assert ws.sql_scalar("select event_name from events") == "Of 12345"
    assert mp.Workspace().db_path == Settings.from_env().warehouse_path("99999")


def keep(accounts: dict[str, Simulator]) -> None:
    """The file has these accounts, of which the first is the default."""
    for name, simulator in accounts.items():
        known = simulator.project
        credentials = Credentials(
            username=known.username,
            secret=known.secret,  # type: ignore[arg-type]
            project_id=known.project_id,
        )
        add_account(Settings.from_env(), name, credentials)


def test_all_assets_are_of_one_project_when_another_account_becomes_the_default_meanwhile(
    other: Simulator, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def clock() -> float:
        if asked:  # while the days are exported
            switch_account(Settings.from_env(), "old")
        asked.append(time.time())
        return asked[-1]

    with Simulator(retry_after=0, clock=clock) as shop:
        fill(shop)
        asked.clear()
        keep({"shop": shop, "old": other})
        monkeypatch.setenv("MP_BASE_URL", shop.url)
        answer = here("materialize", "all", "--from", str(DAY), "--to", str(DAY))
    assert (answer.code, other.requests) == (0, []), answer.err
    assert answer.json["profiles"]["rows"] == 1


def test_credentials_that_come_later_are_taken_if_they_are_of_the_same_project(
    mixpanel: Simulator,
    other: Simulator,
    use: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(mixpanel)
    monkeypatch.setenv("MP_PROJECT_ID", "12345")
    with mp.Workspace() as ws:
        with pytest.raises(ConfigError, match="no Mixpanel credentials"):
            ws.materialize_events(DAY, DAY)
        use(other)
        for ask in (lambda: ws.api, lambda: ws.materialize_events(DAY, DAY)):
            with pytest.raises(ConfigError, match=r"project 12345 in .*those of project 99999"):
                ask()
        use(mixpanel)
        ws.materialize_events(DAY, DAY)
        assert ws.sql_scalar("select event_name from events") == "Of 12345"
    assert other.requests == []


def test_the_resources_of_a_run_stay_with_one_account_when_another_becomes_the_default(
    mixpanel: Simulator, other: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep({"shop": mixpanel, "old": other})
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    seen: list[str] = []

    @dg.op
    def look(mixpanel: MixpanelResource, warehouse: WarehouseResource) -> None:
        with mixpanel.get_client() as client:
            seen.append(client.credentials.project_id)
        switch_account(Settings.from_env(), ["shop", "old"][seen[-1] == "12345"])
        seen.append(warehouse.path.parent.name)
        with mixpanel.get_client() as client:
            seen.append(client.credentials.project_id)

    @dg.job(resource_defs={"mixpanel": MixpanelResource(), "warehouse": WarehouseResource()})
    def looks() -> None:
        look()

    for project in ("12345", "99999"):
        assert looks.execute_in_process().success
        assert seen[-3:] == [project] * 3


def test_a_run_whose_resources_are_of_two_projects_asks_and_lands_nothing(
    mixpanel: Simulator, other: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keep({"shop": mixpanel, "old": other})
    monkeypatch.setenv("MP_BASE_URL", mixpanel.url)
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    warehouse, said = InDagster.of().duckdb, "12345, that of warehouse for 99999"
    configs = {
        said: {"account": "old"},
        "account old is now of project 99999": {"account": "old", "project_id": "12345"},
    }
    with dg.DagsterInstance.ephemeral() as instance:
        for (reason, config), job in product(configs.items(), ("catalog", "saved_reports")):
            resources = {warehouse: {"config": config}}
            done = execute(f"{job}_job", instance, run_config={"resources": resources})
            assert reason in failure(done).description
    assert mixpanel.requests == []
    assert not (tmp_path / "home" / "data").exists()


@pytest.mark.parametrize("zone", FAR_ZONES)
def test_today_is_that_of_the_account_s_project_in_every_question(
    zone: str, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Project(timezone=zone)
    add = ("auth", "add", "shop", "-u", known.username, "-p", known.project_id, "--timezone", zone)
    assert here(*add, MP_SECRET=known.secret).code == 0

    with Simulator(project=known) as mixpanel:
        monkeypatch.setenv("MP_BASE_URL", mixpanel.url)

        def days_of_last(*names: str) -> set[str]:
            return {str(mixpanel.requests[-1].params[name]) for name in names}

        today = datetime.now(ZoneInfo(zone)).date()
        for span in (("--from", "today"), ("--from", "today", "--to", "today")):
            assert here("inspect", "annotations", *span, "--refresh").code == 0
            assert days_of_last("fromDate") == {str(today)}
        assert here("auth", "test").code == 0
        assert days_of_last("from_date", "to_date") == {str(today - timedelta(1))}
        assert here("query", "segmentation", "-e", "Open", "--from", "today").code == 0
        assert days_of_last("from_date", "to_date") == {str(today)}
        with mp.Workspace() as ws:
            ws.annotations("yesterday", "today")
            assert days_of_last("fromDate", "toDate") == {str(today - timedelta(1)), str(today)}
