"""`mp status`, `mp limits` and `mp doctor`: what is there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import Invocation, answering
from mixpanel_assets.settings import Settings


@answering
def status(context: typer.Context, *, form: output.Form) -> None:
    """Show which days are landed, which are missing between them, and which runs go on.

    mp status
    """
    with context.obj.workspace() as workspace:
        rows = workspace.status()
    output.answer(rows, form)
    if not rows:
        output.note("note: nothing is landed yet; land some days: mp materialize events --from 7d")


@answering
def limits(context: typer.Context) -> Any:
    """Show what is left of Mixpanel's request limits, over all processes of this machine.

    mp limits
    """
    with context.obj.workspace() as workspace:
        return workspace.limits()


@answering
def doctor(
    context: typer.Context,
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at this machine alone: Mixpanel is not asked.")
    ] = False,
    *,
    form: output.Form,
) -> None:
    """Look at home, credentials, warehouse and time zone; exit 1 if one is not right.

    Mixpanel is asked once whether it lets the account in, which takes one of the hour's 60 exports.
    If it can't be reached, that is not right either.

    mp doctor
    """
    from mixpanel_assets.doctor import examine

    invocation: Invocation = context.obj
    checks = examine(Settings.from_env(), invocation.account, offline=offline)
    output.answer([check.to_dict() for check in checks], form)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
