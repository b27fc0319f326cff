"""Sends a live query: its fields as request parameters, and notes about its answer."""

from __future__ import annotations

import json
from typing import Any

from mixpanel_assets.errors import QueryError
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.live import remarks
from mixpanel_assets.notes import note
from mixpanel_assets.questions.base import Question
from mixpanel_assets.questions.expressions import segment


def parameters(asked: Question[Any], **changed: Any) -> dict[str, Any]:
    """The given fields as request parameters; those `changed` to None are left out."""
    asked.check_dated()
    given = {**asked.to_dict(), **changed}
    if "on" in given:
        given["on"] = segment(given["on"])
    return {
        name: json.dumps(value) if isinstance(value, bool | list | dict) else value
        for name, value in given.items()
        if value is not None
    }


def ask(client: Client, path: str, asked: dict[str, Any]) -> Any:
    """The answer of a query endpoint, with notes about warnings and names that may be wrong.

    EventNotFoundError for an unknown event, without a request if possible.
    """
    remarks.check(path, asked, client.names)
    try:
        answer = client.ask("GET", f"/api/query/{path}", params=asked)
    except QueryError as error:
        raise remarks.translated(error, path, asked, client.names) from error
    warning = answer.get("warning") if isinstance(answer, dict) else None
    if isinstance(warning, str) and warning:
        client.note(f"Mixpanel warns: {warning}")
    if client.names:
        for remark in remarks.remarks(path, asked, answer, client.names):
            note(remark)
    return answer
