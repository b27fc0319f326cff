"""What people did on each day, from the spine: their sessions, and their days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from mixpanel_assets.questions.analysis import milliseconds
from mixpanel_assets.questions.analytics import DAY_MS, IDLE
from mixpanel_assets.warehouse import spine
from mixpanel_assets.warehouse.analytics.keys import Ints, Packing, firsts
from mixpanel_assets.warehouse.analytics.sessions import EXCLUDED, session_begins
from mixpanel_assets.warehouse.marts.tables import MartTable, lost_days, replacing
from mixpanel_assets.warehouse.sql import Connection

DAYS_AT_ONCE = 31  # with 2^31 people and a day's ms, which share 63 bits
PERSON_BITS = 31
PERSON = ("VARCHAR", "who, as in the column of events; nobody's events are left out")
Arrays = Mapping[str, Any]

SESSIONS = {
    "day": ("DATE", "the project's day; no session is longer"),
    "person": PERSON,
    "session": ("INTEGER", "its number among the person's sessions of the day, from 1"),
    "started_at": ("TIMESTAMP", "its first event, on the project's clock"),
    "ended_at": ("TIMESTAMP", "its last event, on the project's clock"),
    "events": ("INTEGER", "how many events it has"),
    "seconds": ("DOUBLE", "from its first event to its last"),
}
USER_DAYS = {
    "day": ("DATE", "the project's day"),
    "person": PERSON,
    "events": ("INTEGER", "how many events, of any name"),
    "sessions": ("INTEGER", "how many sessions; 0 if no event is part of one"),
}


@dataclass(frozen=True)
class OfPeople:
    """A table with rows for people on days: how its rows follow from those days' events."""

    name: str
    columns: Mapping[str, tuple[str, str]]
    description: str
    rows: Callable[[Ints, Ints, Ints], Arrays]  # from group, ms and whether it counts
    select: str  # SQL of its columns, from these arrays as `made`

    def table(self, zone: str) -> MartTable:
        """The table, with the days of a time zone."""
        definition = {"mart": self.name, "zone": zone, "idle": IDLE, "version": 1}
        return MartTable(self.name, "day", self.columns, self.description, definition)


def replace_days(
    warehouse: Connection, mart: OfPeople, days: Sequence[date], zone: str
) -> list[date]:
    """Replace the rows of days, or change nothing; the days that are landed, and so have rows.

    Days of another definition, and of people who were merged since, are replaced, too.
    """
    table = mart.table(zone)
    wanted = sorted({*days, *lost_days(warehouse, table)})
    # Also who was merged since.
    spine.make(warehouse, spine.stale_days(warehouse, zone, wanted[0], wanted[-1]), zone)
    made = [day for day in spine.days(warehouse, zone) if day in wanted]
    with replacing(warehouse, table, wanted, spine.merges(warehouse)):
        for some in _batches(warehouse, made):
            _insert(warehouse, mart, _rows(warehouse, mart, some))
    return made


def _batches(warehouse: Connection, days: Sequence[date]) -> Iterator[list[date]]:
    for some in spine.together(warehouse, days):
        for first in range(0, len(some), DAYS_AT_ONCE):
            yield some[first : first + DAYS_AT_ONCE]


def _rows(warehouse: Connection, mart: OfPeople, days: Sequence[date]) -> Arrays:
    names = spine.names(warehouse)
    # As for mp ask, what has no name, which is -1, is no part of a session.
    excluded = [-1, *(names[name] for name in EXCLUDED if name in names)]
    query = f"""
        select (event_date - $first)::smallint as day, coalesce(person, id) as id,
               coalesce(ms, -1) as ms,
               ms is not null and event not in ({", ".join(map(str, excluded))}) as counts
        from internal.spine
        left join (select id, person from internal.spine_ids where person is not null) using (id)
        where event_date in (select unnest({[str(day) for day in days]}::date[])) and id >= 0
        """
    found = warehouse.execute(query, {"first": min(days)}).fetchnumpy()
    day, person, ms, counts = (np.ma.getdata(found[name]) for name in ("day", "id", "ms", "counts"))
    numbers = np.array([(one - min(days)).days for one in sorted(days)])
    group = np.searchsorted(numbers, day) << PERSON_BITS
    group |= person
    made = dict(mart.rows(group, ms, counts))
    group = made.pop("group")
    return {
        "day": numbers[group >> PERSON_BITS] + (min(days) - date(1970, 1, 1)).days,
        "id": (group & ((1 << PERSON_BITS) - 1)).astype(np.int32),
        **made,
    }


def _insert(warehouse: Connection, mart: OfPeople, made: Arrays) -> None:  # noqa: ARG001
    """Insert the rows of the arrays, which DuckDB finds by the name `made`."""
    warehouse.execute(
        f"""
        insert into {mart.name}
        select date '1970-01-01' + day::integer, distinct_id, {mart.select}
        from made join internal.spine_ids using (id)
        """
    )


def _sessions(group: Ints, ms: Ints, counts: Ints) -> dict[str, Any]:
    packing = Packing(0, DAY_MS - 1)
    key = packing.pack(group[counts], ms[counts])
    key.sort()
    group, at = packing.unpack(key)
    start = np.flatnonzero(session_begins(group, at, milliseconds(IDLE)))
    events = np.diff(np.append(start, len(at)))
    whose = group[start]
    number = np.arange(len(start))
    first = np.maximum.accumulate(np.where(firsts(whose), number, 0)) if len(start) else number
    return {
        "group": whose,
        "session": (number - first + 1).astype(np.int32),
        "began": at[start].astype(np.int32),
        "ended": at[start + events - 1].astype(np.int32),
        "events": events.astype(np.int32),
    }


def _user_days(group: Ints, ms: Ints, counts: Ints) -> dict[str, Any]:
    made = _sessions(group, ms, counts)
    start = np.flatnonzero(firsts(made["group"]))
    others, rest = np.unique(group[~counts], return_counts=True)
    whose = made["group"][start]
    every = np.union1d(whose, others) if len(others) else whose
    events, sessions = np.zeros((2, len(every)), np.int32)
    place = np.searchsorted(every, whose)
    if len(start):
        events[place] = np.add.reduceat(made["events"], start)
    sessions[place] = np.diff(np.append(start, len(made["group"])))
    events[np.searchsorted(every, others)] += rest.astype(np.int32)
    return {"group": every, "events": events, "sessions": sessions}


_AT = f"make_timestamp_ms(day::bigint * {DAY_MS} + {{}})"
MARTS = (
    OfPeople(
        "sessions",
        SESSIONS,
        "Every session: it ends after 30 minutes without an event, and at midnight.",
        _sessions,
        f"session, {_AT.format('began')}, {_AT.format('ended')}, events, (ended - began) / 1000",
    ),
    OfPeople(
        "user_days",
        USER_DAYS,
        "Everybody's active days: how many events and sessions.",
        _user_days,
        "events, sessions",
    ),
)
