"""Checks credentials with the smallest possible request."""

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
    """Request one event of the project's yesterday. Raises Mixpanel's error if it refuses."""
    known = account.credentials
    yesterday = replace(settings, project_timezone=account.timezone).today() - timedelta(1)
    with Client.open(settings, known, wait=False, attempts=1, note=note) as client:
        prove_access(client, yesterday)


def prove_access(mixpanel: Client, day: date) -> None:
    """Check that the credentials may export the project's events. Raises Mixpanel's error if not.

    Sends one export request of a past day, limited to one event: every plan and kind of
    credentials allows exports, but not every plan includes the query API.

    https://developer.mixpanel.com/reference/raw-event-export
    """
    params = {"from_date": str(day), "to_date": str(day), "limit": "1"}
    try:
        with mixpanel.stream_export(params) as answer:
            beginning = next(answer.iter_bytes(), b"").lstrip()
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise UnavailableError(f"the connection broke: {error}", hint="try again") from error
    if beginning and not beginning.startswith(b"{"):  # a day without events is an empty answer
        raise ServerError(
            "the answer is not a Mixpanel export",
            hint="is a proxy or a sign-in page in between? check the network and MP_BASE_URL",
        )
