"""A DataFrame holds what was answered: no whole number becomes a rounded one."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

import mixpanel_assets as mp
from mixpanel_assets.results import (
    FunnelResult,
    JQLResult,
    Records,
    Result,
    SavedCohort,
    SQLResult,
)
from mixpanel_assets.results.frames import frame
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, event

LONG = 1234567890123456781
TEXT = pd.Series([""]).dtype


@pytest.fixture(scope="module")
def ws() -> Iterator[mp.Workspace]:
    """A workspace to ask for values that need no table."""
    with mp.Workspace.memory() as made:
        yield made


def asked(ws: mp.Workspace, values: str, type_: str) -> "pd.Series[Any]":
    """The column of these values, each as the type."""
    rows = ", ".join(f"(({value})::{type_})" for value in values.split(",") if value)
    query = f"from (values {rows}) as t(x)" if rows else f"select null::{type_} as x limit 0"
    return ws.sql(query)["x"]


def test_landed_integers_are_exact_beside_a_missing_one(account: Simulator) -> None:
    orders = [event("Order", **{"$insert_id": str(n)}, order_id=LONG + n) for n in range(3)]
    account.store.set_day(DAY, [*orders, event("Order")])
    with mp.Workspace() as ws:
        ws.materialize_events(DAY, DAY)
        found = ws.sql('select order_id from by_event."Order" order by 1')["order_id"]
    assert str(found.dtype) == "Int64"
    assert found.dropna().to_list() == [LONG, LONG + 1, LONG + 2]
    assert found.isna().sum() == 1


@pytest.mark.parametrize(
    ("type_", "values", "dtype"),
    [
        ("bigint", f"{LONG},null", "Int64"),
        ("bigint", f"{LONG},1", "int64"),
        ("bigint", "null,null", "Int64"),
        ("bigint", "", "int64"),
        ("tinyint", "1,null", "Int64"),
        ("uinteger", "4294967295", "int64"),
        ("ubigint", "18446744073709551615,null", "UInt64"),
        ("ubigint", "1,18446744073709551615", "uint64"),
        ("hugeint", f"{2**100},null", "object"),
        ("hugeint", "1,2", "object"),
        ("uhugeint", "null", "object"),
        ("decimal(38, 2)", "0.10,null", "object"),
        ("boolean", "true,null", "boolean"),
        ("boolean", "null", "boolean"),
        ("boolean", "true,false", "bool"),
        ("double", "0.5,null", "float64"),
        ("double", "null", "float64"),
        ("double", "", "float64"),
        ("varchar", "'a',null", TEXT),
        ("varchar", "null", TEXT),
        ("varchar", "", TEXT),
        ("timestamp", "'2024-01-02 03:04:05.678901',null", "datetime64[us]"),
        ("timestamp", "null", "datetime64[us]"),
        ("timestamptz", "'0001-01-02 03:04:05+00',null", "datetime64[us, UTC]"),
        ("timestamptz", "", "datetime64[us, UTC]"),
        ("interval", "'1 hour',null", "timedelta64[us]"),
        ("date", "'2024-01-02',null", "object"),
        ("date", "", "object"),
        ("json", "'1',null", "object"),
        ("bigint[]", f"[{LONG}],null", "object"),
        ("bigint[]", "", "object"),
    ],
)
def test_a_column_is_of_its_sql_type_whatever_is_in_it(
    ws: mp.Workspace, type_: str, values: str, dtype: str
) -> None:
    found = asked(ws, values, type_)
    assert found.dtype == dtype
    assert found.isna().to_list() == ["null" in value for value in values.split(",") if value]


def test_no_value_of_an_exact_type_is_rounded(ws: mp.Workspace) -> None:
    row = ws.sql(
        f"select {LONG}::bigint as a, {2**64 - 1}::ubigint as b, {2**126 + 1}::hugeint as c, "
        "0.10::decimal(38, 2) as d union all by name select null::bigint as a order by a nulls last"
    ).iloc[0]
    assert row.to_list() == [LONG, 2**64 - 1, 2**126 + 1, Decimal("0.10")]
    assert [type(row.c), type(row.d)] == [int, Decimal]


def test_columns_of_one_name_are_all_there(ws: mp.Workspace) -> None:
    found = ws.sql(f"select {LONG}::bigint as a, null::boolean as a, 'x' as a")
    assert list(found.columns) == ["a", "a", "a"]
    assert [str(found.iloc[:, n].dtype) for n in range(2)] == ["int64", "boolean"]
    assert found.iloc[0, 0] == LONG


def test_moments_beyond_the_calendar_are_there_as_they_came(ws: mp.Workspace) -> None:
    found = asked(ws, "'0044-03-15 (BC)','2024-01-02'", "timestamp")
    assert found.to_list()[0] == "0044-03-15 (BC) 00:00:00"


def test_a_result_of_sql_knows_the_types_of_its_columns(ws: mp.Workspace) -> None:
    found = ws.sql_rows("select 1::bigint as a, null::decimal(9, 2) as b")
    assert found.types == ["BIGINT", "DECIMAL(9,2)"]


def test_a_result_of_sql_that_is_told_no_types_is_a_table_too() -> None:
    found = SQLResult(["a", "b"], [(LONG, "x"), (None, "y")])
    assert [str(dtype) for dtype in found.df.dtypes] == ["Int64", str(TEXT)]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([LONG, None], "Int64"),
        ([LONG, 1], "int64"),
        ([2**63, None], "UInt64"),
        ([2**64, None], "object"),
        ([-1, 2**63], "object"),
        ([True, None], "boolean"),
        ([True, 1, None], "object"),
        ([0.5, 1, None], "float64"),
        ([0.5, LONG, None], "object"),
        ([None, None], "object"),
        ([], "object"),
        ([[1], None], "object"),
        (["a", None], TEXT),
    ],
)
def test_values_without_a_type_are_exact_too(values: list[Any], dtype: str) -> None:
    found = frame(["x"], [(value,) for value in values])["x"]
    assert found.dtype == dtype
    assert [None if value is None else value for value in values] == [
        None if value is pd.NA or value is None or value != value else value
        for value in found.to_list()
    ]


def test_counts_of_records_stay_whole() -> None:
    cohorts = Records(SavedCohort, [SavedCohort(1, count=LONG), SavedCohort(2)])
    assert cohorts.df["count"].dropna().to_list() == [LONG]
    assert str(cohorts.df["count"].dtype) == "Int64"


def test_a_result_without_columns_has_its_rows() -> None:
    assert JQLResult([{}]).df.shape == (1, 0)
    assert JQLResult([]).df.shape == (0, 0)


def test_a_record_of_its_own_keeps_a_missing_number_missing() -> None:
    class Pair(Result):
        items: list[tuple[int, int | None]]

        def to_rows(self) -> tuple[list[str], list[tuple[Any, ...]]]:
            return ["a", "b"], list(self.items)

    found = Pair([(1, None), (2, LONG)]).df
    assert [str(dtype) for dtype in found.dtypes] == ["int64", "Int64"]
    assert FunnelResult.df is Result.df
