"""How a command asks Mixpanel: with the account, the budget and the patience it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.invocation import Invocation

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client

NO_WAIT = 5.0  # seconds that even --no-wait waits

NoWaitOption = Annotated[
    bool,
    typer.Option("--no-wait", help="Fail rather than wait for Mixpanel's limits (exit 5)."),
]


@contextmanager
def open_client(
    invocation: Invocation, *, wait: bool = True, note: Callable[[str], None] | None = None
) -> Iterator[Client]:
    """A client of the account's project, closed afterwards; what it waits for is on stderr."""
    from mixpanel_assets.known import tell_names
    from mixpanel_assets.mixpanel.bounds import Bounds
    from mixpanel_assets.mixpanel.budget import Budget
    from mixpanel_assets.mixpanel.client import Client, RetryPolicy

    settings, credentials = invocation.access.settings, invocation.access.credentials
    with Client(
        credentials,
        Budget(settings.home / "budget.sqlite", credentials.project_id),
        base_url=settings.base_url,
        bounds=Bounds.of(settings),
        retry=RetryPolicy() if wait else RetryPolicy(longest_wait=NO_WAIT),
        note=(lambda message: None) if invocation.quiet else note or output.note,
    ) as client:
        tell_names(client, settings)
        yield client
