"""Assets of others get landed data as the argument of their function."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from mixpanel_assets.dagster import WarehouseResource, mixpanel_definitions
from mixpanel_assets.defs.partitions import days_in_one_run
from mixpanel_assets.ingest import ingest_profiles
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.connection import writing
from mixpanel_assets_tests.conftest import DAY, NOON, event, project_at

DAYS = [DAY + timedelta(n) for n in range(4)]
HOLE = DAYS[2]  # is not landed
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WIDE = 2**70 + 1
START = date(2024, 1, 1)
DAILY = dg.DailyPartitionsDefinition(str(START), end_offset=1)
SINGLE = {"partitions_def": DAILY, "backfill_policy": dg.BackfillPolicy.single_run()}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the events of three of four days, and the snapshots of two."""
    home = tmp_path_factory.mktemp("home")
    with Simulator(retry_after=0) as mixpanel:
        for n, day in enumerate(DAYS):
            noon = NOON + n * 86_400_000
            odd = event("Odd", noon, wide=WIDE, tags=["a", "b"], some={"x": 1}, whole=2**53 + 1)
            mixpanel.store.set_day(day, [event("Open", noon, n=n), odd])
        mixpanel.profiles.fill(3)
        project = project_at(home, mixpanel)
        with project.client as client:
            project.ingest(DAYS[0], DAYS[1])
            project.ingest(DAYS[3])
            ingest_profiles(client, project.warehouse, project.settings, DAYS[0])
            mixpanel.profiles.delete("synthetic-0000001")
            ingest_profiles(client, project.warehouse, project.settings, DAYS[3])
    return home


