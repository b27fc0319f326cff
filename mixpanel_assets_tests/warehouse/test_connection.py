"""The file of the warehouse: who may have it open, and how it grows."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from mixpanel_assets.errors import ConfigError, SQLError
from mixpanel_assets.warehouse.connection import ROW_GROUP, reading, writing
from mixpanel_assets_tests.conftest import Tries

ROWS = 3 * ROW_GROUP
READ_AGAIN_AND_AGAIN = """
import duckdb, sys
print("reading", flush=True)
while True:
    try:
        duckdb.connect(sys.argv[1], read_only=True).close()
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
"""


def opened_by_another_process(path: Path, *, read_only: bool) -> bool:
    """Whether DuckDB lets it have the file."""
    script = f"import duckdb, sys; duckdb.connect(sys.argv[1], read_only={read_only})"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert done.returncode == 0 or "Could not set lock" in done.stderr, done.stderr
    return done.returncode == 0


def row_groups(connection: duckdb.DuckDBPyConnection, table: str) -> list[int]:
    """How many rows are in each, largest last."""
    query = (
        f"select max(count) from pragma_storage_info('{table}') group by row_group_id order by 1"
    )
    return [rows for (rows,) in connection.execute(query).fetchall()]


@contextmanager
def read_again_and_again(path: Path) -> Iterator[None]:
    """Another process opens the file whenever it can, and lets go of it."""
    command = [sys.executable, "-c", READ_AGAIN_AND_AGAIN, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "reading\n"
        try:
            yield
        finally:
            assert process.poll() is None
            process.kill()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_written_is_closed_to_other_processes_whatever_this_one_tries(
    tmp_path: Path, read_only: bool
) -> None:
    path = tmp_path / "w.duckdb"
    with writing(path):
        assert not opened_by_another_process(path, read_only=read_only)
        with suppress(duckdb.Error):
            duckdb.connect(str(path), read_only=read_only).close()
        with suppress(duckdb.Error), duckdb.connect() as other:
            other.execute(f"attach '{path}' as other")
        with writing(path):
            pass  # as another thread may
        assert not opened_by_another_process(path, read_only=read_only)
    assert opened_by_another_process(path, read_only=read_only)


def test_threads_write_to_the_same_file_at_once(tmp_path: Path) -> None:
    path, done = tmp_path / "w.duckdb", threading.Barrier(4)

    def write(n: int) -> None:
        with writing(path) as connection:
            connection.execute(f"create table t{n} as from range({ROWS})")
            done.wait(60)

    threads = [threading.Thread(target=write, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(path) as connection:
        found = [connection.execute(f"select count(*) from t{n}").fetchall() for n in range(4)]
        sizes = [row_groups(connection, f"t{n}") for n in range(4)]
    assert found == [[(ROWS,)]] * 4
    assert sizes == [[ROW_GROUP] * 3] * 4


def test_threads_that_open_and_close_the_file_all_get_their_turn(
    tmp_path: Path, tries: Tries
) -> None:
    path = tmp_path / "w.duckdb"
    with writing(path) as connection:
        connection.execute("create table t (n int)")

    def use(thread: int) -> int:
        written, chance = 0, Random(thread)
        for _ in range(tries(20, 60)):
            if chance.random() < 0.5:
                with reading(path, wait=60) as connection:
                    connection.execute("from t").fetchall()
            else:
                with writing(path, wait=60) as connection:
                    connection.execute("insert into t values (1)")
                written += 1
        return written

    with ThreadPoolExecutor(4) as pool:
        written = sum(pool.map(use, range(4)))
    with reading(path) as connection:
        assert connection.execute("select count(*) from t").fetchall() == [(written,)]


def test_a_damaged_warehouse_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with writing(path) as connection:
        connection.execute("create table t as from range(1000)")
    content = bytearray(path.read_bytes())
    for header in (4096, 8192):
        content[header + 100] ^= 255
    path.write_bytes(content)
    for open_ in (reading, writing):
        with pytest.raises(SQLError, match="checksum"), open_(path):
            pass


def test_a_writer_waits_for_readers_that_never_stop_coming(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with writing(path) as connection:
        connection.execute("create table t (n int)")
    with read_again_and_again(path):
        for n in range(20):
            with writing(path, wait=60) as connection:
                connection.execute("insert into t values (?)", [n])
    with reading(path) as connection:
        assert connection.execute("select count(distinct n) from t").fetchall() == [(20,)]


@pytest.mark.parametrize(
    "name",
    ["temp", "memory", "system", "main", "select", "w aside", "a.b c", "it's", 'a"b', "ü", ""],
)
def test_a_warehouse_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.duckdb"
    with writing(path) as connection:
        connection.execute("create view v as select 1 as one")
        connection.execute(f"create table t as from range({ROWS})")
        before = connection.execute("select current_database()").fetchall()
        with connection.cursor() as cursor:
            assert cursor.execute("select current_database()").fetchall() == before
            assert cursor.execute("from v").fetchall() == [(1,)]
        assert row_groups(connection, "t") == [ROW_GROUP] * 3
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select current_database()").fetchall() == before
        assert connection.execute("select one, count(*) from v, t group by 1").fetchall() == [
            (1, ROWS)
        ]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]  # no write-ahead log


def test_rows_of_before_stay_when_a_warehouse_goes_on_with_smaller_row_groups(
    tmp_path: Path,
) -> None:
    path, rows = tmp_path / "w.duckdb", 2 * ROW_GROUP + 50_000
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table t as select range as n, true as old from range({rows})")
    with writing(path) as connection:
        connection.execute(f"insert into t select range, false from range({rows})")
        connection.execute("delete from t where n % 3 = 0 and old")
        connection.execute("checkpoint")
        connection.execute(
            f"insert into t select range, true from range({rows}) where range % 3 = 0"
        )
    query = "select old, count(*), count(distinct n), sum(n) from t group by all order by all"
    whole = (rows, rows, rows * (rows - 1) // 2)
    with reading(path) as connection:
        assert connection.execute(query).fetchall() == [(False, *whole), (True, *whole)]
    # And on again with larger ones, in another program.
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from t where n % 2 = 0 and not old; checkpoint")
        assert connection.execute(query).fetchall()[1] == (True, *whole)


def test_a_warehouse_that_was_killed_is_whole_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    script = (
        "import os, sys; from pathlib import Path;"
        "from mixpanel_assets.warehouse.connection import writing;"
        "opened = writing(Path(sys.argv[1])); connection = opened.__enter__();"
        "connection.execute('create table t as from range(1000)'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)
    assert path.with_name("w.duckdb.wal").exists()
    with writing(path) as connection:
        assert connection.execute("select count(*) from t").fetchall() == [(1000,)]
    assert not path.with_name("w.duckdb.wal").exists()


@pytest.mark.parametrize("name", ["by_event", "Internal", "information_schema", "pg_catalog"])
@pytest.mark.parametrize("open_", [writing, reading])
def test_a_file_may_not_be_called_as_a_schema_is(
    tmp_path: Path, name: str, open_: Callable[..., Any]
) -> None:
    path = tmp_path / f"{name}.duckdb"
    path.touch()
    with pytest.raises(ConfigError, match="is a schema in it"), open_(path):
        pass


def test_duckdb_draws_no_progress_bar_on_stdout(tmp_path: Path) -> None:
    # It does so in a process without a script, such as this one.
    program = """
from pathlib import Path
from mixpanel_assets.warehouse.connection import reading, writing
path = Path("w.duckdb")
asked = "select current_setting('enable_progress_bar')"
with writing(path) as connection:
    print(*(one.execute(asked).fetchone() for one in (connection, connection.cursor())))
with reading(path) as first, reading(path) as second:
    print(*(one.execute(asked).fetchone() for one in (first, second, second.cursor())))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "(False,) (False,)\n(False,) (False,) (False,)\n"
