"""`mp status`, `mp limits` and `mp doctor`: what is there."""

from __future__ import annotations

from typing import Annotated

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import FormatOption, Invocation, JqOption
from mixpanel_assets.settings import Settings


def status(context: typer.Context, format_: FormatOption = None, jq: JqOption = None) -> None:
    """Show which days are landed, which are missing between them, and which runs go on.

    mp status
    """
    form = output.wanted(format_, jq)
    with context.obj.workspace() as workspace:
        rows = workspace.status()
    output.answer(rows, form)
    if not rows:
        output.note("note: nothing is landed yet; land some days: mp materialize events --from 7d")


def limits(context: typer.Context, format_: FormatOption = None, jq: JqOption = None) -> None:
    """Show what is left of Mixpanel's request limits, over all processes of this machine.

    mp limits
    """
    form = output.wanted(format_, jq)
    with context.obj.workspace() as workspace:
        output.answer(workspace.limits(), form)


def doctor(
    context: typer.Context,
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at this machine alone: Mixpanel is not asked.")
    ] = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Look at home, credentials, warehouse and time zone; exit 1 if one is not right.

    Mixpanel is asked once whether it lets the account in, which takes one of the hour's 60 exports.
    If it can't be reached, that is not right either.

    mp doctor
    """
    from mixpanel_assets.doctor import examine

    invocation: Invocation = context.obj
    form = output.wanted(format_, jq)
    checks = examine(Settings.from_env(), invocation.account, offline=offline)
    output.answer([check.to_dict() for check in checks], form)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
