"""Answers are kept for a while, and only for those who may read them."""

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mixpanel_assets.errors import PlanRequiredError
from mixpanel_assets.mixpanel.cache import CachedAnswers
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.asking import discovery
from mixpanel_assets_tests.conftest import Project


class Clock:
    """It stands still until it is set."""

    now = 2_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cached(mixpanel: Simulator, project: Project, clock: Clock) -> Callable[..., CachedAnswers]:
    mixpanel.funnels.add("Checkout", ["A", "B"])
    return lambda **more: CachedAnswers(project.client, project.settings, clock=clock, **more)


def files(project: Project) -> list[Path]:
    return sorted((project.settings.home / "cache" / "12345").iterdir())


def test_a_question_is_put_once(
    mixpanel: Simulator, cached: Callable[..., CachedAnswers], clock: Clock
) -> None:
    first = cached()
    known = discovery.funnels(first)
    clock.now += 720
    again = cached()
    assert discovery.funnels(again) == known
    assert (first.age, again.age, len(mixpanel.requests)) == (None, 720, 1)


def test_other_questions_have_other_answers(
    mixpanel: Simulator, cached: Callable[..., CachedAnswers]
) -> None:
    mixpanel.annotations.add("2024-01-02", "Sale")
    assert len(discovery.annotations(cached(), "2024-01-02")) == 1
    assert len(discovery.annotations(cached(), "2024-01-03")) == 0


@pytest.mark.parametrize("later", [3600, -1])
def test_an_old_answer_is_none_nor_is_one_of_the_future(
    mixpanel: Simulator, cached: Callable[..., CachedAnswers], clock: Clock, later: int
) -> None:
    discovery.funnels(cached())
    clock.now += later
    discovery.funnels(cached())
    assert len(mixpanel.requests) == 2


def test_refresh_asks_again_and_keeps_the_new_answer(
    mixpanel: Simulator, cached: Callable[..., CachedAnswers]
) -> None:
    discovery.funnels(cached())
    mixpanel.funnels.add("Second", ["A", "B"])
    assert len(discovery.funnels(cached(refresh=True))) == 2
    assert len(discovery.funnels(cached())) == 2
    assert len(mixpanel.requests) == 2


def test_another_address_is_another_question(
    mixpanel: Simulator, project: Project, cached: Callable[..., CachedAnswers], clock: Clock
) -> None:
    discovery.funnels(cached())
    elsewhere = replace(project.settings, base_url="http://127.0.0.1:1")
    discovery.funnels(CachedAnswers(project.client, elsewhere, clock=clock))
    assert len(mixpanel.requests) == 2


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"asked_at": 2e9}', b"\xff"])
def test_a_damaged_file_is_as_good_as_none(
    mixpanel: Simulator,
    project: Project,
    cached: Callable[..., CachedAnswers],
    damage: bytes,
) -> None:
    known = discovery.funnels(cached())
    (file,) = files(project)
    file.write_bytes(damage)
    assert discovery.funnels(cached()) == known
    assert discovery.funnels(cached()) == known
    assert len(mixpanel.requests) == 2


def test_files_are_private_and_hold_no_credentials(
    project: Project, cached: Callable[..., CachedAnswers]
) -> None:
    discovery.funnels(cached())
    (file,) = files(project)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    text = file.read_text()
    assert set(json.loads(text)) == {"question", "asked_at", "answer"}
    credentials = project.client.credentials
    assert credentials.secret.get_secret_value() not in text
    assert credentials.username not in text


def test_files_of_last_week_are_removed(
    project: Project, cached: Callable[..., CachedAnswers], clock: Clock
) -> None:
    discovery.funnels(cached())
    clock.now += 7 * 86_400
    discovery.cohorts(cached())
    clock.now -= 7 * 86_400
    assert len(files(project)) == 1


def test_a_refusal_is_not_kept(mixpanel: Simulator, cached: Callable[..., CachedAnswers]) -> None:
    mixpanel.fail_query("402@1")
    with pytest.raises(PlanRequiredError):
        discovery.funnels(cached())
    assert len(discovery.funnels(cached())) == 1
