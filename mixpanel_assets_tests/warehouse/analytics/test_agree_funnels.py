"""Funnels agree with the obvious ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st

from mixpanel_assets.questions import analytics as ask_for
from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import Given
from mixpanel_assets_tests.obvious.funnels import (
    Attempt,
    Exclusion,
    Funnel,
    Step,
    attempts,
    kept,
    times,
)
from mixpanel_assets_tests.warehouse.analytics.streams import (
    FILTERS,
    NAMES,
    NO_FILTER,
    NO_SPLIT,
    SPLITS,
    Filter,
    Landed,
    Split,
    agreed,
    asked_of,
    both,
    buckets,
    durations,
    ms,
    step,
)

Ask = Callable[[Any], Any]
FILTER = st.sampled_from((NO_FILTER, NO_FILTER, *FILTERS))
STEP = st.tuples(st.sampled_from(NAMES[:3] * 5 + NAMES[3:]), FILTER)


class Case(NamedTuple):
    """What a funnel is asked with."""

    steps: list[tuple[str, Filter]]
    days: Buckets
    window: str
    by: Split = NO_SPLIT
    count: str = "uniques"
    order: str = "specific"
    hold: tuple[str, ...] = ()
    exclude: tuple[tuple[tuple[str, Filter], tuple[int, int] | None], ...] = ()
    reentry: bool = False
    where: Filter = NO_FILTER
    where_applies: str = "events"
    split_by_unit: bool = False
    per_unit: bool = False
    idle: str = "30m"
    limit: int = 200

    def question(self) -> ask_for.Funnel:
        dates = asked_of(self.days)
        if not self.split_by_unit:
            dates.pop("unit")
        return ask_for.Funnel(
            [step(*one) for one in self.steps],
            window=self.window,
            by=self.by.text,
            count=self.count,  # type: ignore[arg-type]
            order=self.order,  # type: ignore[arg-type]
            hold=self.hold or None,
            exclude=[_excluded(*one) for one in self.exclude] or None,
            reentry=self.reentry,
            where=self.where.text,
            where_applies=self.where_applies,  # type: ignore[arg-type]
            per_unit=self.per_unit,
            idle=self.idle,
            limit=self.limit,
            **dates,
        )

    def expected(self, stream: list[Given], *, split: bool) -> list[Attempt]:
        """All attempts that count, without segments or with those of each."""
        if not split:
            return self._replace(by=NO_SPLIT).expected(stream, split=True)
        if not self.per_unit:
            return self._attempts(stream, self.days)
        found = []
        for bucket in self.days.all():
            each = [day for day in _days(self.days) if self.days.of(day) == bucket]
            found += self._attempts(stream, Buckets(each[0], each[-1]))
        return found

    def _attempts(self, stream: list[Given], days: Buckets) -> list[Attempt]:
        global_filter = self.where_applies == "entries"
        of_all = NO_FILTER.where if global_filter else self.where.where
        filtered = [(name, both(where.where, of_all)) for name, where in self.steps]
        asked = Funnel(
            [Step(name, where) for name, where in filtered],
            self.days.first_day,
            days.last_day,
            ms(self.window),
            by=self.by.of if self.by.text else None,
            totals=self.count == "totals",
            hold=self.hold,
            exclusions=[
                Exclusion(name, *(between or (1, len(self.steps))), both(where.where, of_all))
                for (name, where), between in self.exclude
            ],
            any_order=self.order == "any",
            reentry=self.reentry,
            sessions_of_ms=ms(self.idle) if self.count == "sessions" else None,
            enter_from=days.first_day,
        )
        found = attempts(stream, asked)
        return kept(found, stream, asked, self.where.where) if global_filter else found


def _days(buckets: Buckets) -> list[Any]:
    return Buckets(buckets.first_day, buckets.last_day).all()


def _excluded(one: tuple[str, Filter], between: tuple[int, int] | None) -> str:
    return step(*one) + (f":{between[0]}-{between[1]}" if between else "")


def _steps(found: Sequence[Attempt], length: int) -> list[Any]:
    """The count, the mean and the median seconds of each step."""
    steps = []
    for number in range(1, length + 1):
        count = sum(len(attempt.reached) >= number for attempt in found)
        took = [one / 1000 for one in times(found, number, number - 1)] if number > 1 else []
        mean = pytest.approx(fmean(took), abs=0.001) if took else None
        steps.append((count, mean, pytest.approx(median(took), abs=0.001) if took else None))
    return steps


def _answered(steps: Sequence[Any]) -> list[Any]:
    return [(one.count, one.mean_seconds, one.median_seconds) for one in steps]


def _parts(
    overall: Sequence[Attempt], found: Sequence[Attempt], case: Case
) -> list[tuple[Any, Any, Any]]:
    """Those of each date and segment, the largest first and others together."""
    names = {one.segment for one in found}
    sizes = {name: sum(one.segment == name for one in found) for name in names}
    ranked = sorted(names, key=lambda name: (-sizes[name], name))
    segments: list[tuple[Any, Any]] = [
        (name, [one for one in found if one.segment == name]) for name in ranked[: case.limit]
    ]
    if others := ranked[case.limit :]:
        segments.append(("$other", [one for one in found if one.segment in others]))
    segments = [("$overall", overall), *segments] if case.by.text else [(None, overall)]
    parts = []
    for bucket in case.days.all() if case.split_by_unit else [None]:
        for label, those in segments:
            mine = [one for one in those if not bucket or case.days.of(one.entry.day) == bucket]
            if mine or label in (None, "$overall"):
                date = None if bucket is None else str(bucket)
                parts.append((date, label, _steps(mine, len(case.steps))))
    return parts


def check(ask: Ask, stream: list[Given], case: Case) -> None:
    found = ask(case.question())

    overall, wanted = (case.expected(stream, split=split) for split in (False, True))
    assert _answered(found.steps) == _steps(overall, len(case.steps))
    parts = [(part.date, part.segment, _answered(part.steps)) for part in found.parts or ()]
    split = case.by.text or case.split_by_unit
    assert parts == (_parts(overall, wanted, case) if split else [])


@st.composite
def cases(draw: st.DrawFn, **fixed: Any) -> Case:
    steps = draw(st.lists(STEP, min_size=2, max_size=draw(st.sampled_from((2, 3, 4)))))
    return Case(
        steps,
        draw(buckets()),
        draw(durations("s", "m", "h", "d", "w")),
        **{name: draw(one) for name, one in fixed.items()},
    )


@st.composite
def exclusions(draw: st.DrawFn) -> Any:
    between = st.sampled_from((None, None, (1, 2), (2, 3), (1, 3)))
    return tuple(draw(st.lists(st.tuples(STEP, between), max_size=2)))


BY = st.sampled_from((NO_SPLIT, *SPLITS))
COMMON = {
    "by": BY,
    "where": FILTER,
    "where_applies": st.sampled_from(("events", "entries")),
    "split_by_unit": st.booleans(),
    "limit": st.sampled_from((200, 200, 1, 2)),
}
TESTS = 8
HOLD = st.sampled_from(((), ("item",), ("item", "plan")))


def test_uniques_agree(landed: Landed) -> None:
    agreed(landed, cases(**COMMON), check, of=TESTS)


def test_totals_agree(landed: Landed) -> None:
    agreed(landed, cases(**COMMON, count=st.just("totals"), exclude=exclusions()), check, of=TESTS)


def test_what_is_held_constant_agrees(landed: Landed) -> None:
    count = st.sampled_from(("uniques", "totals", "sessions"))
    agreed(landed, cases(**COMMON, count=count, hold=HOLD, exclude=exclusions()), check, of=TESTS)


def test_exclusions_agree(landed: Landed) -> None:
    agreed(landed, cases(**COMMON, exclude=exclusions()), check, of=TESTS)


def test_any_order_agrees(landed: Landed) -> None:
    count = st.sampled_from(("uniques", "totals", "sessions"))
    order = {"order": st.just("any"), "count": count, "exclude": exclusions()}
    agreed(landed, cases(**COMMON, **order), check, of=TESTS)


def test_reentry_agrees(landed: Landed) -> None:
    again = {
        "reentry": st.just(True),
        "count": st.sampled_from(("uniques", "sessions")),
        "order": st.sampled_from(("specific", "any")),
        "exclude": exclusions(),
    }
    agreed(landed, cases(**COMMON, **again), check, of=TESTS)


def test_sessions_agree(landed: Landed) -> None:
    idle = st.sampled_from(("30m", "1m", "2s", "24h"))
    agreed(landed, cases(**COMMON, count=st.just("sessions"), idle=idle), check, of=TESTS)


def test_a_funnel_for_each_unit_agrees(landed: Landed) -> None:
    units = {
        **COMMON,
        "split_by_unit": st.just(True),
        "per_unit": st.just(True),
        "count": st.sampled_from(("uniques", "totals", "sessions")),
        "exclude": exclusions(),
    }
    agreed(landed, cases(**units), check, of=TESTS)
