"""Saved items of one kind, such as funnels, that tests and worlds add to a project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from mixpanel_assets.simulator.answers import NotFoundError


class Saved(Protocol):
    """An item with an id."""

    @property
    def id(self) -> int:
        """The number that queries use."""


T = TypeVar("T", bound=Saved)


class Registry(Generic[T]):
    """Saved items in the order in which they were added; ids count up from `first_id`."""

    first_id = 1

    def __init__(self, saved: Iterable[T] = ()) -> None:
        self._saved = {one.id: one for one in saved}

    def __iter__(self) -> Iterator[T]:
        return iter([*self._saved.values()])

    def __len__(self) -> int:
        return len(self._saved)

    def get(self, number: int, name: str) -> T:
        """The item with the id; `name` is the name of the query's parameter."""
        if number not in self._saved:
            raise NotFoundError(f"{name} {number} does not exist")
        return self._saved[number]

    def keep(self, one: T) -> T:
        """Save an item, replacing any with its id."""
        self._saved[one.id] = one
        return one

    def delete(self, number: int) -> None:
        """Delete an item."""
        self._saved.pop(number, None)

    def new_id(self, wanted: int | None) -> int:
        """The wanted id, or the next one."""
        return max([self.first_id - 1, *self._saved]) + 1 if wanted is None else wanted
