"""How a command asks Mixpanel: with the account, the budget and the patience it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mixpanel_assets.cli import output
from mixpanel_assets.cli.invocation import Invocation

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client


@contextmanager
def open_client(
    invocation: Invocation, *, wait: bool = True, note: Callable[[str], None] | None = None
) -> Iterator[Client]:
    """A client of the account's project, closed afterwards; what it waits for is on stderr."""
    from mixpanel_assets.known import tell_names
    from mixpanel_assets.mixpanel.client import Client

    settings, credentials = invocation.access.settings, invocation.access.credentials
    hears = (lambda message: None) if invocation.quiet else note or output.note
    with Client.open(settings, credentials, wait=wait, note=hears) as client:
        tell_names(client, settings)
        yield client
