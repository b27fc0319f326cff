"""The documents' own examples. [A] is funnels-advanced, [F] is funnels-faq."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets_tests.obvious.events import DAY_MS, Given
from mixpanel_assets_tests.obvious.funnels import (
    GRACE_MS,
    Attempt,
    Exclusion,
    Funnel,
    Step,
    attempts,
    counts,
    times,
)

FIRST, LAST = date(1970, 1, 1), date(1970, 1, 3)
MINUTE, HOUR = 60_000, 3_600_000


def did(name: str, minutes: float, person: str | None = "ana", **properties: Any) -> Given:
    """An event so many minutes after the beginning of the first day."""
    return person, name, int(minutes * MINUTE), properties


def funnel(steps: str, window_ms: int = HOUR, **settings: Any) -> Funnel:
    """A funnel whose steps are events of one letter."""
    return Funnel([Step(name) for name in steps], FIRST, LAST, window_ms, **settings)


def reached(steps: str, *events: Given, **settings: Any) -> list[int]:
    """How many reached each step."""
    asked = funnel(steps, **settings)
    return counts(attempts(events, asked), asked)


def by_item(event: Any) -> str:
    return str(event.properties.get("item"))


def segments(found: Sequence[Attempt]) -> list[tuple[str, int]]:
    return [(attempt.segment, len(attempt.reached)) for attempt in found]


# [A] Conversion Window: entered at 1:00, converted through B, and timed out before C.
def test_the_window_begins_with_the_first_step_and_no_repeat_resets_it() -> None:
    events = did("A", 60), did("A", 90), did("B", 105), did("C", 135)

    assert reached("ABC", *events) == [1, 1, 0]
    assert reached("ABC", *events, window_ms=75 * MINUTE) == [1, 1, 1]


# [A] Optimized Re-entry, Default Mode, scenarios 1 and 2.
def test_only_the_first_entry_counts() -> None:
    assert reached("AB", did("A", 0), did("A", 70), did("B", 80)) == [1, 0]
    assert reached("AB", did("A", 0), did("A", 30), did("B", 70)) == [1, 0]


# [A] Specific Order, examples 1 to 4.
def test_anything_may_lie_between_the_steps_but_none_may_be_left_out() -> None:
    def way(names: str) -> list[int]:
        return reached("ABCDE", *(did(name, n) for n, name in enumerate(names)))

    assert way("ABCDE") == way("ABFCDE") == way("ABDCDE") == [1, 1, 1, 1, 1]
    assert way("ABCE") == [1, 1, 1, 0, 0]


# [F] How does the Funnel handle simultaneous events?
def test_steps_within_two_seconds_are_interchangeable() -> None:
    second = 1 / 60
    first_b = did("B", 10 - 2 * second), did("A", 10)

    assert reached("AB", *first_b) == reached("BA", *first_b) == [1, 1]
    assert reached("AB", did("B", 10 - 2.001 * second), did("A", 10)) == [1, 0]
    assert reached("AB", did("B", 10), did("A", 10)) == [1, 1]
    consecutive = did("C", 10 - 3 * second), did("B", 10 - 2 * second), did("A", 10)
    assert reached("ABC", *consecutive) == [1, 1, 1]
    assert reached("ACB", *consecutive) == [1, 0, 0]


# [I] `avg_time` of the API is not negative in any example.
def test_a_step_that_came_before_the_one_it_follows_took_no_time() -> None:
    found = attempts([did("B", 10), did("A", 10.01), did("C", 20.01)], funnel("ABC"))

    assert times(found, 2, 1) == [0]
    assert times(found, 3, 1) == [10 * MINUTE]


# [I] Otherwise one event would be two steps.
def test_the_same_event_has_to_be_strictly_later() -> None:
    assert reached("AA", did("A", 0)) == reached("AA", did("A", 0), did("A", 0)) == [1, 0]
    assert reached("AA", did("A", 0), did("A", 0.01)) == [1, 1]
    assert reached("ABA", did("A", 1), did("B", 1.01)) == [1, 1, 0]


# [A] Counting Methods, Totals; and [F] why numbers differ from those of Insights.
def test_totals_enter_again_after_the_last_step_or_the_window() -> None:
    assert reached("AB", did("A", 0), did("A", 1), did("B", 2), totals=True) == [1, 1]
    again = did("A", 0), did("B", 1), did("A", 2), did("A", 70), did("B", 71)
    assert reached("AB", *again, totals=True) == [3, 2]
    assert reached("AB", *again) == [1, 1]


# [I] Otherwise an event would be a step of two attempts.
def test_an_attempt_has_no_step_of_the_one_before() -> None:
    events = did("B", 1), did("A", 1.01), did("A", 1.02)

    assert reached("AB", *events, totals=True) == [2, 1]


# [A] Breakdowns, User Count in Breakdown.
def test_a_person_counts_in_each_segment_that_they_enter_after_the_end_of_the_last() -> None:
    shirt, jeans = did("Browse", 1, item="shirt"), did("Browse", 2, item="jeans")
    shoes = did("Browse", 4, item="shoes")
    asked = Funnel([Step("Browse"), Step("Add")], FIRST, LAST, HOUR, by=by_item)

    found = attempts([shirt, jeans, did("Add", 3), shoes], asked)

    assert segments(found) == [("shirt", 2), ("shoes", 1)]
    later = [shirt, did("Browse", 62, item="shirt"), did("Browse", 63, item="jeans")]
    assert segments(attempts(later, asked)) == [("shirt", 1), ("jeans", 1)]


# [A] Hold Property Constant.
def test_uniques_hold_the_value_of_the_first_step() -> None:
    events = did("A", 1, item="shirt"), did("A", 2, item="hat"), did("B", 3, item="hat")

    assert reached("AB", *events) == [1, 1]
    assert reached("AB", *events, hold=["item"]) == [1, 0]
    assert reached("AB", *events, did("B", 4, item="shirt"), hold=["item"]) == [1, 1]
    assert reached("AB", did("A", 1, n=1), did("B", 2, n=True), hold=["n"]) == [1, 0]
    assert reached("AB", did("A", 1), did("B", 2), hold=["item"]) == [1, 0]


# [A] Hold Property Constant, Totals; and Breakdowns: "unless the funnel is holding".
def test_each_entry_holds_its_own_value_and_segments_need_no_end_then() -> None:
    hats = did("A", 1, item="shirt"), did("A", 62, item="hat"), did("B", 63, item="hat")
    assert reached("AB", *hats, hold=["item"], totals=True) == [2, 1]

    events = did("A", 1, item="shirt"), did("A", 2, item="hat"), did("B", 3, item="hat")
    found = attempts(events, funnel("AB", hold=["item"], by=by_item))
    assert segments(found) == [("shirt", 1), ("hat", 2)]


# [A] Exclusion Steps, 1: two entries and one conversion.
def test_what_is_excluded_ends_an_attempt_and_totals_enter_again_after_it() -> None:
    events = did("A", 1), did("A", 2), did("A", 3), did("B", 4)
    never = [Exclusion("A", after=1, before=2)]

    assert reached("AB", *events, exclusions=never, totals=True) == [2, 1]
    assert reached("AB", *events, exclusions=never) == [1, 0]


# [A] Exclusion Steps, 2, and the example of a second Product Added between steps 2 and 3.
def test_an_excluded_person_keeps_the_steps_that_were_reached() -> None:
    events = did("A", 1), did("X", 2), did("B", 3), did("X", 4), did("C", 5), did("D", 6)

    assert reached("ABCD", *events, exclusions=[Exclusion("X", 2, 3)]) == [1, 1, 0, 0]
    assert reached("ABCD", *events, exclusions=[Exclusion("X", 3, 4)]) == [1, 1, 1, 1]


# [A] Exclusion Steps, 4.
def test_what_is_excluded_has_the_same_two_seconds() -> None:
    never = [Exclusion("X", 1, 2)]

    assert reached("AB", did("X", 0.99), did("A", 1), did("B", 2), exclusions=never) == [1, 0]
    assert reached("AB", did("X", 0.9), did("A", 1), did("B", 2), exclusions=never) == [1, 1]


# [I] An empty distinct_id is nobody, and without a time nothing comes before or after.
def test_nobody_and_no_time_are_left_out() -> None:
    untimed: Given = ("ana", "B", None, {})

    assert reached("AB", did("A", 1), untimed) == [1, 0]
    assert reached("AB", did("A", 1, ""), did("B", 2, ""), did("A", 1, None)) == [0, 0]


# The API reads events "past the end of to_date to look for funnel completions" [S], none before.
def test_the_days_are_those_of_the_entry() -> None:
    midnight = 3 * 24 * 60

    assert reached("AB", did("A", midnight - 1), did("B", midnight + 1)) == [1, 1]
    assert reached("AB", did("A", midnight)) == [0, 0]
    assert reached("AB", did("B", -0.01), did("A", 0)) == [1, 0]


NAMES = st.sampled_from("ABC")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(NAMES, st.integers(0, 8)), max_size=7),
    st.text("ABC", min_size=2, max_size=4),
)
def test_no_choice_of_events_reaches_further_than_the_first_ones(
    stream: list[tuple[str, int]], steps: str
) -> None:
    events = [(name, at * 1000) for name, at in stream]
    found = attempts([("ana", name, at, {}) for name, at in events], funnel(steps, DAY_MS))

    firsts = [at for name, at in events if name == steps[0]]
    assert len(found) == bool(firsts)
    for length in range(2, len(steps) + 1):
        chosen = product(*([at for n, at in events if n == name] for name in steps[1:length]))
        ways = [(min(firsts), *those) for those in chosen] if firsts else []
        possible = any(_is_a_way(steps, way) for way in ways)
        assert possible == (bool(found) and len(found[0].reached) >= length)


def _is_a_way(steps: str, way: Sequence[int]) -> bool:
    graceful = all(b >= a - GRACE_MS for a, b in pairwise(way))
    pairs = [(m, n) for n in range(len(way)) for m in range(n) if steps[m] == steps[n]]
    return graceful and all(way[m] < way[n] for m, n in pairs)
