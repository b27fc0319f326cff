"""Flows and attribution agree with the obvious ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from mixpanel_assets.questions import analytics as ask_for
from mixpanel_assets_tests.obvious.attribution import Attribution, attribution
from mixpanel_assets_tests.obvious.events import Event, Given, named
from mixpanel_assets_tests.obvious.flows import Flows, Path, flows
from mixpanel_assets_tests.warehouse.analytics.streams import (
    FILTERS,
    NAMES,
    Landed,
    agreed,
    both,
    by_property,
    days,
    durations,
    ms,
    step,
    text_of,
    value,
)

Ask = Callable[[Any], Any]
FILTER = st.sampled_from(FILTERS)
STEP = st.tuples(st.sampled_from(NAMES), FILTER)
WINDOW = durations("s", "m", "h", "d", "w")


def test_flows_agree(landed: Landed) -> None:
    cases = st.tuples(
        days(),
        st.one_of(st.none(), STEP, STEP),
        st.integers(1, 4),
        st.booleans(),
        WINDOW,
        st.booleans(),
        FILTER,
        st.sampled_from(((), ("B",), ("B", "C"))),
        st.booleans(),
        st.sampled_from(("30m", "1m", "2s")),
        st.sampled_from((50, 1)),
    )

    def check(ask: Ask, stream: list[Given], case: Any) -> None:
        dates, about, steps, before, window, totals, where, hidden, collapse, idle, limit = case
        found = ask(
            ask_for.Flows(
                None if about is None else step(*about),
                from_date=dates[0],
                to_date=dates[1],
                steps=steps,
                before=before and about is not None,
                window=window,
                count="totals" if totals else "uniques",
                hide=hidden or None,
                collapse=collapse,
                idle=idle,
                where=where.text,
                limit=limit,
            )
        )

        total, expected = flows(
            stream,
            Flows(
                *dates,
                about and named(about[0], about[1].where),
                steps,
                before and about is not None,
                ms(window),
                totals,
                where.where,
                {*hidden} - {about and about[0]},
                collapse,
                ms(idle),
            ),
        )
        assert [(row.step, tuple(row.path), row.count) for row in found.rows] == _rows(
            expected, limit
        )
        assert [row.share for row in found.rows] == [
            pytest.approx(row.count / total) for row in found.rows
        ]

    agreed(landed, cases, check)


def _rows(expected: dict[Path, int], limit: int) -> list[tuple[int, Path, int]]:
    """Those of each length, the commonest first."""
    rows = []
    for length in sorted({len(path) for path in expected}):
        paths = [path for path in expected if len(path) == length]
        ranked = sorted(paths, key=lambda path: (-expected[path], path))[:limit]
        rows += [(length - 1, path, expected[path]) for path in ranked]
    return rows


def test_attribution_agrees(landed: Landed) -> None:
    models = ("last", "first", "linear", "u", "j", "time-decay", "participation")
    cases = st.tuples(
        days(),
        STEP,
        st.sampled_from(("plan", "n", "tags")),
        st.sampled_from(models),
        WINDOW,
        WINDOW,
        st.booleans(),
        FILTER,
        st.sampled_from((200, 1)),
    )

    def check(ask: Ask, stream: list[Given], case: Any) -> None:
        dates, done, name, model, lookback, half_life, summed, where, limit = case
        found = ask(
            ask_for.Attribution(
                step(*done),
                by=by_property(name).text or "",
                from_date=dates[0],
                to_date=dates[1],
                model=model,
                lookback=lookback,
                half_life=half_life,
                sum="n" if summed else None,
                where=where.text,
                limit=limit,
            )
        )

        credit = attribution(
            stream,
            Attribution(
                *dates,
                both(named(done[0], done[1].where), where.where),
                lambda event: text_of(value(event, name), ""),
                model,
                where.where,
                ms(lookback),
                ms(half_life),
                _number if summed else lambda event: 1,
            ),
        )
        assert {row.value: row.credit for row in found.rows} == _limited(credit, limit)

    agreed(landed, cases, check)


def _number(event: Event) -> float:
    given = value(event, "n")
    return given if isinstance(given, int | float) and not isinstance(given, bool) else 0


def _limited(credit: dict[str, float], limit: int) -> dict[str, Any]:
    """The largest, all others as one, and none; what has no credit is left out."""
    none = credit.pop("$none", 0)
    ranked = sorted((n for n in credit if credit[n]), key=lambda name: (-credit[name], name))
    found = {name: pytest.approx(credit[name]) for name in ranked[:limit]}
    if others := ranked[limit:]:
        found["$other"] = pytest.approx(sum(credit[name] for name in others))
    return found if found and not none else {**found, "$none": pytest.approx(none)}