@pytest.fixture
def landed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is that of the project."""
    monkeypatch.setenv("MP_HOME", str(home))
    monkeypatch.setenv("MP_PROJECT_ID", "12345")


def given(
    instance: dg.DagsterInstance,
    type_: Any,
    name: str = "events",
    tags: Any = None,
    of: dict[str, Any] | None = None,
    then: Callable[[Any], Any] = lambda value: value,
    **options: Any,
) -> Any:
    """What `then` makes of the input in a run of an asset with it, or how the run failed."""
    ours = mixpanel_definitions(start=START)
    seen = []

    def own(x: Any) -> None:
        seen.append(then(x))

    own.__annotations__["x"] = type_
    input_ = dg.AssetIn(**{"key": ["12345", name], **(of or {})})
    asset = dg.asset(ins={"x": input_}, **options)(own)
    job = dg.Definitions.merge(
        ours, dg.Definitions([asset, dg.AssetSpec("people")])
    ).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[asset.key],
        tags=tags,
        run_config=QUIET,
        raise_on_error=False,
    )
    if result.success:
        return seen[0]
    (failed,) = [one for one in result.all_events if one.is_step_failure]
    error, told = failed.step_failure_data.error, ""
    while error:
        error, told = error.cause, told + error.message
    return told


def warnings(instance: dg.DagsterInstance) -> list[str]:
    (run,) = instance.get_runs()
    entries = [one.event_log_entry for one in instance.get_records_for_run(run.run_id).records]
    return [one.user_message for one in entries if one.level == 30]


def run_of(first: date, last: date) -> Any:
    return days_in_one_run(first, last)


def dates(frame: pd.DataFrame, column: str = "event_date") -> list[date]:
    return sorted(set(frame[column]))


def test_an_asset_without_partitions_gets_every_day(
    landed: None, instance: dg.DagsterInstance
) -> None:
    assert dates(given(instance, pd.DataFrame)) == [day for day in DAYS if day != HOLE]
    assert warnings(instance) == [
        f"x: {START}, {HOLE} of 12345/events: not landed, so there are no rows"
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"dagster/partition": str(DAYS[1])}, [DAYS[1]]),
        (run_of(DAYS[0], DAYS[1]), DAYS[:2]),
    ],
    ids=["one day", "a range in one run"],
)
def test_a_daily_asset_gets_the_days_of_the_run(
    landed: None, instance: dg.DagsterInstance, tags: Any, expected: list[date]
) -> None:
    assert dates(given(instance, pd.DataFrame, tags=tags, **SINGLE)) == expected
    assert warnings(instance) == []


def test_a_day_that_is_not_landed_gives_no_rows_and_a_warning(
    landed: None, instance: dg.DagsterInstance
) -> None:
    found = given(instance, pd.DataFrame, tags={"dagster/partition": str(HOLE)}, **SINGLE)
    assert (len(found), "event_date" in found) == (0, True)
    assert warnings(instance) == [f"x: {HOLE} of 12345/events: not landed, so there are no rows"]


def test_a_mapping_selects_its_days(landed: None, instance: dg.DagsterInstance) -> None:
    week = dg.TimeWindowPartitionMapping(start_offset=-1)
    tags = {"dagster/partition": str(DAYS[1])}
    found = given(instance, pd.DataFrame, tags=tags, of={"partition_mapping": week}, **SINGLE)
    assert dates(found) == DAYS[:2]


def test_the_newest_snapshot_is_for_an_asset_without_partitions(
    landed: None, instance: dg.DagsterInstance
) -> None:
    found = given(instance, pd.DataFrame, "profiles")
    assert (len(found), dates(found, "snapshot_date")) == (2, [DAYS[3]])


@pytest.mark.parametrize(
    ("last", "expected"), [(DAYS[0], {DAYS[0]: 3}), (DAYS[3], {DAYS[0]: 3, DAYS[3]: 2})]
)
def test_a_daily_asset_gets_the_snapshots_of_its_days(
    landed: None, instance: dg.DagsterInstance, last: date, expected: dict[date, int]
) -> None:
    found = given(instance, pd.DataFrame, "profiles", tags=run_of(DAYS[0], last), **SINGLE)
    assert found.groupby("snapshot_date").size().to_dict() == expected
    newest = given(instance, pd.DataFrame, "profiles", then=lambda frame: list(frame.columns))
    assert list(found.columns) == newest


def test_metadata_names_the_view_of_an_event_and_columns(
    landed: None, instance: dg.DagsterInstance
) -> None:
    of = {"metadata": {"table": "by_event.Open", "columns": ["event_date", "n"]}}
    found = given(instance, pd.DataFrame, tags=run_of(DAYS[0], DAYS[1]), of=of, **SINGLE)
    assert found.values.tolist() == [[DAYS[0], 0], [DAYS[1], 1]]


def test_a_table_that_is_not_there_is_refused_by_name(
    landed: None, instance: dg.DagsterInstance
) -> None:
    of = {"metadata": {"table": "by_event.Opem"}}
    assert "there is no table 'by_event.Opem'" in (told := given(instance, pd.DataFrame, of=of))
    assert 'by_event."Open"' in told
    of = {"metadata": {"table": "event_properties"}}
    assert "has no column event_date or asked_on" in given(instance, pd.DataFrame, of=of)


def test_a_table_of_others_is_read_by_its_key(landed: None, instance: dg.DagsterInstance) -> None:
    with writing(WarehouseResource().path) as warehouse:
        warehouse.execute("create or replace table people as select 'ann' as distinct_id")
    of = {"key": "people", "input_manager_key": "inputs_12345"}
    found = given(instance, pd.DataFrame, of=of)
    assert found.values.tolist() == [["ann"]]


def of_type(name: str) -> Any:
    module, _, type_ = name.partition(".")
    return getattr(pytest.importorskip(module), type_)


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The rows of any of the types."""
    if isinstance(value, duckdb.DuckDBPyRelation):
        return [dict(zip(value.columns, row, strict=True)) for row in value.fetchall()]
    if isinstance(value, pd.DataFrame):
        return value.to_dict("records")
    return value.to_pylist() if hasattr(value, "to_pylist") else value.to_dicts()


