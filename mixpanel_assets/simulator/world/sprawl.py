"""A project with hundreds of events and thousands of properties, as large companies have them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from itertools import accumulate
from typing import Any

from mixpanel_assets.simulator.records import Record, ordered
from mixpanel_assets.simulator.world.people import Person
from mixpanel_assets.simulator.world.shop import World, start_in

ON_ALL = (
    *("$browser", "$browser_version", "$city", "$device_id", "$lib_version", "$os", "$region"),
    *("$screen_width", "mp_country_code", "mp_lib", "plan", "session_id"),
)
LEAST_OWN, MOST_OWN = 8, 48
VERBS = (
    *("Viewed", "Opened", "Created", "Deleted", "Updated", "Shared", "Exported", "Imported"),
    *("Started", "Finished", "Cancelled", "Approved", "Rejected", "Assigned", "Archived"),
    *("Searched", "Filtered", "Printed", "Paid", "Renewed"),
)
NOUNS = (
    *("Invoice", "Report", "Project", "Task", "Comment", "Team", "Member", "Card", "Board"),
    *("Order", "Payment", "Contract", "Document", "Folder", "Template", "Workflow", "Alert"),
    *("Account", "Device", "Webhook"),
)
# What a property is about, and a value of it.
KINDS = ("id", "name", "count", "amount", "ratio", "enabled", "status", "tags", "details", "at")
STATUSES = ("new", "open", "waiting", "done", "failed")


class Sprawl(World):
    """`events` names, by Zipf's law, with `properties` among them; else as a World.

    Twelve properties are on all events; each has 8 to 48 of the others.
    """

    of_shop = False

    def __init__(
        self,
        seed: int = 1,
        first_day: date = date(2024, 1, 1),
        events_per_day: int = 2500,
        *,
        events: int = 300,
        properties: int = 2000,
    ) -> None:
        super().__init__(seed, first_day, events_per_day)
        most = len(ON_ALL) + events * MOST_OWN
        if events < 1 or not len(ON_ALL) + LEAST_OWN <= properties <= most:
            raise ValueError(
                f"{events:,} events can have from {len(ON_ALL) + LEAST_OWN} to {most:,} properties"
            )
        self.events = events
        self.properties = properties

    @cached_property
    def names(self) -> list[str]:
        """The names of the events, the most popular first."""
        pairs = [f"{verb} {noun}" for noun in NOUNS for verb in VERBS]
        random.Random(f"names {self.seed}").shuffle(pairs)
        rounds = range(-(-self.events // len(pairs)))
        every = (f"{name} v{n + 1}" if n else name for n in rounds for name in pairs)
        return [name for name, _ in zip(every, range(self.events), strict=False)]

    @cached_property
    def own(self) -> list[list[str]]:
        """The properties of each event besides those on all; each is of one event at least."""
        pool = [self._property(n) for n in range(self.properties - len(ON_ALL))]
        found = []
        for n in range(self.events):
            rng = random.Random(f"properties {self.seed} {n}")
            kept = pool[n :: self.events]
            count = min(len(pool), max(len(kept), rng.randint(LEAST_OWN, MOST_OWN)))
            rest = rng.sample(pool, min(len(pool), 2 * MOST_OWN))
            found.append(list(dict.fromkeys([*kept, *rest]))[:count])
        return found

    def _property(self, number: int) -> str:
        about, kind = divmod(number, len(KINDS))
        turn, noun = divmod(about, len(NOUNS))
        stem = NOUNS[noun].lower() + (f"_{turn + 1}" if turn else "")
        return f"{stem}_{KINDS[kind]}"

    @cached_property
    def _popularity(self) -> list[float]:
        return list(accumulate(1 / (n + 1) for n in range(self.events)))

    def _visit(
        self, rng: random.Random, visitor: Person, age: int, midnight: int
    ) -> Iterator[Record]:
        sent = {**rng.choice(visitor.devices), "plan": visitor.plan_at(age)}
        sent["session_id"] = f"{rng.getrandbits(48):012x}"
        fixed = {name: sent[name] for name in ON_ALL}
        at = midnight + start_in(rng, visitor.hours_from_utc)
        ranks = range(self.events)
        for rank in rng.choices(ranks, cum_weights=self._popularity, k=rng.randint(1, 8)):
            received = at + int(rng.random() * 900) + 40
            properties = {
                **fixed,
                **{name: _value(rng, name) for name in self.own[rank]},
                "time": at,
                "distinct_id": visitor.user_id,
                "$insert_id": f"{rng.getrandbits(80):020x}",
                "$mp_api_timestamp_ms": received,
                "mp_processing_time_ms": received + 60,
            }
            yield {"event": self.names[rank], "properties": ordered(properties)}
            at += 900 + int(rng.random() * 45_000)


def _value(rng: random.Random, name: str) -> Any:
    kind = name.rpartition("_")[2]
    number = rng.randrange(1000)
    return {
        "id": f"{number:06x}",
        "name": f"{name.partition('_')[0]} {number}",
        "count": number,
        "amount": number / 100 + 0.001,
        "ratio": number / 1000 + 0.0001,
        "enabled": number % 2 == 0,
        "status": STATUSES[number % len(STATUSES)],
        "tags": ["a", "b", "c"][: number % 4],
        "details": {"page": number, "source": "app"},
        "at": f"2024-01-{1 + number % 28:02d}T08:00:00",
    }[kind]
