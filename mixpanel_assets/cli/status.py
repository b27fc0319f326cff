"""`mp status`, `mp limits` and `mp doctor`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import answering
from mixpanel_assets.settings import Settings


@answering
def status(context: typer.Context) -> Any:
    """Show the landed days of each asset, the missing days between them, and active runs.

    mp status
    """
    with context.obj.workspace() as workspace:
        return workspace.status()


@answering
def limits(context: typer.Context) -> Any:
    """Show what is left of Mixpanel's rate limits, counting all processes of this machine.

    mp limits
    """
    with context.obj.workspace() as workspace:
        return workspace.limits()


@answering
def doctor(
    context: typer.Context,
    offline: Annotated[
        bool, typer.Option("--offline", help="Check this machine only; send no request.")
    ] = False,
    *,
    form: output.Form,
) -> None:
    """Check home, credentials, warehouse and time zone; exit 1 if a check fails.

    One request tests the credentials, and uses one of the hour's 60 exports. The check fails if
    Mixpanel can't be reached.

    mp doctor
    """
    from mixpanel_assets.doctor import examine

    checks = examine(Settings.from_env(), context.obj.account, offline=offline)
    output.answer([check.to_dict() for check in checks], form)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
