"""Reads the JSON of Mixpanel's answers to live queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mixpanel_assets.errors import APIError
from mixpanel_assets.results import funnels, live

OVERALL = "$overall"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
Series = dict[str, dict[str, float]]


def chart(answer: Any, names: Iterable[str] = ()) -> Series:
    """The `values` of an answer by name and date, in order; missing ones are 0.

    `names` are always included.
    """
    data = _object(_object(answer).get("data", {}))
    found = {name: numbers(counts) for name, counts in _object(data.get("values") or {}).items()}
    listed = [str(day) for day in data.get("series") or []]
    dates = sorted({*listed, *(day for counts in found.values() for day in counts)})
    everything = {**{name: {} for name in names}, **found}
    return {name: {day: counts.get(day, 0) for day in dates} for name, counts in everything.items()}


def numbers(answer: Any) -> dict[str, float]:
    """Numbers by date, in order; null is 0."""
    return {str(day): n or 0 for day, n in sorted(_object(answer or {}).items())}


def results(answer: Any) -> Any:
    """The `results` of an answer."""
    return _object(answer).get("results")


def funnel_parts(answer: Any) -> list[funnels.FunnelPart]:
    """The steps by date and, if the answer has segments, by segment."""
    data = _object(_object(answer).get("data") or {})
    return [
        funnels.FunnelPart(_steps(steps), str(day), segment)
        for day, found in sorted(data.items())
        for segment, steps in _step_lists(found)
    ]


def _step_lists(found: Any) -> Iterator[tuple[str | None, list[Any]]]:
    if isinstance(found, Mapping) and not isinstance(found.get("steps"), list):
        for segment, steps in found.items():
            inner = steps.get("steps", []) if isinstance(steps, Mapping) else steps
            yield str(segment), inner or []
    else:
        yield None, (found.get("steps") if isinstance(found, Mapping) else found) or []


def _steps(found: Iterable[Any]) -> list[funnels.FunnelStep]:
    steps = [_object(step) for step in found]
    return _rated((_step_name(step), int(step.get("count") or 0)) for step in steps)


def _step_name(step: Mapping[str, Any]) -> str:
    """The step's display name: a custom event has a number as its name, and a label."""
    if step.get("custom_event"):
        return str(step.get("step_label") or step.get("event") or step.get("goal"))
    return str(step.get("event") or step.get("goal") or step.get("step_label") or "")


def _rated(steps: Iterable[tuple[str, int]]) -> list[funnels.FunnelStep]:
    rated: list[funnels.FunnelStep] = []
    for event, count in steps:
        before = rated[-1].count if rated else count
        rate = count / before if before else float(not rated)
        rated.append(funnels.FunnelStep(event, count, rate))
    return rated


def together(parts: Iterable[funnels.FunnelPart]) -> list[funnels.FunnelStep]:
    """The steps with the sums of all parts."""
    counts: list[tuple[str, int]] = []
    for part in parts:
        for number, step in enumerate(part.steps):
            if number == len(counts):
                counts.append((step.event, 0))
            counts[number] = (counts[number][0], counts[number][1] + step.count)
    return _rated(counts)


def by_segment(parts: Iterable[funnels.FunnelPart]) -> list[funnels.FunnelPart]:
    """One part for each segment, summed over all dates."""
    segments: dict[str | None, list[funnels.FunnelPart]] = {}
    for part in parts:
        segments.setdefault(part.segment, []).append(part)
    return [funnels.FunnelPart(together(those), None, name) for name, those in segments.items()]


def conversion(steps: list[funnels.FunnelStep]) -> float:
    """The share of people of the first step that reached the last one."""
    return steps[-1].count / steps[0].count if steps and steps[0].count else 0.0


def cohorts(answer: Any) -> list[live.CohortInfo]:
    """The cohorts by date and, if the answer has segments, by segment."""
    found = _object(answer)
    listed = _object(found["data"]) if isinstance(found.get("data"), Mapping) else found
    return [
        _cohort(str(day), segment, one)
        for day, cohort in sorted(listed.items())
        for segment, one in _segments(cohort)
    ]


