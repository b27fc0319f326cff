"""The floor: only the bytes, only the inflating, only DuckDB."""

from __future__ import annotations

import zlib
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import httpx
from isal import isal_zlib

from mixpanel_assets.simulator.project import Project
from mixpanel_assets.warehouse.sql import literal
from mixpanel_assets_tests.benchmarks.served import export_query
from mixpanel_assets_tests.benchmarks.task import Outcome, Task

CHUNK = 1 << 20
GZIP = 31
TABLE = "create table events (event VARCHAR, properties JSON)"


def download(task: Task) -> Outcome:
    """Every day's answer is a file, unread."""
    account = Project()
    started = perf_counter()
    with httpx.Client(auth=(account.username, account.secret), timeout=600) as client:
        for source in task.files:
            _download_day(client, task, date.fromisoformat(source.name[:10]))
    seconds = perf_counter() - started
    for path in task.files:
        assert (task.scratch / path.name).stat().st_size == path.stat().st_size
    return Outcome(_events(task), seconds)


def _download_day(client: httpx.Client, task: Task, day: date) -> None:
    query, headers = export_query(day, day), {"Accept-Encoding": "gzip"}
    address = f"{task.url}/api/2.0/export"
    path = task.scratch / f"{day}.jsonl.gz"
    with (
        path.open("wb") as file,
        client.stream("GET", address, params=query, headers=headers) as response,
    ):
        response.raise_for_status()
        for chunk in response.iter_raw():
            file.write(chunk)


def gunzip_zlib(task: Task) -> Outcome:
    """Every byte was inflated by zlib."""
    return _gunzip(task, zlib)


def gunzip_isal(task: Task) -> Outcome:
    """Every byte was inflated by ISA-L."""
    return _gunzip(task, isal_zlib)


def _gunzip(task: Task, library: Any) -> Outcome:
    started = perf_counter()
    for path in task.files:
        inflate = library.decompressobj(GZIP)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                inflate.decompress(chunk)
    return Outcome(_events(task), perf_counter() - started)


def read_json(task: Task) -> Outcome:
    """The files are a table of JSON, by one statement."""
    return _load(task, [task.files])


def read_json_by_file(task: Task) -> Outcome:
    """The files are a table of JSON, by a statement for each."""
    return _load(task, [(path,) for path in task.files])


def read_json_uncompressed(task: Task) -> Outcome:
    """The same table, stored without any compression."""
    return _load(task, [task.files], "set force_compression = 'uncompressed'")


def _load(task: Task, groups: list[tuple[Path, ...]], setting: str = "") -> Outcome:
    database = task.scratch / "plain.duckdb"
    started = perf_counter()
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"{setting}; {TABLE}" if setting else TABLE)
        for files in groups:
            connection.execute(f"insert into events select * from {_reading(files)}")
    seconds = perf_counter() - started
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute("select count(*) from events").fetchone()
    return Outcome(row[0] if row else 0, seconds, database)


def _reading(files: tuple[Path, ...]) -> str:
    names = ", ".join(literal(str(path)) for path in files)
    columns = "{event: 'VARCHAR', properties: 'JSON'}"
    return f"read_json([{names}], format = 'newline_delimited', columns = {columns})"


def _events(task: Task) -> int:
    return sum(isal_zlib.decompress(path.read_bytes(), GZIP).count(b"\n") for path in task.files)
