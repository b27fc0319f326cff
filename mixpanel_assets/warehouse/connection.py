"""The DuckDB file: one process writes or many read; a lock is waited for, and its holder named."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from mixpanel_assets.errors import (
    ConfigError,
    DatabaseLockedError,
    LoadError,
    MixpanelDataError,
    SQLError,
    no_warehouse,
)
from mixpanel_assets.settings import make_private_folder
from mixpanel_assets.warehouse.sql import Connection, literal, number, quoted

OpenWarehouse = Callable[[], AbstractContextManager[Connection]]

SCHEMA_VERSION = 4  # of the tables: see create.py

WRITER_WAIT = 900.0  # another load may be a large one
READER_WAIT = 10.0
FIRST_RETRY, LONGEST_RETRY = 0.02, 0.5
INTERRUPT_AGAIN = 0.1

# DuckDB 2.0 draws one after two seconds, on stdout, which is for answers.
NO_PROGRESS_BAR = "set enable_progress_bar = false"
IN_UTC = "set global TimeZone = 'UTC'"  # for cursors of a connection, too

SCHEMAS = ("by_event", "internal", "information_schema", "pg_catalog")

# Another process has the file, or this one has it open the other way (for reading or for writing),
# or is just opening or closing it. Not "lock" alone: errors of damage speak of a block.
IN_USE = "set lock|different configuration|file handle conflict"

# Rows that DuckDB compresses together, which is one core's work, and most loads are of a few
# hundred thousand. A third of its default, so that what one thread reads of temp.stage at a time
# fills whole ones.
ROW_GROUP = 40_960


@contextmanager
def writing(
    path: Path,
    *,
    memory_limit: str = "1GB",
    threads: int | None = None,
    wait: float = WRITER_WAIT,
    note: Callable[[str], None] = lambda message: None,
) -> Iterator[Connection]:
    """The warehouse, open for this process alone; it is created if it is missing.

    DatabaseLockedError when another process keeps it for `wait` seconds, ConfigError when a newer
    version created it, or it has the name of a schema.
    """
    make_private_folder(path.parent)
    # A column compressed with zstd is stored uncompressed, silently, in an older format.
    config = _config(memory_limit, threads) | {"storage_compatibility_version": "v1.2.0"}
    opening = partial(_open_to_write, path, config)
    with _opened(path, opening, wait=wait, note=note) as connection:
        with suppress(duckdb.InvalidInputException):  # Jupyter without ipywidgets has none
            connection.execute(NO_PROGRESS_BAR)
        connection.execute(IN_UTC)
        # What is loaded is in order already, and goes in with every core when it need not stay so.
        connection.execute("set preserve_insertion_order = false")
        yield connection


@contextmanager
def reading(
    path: Path,
    *,
    memory_limit: str = "1GB",
    threads: int | None = None,
    wait: float = READER_WAIT,
    timeout: float | None = None,
    spilling: bool = False,
) -> Iterator[Connection]:
    """The warehouse, open for reading, and closed to everything else.

    DuckDB itself refuses writes, files, the network, extensions and settings. What needs more than
    the memory limit fails, unless it may spill into files beside the warehouse; then statements
    can write there too, so they must be our own. After `timeout` seconds what runs is interrupted.
    DatabaseNotFoundError when there is no warehouse yet, DatabaseLockedError when a load keeps it
    for `wait` seconds, ConfigError when a newer version created it.
    """
    if not path.exists():
        raise no_warehouse(path)
    config = _config(memory_limit, threads)
    opening = partial(duckdb.connect, str(path), read_only=True, config=config)
    with _opened(path, opening, wait=wait) as connection:
        _close_in(connection, spilling=spilling)
        # A cursor has no progress bar, and the setting can't be changed for a second reader.
        with (
            connection.cursor() as cursor,
            interrupted_after(cursor, timeout),
            _held(cursor),
        ):
            yield cursor


@contextmanager
def saving(
    path: Path,
    part: Path,
    *,
    memory_limit: str = "1GB",
    threads: int | None = None,
    wait: float = READER_WAIT,
    timeout: float | None = None,
) -> Iterator[Connection]:
    """The warehouse as in `reading`, and one file that a COPY of ours may write.

    A statement of others must be one SELECT within it.
    """
    opening = partial(_open_to_save, path, part, _config(memory_limit, threads))
    with (
        _opened(path, opening, wait=wait) as connection,
        interrupted_after(connection, timeout),
        _held(connection),
    ):
        yield connection


def in_memory(path: Path, *, memory_limit: str = "1GB", threads: int | None = None) -> Connection:
    """A database in memory, which spills into files beside the warehouse at the path."""
    spill = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    config = _config(memory_limit, threads) | {"temp_directory": str(spill)}
    connection = duckdb.connect(config=config)
    connection.execute(NO_PROGRESS_BAR)
    connection.execute(IN_UTC)
    return connection


def _config(memory_limit: str, threads: int | None) -> dict[str, Any]:
    return {"memory_limit": memory_limit} | ({"threads": threads} if threads else {})


@contextmanager
def _opened(
    path: Path,
    opening: Callable[[], Connection],
    *,
    wait: float,
    note: Callable[[str], None] = lambda message: None,
) -> Iterator[Connection]:
    if path.stem.lower() in SCHEMAS:  # the file is a catalog to DuckDB
        raise ConfigError(
            f"a warehouse can't be called {path.name}: {path.stem} is a schema in it",
            hint="name another file with MP_WAREHOUSE",
        )
    connection = _connect(path, opening, wait, note)
    try:
        _refuse_newer(connection, path)
        yield connection
    finally:
        connection.close()


def _connect(
    path: Path, opening: Callable[[], Connection], wait: float, note: Callable[[str], None]
) -> Connection:
    started = time.monotonic()
    delay, noted = FIRST_RETRY, False
    while True:
        try:
            return opening()
        except duckdb.Error as error:
            if not re.search(IN_USE, str(error), re.IGNORECASE):
                raise _unopened(path, error) from error
            waited = time.monotonic() - started
            holder = re.search(r"PID (\d+)", str(error))
            user = f"process {holder[1]}" if holder else "another process or thread"
            if waited >= wait:
                raise DatabaseLockedError(
                    f"{path} is in use by {user}",
                    hint="try again when it is done, or end that process",
                    db_path=str(path),
                    holding_pid=int(holder[1]) if holder else None,
                ) from error
            if waited > 2 and not noted:
                note(f"waiting for the warehouse, in use by {user}")
                noted = True
        time.sleep(delay)
        delay = min(delay * 1.5, LONGEST_RETRY)


def _refuse_newer(connection: Connection, path: Path) -> None:
    """ConfigError if the tables have a layout that this version does not know."""
    query = "select value from internal.settings where name = 'schema_version'"
    try:
        version = number(connection, query)
    except duckdb.CatalogException:
        return  # no load has begun yet
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"{path} has layout {version}, and this version of mp knows up to {SCHEMA_VERSION}",
            hint="upgrade mixpanel-assets, or name another file with MP_WAREHOUSE",
        )


# Of two threads that open the same file one changes all settings; the other finds them changed.
_CLOSING = threading.Lock()


def _close_in(connection: Connection, *, spilling: bool) -> None:
    """Allow nothing but reading, and no changes of settings."""
    # For the file, not for this connection: others of this process share all of it.
    settings = [IN_UTC, "set enable_external_access = false"]
    if not spilling:
        # That lock leaves the warehouse's own write-ahead log open to COPY, and the next writer
        # would replay a forged one.
        settings.insert(0, "set temp_directory = ''")
        settings.append("set disabled_filesystems = 'LocalFileSystem'")
    with _CLOSING:
        try:
            for setting in (*settings, "set lock_configuration = true"):
                connection.execute(setting)
        except duckdb.InvalidInputException as error:
            if "has been locked" not in str(error):
                raise


def _open_to_save(path: Path, part: Path, config: dict[str, Any]) -> Connection:
    # A database of its own: those who read the same file share their settings.
    connection = duckdb.connect(f":memory:{uuid4().hex}", config=config)
    try:
        with suppress(duckdb.InvalidInputException):
            connection.execute(NO_PROGRESS_BAR)
        connection.execute(f"attach {literal(str(path))} (read_only)")
        query = "select database_name from duckdb_databases() where path is not null"
        (name,) = connection.execute(query).fetchall()[0]
        for setting in (
            f"use {quoted(name)}",
            IN_UTC,
            "set temp_directory = ''",
            f"set allowed_paths = [{literal(str(part))}]",
            "set enable_external_access = false",
            "set lock_configuration = true",
        ):
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


# Threads that write share the open file, which the first of them has to attach alone.
_ATTACHING = threading.Lock()


def _open_to_write(path: Path, config: dict[str, Any]) -> Connection:
    with _ATTACHING:
        connection = duckdb.connect(str(path), config=config)
        try:
            _attach_again(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _attach_again(connection: Connection) -> None:
    """Open the file again, so that its tables grow by row groups of ROW_GROUP rows.

    Only ATTACH has that option. On a connection that was never to this file it would be unsafe: the
    next connect to it in this process would open and close it, and so let go of the lock.
    """
    name, path, size = connection.execute(
        "select database_name, path, options['row_group_size'] from duckdb_databases() "
        "where database_name = current_database()"
    ).fetchall()[0]
    if path is None or size == str(ROW_GROUP):
        return  # it is in memory, or another thread has it open already
    file, aside = quoted(name), quoted(f"{name} aside")
    connection.execute(f"attach ':memory:' as {aside}; use {aside}; detach {file}")
    connection.execute(f"attach {literal(path)} as {file} (row_group_size {ROW_GROUP})")
    connection.execute(f"use {file}; detach {aside}")


def _unopened(path: Path, error: duckdb.Error) -> MixpanelDataError:
    """The error for a file that can't be opened, other than one in use."""
    message = f"{path} can't be opened: {error}"
    if re.search("read-only|denied|not permitted|no space", str(error), re.IGNORECASE):
        hint = "let this user write to it, and the disk have room; or set MP_WAREHOUSE"
        return ConfigError(message, hint=hint)
    return SQLError(message)


