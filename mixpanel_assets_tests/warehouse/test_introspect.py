"""What is said about landed data is what is in it; a name that is nowhere has near ones."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mixpanel_assets.errors import (
    EventNotFoundError,
    MixpanelDataError,
    PropertyNotFoundError,
    SQLError,
    TableNotFoundError,
)
from mixpanel_assets.results import EventStats, TableInfo
from mixpanel_assets.warehouse.ask import tables
from mixpanel_assets.warehouse.connection import reading, writing
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.warehouse.conftest import DAY, STORY, Warehouse, asked, each

NEXT = DAY + timedelta(1)
NOON_OF_DAY = datetime(2024, 1, 2, 12, tzinfo=UTC)


def test_tables_are_listed_with_their_rows_and_their_last_load(
    story: duckdb.DuckDBPyConnection,
) -> None:
    found = local.tables(story)
    ((loaded,),) = story.execute("select max(loaded_at) from landed").fetchall()
    assert found == [
        TableInfo("event_properties", "view", 8, None),
        TableInfo("events", "events", 5, loaded),
        TableInfo("events_wide", "events", 5, loaded),
        TableInfo("identities", "view", 0, None),
        TableInfo("landed", "table", 2, None),
    ]


def test_info_says_where_the_warehouse_is_and_how_large(warehouse: Warehouse) -> None:
    warehouse.load(*STORY, end=NEXT)
    path = warehouse.home / "warehouse.duckdb"
    with asked(warehouse) as connection:
        found = tables.info(connection, path, project_id="1", region="eu", account="a")
        ((first,),) = connection.execute("select min(loaded_at) from landed").fetchall()
    assert (found.path, found.project_id, found.region, found.account) == (
        *(str(path), "1", "eu", "a"),
    )
    assert found.tables == ["event_properties", "events", "events_wide", "identities", "landed"]
    assert found.size_mb == round(path.stat().st_size / 1e6, 3)
    assert found.created_at == first


def test_a_warehouse_without_tables_has_none(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    duckdb.connect(str(path)).close()
    with reading(path) as connection:
        assert local.tables(connection) == []
        assert tables.info(connection, path).tables == []
        with pytest.raises(TableNotFoundError) as failed:
            local.sample(connection)
    assert failed.value.hint == "nothing is landed yet: mp materialize events --from 7d"


def test_a_schema_says_what_columns_mean(story: duckdb.DuckDBPyConnection) -> None:
    found = local.table_schema(story)
    assert [column.name for column in found.columns][-1] == "properties"
    assert found.columns[1].to_dict() == {
        "name": "event_name",
        "type": "VARCHAR",
        "nullable": True,
        "primary_key": False,
        "description": "which event it is",
    }


@pytest.mark.parametrize("name", ["by_event.Buy", 'by_event."Buy"', "by_event.buy"])
def test_the_view_of_an_event_is_a_table_too(story: duckdb.DuckDBPyConnection, name: str) -> None:
    columns = local.table_schema(story, name).columns
    assert [(c.name, c.type) for c in columns][-2:] == [("amount", "DOUBLE"), ("tags", "VARCHAR[]")]
    assert columns[0].description == "the day Mixpanel exported the event under; the partition"
    assert len(local.sample(story, name)) == 1


def test_a_primary_key_shows(tmp_path: Path) -> None:
    with writing(tmp_path / "w.duckdb") as connection:
        connection.execute("create table t (a int primary key, b int not null, c int)")
    with reading(tmp_path / "w.duckdb") as connection:
        columns = local.table_schema(connection, "t").columns
    told = [(column.name, column.primary_key, column.nullable) for column in columns]
    assert told == [("a", True, False), ("b", False, False), ("c", False, True)]


def test_a_sample_has_as_many_rows_as_asked_for_or_all(story: duckdb.DuckDBPyConnection) -> None:
    assert [len(local.sample(story, n=n)) for n in (0, 2, 100)] == [0, 2, 5]
    names = local.sample(story, n=100).df.event_name
    assert sorted(names) == ["Buy", "Open", "Open", "Open", "Open"]


def test_a_summary_has_every_column(story: duckdb.DuckDBPyConnection) -> None:
    found = local.summarize(story)
    assert (found.table, found.row_count, len(found.columns)) == ("events", 5, 10)
    by_name = {column.column_name: column for column in found.columns}
    assert by_name["distinct_id"].null_percentage == 20.0
    assert (by_name["event_name"].min, by_name["event_name"].max) == ("Buy", "Open")
    assert by_name["event_date"].avg == "2024-01-02 14:24:00"  # of 2, 2, 3, 3, 3 January


def test_a_person_is_asked_for_like_a_column(story: duckdb.DuckDBPyConnection) -> None:
    found = local.column_stats(story, "person")
    assert (found.count, found.null_count, found.top_values) == (4, 1, [("ann", 3), ("bob", 1)])
    assert local.event_breakdown(story, where="person = 'ann'").total_events == 3
    columns = local.table_schema(story, "events").columns
    (meaning,) = [column.description for column in columns if column.name == "person"]
    assert str(meaning).startswith("the id of the person")


def test_a_summary_has_numbers_where_columns_have(story: duckdb.DuckDBPyConnection) -> None:
    (amount,) = [c for c in local.summarize(story, "by_event.Buy").columns if c.avg == 9.5]
    assert (amount.column_name, amount.min, amount.std, amount.count) == ("amount", "9.5", None, 1)


def test_keys_are_those_that_were_sent(story: duckdb.DuckDBPyConnection) -> None:
    every = ["amount", "distinct_id", "n", "plan", "tags", "time"]
    assert local.property_keys(story) == every
    assert local.property_keys(story, event="Buy") == [every[0], every[1], *every[4:]]


# What DuckDB calls the type of a bare null: 1.5 says INTEGER.
NULL_TYPE = duckdb.execute("describe select null").fetchall()[0][1].strip('"')

# What is asked for: its type, values, nulls, distinct values, the commonest, least, most, mean.
COLUMNS = {
    "plan": ("VARCHAR", 3, 2, 2, [("free", 2), ("pro", 1)], "free", "pro", None),
    "EVENT_NAME": ("VARCHAR", 5, 0, 2, [("Open", 4), ("Buy", 1)], "Buy", "Open", None),
    "n": ("BIGINT", 3, 2, 3, [(1, 1), (3, 1)], 1, 8, 4.0),
    "properties->'n'": ("JSON", 3, 2, 3, [("1", 1), ("3", 1)], None, None, None),
    "tags": ("VARCHAR[]", 1, 4, 1, [(["a"], 1)], None, None, None),
    "event_name": ("VARCHAR", 5, 0, 2, [("Open", 4), ("Buy", 1)], "Buy", "Open", None),
    "event_date": ("DATE", 5, 0, 2, [(NEXT, 3), (DAY, 2)], DAY, NEXT, None),
    "distinct_id is null -- nobody": (
        "BOOLEAN",
        5,
        0,
        2,
        [(False, 4), (True, 1)],
        False,
        True,
        None,
    ),
    "count(*)": ("BIGINT", 1, 0, 1, [(5, 1)], 5, 5, 5.0),
    "null": (NULL_TYPE, 0, 5, 0, [], None, None, None),
    "'nan'::double": ("DOUBLE", 5, 0, 1, "nan", "nan", "nan", None),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_or_an_expression_is_told_in_numbers(
    story: duckdb.DuckDBPyConnection, column: str
) -> None:
    found = local.column_stats(story, column, top_n=2)
    dtype, count, nulls, unique, top, least, most, mean = COLUMNS[column]
    assert (found.table, found.column, found.dtype) == ("events", column, dtype)
    assert (found.count, found.null_count, found.unique_count) == (count, nulls, unique)
    assert found.null_pct == round(100 * nulls / (count + nulls), 2)
    assert found.mean == mean
    if top != "nan":
        assert (found.top_values, found.min, found.max) == (top, least, most)


def test_the_spread_of_a_column_is_that_of_a_sample(story: duckdb.DuckDBPyConnection) -> None:
    assert local.column_stats(story, "n").std == pytest.approx(13**0.5)  # of 1, 3, 8
    assert local.column_stats(story, "amount").std is None


@pytest.mark.parametrize("numbers", [("1e300", "-1e300"), ("1e300", "5"), ("1.7e308", "1.7e308")])
def test_numbers_whose_spread_no_number_holds_have_none(
    warehouse: Warehouse, numbers: tuple[str, str]
) -> None:
    warehouse.load(*each(*numbers))
    with asked(warehouse) as connection:
        found = local.column_stats(connection, "p::double")
        summary = local.numeric_summary(connection, "E", "p")
    assert (found.count, found.std, summary.count, summary.stddev) == (2, None, 2, None)
    assert found.max == summary.max == max(map(float, numbers))


def test_a_column_of_a_property_that_was_always_null_is_null(warehouse: Warehouse) -> None:
    warehouse.load(*each("null", "null"))
    with asked(warehouse) as connection:
        found = local.column_stats(connection, "p")
    assert (found.dtype, found.count, found.null_pct, found.unique_pct) == (
        "VARCHAR",
        0,
        100.0,
        0.0,
    )


@pytest.mark.filterwarnings("ignore:.*has no rows")
def test_an_emptied_table_has_columns_and_no_rows(warehouse: Warehouse) -> None:
    warehouse.load(*STORY[:2])
    warehouse.load()
    with asked(warehouse) as connection:
        assert local.summarize(connection).row_count == 0
        assert local.summarize(connection).columns[0].null_percentage is None
        assert local.sample(connection).rows == []
        assert local.property_keys(connection) == []
        found = local.column_stats(connection, "plan")
    assert (found.count, found.null_count, found.null_pct, found.top_values) == (0, 0, 0.0, [])


def test_a_fetched_table_is_looked_at_by_its_json(named: duckdb.DuckDBPyConnection) -> None:
    assert [(t.name, t.type, t.row_count) for t in local.tables(named)] == [
        ("buys", "events", 3),
        ("profiles", "profiles", 2),
    ]
    assert local.property_keys(named, "buys") == ["Plan", "amount", 'o"k', "plan", "time"]
    assert local.property_keys(named, "profiles") == ["$name", "plan"]
    assert local.column_stats(named, "plan", "profiles").top_values == [("a", 1), ("b", 1)]
    assert local.column_stats(named, "$name", "profiles").top_values == [("Ann", 1)]
    assert local.column_stats(named, "amount", "buys").top_values == [("2.5", 1), ("4", 1)]


# What is asked: the error, and the names that may have been meant.
MISTAKES: dict[str, tuple[Callable[[Any], Any], type[MixpanelDataError], list[str]]] = {
    "table": (lambda w: local.sample(w, "evnts_wide"), TableNotFoundError, ["events_wide"]),
    "view": (
        lambda w: local.table_schema(w, 'by_event."buys"'),
        TableNotFoundError,
        ["by_event.Buy"],
    ),
    "internal": (lambda w: local.sample(w, "internal.settings"), TableNotFoundError, []),
    "event": (lambda w: local.property_keys(w, event="OPEN"), EventNotFoundError, ["Open"]),
    "property": (lambda w: local.column_stats(w, "plam"), PropertyNotFoundError, ["plan"]),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_name_that_is_nowhere_has_near_ones(story: duckdb.DuckDBPyConnection, what: str) -> None:
    ask, kind, near = MISTAKES[what]
    with pytest.raises(kind) as failed:
        ask(story)
    (told,) = [v for name, v in failed.value.details.items() if name.startswith("similar_")]
    assert told[: len(near)] == near
    assert len(told) <= 5
    assert failed.value.hint
    assert failed.value.exit_code == 4


def test_keys_of_an_event_are_of_a_table_of_events(story: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(TableNotFoundError) as failed:
        local.property_keys(story, "landed")
    assert failed.value.hint == "tables of events: events, events_wide"


@pytest.mark.parametrize(
    "expression",
    ["foo(", "1) from landed; drop table landed; --", "read_text('/etc/passwd')", "getenv('HOME')"],
)
def test_an_expression_can_only_read_the_warehouse(
    story: duckdb.DuckDBPyConnection, expression: str
) -> None:
    with pytest.raises(SQLError):
        local.column_stats(story, expression)


@pytest.mark.parametrize("cap", [0, 256])
def test_any_name_is_asked_for_as_it_is(open_warehouse: Callable[..., Warehouse], cap: int) -> None:
    warehouse = open_warehouse(max_property_columns=cap)
    names = ['a"b', "a'b", "a.b", "$x y", "select", "a)--"]
    warehouse.load(*(line for name in names for line in each("1", "2", name=name)))
    with asked(warehouse) as connection:
        for name in names:
            assert local.column_stats(connection, name).top_values == [(1, 1), (2, 1)]
        assert {*names} <= {*local.property_keys(connection)}


def test_a_result_is_data_a_frame_and_a_short_text(story: duckdb.DuckDBPyConnection) -> None:
    found = local.event_breakdown(story)
    assert found.events[1] == EventStats(
        "Buy", 1, 1, *2 * (NOON_OF_DAY + timedelta(1),), pct_of_total=20.0
    )
    assert found.to_dict()["events"][1]["first_seen"] == "2024-01-03T12:00:00+00:00"
    assert found.df is found.df
    assert list(found.df["event_name"]) == ["Open", "Buy"]
    assert repr(found).startswith("EventBreakdownResult(table='events', total_events=5, ")
    assert len(repr(local.summarize(story))) < 100
    assert "<td>Open</td>" in found._repr_html_()
    with pytest.raises(AttributeError):
        found.table = "x"  # type: ignore[misc]


def test_days_are_plain_text_in_a_dict(story: duckdb.DuckDBPyConnection) -> None:
    found = local.column_stats(story, "event_date").to_dict()
    assert (found["min"], found["max"]) == ("2024-01-02", "2024-01-03")
    assert found["top_values"][0] == {"value": "2024-01-03", "count": 3}
    assert date.fromisoformat(found["min"]) == DAY


def test_more_columns_are_summarized_than_fit_into_memory_at_once(tmp_path: Path) -> None:
    columns = ", ".join(f"'{n} of ' || range % {n + 2} as c{n}" for n in range(200))
    with writing(tmp_path / "w.duckdb") as connection:
        connection.execute(f"create table wide as select {columns} from range(2048)")
    with reading(tmp_path / "w.duckdb", threads=1) as connection:
        wanted = connection.execute("summarize wide").fetchall()
    with reading(tmp_path / "w.duckdb", threads=1, memory_limit="30MB") as connection:
        with pytest.raises(duckdb.OutOfMemoryException):
            connection.execute("summarize wide").fetchall()
        found = local.summarize(connection, "wide")
    assert found.row_count == 2048
    own = ("column_name", "column_type", "min", "max", "approx_unique", "count")
    assert [tuple(getattr(column, name) for name in own) for column in found.columns] == [
        (*row[:5], row[10]) for row in wanted
    ]


def test_a_column_too_large_for_memory_is_an_error(tmp_path: Path) -> None:
    with writing(tmp_path / "w.duckdb") as connection:
        connection.execute("create view large as select 1 as a, repeat('x', 90000000) as b")
    with (
        reading(tmp_path / "w.duckdb", memory_limit="30MB") as connection,
        pytest.raises(SQLError, match="Out of Memory"),
    ):
        local.summarize(connection, "large")
