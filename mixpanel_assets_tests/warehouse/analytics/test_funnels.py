"""Mixpanel's rules of funnels. [A] is funnels-advanced, [F] is funnels-faq, both of
https://docs.mixpanel.com/docs/reports/funnels; [I] is not in the documents.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mixpanel_assets.errors import UsageError
from mixpanel_assets.questions.analytics import Funnel
from mixpanel_assets_tests.obvious.events import Given
from mixpanel_assets_tests.warehouse.analytics.streams import BEGIN, FIRST, MINUTE, Landed

Reached = Callable[..., list[int]]


def did(name: str, minutes: float, person: str | None = "ana", **properties: Any) -> Given:
    """An event so many minutes after the beginning of the first day."""
    return person, name, BEGIN + round(minutes * MINUTE), properties


@pytest.fixture
def ask(landed: Landed) -> Callable[..., Any]:
    """Asks for a funnel whose steps are events of one letter: ask("AB", *events)."""

    def asked(steps: Any, *events: Given, window: str = "1h", **more: Any) -> Any:
        days = {"from_date": FIRST, "to_date": FIRST + timedelta(2), **more}
        return landed.load(list(events), "UTC")(Funnel([*steps], window=window, **days))

    return asked


@pytest.fixture
def reached(ask: Callable[..., Any]) -> Reached:
    """How many reached each step."""
    return lambda *given, **more: [step.count for step in ask(*given, **more).steps]


def by_part(found: Any) -> dict[Any, list[int]]:
    """The counts of each segment or date."""
    parts = [part for part in found.parts if part.segment != "$overall"]
    return {part.segment or part.date: [s.count for s in part.steps] for part in parts}


# [A] Conversion Window: entered at 1:00, converted through B, and timed out before C.
def test_the_window_begins_with_the_first_step_and_no_repeat_resets_it(reached: Reached) -> None:
    events = did("A", 60), did("A", 90), did("B", 105), did("C", 135)

    assert reached("ABC", *events) == [1, 1, 0]
    assert reached("ABC", *events, window="75m") == [1, 1, 1]


# [A] Specific Order, examples 1 to 4.
@pytest.mark.parametrize(
    ("way", "steps"), [("ABC", 3), ("ACBC", 3), ("A$BC", 3), ("AC", 1), ("BA", 1)]
)
def test_anything_may_lie_between_the_steps(reached: Reached, way: str, steps: int) -> None:
    names = [name.replace("$", "$identify") for name in way]
    events = [did(name, n) for n, name in enumerate(names)]

    assert reached("ABC", *events) == [1] * steps + [0] * (3 - steps)


# [A] Optimized Re-entry, scenarios 1 and 2, and note 3: the time is that of the last entry.
def test_only_the_first_entry_counts_but_with_reentry_any(ask: Any, reached: Reached) -> None:
    after, within = (
        [did("A", 0), did("A", 70), did("B", 80)],
        [did("A", 0), did("A", 30), did("B", 70)],
    )

    assert reached("AB", *after) == reached("AB", *within) == [1, 0]
    assert reached("AB", *after, reentry=True) == reached("AB", *within, reentry=True) == [1, 1]
    often = [did("A", 0), did("A", 1), did("A", 2), did("B", 5)]
    assert ask("AB", *often).steps[1].mean_seconds == 300
    assert ask("AB", *often, reentry=True).steps[1].mean_seconds == 180


# [F] How does the Funnel handle simultaneous events?
def test_steps_within_two_seconds_are_interchangeable(ask: Any, reached: Reached) -> None:
    second = 1 / 60

    for steps in ("AB", "BA"):
        assert reached(steps, did("B", 10 - 2 * second), did("A", 10)) == [1, 1]
        assert reached(steps, did("B", 10), did("A", 10)) == [1, 1]
    assert reached("AB", did("B", 10 - 2.001 * second), did("A", 10)) == [1, 0]
    # [I] `avg_time` of the API is not negative in any example.
    assert ask("AB", did("B", 10 - second), did("A", 10)).steps[1].mean_seconds == 0
    # [I] Otherwise one event would be two steps.
    assert reached("AA", did("A", 10), did("A", 10)) == [1, 0]


# [A] Counting Methods: Uniques, and in a breakdown once for each segment.
def test_people_count_once_and_once_for_each_segment(ask: Any, reached: Reached) -> None:
    # [A] User Count in Breakdown: jeans come before the attempt is over.
    browsed = [did("A", 1, i="shirt"), did("A", 2, i="jeans"), did("B", 3), did("A", 4, i="shoes")]

    assert reached("AB", *browsed) == [1, 1]
    assert by_part(ask("AB", *browsed, by="i")) == {"shirt": [1, 1], "shoes": [1, 0]}


# [A] Counting Methods: Totals.
def test_totals_enter_again_after_conversion_timeout_or_exclusion(reached: Reached) -> None:
    again = did("A", 0), did("B", 1), did("A", 2), did("A", 70), did("B", 71)
    assert reached("AB", *again, count="totals") == [3, 2]
    # Exclusion Steps, 1: two entries and one conversion.
    excluded = did("A", 1), did("A", 2), did("A", 3), did("B", 4)
    assert reached("AB", *excluded, count="totals", exclude=["A:1-2"]) == [2, 1]
    # [F] Why do I get differing numbers: Step 1, Step 1, Step 2 are one entry.
    assert reached("AB", did("A", 0), did("A", 1), did("B", 2), count="totals") == [1, 1]


# [A] Counting Methods, Sessions; https://docs.mixpanel.com/docs/features/sessions
def test_sessions_hold_all_steps_and_each_session_enters(reached: Reached) -> None:
    first, second = [did("A", 0), did("B", 29)], [did("A", 100), did("C", 125), did("B", 150)]

    assert reached("AB", *first, *second, count="sessions") == [2, 2]
    assert reached("AB", did("A", 0), did("B", 30), count="sessions") == [1, 0]
    assert reached("AB", did("A", 0), did("B", 30), count="sessions", idle="1h") == [1, 1]
    midnight = did("A", 24 * 60 - 1), did("B", 24 * 60)
    assert reached("AB", *midnight, count="sessions") == [1, 0]
    between = did("A", 0), did("$identify", 20), did("B", 40)
    assert reached("AB", *between, count="sessions") == [1, 0]


# [A] Hold Property Constant; the value of the entry, and in Totals of each.
def test_what_is_held_has_the_value_of_the_entry(ask: Any, reached: Reached) -> None:
    events = did("A", 1, i="shirt"), did("A", 2, i="hat"), did("B", 3, i="hat")

    assert reached("AB", *events, hold=["i"]) == [1, 0]
    assert reached("AB", *events, did("B", 4, i="shirt"), hold=["i"]) == [1, 1]
    hats = did("A", 1, i="shirt"), did("A", 62, i="hat"), did("B", 63, i="hat")
    assert reached("AB", *hats, hold=["i"], count="totals") == [2, 1]
    # Breakdowns: "unless the funnel is holding a property constant".
    assert by_part(ask("AB", *events, hold=["i"], by="i")) == {"hat": [1, 1], "shirt": [1, 0]}


# [A] "ALL of them must be kept constant. A maximum of 3".
def test_all_of_three_properties_are_held(reached: Reached) -> None:
    same = {"i": 1, "j": "x", "k": True}
    hold = ["i", "j", "k"]

    assert reached("AB", did("A", 1, **same), did("B", 2, **same), hold=hold) == [1, 1]
    for name in hold:
        other = {**same, name: "other"}
        assert reached("AB", did("A", 1, **same), did("B", 2, **other), hold=hold) == [1, 0]


# [I] Otherwise everybody without the property would be one.
def test_nothing_is_held_that_is_not_set(reached: Reached) -> None:
    events = did("A", 1), did("B", 2), did("A", 1, "bo"), did("B", 3, "bo", i=1)

    assert reached("AB", *events, hold=["i"]) == [2, 0]
    assert reached("AB", did("A", 1, i=1), did("B", 2, i="1"), hold=["i"]) == [1, 0]


# [A] Exclusion Steps: 2, steps that were reached count; 4, the same two seconds.
def test_exclusions_hold_between_their_steps(reached: Reached) -> None:
    events = did("A", 1), did("$identify", 2), did("B", 3), did("$identify", 4), did("C", 5)

    assert reached("ABC", *events, exclude=["$identify:2-3"]) == [1, 1, 0]
    assert reached("ABC", *events, exclude=["$identify"]) == [1, 0, 0]
    assert reached("ABC", *events, did("$identify", 6), exclude=["C:1-2"]) == [1, 1, 1]
    before = did("C", 0.99), did("A", 1), did("B", 2)
    assert reached("AB", *before, exclude=["C"]) == [1, 0]
    assert reached("AB", did("C", 0.9), *before[1:], exclude=["C"]) == [1, 1]


# [A] Any Order: all steps, whatever their order.
@pytest.mark.parametrize("way", ["ABC", "CBA", "BAC"])
def test_in_any_order_whichever_step_comes_first_begins(reached: Reached, way: str) -> None:
    events = [did(name, 25 * n) for n, name in enumerate(way)]

    assert reached("ABC", *events, order="any") == [1, 1, 1]
    assert reached("ABC", *events, order="any", window="49m") == [1, 1, 0]


# [I] "A user must complete all actions": one event is one of them.
def test_in_any_order_each_step_has_an_event_of_its_own(reached: Reached) -> None:
    free, team = did("A", 0, plan="free"), did("A", 1, plan="team")

    for steps in (["A", 'A[plan == "free"]'], ['A[plan == "free"]', "A"]):
        assert reached(steps, free, order="any") == [1, 0]
        assert reached(steps, free, team, order="any") == [1, 1]
        assert reached(steps, team, did("A", 2, plan="free"), order="any") == [1, 1]


def test_in_any_order_few_steps_are_of_the_same_event(reached: Reached) -> None:
    events = [did("A", n) for n in range(5)]

    assert reached("AAAAA", *events, order="any") == [1] * 5
    with pytest.raises(UsageError, match="at most 5 steps"):
        Funnel(["A"] * 6, from_date=FIRST, order="any")


# [A] Exclusion Steps, 4, in any order, too.
def test_in_any_order_exclusions_have_the_same_two_seconds(reached: Reached) -> None:
    events = did("B", 1), did("A", 2)

    assert reached("AB", did("C", 0.99), *events, order="any", exclude=["C"]) == [1, 0]
    assert reached("AB", did("C", 0.9), *events, order="any", exclude=["C"]) == [1, 1]


# [A] Inline Filtering (Pre-Query), the example of Safari.
def test_a_filter_of_a_step_chooses_among_events(reached: Reached) -> None:
    events = did("A", 0, b="Chrome"), did("A", 50, b="Safari"), did("B", 100, b="Safari")

    assert reached("AB", *events) == [1, 0]
    assert reached(['A[b == "Safari"]', "B"], *events) == [1, 1]
    assert reached("AB", *events, where='b == "Safari"') == [1, 1]


# [A] Global Filtering (Post-Query): the entry with Chrome is all that there is.
def test_a_global_filter_chooses_among_entries(reached: Reached) -> None:
    events = did("A", 0, b="Chrome"), did("A", 50, b="Safari"), did("B", 55)
    safari = {"where": 'b == "Safari"', "where_applies": "entries"}

    assert reached("AB", *events, **safari) == [0, 0]
    assert reached("AB", *events[1:], **safari) == [1, 1]
    assert reached("AB", *reversed(events), order="any", **safari) == [0, 0]


# A line chart is one funnel a day; a table is one funnel, then split [F].
def test_a_table_splits_one_funnel_and_a_line_chart_has_one_each_day(ask: Any) -> None:
    day = 24 * 60
    events = did("A", 0), did("A", day), did("B", day + 1)

    table = ask("AB", *events, unit="day")
    chart = ask("AB", *events, unit="day", per_unit=True)

    days = [str(FIRST + timedelta(n)) for n in range(3)]
    assert by_part(table) == dict(zip(days, ([1, 0], [0, 0], [0, 0]), strict=True))
    assert by_part(chart) == dict(zip(days, ([1, 0], [1, 1], [0, 0]), strict=True))


# [F] "only the top 200 property values will be returned ... $other".
def test_small_segments_are_other(ask: Any) -> None:
    events = [did("A", n, f"p{n}", i=i) for n, i in enumerate("xxxyyz")]

    assert by_part(ask("AB", *events, by="i", limit=1)) == {"x": [3, 0], "$other": [3, 0]}
    assert Funnel(["A", "B"], from_date=FIRST).limit == 200


# [I] An empty distinct_id is nobody.
def test_nobody_does_not_enter(reached: Reached) -> None:
    events = did("A", 1, ""), did("B", 2, ""), did("A", 1, None), did("B", 2, None)

    assert reached("AB", *events) == [0, 0]


# The API reads events "past the end of to_date to look for funnel completions".
def test_the_days_are_those_of_the_entry(reached: Reached) -> None:
    midnight = 3 * 24 * 60

    assert reached("AB", did("A", midnight - 1), did("B", midnight + 1)) == [1, 1]
    assert reached("AB", did("A", midnight), did("B", midnight + 1)) == [0, 0]
