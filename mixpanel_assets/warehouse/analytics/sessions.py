"""Sessions over landed events: https://docs.mixpanel.com/docs/features/sessions"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import tzinfo

import numpy as np

from mixpanel_assets.questions.analysis import milliseconds
from mixpanel_assets.questions.analytics import Sessions
from mixpanel_assets.results import SessionsResult, SessionsRow
from mixpanel_assets.warehouse.analytics.buckets import Buckets
from mixpanel_assets.warehouse.analytics.keys import Flags, Ints, firsts
from mixpanel_assets.warehouse.analytics.source import TIMED, Rows, Source, days_of
from mixpanel_assets.warehouse.sql import Connection, literal

# What Mixpanel leaves out of sessions, besides hidden events.
EXCLUDED = (
    "$identify",
    "$create_alias",
    "$merge",
    "$hotshard_events",
    "$campaign_delivery",
    "$campaign_bounced",
    "$campaign_marked_spam",
    "$message_suppressed",
    "$unsubscribe",
    "$journey_entered",
)


def without(events: Iterable[str]) -> str:
    """SQL: the event is none of these."""
    names = ", ".join(map(literal, events))
    return f"event_name not in ({names})" if names else "true"


def sessions(warehouse: Connection, asked: Sessions, zone: tzinfo) -> SessionsResult:
    source = Source(warehouse, asked, zone)
    source.tell_left_out(None)
    only = f"{TIMED} and {without((*EXCLUDED, *(asked.exclude or ())))}"
    rows = source.read(source.rows({"person": source.person, "at": source.at}, only=only))
    order, begins = in_sessions(rows["person"], rows["at"], milliseconds(asked.idle))
    person, at = rows["person"][order], rows["at"][order]
    start = np.flatnonzero(begins)
    events = np.diff(np.append(start, len(at)))
    seconds = (at[start + events - 1] - at[start]) / 1000 if len(start) else np.empty(0)
    buckets = Buckets(source.first, source.last, asked.unit, asked.week_start)
    unit = buckets.of_days(days_of(at[start]))
    size = len(buckets.labels)
    many, total, long = (
        np.bincount(unit, weights=weights, minlength=size)
        for weights in (np.ones(len(start)), events, seconds)
    )
    people = np.bincount(np.unique(person[start] * size + unit) % size, minlength=size)
    made = [
        SessionsRow(
            label,
            int(many[n]),
            int(people[n]),
            int(total[n]),
            float(total[n] / many[n]) if many[n] else None,
            round(float(long[n] / many[n]), 3) if many[n] else None,
        )
        for n, label in enumerate(buckets.labels)
    ]
    basis = source.basis(events=len(rows), people=rows.people)
    return SessionsResult(source.first, source.last, made, basis)


def in_sessions(person: Ints, at: Ints, idle_ms: int) -> tuple[Ints, Flags]:
    """The order of the events by person and time, and where in it a session begins."""
    order = np.lexsort((at, person))
    person, at = person[order], at[order]
    begins = firsts(person)
    if len(at):
        begins[1:] |= (np.diff(at) >= idle_ms) | (np.diff(days_of(at)) != 0)
    return order, begins


def with_sessions(rows: Rows, idle_ms: int) -> Rows:
    """The rows that are a step, with the number of each one's session."""
    order, begins = in_sessions(rows["person"], rows["at"], idle_ms)
    session = np.empty(len(order), np.int64)
    session[order] = np.cumsum(begins) - 1
    steps = np.flatnonzero(rows["steps"])
    columns = {**rows.columns, "session": session}
    return replace(rows, columns={name: values[steps] for name, values in columns.items()})
