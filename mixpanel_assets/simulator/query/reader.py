"""What reports read: the events of the raw export, each once, with the user's profile.

Reports count people by their canonical id: the anonymous events of a device are those of the user
who is first seen on it, as in Simplified ID Merge.
https://docs.mixpanel.com/docs/tracking-methods/id-management/identifying-users-simplified

Reports leave out duplicates, which the export does not: of several records with the same event,
distinct_id, time and $insert_id the one processed last counts. A record without $insert_id has no
duplicates. https://developer.mixpanel.com/reference/event-deduplication
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from mixpanel_assets.simulator import expressions
from mixpanel_assets.simulator.answers import BadRequestError, ForbiddenError
from mixpanel_assets.simulator.expressions import Expression, ExpressionError
from mixpanel_assets.simulator.profiles import Profiles
from mixpanel_assets.simulator.project import DAY_MS, Plan, Project, day_of, exported_ms, start_of
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.records import decode, event_of
from mixpanel_assets.simulator.spans import CLOCK_UNITS, Buckets, Span, back, span_of_text
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.values import is_number

_FIRST_YEAR = 2000
_AGAIN_SECONDS = 60


class Event(NamedTuple):
    """One event as a report sees it.

    `day` is the day the export lists it under and `at` its time in ms on that day's wall clock;
    `who` did it: the distinct_id, or None when it is missing or empty.
    """

    name: str
    day: date
    at: int
    who: str | None
    properties: dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """The events of one project, as all its reports read them."""

    store: Store
    profiles: Profiles
    project: Project
    clock: Callable[[], float]
    plan: Plan = field(default_factory=Plan)
    _logins: dict[date, tuple[tuple[int, int], dict[str, tuple[float, str]]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def today(self) -> date:
        """Today's date in the project."""
        return self.project.today(self.clock())

    def span(self, given: Parameters) -> Span:
        """The days from `from_date` to `to_date`, which must be within the plan's history."""
        start, end = given.text("from_date"), given.text("to_date")
        return self.within_history(span_of_text(start, end, self.today(), first_year=_FIRST_YEAR))

    def within_history(self, span: Span) -> Span:
        """The same span; ForbiddenError when it begins before the plan's history does."""
        kept = self.plan.history_days
        if kept is not None and span.start < self.today() - timedelta(days=kept):
            raise ForbiddenError(f"Date range exceeds {kept} days into the past")
        return span

    def last_days(self, count: int) -> Span:
        """The last `count` days up to today."""
        today = self.today()
        return Span(today - timedelta(days=count - 1), today)

    def time_of_day(self) -> int:
        """The ms of today that have passed."""
        return exported_ms(int(self.clock() * 1000), self.project.timezone) % DAY_MS

    def last_units(self, unit: str, count: int) -> Buckets:
        """The last `count` units of time, including the current one."""
        today = self.today()
        if unit not in CLOCK_UNITS:
            return Buckets(self.within_history(Span(back(today, unit, count - 1), today)), unit)
        width = CLOCK_UNITS[unit]
        end = ((start_of(today) + self.time_of_day()) // width + 1) * width
        start = end - count * width
        first = self.within_history(Span(day_of(start, None), today))
        return Buckets(first, unit, between=(start, end))

    def expression(self, text: str | None, name: str) -> Expression | None:
        """The expression, in which `user["..."]` reads the profile of the event's user."""
        if text is None:
            return None
        try:
            return expressions.parse(text, expressions.joining(self._profile_of))
        except ExpressionError as error:
            raise BadRequestError(f"{name}: {error}") from error

    def needed_expression(self, given: Parameters, name: str) -> Expression:
        """The expression of a required parameter."""
        expression = self.expression(given.needed(name), name)
        assert expression is not None
        return expression

    def events(
        self, span: Span, names: Collection[str] | None = None, where: Expression | None = None
    ) -> Iterator[Event]:
        """The events of the days that have one of the names and match, in no order."""
        now = self.clock()
        users = self._users(now, span)
        for day in span.days():
            for event in self._of_day(day, names, now, users):
                if where is None or where.matches(event.properties):
                    yield event

    def _of_day(
        self, day: date, names: Collection[str] | None, now: float, users: Mapping[str, str]
    ) -> list[Event]:
        found: dict[object, tuple[float, Event]] = {}
        midnight = start_of(day)
        for number, line in enumerate(self.store.lines(day, now)):
            if names is not None and event_of(line) not in names:
                continue
            event = _event(day, midnight, line, users)
            if event is None:
                continue
            properties = event.properties
            processed = _number(properties.get("mp_processing_time_ms"))
            key = _key(event) or number
            held = found.get(key)
            if held is None or processed >= held[0]:
                found[key] = processed, event
        return [event for _, event in found.values()]

    def _users(self, now: float, span: Span) -> dict[str, str]:
        """The user of each anonymous id, which is that of a device.

        In a world, people log in on the day on which they are anonymous: other days are not read.
        """
        first: dict[str, tuple[float, str]] = {}
        days = span.longer(1).days() if self.store.world else self.store.days()
        for day in days:
            # Of a day that is still coming in, what was known a little while ago.
            minute = 0 if self.store.is_settled(day, now) else 1 + int(now) // _AGAIN_SECONDS
            known = self._logins.get(day)
            if known is None or known[0] != (self.store.changes, minute):
                version = self.store.changes, minute
                known = self._logins[day] = version, _logins(self.store.lines(day, now))
            for device, login in known[1].items():
                first[device] = min(login, first.get(device, login))
        return {f"$device:{device}": user for device, (_, user) in first.items()}

    def _profile_of(self) -> Callable[[Any], dict[str, Any]]:
        view = self.profiles.view()

        @lru_cache(maxsize=50_000)
        def profile(distinct_id: Any) -> dict[str, Any]:
            line = view.get(distinct_id) if isinstance(distinct_id, str) else None
            found: dict[str, Any] = json.loads(line)["$properties"] if line else {}
            return found

        return profile


def _logins(lines: Iterable[bytes]) -> dict[str, tuple[float, str]]:
    """When each device was first used by a user, and by which; the time first."""
    found: dict[str, tuple[float, str]] = {}
    for line in lines:
        if b'"$device_id"' not in line or b'"$user_id"' not in line:
            continue
        if (record := decode(line)) is None:
            continue
        properties = record["properties"]
        device, user = properties.get("$device_id"), properties.get("$user_id")
        if device and user and isinstance(device, str) and isinstance(user, str):
            login = _number(properties.get("time")), user
            found[device] = min(login, found.get(device, login))
    return found


def _event(day: date, midnight: int, line: bytes, users: Mapping[str, str]) -> Event | None:
    record = decode(line)
    if record is None or not isinstance(name := record.get("event"), str):
        return None
    properties = record["properties"]
    time = properties.get("time")
    at = int(time) if is_number(time) else midnight
    # An event whose time is on another day than its own has no hour on this one.
    at = at if midnight <= at < midnight + DAY_MS else midnight
    who = _who(properties.get("distinct_id"))
    return Event(name, day, at, who and users.get(who, who), properties)


def _key(event: Event) -> tuple[str, str | None, str, str] | None:
    """What duplicates have in common; None when there can be none."""
    insert_id = event.properties.get("$insert_id")
    if insert_id in (None, ""):
        return None
    return event.name, event.who, str(event.properties.get("time")), str(insert_id)


def _who(distinct_id: Any) -> str | None:
    if distinct_id is None or distinct_id == "":
        return None
    return distinct_id if isinstance(distinct_id, str) else json.dumps(distinct_id)


def _number(value: Any) -> float:
    return value if is_number(value) else 0.0
