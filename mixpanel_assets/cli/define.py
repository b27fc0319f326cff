"""`mp define`: views and macros of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mixpanel_assets.cli.options import answering, read_text


@answering
def define(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A name, or with parameters: 'top(n)'. Alone: show it.")
    ] = None,
    sql: Annotated[
        str | None,
        typer.Argument(help="A SELECT, or the expression of a macro; - : from stdin."),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the SQL from a file.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List what is defined.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the definition.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Define it again.")] = False,
) -> Any:
    """Keep a view or macro of your own, which SQL then has as mine.NAME.

    mp define buyers "from events where event_name = 'Purchase'"
    """
    has_sql = sql is not None or file is not None
    if sql is not None and file is not None:
        raise typer.BadParameter("give the SQL as an argument or with --file, not both")
    if list_ + drop + has_sql > 1:
        raise typer.BadParameter("define, --list or --drop: one at a time")
    if replace and not has_sql:
        raise typer.BadParameter("--replace needs the SQL")
    workspace = context.obj.workspace()
    if name is None:
        if drop or has_sql:
            raise typer.BadParameter("give the name")
        return workspace.definitions()
    if list_:
        raise typer.BadParameter("--list takes no name; mp define NAME shows one")
    if drop:
        return workspace.drop_definition(name)
    if not has_sql:
        return workspace.definition(name)
    text = read_text(file) if file is not None else sys.stdin.read() if sql == "-" else sql
    return workspace.define(name, str(text), replace=replace)
