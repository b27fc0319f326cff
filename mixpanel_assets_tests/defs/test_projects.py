"""Two projects in one home and one Dagster instance: each has a record of its own."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.dagster import mixpanel_definitions
from mixpanel_assets.definitions import defs, known_projects
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.defs.project import Project as InDagster
from mixpanel_assets.defs.project import identifier
from mixpanel_assets.defs.runs import PROJECT
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event
from mixpanel_assets_tests.dagsters import execute, failure

Mp = Callable[..., Answer]
Servers = dict[str, Simulator]

ENTRY = """
[accounts.{name}]
username = "{of.username}"
secret = "{of.secret}"
project_id = "{of.project_id}"
"""
# The days that each account lands, and so the first one of its partitions.
SPANS = {"acme": (DAY, DAY + timedelta(1)), "globex": (DAY + timedelta(1), DAY + timedelta(3))}


def texts(span: tuple[date, date]) -> set[str]:
    """The days of a span."""
    first, last = span
    return {str(first + timedelta(n)) for n in range((last - first).days + 1)}


def name_accounts(home: Path, *names: str, **of: Project) -> None:
    """The configuration file has these accounts, the first one by default."""
    home.mkdir(exist_ok=True)
    entries = [ENTRY.format(name=name, of=of.get(name, Project())) for name in names]
    (home / "config.toml").write_text("".join([f'default = "{names[0]}"\n', *entries]))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def servers(home: Path) -> Iterator[Servers]:
    """The accounts acme and globex, each with a project and a Mixpanel of its own."""
    acme = Project(project_id="111", username="a", secret="secret-a")
    globex = Project(project_id="222", username="g", secret="secret-g")
    name_accounts(home, "acme", "globex", acme=acme, globex=globex)
    with Simulator(project=acme) as one, Simulator(project=globex, retry_after=0) as other:
        for simulator, count in ((one, 1), (other, 2)):
            for n in range(4):
                at = NOON + n * 86_400_000
                simulator.store.set_day(
                    DAY + timedelta(n), [event("Open", at + i) for i in range(count)]
                )
        yield {"acme": one, "globex": other}


def days_known(instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """The days of each account that the instance has."""
    keys = {name: dg.AssetKey([name, "events"]) for name in SPANS}
    return {name: instance.get_materialized_partitions(key) for name, key in keys.items()}


def projects_of_runs(instance: dg.DagsterInstance) -> dict[str, str]:
    return {run.job_name: run.tags[PROJECT] for run in instance.get_runs()}


def test_what_mp_lands_of_two_accounts_is_recorded_apart(
    servers: Servers, here: Mp, home: Path
) -> None:
    for account, (first, last) in SPANS.items():
        days = ("--from", str(first), "--to", str(last))
        url = servers[account].url
        answer = here("--account", account, "materialize", "events", *days, MP_BASE_URL=url)
        assert (answer.code, answer.err) == (0, "")
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        assert days_known(instance) == {name: texts(span) for name, span in SPANS.items()}
        runs = {"acme_events_job": "111", "globex_events_job": "222"}
        assert projects_of_runs(instance) == runs
        for run in instance.get_runs():  # which the UI can execute again
            (config,) = run.run_config["resources"].values()
            named = run.job_name.removesuffix("_events_job"), run.tags[PROJECT]
            assert (config["config"]["account"], config["config"]["project_id"]) == named
    shown = {name: here("--account", name, "status").json[0] for name in SPANS}
    assert {name: (one["first_day"], one["last_day"]) for name, one in shown.items()} == {
        name: (str(first), str(last)) for name, (first, last) in SPANS.items()
    }
    graph = defs().resolve_asset_graph()
    begins = {
        name: graph.get(dg.AssetKey([name, "events"])).partitions_def.get_first_partition_key()
        for name in SPANS
    }
    assert begins == {name: str(first) for name, (first, _) in SPANS.items()}


def test_what_dagster_lands_of_two_accounts_is_recorded_apart(
    servers: Servers, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_START_DATE", str(DAY))
    both = defs()
    for account, span in SPANS.items():
        monkeypatch.setenv("MP_BASE_URL", servers[account].url)
        job = both.resolve_job_def(f"{account}_events_job")
        assert execute(job, instance, tags=days_in_one_run(*span)).success
    assert days_known(instance) == {name: texts(span) for name, span in SPANS.items()}
    assert projects_of_runs(instance) == {"acme_events_job": "111", "globex_events_job": "222"}
    for account, rows in (("acme", 2), ("globex", 6)):
        with Workspace(account=account) as ws:
            assert ws.sql_scalar("select count(*) from events") == rows


def test_two_projects_can_be_merged_under_keys_of_one_s_own(servers: Servers) -> None:
    marketing = mixpanel_definitions(account="acme", key_prefix=["raw", "mixpanel"], group="raw")
    both = dg.Definitions.merge(marketing, mixpanel_definitions(account="globex"))
    dg.Definitions.validate_loadable(both)
    graph = both.resolve_asset_graph()
    assert graph.get(dg.AssetKey(["raw", "mixpanel", "events"])).group_name == "raw"
    assert graph.get(dg.AssetKey(["globex", "events"])).group_name == "globex"
    assert both.resolve_job_def("raw_mixpanel_events_job")


def test_the_account_of_the_environment_is_there_beside_those_of_the_file(
    account: Simulator, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_accounts(home, "acme", "globex")
    monkeypatch.setenv("MP_SAVED_REPORTS", "63")
    keys = {key.to_user_string() for key in defs().resolve_all_asset_keys()}
    assert {"12345/events", "acme/events", "globex/events", "12345/saved_reports"} <= keys
    assert {"acme/saved_reports", "globex/saved_reports"} & keys == set()  # ids of one project


@pytest.mark.parametrize("names", [("a-b", "a_b"), ("a_b", "a-b")])
def test_an_account_whose_names_dagster_could_not_tell_apart_is_left_out_and_named(
    names: tuple[str, str], home: Path
) -> None:
    name_accounts(home, *names)
    with pytest.warns(AnswerWarning, match=f"account {names[1]} left out"):
        both = defs()
    dg.Definitions.validate_loadable(both)
    assert {key.path[0] for key in both.resolve_all_asset_keys()} == {names[0]}


def test_an_account_that_is_called_as_the_environment_s_project_is_left_out(
    account: Simulator, home: Path
) -> None:
    name_accounts(home, "12345")
    with pytest.warns(AnswerWarning, match="account 12345 left out"):
        dg.Definitions.validate_loadable(defs())


def test_an_account_that_is_broken_is_left_out_and_named(servers: Servers, home: Path) -> None:
    with (home / "config.toml").open("a") as file:
        file.write('[accounts.broken]\nproject_id = "7"\ntimezone = "Nowhere/Land"\n')
    with pytest.warns(AnswerWarning, match="account broken left out"):
        found = {key.path[0] for key in defs().resolve_all_asset_keys()}
    assert found == {"acme", "globex"}


def test_a_warehouse_of_one_project_leaves_the_others_out(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_WAREHOUSE", str(tmp_path / "w.duckdb"))
    with pytest.warns(AnswerWarning, match="is the file of one project: globex left out"):
        found = {key.path[0] for key in defs().resolve_all_asset_keys()}
    assert found == {"acme"}


def test_names_are_what_dagster_allows() -> None:
    assert identifier("raw", "my-company.eu") == "raw_my_company_eu"


def test_an_account_that_mp_dev_was_started_with_and_that_is_gone_hides_no_other(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_ACCOUNT", "removed")
    with pytest.warns(AnswerWarning, match="no account 'removed'"):
        keys = defs().resolve_asset_graph().get_all_asset_keys()
    assert {key.path[0] for key in keys} == {"acme", "globex"}


NO_SECRET = """default = "acme"
[accounts.acme]
type = "oauth_token"
token_env = "TOKEN_OF_ACME"
project_id = "{project_id}"
timezone = "Asia/Tokyo"
"""


def keep_token_elsewhere(home: Path, project_id: str = "111") -> None:
    """The file has one account, whose token is in a variable that is not set."""
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(NO_SECRET.format(project_id=project_id))


def identity(project: InDagster) -> tuple[str | None, ...]:
    """What the definitions of a project are named after."""
    zone = project.settings.project_timezone
    return project.account, project.project_id, *project.prefix, zone


@pytest.mark.parametrize("chosen", ["", "MP_ACCOUNT", "MP_PROJECT_ID"])
def test_an_account_that_lacks_its_secret_keeps_its_name(
    chosen: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_token_elsewhere(home)
    if chosen:
        monkeypatch.setenv(chosen, "acme" if chosen == "MP_ACCOUNT" else "111")
    of_acme = ("acme", "111", "acme", "Asia/Tokyo")
    assert [identity(project) for project in known_projects()] == [of_acme]
    monkeypatch.setenv("TOKEN_OF_ACME", "secret")
    assert [identity(project) for project in known_projects()] == [of_acme]


def test_a_default_account_without_a_project_id_is_there_beside_the_others(home: Path) -> None:
    name_accounts(home, "acme", "globex")
    file = home / "config.toml"
    file.write_text(file.read_text().replace("project_id", "was_project_id", 1))
    assert [project.prefix for project in known_projects()] == [("acme",), ("globex",)]


@pytest.mark.parametrize(
    "variables", [{"MP_PROJECT_ID": "999"}, {"MP_PROJECT_ID": "111", "MP_USERNAME": "another"}]
)
def test_the_project_of_the_environment_is_not_named_after_another_one_s_account(
    variables: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_token_elsewhere(home)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    project_id = variables["MP_PROJECT_ID"]
    assert identity(InDagster.of()) == (None, project_id, project_id, None)


def test_definitions_refuse_an_account_that_has_become_another_project_s(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_token_elsewhere(home)
    loaded = defs()
    keep_token_elsewhere(home, project_id="222")
    monkeypatch.setenv("TOKEN_OF_ACME", "secret")
    result = execute(loaded.resolve_job_def("acme_catalog_job"), instance)
    assert "account acme is now of project 222" in failure(result).description
