"""What people do, now: funnels, retention, frequency and activity.

Arguments and errors are as in `counts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from mixpanel_assets.errors import UsageError
from mixpanel_assets.mixpanel import reports
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.wording import (
    CALENDAR_UNITS,
    LENGTH_UNITS,
    MOST_INTERVAL_DAYS,
    MOST_SEGMENTS,
    NUMERIC_UNITS,
    Day,
    ask,
    condition,
    days,
    number,
    one_of,
    params,
    segment,
)
from mixpanel_assets.naming import named_if_any, some_named
from mixpanel_assets.results import (
    ActivityFeedResult,
    FrequencyResult,
    FunnelResult,
    RetentionResult,
)


def funnel(
    client: Client,
    funnel_id: int,
    *,
    from_date: Day,
    to_date: Day,
    unit: str | None = None,
    on: str | None = None,
    where: str | None = None,
    length: int | None = None,
    length_unit: str | None = None,
    interval: int | None = None,
    limit: int | None = None,
    workspace_id: int | None = None,
) -> FunnelResult:
    """A saved funnel: how many reached each step, all in all.

    With `unit`, or `interval` in days, also by when they entered; with `on` by its values, 255
    unless `limit` says else. `length` and `length_unit` are how long people have, 90 days at
    most, as saved unless given. Recent days change until that has passed.
    https://developer.mixpanel.com/reference/funnels-query
    """
    start, end = days(from_date, to_date)
    if unit is not None and number(interval, "interval") is not None:
        raise UsageError("give unit or interval, not both")
    by = segment(on)
    asked = params(
        funnel_id=funnel_id,
        from_date=start,
        to_date=end,
        unit=None if unit is None else one_of(unit, CALENDAR_UNITS, "unit"),
        interval=interval,
        on=by,
        where=condition(where),
        **_length(length, length_unit),
        limit=number(limit, "limit", most=MOST_SEGMENTS),
        workspace_id=workspace_id,
    )
    parts = reports.funnel_parts(ask(client, "funnels", asked))
    whole = [part for part in parts if part.segment in (None, reports.OVERALL)] or parts
    steps = reports.together(whole)
    if unit is None and interval is None:
        wanted = reports.by_segment(parts) if by else None
    else:
        wanted = parts
    rate = reports.conversion(steps)
    return FunnelResult(funnel_id, "", start, end, rate, steps, wanted)


def _length(length: int | None, unit: str | None) -> dict[str, Any]:
    if unit is not None:
        one_of(unit, LENGTH_UNITS, "length_unit")
    number(length, "length", most=LENGTH_UNITS[unit] if unit else max(LENGTH_UNITS.values()))
    return {"length": length, "length_unit": unit}


def retention(
    client: Client,
    *,
    born_event: str | None = None,
    return_event: str | None = None,
    from_date: Day,
    to_date: Day,
    born_where: str | None = None,
    return_where: str | None = None,
    interval: int = 1,
    interval_count: int = 10,
    unit: str = "day",
    retention_type: Literal["birth", "compounded"] = "birth",
    unbounded_retention: bool = False,
    on: str | None = None,
    limit: int | None = None,
    workspace_id: int | None = None,
) -> RetentionResult:
    """Who came back after `born_event`, by when they first did it.

    Coming back is `return_event`, or any event; `on` is of that. There are `interval_count`
    intervals after the 0th, of one `unit` or of `interval` days. `compounded` needs no
    `born_event`: whoever did `return_event` begins anew in every interval.
    https://developer.mixpanel.com/reference/retention-query
    """
    start, end = days(from_date, to_date)
    one_of(retention_type, ("birth", "compounded"), "retention_type")
    if retention_type == "birth" and not (born_event or "").strip():
        raise UsageError("retention_type birth needs a born_event")
    asked = params(
        from_date=start,
        to_date=end,
        retention_type=retention_type,
        born_event=born_event if retention_type == "birth" else None,
        event=named_if_any(return_event, "return_event"),
        born_where=condition(born_where, "born_where"),
        where=condition(return_where, "return_where"),
        **_intervals(unit, interval),
        interval_count=number(interval_count, "interval_count"),
        unbounded_retention=unbounded_retention or None,
        on=segment(on),
        limit=number(limit, "limit", most=MOST_SEGMENTS),
        workspace_id=workspace_id,
    )
    found = reports.cohorts(ask(client, "retention", asked))
    return RetentionResult(born_event, return_event, start, end, unit, found)


def _intervals(unit: str, interval: int) -> dict[str, Any]:
    """Mixpanel refuses both; an interval alone is of days."""
    one_of(unit, CALENDAR_UNITS, "unit")
    number(interval, "interval", most=MOST_INTERVAL_DAYS)
    if interval == 1:
        return {"unit": unit}
    if unit != "day":
        raise UsageError(
            f"Mixpanel has no intervals of {interval} {unit}s", hint="an interval is of days"
        )
    return {"interval": interval}


def frequency(
    client: Client,
    *,
    from_date: Day,
    to_date: Day,
    unit: str = "day",
    addiction_unit: str = "hour",
    event: str | None = None,
    where: str | None = None,
    on: str | None = None,
    limit: int | None = None,
    workspace_id: int | None = None,
) -> FrequencyResult:
    """How many people did an event, or any, in at least 1, 2, 3 ... hours or days of each unit.

    https://developer.mixpanel.com/reference/retention-frequency-query
    """
    start, end = days(from_date, to_date)
    if one_of(unit, CALENDAR_UNITS, "unit") == addiction_unit:
        raise UsageError("addiction_unit must be smaller than unit", hint="addiction_unit hour")
    asked = params(
        from_date=start,
        to_date=end,
        unit=unit,
        addiction_unit=one_of(addiction_unit, NUMERIC_UNITS, "addiction_unit"),
        event=named_if_any(event, "event"),
        where=condition(where),
        on=segment(on),
        limit=number(limit, "limit", most=MOST_SEGMENTS),
        workspace_id=workspace_id,
    )
    data = reports.frequencies(ask(client, "retention/addiction", asked))
    return FrequencyResult(event, start, end, unit, addiction_unit, data)


def activity_feed(
    client: Client,
    distinct_ids: Sequence[str],
    *,
    from_date: Day,
    to_date: Day,
    limit: int | None = None,
    workspace_id: int | None = None,
) -> ActivityFeedResult:
    """What these people did; of it the newest `limit` events, since Mixpanel sends all there are.

    https://developer.mixpanel.com/reference/activity-stream-query
    """
    start, end = days(from_date, to_date)
    names = some_named(distinct_ids, "distinct_ids")
    number(limit, "limit")
    asked = params(distinct_ids=names, from_date=start, to_date=end, workspace_id=workspace_id)
    events = reports.activity(ask(client, "stream/query", asked))
    kept = reports.newest(events, limit)
    return ActivityFeedResult(names, start, end, kept, truncated=len(kept) < len(events))
