"""The project's profiles: users, and one more set for each kind of group."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from typing import Any

from mixpanel_assets.simulator.ingest.revisions import revised
from mixpanel_assets.simulator.records import Record, encode
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.simulator.world.synthetic import Synthetic


@dataclass(frozen=True)
class View(Mapping[str, bytes]):
    """The encoded profiles of one moment by distinct id, those created since the start first."""

    first: Mapping[str, bytes] = field(default_factory=dict)
    changed: Mapping[str, bytes | None] = field(default_factory=dict)

    def __getitem__(self, distinct_id: str) -> bytes:
        line = self.changed.get(distinct_id, b"")
        if line is None:
            raise KeyError(distinct_id)
        return line or self.first[distinct_id]

    def __iter__(self) -> Iterator[str]:
        for made in reversed([*self.changed]):
            if made not in self.first and self.changed[made] is not None:
                yield made
        if not self.changed:
            yield from self.first
            return
        for distinct_id in self.first:
            if self.changed.get(distinct_id, b"") is not None:
                yield distinct_id

    def __len__(self) -> int:
        known = sum(distinct_id in self.first for distinct_id in self.changed)
        left = sum(line is not None for line in self.changed.values())
        return len(self.first) - known + left


class Profiles:
    """Profiles by distinct id, for users and for each group; a world's users follow the day.

    `data_group_id` names a group as the engage API does, and None the users.
    """

    def __init__(self, world: World | None = None, today: Callable[[], date] = date.today) -> None:
        self._world = world
        self._today = today
        self._day: date | None = None
        self._first: dict[str | None, Mapping[str, bytes]] = {}
        self._changed: dict[str | None, dict[str, bytes | None]] = {}
        self._lock = threading.RLock()

    def set(self, records: Iterable[Record], data_group_id: str | None = None) -> None:
        """Replace the group's profiles by records of `$distinct_id` and `$properties`."""
        self._replace(
            {str(record["$distinct_id"]): encode(record) for record in records}, data_group_id
        )

    def fill(
        self,
        count: int,
        version: int = 0,
        data_group_id: str | None = None,
        *,
        rhythm: int = Synthetic.rhythm,
    ) -> None:
        """Fill the group with synthetic profiles that change once in `rhythm` versions."""
        self._replace(Synthetic(count, version, rhythm), data_group_id)

    def update(self, distinct_id: str, data_group_id: str | None = None, **operations: Any) -> None:
        """Apply operations such as `set` and `add` to a profile, created if needed."""
        self.revise(
            distinct_id, {f"${name}": value for name, value in operations.items()}, data_group_id
        )

    def revise(
        self, distinct_id: str, operations: Mapping[str, Any], data_group_id: str | None = None
    ) -> None:
        """Apply operations, named as in the API, to a profile."""
        with self._lock:
            line = self.view(data_group_id).get(distinct_id)
            changed = self._changed.setdefault(data_group_id, {})
            changed[distinct_id] = revised(distinct_id, line, operations)

    def delete(self, distinct_id: str, data_group_id: str | None = None) -> None:
        """Delete a profile."""
        self.revise(distinct_id, {"$delete": ""}, data_group_id)

    def view(self, data_group_id: str | None = None) -> View:
        """A snapshot of the group's profiles."""
        with self._lock:
            self._follow_world()
            changed = self._changed.get(data_group_id, {})
            return View(self._first.get(data_group_id, {}), dict(changed))

    @staticmethod
    def data_group_id(group_key: str) -> str:
        """The id of a group key, as in the project's settings."""
        digest = blake2b(group_key.encode(), digest_size=8).digest()
        return str(int.from_bytes(digest, "big", signed=True) | -(2**63))

    def _replace(self, first: Mapping[str, bytes], data_group_id: str | None) -> None:
        with self._lock:
            if data_group_id is None:
                self._world = None
            self._first[data_group_id] = first
            self._changed.pop(data_group_id, None)

    def _follow_world(self) -> None:
        if self._world is None or self._day == (today := self._today()):
            return
        self._day = today
        records = self._world.profiles(today)
        self._first[None] = {record["$distinct_id"]: encode(record) for record in records}
