"""The options that commands share, and how commands open a workspace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from inspect import Parameter, Signature, cleandoc, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from mixpanel_assets.cli import output, streams
from mixpanel_assets.errors import ConfigError

if TYPE_CHECKING:
    from mixpanel_assets.cli.progress import Progress
    from mixpanel_assets.workspace import Workspace

PATIENCE: float = 300  # seconds that a warehouse query may take
NAME_IN_LIST = re.compile(r'\s*"((?:[^"]|"")*)"\s*,|([^,]*),')

FormatOption = Annotated[
    output.Chartless | None,
    typer.Option(
        "--format",
        "-f",
        help="json (default; on a terminal table), jsonl, csv, md, table or plain.",
        hidden=True,
    ),
]
ChartFormatOption = Annotated[
    output.Format | None,
    typer.Option(
        "--format",
        "-f",
        help="json (default; on a terminal table), jsonl, csv, md, table, plain or chart.",
        hidden=True,
    ),
]
ChartOption = Annotated[
    Path | None,
    typer.Option(
        "--chart",
        metavar="FILE",
        help="Also write a chart: .svg, .png or .html, in the working folder or below.",
        hidden=True,
    ),
]
SaveOption = Annotated[
    Path | None,
    typer.Option(
        "--save",
        metavar="FILE",
        help="Write the rows to a .parquet, .csv or .jsonl file, in the working folder or below.",
        hidden=True,
    ),
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace the file if it exists.", hidden=True)
]
FromOption = Annotated[
    str,
    typer.Option("--from", help="First day: YYYY-MM-DD, today, yesterday or 7d (days ago)."),
]
ToOption = Annotated[str | None, typer.Option("--to", help="Last day (inclusive); default: today.")]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Fail instead of waiting for rate limits (exit 5).")
]
JqOption = Annotated[
    str | None,
    typer.Option(
        "--jq", metavar="EXPR", help="Filter json or jsonl with a jq expression.", hidden=True
    ),
]
MaxBytesOption = Annotated[
    int,
    typer.Option(
        "--max-bytes",
        min=0,
        metavar="N",
        help="Stop md, table and plain output before N bytes; 0: no limit.",
        hidden=True,
    ),
]


def output_help(*, charted: bool = False, saved: bool = False) -> str:
    """The options of the output, which all commands have and which their help names in short."""
    files = [name for name, there in (("--save FILE", saved), ("--chart FILE", charted)) if there]
    named = f"; {', '.join(files)} (--replace)" if files else ""
    return f"Output: -f FORMAT, --jq EXPR, --max-bytes N{named}: see mp --help."


def group(name: str, text: str, cls: type[TyperGroup] | None = None) -> typer.Typer:
    """A group of commands, with its help text."""
    return typer.Typer(name=name, cls=cls, help=text, no_args_is_help=True, rich_markup_mode=None)


def answering(
    command: Callable[..., Any], *, charted: bool = False, saved: bool = False
) -> Callable[..., None]:
    """The command with --format, --jq and --max-bytes; its return value is written to stdout.

    A command that writes its answer itself takes `form` and returns None. If its answers have
    charts (`charted`), it also has --chart and the format `chart`, if its rows can be `saved` in a
    file --save, and with either --replace.
    """
    own = signature(command, eval_str=True)
    given_form, replaces = "form" in own.parameters, "replace" in own.parameters

    @wraps(command)
    def run(
        *given: Any,
        format_: output.Format | None = None,
        jq: str | None = None,
        max_bytes: int = output.MOST_BYTES,
        **options: Any,
    ) -> None:
        replace = options.get("replace") if replaces else options.pop("replace", False)
        files = [
            output.Target(path, bool(replace)) if (path := options.pop(name, None)) else None
            for name in ("chart", "save")
        ]
        if replace and not replaces and not any(files):
            raise typer.BadParameter("--replace is about the file of --save or --chart: name one")
        form = output.wanted(format_, jq, max_bytes, *files, charted=charted)
        answer = command(*given, **options, **({"form": form} if given_form else {}))
        if answer is not None:
            output.answer(answer, form)

    parameters = [one for one in own.parameters.values() if one.name != "form"]
    for name, annotation, default in (
        *([("save", SaveOption, None)] if saved else []),
        *([("chart", ChartOption, None)] if charted else []),
        *([("replace", ReplaceOption, False)] if (charted or saved) and not replaces else []),
        ("format_", ChartFormatOption if charted else FormatOption, None),
        ("jq", JqOption, None),
        ("max_bytes", MaxBytesOption, output.MOST_BYTES),
    ):
        kind = Parameter.KEYWORD_ONLY
        parameters.append(Parameter(name, kind, default=default, annotation=annotation))
    run.__doc__ = (
        f"{cleandoc(command.__doc__ or '')}\n\n{output_help(charted=charted, saved=saved)}"
    )
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


saving = partial(answering, saved=True)


def rows_wanted(context: typer.Context, limit: int) -> int | None:
    """The value of --limit, None for all rows; by default, all rows go into a file."""
    source = context.get_parameter_source("limit")
    is_default = source is not None and source.name == "DEFAULT"
    return None if is_default and streams.to_file() else limit or None


@dataclass(frozen=True)
class Invocation:
    """The options before the command's name."""

    account: str | None
    quiet: bool
    verbose: bool

    def workspace(
        self,
        *,
        wait: bool = True,
        progress: Progress | None = None,
        timeout: float = PATIENCE,
        path: Path | None = None,
    ) -> Workspace:
        """The workspace of the account; it writes notes to stderr, unless --quiet."""
        from mixpanel_assets.workspace import Workspace

        note = progress.note if progress else output.note
        return Workspace(
            self.account,
            path=path,
            wait=wait,
            timeout=timeout or None,
            note=(lambda message: None) if self.quiet else note,
            progress=progress,
            dagster_log=self.verbose,
        )

    @contextmanager
    def working(
        self, unit: str, *, wait: bool = True, path: Path | None = None
    ) -> Iterator[tuple[Workspace, Progress]]:
        """A workspace that shows progress, counted in `unit`."""
        from mixpanel_assets.cli.progress import Progress

        with (
            Progress(unit, quiet=self.quiet) as progress,
            self.workspace(wait=wait, progress=progress, path=path) as workspace,
        ):
            yield workspace, progress


def read_text(file: Path) -> str:
    """The text of the file; ConfigError if it can't be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = "name a text file that this user can read"
        raise ConfigError(f"{file} can't be read: {error}", hint=hint) from error


def names_in(texts: list[str] | None) -> list[str] | None:
    """The names in each `A,B`, without repeats; blanks are part of a name.

    Double quotes go around a name with a comma; blanks around the quotes are ignored. An empty
    name, as an unset variable makes, is a usage error unless it is quoted.
    """
    if not texts:
        return None
    return list(dict.fromkeys(name for text in texts for name in _names_in(text)))


def _names_in(text: str) -> Iterator[str]:
    for found in NAME_IN_LIST.finditer(text + ","):
        quoted, bare = found.groups()
        if quoted is None and not bare:
            raise typer.BadParameter(f'{text!r} has an empty name; write "" if you mean one')
        yield bare if quoted is None else quoted.replace('""', '"')


def numbers_in(
    text: str | None, option: str, *, whole: bool = False, most: float = 2**63 - 1
) -> list[int | float] | None:
    """The numbers in `1,2.5`; a usage error if one is not from 0 to `most`."""
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
