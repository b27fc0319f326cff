"""The profiles of a world's people, as of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any, TypeVar

from mixpanel_assets.simulator.world import catalog
from mixpanel_assets.simulator.world.people import Person

T = TypeVar("T")

# Days between visits. Their mean rate is the share of profiles that change in a day: two in 100.
_RHYTHMS = (10, 40, 60, 90, 120, 180, 365, 100_000)


class _Draws:
    """Random choices derived from a text, at the cost of one hash."""

    def __init__(self, text: str) -> None:
        self._left = int.from_bytes(blake2b(text.encode(), digest_size=32).digest(), "big")

    def below(self, limit: int) -> int:
        self._left, drawn = divmod(self._left, limit)
        return drawn

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]


@dataclass(frozen=True)
class _Visits:
    """When a person last visited, and how often."""

    last: date
    count: int


def profile(who: Person, seed: int, signed_up: date, day: date) -> dict[str, Any]:
    """The person's profile at the end of the day, in the form the engage API answers with."""
    draws = _Draws(f"profile {seed} {who.user_id}")
    visits = _visits(draws, signed_up, day)
    home = who.devices[0]
    properties: dict[str, Any] = {
        "$city": home["$city"],
        "$country_code": home["mp_country_code"],
        "$created": _moment(draws, signed_up),
        "$region": home["$region"],
        "beta": home["beta"],
        "plan": who.plan_at((day - signed_up).days),
        **_identity(draws, who),
        **_purchases(draws, who, visits),
        **_preferences(draws),
    }
    if draws.below(40):
        properties["$last_seen"] = _moment(draws, visits.last)
    if not draws.below(50):
        properties["Plan"] = properties["plan"].upper()
    return {"$distinct_id": who.user_id, "$properties": properties}


def _visits(draws: _Draws, signed_up: date, day: date) -> _Visits:
    rhythm = draws.one_of(_RHYTHMS)
    back = (day.toordinal() + draws.below(100_000)) % rhythm
    since_then = (day - signed_up).days - back
    if since_then <= 0:
        return _Visits(signed_up, 1)
    return _Visits(day - timedelta(days=back), since_then // rhythm + 2)


def _moment(draws: _Draws, day: date) -> str:
    at = time(6 + draws.below(16), draws.below(60), draws.below(60))
    return datetime.combine(day, at).isoformat()


def _identity(draws: _Draws, who: Person) -> dict[str, Any]:
    given, family = draws.one_of(catalog.GIVEN_NAMES), draws.one_of(catalog.FAMILY_NAMES)
    found: dict[str, Any] = {
        "$first_name": given,
        "$last_name": family,
        "$name": f"{given} {family}",
        "address": {
            "street": draws.one_of(catalog.STREETS),
            "number": 1 + draws.below(200),
            "entry": {"floor": draws.below(9), "bell": draws.below(2) == 1},
        },
        "company": draws.one_of(catalog.COMPANIES),
        # Larger than a double can represent exactly.
        "referral_code": 2**53 + draws.below(2**40) * 2 + 1,
    }
    if draws.below(30):
        found["$email"] = f"{who.user_id}@example.com"
    return found


def _purchases(draws: _Draws, who: Person, visits: _Visits) -> dict[str, Any]:
    spent = visits.count * draws.below(9000) / 100
    return {
        "currency": who.currency,
        "lifetime_value": round(spent, 2),
        # One property of two types, as happens in real projects.
        "loyalty_points": int(spent) if draws.below(10) else "n/a",
        "visits": visits.count,
        "wishlist": [
            {"sku": sku, "price": price}
            for sku, _, _, price in catalog.GOODS[: draws.below(4) * draws.below(2)]
        ],
    }


def _preferences(draws: _Draws) -> dict[str, Any]:
    first, last = sorted((draws.below(5), draws.below(5)))
    return {
        "newsletters": list(catalog.NEWSLETTERS[first:last]),
        "note": draws.one_of(catalog.NOTES),
        "theme": draws.one_of(catalog.THEMES),
    }
