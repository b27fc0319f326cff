"""The ledger that all processes share."""

import stat
from pathlib import Path

import pytest

from mixpanel_assets.errors import BudgetExhaustedError
from mixpanel_assets.mixpanel.budget import HOUR, LIMITS, Budget


class Clock:
    """Time that passes when somebody sleeps, and not otherwise."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budget(tmp_path: Path, clock: Clock) -> Budget:
    return Budget(tmp_path / "budget.sqlite", "1", clock=clock)


def spend(budget: Budget, clock: Clock, times: int, kind: str = "export") -> list[float]:
    """When each of the requests could be sent."""
    moments = []
    for _ in range(times):
        budget.spend(kind, sleep=clock.sleep)
        moments.append(clock.now)
    return moments


@pytest.mark.parametrize("kind", LIMITS)
def test_no_window_ever_holds_more_requests_than_mixpanel_allows(
    kind: str, budget: Budget, clock: Clock
) -> None:
    moments = spend(budget, clock, 200, kind)
    for limit in LIMITS[kind]:
        for start in moments:
            inside = [moment for moment in moments if start <= moment < start + limit.seconds]
            assert len(inside) <= limit.requests


def test_requests_within_the_limits_do_not_wait_for_the_hour(budget: Budget, clock: Clock) -> None:
    moments = spend(budget, clock, 60)
    assert moments[-1] - moments[0] < 21


def test_whoever_does_not_want_to_wait_is_told_how_long_it_would_take(
    budget: Budget, clock: Clock
) -> None:
    spend(budget, clock, 60)
    with pytest.raises(BudgetExhaustedError) as raised:
        budget.spend("export", longest_wait=5)
    assert 3500 < raised.value.details["resets_in"] <= 3600


def test_a_wait_is_counted_down(budget: Budget, clock: Clock) -> None:
    spend(budget, clock, 60)
    notes: list[str] = []
    budget.spend("export", notes.append, clock.sleep)
    assert len(notes) > 100
    assert notes[0].startswith("waiting for the export budget: 59:")


def test_a_retry_after_holds_for_every_process(
    budget: Budget, clock: Clock, tmp_path: Path
) -> None:
    budget.block("export", 120.0)
    other = Budget(tmp_path / "budget.sqlite", "1", clock=clock)
    started = clock.now
    other.spend("export", sleep=clock.sleep)
    assert clock.now - started >= 120


def test_projects_and_kinds_have_budgets_of_their_own(
    budget: Budget, clock: Clock, tmp_path: Path
) -> None:
    spend(budget, clock, 60)
    other = Budget(tmp_path / "budget.sqlite", "2", clock=clock)
    assert (budget.left("export"), budget.left("query"), other.left("export")) == (0, 60, 60)


def test_the_report_says_what_is_left(budget: Budget, clock: Clock) -> None:
    spend(budget, clock, 2)
    assert budget.report()["export"] == {
        "used": 2,
        "limit": 60,
        "window_seconds": 3600,
        "resets_in": 0,
    }


def test_what_is_given_back_is_not_counted(budget: Budget, clock: Clock) -> None:
    spend(budget, clock, 2, "query")
    spend(budget, clock, 1, "lexicon")
    budget.give_back("query")
    assert {kind: row["used"] for kind, row in budget.report().items()} == {
        "export": 0,
        "query": 1,
        "lexicon": 1,
    }


def test_a_clock_that_is_set_back_blocks_nobody_for_longer_than_an_hour(
    budget: Budget, clock: Clock
) -> None:
    spend(budget, clock, 60)
    clock.now -= 30 * 24 * HOUR
    started = clock.now
    budget.spend("export", sleep=clock.sleep)
    assert clock.now - started <= HOUR + 1


def test_the_ledger_is_for_its_owner_alone(budget: Budget, tmp_path: Path) -> None:
    budget.left("export")
    assert stat.S_IMODE((tmp_path / "budget.sqlite").stat().st_mode) == 0o600


def test_a_ledger_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "budget.sqlite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="ledger"):
        Budget(tmp_path / "budget.sqlite", "1").left("export")
    assert not (tmp_path / "elsewhere").exists()
