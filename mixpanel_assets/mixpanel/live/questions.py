"""One function for each live query: sends it and reads the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from mixpanel_assets import results
from mixpanel_assets.errors import QueryError
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.live import answers
from mixpanel_assets.mixpanel.live.parameters import ask, parameters
from mixpanel_assets.notes import note
from mixpanel_assets.questions import live

SEGMENTS = 60  # that Mixpanel counts without a limit
JQL_NOTE = "Mixpanel is retiring JQL: land the events and query them with SQL instead"

_SCRIPT_ERROR = re.compile(
    r"(?:Uncaught exception )?(?P<type>\w*Error): (?P<message>.*?)(?: *Stack trace|$)"
)


def segmentation(client: Client, asked: live.Segmentation) -> results.SegmentationResult:
    unit = None if asked.interval else asked.unit
    answer = ask(client, "segmentation", parameters(asked, unit=unit))
    series = answers.chart(answer, [] if asked.on else [asked.event])
    if asked.on:
        _note_cut(series, asked.limit or SEGMENTS)
    total = sum(count for counts in series.values() for count in counts.values())
    return results.SegmentationResult(asked.event, *asked.span, asked.unit, asked.on, total, series)


def _note_cut(series: Collection[str], limit: int) -> None:
    if len(series) >= limit:
        note(f"only the {limit:,} most frequent values are counted; raise --limit for more")


def segmentation_numeric(
    client: Client, asked: live.SegmentationNumeric
) -> results.NumericBucketResult:
    series = answers.chart(ask(client, "segmentation/numeric", parameters(asked)))
    return results.NumericBucketResult(asked.event, *asked.span, asked.on, asked.unit, series)


def segmentation_sum(client: Client, asked: live.SegmentationSum) -> results.NumericSumResult:
    answer = ask(client, "segmentation/sum", parameters(asked))
    numbers, computed_at = answers.numbers(answers.results(answer)), answer.get("computed_at")
    return results.NumericSumResult(
        asked.event, *asked.span, asked.on, asked.unit, numbers, computed_at
    )


def segmentation_average(
    client: Client, asked: live.SegmentationAverage
) -> results.NumericAverageResult:
    answer = ask(client, "segmentation/average", parameters(asked))
    numbers = answers.numbers(answers.results(answer))
    return results.NumericAverageResult(asked.event, *asked.span, asked.on, asked.unit, numbers)


def event_counts(client: Client, asked: live.EventCounts) -> results.EventCountsResult:
    names = list(asked.events)
    answer = ask(client, "events", parameters(asked, events=None, event=names))
    series = answers.chart(answer, names)
    return results.EventCountsResult(names, *asked.days, asked.unit, asked.type, series)


def property_counts(client: Client, asked: live.PropertyCounts) -> results.PropertyCountsResult:
    wire = parameters(asked, property_name=None, name=asked.property_name)
    series = answers.chart(ask(client, "events/properties", wire), asked.values or [])
    if asked.limit and not asked.values:
        _note_cut(series, asked.limit)
    of = (asked.event, asked.property_name)
    return results.PropertyCountsResult(*of, *asked.days, asked.unit, asked.type, series)


def funnel(client: Client, asked: live.Funnel) -> results.FunnelResult:
    parts = answers.funnel_parts(ask(client, "funnels", parameters(asked)))
    whole = [part for part in parts if part.segment in (None, answers.OVERALL)] or parts
    steps = answers.together(whole)
    wanted: list[results.FunnelPart] | None = parts
    if asked.unit is None and asked.interval is None:
        wanted = answers.by_segment(parts) if asked.on else None
    rate = answers.conversion(steps)
    return results.FunnelResult(asked.funnel_id, "", *asked.span, rate, steps, wanted)


def retention(client: Client, asked: live.Retention) -> results.RetentionResult:
    whole = asked.interval == 1  # Mixpanel refuses unit and interval together
    wire = parameters(
        asked,
        born_event=asked.born_event if asked.retention_type == "birth" else None,
        event=asked.return_event,
        where=asked.return_where,
        return_event=None,
        return_where=None,
        unit=asked.unit if whole else None,
        interval=None if whole else asked.interval,
        unbounded_retention=asked.unbounded_retention or None,
    )
    cohorts = answers.cohorts(ask(client, "retention", wire))
    events = (asked.born_event, asked.return_event)
    return results.RetentionResult(*events, *asked.span, asked.unit, cohorts)


def frequency(client: Client, asked: live.Frequency) -> results.FrequencyResult:
    data = answers.frequencies(ask(client, "retention/addiction", parameters(asked)))
    return results.FrequencyResult(asked.event, *asked.span, asked.unit, asked.addiction_unit, data)


def activity_feed(client: Client, asked: live.ActivityFeed) -> results.ActivityFeedResult:
    events = answers.activity(ask(client, "stream/query", parameters(asked, limit=None)))
    kept = answers.newest(events, asked.limit)
    if truncated := len(kept) < len(events):
        note(f"only the newest {len(kept):,} of {len(events):,} events; --limit 0 keeps all")
    return results.ActivityFeedResult(
        list(asked.distinct_ids), *asked.span, kept, truncated=truncated
    )


def saved_report(client: Client, asked: live.SavedReport) -> results.SavedReportResult:
    wire = parameters(asked, bookmark_type=None)
    if asked.bookmark_type == "flows":
        return answers.saved(asked.bookmark_id, _flows(client, wire), "flows")
    if not asked.from_date:
        return answers.saved(asked.bookmark_id, ask(client, "insights", wire))
    days = {name: wire[name] for name in ("from_date", "to_date")}
    series = ask(client, "retention", wire)
    answer = {"headers": ["$retention"], "series": series, "date_range": days}
    return answers.saved(asked.bookmark_id, answer)


def flows(client: Client, asked: live.Flows) -> results.FlowsResult:
    return answers.flows(asked.bookmark_id, _flows(client, parameters(asked)))


def _flows(client: Client, wire: dict[str, Any]) -> Any:
    return ask(client, "arb_funnels", {**wire, "query_type": "flows_sankey"})


def jql(client: Client, asked: live.Jql) -> results.JQLResult:
    view = {} if asked.workspace_id is None else {"workspace_id": asked.workspace_id}
    form = {"script": asked.script, "params": json.dumps(asked.params or {})}
    client.note(JQL_NOTE)
    try:
        return results.JQLResult(client.ask("POST", "/api/query/jql", params=view, form=form))
    except QueryError as error:
        if error.details.get("status") == 412:
            error.details.update(_script_error(error), script=asked.script)
        raise


def _script_error(error: QueryError) -> dict[str, str]:
    text = str(error.details.get("body", ""))
    found = _SCRIPT_ERROR.search(text.partition("Uncaught exception ")[2] or text)
    if not found:
        return {"error_type": "", "error_message": text}
    return {"error_type": found["type"], "error_message": found["message"].strip()}
