"""Random streams of a few people's events, landed in a warehouse, and what is asked of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, timedelta
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as given_any
from hypothesis import strategies as st

from mixpanel_assets.notes import notes_to
from mixpanel_assets.questions.analytics import Analysis
from mixpanel_assets.questions.base import R
from mixpanel_assets.warehouse import spine
from mixpanel_assets.warehouse.analytics import answer
from mixpanel_assets_tests.obvious.buckets import Buckets
from mixpanel_assets_tests.obvious.events import DAY_MS, Event, Given, Where, anything
from mixpanel_assets_tests.warehouse.conftest import Warehouse, warehouses

CASES = int(os.environ.get("AGREE_CASES", "100"))  # of each question; `just agree`: 10,000
EACH = 10 if CASES < 1000 else 25  # questions of one stream

# The clocks of Berlin are put back in the night after the first day.
ZONES = ("UTC", "Europe/Berlin")
FIRST, LAST = date(2023, 10, 28), date(2023, 12, 6)
BEGIN = (FIRST - date(1970, 1, 1)).days * DAY_MS
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
UNITS_MS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY_MS, "w": 7 * DAY_MS}
NAMES = ("A", "B", "C", "$identify")  # which is excluded from sessions

PLANS = ({"plan": "free"}, {"plan": "free"}, {"plan": "team"}, {"plan": ""}, {}, {"plan": None})
NUMBERS = ({}, {"n": 1}, {"n": 2.5}, {"n": -3}, {"n": "1"}, {"n": True})
ITEMS = ({}, {"item": 1}, {"item": 1}, {"item": "1"}, {"item": True})
TAGS = ({}, {}, {"tags": ["a"]}, {"tags": ["a", "b"]}, {"tags": []})
PROPERTIES = [p | n | i | t for p in PLANS for n in NUMBERS for i in ITEMS for t in TAGS]


class Filter(NamedTuple):
    """An expression, and whether an event matches it."""

    text: str | None
    where: Where

    def __repr__(self) -> str:
        return repr(self.text)


class Split(NamedTuple):
    """A property or expression, and the segment of an event."""

    text: str | None
    of: Callable[[Event], str]

    def __repr__(self) -> str:
        return repr(self.text)


def value(event: Event, name: str) -> Any:
    return event.properties.get(name)


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


NO_FILTER = Filter(None, anything)
FILTERS = (
    NO_FILTER,
    NO_FILTER,
    Filter('plan == "free"', lambda e: value(e, "plan") == "free"),
    Filter('properties["plan"] != "free"', lambda e: value(e, "plan") != "free"),
    Filter("n >= 1", lambda e: _is_number(value(e, "n")) and value(e, "n") >= 1),
    Filter("not defined(item)", lambda e: value(e, "item") is None),
    Filter('"b" in tags', lambda e: "b" in (value(e, "tags") or ())),
)


def step(name: str, filtered: Filter) -> str:
    """A step as it is written."""
    return f"{name}[{filtered.text}]" if filtered.text else name


def both(one: Where, other: Where) -> Where:
    """Whether an event matches both."""
    return lambda event: one(event) and other(event)


def text_of(given: Any, undefined: str = "undefined") -> str:
    """How Mixpanel names the segment of a value."""
    if given is None:
        return undefined
    return given if isinstance(given, str) else json.dumps(given, separators=(",", ":"))


def by_property(name: str) -> Split:
    return Split(name, lambda event: text_of(value(event, name)))


NO_SPLIT = Split(None, lambda event: "")
SPLITS = (
    *map(by_property, ("plan", "n", "tags")),
    Split("defined(item)", lambda event: text_of(value(event, "item") is not None)),
)


@st.composite
def streams(draw: st.DrawFn) -> list[Given]:
    """Events each about a whole number of one unit after a common beginning.

    So they meet in a moment, at the ends of the two seconds, a window, a session, or a day.
    """
    begin = draw(
        st.sampled_from((10 * HOUR, 0, DAY_MS - 2000, DAY_MS + 2 * HOUR, 2 * DAY_MS - HOUR))
    )
    unit = draw(
        st.sampled_from((SECOND, SECOND, MINUTE, 10 * MINUTE, HOUR, 12 * HOUR, DAY_MS, 7 * DAY_MS))
    )
    most = min(draw(st.sampled_from((3, 8, 38))), (36 * DAY_MS) // unit)
    people = draw(
        st.sampled_from((("ana",) * 8 + ("bo", ""), ("ana", "bo", "cy") * 3 + ("", None)))
    )
    late = st.sampled_from((0,) * 10 + (1, -1, 1999, 2000, 2001, -2000, None))  # or at no time
    one = st.tuples(
        st.sampled_from(people),
        st.sampled_from(NAMES[:3] * 4 + NAMES[3:]),
        st.tuples(st.integers(0, most), late),
        st.sampled_from(PROPERTIES),
    )
    size = draw(st.sampled_from((0, 6, 12)))
    return [
        (
            who,
            name,
            None if more is None else max(BEGIN, BEGIN + begin + n * unit + more),
            properties,
        )
        for who, name, (n, more), properties in draw(st.lists(one, min_size=size, max_size=20))
    ]


@st.composite
def days(draw: st.DrawFn) -> tuple[date, date]:
    """The first and the last day of a question."""
    first = FIRST + timedelta(days=draw(st.sampled_from((0, 0, 0, 1, 2, 5))))
    return first, first + timedelta(days=draw(st.sampled_from((1, 0, 2, 8, 33))))


@st.composite
def buckets(draw: st.DrawFn, units: Sequence[str] = ("day", "week", "month")) -> Buckets:
    return Buckets(
        *draw(days()), draw(st.sampled_from(units)), week_begins=draw(st.sampled_from((0, 6)))
    )


def asked_of(buckets: Buckets) -> dict[str, Any]:
    """The buckets as parameters."""
    start = "sunday" if buckets.week_begins else "monday"
    dates = {"from_date": buckets.first_day, "to_date": buckets.last_day}
    return {**dates, "unit": buckets.unit, "week_start": start}


def durations(*units: str) -> st.SearchStrategy[str]:
    """Of one to five units."""
    return st.builds(lambda n, unit: f"{n}{unit}", st.integers(1, 5), st.sampled_from(units))


def ms(duration: str) -> int:
    return int(duration[:-1]) * UNITS_MS[duration[-1]]


class Landed:
    """Warehouses in both zones, which hold one stream at a time."""

    def __init__(self, opened: Callable[..., Warehouse]) -> None:
        zones = {zone: None if zone == "UTC" else zone for zone in ZONES}
        self._warehouses = {n: opened(project_timezone=zone) for n, zone in zones.items()}
        self.cases = self._loads = 0
        self.record: Callable[[str, int], None] = lambda name, number: None

    def load(self, stream: Sequence[Given], zone: str) -> Callable[[Analysis[R]], R]:
        """Land the stream instead of what there was; how to ask for it."""
        warehouse = self._warehouses[zone]
        for old in warehouse.home.glob("*.gz"):
            old.unlink()
        every = [*unknown(), *stream]
        first = [line(one) for one in every if one[2] is None or one[2] < BEGIN + DAY_MS]
        rest = [line(one) for one in every if one[2] is not None and one[2] >= BEGIN + DAY_MS]
        if all(one[2] is not None for one in stream):
            files = [warehouse.land(b"".join([*first, *rest]), FIRST, LAST)]
        else:  # only in the file of one day
            files = [
                warehouse.land(b"".join(first), FIRST, FIRST),
                warehouse.land(b"".join(rest), FIRST + timedelta(1), LAST),
            ]
        warehouse.load_anew(files)
        self._loads += 1
        if self._loads % 2:  # else the events themselves are read
            days = spine.stale_days(warehouse.connection, zone)
            spine.make(warehouse.connection, days, zone)
        return partial(self._ask, warehouse, UTC if zone == "UTC" else ZoneInfo(zone))

    def _ask(self, warehouse: Warehouse, zone: Any, question: Analysis[R]) -> R:
        self.cases += 1
        with notes_to(lambda note: None):
            return answer(warehouse.connection, question, zone)


def unknown() -> list[Given]:
    """One of each event that nobody did, so that every name is known."""
    return [(None, name, BEGIN, {}) for name in NAMES]


def line(one: Given) -> bytes:
    who, name, at, properties = one
    record = dict(properties)
    if who is not None:
        record["distinct_id"] = who
    if at is not None:
        record["time"] = at
    return json.dumps({"event": name, "properties": record}).encode() + b"\n"


@contextmanager
def landing() -> Iterator[Landed]:
    with ExitStack() as stack:
        yield Landed(stack.enter_context(warehouses()))


Check = Callable[[Callable[[Analysis[Any]], Any], list[Given], Any], None]


def agreed(landed: Landed, cases: st.SearchStrategy[Any], check: Check, of: int = 1) -> None:
    """Check many cases: several questions of each of many streams.

    `check(ask, stream, case)` asks and compares. The stream has all that is landed. A question's
    cases are shared by `of` tests.
    """

    @settings(
        max_examples=max(1, CASES // EACH // of),
        deadline=None,
        database=None,
        phases=[Phase.generate],  # `_shortest` is quicker than to shrink
        suppress_health_check=list(HealthCheck),
    )
    @given_any(streams(), st.sampled_from(ZONES), st.lists(cases, min_size=EACH, max_size=EACH))
    def agree(stream: list[Given], zone: str, asked: list[Any]) -> None:
        ask = landed.load(stream, zone)
        for case in asked:
            try:
                check(ask, [*unknown(), *stream], case)
            except AssertionError:
                shortest = _shortest(landed, stream, zone, lambda *of, c=case: check(*of, c))
                error = _failure(landed, shortest, zone, lambda *of, c=case: check(*of, c))
                lines = "\n".join(map(repr, shortest))
                pytest.fail(f"{error}\n{zone} {case}\n{lines}", pytrace=False)

    landed.cases = 0
    agree()
    landed.record("cases", landed.cases)


def _shortest(
    landed: Landed, stream: list[Given], zone: str, check: Callable[..., None]
) -> list[Given]:
    """The stream without all events, and properties, that it fails without."""
    tried = [[*stream[:n], *stream[n + 1 :]] for n in range(len(stream))]
    for n, (who, name, at, properties) in enumerate(stream):
        less = [{k: v for k, v in properties.items() if k != out} for out in properties]
        tried += [[*stream[:n], (who, name, at, one), *stream[n + 1 :]] for one in less]
    for shorter in tried:
        if _failure(landed, shorter, zone, check):
            return _shortest(landed, shorter, zone, check)
    return stream


def _failure(
    landed: Landed, stream: list[Given], zone: str, check: Callable[..., None]
) -> AssertionError | None:
    try:
        check(landed.load(stream, zone), [*unknown(), *stream])
    except AssertionError as error:
        return error
    return None
