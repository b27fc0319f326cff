"""Resources and prompts: an overview, an event, recipes, and how to begin."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from mixpanel_assets.errors import UsageError
from mixpanel_assets.mcp import replies
from mixpanel_assets.mcp.tools import Service
from mixpanel_assets.notes import notes_here
from mixpanel_assets.skill import recipes

EVENT = "mixpanel://event/"
RESOURCES = {"overview": "mixpanel://overview", "recipes": "mixpanel://recipes"}

PROMPTS = {
    "answer": (
        "Answer a question about the product from landed data.",
        "question",
        "Answer this question from Mixpanel data: {question}\n\n"
        "Call overview first. Use sql or an `ask` question, which cost no request; use `query` "
        "questions only for what only Mixpanel knows. Check the days that are landed, and say in "
        "the answer which days it covers and what the remarks of the replies warn of.",
    ),
    "check": (
        "Look for what is wrong with an event's data before using it.",
        "event",
        "Check the event {event}: call find with event={event}, compare the counts by day with "
        "sql, and look for missing days, properties that begin, end or change type, spellings "
        "that differ, and test or bot traffic. Report only what the data show, with the SQL.",
    ),
}


def read(service: Service, uri: str) -> str:
    """The text of a resource; UsageError for another."""
    if uri == RESOURCES["recipes"]:
        return recipes()
    said: list[str] = []
    with notes_here(lambda message: said.append(f"note: {message}")), service.workspace() as ws:
        if uri == RESOURCES["overview"]:
            return replies.of_text(ws.overview().text, said)
        if uri.startswith(EVENT):
            found = ws.find(event=unquote(uri.removeprefix(EVENT)))
            return replies.of_answer(found, None, said)
    raise UsageError(f"there is no resource {uri}", hint=f"one of {', '.join(RESOURCES.values())}")


def prompt(name: str, arguments: Mapping[str, str]) -> str:
    """The text of a prompt; UsageError for another, or if its argument is missing."""
    if name not in PROMPTS:
        raise UsageError(f"there is no prompt {name}", hint=f"one of {', '.join(PROMPTS)}")
    _, argument, text = PROMPTS[name]
    if not arguments.get(argument):
        raise UsageError(f"{argument} is missing")
    return text.format_map({argument: arguments[argument]})
