"""The simulator answers random streams of events as the obvious implementations do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from statistics import fmean
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_any
from hypothesis import strategies as st

from mixpanel_assets.simulator.query.funnels import LENGTH_UNITS
from mixpanel_assets.simulator.query.funnels import Step as SavedStep
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Tries
from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import DAY_MS, Event, Given, Where, anything, named
from mixpanel_assets_tests.obvious.frequency import Frequency, frequency
from mixpanel_assets_tests.obvious.funnels import Attempt, Funnel, Step, attempts, counts, times
from mixpanel_assets_tests.obvious.retention import Cohort, Retention, retention

Answer = dict[str, Any]

EPOCH, FIRST = date(1970, 1, 1), date(2023, 11, 28)
BEGIN = (FIRST - EPOCH).days * DAY_MS
HOUR_MS = 3_600_000
UNITS = ("second", "second", "second", "minute", "hour", "day")
NAMES = "ABC"
ONE, CROWD = ("ana",) * 12 + ("bo", "", None), ("ana", "bo", "cy") * 4 + ("", None)
BY_PLAN = 'properties["plan"]'
FREE = 'properties["plan"] == "free"'


def plan(event: Event) -> str:
    return str(event.properties.get("plan", "undefined"))


def is_free(event: Event) -> bool:
    return plan(event) == "free"


@st.composite
def streams(
    draw: st.DrawFn, units: Sequence[str], people: Sequence[str | None] = CROWD
) -> list[Given]:
    """Events each about a whole number of one unit after a common beginning.

    So they meet at the end of the two seconds, of a window, of an interval, or of a day.
    """
    begin = BEGIN + draw(st.sampled_from((10 * HOUR_MS, 0, DAY_MS - 2000)))
    scale, most = LENGTH_UNITS[draw(st.sampled_from(units))], draw(st.sampled_from((8, 4, 38)))
    late = st.sampled_from((0,) * 12 + (1, 1, -1, -1, None))  # or at no time
    moment = st.tuples(st.integers(0, most), late).map(
        lambda n: None if n[1] is None else max(BEGIN, begin + n[0] * scale + n[1])
    )
    properties = st.sampled_from(({"plan": "free"}, {"plan": "team"}, {}))
    one = st.tuples(st.sampled_from(people), st.sampled_from(NAMES), moment, properties)
    return draw(st.lists(one, min_size=draw(st.sampled_from((0, 8, 12))), max_size=20))


@st.composite
def dates(draw: st.DrawFn) -> tuple[date, date]:
    first = FIRST + timedelta(days=draw(st.sampled_from((0, 0, 0, 0, 1))))
    return first, first + timedelta(days=draw(st.sampled_from((2, 1, 7, 33, 0))))


@st.composite
def buckets(draw: st.DrawFn, units: Sequence[str | int] = ("day", "week", "month", 2)) -> Buckets:
    unit = draw(st.sampled_from(units))
    if isinstance(unit, int):
        return Buckets(*draw(dates()), each=unit)
    return Buckets(*draw(dates()), unit)


def asked_of(days: Buckets) -> dict[str, str]:
    """The buckets as parameters."""
    unit = {"interval": str(days.each)} if days.each else {"unit": days.unit}
    return {"from_date": str(days.first_day), "to_date": str(days.last_day), **unit}


@pytest.fixture
def answer(sim: Simulator) -> Iterator[Callable[..., Any]]:
    """Asks about a stream of events: answer(stream, path, **parameters)."""
    account = (sim.project.username, sim.project.secret)
    # A busy machine may leave a connection idle for so long that the server closes it.
    alone = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=sim.url, auth=account, limits=alone) as client:

        def ask(stream: Sequence[Given], path: str, **asked: Any) -> Any:
            _fill(sim, stream)
            params = {"project_id": sim.project.project_id, **asked}
            given = {name: value for name, value in params.items() if value is not None}
            found = client.get(f"/api/query/{path}", params=given)
            assert found.status_code == 200, found.text
            return found.json()

        yield ask


@pytest.fixture
def examples(tries: Tries) -> settings:
    return settings(
        max_examples=tries(200, 10_000),
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def _fill(sim: Simulator, stream: Sequence[Given]) -> None:
    days: dict[date, list[Any]] = {day: [] for day in sim.store.days()}
    for person, name, at, properties in stream:
        record = {**properties} | ({} if person is None else {"distinct_id": person})
        day = FIRST if at is None else EPOCH + timedelta(days=at // DAY_MS)
        timed = record if at is None else {"time": at, **record}
        days.setdefault(day, []).append({"event": name, "properties": timed})
    for day, records in days.items():
        sim.store.set_day(day, records)


# Funnels


Case = tuple[list[Given], list[tuple[str, bool]], int, str]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A stream, the steps, of which some are filtered, and a window of the stream's unit."""
    one = st.tuples(st.sampled_from(NAMES), st.sampled_from((False, False, False, True)))
    unit = draw(st.sampled_from(UNITS))
    steps = draw(st.lists(one, min_size=2, max_size=draw(st.sampled_from((2, 3, 4)))))
    return draw(streams((unit,), ONE)), steps, draw(st.integers(1, 5)), unit


