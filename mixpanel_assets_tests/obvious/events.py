"""Plain events, and whose they are."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

DAY_MS = 86_400_000

Given = tuple[str | None, str, int | None, Mapping[str, Any]]


class Event(NamedTuple):
    """What a person did, and when: `at` is in ms on the wall clock of the project."""

    person: str
    name: str
    at: int
    properties: Mapping[str, Any]

    @property
    def day(self) -> date:
        """The project's day that it was done on."""
        return date(1970, 1, 1) + timedelta(days=self.at // DAY_MS)


Where = Callable[[Event], bool]
Segment = Callable[[Event], str]


def anything(event: Event) -> bool:
    """Whether the event counts, which each does."""
    return True


def named(name: str, where: Where = anything) -> Where:
    """Whether an event has the name and matches."""
    return lambda event: event.name == name and where(event)


def by_person(given: Iterable[Given]) -> dict[str, list[Event]]:
    """Everybody's events in the order of their time, those of one moment by name.

    An event without a person is nobody's, and one without a time is in no sequence.
    """
    found: dict[str, list[Event]] = {}
    for person, name, at, properties in given:
        if person and at is not None:
            found.setdefault(person, []).append(Event(person, name, at, properties))
    return {who: sorted(events, key=lambda e: (e.at, e.name)) for who, events in found.items()}


def dated(given: Iterable[Given], untimed: date) -> list[Event]:
    """Every event, also those of nobody; those without a time begin the day `untimed`."""
    midnight = (untimed - date(1970, 1, 1)).days * DAY_MS
    return [
        Event(person or "", name, midnight if at is None else at, properties)
        for person, name, at, properties in given
    ]