def _segments(cohort: Any) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    cohort = _object(cohort)
    if "counts" in cohort and not isinstance(cohort["counts"], Mapping):
        yield None, cohort
    else:
        yield from ((str(segment), _object(one)) for segment, one in cohort.items())


def _cohort(day: str, segment: str | None, one: Mapping[str, Any]) -> live.CohortInfo:
    counts = [int(count or 0) for count in one.get("counts") or []]
    first = one.get("first")
    size = int(first) if first is not None else (counts[0] if counts else 0)
    return live.CohortInfo(day, size, [n / size if size else 0.0 for n in counts], segment)


def frequencies(answer: Any) -> dict[str, Any]:
    """Counts by date, or by date and segment, from `data` or from the top level."""
    found = _object(answer)
    data = found["data"] if isinstance(found.get("data"), Mapping) else found
    return {
        str(day): counts if isinstance(counts, Mapping) else list(counts or [])
        for day, counts in sorted(data.items())
    }


def activity(answer: Any) -> list[live.UserEvent]:
    """The events of an activity feed."""
    results = _object(answer).get("results") or {}
    found = results if isinstance(results, list) else _object(results).get("events") or []
    return [_user_event(_object(one)) for one in found]


def _user_event(one: Mapping[str, Any]) -> live.UserEvent:
    properties = dict(_object(one.get("properties") or {}))
    return live.UserEvent(
        str(one.get("event", "")), _moment(properties.pop("time", None)), properties
    )


def _moment(time: Any) -> datetime | None:
    """The time of seconds or, in newer exports, milliseconds since 1970; None for other values."""
    if not isinstance(time, int | float) or isinstance(time, bool):
        return None
    try:
        return datetime.fromtimestamp(time / 1000 if abs(time) > 1e11 else time, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def newest(events: list[live.UserEvent], limit: int | None) -> list[live.UserEvent]:
    """The newest events, in their order; events without a time count as the oldest."""
    if limit is None or len(events) <= limit:
        return events
    ages = sorted(range(len(events)), key=lambda n: events[n].time or _LONG_AGO, reverse=True)
    return [events[n] for n in sorted(ages[:limit])]


def saved(bookmark_id: int, answer: Any, kind: str | None = None) -> live.SavedReportResult:
    """A saved report of any type; the series of flows is the whole answer."""
    found = _object(answer)
    kind = kind or report_type(found)
    span = _object(found.get("date_range") or {})
    series = {n: v for n, v in found.items() if n != "computed_at"} if kind == "flows" else None
    return live.SavedReportResult(
        bookmark_id,
        kind,
        found.get("computed_at"),
        span.get("from_date"),
        span.get("to_date"),
        [str(name) for name in found.get("headers") or []],
        dict(_object(found.get("series") or {})) if series is None else series,
    )


def flows(bookmark_id: int, answer: Any) -> live.FlowsResult:
    """A saved flows report; missing parts are empty."""
    found = _object(answer)
    rate = found.get("overallConversionRate", found.get("overall_conversion_rate"))
    return live.FlowsResult(
        bookmark_id,
        found.get("computed_at"),
        list(found.get("steps") or []),
        list(found.get("breakdowns") or []),
        rate,
        dict(_object(found.get("metadata") or {})),
    )


def report_type(answer: Any) -> str:
    """The type of a saved report, derived from its answer."""
    headers = [str(one) for one in _object(answer).get("headers") or []]
    if "steps" in _object(answer):
        return "flows"
    kinds = {"$retention": "retention", "$funnel": "funnels"}
    return next((kinds[name] for name in headers if name in kinds), "insights")


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if value == []:  # an empty object, as PHP servers write it
        return {}
    raise APIError(
        f"Mixpanel's answer does not have the expected form: {str(value)[:200]}",
        hint="run it with --verbose and report it",
    )
