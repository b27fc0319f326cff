"""Any number of synthetic profiles that take no memory until they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

_PREFIX = "synthetic-"
_PLACES = ("Austin", "Montréal", "München", "東京")
_PLANS = ("free", "free", "free", "starter", "team")
_TEMPLATE = (
    '{"$distinct_id":"synthetic-%07d","$properties":{'
    '"$city":"CITY","$created":"2024-01-%02dT08:00:00","$email":"synthetic-%d@example.com",'
    '"$last_seen":"%sT12:30:00","$name":"Zoë Synthetic %d","plan":"PLAN","visits":%d,'
    '"lifetime_value":%d.25,"beta":false,"company":null,"tags":["new","50%%+","é🌙"],'
    '"address":{"street":"Rue de l’Église","number":%d,"entry":{"floor":3,"bell":true}},'
    '"note":"Said \\"hello\\" and came back; '
    'a sentence that is here to make the profile about as long as one in the field is."}}'
)
_TEMPLATES = [
    _TEMPLATE.replace("CITY", city).replace("PLAN", plan).encode()
    for city in _PLACES
    for plan in _PLANS
]
_DAYS = [f"2024-{month:02d}-{day:02d}".encode() for month in range(1, 13) for day in range(1, 29)]


@dataclass(frozen=True, eq=False)
class Synthetic(Mapping[str, bytes]):
    """`count` encoded profiles by distinct id, a few of which differ from the previous version."""

    count: int
    version: int = 0
    rhythm: int = 50  # a profile changes once in this many versions

    def __getitem__(self, distinct_id: str) -> bytes:
        digits = distinct_id[len(_PREFIX) :]
        number = int(digits) if digits.isdecimal() else -1
        if not 0 <= number < self.count or not distinct_id.startswith(_PREFIX):
            raise KeyError(distinct_id)
        visits = (self.version + number) // self.rhythm
        seen = _DAYS[(visits * self.rhythm - number) % len(_DAYS)]
        template = _TEMPLATES[number % len(_TEMPLATES)]
        around = (number, 1 + number % 28, number, seen, number, visits, visits * 7, number % 200)
        return template % around

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return self.count

    @cached_property
    def _ids(self) -> list[str]:
        return [f"{_PREFIX}{number:07d}" for number in range(self.count)]
