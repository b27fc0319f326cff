"""`mp`: its commands, and how a failure becomes an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mixpanel_assets.cli import output, streams
from mixpanel_assets.cli.agents import mcp, skill
from mixpanel_assets.cli.ask import ask
from mixpanel_assets.cli.auth import auth
from mixpanel_assets.cli.define import define
from mixpanel_assets.cli.demo import demo
from mixpanel_assets.cli.dev import dev
from mixpanel_assets.cli.drop import drop
from mixpanel_assets.cli.fetch import fetch
from mixpanel_assets.cli.inspect import inspect
from mixpanel_assets.cli.materialize import materialize, rebuild, reconcile
from mixpanel_assets.cli.options import Invocation
from mixpanel_assets.cli.query import query
from mixpanel_assets.cli.report import report
from mixpanel_assets.cli.simulate import simulate
from mixpanel_assets.cli.slips import understood
from mixpanel_assets.cli.spec import spec
from mixpanel_assets.cli.sql import sql
from mixpanel_assets.cli.status import doctor, limits, status
from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.notes import notes_to

ABOUT = "Look first: mp inspect overview. Land Mixpanel's data in one DuckDB file, and ask it."
OUTPUT = (
    "Output options of commands: -f, --format json|jsonl|csv|md|table|plain (json in a pipe); "
    "--jq EXPR filters json or jsonl; --max-bytes N: where md, table and plain end (0: nowhere); "
    "--save FILE.parquet|csv|jsonl writes the rows, --chart FILE.svg|png|html draws them, in the "
    "working folder or below, and with --replace over a file that exists."
)
EPILOG = "Exit codes: " + "; ".join(f"{n} {meaning}" for n, meaning in output.EXIT_CODES.items())

app = typer.Typer(
    name="mp",
    help=ABOUT,
    epilog=f"{OUTPUT}\n\n{EPILOG}.",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        output.write(f"mixpanel-assets {version('mixpanel-assets')}\n")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    account: Annotated[
        str | None, typer.Option("--account", "-a", help="Account of the configuration file.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Hide progress on stderr.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show Dagster's log and tracebacks on stderr.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = Invocation(account=account, quiet=quiet, verbose=verbose)


for group in (materialize, rebuild, fetch, ask, query, inspect, auth):
    app.add_typer(group)
for command in (
    *(demo, define, drop, report, status, sql, limits, reconcile, doctor),
    *(dev, mcp, skill, simulate, spec),
):
    app.command()(command)

# What typer raises for a wrong command line; where that class is depends on typer's version.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main() -> None:
    """Run the command line, and end the process with the documented exit code."""
    streams.secure()
    verbose = "--verbose" in sys.argv or "-v" in sys.argv
    try:
        with notes_to(lambda message: output.note(f"note: {message}")):
            code = _run()
    except MixpanelDataError as error:
        if verbose:
            output.trace()
        code = output.fail(error)
    except (typer.Abort, KeyboardInterrupt):
        code = output.INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last resort: a line, not a traceback
        if verbose:
            output.trace()
        message = f"{type(error).__name__}: {error}"
        hint = "run it again with --verbose and report it"
        code = output.fail(MixpanelDataError(message, hint=hint))
    sys.exit(code if isinstance(code, int) else 0)


def _run() -> object:
    """The command's exit code, if it has one; without a command, print help."""
    program, words = typer.main.get_command(app), sys.argv[1:]
    typed = understood(program, words)
    try:
        return program.main(args=typed.words, standalone_mode=False)
    except _UsageError as error:
        if type(error).__name__ != "NoArgsIsHelpError":
            from mixpanel_assets.cli.guesses import explained

            raise explained(error, program, typed, words) from error
        output.write(f"{error}\n")
        return 0
