"""The options that every command shares, and what is on the screen while one works."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import output, streams
from mixpanel_assets.errors import DateRangeError
from mixpanel_assets.settings import Settings, parse_day

if TYPE_CHECKING:
    from mixpanel_assets.access import Access
    from mixpanel_assets.results import LandedDay
    from mixpanel_assets.warehouse.connection import OpenWarehouse
    from mixpanel_assets.workspace import Workspace

SECONDS_BETWEEN_LINES = 5.0
PATIENCE = 300.0  # seconds that a question to the warehouse may take
NAME_IN_LIST = re.compile(r'\s*"((?:[^"]|"")*)"\s*,|([^,]*),')

FormatOption = Annotated[
    output.Format | None,
    typer.Option("--format", "-f", help="json (default), jsonl, csv, md, table or plain."),
]
NoWaitOption = Annotated[
    bool,
    typer.Option("--no-wait", help="Fail rather than wait for Mixpanel's limits (exit 5)."),
]
JqOption = Annotated[
    str | None,
    typer.Option("--jq", metavar="EXPR", help="Filter json or jsonl with a jq expression."),
]
MaxBytesOption = Annotated[
    int,
    typer.Option(
        "--max-bytes",
        min=0,
        metavar="N",
        help="Cut md, table and plain at a row before N bytes; 0: never.",
    ),
]


def share_options(program: typer.Typer) -> None:
    """Every command that has --format has --max-bytes, too."""
    for command in program.registered_commands:
        if command.callback and "format_" in signature(command.callback).parameters:
            command.callback = _ending(command.callback)
    for group in program.registered_groups:
        if group.typer_instance:
            share_options(group.typer_instance)


def _ending(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, whose answer ends where --max-bytes says."""

    @wraps(command)
    def run(*given: Any, max_bytes: int, **options: Any) -> Any:
        output.MAX_BYTES.set(max_bytes)
        return command(*given, **options)

    own = signature(command, eval_str=True)
    option = Parameter(
        "max_bytes",
        Parameter.KEYWORD_ONLY,
        default=output.MAX_BYTES.get(),
        annotation=MaxBytesOption,
    )
    parameters = [*own.parameters.values(), option]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def rows_wanted(context: typer.Context, limit: int) -> int | None:
    """What --limit says, where None is all; all that go into a file, if it says nothing."""
    source = context.get_parameter_source("limit")
    unsaid = source is not None and source.name == "DEFAULT"
    return None if unsaid and streams.to_file() else limit or None


@dataclass(frozen=True)
class Invocation:
    """What was said before the command's name."""

    account: str | None
    quiet: bool
    verbose: bool

    @cached_property
    def access(self) -> Access:
        """Settings, project and account, as they are when the command first needs one of them."""
        from mixpanel_assets.access import look_up

        return look_up(self.account)

    def workspace(
        self, *, wait: bool = True, note: Callable[[str], None] | None = None
    ) -> Workspace:
        """The workspace of the account; `note` is called with each message, unless --quiet."""
        from mixpanel_assets.workspace import Workspace

        notes = (lambda message: None) if self.quiet else note or output.note
        return Workspace(self.account, wait=wait, note=notes, timeout=PATIENCE)


def open_warehouse(settings: Settings, path: Path, invocation: Invocation) -> OpenWarehouse:
    """What opens the warehouse for writing, as often as it is called."""
    from functools import partial

    from mixpanel_assets.warehouse.connection import writing

    return partial(
        writing,
        path,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        note=(lambda message: None) if invocation.quiet else output.note,
    )


def days_between(settings: Settings, start: str, end: str | None) -> tuple[date, date]:
    """The days meant, both included; a day after the project's today is cut off, and said."""
    today = settings.today()
    first = parse_day(start, today)
    last = parse_day(end, today) if end else today
    if first > min(last, today):
        raise DateRangeError(
            f"{first} to {last} is no range of days up to today ({today})",
            hint="--from must not be after --to, nor after today",
        )
    if last > today:
        output.note(f"--to {last} is after the project's today: landing up to {today}")
        last = today
    if first < settings.start_day:
        raise DateRangeError(
            f"{first} is before the project's first day, {settings.start_day}",
            hint="set MP_START_DATE (Mixpanel has no days before 2000-01-01)",
        )
    return first, last


def days_asked(
    settings: Settings, start: str | None, end: str | None
) -> tuple[date | None, date | None]:
    """The days of a question to what is landed, both included; None is without an end."""
    today = settings.today()
    first = parse_day(start, today) if start else None
    last = parse_day(end, today) if end else None
    if first and first > min(last or today, today):
        raise DateRangeError(
            f"{first} to {last or today} is no range of days up to today ({today})",
            hint="--from must not be after --to, nor after today",
        )
    if last and last > today:
        output.note(f"--to {last} is after the project's today: asking up to {today}")
        last = today
    return first, last


def names_in(texts: list[str] | None) -> list[str] | None:
    """The names of `A,B`, once or several times, as they stand: blanks are part of a name.

    One with a comma in it is in double quotes, around which blanks mean nothing. A usage error for
    an empty name, such as an unset variable makes, unless it is in quotes.
    """
    if not texts:
        return None
    return list(dict.fromkeys(name for text in texts for name in _names_in(text)))


def _names_in(text: str) -> Iterator[str]:
    for found in NAME_IN_LIST.finditer(text + ","):
        quoted, bare = found.groups()
        if quoted is None and not bare:
            raise typer.BadParameter(f'{text!r} has an empty name: "" in quotes, if it is meant')
        yield bare if quoted is None else quoted.replace('""', '"')


def numbers_in(
    text: str | None, option: str, *, whole: bool = False, most: float = 2**63 - 1
) -> list[int | float] | None:
    """The numbers of `1,2.5`, from 0 to `most`; a usage error for anything else."""
    if text is None:
        return None
    kind = "whole number" if whole else "number"
    numbers: list[int | float] = []
    for word in text.split(","):
        try:
            number = float(word)
        except ValueError:
            number = -1.0
        if not 0 <= number <= most or (whole and number != int(number)):
            raise typer.BadParameter(
                f"{word.strip()!r} is not a {kind} from 0 to {most:.0f}", param_hint=f"'{option}'"
            )
        numbers.append(int(number) if number == int(number) else number)
    return numbers


class Progress:
    """How far a landing is: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int, unit: str, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._quiet = quiet
        self._total, self._done, self._events = total, 0, 0
        self._told = time.monotonic()
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("landing", total=total or None)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No bar is on the screen any more."""
        self._bar.stop()

    def note(self, message: str) -> None:
        """Something took or takes longer, and why."""
        if self._quiet:
            return
        if self._bar.disable:
            output.note(message)
        else:
            self._bar.console.print(output.told(message), markup=False, highlight=False)

    def landed(self, days: list[LandedDay]) -> None:
        """These days are in."""
        self._events += sum(day.rows for day in days)
        self._show(
            self._done + len(days),
            self._total,
            lambda: f"{self._done} of {self._total} days, {self._events:,} events",
        )

    def days(self, done: int, total: int) -> None:
        """So many days of so many are here."""
        self._show(done, total, lambda: f"{done:,} of {total:,} days")

    def arrived(self, done: int, total: int) -> None:
        """So many profiles of so many are here."""
        self._show(done, total, lambda: f"{done:,} of {total:,} profiles")

    def _show(self, done: int, total: int, says: Callable[[], str]) -> None:
        self._done = done
        self._bar.update(self._task, completed=done, total=total)
        if not self._bar.disable or self._quiet or done >= total:
            return
        if time.monotonic() - self._told >= SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            output.note(says())
