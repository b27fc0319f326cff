"""A day is replaced whole or not at all, counted right, and free of Mixpanel's duplicates."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets.errors import (
    EventsOutsideSpanError,
    ExportIncompleteError,
    LoadError,
    MixpanelDataError,
)
from mixpanel_assets_tests.warehouse.conftest import DAY, DAY_MS, NOON, Line, Warehouse, sent

NEXT = DAY + timedelta(1)
NEW_YORK = ZoneInfo("America/New_York")
COUNTED = """
    select event_date, event_name, property, count(*)::int
    from (select *, unnest(json_keys(properties)) as property from events)
    group by all order by all
"""
RECORDED = """
    select event_date, event_name, property, sum(events)::int
    from internal.property_days group by all order by all
"""
any_example = settings.get_profile("slow")


keys = st.fixed_dictionaries(
    {},
    optional={
        "time": st.sampled_from([NOON, NOON + 1, NOON // 1000, None, "abc", "", True]),
        "distinct_id": st.sampled_from(["ann", "", None, 1, "1"]),
        "$insert_id": st.sampled_from(["i", "j", "", None, 5]),
        "mp_processing_time_ms": st.integers(NOON, NOON + 10**6),
        "plan": st.sampled_from(["pro", None, 3]),
    },
)
batches = st.lists(
    st.tuples(st.sampled_from(["E", "e", "F"]), keys).map(
        lambda pair: {"event": pair[0], "properties": pair[1]}
    ),
    max_size=12,
)


def key_of(row: dict[str, Any], number: int) -> tuple[Any, ...]:
    """Mixpanel's key, by which equal rows are one; a row without $insert_id has its own."""
    properties = row["properties"]
    if properties.get("$insert_id") in (None, ""):
        return (number,)
    time = properties.get("time")
    if type(time) is int and time < 10**11:
        time *= 1000
    who, id_ = (properties.get(name) for name in ("distinct_id", "$insert_id"))
    odd = None if time is None else str(time).lower()
    return (row["event"], None if who is None else str(who), odd, str(id_))


@any_example
@given(batch=batches)
def test_one_row_is_left_for_each_key(
    open_warehouse: Callable[..., Warehouse], batch: list[dict[str, Any]]
) -> None:
    warehouse = open_warehouse()
    (day,) = warehouse.load(*batch)
    left = len({key_of(row, number) for number, row in enumerate(batch)})
    assert (day.rows, day.duplicates) == (left, len(batch) - left)
    assert warehouse.sql("select count(*), count(distinct event_date) from events") == [
        (left, int(left > 0))
    ]


@any_example
@given(batch=batches)
def test_the_row_that_is_left_is_the_newest(
    open_warehouse: Callable[..., Warehouse], batch: list[dict[str, Any]]
) -> None:
    warehouse = open_warehouse()
    warehouse.load(*batch)
    newest: dict[Any, int] = {}
    for number, row in enumerate(batch):
        key = key_of(row, number)
        at = row["properties"].get("mp_processing_time_ms", 0)
        newest[key] = max(newest.get(key, 0), at)
    found = "select coalesce((properties->>'$.mp_processing_time_ms')::bigint, 0) from events"
    assert Counter(at for (at,) in warehouse.sql(found)) == Counter(newest.values())


@any_example
@given(loads=st.lists(st.tuples(st.integers(0, 2), batches), min_size=1, max_size=4))
def test_the_map_counts_what_the_rows_carry(
    open_warehouse: Callable[..., Warehouse], loads: list[tuple[int, list[Line]]]
) -> None:
    warehouse = open_warehouse()
    for shift, batch in loads:
        warehouse.load(*batch, day=DAY + timedelta(shift))
    assert warehouse.sql(RECORDED) == warehouse.sql(COUNTED)


def test_dropped_duplicates_with_long_numbers_are_not_counted(warehouse: Warehouse) -> None:
    warehouse.load(*[sent('"$insert_id":"i","p":0.12345678901234567890123')] * 3)
    assert warehouse.sql(RECORDED) == warehouse.sql(COUNTED)


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_dropped_duplicates_of_mended_records_are_not_counted(warehouse: Warehouse) -> None:
    warehouse.load(*[sent('"$insert_id":"i","p":"\\ud800"')] * 3)
    assert {events for *_, events in warehouse.sql(RECORDED)} == {1}


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_mended_records_with_unlike_odd_times_are_no_duplicates(warehouse: Warehouse) -> None:
    odd = '"$insert_id":"i","p":"\\ud800"'
    (day,) = warehouse.load(sent(odd, time='"abc"'), sent(odd, time='"def"'))
    assert (day.rows, day.duplicates) == (2, 0)


