"""Saved cohorts: named groups of users, listed one by one or chosen by a selector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Choose = Callable[[str, Mapping[str, bytes]], Iterator[str]]


@dataclass(frozen=True)
class Cohort:
    """Users by distinct id, with or without a profile, and the profiles that match `where`."""

    id: int
    name: str
    where: str = ""
    distinct_ids: tuple[str, ...] = ()
    description: str = ""
    created: str = "2024-01-01 09:30:00"
    is_visible: bool = True

    def members(self, profiles: Mapping[str, bytes], choose: Choose) -> list[str]:
        """The members' distinct ids, each once."""
        chosen = choose(self.where, profiles) if self.where else ()
        return list(dict.fromkeys([*self.distinct_ids, *chosen]))
