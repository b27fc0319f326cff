"""`mp inspect`: what is there; its other commands are those of questions."""

from __future__ import annotations

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import FormatOption, JqOption
from mixpanel_assets.cli.questions import InspectGroup

inspect = typer.Typer(
    name="inspect",
    cls=InspectGroup,
    help="Look at what is there: tables, columns, events and properties.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@inspect.callback()
def _inspect() -> None:
    pass


@inspect.command("info")
def inspect_info(context: typer.Context, format_: FormatOption = None, jq: JqOption = None) -> None:
    """Show where the warehouse is, whose it is, its tables and its size.

    mp inspect info
    """
    form = output.wanted(format_, jq)
    with context.obj.workspace() as workspace:
        output.answer(workspace.info(), form)
