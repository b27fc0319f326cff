"""Whether Mixpanel lets these credentials in, for as little as it can be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import httpx

from mixpanel_assets.accounts import Account
from mixpanel_assets.errors import ServerError, UnavailableError
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.settings import Settings


def ask_for_access(settings: Settings, account: Account, note: Callable[[str], None]) -> None:
    """Ask once, for an event of the project's yesterday; what Mixpanel says if not is raised."""
    known = account.credentials
    yesterday = replace(settings, project_timezone=account.timezone).today() - timedelta(1)
    with Client.open(settings, known, wait=False, attempts=1, note=note) as client:
        prove_access(client, yesterday)


def prove_access(mixpanel: Client, day: date) -> None:
    """Mixpanel exports the project's events to these credentials; what it says if not is raised.

    One export request of a past day, cut off at one event: every plan and every kind of
    credentials may export, while the query API is not in every plan.

    https://developer.mixpanel.com/reference/raw-event-export
    """
    params = {"from_date": str(day), "to_date": str(day), "limit": "1"}
    try:
        with mixpanel.stream_export(params) as answer:
            beginning = next(answer.iter_bytes(), b"").lstrip()
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise UnavailableError(f"the answer broke off: {error}", hint="try again") from error
    if beginning and not beginning.startswith(b"{"):  # a day without events is an empty answer
        raise ServerError(
            "what answered is no export of Mixpanel's",
            hint="is a proxy or a sign-in page between? check the network and MP_BASE_URL",
        )
