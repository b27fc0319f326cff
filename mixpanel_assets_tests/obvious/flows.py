"""What people do after an event, before one, or in their sessions.

https://docs.mixpanel.com/docs/reports/flows

The documents leave open, and here it is so:

- Every event that a flow is about begins a path; people count with their first one or with all.
  A flow of sessions has a path for each session, which ends with it.
- Events of one moment come in the order of their names, but the event that a path is about comes
  before those that follow it and after those that lead to it.
- The window includes its last millisecond. Events before the first day can lead to an event, and
  events after the last day can follow it.
- Paths have 1, 2, 3... events; there is one for each length that a person's events are enough for.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from mixpanel_assets_tests.obvious.events import Event, Given, Where, anything, by_person
from mixpanel_assets_tests.obvious.sessions import EXCLUDED, IDLE_MS, sessions

Path = tuple[str, ...]


@dataclass(frozen=True)
class Flows:
    """Where paths begin, or end, and how far they go."""

    first_day: date
    last_day: date
    about: Where | None  # None: sessions
    steps: int = 3
    before: bool = False
    window_ms: int = 30 * 86_400_000
    totals: bool = False
    where: Where = anything
    hidden: Collection[str] = ()
    collapse: bool = False
    idle_ms: int = IDLE_MS

    def shown(self, event: Event) -> bool:
        """Whether the event is part of paths."""
        return event.name not in self.hidden and self.where(event)


def flows(given: Iterable[Given], question: Flows) -> dict[Path, int]:
    """How many paths there are of each kind, for every length."""
    found: Counter[Path] = Counter()
    for paths in _paths(list(given), question):
        for path in paths if question.totals else paths[:1]:
            names = [event.name for event in path]
            if question.before:
                names.reverse()
            if question.collapse:
                names = [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]
            for length in range(1, min(len(names), question.steps + 1) + 1):
                part = names[:length]
                found[tuple(reversed(part) if question.before else part)] += 1
    return dict(found)


def _paths(given: Sequence[Given], question: Flows) -> list[list[list[Event]]]:
    """Everybody's paths, each in the order of time."""
    if question.about is None:
        return _of_sessions(given, question)
    return [_of_events(events, question) for events in by_person(given).values()]


def _of_sessions(given: Sequence[Given], question: Flows) -> list[list[list[Event]]]:
    people: dict[str, list[list[Event]]] = {}
    for one in sessions(given, question.idle_ms, EXCLUDED):
        path = [event for event in one.events if question.shown(event)]
        if path and question.first_day <= path[0].day <= question.last_day:
            end = path[0].at + question.window_ms
            people.setdefault(path[0].person, []).append([e for e in path if e.at <= end])
    return list(people.values())


def _of_events(events: Sequence[Event], question: Flows) -> list[list[Event]]:
    assert question.about
    found = []
    for n, event in enumerate(events):
        inside = question.first_day <= event.day <= question.last_day
        if not (inside and question.about(event) and question.where(event)):
            continue
        around = events[:n] if question.before else events[n + 1 :]
        near = [
            e for e in around if abs(e.at - event.at) <= question.window_ms and question.shown(e)
        ]
        found.append([*near, event] if question.before else [event, *near])
    return found