def _obvious(
    steps: Sequence[tuple[str, bool]], days: Buckets, window_ms: int, **asked: Any
) -> Funnel:
    path = [Step(name, is_free if filtered else anything) for name, filtered in steps]
    return Funnel(path, days.first_day, days.last_day, window_ms, **asked)


def _seconds(ms: list[int]) -> int | None:
    return round(fmean(ms) / 1000) if ms else None


def _steps(found: Sequence[Attempt], funnel: Funnel) -> list[tuple[int, int | None, int | None]]:
    numbers = range(1, len(funnel.steps) + 1)
    before = [None, *(_seconds(times(found, n, n - 1)) for n in numbers[1:])]
    entered = [_seconds(times(found, n, 1)) for n in numbers]
    return list(zip(counts(found, funnel), before, entered, strict=True))


def _answered(steps: list[Answer]) -> list[tuple[int, int | None, int | None]]:
    return [(step["count"], step["avg_time"], step["avg_time_from_start"]) for step in steps]


def _by_bucket(found: Sequence[Attempt], days: Buckets) -> dict[str, list[Attempt]]:
    return {
        str(bucket): [one for one in found if days.of(one.entry.day) == bucket]
        for bucket in days.all()
    }


def _save(sim: Simulator, steps: Sequence[tuple[str, bool]]) -> int:
    saved = [SavedStep(name, FREE if filtered else None) for name, filtered in steps]
    if 1 in [funnel.id for funnel in sim.funnels]:
        sim.funnels.delete(1)
    return sim.funnels.add("Any", saved, id_=1).id


def test_funnels_agree(sim: Simulator, answer: Callable[..., Any], examples: settings) -> None:
    @examples
    @given_any(cases(), buckets(), st.sampled_from((False, False, True)))
    def agree(case: Case, days: Buckets, only_free: bool) -> None:
        stream, steps, length, unit = case
        asked = {"length": length, "length_unit": unit, "where": FREE if only_free else None}
        id_ = _save(sim, steps)

        found = answer(stream, "funnels", funnel_id=id_, **asked, **asked_of(days))["data"]

        wanted = _obvious(steps, days, length * LENGTH_UNITS[unit])
        those = [one for one in stream if not only_free or one[3].get("plan") == "free"]
        expected = _by_bucket(attempts(those, wanted), days)
        assert {label: _answered(one["steps"]) for label, one in found.items()} == {
            label: _steps(those, wanted) for label, those in expected.items()
        }

    agree()


