"""What earlier touches have to do with an event.

https://docs.mixpanel.com/docs/features/computed-properties#attribution

The documents leave open, and here it is so:

- The event itself is a touch if it has the property, as a purchase that came via Google is in the
  page's third question; so is everything else of its moment. The lookback's first millisecond
  counts. A text without characters is no touch.
- Touches of one moment come in the order of their values.
- A single touch has all credit. Weights of time decay are shares of their sum.
- Participation credits each value once.
- An event without a touch is credited to `$none`; one of nobody, or without a time, to nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from mixpanel_assets_tests.obvious.events import Event, Given, Where, anything, by_person

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Attribution:
    """What is credited to which values, and how the credit is shared."""

    first_day: date
    last_day: date
    did: Where
    touch: Callable[[Event], str | None]
    model: str = "last"
    where: Where = anything
    lookback_ms: int = 30 * DAY_MS
    half_life_ms: int = 7 * DAY_MS
    worth: Callable[[Event], float] = lambda event: 1


def attribution(given: Iterable[Given], question: Attribution) -> dict[str, float]:
    """The credit of each value."""
    found: dict[str, float] = {}
    for events in by_person(given).values():
        seen = [event for event in events if question.where(event)]
        for event in seen:
            if question.first_day <= event.day <= question.last_day and question.did(event):
                touches = _touches(seen, event, question)
                for value, share in _shares(touches, event, question):
                    found[value] = found.get(value, 0) + share * question.worth(event)
    return found


def _touches(events: Sequence[Event], done: Event, question: Attribution) -> list[tuple[int, str]]:
    earliest = done.at - question.lookback_ms
    near = [e for e in events if earliest <= e.at <= done.at]
    return sorted((e.at, value) for e in near if (value := question.touch(e)))


def _shares(
    touches: Sequence[tuple[int, str]], done: Event, question: Attribution
) -> list[tuple[str, float]]:
    if not touches:
        return [("$none", 1)]
    values = [value for _, value in touches]
    if question.model == "participation":
        return [(value, 1) for value in set(values)]
    weights = _weights([done.at - at for at, _ in touches], question)
    return [(value, one / sum(weights)) for value, one in zip(values, weights, strict=True)]


def _weights(ages: Sequence[int], question: Attribution) -> list[float]:
    number = len(ages)
    if question.model == "linear":
        return [1.0] * number
    if question.model == "time-decay":
        return [2.0 ** (-age / question.half_life_ms) for age in ages]
    first, last = {"first": (1, 0), "last": (0, 1), "u": (40, 40), "j": (20, 60)}[question.model]
    if number == 1:
        return [1.0]
    between = 100 - first - last if question.model in "uj" else 0
    return [first, *(between / (number - 2) for _ in range(number - 2)), last]
