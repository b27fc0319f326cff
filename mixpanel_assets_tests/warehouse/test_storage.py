"""What a load costs on disk: what is there already is not written again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mixpanel_assets_tests.warehouse.conftest import DAY, NOON, Warehouse

MORE_THAN_A_ROW_GROUP = 130_000


def many(day: int) -> bytes:
    """Events of a day, each of its own time."""
    first = NOON + day * 86_400_000
    line = '{"event":"E","properties":{"time":%d,"distinct_id":"d%d","$insert_id":"i%d"}}\n'
    return "".join(line % (first + n, n, n) for n in range(MORE_THAN_A_ROW_GROUP)).encode()


def blocks(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Where the rows are in the file."""
    warehouse.sql("checkpoint")
    return warehouse.sql(
        "select row_group_id, count, block_id, block_offset from pragma_storage_info('events_wide')"
        " where column_name = 'properties' and segment_type <> 'VALIDITY' order by all"
    )


def test_days_that_are_added_leave_the_days_before_them_where_they_are(
    open_warehouse: Callable[..., Warehouse],
) -> None:
    warehouse = open_warehouse()
    warehouse.load_bytes(many(0))
    before = blocks(warehouse)
    warehouse.load_bytes(many(1), day=DAY + timedelta(1))
    assert blocks(warehouse)[: len(before)] == before


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
    for n in range(20):
        warehouse.load_bytes(b"\n".join(many(n).splitlines()[:100]) + b"\n", DAY + timedelta(n))
        warehouse.sql("checkpoint")
    assert len({row[0] for row in blocks(warehouse)}) < 5


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