@contextmanager
def interrupted_after(connection: Connection, seconds: float | None) -> Iterator[None]:
    """Interrupt what runs on the connection in the block after so many seconds."""
    if seconds is None:
        yield
        return
    ended = threading.Event()

    def interrupt() -> None:
        wait = seconds
        while not ended.wait(wait):
            connection.interrupt()  # again and again: between two fetches it has no effect
            wait = INTERRUPT_AGAIN

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Interruptible:
    """The connections that a call reads from now, so that another thread can interrupt it."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []

    def interrupt(self) -> None:
        """Interrupt what runs on them."""
        for connection in [*self.connections]:
            with suppress(duckdb.Error):  # just closed
                connection.interrupt()


_CALL: ContextVar[Interruptible | None] = ContextVar("call", default=None)


@contextmanager
def interruptible(call: Interruptible) -> Iterator[None]:
    """What the block reads in this thread can be interrupted by `call.interrupt()`."""
    before = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(before)


@contextmanager
def _held(connection: Connection) -> Iterator[None]:
    call = _CALL.get()
    if call is None:
        yield
        return
    call.connections.append(connection)
    try:
        yield
    finally:
        call.connections.remove(connection)


@contextmanager
def in_transaction(warehouse: Connection) -> Iterator[None]:
    """Commit everything in the block together, or nothing of it."""
    warehouse.execute("begin")
    try:
        yield
        warehouse.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):  # DuckDB may have ended the transaction itself
            warehouse.execute("rollback")
        raise


@contextmanager
def as_load_errors() -> Iterator[None]:
    """Raise LoadError for what DuckDB or the disk could not do."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        hint = None
        if isinstance(error, duckdb.OutOfMemoryException):
            hint = "raise MP_MEMORY_LIMIT, or set MP_THREADS=1"
        elif isinstance(error, (OSError, duckdb.IOException, duckdb.TransactionException)):
            hint = "is the disk full, or not writable? then run the same again"
        raise LoadError(f"the load failed, and changed nothing: {error}", hint=hint) from error


def sql_error(error: duckdb.Error) -> MixpanelDataError:
    """The error of ours that a DuckDB error means, in DuckDB's own words."""
    if isinstance(error, duckdb.InterruptException):
        return too_slow()
    message, hint = str(error), None
    if isinstance(error, duckdb.OutOfMemoryException):
        message, hint = message.partition("\n")[0], "raise MP_MEMORY_LIMIT, or ask for less"
    elif isinstance(error, duckdb.ConversionException) and "Malformed JSON" in message:
        hint = "is JSON compared with a text? ->> gives a text, and -> JSON"
    elif re.search(r"json_extract\(\w+, BOOLEAN\)", message):
        hint = "-> binds less than = and and: put (properties->'$.name') in parentheses, or use ->>"
    return SQLError(message, hint=hint)


def too_slow() -> SQLError:
    """The error of a statement that was stopped."""
    return SQLError(
        "the statement took too long and was stopped",
        hint="ask for less, or give mp sql a longer --timeout",
    )


def too_large() -> SQLError:
    """The error of an answer that needs more memory than it may have."""
    return SQLError("the answer does not fit into memory", hint="ask for less")
