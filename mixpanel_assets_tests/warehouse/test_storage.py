"""What a load costs on disk: what is there already is not written again."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_assets.warehouse.connection import ROW_GROUP, writing
from mixpanel_assets.warehouse.load.events import MERGED_AFTER
from mixpanel_assets.warehouse.load.stage import row_group_ends
from mixpanel_assets_tests.conftest import long
from mixpanel_assets_tests.warehouse.conftest import DAY, NOON, Warehouse

MORE_THAN_A_ROW_GROUP = 130_000
MORE_THAN_SIX = 270_000


@cache
def many(day: int, events: int = MORE_THAN_A_ROW_GROUP) -> bytes:
    """Events of a day, each of its own time."""
    first = NOON + day * 86_400_000
    line = '{"event":"E","properties":{"time":%d,"distinct_id":"d%d","$insert_id":"i%d"}}\n'
    return "".join(line % (first + n, n, n) for n in range(events)).encode()


WHERE_ROWS_ARE = """
select row_group_id, count, block_id, block_offset from pragma_storage_info('events_wide')
where column_name = 'properties' and segment_type <> 'VALIDITY' order by all
"""


def blocks(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Where the rows are in the file."""
    warehouse.sql("checkpoint")
    return warehouse.sql(WHERE_ROWS_ARE)


def test_days_that_are_added_leave_the_days_before_them_where_they_are(
    open_warehouse: Callable[..., Warehouse],
) -> None:
    warehouse = open_warehouse()
    warehouse.load_bytes(many(0))
    before = blocks(warehouse)
    warehouse.load_bytes(many(1), day=DAY + timedelta(1))
    assert blocks(warehouse)[: len(before)] == before


def land_and_close(home: Path, day: int, events: int) -> set[tuple[Any, ...]]:
    """Lands a day with two threads, as `mp` does; where the rows are in the file afterwards."""
    with writing(home / "warehouse.duckdb", threads=2) as connection:
        Warehouse(home, connection).load_bytes(many(day, events), DAY + timedelta(day))
    return places(home)


def places(home: Path) -> set[tuple[Any, ...]]:
    """Where in the file the row groups are, and how many rows each has."""
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        return {row[1:] for row in connection.execute(WHERE_ROWS_ARE).fetchall()}


def test_a_small_day_after_large_ones_leaves_those_where_they_are(tmp_path: Path) -> None:
    land_and_close(tmp_path, 0, MORE_THAN_A_ROW_GROUP)
    before = land_and_close(tmp_path, 1, MORE_THAN_A_ROW_GROUP)
    assert before < land_and_close(tmp_path, 2, 100)


@pytest.fixture(scope="module")
def two_large_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a warehouse with two large days, to be copied."""
    home = tmp_path_factory.mktemp("large")
    for day in range(2):
        land_and_close(home, day, MORE_THAN_SIX)
    return home / "warehouse.duckdb"


@pytest.mark.parametrize("what", ["merged", "replaced"])
def test_small_days_are_merged_and_replaced_without_writing_large_ones_anew(
    tmp_path: Path, two_large_days: Path, what: str
) -> None:
    shutil.copy(two_large_days, tmp_path)
    before = places(tmp_path)
    days = [*range(2, MERGED_AFTER)] if what == "merged" else [2, 2, 2, 2]
    for day in days:
        after = land_and_close(tmp_path, day, 100)
    assert len(after) <= len(before) + 1
    assert len(before & after) > 0.7 * len(before)


@pytest.mark.parametrize("events", [long(113_000), MORE_THAN_A_ROW_GROUP, long(170_000)])
def test_whatever_else_is_written_leaves_most_of_the_days_where_they_are(
    tmp_path: Path, events: int
) -> None:
    for day in range(4):
        before = land_and_close(tmp_path, day, events)
    with writing(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("create table other as select 1")
    assert len(before & places(tmp_path)) >= len(before) / 2


def test_a_day_that_is_replaced_again_and_again_does_not_make_the_file_grow(
    open_warehouse: Callable[..., Warehouse],
) -> None:
    warehouse = open_warehouse()
    path = warehouse.home / "warehouse.duckdb"
    sizes = []
    for _ in range(5):
        warehouse.load_bytes(many(0))
        warehouse.sql("checkpoint")
        sizes.append(path.stat().st_size)
    assert max(sizes) < 2.5 * sizes[0]  # the old rows and the new ones, for a moment


def test_many_small_days_share_their_row_groups(warehouse: Warehouse) -> None:
    most = 0
    for n in range(3 * MERGED_AFTER):
        warehouse.load_bytes(many(n, 100), DAY + timedelta(n))
        most = max(most, len({row[0] for row in blocks(warehouse)}))
    assert most <= MERGED_AFTER + 2


@pytest.mark.parametrize("events", [113_000, 230_000])
def test_a_load_leaves_one_row_group_that_is_not_full(tmp_path: Path, events: int) -> None:
    lines = many(0, events).splitlines(keepends=True)
    with writing(tmp_path / "warehouse.duckdb", threads=2) as connection:
        (day,) = Warehouse(tmp_path, connection).load_bytes(b"".join([*lines, *lines[::400]]))
    assert (day.rows, day.duplicates) == (events, len(lines[::400]))
    sizes = sorted(size for size, *_ in places(tmp_path))
    assert sum(sizes) == events
    assert min(sizes[1:]) > 0.95 * ROW_GROUP


@pytest.mark.parametrize(
    ("rows", "threads", "ends"),
    [
        (0, 2, []),
        (80_000, 2, []),
        (150_000, 1, []),
        (150_000, 2, [2]),
        (150_000, 8, [1, 2]),
        (2 * ROW_GROUP, 2, [1]),
        (7 * ROW_GROUP, 3, [2, 5]),
    ],
)
def test_threads_share_whole_row_groups(rows: int, threads: int, ends: list[int]) -> None:
    assert row_group_ends(rows, threads) == [ROW_GROUP * end for end in ends]


@given(rows=st.integers(0, 10**7), threads=st.integers(1, 64))
def test_each_thread_has_a_whole_row_group_and_the_last_one_what_is_left(
    rows: int, threads: int
) -> None:
    ends = row_group_ends(rows, threads)
    shares = [end - start for start, end in pairwise([0, *ends, rows])]
    assert len(shares) == max(1, min(threads, rows // ROW_GROUP))
    assert all(share % ROW_GROUP == 0 for share in shares[:-1])
    assert not ends or min(shares) >= ROW_GROUP
    assert max(shares) - min(shares) <= 2 * ROW_GROUP


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_however_many_threads_load_a_day_each_event_is_there_once(
    warehouse: Warehouse, threads: int
) -> None:
    warehouse.sql(f"set threads = {threads}")
    lines = many(0).splitlines(keepends=True)
    (day,) = warehouse.load_bytes(b"".join([*lines, *lines[::1000]]))
    assert (day.rows, day.duplicates) == (MORE_THAN_A_ROW_GROUP, len(lines[::1000]))
    everyone = (MORE_THAN_A_ROW_GROUP,) * 3
    assert warehouse.sql(
        "select count(*), count(distinct insert_id), count(distinct distinct_id) from events_wide"
    ) == [everyone]
    assert warehouse.sql("select distinct events from event_properties") == [everyone[:1]]
