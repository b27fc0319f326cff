"""What a command does not need, it does not load; and imports go one way."""

import subprocess
import sys
from pathlib import Path

import pytest

from mixpanel_assets.simulator.server import Simulator

ROOT = Path(__file__).parents[1]
HEAVY = ("dagster", "pandas", "httpx", "duckdb", "pydantic", "rich", "starlette", "uvicorn")
PARSING = {"pydantic", "rich"}  # typer's own

RUN = """
import sys
{body}
sys.stderr.write(" ".join(name for name in {names!r} if name in sys.modules))
"""
MAIN = """
from mixpanel_assets.cli.app import main
for command in {commands!r}:
    sys.argv = ["mp", *command.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code or {may_fail}, (command, end.code)
"""


def loaded(body: str) -> set[str]:
    """The heavy packages that a process has loaded at its end."""
    script = RUN.format(body=body, names=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()) if done.stderr else set()


def mp(*commands: str, may_fail: bool = False) -> set[str]:
    """The heavy packages that one process has loaded when it has run all of these commands."""
    return loaded(MAIN.format(commands=commands, may_fail=may_fail))


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an empty warehouse."""
    import duckdb

    duckdb.connect(str(tmp_path / "w.duckdb")).close()
    monkeypatch.setenv("MP_WAREHOUSE", str(tmp_path / "w.duckdb"))
    monkeypatch.setenv("MP_PROJECT_ID", "1")


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import mixpanel_assets") == set()


def test_help_and_version_load_nothing_heavy() -> None:
    for argument in ("--help", "--version"):
        assert mp(argument) <= PARSING


def test_help_of_a_command_loads_nothing_heavy() -> None:
    groups = ("materialize events", "rebuild events", "sql", "query jql", "simulate")
    others = ("inspect column", "fetch events", "drop", "auth add")
    assert mp(*(f"{command} --help" for command in (*groups, *others))) <= PARSING


def test_asking_the_warehouse_loads_no_dagster_pandas_or_http(warehouse: None) -> None:
    query = "select(1),now(),[1],'{}'::json,'nan'::double"
    asked = mp(f"sql {query}", f"sql --format table {query}", "status")
    assert asked & {"dagster", "pandas", "httpx", "starlette"} == set()
    assert mp("limits") & {"dagster", "pandas", "httpx", "duckdb", "starlette"} == set()


def test_asking_mixpanel_loads_no_dagster_duckdb_or_pandas(account: Simulator) -> None:
    question = "query segmentation -e Open --from 7d --format"
    asked = mp(*(f"{question} {format_}" for format_ in ("json", "jsonl", "csv", "plain", "table")))
    assert asked & {"dagster", "pandas", "duckdb", "starlette"} == set()


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a table of one event."""
    import duckdb

    with duckdb.connect(str(tmp_path / "e.duckdb")) as connection:
        connection.execute(
            """
            create table events as
            select date '2024-01-02' as event_date, 'Open' as event_name, 'ann' as distinct_id,
                   timestamptz '2024-01-02 12:00:00+00' as event_time,
                   '{"n": 1}'::json as properties;
            create table events_wide as from events;
            create schema internal;
            create table internal.property_columns (
                property varchar, column_name varchar, type varchar, physical boolean,
                wide boolean, dataset varchar);
            create table internal.property_days (
                event_date date, event_name varchar, property varchar, type varchar,
                events bigint);
            """
        )
    monkeypatch.setenv("MP_WAREHOUSE", str(tmp_path / "e.duckdb"))
    monkeypatch.setenv("MP_PROJECT_ID", "1")


INSPECT = [
    *(
        "overview",
        "info",
        "tables",
        "schema",
        "sample",
        "summarize",
        "breakdown",
        "keys",
        "column -c event_date",
    ),
    *("daily -f csv", "engagement -f table", "tables --jq .[0]"),
    *("distribution -e Open -p n", "numeric -e Open -p n", "coverage -e Open -p n"),
]


def test_inspecting_loads_no_dagster_pandas_or_http(events: None) -> None:
    asked = mp(*(f"inspect {command}" for command in INSPECT))
    assert asked & {"dagster", "pandas", "httpx", "starlette"} == set()


def test_asking_what_mixpanel_has_loads_no_dagster_pandas_or_duckdb(account: Simulator) -> None:
    commands = ["inspect events", "inspect funnels", "inspect cohorts -f table"]
    asked = mp(*commands, *commands)  # from Mixpanel, and from the cache
    assert asked & {"dagster", "pandas", "duckdb"} == set()


def test_fetching_and_dropping_load_no_dagster_or_pandas(account: Simulator) -> None:
    events = "--quiet fetch events --from 2024-01-02 --to 2024-01-02"
    asked = mp(events, f"{events} --stdout", "fetch profiles")
    assert asked & {"dagster", "pandas", "starlette"} == set()
    assert mp("drop --all") & {"dagster", "pandas", "httpx"} == set()


def test_the_results_load_nothing_heavy_and_the_spec_only_what_parses() -> None:
    assert loaded("import mixpanel_assets.results") == set()
    assert mp("spec") <= PARSING


def test_keeping_accounts_loads_no_dagster_duckdb_pandas_or_http(monkeypatch) -> None:
    monkeypatch.setenv("MP_SECRET", "s")
    needless = set(HEAVY) - PARSING
    assert mp("auth add x -u u -p 1") & needless == set()
    monkeypatch.delenv("MP_SECRET")
    kept = mp("auth list", "auth show", "auth switch x", "auth remove x --force")
    assert kept & needless == set()
    assert mp("auth test", may_fail=True) & {"dagster", "duckdb", "pandas"} == set()


def test_a_wrong_command_line_is_refused_before_anything_heavy_is_loaded() -> None:
    wrong = "materialize events --from 2024-01-03 --to 2024-01-02"
    assert mp(wrong, may_fail=True) <= PARSING


def test_a_landing_and_handing_days_over_need_no_pandas(account: Simulator) -> None:
    assert "pandas" not in loaded("import mixpanel_assets.materialize")
    days = "materialize events --from 2024-01-02 --to 2024-01-03 --detach"
    assert "pandas" not in mp(days, may_fail=True)


def test_each_room_speaks_its_own_language_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_root_of_the_checkout_shadows_no_library() -> None:
    # `python -m` puts the current folder first on the path.
    assert list(ROOT.glob("*.py")) == []
