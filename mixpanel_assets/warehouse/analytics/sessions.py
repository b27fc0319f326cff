"""Sessions over landed events: https://docs.mixpanel.com/docs/features/sessions"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo

import numpy as np

from mixpanel_assets.questions.analysis import milliseconds
from mixpanel_assets.questions.analytics import Sessions
from mixpanel_assets.results import SessionsResult, SessionsRow
from mixpanel_assets.warehouse.analytics.buckets import Buckets
from mixpanel_assets.warehouse.analytics.keys import Flags, Ints, firsts, sort
from mixpanel_assets.warehouse.analytics.source import Rows, Source, days_of, how_many, packing
from mixpanel_assets.warehouse.sql import Connection

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


def without(source: Source, events: Sequence[str]) -> str:
    """SQL: the event is none of these."""
    return f"not ({source.is_event(*events)})" if events else "true"


def sessions(warehouse: Connection, asked: Sessions, zone: tzinfo) -> SessionsResult:
    source = Source(warehouse, asked, zone)
    source.count_left_out(None)
    only = f"{source.timed} and {without(source, (*EXCLUDED, *(asked.exclude or ())))}"
    rows = source.read({}, packing=packing(source.first, source.last), only=only)
    sort(rows["key"])
    assert rows.packing is not None
    person, at = rows.packing.unpack(rows["key"])
    start = np.flatnonzero(session_begins(person, at, milliseconds(asked.idle)))
    end = np.append(start[1:], len(at)) if len(start) else start
    seconds = (at[end - 1] - at[start]) / 1000
    buckets = Buckets(source.first, source.last, asked.unit, asked.week_start)
    unit = buckets.of_days(days_of(at[start]))
    del at  # these arrays are large
    size = len(buckets.labels)
    many = np.bincount(unit, minlength=size)
    total, long = (
        np.bincount(unit, weights=weights, minlength=size) for weights in (end - start, seconds)
    )
    del end, seconds
    pairs = person[start] * size + unit  # in order: so are people, and the units of each
    people = np.bincount(pairs[firsts(pairs)] % size, minlength=size)
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
    basis = source.basis(events=len(rows), people=how_many(person))
    return SessionsResult(source.first, source.last, made, basis)


def session_begins(person: Ints, at: Ints, idle_ms: int) -> Flags:
    """Where a session begins in events that are sorted by person and time."""
    begins = firsts(person)
    begins[1:] |= np.diff(at) >= idle_ms
    return begins | firsts(days_of(at))


def with_sessions(rows: Rows, idle_ms: int) -> Rows:
    """The rows that are a step, each with its session instead of its person."""
    assert rows.packing is not None
    order = np.argsort(rows["key"], kind="stable")
    person, at = rows.packing.unpack(rows["key"][order])
    session = np.cumsum(session_begins(person, at, idle_ms)) - 1
    is_step = np.flatnonzero(rows["steps"][order])
    found = rows.only(order[is_step])
    key = rows.packing.pack(session[is_step], at[is_step])
    return replace(found, columns={**found.columns, "key": key})
