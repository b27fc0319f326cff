"""Saved reports, flows and scripts, as Mixpanel answers them now. Each is one counted query."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from mixpanel_assets.errors import QueryError, UsageError
from mixpanel_assets.mixpanel import reports
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.wording import Day, ask, days, one_of, params
from mixpanel_assets.naming import named
from mixpanel_assets.results import FlowsResult, JQLResult, SavedReportResult

ReportType = Literal["insights", "funnels", "retention", "flows"]
REPORT_TYPES = ("insights", "funnels", "retention", "flows")
JQL_NOTE = "Mixpanel is retiring JQL: export the events and ask them with SQL instead"

_SCRIPT_ERROR = re.compile(
    r"(?:Uncaught exception )?(?P<type>\w*Error): (?P<message>.*?)(?: *Stack trace|$)"
)


def saved_report(
    client: Client,
    bookmark_id: int,
    *,
    bookmark_type: ReportType = "insights",
    from_date: Day | None = None,
    to_date: Day | None = None,
    workspace_id: int | None = None,
) -> SavedReportResult:
    """A saved report over the days it was saved with.

    Saved insights, funnels and retention need no `bookmark_type`. Other days can be given for
    retention alone: then its series is as `/retention` answers.
    https://developer.mixpanel.com/reference/insights-query
    """
    one_of(bookmark_type, REPORT_TYPES, "bookmark_type")
    span = _span(bookmark_type, from_date, to_date)
    asked = params(bookmark_id=bookmark_id, workspace_id=workspace_id, **span)
    if bookmark_type == "flows":
        return reports.saved(bookmark_id, _flows(client, asked), "flows")
    if not span:
        return reports.saved(bookmark_id, ask(client, "insights", asked))
    days_of = {name: str(day) for name, day in span.items()}
    series = ask(client, "retention", asked)
    answer = {"headers": ["$retention"], "series": series, "date_range": days_of}
    return reports.saved(bookmark_id, answer)


def _span(kind: str, from_date: Day | None, to_date: Day | None) -> dict[str, Any]:
    if from_date is None and to_date is None:
        return {}
    if from_date is None or to_date is None:
        raise UsageError("give both from_date and to_date, or neither")
    if kind != "retention":
        raise UsageError(
            f"saved {kind} are answered for the days they were saved with",
            hint="leave out from_date and to_date",
        )
    start, end = days(from_date, to_date)
    return {"from_date": start, "to_date": end}


def flows(client: Client, bookmark_id: int, *, workspace_id: int | None = None) -> FlowsResult:
    """A saved report of what people do next. Mixpanel does not document this answer."""
    answer = _flows(client, params(bookmark_id=bookmark_id, workspace_id=workspace_id))
    return reports.flows(bookmark_id, answer)


def _flows(client: Client, asked: dict[str, Any]) -> Any:
    return ask(client, "arb_funnels", {**asked, "query_type": "flows_sankey"})


def jql(
    client: Client,
    script: str,
    params: Mapping[str, Any] | None = None,
    *,
    workspace_id: int | None = None,
) -> JQLResult:
    """What the script returns, `params` being its global of that name.

    QueryError has error_type, error_message and script in its details if the script fails.
    https://developer.mixpanel.com/reference/query-jql
    """
    form = {"script": named(script, "script"), "params": json.dumps(params or {})}
    view = {} if workspace_id is None else {"workspace_id": workspace_id}
    client.note(JQL_NOTE)
    try:
        return JQLResult(client.ask("POST", "/api/query/jql", params=view, form=form))
    except QueryError as error:
        if error.details.get("status") == 412:
            error.details.update(_script_error(error), script=script)
        raise


def _script_error(error: QueryError) -> dict[str, str]:
    text = str(error.details.get("body", ""))
    exact = text.partition("Uncaught exception ")[2] or text
    found = _SCRIPT_ERROR.search(exact)
    if not found:
        return {"error_type": "", "error_message": text}
    return {"error_type": found["type"], "error_message": found["message"].strip()}
