"""Discovery of the project's content: names, saved reports, the Lexicon."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mixpanel_assets.mixpanel.cache import CachedAnswers
    from mixpanel_assets.questions.base import R
    from mixpanel_assets.questions.discovery import Discovery


def answer(mixpanel: CachedAnswers, asked: Discovery[R]) -> R:
    """Ask Mixpanel or the cache, with the function of `catalog.questions` named like it."""
    from mixpanel_assets.mixpanel.catalog import questions

    function: Callable[..., R] = getattr(questions, asked.method_name())
    return function(mixpanel, asked)
