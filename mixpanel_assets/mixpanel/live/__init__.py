"""Live queries: how they are sent, and how their answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_assets.mixpanel.client import Client
    from mixpanel_assets.questions.base import R
    from mixpanel_assets.questions.live import Live


def answer(client: Client, asked: Live[R]) -> R:
    """Ask Mixpanel, with the function of `live.questions` named like the question."""
    from mixpanel_assets.mixpanel.live import questions

    function: Callable[..., R] = getattr(questions, asked.method_name())
    return function(client, asked)
