"""`mp dev`: the Dagster UI and daemon."""

from __future__ import annotations

import runpy
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from mixpanel_assets.cli.options import Invocation
from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.settings import Settings


def dev(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the UI.")] = 3000,
) -> None:
    """Run the Dagster UI and daemon on this machine, on the Dagster instance of mp.

    mp dev
    """
    from mixpanel_assets.access import look_up
    from mixpanel_assets.accounts import using_account
    from mixpanel_assets.defs.backfill import serving_at
    from mixpanel_assets.materialize import reconcile_known

    invocation: Invocation = context.obj
    access = look_up(invocation.account)
    settings, known = access.settings, access.account
    # The account stays the same when the default in the file changes.
    name = invocation.account if isinstance(known, MixpanelDataError) else known.name
    with using_account(settings, name):
        command = ui_command(settings, port)
        prefixes = reconcile_known(settings)
        # A shell makes a background job ignore SIGINT, and dagster could then not be stopped.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with serving_at(Path.cwd(), port, prefixes):
            sys.argv = command[2:]  # as with python -m
            runpy.run_module(command[2], run_name="__main__", alter_sys=True)


def ui_command(settings: Settings, port: int) -> list[str]:
    """The `dagster dev` command; changes this process to the folder of the instance."""
    from mixpanel_assets.defs.instance import WORKSPACE, enter_instance

    enter_instance(settings)
    dagster = [sys.executable, "-m", "dagster", "dev", "--workspace", str(WORKSPACE)]
    return [*dagster, "--host", "127.0.0.1", "--port", str(port)]
