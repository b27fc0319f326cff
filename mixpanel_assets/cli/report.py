"""`mp report`: one HTML page on the project's last weeks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mixpanel_assets import outfiles
from mixpanel_assets.cli.options import FromOption, answering


@answering
def report(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The page, .html; a new file.")
    ],
    from_: FromOption,
    to: Annotated[
        str | None, typer.Option("--to", help="Last day (inclusive); default: the last landed one.")
    ] = None,
    steps: Annotated[
        list[str] | None,
        typer.Option("--step", help="A step of the funnel; default: the most common path."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the file if it exists.")
    ] = False,
) -> Any:
    """Write a page on landed events: active users, a funnel, retention, unusual days.

    One file without scripts, which opens anywhere. No request.

    mp report --from 30d --out report.html
    """
    from mixpanel_assets.workspace.report import SUFFIXES

    outfiles.check(out, SUFFIXES, replace=replace, under=Path.cwd())
    with context.obj.workspace() as workspace:
        return workspace.report(out, from_, to, steps=steps or (), replace=replace)
