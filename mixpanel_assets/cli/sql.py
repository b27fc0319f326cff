"""`mp sql`: query the warehouse."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import (
    PATIENCE,
    read_text,
    rows_wanted,
    saving,
)
from mixpanel_assets.errors import UsageError
from mixpanel_assets.notes import note
from mixpanel_assets.settings import Settings

HELD = 1_000  # rows that are read, and the warehouse released, before any is written
GRACE = 1.0  # seconds for DuckDB to stop after an interrupt
TEXTS = 3 * 10**9  # bytes besides MP_MEMORY_LIMIT, which does not count the text of an answer


@saving
def sql(
    context: typer.Context,
    query: Annotated[
        str | None, typer.Argument(help="One SQL statement; - or nothing: from stdin.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the SQL from a file.")] = None,
    prelude: Annotated[
        Path | None,
        typer.Option(
            "--prelude", help="Run a file of CREATE TEMP VIEW, MACRO or TABLE ... AS before it."
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", min=0, help="Maximum rows (0: all); all by default into a file."),
    ] = HELD,
    scalar: Annotated[
        bool, typer.Option("--scalar", help="Print only the first value of the first row.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, help="Stop after this many seconds; 0: never.")
    ] = PATIENCE,
    *,
    form: output.Form,
) -> Any:
    """Query the warehouse with read-only SQL (DuckDB's).

    mp sql "select event_name, count(*) from events group by all"
    """
    text = _query(query, file)
    if prelude is not None:
        text = f"{read_text(prelude)}\n;\n{text}"
    most = 1 if scalar else rows_wanted(context, limit)
    workspace = context.obj.workspace(timeout=timeout)
    if target := form.saved:
        with _ended_after(timeout):
            return workspace.save(text, target.path, replace=target.replace, under=Path.cwd())
    bound = workspace.settings if most or not form.held else None
    asked = workspace.sql_stream(text)
    with _ended_after(timeout), _memory_bounded(bound), asked as (columns, coming):
        if most is None or most > HELD:
            _answer(columns, coming, most, form)
            return None
        rows = list(islice(coming, most + 1))
    if scalar:
        output.answer_value(rows[0][0] if rows and rows[0] else None, form)
    else:
        _answer(columns, rows, most, form)
    return None


def _answer(
    columns: list[str], rows: Iterable[tuple[Any, ...]], most: int | None, form: output.Form
) -> None:
    """Write at most `most` rows to stdout, and a note to stderr if there are more."""
    if isinstance(rows, list) and most and len(rows) <= most:
        output.answer_rows(columns, rows, form)
        return
    first = First(rows, most)
    if output.answer_rows(columns, first, form) and first.more:
        note(f"only the first {most:,} rows are shown; --limit 0 shows all")


class First:
    """The first rows; after iteration, `more` is whether others follow."""

    def __init__(self, rows: Iterable[tuple[Any, ...]], most: int | None) -> None:
        self._rows = iter(rows)
        self._most = most
        self.more = False

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        yield from islice(self._rows, self._most)
        self.more = next(self._rows, None) is not None


def _query(query: str | None, file: Path | None) -> str:
    if query is not None and file is not None:
        raise typer.BadParameter("give the SQL as an argument or with --file, not both")
    if file is not None:
        return read_text(file)
    if query == "-":
        return sys.stdin.read()
    return _piped() if query is None else query


def _piped() -> str:
    """The statement on stdin; UsageError without one."""
    text = "" if sys.stdin.isatty() else sys.stdin.read()
    if not text.strip():
        raise UsageError(
            "there is no SQL: give it as an argument, on stdin, or with --file",
            hint='such as: mp sql "select event_name, count(*) from events group by all"',
        )
    return text


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """End this process if DuckDB does not stop: some of its functions can't be interrupted."""
    from mixpanel_assets.warehouse.connection import too_slow

    def end() -> None:
        os._exit(output.fail(too_slow()))

    if not seconds:
        yield
        return
    timer = threading.Timer(seconds + GRACE, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _data_bytes() -> int:
    """The bytes of memory that this process has already; 0 where that is not told."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _memory_bounded(settings: Settings | None) -> Iterator[None]:
    """Fail a statement that builds giant texts before it takes all memory of the machine.

    No bound without settings, with a limit that is not in bytes, and on Windows.
    """
    limit = settings.memory_bytes if settings else None
    if sys.platform == "win32" or not limit:
        yield
        return
    import resource

    from mixpanel_assets.warehouse.connection import too_large

    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = _data_bytes() + limit + TEXTS
    if before[1] != resource.RLIM_INFINITY:
        most = min(most, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    except MemoryError as error:
        raise too_large() from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
