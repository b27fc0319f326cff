"""Paths of people through events: https://docs.mixpanel.com/docs/reports/flows"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np

from mixpanel_assets.expressions import parse_step
from mixpanel_assets.questions.analysis import milliseconds
from mixpanel_assets.questions.analytics import DAY_MS, Flows
from mixpanel_assets.results import FlowsRow, LocalFlowsResult
from mixpanel_assets.warehouse.analytics.keys import Ints, firsts, in_order
from mixpanel_assets.warehouse.analytics.sessions import EXCLUDED, session_begins, without
from mixpanel_assets.warehouse.analytics.source import Rows, Source, day_ms, packing
from mixpanel_assets.warehouse.sql import Connection


def flows(warehouse: Connection, asked: Flows, zone: tzinfo) -> LocalFlowsResult:
    start = None if asked.event is None else parse_step(asked.event)
    steps = None if start is None else [start]
    source = Source(warehouse, asked, zone, steps or ())
    first = source.read_from
    hidden = {*(asked.hide or ())} - {start.event if start else ""}
    left_out = [*sorted(hidden), *(EXCLUDED if start is None else ())]
    only = f"{source.timed} and {without(source, left_out)}"
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
    mine = rows if start is None else rows.of_people(rows["steps"] != 0)
    made = _commonest(asked, _paths(asked, source, mine), rows.texts["name"])
    basis = source.basis(events=len(rows), people=rows.people)
    return LocalFlowsResult(source.first, source.last, made, basis, asked.before)


@dataclass(frozen=True)
class _Paths:
    """What paths lead through, in order, and where they begin.

    `whose` does not change in a path: it is a person, or a session.
    """

    whose: Ints
    at: Ints
    name: Ints
    start: Ints
    begun: Ints  # when


def _paths(asked: Flows, source: Source, rows: Rows) -> _Paths:
    """Everybody's events in order, those of one moment by name; repeats in a row as one."""
    of_event = asked.event is not None
    begins = rows["steps"] & 1 != 0 if of_event else np.zeros(len(rows), bool)
    assert rows.packing is not None
    names = 2 * len(rows.texts["name"])
    key, name = in_order(rows["key"], rows["name"] * 2 + ~begins, names)
    person, at = rows.packing.unpack(key)
    name, whose, begins = name >> 1, person, name & 1 == 0
    if not of_event:
        begins = session_begins(person, at, milliseconds(asked.idle))
        whose = np.cumsum(begins)
    new = firsts(whose) | firsts(name) if asked.collapse else np.ones(len(at), bool)
    run = np.cumsum(new) - 1
    inside = (at >= day_ms(source.first)) & (at < day_ms(source.last) + DAY_MS)
    which = np.flatnonzero(begins & inside)
    which = which[firsts(run[which])]
    if asked.count == "uniques":
        which = which[firsts(person[which])]
    # A run has the time of its event that is nearest to where paths begin.
    nearest = np.flatnonzero(np.append(new, True)[1:] if asked.before else new)
    return _Paths(whose[nearest], at[nearest], name[nearest], run[which], at[which])


def _commonest(asked: Flows, paths: _Paths, texts: Sequence[str]) -> list[FlowsRow]:
    """The commonest paths of each length."""
    found: list[FlowsRow] = []
    total, going, begun = len(paths.start), paths.start, paths.begun
    ways = paths.name[going].reshape(-1, 1)
    for length in range(1, asked.steps + 1):
        following = going + (-1 if asked.before else 1)
        place = np.clip(following, 0, max(len(paths.at) - 1, 0))
        there = (place == following) & (paths.whose[place] == paths.whose[going])
        there &= np.abs(paths.at[place] - begun) <= milliseconds(asked.window)
        going, begun, ways = place[there], begun[there], ways[there]
        added = paths.name[going].reshape(-1, 1)
        ways = np.hstack([added, ways] if asked.before else [ways, added])
        each, many = np.unique(ways, axis=0, return_counts=True)
        order = np.lexsort((*each.T[::-1], -many))[: asked.limit]
        found += [
            FlowsRow(
                length, [texts[code] for code in each[n]], int(many[n]), float(many[n] / total)
            )
            for n in order
        ]
    return found
