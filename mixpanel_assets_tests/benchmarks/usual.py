"""The usual ways to put parsed events into DuckDB: row by row, or in batches of objects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from time import perf_counter
from typing import Any

import duckdb

from mixpanel_assets_tests.benchmarks.task import Outcome, Task

ROWS_OF_A_TRANSACTION = 1_000
BATCH = 10_000
COLUMNS = (
    "event_name VARCHAR, event_time TIMESTAMP, distinct_id VARCHAR, "
    "insert_id VARCHAR {key}, properties JSON"
)


def executemany(task: Task) -> Outcome:
    """Rows were inserted one at a time into a table that refuses a second insert_id."""
    insert = "insert or ignore into events values (?, make_timestamp(? * 1000), ?, ?, ?)"
    database = task.scratch / "rows.duckdb"
    events, started = 0, perf_counter()
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table events ({COLUMNS.format(key='primary key')})")
        for batch in _batches(map(_row, task.records()), ROWS_OF_A_TRANSACTION):
            connection.execute("begin")
            connection.executemany(insert, batch)
            connection.execute("commit")
            events += len(batch)
    return Outcome(events, perf_counter() - started, database)


def pandas_batches(task: Task) -> Outcome:
    """Frames of 10,000 events were inserted."""
    import pandas

    names = ["event_name", "event_time", "distinct_id", "insert_id", "properties"]
    return _in_batches(task, lambda batch: pandas.DataFrame(batch, columns=names))


def arrow_batches(task: Task) -> Outcome:
    """Arrow tables of 10,000 events were inserted."""
    import pyarrow

    schema = pyarrow.schema(
        [
            ("event_name", pyarrow.string()),
            ("event_time", pyarrow.int64()),
            ("distinct_id", pyarrow.string()),
            ("insert_id", pyarrow.string()),
            ("properties", pyarrow.string()),
        ]
    )

    def table(batch: list[tuple[Any, ...]]) -> Any:
        rows = [dict(zip(schema.names, row, strict=True)) for row in batch]
        return pyarrow.Table.from_pylist(rows, schema=schema)

    return _in_batches(task, table)


def _in_batches(task: Task, made: Any) -> Outcome:
    database = task.scratch / "batches.duckdb"
    events, started = 0, perf_counter()
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table events ({COLUMNS.format(key='')})")
        for batch in _batches(map(_row, task.records()), BATCH):
            connection.register("batch", made(batch))
            connection.execute(
                "insert into events select event_name, make_timestamp(event_time * 1000), "
                "distinct_id, insert_id, properties from batch"
            )
            connection.unregister("batch")
            events += len(batch)
    return Outcome(events, perf_counter() - started, database)


def _row(record: dict[str, Any]) -> tuple[Any, ...]:
    properties = record["properties"]
    return (
        record["event"],
        properties["time"],
        properties.get("distinct_id", ""),
        properties.get("$insert_id") or str(uuid.uuid4()),
        json.dumps(properties, ensure_ascii=False),
    )


def _batches(rows: Iterable[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    waiting = iter(rows)
    while batch := list(islice(waiting, size)):
        yield batch
