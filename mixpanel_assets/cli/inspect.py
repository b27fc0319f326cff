"""`mp inspect`: the tables and the project; its other commands are derived from questions."""

from __future__ import annotations

from typing import Any

import typer

from mixpanel_assets.cli.options import answering, group
from mixpanel_assets.cli.questions import InspectGroup

inspect = group("inspect", "List tables, columns, events and properties.", InspectGroup)


@inspect.command("info")
@answering
def inspect_info(context: typer.Context) -> Any:
    """Show the warehouse's path, project, account, tables and size.

    mp inspect info
    """
    with context.obj.workspace() as workspace:
        return workspace.info()
