"""Whether Mixpanel lets these credentials in, for as little as it can be asked."""

from __future__ import annotations

from datetime import date

from mixpanel_assets.mixpanel.client import Client


def prove_access(mixpanel: Client, day: date) -> None:
    """Mixpanel exports the project's events to these credentials; what it says if not is raised.

    One export request of a past day, cut off at one event: every plan and every kind of
    credentials may export, while the query API is not in every plan.

    https://developer.mixpanel.com/reference/raw-event-export
    """
    with mixpanel.stream_export({"from_date": str(day), "to_date": str(day), "limit": "1"}):
        pass  # that it answers is the answer