def test_a_day_is_replaced_and_its_neighbours_are_not(warehouse: Warehouse) -> None:
    for shift in range(3):
        warehouse.load(sent(f'"n":{shift}'), day=DAY + timedelta(shift))
    warehouse.load(sent('"n":7'), sent('"n":8'), day=NEXT)
    rows = "select event_date, (properties->>'$.n')::int from events order by all"
    assert warehouse.sql(rows) == [(DAY, 0), (NEXT, 7), (NEXT, 8), (DAY + timedelta(2), 2)]
    landed = "select day, rows from landed order by day"
    assert warehouse.sql(landed) == [(DAY, 1), (NEXT, 2), (DAY + timedelta(2), 1)]


@pytest.mark.filterwarnings("ignore:.*not Unicode")
def test_loading_again_changes_nothing_but_when_it_was_loaded(warehouse: Warehouse) -> None:
    lines = [sent('"p":1,"$insert_id":"i"'), sent('"p":"x"'), sent('"q":"\\ud800"')]
    warehouse.load(*lines)
    before = {**warehouse.everything(), "landed": []}
    warehouse.load(*lines)
    assert {**warehouse.everything(), "landed": []} == before


def test_an_emptied_day_leaves_no_row_and_no_count(warehouse: Warehouse) -> None:
    warehouse.load(sent('"p":1'))
    warehouse.load()
    assert warehouse.sql("from event_properties") == warehouse.sql("from events") == []
    assert warehouse.sql("select rows, duplicates from landed") == [(0, 0)]


def test_landed_says_what_was_landed(warehouse: Warehouse) -> None:
    line = sent('"$insert_id":"i"')
    warehouse.load(line, line)
    columns = "dataset, day, rows, duplicates, bytes, file, checksum, partial"
    name = warehouse.files[0].path.name
    assert warehouse.sql(f"select {columns} from landed") == [
        ("events", DAY, 1, 1, 2 * len(line), name, "checksum", False)
    ]


