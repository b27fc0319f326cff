"""People and times in one number."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets.errors import UsageError
from mixpanel_assets.warehouse.analytics.keys import NEVER, Packing, Times
from mixpanel_assets.warehouse.analytics.source import packing

DONE = st.lists(st.tuples(st.sampled_from((0, 1, 7)), st.integers(0, 5)), max_size=20)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_a_year_fits_with_2_to_the_28_people_and_a_quarter_with_2_to_the_30() -> None:
    year, quarter = (
        packing(date(2024, 1, 1), last) for last in (date(2024, 12, 30), date(2024, 3, 31))
    )

    assert (year.most_groups, quarter.most_groups) == (2**28, 2**30)


@pytest.mark.parametrize("last", [date(2024, 3, 31), date(2033, 12, 31), date(9999, 12, 31)])
def test_the_last_people_that_fit_are_found_at_the_first_and_the_last_moment(last: date) -> None:
    pack = packing(date(2024, 1, 1), last)
    people = ints(pack.most_groups - 1, pack.most_groups - 2)
    first, end = np.full(2, pack.first), np.full(2, pack.last)
    times = Times.of(pack, np.append(people, people), np.append(first, end))

    assert times.first(people, first).tolist() == first.tolist()
    assert times.first(people, first + 1).tolist() == end.tolist()
    assert times.first(people, end + 1).tolist() == [NEVER] * 2
    assert times.first(ints(0, -1), first).tolist() == [NEVER] * 2


def test_more_people_than_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="more than 8 people"):
        Packing(0, 2**60 - 2).pack(ints(8), ints(0))


@settings(max_examples=200, deadline=None)
@given(DONE, DONE)
def test_the_first_and_the_place_are_those_of_a_sorted_list(
    done: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        return ints(*(who for who, _ in pairs)), ints(*(at for _, at in pairs))

    times, ordered = Times.of(Packing(0, 5), *columns(done)), sorted(done)

    firsts = [
        min((at for who, at in done if who == w and at >= e), default=NEVER) for w, e in asked
    ]
    assert times.first(*columns(asked)).tolist() == firsts
    for side, before in (("left", lambda a, b: a < b), ("right", lambda a, b: a <= b)):
        places = [sum(before(one, other) for one in ordered) for other in asked]
        assert times.place(*columns(asked), side).tolist() == places