@pytest.mark.parametrize(
    "name", ["pandas.DataFrame", "duckdb.DuckDBPyRelation", "polars.DataFrame", "pyarrow.Table"]
)
def test_values_are_exact_in_every_type(
    landed: None, instance: dg.DagsterInstance, name: str
) -> None:
    rows = given(
        instance,
        of_type(name),
        tags={"dagster/partition": str(DAY)},
        of={"metadata": {"table": "by_event.Odd"}},
        then=rows_of,
        **SINGLE,
    )
    (row,) = rows
    assert (row["wide"], row["whole"], row["event_date"]) == (WIDE, 2**53 + 1, DAY)
    assert (list(row["tags"]), str(row["some"])) == (["a", "b"], '{"x":1}')
    assert row["event_time"].isoformat() == "2024-01-02T12:00:00+00:00"


def test_integers_with_nulls_stay_integers(landed: None, instance: dg.DagsterInstance) -> None:
    of = {"metadata": {"table": "integers"}}
    with writing(WarehouseResource().path) as warehouse:
        # Of two blocks of rows, the first has no null.
        warehouse.execute(
            f"create or replace table integers as select date '{DAY}' as event_date, "
            "nullif(range, 60_000) as n from range(60_001)"
        )
    tags = {"dagster/partition": str(DAY)}
    found = given(instance, pd.DataFrame, tags=tags, of=of, **SINGLE)
    assert (str(found.dtypes["n"]), found["n"].isna().sum()) == ("Int64", 1)


def test_a_relation_has_the_warehouse_s_types_and_can_be_joined(
    landed: None, instance: dg.DagsterInstance
) -> None:
    asked = {"metadata": {"table": "by_event.Odd"}}

    @dg.asset(
        ins={
            "events": dg.AssetIn(["12345", "events"], **asked),
            "profiles": dg.AssetIn(["12345", "profiles"]),
        }
    )
    def own(
        events: duckdb.DuckDBPyRelation, profiles: duckdb.DuckDBPyRelation
    ) -> dg.MaterializeResult:
        types = dict(zip(events.columns, map(str, events.types), strict=True))
        assert (types["wide"], types["some"], types["tags"]) == ("HUGEINT", "JSON", "VARCHAR[]")
        joined = events.query("e", "select count(*) from e cross join profiles").fetchall()
        # The step may write to the warehouse that it has read.
        with writing(WarehouseResource().path, wait=0) as warehouse:
            warehouse.execute("create or replace table own as select 1 as a")
        return dg.MaterializeResult(metadata={"rows": joined[0][0]})

    defs = dg.Definitions.merge(mixpanel_definitions(start=START), dg.Definitions([own]))
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[own.key], run_config=QUIET
    )
    (made,) = result.asset_materializations_for_node("own")
    assert made.metadata["rows"].value == 6


def test_a_type_it_does_not_know_is_refused_with_those_it_does(
    landed: None, instance: dg.DagsterInstance
) -> None:
    told = given(instance, dict)
    assert "the type of the input x is dict" in told
    assert "pandas.DataFrame, polars.DataFrame, pyarrow.Table, duckdb.DuckDBPyRelation" in told


def test_it_loads_what_the_same_run_has_landed(
    account: Simulator, instance: dg.DagsterInstance
) -> None:
    account.store.set_day(DAY, [event("Open")])
    seen = []

    @dg.asset(ins={"events": dg.AssetIn(["12345", "events"])}, **SINGLE)
    def own(events: pd.DataFrame) -> None:
        seen.append(len(events))

    defs = dg.Definitions.merge(
        mixpanel_definitions(start=START),
        dg.Definitions([own], executor=dg.in_process_executor),
    )
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(["12345", "events"]), own.key],
        partition_key=str(DAY),
        run_config=QUIET,
    )
    assert (result.success, seen) == (True, [1])


def test_an_asset_that_returns_rows_to_it_is_told_how_to_write(
    account: Simulator, instance: dg.DagsterInstance
) -> None:
    @dg.asset(io_manager_key="inputs_12345")
    def own() -> int:
        return 1

    defs = dg.Definitions.merge(mixpanel_definitions(), dg.Definitions([own]))
    with pytest.raises(dg.DagsterInvariantViolationError, match=r"own: .* only reads. Write"):
        defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[own.key], run_config=QUIET
        )
