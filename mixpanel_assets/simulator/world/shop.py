"""A synthetic online shop: the same events for the same seed and day, always."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Any

from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.project import DAY_MS, start_of
from mixpanel_assets.simulator.records import Record, encode, ordered
from mixpanel_assets.simulator.world import catalog
from mixpanel_assets.simulator.world.journeys import visit
from mixpanel_assets.simulator.world.people import Person, person
from mixpanel_assets.simulator.world.portraits import profile

_HOURS = list(accumulate(catalog.HOURS))
_GROWTH_A_DAY = 0.0005
_SIGN_UPS_AN_EVENT = 0.03
_OLDEST = 730
_LATEST_START = 84_600_000
# /track drops events more than five days late.
_LATEST_ARRIVAL = 5 * DAY_MS


class World:
    """Synthetic product data, a pure function of seed and day from the first day on."""

    of_shop = True  # what is saved in the project is about these events

    def __init__(
        self,
        seed: int = 1,
        first_day: date = date(2024, 1, 1),
        events_per_day: int = 2500,
        *,
        late_share: float = 0.003,
    ) -> None:
        self.seed = seed
        self.first_day = first_day
        self.events_per_day = events_per_day
        self.late_share = late_share

    def records(self, day: date) -> list[Record]:
        """The day's records in export form, time in UTC milliseconds, in no order."""
        found = list(self._records(day))
        random.Random(f"order {self.seed} {day}").shuffle(found)
        return found

    def lines(self, day: date) -> list[bytes]:
        """The same records in the same order as lines, without keeping them all as objects."""
        found = [encode(record) for record in self._records(day)]
        random.Random(f"order {self.seed} {day}").shuffle(found)
        return found

    def profiles(self, day: date) -> list[Record]:
        """The profiles, at the end of the day, of everyone who signed up by then, oldest first.

        They include customers from before the first day, who come back and so appear in events.
        """
        if day < self.first_day:
            return []
        since = self.first_day - timedelta(days=_OLDEST)
        days = (since + timedelta(days=n) for n in range((day - since).days + 1))
        return [
            profile(person(self.seed, signed_up, number), self.seed, signed_up, day)
            for signed_up in days
            for number in range(self._sign_ups(signed_up))
        ]

    def cohorts(self) -> list[Cohort]:
        """The saved cohorts."""
        invited = tuple(f"invited-{number:03d}" for number in range(25))
        return [
            Cohort(1000, "Paying customers", 'properties["plan"] != "free"'),
            Cohort(1001, "Beta testers", 'properties["beta"] == true', description="See beta ⚗️"),
            Cohort(2000, "Invited", "", invited, "None of them came yet.", is_visible=False),
        ]

    def settles_at(self, day: date) -> int:
        """The epoch milliseconds after which no event of the day arrives."""
        return start_of(day) + DAY_MS + _LATEST_ARRIVAL + 3_600_000

    def _size(self, day: date) -> int:
        grown = (1 + _GROWTH_A_DAY) ** (day - self.first_day).days
        return max(1, round(self.events_per_day * catalog.WEEKDAYS[day.weekday()] * grown))

    def _sign_ups(self, day: date) -> int:
        return max(1, int(self._size(day) * _SIGN_UPS_AN_EVENT))

    @cached_property
    def _return_weights(self) -> list[float]:
        return list(accumulate((age + 1) ** -0.9 for age in range(1, _OLDEST + 1)))

    def _records(self, day: date) -> Iterator[Record]:
        if day < self.first_day:
            return
        rng = random.Random(f"events {self.seed} {day}")
        size, made = self._size(day), 0
        for visitor, age in self._visitors(rng, day):
            for record in self._visit(rng, visitor, age, start_of(day)):
                yield from _with_oddities(rng, record, made)
                made += 1
                if made >= size:
                    return

    def _visitors(self, rng: random.Random, day: date) -> Iterator[tuple[Person, int]]:
        for number in range(self._sign_ups(day)):
            yield person(self.seed, day, number), 0
        ages = range(1, _OLDEST + 1)
        weights = self._return_weights
        while True:
            age = rng.choices(ages, cum_weights=weights)[0]
            signed_up = day - timedelta(days=age)
            # Squaring favors low numbers: every cohort has a few loyal customers.
            number = int(self._sign_ups(signed_up) * rng.random() ** 2)
            yield person(self.seed, signed_up, number), age

    def _visit(
        self, rng: random.Random, visitor: Person, age: int, midnight: int
    ) -> Iterator[Record]:
        device = rng.choice(visitor.devices)
        at = midnight + start_in(rng, visitor.hours_from_utc)
        late = rng.randrange(DAY_MS // 2, _LATEST_ARRIVAL) if rng.random() < self.late_share else 0
        fixed = {
            **device,
            "plan": visitor.plan_at(age),
            "session_id": f"{rng.getrandbits(48):012x}",
        }
        known = age > 0
        for event, own in visit(rng, visitor, age):
            known = known or event == "Sign Up"
            received = at + late + int(rng.random() * 900) + 40
            properties = {
                **fixed,
                **own,
                "time": at,
                "distinct_id": visitor.user_id if known else "$device:" + device["$device_id"],
                "$insert_id": f"{rng.getrandbits(80):020x}",
                "$mp_api_timestamp_ms": received,
                "mp_processing_time_ms": received + 60 + int(rng.random() * 400),
            }
            if not known:
                del properties["$user_id"]
            yield {"event": event, "properties": ordered(properties)}
            at += 900 + int(rng.random() * 45_000)


def start_in(rng: random.Random, hours_from_utc: int) -> int:
    """When in a day a visit starts, in ms: by the clock where the visitor lives."""
    hour = rng.choices(range(24), cum_weights=_HOURS)[0] - hours_from_utc
    at = hour % 24 * 3_600_000 + int(rng.random() * 3_600_000)
    # A visit must end on its first day, or a Purchase could be a day after its Add To Cart.
    return at if at < _LATEST_START else at - 3_600_000


def _with_oddities(rng: random.Random, record: Record, number: int) -> Iterator[Record]:
    properties: dict[str, Any] = record["properties"]
    if number % 499 == 3:
        del properties["$insert_id"]
    elif number % 997 == 5:
        del properties["distinct_id"]
    elif number % 397 == 7:
        properties["Plan"] = properties["plan"].upper()
    yield record
    if number % 200 == 11:
        again = properties["mp_processing_time_ms"] + rng.randrange(1_000, 600_000)
        yield {**record, "properties": {**properties, "mp_processing_time_ms": again}}
