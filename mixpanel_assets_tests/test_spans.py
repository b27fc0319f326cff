"""A range costs few requests, and never more than the hour has."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mixpanel_assets.landed import LandedFile
from mixpanel_assets.mixpanel.export.spans import MOST_EVENTS_PER_REQUEST, Pace
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event

DAY_MS = 86_400_000


def requests_for(days: int, events_a_day: int, pace: Pace) -> list[int]:
    """How many days each request asks for."""
    asked, day = [], DAY
    end = DAY + timedelta(days - 1)
    while day <= end:
        last = day + timedelta(pace.next_days((end - day).days + 1) - 1)
        count = (last - day).days + 1
        pace.saw(exported(day, last, events_a_day * count))
        asked.append(count)
        day = last + timedelta(1)
    return asked


def exported(start: date, end: date, events: int) -> LandedFile:
    return LandedFile(Path("x"), start, end, datetime.now(UTC), "", events)


def test_half_a_year_of_17000_events_a_day_is_less_than_26_requests() -> None:
    asked = requests_for(181, 17_000, Pace(None, 60))
    assert sum(asked) == 181
    assert len(asked) <= 13


def test_a_year_of_a_large_project_fits_the_hour() -> None:
    asked = requests_for(365, 600_000, Pace(600_000, 60))
    assert len(asked) <= 60


def test_no_request_is_larger_than_can_be_repeated_with_patience() -> None:
    asked = requests_for(365, 3_000_000, Pace(3_000_000, 60))
    assert max(asked) * 3_000_000 <= MOST_EVENTS_PER_REQUEST


def test_days_that_turn_out_heavy_are_asked_for_in_smaller_spans() -> None:
    pace = Pace(1_000, 60)
    assert pace.next_days(100) == 31
    pace.saw(exported(DAY, DAY + timedelta(30), 31 * 400_000))
    assert pace.next_days(69) <= 2


def test_a_span_that_failed_is_halved_until_it_is_one_day() -> None:
    pace = Pace(1_000, 60)
    asked = [pace.next_days(31)]
    while pace.shrink():
        asked.append(pace.next_days(31))
    assert asked == [31, 15, 7, 3, 1]


def test_an_empty_project_does_not_cost_a_request_a_day() -> None:
    assert len(requests_for(365, 0, Pace(None, 60))) <= 13


def test_what_is_landed_says_how_much_to_ask_for(mixpanel: Simulator, project: Project) -> None:
    for shift in range(40):
        mixpanel.store.set_day(DAY + timedelta(shift), [event("Open", NOON + shift * DAY_MS)])
    project.ingest(DAY, DAY + timedelta(39))
    spans = [(r.params["from_date"], r.params["to_date"]) for r in mixpanel.requests]
    assert spans == [
        ("2024-01-02", "2024-01-08"),
        ("2024-01-09", "2024-02-08"),
        ("2024-02-09", "2024-02-10"),
    ]
    assert len(project.days()) == 40


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_every_day_of_an_old_project_is_the_day_mixpanel_means(zone: str, open_project) -> None:
    from mixpanel_assets.simulator.project import Project as Old
    from mixpanel_assets.simulator.store import Store
    from mixpanel_assets.simulator.world.shop import World

    world = World(first_day=date(2024, 3, 1), events_per_day=120, late_share=0)
    with Simulator(
        Store(world=world, last_day=date(2024, 3, 20)), project=Old(timezone=zone)
    ) as old:
        project = open_project(old, project_timezone=zone)
        project.ingest(date(2024, 3, 8), date(2024, 3, 12))
        spanned = project.sql("select event_date, event_name, properties from events order by all")
        for day in range(8, 13):
            project.ingest(date(2024, 3, day))
        assert (
            project.sql("select event_date, event_name, properties from events order by all")
            == spanned
        )
        (late,) = project.sql(
            "select count(*) from events where properties->>'$.\"$import\"' is null and abs("
            "(properties->>'$.\"$mp_api_timestamp_ms\"')::bigint - epoch_ms(event_time)) > 600000"
        )
    assert late == (0,)
