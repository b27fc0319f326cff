"""A record without a time of its days belongs to the day under which Mixpanel exports it."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from mixpanel_assets.errors import AuthenticationError
from mixpanel_assets.ingest import rebuild_events
from mixpanel_assets.mixpanel.export.events import export_events
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event, long

DAY_MS = 86_400_000
HOUR = 3_600_000
Records = list[dict[str, Any]]


def after(days: int) -> date:
    return DAY + timedelta(days)


def opened(count: int, shift: int, moved: int = 0) -> Records:
    """Events at noon of a day, or so much later."""
    time = NOON + shift * DAY_MS + moved
    return [event("Open", time + n, **{"$insert_id": f"{time}-{n}"}) for n in range(count)]


def timeless(number: int, **more: Any) -> dict[str, Any]:
    return {"event": "Stray", "properties": {"$insert_id": f"stray-{number}", **more}}


def spans(mixpanel: Simulator) -> list[tuple[int, int]]:
    """The days of each request, counted from DAY."""
    days = [
        [date.fromisoformat(request.params[end]) - DAY for end in ("from_date", "to_date")]
        for request in mixpanel.requests
    ]
    return [(first.days, last.days) for first, last in days]


def strays(project: Project) -> dict[date, int]:
    query = "select event_date, count(*) from events where event_name = 'Stray' group by 1"
    return dict(project.sql(query))


def is_rebuilt_alike(project: Project) -> bool:
    """Whether the landed files alone give the same tables."""
    ask = "select event_date, event_name, properties::varchar from events order by all"
    before = project.sql(ask), project.sql("select day, rows, bytes from landed order by 1")
    project.path.unlink()
    rebuild_events(project.warehouse, project.settings, "12345")
    after = project.sql(ask), project.sql("select day, rows, bytes from landed order by 1")
    return before == after


def test_a_stray_now_and_then_costs_a_request_each(mixpanel: Simulator, project: Project) -> None:
    for n in range(80):
        mixpanel.store.set_day(after(n), [*opened(20, n), *([timeless(n)] if n % 10 == 9 else [])])
    days = project.ingest(DAY, after(79))
    assert [(day.day, day.rows) for day in days] == [
        (after(n), 21 if n % 10 == 9 else 20) for n in range(80)
    ]
    assert strays(project) == {after(n): 1 for n in range(9, 80, 10)}
    assert len(spans(mixpanel)) == 12
    assert [span for span in spans(mixpanel) if span[0] != span[1]] == [
        (0, 6), (7, 37), (38, 68), (69, 79)]  # fmt: skip
    assert is_rebuilt_alike(project)


@pytest.mark.parametrize(
    "strayed",  # by its day: its place in the answer, and its time
    [
        {0: (0, None), 3: (20, None), 4: (10, "soon"), 6: (20, 1e300)},
        dict.fromkeys((0, 3, 4, 6), (0, NOON + 400 * DAY_MS)),
        dict.fromkeys((0, 3, 4, 6), (10, True)),
    ],
)
def test_a_stray_is_found_wherever_it_is_in_the_answer(
    strayed: dict[int, tuple[int, object]], mixpanel: Simulator, project: Project
) -> None:
    for n in range(7):
        records = opened(20, n)
        if n in strayed:
            place, time = strayed[n]
            records.insert(place, timeless(n, **({} if time is None else {"time": time})))
        mixpanel.store.set_day(after(n), records)
    project.ingest(DAY, after(6))
    assert strays(project) == {after(n): 1 for n in (0, 3, 4, 6)}
    assert project.days() == {str(after(n)): 20 + (n in (0, 3, 4, 6)) for n in range(7)}
    assert len(spans(mixpanel)) <= 1 + 4 + 1
    assert is_rebuilt_alike(project)


@pytest.mark.parametrize("hidden", [1, long(11), 15, 16, long(29)])
def test_a_stray_far_from_other_records_is_found_by_halves(
    hidden: int, mixpanel: Simulator, project: Project
) -> None:
    mixpanel.store.set_day(DAY, opened(5, 0))
    mixpanel.store.set_day(after(30), opened(5, 30))
    mixpanel.store.set_day(after(hidden), [timeless(1), timeless(2)])
    project.ingest(DAY, after(30), events_per_day=1.0)
    assert strays(project) == {after(hidden): 2}
    assert project.days() == {str(DAY): 5, str(after(hidden)): 2, str(after(30)): 5}
    assert len(spans(mixpanel)) <= 1 + 2 + 6


def test_the_days_after_a_stray_are_asked_for_at_the_same_pace(
    mixpanel: Simulator, project: Project
) -> None:
    for n in range(38):
        mixpanel.store.set_day(after(n), [*opened(20, n), *([timeless(n)] if n == 2 else [])])
    project.ingest(DAY, after(37))
    assert sorted(spans(mixpanel)) == [(0, 6), (2, 2), (7, 37)]


def test_strays_on_every_day_make_every_day_a_request(
    mixpanel: Simulator, project: Project
) -> None:
    for n in range(14):
        mixpanel.store.set_day(after(n), [*opened(20, n), timeless(n)])
    project.ingest(DAY, after(13))
    assert strays(project) == {after(n): 1 for n in range(14)}
    assert project.days() == {str(after(n)): 21 for n in range(14)}
    assert any("landing day by day" in note for note in project.notes)
    assert is_rebuilt_alike(project)


def test_times_that_are_all_shifted_are_not_taken_for_days(
    mixpanel: Simulator, project: Project
) -> None:
    """As of a project that changed its zone: some of each day have a time of the day before."""
    for n in range(14):
        mixpanel.store.set_day(after(n), [*opened(20, n), *opened(1, n, -20 * HOUR)])
    project.ingest(DAY, after(13))
    assert project.days() == {str(after(n)): 21 for n in range(14)}
    assert any("MP_PROJECT_TIMEZONE" in note for note in project.notes)
    assert is_rebuilt_alike(project)


def test_most_records_outside_their_days_are_a_matter_of_the_zone(
    mixpanel: Simulator, project: Project
) -> None:
    for n in range(7):
        mixpanel.store.set_day(after(n), opened(20, n + 400))
    project.ingest(DAY, after(6))
    assert project.days() == {str(after(n)): 20 for n in range(7)}
    why = "most records are affected: landing day by day"
    assert [note for note in project.notes if why in note]
    assert len(spans(mixpanel)) == 1 + 7


def test_a_stray_that_is_gone_meanwhile_is_gone(mixpanel: Simulator, project: Project) -> None:
    for n in range(7):
        extra = [timeless(n)] if n in (2, 5) else []
        mixpanel.store.set_day(after(n), [*opened(20, n), *extra])
    told: list[date] = []

    def landed(days: list[Any]) -> None:
        told.extend(day.day for day in days)
        mixpanel.store.set_day(after(5), opened(20, 5))

    project.ingest(DAY, after(6), landed=landed)
    assert strays(project) == {after(2): 1}
    assert project.days() == {str(after(n)): 20 + (n == 2) for n in range(7)}
    assert Counter(told) == Counter(after(n) for n in range(7))
    assert is_rebuilt_alike(project)


def test_equal_strays_of_different_days_stay_as_many(mixpanel: Simulator, project: Project) -> None:
    bare = {"event": "Stray", "properties": {}}
    for n, count in enumerate([0, 2, 0, 1]):
        mixpanel.store.set_day(after(n), [*opened(20, n), *([bare] * count)])
    project.ingest(DAY, after(3))
    assert strays(project) == {after(1): 2, after(3): 1}
    assert is_rebuilt_alike(project)


def test_equal_strays_far_from_other_records_are_all_found(
    mixpanel: Simulator, project: Project
) -> None:
    bare = {"event": "Stray", "properties": {}}
    mixpanel.store.set_day(DAY, opened(5, 0))
    mixpanel.store.set_day(after(30), opened(5, 30))
    for n in (7, 22):
        mixpanel.store.set_day(after(n), [bare])
    project.ingest(DAY, after(30), events_per_day=1.0)
    assert strays(project) == {after(7): 1, after(22): 1}
    assert not any("day by day" in note for note in project.notes)


def test_a_span_of_strays_alone_leaves_no_file_of_it(mixpanel: Simulator, project: Project) -> None:
    for n in range(2):
        mixpanel.store.set_day(after(n), [timeless(n)])
    project.ingest(DAY, after(1))
    assert strays(project) == {DAY: 1, after(1): 1}
    assert len(list(project.landed_folder.iterdir())) == 2


def test_a_file_whose_strays_were_not_placed_is_no_ground_for_a_rebuild(
    mixpanel: Simulator, project: Project
) -> None:
    """As a kill between download and load leaves it."""
    for n in range(3):
        mixpanel.store.set_day(after(n), [*opened(20, n), *([timeless(n)] if n == 1 else [])])
    project.ingest(DAY, after(2))
    before = project.days()
    mixpanel.store.set_day(after(2), opened(3, 2))
    left = export_events(project.client, DAY, after(2), project.landed_folder)
    with pytest.warns(AnswerWarning, match=f"{left.path.name} is left out"):
        rebuild_events(project.warehouse, project.settings, "12345")
    assert project.days() == before
    assert strays(project) == {after(1): 1}


def test_landed_files_that_are_not_kept_are_gone(
    mixpanel: Simulator, open_project: Callable[..., Project]
) -> None:
    project = open_project(mixpanel, keep_landed=False)
    for n in range(7):
        mixpanel.store.set_day(after(n), [*opened(20, n), *([timeless(n)] if n == 3 else [])])
    project.ingest(DAY, after(6))
    assert project.days() == {str(after(n)): 20 + (n == 3) for n in range(7)}
    assert list(project.landed_folder.iterdir()) == []


def test_a_search_that_ends_early_leaves_days_as_before_or_whole(
    mixpanel: Simulator, project: Project
) -> None:
    for n in range(7):
        mixpanel.store.set_day(after(n), [*opened(20, n), *([timeless(n)] if n in (2, 5) else [])])
    mixpanel.fail("403@3")
    with pytest.raises(AuthenticationError):
        project.ingest(DAY, after(6))
    assert project.days() == {str(after(2)): 21}
    assert [path.name[:21] for path in project.landed_folder.iterdir()] == ["2024-01-04_2024-01-04"]
    assert is_rebuilt_alike(project)
