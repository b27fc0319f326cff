"""Names of a project's events and properties that are known without a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from mixpanel_assets.mixpanel.cache import MAX_AGE, CachedAnswers, NotKnownError
from mixpanel_assets.mixpanel.catalog import questions

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client
    from mixpanel_assets.settings import Settings

T = TypeVar("T")
LISTED_DAYS = 30  # last days that Mixpanel's own list covers, in every time zone
OF_MIXPANEL = "$"  # prefix of names that are not exported under it: custom events, sessions


class Landed(Protocol):
    """Names and days in the project's warehouse; None if it can't be read now."""

    def events(self, *, strict: bool = False) -> Collection[str] | None:
        """The names of events; `strict` raises, unless a load has locked the warehouse."""

    def properties(self, event: str) -> Collection[str] | None:
        """The names of an event's properties."""

    def texts(self, event: str, name: str) -> int | None:
        """How many values of an event's property are text."""

    def days(self, seconds: float) -> Collection[date] | None:
        """The days that were exported completely in the last `seconds`."""


class Names:
    """Names from cached answers of Mixpanel, and from the warehouse."""

    def __init__(self, client: Client, settings: Settings, landed: Landed) -> None:
        self._client = client
        self._known = CachedAnswers(client, settings, known_only=True)
        self.landed = landed

    def events(self) -> set[str]:
        """All known events; none if nothing is known."""
        return {*(self._recent() or ()), *self._described(), *(self.landed.events() or ())}

    def properties(self, event: str) -> set[str]:
        """All known properties of the event."""
        listed = self._recalled(lambda: questions.property_names(self._known, event))
        return {*(listed or ()), *(self.landed.properties(event) or ())}

    def texts(self, event: str, name: str) -> int:
        """How many landed values of the event's property are text; 0 if it is not known."""
        return self.landed.texts(event, name) or 0

    def check(
        self, events: Iterable[str], start: date | None = None, end: date | None = None
    ) -> None:
        """Raise EventNotFoundError for the first event that can't have happened on these days.

        It raises only if Mixpanel's list is complete and recent, and earlier days were landed
        completely and as recently, so that no existing event is rejected; without a list, if all of
        the days were. Without days, they are those of the list.
        """
        recent = self._recent()
        is_whole = recent is not None and len(recent) < questions.MOST_EVENTS
        listed = {*(recent or ()), *self._described()}
        absent = [name for name in events if name not in listed and name[:1] != OF_MIXPANEL]
        landed = self.landed.events() if absent else None
        if landed is None or not self._covered(start, end, listed=is_whole):
            return
        for name in absent:
            if name not in landed:
                raise questions.not_found(name, listed.union(landed))

    def _covered(self, start: date | None, end: date | None, *, listed: bool) -> bool:
        """Whether the days are those of the list, if there is one, or landed."""
        first = self._client.now().date() - timedelta(LISTED_DAYS - 1)
        if listed and (start is None or start >= first):
            return True
        if start is None or (end is None and not listed):
            return False
        before = end + timedelta(1) if end else first
        before = min(first, before) if listed else before
        landed = self.landed.days(MAX_AGE) or ()
        return all(start + timedelta(n) in landed for n in range((before - start).days))

    def _recent(self) -> list[str] | None:
        return self._recalled(lambda: questions.event_names(self._known))

    def _described(self) -> list[str]:
        return self._recalled(lambda: questions.described_events(self._known)) or []

    def _recalled(self, question: Callable[[], T]) -> T | None:
        try:
            return question()
        except NotKnownError:
            return None
