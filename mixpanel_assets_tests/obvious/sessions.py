"""Sessions that end when nothing is done for a while, and at midnight.

https://docs.mixpanel.com/docs/features/sessions

The documents leave open, and here it is so: what is done exactly when the timeout has elapsed
begins a new session.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from mixpanel_assets_tests.obvious.events import Event, Given, by_person

IDLE_MS = 30 * 60_000
EXCLUDED = frozenset(
    {
        "$identify",
        "$create_alias",
        "$merge",
        "$hotshard_events",
        "$campaign_delivery",
        "$campaign_bounced",
        "$campaign_marked_spam",
        "$message_suppressed",
        "$unsubscribe",
        "$journey_entered",
    }
)


@dataclass(frozen=True)
class Session:
    """What a person did in one go: it begins with the first event and ends with the last."""

    events: tuple[Event, ...]

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.events[-1].at - self.events[0].at) / 1000


def sessions(
    given: Iterable[Given], idle_ms: int = IDLE_MS, excluded: Collection[str] = EXCLUDED
) -> list[Session]:
    """Everybody's sessions; what is excluded or hidden neither begins nor prolongs one."""
    found: list[Session] = []
    for events in by_person(given).values():
        current: list[Event] = []
        for event in events:
            if event.name in excluded:
                continue
            if current and _is_over(current[-1], event, idle_ms):
                found.append(Session(tuple(current)))
                current = []
            current.append(event)
        if current:
            found.append(Session(tuple(current)))
    return found


def _is_over(last: Event, event: Event, idle_ms: int) -> bool:
    return event.at - last.at >= idle_ms or event.day != last.day