def test_funnels_by_segment_agree(
    sim: Simulator, answer: Callable[..., Any], examples: settings
) -> None:
    @examples
    @given_any(cases(), buckets())
    def agree(case: Case, days: Buckets) -> None:
        stream, steps, length, unit = case
        asked = {"length": length, "length_unit": unit, "on": BY_PLAN}
        id_ = _save(sim, steps)

        found = answer(stream, "funnels", funnel_id=id_, **asked, **asked_of(days))["data"]

        window = length * LENGTH_UNITS[unit]
        wanted, split = (_obvious(steps, days, window, by=by) for by in (None, plan))
        overall = _by_bucket(attempts(stream, wanted), days)
        segments = _by_bucket(attempts(stream, split), days)
        expected: dict[str, dict[str, Any]] = {}
        for label, those in overall.items():
            expected[label] = {"$overall": _steps(those, wanted)}
            for name in {one.segment for one in segments[label]}:
                mine = [one for one in segments[label] if one.segment == name]
                expected[label][name] = _steps(mine, split)
        assert {
            label: {name: _answered(those) for name, those in one.items()}
            for label, one in found.items()
        } == expected

    agree()


# Retention and frequency


@st.composite
def retentions(draw: st.DrawFn) -> tuple[dict[str, Any], Retention]:
    """The parameters of the endpoint, and the same question."""
    days, compounded = draw(buckets(("day", "day", "day", "week", "month", 2))), draw(st.booleans())
    born, event = draw(st.sampled_from(NAMES)), draw(st.sampled_from((None, *NAMES)))
    unbounded, split = draw(st.booleans()), draw(st.booleans())
    free_born, free = (draw(st.sampled_from((False, False, False, True))) for _ in range(2))
    intervals = draw(st.integers(1, 4))
    asked = {
        "retention_type": "compounded" if compounded else "birth",
        "born_event": born,
        "event": event,
        "born_where": FREE if free_born else None,
        "where": FREE if free else None,
        "interval_count": intervals,
        "unbounded_retention": str(unbounded).lower(),
        "on": BY_PLAN if split else None,
        **asked_of(days),
    }
    returned = _did(event, free)
    question = Retention(
        days,
        born=returned if compounded else _did(born, free_born),
        returned=returned,
        intervals=intervals,
        compounded=compounded,
        unbounded=unbounded,
        by=plan if split else None,
    )
    return asked, question


def _did(name: str | None, free: bool) -> Where:
    where = is_free if free else anything
    return where if name is None else named(name, where)


def _retained(cohort: Cohort, split: bool) -> Answer:
    overall = {"counts": cohort.overall, "first": cohort.size}
    if not split:
        return overall
    segments = {n: {"counts": c, "first": cohort.size} for n, c in cohort.segments.items()}
    return {"$overall": overall, **segments}


def test_retention_agrees(answer: Callable[..., Any], examples: settings) -> None:
    @examples
    @given_any(streams(("day", "day", "hour", "second")), retentions())
    def agree(stream: list[Given], asked: tuple[dict[str, Any], Retention]) -> None:
        parameters, question = asked

        found = answer(stream, "retention", **parameters)

        assert found == {
            str(bucket): _retained(cohort, question.by is not None)
            for bucket, cohort in retention(stream, question).items()
        }

    agree()


def test_frequency_agrees(answer: Callable[..., Any], examples: settings) -> None:
    @examples
    @given_any(
        streams(("day", "hour", "minute")),
        buckets(("day", "week", "month")),
        st.sampled_from(("hour", "day")),
        st.sampled_from((None, *NAMES)),
        st.booleans(),
    )
    def agree(
        stream: list[Given], days: Buckets, part: str, event: str | None, only_free: bool
    ) -> None:
        asked = {"addiction_unit": part, "event": event, "where": FREE if only_free else None}

        found = answer(stream, "retention/addiction", **asked, **asked_of(days))["data"]

        question = Frequency(days, part, did=_did(event, only_free))
        expected = frequency(stream, question)
        assert found == {str(bucket): numbers for bucket, numbers in expected.items()}

    agree()
