"""Which days have new events is found out by one request, in the project's own days."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from mixpanel_assets.errors import ExportIncompleteError
from mixpanel_assets.mixpanel.export.arrivals import newest_arrivals
from mixpanel_assets.simulator.project import Project as MixpanelProject
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, Project, event

LATER = datetime(2024, 1, 20, 8, tzinfo=UTC)


def came_in(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def test_each_day_has_its_newest_arrival(mixpanel: Simulator, project: Project) -> None:
    arrivals = [LATER, LATER + timedelta(hours=2), LATER - timedelta(days=9)]
    mixpanel.store.set_day(
        DAY, [event("Open", mp_processing_time_ms=came_in(at)) for at in arrivals]
    )
    mixpanel.store.set_day(DAY + timedelta(1), [event("Open", NOON + 86_400_000)])
    found = newest_arrivals(project.client, DAY, DAY + timedelta(3), LATER)
    assert found == {DAY: LATER + timedelta(hours=2)}
    (request,) = mixpanel.requests
    assert request.params["where"].endswith(f">= {came_in(LATER)}")
    assert (request.params["from_date"], request.params["to_date"]) == ("2024-01-02", "2024-01-05")


def test_a_legacy_project_s_days_are_its_own(open_project: Callable[..., Project]) -> None:
    zone = "America/Los_Angeles"
    with Simulator(project=MixpanelProject(timezone=zone), retry_after=0) as mixpanel:
        at = datetime(2024, 1, 3, 7, tzinfo=UTC)  # eleven at night of the 2nd
        mixpanel.store.add([event("Open", came_in(at), mp_processing_time_ms=came_in(LATER))])
        project = open_project(mixpanel, project_timezone=zone)
        found = newest_arrivals(project.client, date(2024, 1, 1), date(2024, 1, 9), LATER)
    assert found == {date(2024, 1, 2): LATER}


def test_an_event_beyond_the_edge_is_of_the_day_at_the_edge(
    mixpanel: Simulator, project: Project
) -> None:
    odd = event("Open", NOON + 86_400_000, mp_processing_time_ms=came_in(LATER))
    mixpanel.store.set_day(DAY, [odd])
    assert newest_arrivals(project.client, DAY, DAY, LATER) == {DAY: LATER}


def test_a_cut_answer_is_no_answer(mixpanel: Simulator, project: Project) -> None:
    mixpanel.store.set_day(DAY, [event("Open", mp_processing_time_ms=came_in(LATER))])
    mixpanel.fail("cut-line@*")
    with pytest.raises(ExportIncompleteError):
        newest_arrivals(project.client, DAY, DAY, LATER)
