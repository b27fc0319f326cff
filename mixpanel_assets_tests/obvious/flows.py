"""What people do after an event, before one, or in their sessions.

https://docs.mixpanel.com/docs/reports/flows

The documents leave open, and here it is so:

- Every event that a flow is about begins a path; people count with their first one or with all.
  A flow of sessions has a path for each session, which ends with it. Sessions are made of the
  events that are shown.
- Events of one moment come in the order of their names.
- The window includes its last millisecond. Events before the first day can lead to an event, and
  events after the last day can follow it.
- Paths have 2, 3, 4... events; there is one for each length that a person's events are enough for.
- If repeats are collapsed, events of one name in a row are one event, which begins a path if any of
  them does, and at that one's time. In a path it has the time of the one that is nearest to the
  path's beginning.
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

    def begins(self, event: Event) -> bool:
        """Whether the event begins a path."""
        inside = self.first_day <= event.day <= self.last_day
        return inside and (self.about is None or self.about(event))


def flows(given: Iterable[Given], question: Flows) -> tuple[int, dict[Path, int]]:
    """How many paths there are, and how many of each kind, for every length."""
    shown = [one for one in given if one[1] not in question.hidden and _matches(one, question)]
    found: Counter[Path] = Counter()
    total = 0
    for paths in _by_person(shown, question):
        for path in paths if question.totals else paths[:1]:
            total += 1
            for length in range(2, min(len(path), question.steps + 1) + 1):
                part = path[:length]
                found[tuple(reversed(part)) if question.before else tuple(part)] += 1
    return total, dict(found)


def _matches(one: Given, question: Flows) -> bool:
    person, name, at, properties = one
    return question.where(Event(person or "", name, at or 0, properties))


def _by_person(shown: Sequence[Given], question: Flows) -> list[list[list[str]]]:
    """Everybody's paths, as the names of events, from where each begins."""
    if question.about is not None:
        every = by_person(shown).values()
        return [_of_events(_runs(events, question), question) for events in every]
    people: dict[str, list[list[str]]] = {}
    for one in sessions(shown, question.idle_ms, EXCLUDED):
        if question.begins(one.events[0]):
            runs = _runs(one.events, question)
            near = [run for run in runs if run[0].at <= one.events[0].at + question.window_ms]
            people.setdefault(one.events[0].person, []).append([run[0].name for run in near])
    return list(people.values())


def _of_events(runs: Sequence[Sequence[Event]], question: Flows) -> list[list[str]]:
    found = []
    for n, run in enumerate(runs):
        begin = next((event for event in run if question.begins(event)), None)
        if begin is None:
            continue
        around = (
            [r[-1] for r in reversed(runs[:n])]
            if question.before
            else [r[0] for r in runs[n + 1 :]]
        )
        near = [e for e in around if abs(e.at - begin.at) <= question.window_ms]
        found.append([begin.name, *(event.name for event in near)])
    return found


def _runs(events: Sequence[Event], question: Flows) -> list[list[Event]]:
    """The events in order; those of one name in a row are together if repeats are collapsed."""
    found: list[list[Event]] = []
    for event in sorted(events, key=lambda e: (e.at, e.name, not question.begins(e))):
        if question.collapse and found and found[-1][-1].name == event.name:
            found[-1].append(event)
        else:
            found.append([event])
    return found
