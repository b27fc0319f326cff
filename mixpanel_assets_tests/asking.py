"""Questions put to the function that answers them, without a Workspace."""

from collections.abc import Callable
from typing import Any

from mixpanel_assets.mixpanel.catalog import answer as answer_of_project
from mixpanel_assets.mixpanel.live import answer as answer_of_mixpanel
from mixpanel_assets.questions import discovery as of_project
from mixpanel_assets.questions import live as of_mixpanel
from mixpanel_assets.questions import local as of_warehouse
from mixpanel_assets.questions.base import questions_in
from mixpanel_assets.warehouse.ask import answer as answer_of_warehouse


class Asked:
    """The questions of one module as functions: `live.funnel(client, 7, from_date=...)`."""

    def __init__(self, module: Any, answer: Callable[[Any, Any], Any]) -> None:
        self._questions = questions_in(module)
        self._answer = answer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        kind = self._questions[name]
        return lambda door, *given, **named: self._answer(door, kind(*given, **named))


live = Asked(of_mixpanel, answer_of_mixpanel)
discovery = Asked(of_project, answer_of_project)
local = Asked(of_warehouse, answer_of_warehouse)
