"""The live question that asks Mixpanel the same as a question about landed events."""

from collections.abc import Callable
from typing import Any

from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import parse, parse_by, parse_step
from mixpanel_assets.questions import analytics, live
from mixpanel_assets.questions.analysis import milliseconds
from mixpanel_assets.questions.base import Question

SECOND_MS = 1000
# What Mixpanel's API can't be asked, with the value that is the same as its own.
_ONLY_LOCAL = {
    "count": "uniques",
    "order": "specific",
    "hold": None,
    "exclude": None,
    "reentry": False,
    "where_applies": "events",
    "per_unit": False,
    "calendar": False,
    "exactly": False,
    "week_start": "monday",
    "sql_where": None,
    "table": "events",
}


def counterpart(asked: analytics.Analysis[Any], saved: int | None = None) -> live.Live[Any]:
    """The live question; UsageError if Mixpanel's API has none, or lacks an option."""
    make = _LIVE.get(type(asked))
    if make is None:
        raise UsageError(f"Mixpanel's API has no question like {asked.command_name()}")
    for name, same in _ONLY_LOCAL.items():
        if getattr(asked, name, same) != same:
            raise UsageError(f"Mixpanel's API has no {name}: omit it to compare")
    return make(asked, saved)


def needs_saved(kind: type[Question[Any]]) -> bool:
    """Whether its live question is about something saved, which has an id."""
    return issubclass(kind, analytics.Funnel)


def is_comparable(kind: type[Question[Any]]) -> bool:
    """Whether it has a live question."""
    return kind in _LIVE


def _days(asked: analytics.Analysis[Any]) -> dict[str, Any]:
    where = None if asked.where is None else str(parse(asked.where))  # as Mixpanel writes it
    return {"from_date": asked.from_date, "to_date": asked.to_date or "today", "where": where}


def _by(by: str | None) -> str | None:
    return None if by is None else str(parse_by(by))


def _funnel(asked: analytics.Funnel, saved: int | None) -> live.Funnel:
    if saved is None:
        raise UsageError("Mixpanel's API has saved funnels only", hint="name one: --compare 7500")
    seconds = milliseconds(asked.window) // SECOND_MS
    return live.Funnel(
        saved,
        on=_by(asked.by),
        length=seconds,
        length_unit="second",
        unit=asked.unit,
        limit=asked.limit,
        **_days(asked),
    )


def _event(step: str | None, where: str | None) -> tuple[str | None, str | None]:
    """The event's name, and its filter with the question's."""
    if step is None:
        return None, where
    parsed = parse_step(step)
    own = None if parsed.where is None else str(parsed.where)
    both = [f"({one})" for one in (own, where) if one]
    return parsed.event, " and ".join(both) or None


def _retention(asked: analytics.Retention, _: int | None) -> live.Retention:
    if asked.by and asked.by_event == "born":
        hint = "by_event return is the same as Mixpanel's API"
        raise UsageError("Mixpanel's API splits by the event people return with", hint=hint)
    days = _days(asked)
    born, born_where = _event(asked.born, days["where"])
    event, where = _event(asked.return_event, days.pop("where"))
    return live.Retention(
        born_event=born,
        born_where=born_where if born else None,
        return_event=event,
        return_where=where,
        unit=asked.unit,
        interval_count=asked.interval_count,
        retention_type=asked.retention_type,
        unbounded_retention=asked.on_or_after,
        on=_by(asked.by),
        limit=asked.limit,
        **days,
    )


def _segmentation(asked: analytics.Segmentation, _: int | None) -> live.Live[Any]:
    days = _days(asked)
    event, where = _event(asked.event, days.pop("where"))
    number = asked.sum or asked.average
    if number is None:
        return live.Segmentation(
            str(event),
            on=_by(asked.by),
            where=where,
            unit=asked.unit,
            type=asked.type,
            limit=asked.limit,
            **days,
        )
    if asked.by or asked.unit not in ("hour", "day"):
        raise UsageError("Mixpanel's API sums by hour or day, without segments")
    kind: Callable[..., live.Live[Any]] = (
        live.SegmentationSum if asked.sum else live.SegmentationAverage
    )
    return kind(str(event), on=_by(number), where=where, unit=asked.unit, **days)


def _frequency(asked: analytics.Frequency, _: int | None) -> live.Frequency:
    days = _days(asked)
    event, where = _event(asked.event, days.pop("where"))
    return live.Frequency(
        unit=asked.unit,
        addiction_unit=asked.addiction_unit,
        event=event,
        where=where,
        on=_by(asked.by),
        limit=asked.limit,
        **days,
    )


_LIVE: dict[Any, Callable[..., live.Live[Any]]] = {
    analytics.Funnel: _funnel,
    analytics.Retention: _retention,
    analytics.Segmentation: _segmentation,
    analytics.Frequency: _frequency,
}
