"""Segmentation, active users, lifecycle and sessions agree with the obvious ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import strategies as st

from mixpanel_assets.questions import analytics as ask_for
from mixpanel_assets_tests.obvious import segmentation as obvious
from mixpanel_assets_tests.obvious.active import active_users, lifecycle
from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import Event, Given, Where, named
from mixpanel_assets_tests.obvious.sessions import EXCLUDED, sessions
from mixpanel_assets_tests.warehouse.analytics.streams import (
    FILTERS,
    FIRST,
    NAMES,
    NO_SPLIT,
    SPLITS,
    Filter,
    Landed,
    agreed,
    asked_of,
    both,
    buckets,
    ms,
    step,
)

Ask = Callable[[Any], Any]
FILTER = st.sampled_from(FILTERS)
SPLIT = st.sampled_from((NO_SPLIT, *SPLITS))


def test_segmentation_agrees(landed: Landed) -> None:
    kinds = {
        "general": ({}, obvious.events),
        "unique": ({"type": "unique"}, obvious.people),
        "average": ({"type": "average"}, obvious.per_person),
        "sum": ({"sum": "n"}, obvious.sum_of("n")),
        "mean": ({"average": "n"}, obvious.average_of("n")),
    }
    cases = st.tuples(
        buckets(("day", "day", "week", "month", "hour")),
        st.sampled_from(NAMES[:3]),
        FILTER,
        FILTER,
        SPLIT,
        st.sampled_from(sorted(kinds)),
        st.sampled_from((200, 200, 1, 2)),
    )

    def check(ask: Ask, stream: list[Given], case: Any) -> None:
        days, name, its_own, where, by, kind, limit = case
        parameters, measure = kinds[kind]
        found = ask(
            ask_for.Segmentation(
                step(name, its_own),
                where=where.text,
                by=by.text,
                limit=limit,
                **parameters,
                **asked_of(days),
            )
        )

        clock = days.unit if days.unit == "hour" else None
        did = both(named(name, its_own.where), where.where)
        wanted = obvious.Segmentation(days, did, measure, by.of if by.text else None, clock)
        expected = _limited(stream, wanted, limit)
        if by.text is None:
            (series,) = expected.values()
            expected = {name: series}
        assert found.series == expected
        assert found.total == pytest.approx(sum(sum(s.values()) for s in expected.values()))

    agreed(landed, cases, check)


def _limited(
    stream: list[Given], asked: obvious.Segmentation, limit: int
) -> dict[str, dict[str, Any]]:
    """The largest segments, and all others as one; nothing is 0."""
    series = obvious.segmentation(stream, asked, FIRST)
    if asked.by is None:
        return {name: _zeros(one) for name, one in series.items()}
    whole = Buckets(asked.buckets.first_day, asked.buckets.last_day, each=10_000)
    total = obvious.Segmentation(whole, asked.did, asked.measure, asked.by)
    sizes = {
        n: sum(_zeros(s).values()) for n, s in obvious.segmentation(stream, total, FIRST).items()
    }
    shown = sorted(series, key=lambda name: (-sizes[name], name))[:limit]
    if len(shown) == len(series):
        return {name: _zeros(series[name]) for name in shown}
    by = asked.by

    def largest(event: Event) -> str:
        return by(event) if by(event) in shown else "$other"

    again = obvious.Segmentation(asked.buckets, asked.did, asked.measure, largest, asked.clock)
    return {name: _zeros(one) for name, one in obvious.segmentation(stream, again, FIRST).items()}


def _zeros(series: Mapping[str, float | None]) -> dict[str, float]:
    return {label: value or 0 for label, value in series.items()}


WHAT = st.tuples(st.sampled_from((None, *NAMES[:3])), FILTER, FILTER)


def did(what: tuple[str | None, Filter, Filter]) -> tuple[dict[str, Any], Where]:
    """The event and the filter of a question, and whether an event is one of those."""
    name, its_own, where = what
    if name is None:
        return {"where": where.text}, where.where
    asked = {"event": step(name, its_own), "where": where.text}
    return asked, both(named(name, its_own.where), where.where)


def test_active_users_agree(landed: Landed) -> None:
    def check(ask: Ask, stream: list[Given], case: Any) -> None:
        days, what = case
        parameters, which = did(what)
        dates = {"from_date": days.first_day, "to_date": days.last_day}
        found = ask(ask_for.ActiveUsers(**parameters, **dates))

        expected = active_users(stream, days.first_day, days.last_day, FIRST, which)
        assert {row.date: (row.dau, row.wau, row.mau) for row in found.rows} == {
            str(day): tuple(counts) for day, counts in expected.items()
        }

    agreed(landed, st.tuples(buckets(("day",)), WHAT), check)


def test_lifecycle_agrees(landed: Landed) -> None:
    def check(ask: Ask, stream: list[Given], case: Any) -> None:
        days, what = case
        parameters, which = did(what)
        found = ask(ask_for.Lifecycle(**parameters, **asked_of(days)))

        expected = lifecycle(stream, days, FIRST, which)
        assert {
            row.date: (row.new, row.retained, row.resurrected, row.dormant) for row in found.rows
        } == {str(bucket): tuple(counts) for bucket, counts in expected.items()}

    agreed(landed, st.tuples(buckets(), WHAT), check)


def test_sessions_agree(landed: Landed) -> None:
    cases = st.tuples(
        buckets(), FILTER, st.sampled_from(("30m", "1m", "1s", "24h", "2s")), st.booleans()
    )

    def check(ask: Ask, stream: list[Given], case: Any) -> None:
        days, where, idle, without_b = case
        exclude = ("B",) if without_b else None
        found = ask(
            ask_for.Sessions(where=where.text, idle=idle, exclude=exclude, **asked_of(days))
        )

        those = [
            one for one in stream if where.where(Event(one[0] or "", one[1], one[2] or 0, one[3]))
        ]
        every = sessions(those, ms(idle), EXCLUDED | set(exclude or ()))
        expected = {}
        for bucket in days.all():
            mine = [
                s
                for s in every
                if days.hold(s.events[0].day) and days.of(s.events[0].day) == bucket
            ]
            number, events = len(mine), sum(len(one.events) for one in mine)
            seconds = round(sum(one.seconds for one in mine) / number, 3) if mine else None
            people = len({one.events[0].person for one in mine})
            mean = pytest.approx(events / number) if mine else None
            expected[str(bucket)] = (
                number,
                people,
                events,
                mean,
                seconds and pytest.approx(seconds),
            )
        assert {
            row.date: (row.sessions, row.people, row.events, row.mean_events, row.mean_seconds)
            for row in found.rows
        } == expected

    agreed(landed, cases, check)
