"""`mp query`: saved reports, and scripts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli.asking import NoWaitOption
from mixpanel_assets.cli.invocation import FormatOption, JqOption, days_asked
from mixpanel_assets.cli.live import (
    BookmarkArgument,
    WorkspaceOption,
    answer_live,
)
from mixpanel_assets.errors import ConfigError

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client
    from mixpanel_assets.results import Result


def saved_report(
    context: typer.Context,
    bookmark_id: BookmarkArgument,
    type_: Annotated[
        str, typer.Option("--type", "-t", help="insights, funnels, retention or flows.")
    ] = "insights",
    start: Annotated[
        str | None, typer.Option("--from", help="First day, of saved retention; default: as saved.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Last day, of saved retention; default: as saved.")
    ] = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Show a saved report: insights, funnels, retention or flows.

    mp query saved-report 12345
    """

    span = days_asked(context.obj.access.settings, start, end)
    options: dict[str, Any] = {"from_date": span[0], "to_date": span[1], "bookmark_type": type_}

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import saved

        return saved.saved_report(client, bookmark_id, **options, workspace_id=workspace)

    answer_live(context, format_, jq, no_wait, question)


def flows(
    context: typer.Context,
    bookmark_id: BookmarkArgument,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Show a saved report of what people do next.

    mp query flows 12345
    """

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import saved

        return saved.flows(client, bookmark_id, workspace_id=workspace)

    answer_live(context, format_, jq, no_wait, question)


def jql(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="The script's file; - reads stdin.")] = None,
    script: Annotated[str | None, typer.Option("--script", "-c", help="The script itself.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-P", metavar="NAME=VALUE", help="For the script's `params`."),
    ] = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Run a JQL script, which Mixpanel is about to retire.

    mp query jql counts.js --param from_date=2024-01-01
    """
    text, given = _script(file, script), _script_params(param or [])

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import saved

        return saved.jql(client, text, given, workspace_id=workspace)

    answer_live(context, format_, jq, no_wait, question)


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
