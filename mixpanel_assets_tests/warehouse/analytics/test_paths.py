"""Mixpanel's rules of flows and attribution.

[F] is https://docs.mixpanel.com/docs/reports/flows, [A] is
https://docs.mixpanel.com/docs/features/computed-properties, and [I] is not in the documents.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mixpanel_assets.questions.analytics import Attribution, Flows
from mixpanel_assets_tests.obvious.events import Given
from mixpanel_assets_tests.warehouse.analytics.streams import BEGIN, FIRST, MINUTE, Landed

DAY = 24 * 60.0
Paths = dict[str, int]


def did(name: str, minutes: float, person: str | None = "ana", **properties: Any) -> Given:
    """An event so many minutes after the beginning of the first day."""
    return person, name, BEGIN + round(minutes * MINUTE), properties


def way(names: str, person: str = "ana", begin: float = 0) -> list[Given]:
    """Events a minute apart."""
    return [did(name, begin + n, person) for n, name in enumerate(names)]


@pytest.fixture
def paths(landed: Landed) -> Callable[..., Paths]:
    """How often each path was taken, of all lengths."""

    def asked(event: str | None, *events: Given, **more: Any) -> Paths:
        days = {"from_date": FIRST, "to_date": FIRST + timedelta(2), **more}
        found = landed.load(list(events), "UTC")(Flows(event, **days))
        return {"".join(row.path): row.count for row in found.rows}

    return asked


@pytest.fixture
def credit(landed: Landed) -> Callable[..., dict[str, float]]:
    """What each source is credited with."""

    def asked(*events: Given, **more: Any) -> dict[str, float]:
        days = {"from_date": FIRST, "to_date": FIRST + timedelta(35), "by": "source", **more}
        found = landed.load(list(events), "UTC")(Attribution("B", **days))
        return {row.value: round(row.credit, 6) for row in found.rows}

    return asked


# [F] "By default, flows shows you the first 3 events performed by users after the selected event."
def test_a_path_has_three_events_after_its_first(paths: Any) -> None:
    assert paths("A", *way("CABCBA")) == {"AB": 1, "ABC": 1, "ABCB": 1}
    assert paths("A", *way("CABCBA"), steps=1) == {"AB": 1}


# [F] Uniques: once, "the first time they perform the Step A event"; Totals: every time.
def test_people_count_with_their_first_path_or_with_all(paths: Any) -> None:
    events = [*way("ABAC"), *way("AC", "bo")]

    assert paths("A", *events, steps=1) == {"AB": 1, "AC": 1}
    assert paths("A", *events, steps=1, count="totals") == {"AB": 1, "AC": 2}


# [F] The "+" on the left: "what paths your users took that led up to these events".
def test_paths_may_lead_to_an_event(paths: Any) -> None:
    assert paths("A", *way("BCA"), before=True) == {"CA": 1, "BCA": 1}
    earlier = [did("B", 0), did("A", DAY + 1)]
    later = {"from_date": FIRST + timedelta(1), "before": True}
    assert paths("A", *earlier, **later) == {"BA": 1}
    assert paths("A", *earlier, **later, window="1d") == {}


# [F] Conversion Window: 30 days by default.
def test_a_path_ends_with_its_window(paths: Any) -> None:
    events = did("A", 0), did("B", 30 * DAY), did("C", 30 * DAY + 1)

    assert paths("A", *events) == {"AB": 1}
    assert paths("A", *events, window="31d") == {"AB": 1, "ABC": 1}
    assert Flows("A", from_date=FIRST).window == "30d"


# [F] Top Paths: "the 50 most common event sequences".
def test_the_commonest_paths_of_each_length_are_shown(paths: Any) -> None:
    events = [*way("AB", "x"), *way("AB", "y"), *way("AC", "z")]

    assert paths("A", *events, limit=1) == {"AB": 2}
    assert Flows("A", from_date=FIRST).limit == 50


# [F] Hide Events.
def test_hidden_events_are_left_out(paths: Any) -> None:
    assert paths("A", *way("ABC"), hide=["B"]) == {"AC": 1}
    assert paths("A", *way("ABA"), hide=["A", "B"]) == {"AA": 1}


# [I] What sessions exclude is part of other paths.
def test_only_sessions_leave_out_what_they_exclude(paths: Any) -> None:
    events = did("A", 0), did("$identify", 1), did("B", 2)

    assert paths("A", *events, steps=1) == {"A$identify": 1}
    assert paths("$identify", *events, steps=1) == {"$identifyB": 1}
    assert paths(None, *events, steps=1) == {"AB": 1}


# [I] A run of one event is one event.
def test_repeats_in_a_row_can_be_collapsed(paths: Any) -> None:
    collapse = {"collapse": True, "steps": 2}

    assert paths("A", *way("AABBC"), **collapse) == {"AB": 1, "ABC": 1}
    assert paths("A", *way("AAB"), **collapse, count="totals") == {"AB": 1}
    assert paths("A", *way("AABA"), **collapse, count="totals") == {"AB": 1, "ABA": 1}
    assert paths("A", *way("CCBBAA"), **collapse, before=True) == {"BA": 1, "CBA": 1}
    # Two sessions of one event each are two.
    assert paths(None, did("A", 0), did("A", 60), did("B", 61), **collapse, count="totals") == {
        "AB": 1
    }


# https://docs.mixpanel.com/docs/features/sessions
def test_paths_of_sessions_end_with_them(paths: Any) -> None:
    events = [*way("AB"), *way("CA", begin=60), *way("BC", begin=DAY - 1)]

    assert paths(None, *events) == {"AB": 1}
    assert paths(None, *events, count="totals") == {"AB": 1, "CA": 1}


# [A] By default "the Last touch model with a 30 day lookback window".
def test_the_last_touch_has_all_credit_by_default(credit: Any) -> None:
    touches = did("A", 0, source="fb"), did("A", 1, source="ig")

    assert credit(*touches, did("B", 2)) == {"ig": 1}
    assert credit(*touches, did("B", 2), model="first") == {"fb": 1}
    assert credit(*touches, did("B", 30 * DAY)) == {
        "ig": 1,
    }
    assert credit(*touches, did("B", 30 * DAY + 2)) == {"$none": 1}
    assert credit(*touches, did("B", 11), lookback="10m") == {"ig": 1}


# [A] Attribution Models.
@pytest.mark.parametrize(
    ("model", "two", "six"),
    [
        ("linear", (0.5, 0.5), (1 / 6,) * 6),
        ("u", (0.5, 0.5), (0.4, 0.05, 0.05, 0.05, 0.05, 0.4)),
        ("j", (0.25, 0.75), (0.2, 0.05, 0.05, 0.05, 0.05, 0.6)),
        ("participation", (1, 1), (1,) * 6),
    ],
)
def test_models_share_the_credit(
    credit: Any, model: str, two: tuple[float, ...], six: tuple[float, ...]
) -> None:
    for shares in (two, six):
        touches = [did("A", n, source=f"s{n}") for n in range(len(shares))]
        expected = {f"s{n}": round(share, 6) for n, share in enumerate(shares)}
        assert credit(*touches, did("B", 9), model=model) == expected
        assert credit(*touches, did("B", 9), did("B", 9, "bo"), model=model) == {
            **expected,
            "$none": 1,
        }


# [A] Time-Decay: "a 7 day half-life"; Participation: "every unique touchpoint".
def test_weights_decay_by_half_in_a_week_and_participants_count_once(credit: Any) -> None:
    week = did("A", 0, source="old"), did("A", 7 * DAY, source="new"), did("B", 7 * DAY)
    assert credit(*week, model="time-decay") == {"new": round(2 / 3, 6), "old": round(1 / 3, 6)}
    assert credit(*week, model="time-decay", half_life="14d")["old"] > 0.4

    twice = did("A", 0, source="fb"), did("A", 1, source="fb"), did("B", 2)
    assert credit(*twice, model="participation") == {"fb": 1}
    assert credit(*twice, did("A", 0, source="ig"), model="linear") == {
        "fb": round(2 / 3, 6),
        "ig": round(1 / 3, 6),
    }


# [A] FAQ 3: a purchase that "came via Google" has this as its last touch.
def test_the_event_itself_is_a_touch(credit: Any) -> None:
    assert credit(did("A", 0, source="fb"), did("B", 1, source="google")) == {"google": 1}


# [I] So that an answer is always the same.
@pytest.mark.parametrize("order", [1, -1])
def test_touches_of_one_moment_come_in_the_order_of_their_values(credit: Any, order: int) -> None:
    touches = [did("A", 0, source="fb"), did("A", 0, source="ig")][::order]

    assert credit(*touches, did("B", 1)) == {"ig": 1}
    assert credit(*touches, did("B", 1), model="first") == {"fb": 1}


# [A] "(not set)": ours is `$none`; nobody is not credited.
def test_without_a_touch_it_is_nones_and_nobodys_is_not_counted(credit: Any) -> None:
    assert credit(did("B", 1), did("A", 2, source="fb")) == {"$none": 1}
    assert credit(did("A", 0, "", source="fb"), did("B", 1, "")) == {"$none": 0}


def test_a_sum_is_credited_instead_of_events(credit: Any) -> None:
    events = did("A", 0, source="fb"), did("B", 1, paid=9.5), did("B", 2, paid="free")

    assert credit(*events, sum="paid") == {"fb": 9.5}
