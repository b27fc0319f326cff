"""`mp query`: questions to Mixpanel, each one request of the hourly budget."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import NoWaitOption, answering, group, read_text
from mixpanel_assets.cli.questions import QueryGroup, write
from mixpanel_assets.cli.sql import sql

ABOUT = "Query Mixpanel live: each takes one of 60 requests an hour. `mp sql` queries landed data."

query = group("query", ABOUT, QueryGroup)
query.command(
    "sql",
    help='Query the warehouse with read-only SQL, like mp sql.\n\nmp query sql "select 1 as one"',
)(sql)


@query.command("jql")
@answering
def jql(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="The script's file; - or nothing: from stdin.")
    ] = None,
    script: Annotated[str | None, typer.Option("--script", "-c", help="The script's text.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", "-P", metavar="NAME=VALUE", help="A value in the script's `params`."
        ),
    ] = None,
    workspace: Annotated[
        int | None,
        typer.Option("--workspace-id", help="Id of a data view; default: the whole project."),
    ] = None,
    no_wait: NoWaitOption = False,
    *,
    form: output.Form,
) -> None:
    """Run a JQL script (Mixpanel is retiring JQL).

    mp query jql counts.js --param from_date=2024-01-01
    """
    from mixpanel_assets.questions.live import Jql

    question = Jql(_script(file, script), _script_params(param or []), workspace_id=workspace)
    with context.obj.workspace(wait=not no_wait) as opened:
        write(question, opened.ask(question), form)


def _script(file: Path | None, script: str | None) -> str:
    if file is not None and script is not None:
        raise typer.BadParameter("give the script as a file or with --script, not both")
    if script is not None:
        return script
    if file is not None and str(file) != "-":
        return read_text(file)
    text = "" if sys.stdin.isatty() else sys.stdin.read()
    if not text.strip():
        raise typer.BadParameter("give the script as a file, on stdin, or with --script")
    return text


def _script_params(given: list[str]) -> dict[str, Any]:
    """The values by name; a value that is not JSON is text."""
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
