"""The people of a world: who signs up when, and their fixed properties."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from mixpanel_assets.simulator.world import catalog


@dataclass(frozen=True)
class Person:
    """One customer, with the properties of all their events, per device."""

    user_id: str
    devices: tuple[dict[str, Any], ...]
    hours_from_utc: int
    currency: str
    plan: str
    next_plan: str
    changes_plan_at: int
    appetite: float

    def plan_at(self, age: int) -> str:
        """The person's plan, `age` days after signing up."""
        return self.plan if age < self.changes_plan_at else self.next_plan


@lru_cache(maxsize=20_000)
def person(seed: int, signed_up: date, number: int) -> Person:
    """The person who is number `number` to sign up on a day, always the same one."""
    rng = random.Random(seed * 1_000_003 + signed_up.toordinal() * 100_003 + number)
    place = rng.choices(catalog.PLACES, catalog.PLACE_WEIGHTS)[0]
    plan, next_plan = rng.choices(catalog.PLANS, catalog.PLAN_WEIGHTS, k=2)
    user_id = f"user-{signed_up:%y%m%d}-{number:04d}"
    shared = _account(rng, user_id, signed_up) | _channel(rng) | _place(place)
    kinds = [rng.choice(catalog.DESKTOPS), rng.choice(catalog.PHONES)]
    rng.shuffle(kinds)
    return Person(
        user_id=user_id,
        devices=tuple(shared | _device(rng, kind) for kind in kinds[: 1 + (rng.random() < 0.3)]),
        hours_from_utc=place[3],
        currency=place[4],
        plan=plan,
        next_plan=next_plan,
        changes_plan_at=int(rng.expovariate(1 / 60)) + 1 if plan != next_plan else 100_000,
        appetite=rng.betavariate(2, 4),
    )


def _account(rng: random.Random, user_id: str, signed_up: date) -> dict[str, Any]:
    return {
        "$user_id": user_id,
        "$lib_version": rng.choice(("2.53.0", "2.55.1", "2.56.0")),
        "$mp_api_endpoint": "api-js.mixpanel.com",
        "mp_lib": "web",
        "beta": rng.random() < 0.15,
        "member_since": str(signed_up),
    }


def _channel(rng: random.Random) -> dict[str, Any]:
    channel = rng.choices(catalog.CHANNELS, catalog.CHANNEL_WEIGHTS)[0]
    referrer, domain, source, medium, campaign = channel
    found = {"$initial_referrer": referrer, "$initial_referring_domain": domain}
    if source:
        found |= {"utm_source": source, "utm_medium": medium, "utm_campaign": campaign}
    return found


def _place(place: tuple[str, str, str, int, str]) -> dict[str, Any]:
    return {"mp_country_code": place[0], "$region": place[1], "$city": place[2]}


def _device(rng: random.Random, kind: tuple[str, str, float, int, int]) -> dict[str, Any]:
    return {
        "$os": kind[0],
        "$browser": kind[1],
        "$browser_version": kind[2],
        "$screen_width": kind[3],
        "$screen_height": kind[4],
        "$device_id": f"{rng.getrandbits(96):024x}",
    }
