"""`mp drop`: drop tables."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mixpanel_assets.cli.options import answering


@answering
def drop(
    context: typer.Context,
    tables: Annotated[list[str] | None, typer.Argument(help="Names of tables.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Drop every fetched table.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Allow tables of assets (materialized data).")
    ] = False,
) -> Any:
    """Drop tables from the warehouse; landed files stay, so mp rebuild still works.

    mp drop purchases
    """
    if bool(tables) == all_:
        raise typer.BadParameter("name tables, or use --all")
    with context.obj.workspace() as workspace:
        if all_:
            dropped = workspace.drop_all(force=force)
        else:
            dropped = workspace.drop(*(tables or ()), force=force)
    return {"dropped": dropped}
