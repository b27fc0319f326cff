"""`mp inspect`: what is there; its other commands are those of questions."""

from __future__ import annotations

from typing import Any

import typer

from mixpanel_assets.cli.options import answering
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
@answering
def inspect_info(context: typer.Context) -> Any:
    """Show where the warehouse is, whose it is, its tables and its size.

    mp inspect info
    """
    with context.obj.workspace() as workspace:
        return workspace.info()
