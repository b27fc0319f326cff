"""Paths of people through events: https://docs.mixpanel.com/docs/reports/flows"""

from __future__ import annotations

from datetime import tzinfo

import numpy as np

from mixpanel_assets.expressions import parse_step
from mixpanel_assets.questions.analysis import milliseconds
from mixpanel_assets.questions.analytics import DAY_MS, Flows
from mixpanel_assets.results import FlowsRow, LocalFlowsResult
from mixpanel_assets.warehouse.analytics.keys import Flags, Ints, firsts
from mixpanel_assets.warehouse.analytics.sessions import counts, session_begins
from mixpanel_assets.warehouse.analytics.source import Rows, Source, day_ms, packing
from mixpanel_assets.warehouse.sql import Connection


def flows(warehouse: Connection, asked: Flows, zone: tzinfo) -> LocalFlowsResult:
    start = None if asked.event is None else parse_step(asked.event)
    steps = None if start is None else [start]
    source = Source(warehouse, asked, zone, steps or ())
    first = source.read_from
    hidden = {*(asked.hide or ())} - {start.event if start else ""}
    only = f"{source.timed} and {counts(source, sorted(hidden))}"
    last = source.read_until
    source.count_left_out(None, first, last)
    rows = source.read(
        {"name": source.name},
        steps,
        packing=packing(first, last),
        only=only,
        others="matching",
        first=first,
        last=last,
    )
    paths = _Paths(asked, rows)
    if start is None:
        begins = paths.sessions(milliseconds(asked.idle))
    else:
        begins = paths.ordered(rows["steps"] & 1 != 0)
    begins &= (paths.at >= day_ms(source.first)) & (paths.at < day_ms(source.last) + DAY_MS)
    made = paths.rows(begins, rows.texts["name"])
    basis = source.basis(events=len(rows), people=rows.people)
    return LocalFlowsResult(source.first, source.last, made, basis, asked.before)


class _Paths:
    """Everybody's events in order, those of one moment by name."""

    def __init__(self, asked: Flows, rows: Rows) -> None:
        assert rows.packing is not None
        self.asked = asked
        self._order = np.lexsort((rows["name"], rows["key"]))
        self.person, self.at = rows.packing.unpack(rows["key"][self._order])
        self.name = rows["name"][self._order]
        self._session: Ints | None = None

    def ordered(self, which: Flags) -> Flags:
        """The flags of rows in the order of the events."""
        return which[self._order]

    def sessions(self, idle_ms: int) -> Flags:
        """Where sessions begin; paths end with them."""
        begins = session_begins(self.person, self.at, idle_ms)
        self._session = np.cumsum(begins)
        return begins

    def rows(self, begins: Flags, texts: list[str]) -> list[FlowsRow]:
        """The commonest paths of each length."""
        keep = np.ones(len(self.at), bool)
        if self.asked.collapse and len(keep):
            keep[1:] = (np.diff(self.person) != 0) | (np.diff(self.name) != 0)
            keep |= begins if self.asked.event else False
        place = np.flatnonzero(keep)
        start = np.flatnonzero(begins[place])
        if self.asked.count == "uniques":
            start = start[firsts(self.person[place][start])]
        return self._counted(place, start, texts)

    def _counted(self, place: Ints, start: Ints, texts: list[str]) -> list[FlowsRow]:
        person, at, name = self.person[place], self.at[place], self.name[place]
        session = None if self._session is None else self._session[place]
        step = -1 if self.asked.before else 1
        window = milliseconds(self.asked.window)
        paths = name[start].reshape(-1, 1)
        total, going, found = len(start), start, []
        for length in range(1, self.asked.steps + 1):
            following = going + step
            inside = (following >= 0) & (following < len(at))
            going_from, following, paths = going[inside], following[inside], paths[inside]
            begun = going_from - step * (length - 1)
            there = person[following] == person[begun]
            there &= np.abs(at[following] - at[begun]) <= window
            if session is not None:
                there &= session[following] == session[begun]
            going = following[there]
            added = name[going].reshape(-1, 1)
            kept = paths[there]
            paths = np.hstack([added, kept] if self.asked.before else [kept, added])
            ways, many = np.unique(paths, axis=0, return_counts=True)
            order = np.lexsort((*ways.T[::-1], -many))[: self.asked.limit]
            found += [
                FlowsRow(
                    length,
                    [texts[code] for code in ways[n]],
                    int(many[n]),
                    float(many[n] / total),
                )
                for n in order
            ]
        return found
