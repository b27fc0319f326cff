"""Tables of people's sessions and days, beside a slow count; an ended run changes nothing."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets.warehouse.load.create import create_tables
from mixpanel_assets.warehouse.marts.people import MARTS, replace_days
from mixpanel_assets.warehouse.marts.tables import replacing
from mixpanel_assets_tests.obvious.sessions import sessions

FIRST = date(2024, 3, 9)
DAYS = [FIRST + timedelta(n) for n in range(4)]  # clocks change in New York on the 10th
DAY_MS = 86_400_000
MINUTE = 60_000
SESSIONS, USER_DAYS = MARTS

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "", None]),
        st.sampled_from(["Open", "Buy", "$identify", "$merge"]),
        st.integers(0, 3),  # the day
        # Around the edges of days, and of half an hour; None is no time.
        st.one_of(st.none(), st.sampled_from([0, 1, 29 * MINUTE, 30 * MINUTE, DAY_MS - 1]),
                  st.integers(0, DAY_MS - 1)),
    ),
    max_size=25,
)  # fmt: skip


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        create_tables(connection)
        yield connection


def land(warehouse: duckdb.DuckDBPyConnection, events: list[tuple[Any, ...]]) -> None:
    """The days have these events, and were landed just now."""
    warehouse.execute("delete from events_wide; delete from landed where dataset = 'events'")
    for person, name, day, ms in events:
        midnight = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(day)
        at = None if ms is None else midnight + timedelta(milliseconds=ms)
        warehouse.execute(
            "insert into events_wide (event_date, event_name, event_time, distinct_id) "
            "values (?, ?, ?, ?)",
            [DAYS[day], name, at, person],
        )
    for day in DAYS:
        warehouse.execute(
            "insert into landed (dataset, day, rows, loaded_at) values ('events', ?, 1, now())",
            [day],
        )


@given(EVENTS)
@settings(max_examples=60, deadline=None)
def test_they_are_what_a_slow_count_says(
    warehouse: duckdb.DuckDBPyConnection, events: list[tuple[Any, ...]]
) -> None:
    land(warehouse, events)
    for mart in MARTS:
        assert replace_days(warehouse, mart, DAYS, "UTC") == DAYS
    plain = [
        (person or None, name, None if ms is None else day * DAY_MS + ms, {})
        for person, name, day, ms in events
    ]
    slow = sessions(plain)
    expected = sorted(
        (one.events[0].at // DAY_MS, one.events[0].person, len(one.events), one.seconds)
        for one in slow
    )
    query = f"select day - date '{FIRST}', person, events, seconds from sessions order by all"
    assert warehouse.execute(query).fetchall() == expected
    counted = Counter((day, person) for person, _, day, _ in events if person)
    many = Counter((day, person) for day, person, *_ in expected)
    query = f"select day - date '{FIRST}', person, events, sessions from user_days order by all"
    assert warehouse.execute(query).fetchall() == sorted(
        (*key, count, many[key]) for key, count in counted.items()
    )


def test_sessions_are_numbered_and_timed_on_the_project_s_clock(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    noon = 12 * 60 * MINUTE
    land(warehouse, [("ann", "Open", 2, noon), ("ann", "Open", 2, noon + 60 * MINUTE)])
    replace_days(warehouse, SESSIONS, DAYS, "America/New_York")
    query = "select session, started_at::varchar from sessions order by 1"
    assert warehouse.execute(query).fetchall() == [
        (1, "2024-03-11 08:00:00"),
        (2, "2024-03-11 09:00:00"),
    ]
    replace_days(warehouse, SESSIONS, DAYS[:1], "UTC")  # another zone: all days again
    assert warehouse.execute(query).fetchall()[0] == (1, "2024-03-11 12:00:00")


def test_a_run_that_is_ended_changes_nothing(warehouse: duckdb.DuckDBPyConnection) -> None:
    land(warehouse, [("ann", "Open", day, 0) for day in range(4)])
    replace_days(warehouse, USER_DAYS, DAYS, "UTC")
    before = warehouse.execute("from user_days order by all").fetchall()

    def end() -> None:
        with replacing(warehouse, USER_DAYS.table("UTC"), DAYS[:2], ""):
            warehouse.execute(f"insert into user_days values (date '{FIRST}', 'bob', 1, 1)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        end()
    assert warehouse.execute("from user_days order by all").fetchall() == before
    query = "select sum(rows)::int from landed where dataset = 'user_days'"
    assert warehouse.execute(query).fetchall() == [(4,)]


def test_days_of_people_who_were_merged_later_are_made_again(open_warehouse: Any) -> None:
    warehouse = open_warehouse()

    def load(day: date, *sent: dict[str, Any]) -> None:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        time = int(midnight.timestamp() * 1000)
        lines = [{"event": "Visit", "properties": {"time": time, **one}} for one in sent]
        warehouse.load(*lines, day=day)

    def made(*days: date) -> list[date]:
        return replace_days(warehouse.connection, USER_DAYS, days, "UTC")

    def people() -> list[tuple[Any, ...]]:
        return warehouse.sql("select day, person from user_days order by all")

    device = {"distinct_id": "$device:D", "$device_id": "D"}
    load(DAYS[0], device)
    load(DAYS[1], {"distinct_id": "bob"})
    assert made(*DAYS[:2]) == DAYS[:2]
    assert people() == [(DAYS[0], "$device:D"), (DAYS[1], "bob")]
    assert made(DAYS[1]) == [DAYS[1]]  # nobody was merged
    load(DAYS[2], {"distinct_id": "ann", "$device_id": "D", "$user_id": "ann"})
    assert made(DAYS[2]) == [DAYS[0], DAYS[2]]
    assert people() == [(DAYS[0], "ann"), (DAYS[1], "bob"), (DAYS[2], "ann")]
    load(DAYS[2], {"distinct_id": "ann"})  # landed again, and without the link
    assert made(DAYS[2]) == [DAYS[0], DAYS[2]]
    assert people() == [(DAYS[0], "$device:D"), (DAYS[1], "bob"), (DAYS[2], "ann")]
    assert made(DAYS[2]) == [DAYS[2]]
