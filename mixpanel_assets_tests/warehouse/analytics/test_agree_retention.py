"""Retention and frequency agree with the obvious ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from mixpanel_assets.questions import analytics as ask_for
from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import Event, Given, Where, named
from mixpanel_assets_tests.obvious.frequency import Frequency, frequency
from mixpanel_assets_tests.obvious.retention import (
    DAYS,
    Cohort,
    Retention,
    average_rate,
    retention,
)
from mixpanel_assets_tests.warehouse.analytics.streams import (
    FILTERS,
    LAST,
    NAMES,
    NO_SPLIT,
    SPLITS,
    Filter,
    Landed,
    agreed,
    asked_of,
    both,
    buckets,
    step,
)

Ask = Callable[[Any], Any]
FILTER = st.sampled_from(FILTERS)
ONE = st.tuples(st.sampled_from(NAMES[:3]), FILTER)
ANY = st.one_of(st.none(), ONE)
BY = st.sampled_from((NO_SPLIT, *SPLITS))


def _did(what: tuple[str, Filter] | None, where: Filter) -> Where:
    return where.where if what is None else both(named(what[0], what[1].where), where.where)


def _text(what: tuple[str, Filter] | None) -> str | None:
    return None if what is None else step(*what)


def test_retention_agrees(landed: Landed) -> None:
    cases = st.tuples(
        buckets(("day", "day", "week", "month")),
        ONE,
        ANY,
        FILTER,
        BY,
        st.integers(1, 4),
        *[st.booleans()] * 4,
        st.sampled_from((200, 200, 1)),
    )

    def check(ask: Ask, stream: list[Given], case: Any) -> None:
        days, born, back, where, by, intervals, on_or_after, calendar, again, by_birth, limit = case
        found = ask(
            ask_for.Retention(
                born=None if again else _text(born),
                return_event=_text(back),
                where=where.text,
                by=by.text,
                interval_count=intervals,
                on_or_after=on_or_after,
                calendar=calendar,
                retention_type="compounded" if again else "birth",
                by_event="born" if by_birth else "return",
                limit=limit,
                **asked_of(days),
            )
        )

        returned = _did(back, where)
        question = Retention(
            days,
            born=returned if again else _did(born, where),
            returned=returned,
            intervals=intervals,
            compounded=again,
            calendar=calendar,
            unbounded=on_or_after,
            by=by.of if by.text else None,
            by_birth=by_birth,
        )
        cohorts = retention(stream, question)
        expected = _expected(cohorts, question, limit)
        # Of an interval that has not begun nothing is landed: null.
        shares = {(c.date, c.segment): (c.size, c.retention) for c in found.cohorts}
        assert shares == expected
        assert found.average == _average(cohorts, question)

    agreed(landed, cases, check)


def _expected(cohorts: Any, question: Retention, limit: int) -> dict[Any, Any]:
    """The size and the shares of every bucket, and of its largest segments."""
    found = {}
    sizes: dict[str, int] = {}
    for cohort in cohorts.values():
        for name, counts in cohort.segments.items():
            more = cohort.sizes[name] if question.by_birth else sum(counts)
            sizes[name] = sizes.get(name, 0) + more
    ranked = sorted(sizes, key=lambda name: (-sizes[name], name))
    for bucket, cohort in cohorts.items():
        begun = sum(_has_begun(bucket, n, question) for n in range(question.intervals + 1))
        whole = (cohort.size, _shares(cohort.overall, cohort.size, begun))
        found[str(bucket), "$overall" if question.by else None] = whole
        for label, names in _labeled(ranked, limit):
            mine = [name for name in names if name in cohort.segments]
            if mine:
                counts = [sum(n) for n in zip(*(cohort.segments[m] for m in mine), strict=True)]
                size = cohort.size
                if question.by_birth:
                    size = sum(cohort.sizes[name] for name in mine)
                found[str(bucket), label] = (size, _shares(counts, size, begun))
    return found


def _labeled(ranked: list[str], limit: int) -> list[tuple[str, list[str]]]:
    shown = [(name, [name]) for name in ranked[:limit]]
    return [*shown, ("$other", ranked[limit:])] if ranked[limit:] else shown


def _shares(counts: list[int], size: int, begun: int) -> list[Any]:
    """The shares of those intervals that have begun."""
    shares = [pytest.approx(count / size if size else 0) for count in counts[:begun]]
    return [*shares, *[None] * (len(counts) - begun)]


def _has_begun(bucket: Any, number: int, question: Retention) -> bool:
    """Whether the interval has begun for the first of the bucket on the last landed day."""
    if question.calendar:
        return _units(bucket, LAST, question.buckets) >= number
    first = max(bucket, question.buckets.first_day)
    return (LAST - first).days >= number * DAYS[question.buckets.unit]


def _average(cohorts: dict[Any, Cohort], question: Retention) -> Any:
    """Over the buckets whose interval has ended for everybody on the last landed day."""
    found: list[Any] = []
    for number in range(question.intervals + 1):
        complete = [
            (cohort.size, cohort.overall[number])
            for bucket, cohort in cohorts.items()
            if cohort.size and _is_over(bucket, number, question)
        ]
        found.append(pytest.approx(average_rate(complete)) if complete else None)
    return found


def _is_over(bucket: Any, number: int, question: Retention) -> bool:
    days = question.buckets
    last = max(
        day for day in Buckets(days.first_day, days.last_day).all() if days.of(day) == bucket
    )
    day = LAST.toordinal()
    if question.calendar:
        after = [d for d in Buckets(bucket, LAST).all() if _units(bucket, d, days) > number]
        return bool(after) or _units(bucket, LAST.fromordinal(day + 1), days) > number
    return last.toordinal() + (number + 1) * DAYS[days.unit] <= day


def _units(bucket: Any, day: Any, days: Buckets) -> int:
    if days.unit == "month":
        return int((day.year - bucket.year) * 12 + day.month - bucket.month)
    return int((days.of(day) - bucket).days // {"day": 1, "week": 7}[days.unit])


def test_frequency_agrees(landed: Landed) -> None:
    cases = st.tuples(
        buckets(),
        st.sampled_from(("hour", "day")),
        ANY,
        FILTER,
        BY,
        st.booleans(),
        st.sampled_from((200, 1)),
    )

    def check(ask: Ask, stream: list[Given], case: Any) -> None:
        days, part, what, where, by, exactly, limit = case
        if days.unit == part:
            part = "hour"
        found = ask(
            ask_for.Frequency(
                _text(what),
                addiction_unit=part,
                where=where.text,
                by=by.text,
                exactly=exactly,
                limit=limit,
                **asked_of(days),
            )
        )

        did = _did(what, where)
        if by.text is None:
            asked = Frequency(days, part, did, cumulative=not exactly)
            expected: Any = {str(day): n for day, n in frequency(stream, asked).items()}
        else:
            expected = _by_segment(stream, Frequency(days, part, did, not exactly), by.of, limit)
        assert found.data == expected

    agreed(landed, cases, check)


def _by_segment(stream: list[Given], asked: Frequency, by: Any, limit: int) -> dict[str, Any]:
    """For each bucket those of the largest segments, of whom there are the most people."""
    names = {by(Event(one[0] or "", one[1], one[2] or 0, one[3])) for one in stream}
    overall = {str(bucket): counts for bucket, counts in frequency(stream, asked).items()}
    found: dict[str, Any] = {label: {} for label in overall}
    sizes: dict[tuple[str, str], int] = {}
    for name in names:
        mine = both(asked.did, lambda event, name=name: by(event) == name)
        at_least = frequency(stream, Frequency(asked.buckets, asked.part, mine))
        for bucket, counts in frequency(
            stream, Frequency(asked.buckets, asked.part, mine, asked.cumulative)
        ).items():
            if at_least[bucket][0]:
                sizes[str(bucket), name] = at_least[bucket][0]
                found[str(bucket)][name] = counts
    for label, segments in found.items():
        ranked = sorted(segments, key=lambda name: (-sizes[label, name], name))[:limit]
        found[label] = {"$overall": overall[label]} | {name: segments[name] for name in ranked}
    return found
