"""People and times in one number, also when there are more people than fit beside a time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets.warehouse.analytics.attempts import Entries, Walk, all_attempts, first_attempts
from mixpanel_assets.warehouse.analytics.keys import NEVER, Packing, Times
from mixpanel_assets.warehouse.analytics.source import packing

FEW = Packing(0, 2**60 - 2)  # beside such times fit 8 groups
CODES = (0, 1, 7, 8, 9, 15, 16, 31, 32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_a_year_fits_with_2_to_the_28_people_and_a_quarter_with_2_to_the_30() -> None:
    year, quarter = (
        packing(date(2024, 1, 1), last) for last in (date(2024, 12, 30), date(2024, 3, 31))
    )

    assert (year.most_groups, quarter.most_groups) == (2**28, 2**30)


@pytest.mark.parametrize("last", [date(2024, 3, 31), date(2033, 12, 31), date(9999, 12, 31)])
def test_codes_near_2_to_the_31_are_found_at_the_first_and_the_last_moment(last: date) -> None:
    pack = packing(date(2024, 1, 1), last)
    most = 2**31 - 1
    edge = (most // pack.most_groups) * pack.most_groups  # of a block
    people = ints(most, most - 1, edge, edge - 1)
    first, end = np.full(4, pack.first), np.full(4, pack.last)
    times = Times(pack, np.append(people, people), np.append(first, end))

    assert times.first(people, first).tolist() == first.tolist()
    assert times.first(people, first + 1).tolist() == end.tolist()
    assert times.first(people, end + 1).tolist() == [NEVER] * 4
    assert times.first(ints(0, most - 2, most + 1, -1), first).tolist() == [NEVER] * 4
    assert len(times) == 8


DONE = st.lists(st.tuples(st.sampled_from(CODES), st.integers(0, 5)), max_size=20)


@settings(max_examples=200, deadline=None)
@given(DONE, DONE)
def test_blocks_answer_as_one_list(
    done: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        return ints(*(who for who, _ in pairs)), ints(*(at for _, at in pairs))

    times, ordered = Times(FEW, *columns(done)), sorted(done)

    firsts = [
        min((at for who, at in done if who == w and at >= e), default=NEVER) for w, e in asked
    ]
    assert times.first(*columns(asked)).tolist() == firsts
    for side, before in (("left", lambda a, b: a < b), ("right", lambda a, b: a <= b)):
        places = [sum(before(one, other) for one in ordered) for other in asked]
        assert times.place(*columns(asked), side).tolist() == places


def test_a_funnel_of_people_in_several_blocks_is_that_of_one() -> None:
    people, at = np.repeat(ints(*CODES), 4), np.tile(ints(0, 10, 20, 30), len(CODES))
    found = []
    for pack in (FEW, Packing(0, 100)):
        walk = Walk(["A", "B"], [Times(pack, people, at + 5)], 7, pack)
        entries = Entries(people, at, np.zeros_like(at), people)
        once, often = first_attempts(walk, entries, overlapping=False), all_attempts(walk, entries)
        found.append((once.reached.tolist(), sorted(often.reached.tolist())))

    assert found[0] == found[1]
    assert [len(one) for one in found[0]] == [len(CODES), 4 * len(CODES)]