OUTSIDE = [sent(time=NOON), sent(time=NOON + 40 * DAY_MS)]
REFUSED = {
    "no event": ([sent('"new":1'), '{"error":"x"}'], DAY, ExportIncompleteError),
    "no event, mended": ([sent('"new":"\\ud800"'), "[]"], DAY, ExportIncompleteError),
    "outside": (OUTSIDE, NEXT, EventsOutsideSpanError),
    "without time": ([sent(), '{"event":"E","properties":{}}'], NEXT, EventsOutsideSpanError),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_load_that_fails_changes_nothing(warehouse: Warehouse, kind: str) -> None:
    lines, end, error = REFUSED[kind]
    warehouse.load(sent('"p":1'))
    before = warehouse.everything()
    with pytest.raises(error):
        warehouse.load(*lines, end=end)
    assert warehouse.everything() == before
    warehouse.load(sent('"p":"x"'))
    assert warehouse.sql('select p from by_event."E"') == [("x",)]


@pytest.mark.parametrize("megabytes", [20, 90])
def test_running_out_of_memory_changes_nothing(warehouse: Warehouse, megabytes: int) -> None:
    warehouse.load(sent('"p":1'))
    before = warehouse.everything()
    warehouse.connection.execute("set temp_directory = ''")
    warehouse.connection.execute(f"set memory_limit = '{megabytes}MB'")
    with pytest.raises(LoadError) as raised:
        warehouse.load(*(sent(f'"p":"{n}{"x" * 500}"') for n in range(60_000)))
    assert "MP_MEMORY_LIMIT" in str(raised.value.hint)
    warehouse.connection.execute("set memory_limit = '1GB'")
    assert warehouse.everything() == before
    warehouse.load(sent('"p":2'))
    assert warehouse.sql("select count(*) from events") == [(1,)]


def test_a_file_that_is_no_gzip_changes_nothing_and_is_named(warehouse: Warehouse) -> None:
    warehouse.load(sent('"p":1'))
    before, file = warehouse.everything(), warehouse.files[0]
    file.path.write_bytes(b"no gzip")
    with pytest.raises(MixpanelDataError):
        warehouse.load_anew([file])
    assert warehouse.everything() == before


TIMES = {
    "1704196800": "2024-01-02 12:00:00+00",
    "1704196800.5": "2024-01-02 12:00:00.5+00",
    "1704196800001": "2024-01-02 12:00:00.001+00",
    '"1704196800"': "2024-01-02 12:00:00+00",
    "-1": "1969-12-31 23:59:59+00",
    "0": "1970-01-01 00:00:00+00",
    "253402214400000": "9999-12-31 00:00:00+00",
    "-62135510400000": "0001-01-02 00:00:00+00",
    **dict.fromkeys(["253402300800000", "1e20", "-1e20", "1e400", "1" + "0" * 50, "NaN"]),
    **dict.fromkeys(['""', '"abc"', '"nan"', '"2024-01-02"', "null", "true", "{}", "[1]"]),
}


@pytest.mark.parametrize("time", TIMES)
def test_a_time_is_a_time_or_null_and_its_row_is_kept(replaced: Warehouse, time: str) -> None:
    replaced.load(f'{{"event":"E","properties":{{"time":{time}}}}}')
    query = "select event_date, event_time::varchar, properties::varchar from events"
    assert replaced.sql(query) == [(DAY, TIMES[time], f'{{"time":{time}}}')]


def wall(day: date, hour: int) -> int:
    """Half past the hour on the project's clocks, as an older project sends it."""
    return int(datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("day", [date(2024, 3, 10), date(2024, 7, 1), date(2024, 11, 3)])
def test_the_times_of_an_older_project_are_utc_and_its_days_local(
    open_warehouse: Callable[..., Warehouse], day: date
) -> None:
    warehouse = open_warehouse(project_timezone="America/New_York")
    hours = [hour for hour in range(24) if hour not in (1, 2)]  # repeated or skipped at a change
    warehouse.load(*(sent(time=wall(day, hour)) for hour in hours), day=day, end=day + timedelta(1))
    query = "select event_date, event_time, (properties->>'$.time')::bigint from events order by 2"
    assert warehouse.sql(query) == [
        (day, datetime(day.year, day.month, day.day, hour, 30, tzinfo=NEW_YORK), wall(day, hour))
        for hour in hours
    ]


def test_the_hour_that_clocks_repeat_is_read_as_standard_time(
    open_warehouse: Callable[..., Warehouse],
) -> None:
    warehouse = open_warehouse(project_timezone="America/New_York")
    warehouse.load(sent(time=wall(date(2024, 11, 3), 1)), day=date(2024, 11, 3))
    query = "select event_time::varchar from events"
    assert warehouse.sql(query) == [("2024-11-03 06:30:00+00",)]


def test_times_that_differ_as_sent_are_no_duplicates(
    open_warehouse: Callable[..., Warehouse],
) -> None:
    warehouse = open_warehouse(project_timezone="America/New_York")
    times = [wall(date(2024, 3, 10), hour) for hour in (2, 3)]
    (day,) = warehouse.load(*(sent('"$insert_id":"i"', time=time) for time in times))
    assert (day.rows, day.duplicates) == (2, 0)


def test_a_time_at_the_end_of_years_can_be_fetched(
    open_warehouse: Callable[..., Warehouse],
) -> None:
    warehouse = open_warehouse(project_timezone="America/New_York")
    warehouse.load(sent(time=253402300799999))
    ((found,),) = warehouse.sql("select event_time from events")
    assert found is None or isinstance(found, datetime)


def test_every_view_shows_its_rows_after_every_widening(warehouse: Warehouse) -> None:
    kinds = ["null", "1", "0.5", str(2**60), "true", '["a"]', "[1]", "{}", '"x"']
    for shift, value in enumerate(kinds):
        event = json.dumps(f"E{shift % 2}")
        warehouse.load(sent(f'"p":{value}', event=event), day=DAY + timedelta(shift))
        shown = sum(
            len(warehouse.sql(f'from by_event."{view}"')) for view in warehouse.views().values()
        )
        assert shown == shift + 1
        assert len(warehouse.sql("from event_properties")) == 2 * min(shift + 1, 2)


def test_the_map_and_the_views_agree_about_every_type(
    open_warehouse: Callable[..., Warehouse],
) -> None:
    warehouse = open_warehouse(max_property_columns=1)
    warehouse.load(sent('"p":1,"q":1'))
    warehouse.load(sent('"p":"x","q":"x"', event='"F"'), day=NEXT)
    mapped = "select column_name, type from event_properties where event_name = 'E' order by 1"
    viewed = 'select column_name, column_type from (describe by_event."E") order by 1'
    described = warehouse.sql(viewed)
    assert [row for row in warehouse.sql(mapped) if row not in described] == [
        ("event_time", "TIMESTAMPTZ")
    ]


def test_a_reader_sees_the_same_views_after_the_file_is_closed(warehouse: Warehouse) -> None:
    warehouse.load(sent('"p":1'))
    warehouse.load(sent('"p":"x"', event='"F"'), day=NEXT)
    before = warehouse.everything()
    warehouse.connection.close()
    warehouse.connection = duckdb.connect(warehouse.home / "warehouse.duckdb", read_only=True)
    warehouse.connection.execute("set TimeZone = 'UTC'")
    assert warehouse.everything() == before
    warehouse.connection.close()


def test_a_view_of_many_computed_properties_can_be_read(warehouse: Warehouse) -> None:
    warehouse.load(sent(",".join(f'"p{n}":"x"' for n in range(3000))))
    ((*_, last),) = warehouse.sql('from by_event."E"')
    assert last == "x"


def test_a_view_is_small_however_many_properties_are_computed(
    open_warehouse: Callable[..., Warehouse],
) -> None:
    warehouse = open_warehouse(max_property_columns=1)
    warehouse.load(sent(",".join(f'"p{n}":"x"' for n in range(100))))
    ((size,),) = warehouse.sql("select sum(length(definition)) from internal.event_views")
    assert size // 100 < 300
