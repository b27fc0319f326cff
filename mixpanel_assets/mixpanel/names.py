"""What a project's events and properties are called, as far as it is known without a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from mixpanel_assets.mixpanel.cache import MAX_AGE, CachedAnswers, NotKnownError
from mixpanel_assets.mixpanel.catalog import questions as catalog

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client
    from mixpanel_assets.settings import Settings

T = TypeVar("T")
LISTED_DAYS = 30  # up to now that Mixpanel's own list surely covers, in every time zone
OF_MIXPANEL = "$"  # begins names that stand for more than what is exported: custom events, sessions


class Landed(Protocol):
    """What is landed of the project; None if that can't be read now."""

    def events(self) -> Collection[str] | None:
        """The names of events."""

    def properties(self, event: str) -> Collection[str] | None:
        """The names of an event's properties."""

    def texts(self, event: str, name: str) -> int | None:
        """How many values of an event's property are text."""

    def days(self, seconds: float) -> Collection[date] | None:
        """The days that were exported whole in the last so many seconds."""


class Names:
    """Names that Mixpanel listed a while ago, or that are landed."""

    def __init__(self, client: Client, settings: Settings, landed: Landed) -> None:
        self._client = client
        self._known = CachedAnswers(client, settings, known_only=True)
        self.landed = landed

    def events(self) -> set[str]:
        """Every event that is known; none if nothing is known."""
        return {*(self._recent() or ()), *self._described(), *(self.landed.events() or ())}

    def properties(self, event: str) -> set[str]:
        """Every property of the event that is known."""
        listed = self._recalled(lambda: catalog.property_names(self._known, event))
        return {*(listed or ()), *(self.landed.properties(event) or ())}

    def texts(self, event: str, name: str) -> int:
        """How many landed values of the event's property are text, as far as that is known."""
        return self.landed.texts(event, name) or 0

    def check(
        self, events: Iterable[str], start: date | None = None, end: date | None = None
    ) -> None:
        """EventNotFoundError for the first event that can't have happened on these days.

        So that no event is refused that may exist, Mixpanel's own list has to be complete and
        fresh, and the days before those that it covers landed whole and as lately. Without days,
        they are those of the list.
        """
        recent = self._recent()
        if recent is None or len(recent) >= catalog.MOST_EVENTS:
            return
        listed = {*recent, *self._described()}
        absent = [name for name in events if name not in listed and name[:1] != OF_MIXPANEL]
        landed = self.landed.events() if absent else None
        if landed is None or not self._covered(start, end):
            return
        for name in absent:
            if name not in landed:
                raise catalog.not_found(name, listed.union(landed))

    def _covered(self, start: date | None, end: date | None) -> bool:
        first = self._client.now().date() - timedelta(LISTED_DAYS - 1)
        if start is None or start >= first:
            return True
        before = min(first, end + timedelta(1)) if end else first
        landed = self.landed.days(MAX_AGE) or ()
        return all(start + timedelta(n) in landed for n in range((before - start).days))

    def _recent(self) -> list[str] | None:
        return self._recalled(lambda: catalog.event_names(self._known))

    def _described(self) -> list[str]:
        return self._recalled(lambda: catalog.described_events(self._known)) or []

    def _recalled(self, question: Callable[[], T]) -> T | None:
        try:
            return question()
        except NotKnownError:
            return None
