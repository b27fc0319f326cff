"""`mp query`: questions that Mixpanel answers now, each one request of the hourly budget."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import NoWaitOption, answering
from mixpanel_assets.cli.questions import QueryGroup, write
from mixpanel_assets.cli.sql import sql
from mixpanel_assets.errors import ConfigError

query = typer.Typer(
    name="query",
    cls=QueryGroup,
    help="Ask Mixpanel now: one request of 60 an hour each. `mp sql` asks what is landed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@query.callback()
def _query() -> None:
    pass


query.command(
    "sql",
    help='Ask the warehouse with read-only SQL, as mp sql does.\n\nmp query sql "select 1 as one"',
)(sql)


@query.command("jql")
@answering
def jql(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="The script's file; - reads stdin.")] = None,
    script: Annotated[str | None, typer.Option("--script", "-c", help="The script itself.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-P", metavar="NAME=VALUE", help="For the script's `params`."),
    ] = None,
    workspace: Annotated[
        int | None, typer.Option("--workspace-id", help="A data view; default: all of the project.")
    ] = None,
    no_wait: NoWaitOption = False,
    *,
    form: output.Form,
) -> None:
    """Run a JQL script, which Mixpanel is retiring.

    mp query jql counts.js --param from_date=2024-01-01
    """
    from mixpanel_assets.questions.live import Jql

    question = Jql(_script(file, script), _script_params(param or []), workspace_id=workspace)
    with context.obj.workspace(wait=not no_wait) as opened:
        write(question, opened.ask(question), form)


def _script(file: Path | None, script: str | None) -> str:
    if (file is None) == (script is None):
        raise typer.BadParameter("give the script as a file, as - for stdin, or with --script")
    if file is None:
        return str(script)
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} can't be read: {error}") from error


def _script_params(given: list[str]) -> dict[str, Any]:
    """The values by name; what is JSON is that, and anything else text."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="'--param'")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
