"""`mp drop`: remove tables."""

from __future__ import annotations

from typing import Annotated

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import FormatOption, JqOption


def drop(
    context: typer.Context,
    tables: Annotated[list[str] | None, typer.Argument(help="Names of tables.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every table that was fetched.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Tables of assets, too: what was materialized.")
    ] = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Remove tables from the warehouse; landed files stay, and with them mp rebuild.

    mp drop purchases
    """
    if bool(tables) == all_:
        raise typer.BadParameter("name tables, or all of them with --all")
    form, invocation = output.wanted(format_, jq), context.obj
    with invocation.workspace() as workspace:
        if all_:
            dropped = workspace.drop_all(force=force)
        else:
            dropped = workspace.drop(*(tables or ()), force=force)
    output.answer({"dropped": dropped}, form)
