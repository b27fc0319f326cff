"""Events counted over time, now: segmentation, and counts by event or value.

Each is one request of the hourly query budget. Days are dates or ISO text, both ends included, in
the project's time zone. `on` is a property's name or an expression, `where` an expression,
`workspace_id` a data view. Raises UsageError or DateRangeError before anything is asked,
QueryError for what Mixpanel does not accept, and what `Client.ask` raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixpanel_assets.errors import UsageError
from mixpanel_assets.mixpanel import reports
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.wording import (
    COUNTINGS,
    MOST_SEGMENTS,
    NUMERIC_UNITS,
    UNITS,
    Counting,
    Day,
    all_values,
    ask,
    condition,
    days,
    needed_segment,
    number,
    one_of,
    params,
    segment,
)
from mixpanel_assets.naming import named, some_named
from mixpanel_assets.results import (
    EventCountsResult,
    NumericAverageResult,
    NumericBucketResult,
    NumericSumResult,
    PropertyCountsResult,
    SegmentationResult,
)


def segmentation(
    client: Client,
    event: str,
    *,
    from_date: Day,
    to_date: Day,
    on: str | None = None,
    unit: str = "day",
    where: str | None = None,
    type: Counting = "general",  # noqa: A002  Mixpanel's own word
    interval: int | None = None,
    limit: int | None = None,
    workspace_id: int | None = None,
) -> SegmentationResult:
    """An event over time, by the values of `on`: those with most, 60 unless `limit` says more.

    `interval`, in days, is instead of `unit`, for people and averages only.
    https://developer.mixpanel.com/reference/segmentation-query
    """
    start, end = days(from_date, to_date)
    one_of(unit, UNITS, "unit")
    one_of(type, COUNTINGS, "type")
    if number(interval, "interval") and (type == "general" or unit != "day"):
        raise UsageError("interval is instead of unit, and for type unique or average only")
    by = segment(on)
    asked = params(
        event=named(event, "event"),
        from_date=start,
        to_date=end,
        on=by,
        unit=None if interval else unit,
        interval=interval,
        where=condition(where),
        type=type,
        limit=number(limit, "limit", most=MOST_SEGMENTS),
        workspace_id=workspace_id,
    )
    series = reports.chart(ask(client, "segmentation", asked), [] if by else [event])
    return SegmentationResult(event, start, end, unit, on, reports.total(series), series)


def segmentation_numeric(
    client: Client,
    event: str,
    *,
    from_date: Day,
    to_date: Day,
    on: str,
    unit: str = "day",
    where: str | None = None,
    type: Counting = "general",  # noqa: A002  Mixpanel's own word
    workspace_id: int | None = None,
) -> NumericBucketResult:
    """An event over time, by ranges of a number that Mixpanel chooses.

    https://developer.mixpanel.com/reference/segmentation-numeric-query
    """
    one_of(type, COUNTINGS, "type")
    start, end, asked = _numeric(event, from_date, to_date, on, unit, where, workspace_id)
    answer = ask(client, "segmentation/numeric", {**asked, "type": type})
    return NumericBucketResult(event, start, end, on, unit, reports.chart(answer))


def segmentation_sum(
    client: Client,
    event: str,
    *,
    from_date: Day,
    to_date: Day,
    on: str,
    unit: str = "day",
    where: str | None = None,
    workspace_id: int | None = None,
) -> NumericSumResult:
    """The sum of a number over an event's occurrences; what is no number counts as 0.

    https://developer.mixpanel.com/reference/segmentation-sum-query
    """
    start, end, asked = _numeric(event, from_date, to_date, on, unit, where, workspace_id)
    answer = ask(client, "segmentation/sum", asked)
    results = reports.numbers(reports.results(answer))
    return NumericSumResult(event, start, end, on, unit, results, answer.get("computed_at"))


def segmentation_average(
    client: Client,
    event: str,
    *,
    from_date: Day,
    to_date: Day,
    on: str,
    unit: str = "day",
    where: str | None = None,
    workspace_id: int | None = None,
) -> NumericAverageResult:
    """The mean of a number over an event's occurrences; what is no number counts as 0.

    https://developer.mixpanel.com/reference/segmentation-query-average
    """
    start, end, asked = _numeric(event, from_date, to_date, on, unit, where, workspace_id)
    answer = ask(client, "segmentation/average", asked)
    results = reports.numbers(reports.results(answer))
    return NumericAverageResult(event, start, end, on, unit, results)


def _numeric(
    event: str,
    from_date: Day,
    to_date: Day,
    on: str,
    unit: str,
    where: str | None,
    workspace_id: int | None,
) -> tuple[Any, Any, dict[str, Any]]:
    start, end = days(from_date, to_date)
    asked = params(
        event=named(event, "event"),
        from_date=start,
        to_date=end,
        on=needed_segment(on),
        unit=one_of(unit, NUMERIC_UNITS, "unit"),
        where=condition(where),
        workspace_id=workspace_id,
    )
    return start, end, asked


def event_counts(
    client: Client,
    events: Sequence[str],
    *,
    from_date: Day | None = None,
    to_date: Day | None = None,
    type: Counting = "general",  # noqa: A002  Mixpanel's own word
    unit: str = "day",
    interval: int | None = None,
    workspace_id: int | None = None,
) -> EventCountsResult:
    """Several events over time: between two days, or in the last `interval` units up to now.

    https://developer.mixpanel.com/reference/list-recent-events
    """
    names = some_named(events, "events")
    start, end = _span(from_date, to_date, interval)
    asked = params(
        event=names,
        **_counting(type, unit),
        from_date=start,
        to_date=end,
        interval=interval,
        workspace_id=workspace_id,
    )
    series = reports.chart(ask(client, "events", asked), names)
    return EventCountsResult(names, start, end, unit, type, series)


def property_counts(
    client: Client,
    event: str,
    property_name: str,
    *,
    from_date: Day | None = None,
    to_date: Day | None = None,
    type: Counting = "general",  # noqa: A002  Mixpanel's own word
    unit: str = "day",
    values: Sequence[str] | None = None,
    limit: int | None = None,
    interval: int | None = None,
    workspace_id: int | None = None,
) -> PropertyCountsResult:
    """The values of a property over time, 255 unless `limit` says else, or these `values`.

    https://developer.mixpanel.com/reference/query-event-properties
    """
    wanted = None if values is None else all_values(values, "values")
    start, end = _span(from_date, to_date, interval)
    asked = params(
        event=named(event, "event"),
        name=named(property_name, "property_name"),
        values=wanted,
        **_counting(type, unit),
        from_date=start,
        to_date=end,
        interval=interval,
        limit=number(limit, "limit", most=MOST_SEGMENTS),
        workspace_id=workspace_id,
    )
    series = reports.chart(ask(client, "events/properties", asked), wanted or [])
    return PropertyCountsResult(event, property_name, start, end, unit, type, series)


def _span(from_date: Day | None, to_date: Day | None, interval: int | None) -> tuple[Any, Any]:
    if number(interval, "interval") and from_date is None and to_date is None:
        return None, None
    if interval or from_date is None or to_date is None:
        raise UsageError("give from_date and to_date, or interval alone")
    return days(from_date, to_date)


def _counting(type_: str, unit: str) -> dict[str, str]:
    one_of(type_, COUNTINGS, "type")
    one_of(unit, UNITS, "unit")
    if type_ == "unique" and unit in ("minute", "hour"):
        raise UsageError(f"Mixpanel does not count people by {unit}", hint="unit day, week, month")
    return {"type": type_, "unit": unit}
