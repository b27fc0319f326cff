"""`mp sql`: ask the warehouse."""

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
from mixpanel_assets.cli.options import Invocation, answering, rows_wanted
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import Settings

HELD = 1_000  # rows that are all there, and the warehouse free again, before any is written
GRACE = 1.0  # second that DuckDB has to end once it is told
TEXTS = 3 * 10**9  # bytes beside MP_MEMORY_LIMIT, which does not count the texts of an answer


@answering
def sql(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(help="One SQL statement; - reads stdin.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the SQL from a file.")] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", min=0, help="At most this many rows; 0: all. Into a file, all by default."
        ),
    ] = HELD,
    scalar: Annotated[
        bool, typer.Option("--scalar", help="Print the first value of the first row alone.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, help="Seconds after which to stop; 0 for never.")
    ] = 300,
    *,
    form: output.Form,
) -> None:
    """Ask the warehouse with read-only SQL (DuckDB's).

    mp sql "select event_name, count(*) from events group by all"
    """
    invocation: Invocation = context.obj
    text = _query(query, file)
    most = 1 if scalar else rows_wanted(context, limit)
    workspace = invocation.workspace(timeout=timeout)
    bound = workspace.settings if most or not form.held else None
    asked = workspace.sql_stream(text)
    with _ended_after(timeout), _memory_bounded(bound), asked as (columns, coming):
        if most is None or most > HELD:
            _answer(columns, coming, most, form)
            return
        rows = list(islice(coming, most + 1))
    if scalar:
        output.answer_value(rows[0][0] if rows and rows[0] else None, form)
    else:
        _answer(columns, rows, most, form)


def _answer(
    columns: list[str], rows: Iterable[tuple[Any, ...]], most: int | None, form: output.Form
) -> None:
    """So many of the rows are on stdout; that there are more is on stderr."""
    if isinstance(rows, list) and most and len(rows) <= most:
        output.answer_rows(columns, rows, form)
        return
    first = First(rows, most)
    if output.answer_rows(columns, first, form) and first.more:
        output.note(f"only the first {most:,} rows are shown; --limit 0 shows all")


class First:
    """The first rows; once they are through, `more` tells whether others follow."""

    def __init__(self, rows: Iterable[tuple[Any, ...]], most: int | None) -> None:
        self._rows = iter(rows)
        self._most = most
        self.more = False

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        yield from islice(self._rows, self._most)
        self.more = next(self._rows, None) is not None


def _query(query: str | None, file: Path | None) -> str:
    if (query is None) == (file is None):
        raise typer.BadParameter("give the SQL as an argument, as - for stdin, or with --file")
    if file is not None:
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} can't be read: {error}") from error
    return sys.stdin.read() if query == "-" else str(query)


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """This process ends if DuckDB does not: some of its functions can't be interrupted."""
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


@contextmanager
def _memory_bounded(settings: Settings | None) -> Iterator[None]:
    """A statement that makes up giant texts fails rather than take all memory of the machine.

    Unless there are no settings, the limit is no number of bytes, or the system is Windows.
    """
    limit = settings.memory_bytes if settings else None
    if sys.platform == "win32" or not limit:
        yield
        return
    import resource

    from mixpanel_assets.warehouse.connection import too_large

    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = limit + TEXTS
    if before[1] != resource.RLIM_INFINITY:
        most = min(most, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    except MemoryError as error:
        raise too_large() from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
