"""`mp ask`: analytics over landed events, without a request."""

from __future__ import annotations

from mixpanel_assets.cli.options import group
from mixpanel_assets.cli.questions import AskGroup

ABOUT = "Ask landed events: funnels, retention, sessions and more. No request to Mixpanel."

ask = group("ask", ABOUT, AskGroup)
