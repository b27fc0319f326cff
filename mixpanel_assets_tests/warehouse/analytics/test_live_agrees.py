"""What is asked live and locally of one project is answered alike.

The simulator shares no code with the local answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import mixpanel_assets as mp
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.query.funnels import Step
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.conftest import settled

# Live answers don't tell what is nobody's, nor which days are still to come.
pytestmark = pytest.mark.filterwarnings("ignore::mixpanel_assets.AnswerWarning")

FIRST = date(2024, 10, 24)  # New York's clocks are put back on 3 November
FROM, TO = FIRST + timedelta(3), FIRST + timedelta(17)
LAST = FIRST + timedelta(26)
DAYS = {"from_date": FROM, "to_date": TO}
FREE = 'properties["plan"] == "free"'


@pytest.fixture(scope="module", params=[None, "America/New_York"], ids=["utc", "new-york"])
def ws(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[mp.Workspace]:
    """A workspace that has landed a project's events; it has three funnels."""
    home: Path = tmp_path_factory.mktemp("live")
    world = World(7, FIRST, 200)
    with Simulator(
        Store(world=world, last_day=LAST), project=Project(timezone=request.param)
    ) as sim:
        sim.funnels.add(
            "Bought", [Step("Page View"), Step("Add To Cart"), Step("Purchase")], id_=71
        )
        sim.funnels.add("Free", [Step("Page View", FREE), Step("Page View")], id_=72)
        sim.funnels.add("Back", [Step("Purchase"), Step("Add To Cart")], id_=73)
        environment = {
            "HOME": str(home),
            "MP_HOME": str(home),
            "MP_BASE_URL": sim.url,
            "MP_USERNAME": sim.project.username,
            "MP_SECRET": sim.project.secret,
            "MP_PROJECT_ID": sim.project.project_id,
            **({"MP_PROJECT_TIMEZONE": request.param} if request.param else {}),
        }
        with settled(home, environment), mp.Workspace() as made:
            made.materialize_events(FIRST, LAST)
            yield made


FUNNELS = {
    71: ["Page View", "Add To Cart", "Purchase"],
    72: [f"Page View[{FREE}]", "Page View"],
    73: ["Purchase", "Add To Cart"],
}


@pytest.mark.parametrize("funnel", FUNNELS)
@pytest.mark.parametrize(
    ("live", "local"),
    [
        ({"length": 1, "length_unit": "day"}, {"window": "1d"}),
        ({"length": 7, "length_unit": "day"}, {"window": "7d"}),
        ({"length": 90, "length_unit": "minute", "unit": "day"}, {"window": "90m", "unit": "day"}),
        ({"length": 2, "length_unit": "hour", "where": FREE}, {"window": "2h", "where": FREE}),
        ({"length": 3, "length_unit": "day", "on": "plan"}, {"window": "3d", "by": "plan"}),
    ],
)
def test_funnels_agree(ws: mp.Workspace, funnel: int, live: Any, local: Any) -> None:
    theirs = ws.funnel(funnel, **live, **DAYS)
    ours = ws.ask.funnel(FUNNELS[funnel], **local, **DAYS)

    assert ours.steps[0].count > 20
    assert [one.count for one in ours.steps] == [one.count for one in theirs.steps]
    assert ours.conversion_rate == theirs.conversion_rate
    counts = [
        {(p.date, p.segment): [s.count for s in p.steps] for p in one.parts or ()}
        for one in (ours, theirs)
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("live", "local"),
    [
        ({"unit": "day", "interval_count": 7}, {"unit": "day", "interval_count": 7}),
        ({"unit": "week", "interval_count": 3}, {"unit": "week", "interval_count": 3}),
        ({"unbounded_retention": True}, {"on_or_after": True}),
        ({"return_event": "Purchase"}, {"return_event": "Purchase"}),
        ({"born_where": FREE}, {"born": f"Page View[{FREE}]"}),
        ({"on": "plan"}, {"by": "plan", "by_event": "return"}),
    ],
)
def test_retention_agrees(ws: mp.Workspace, live: Any, local: Any) -> None:
    theirs = ws.retention(born_event="Page View", **live, **DAYS)
    ours = ws.ask.retention(**{"born": "Page View", **local, **DAYS})

    assert sum(one.size for one in ours.cohorts) > 20
    assert _cohorts(ours) == _cohorts(theirs)


def test_compounded_retention_agrees(ws: mp.Workspace) -> None:
    given = {"return_event": "Page View", "retention_type": "compounded", **DAYS}

    assert _cohorts(ws.ask.retention(**given)) == _cohorts(ws.retention(**given))


def _cohorts(found: Any) -> dict[Any, Any]:
    return {
        (one.date, one.segment): (one.size, [pytest.approx(n or 0) for n in one.retention])
        for one in found.cohorts
    }


@pytest.mark.parametrize("kind", ["general", "unique", "average"])
@pytest.mark.parametrize("unit", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("on", [None, "plan"])
def test_segmentation_agrees(ws: mp.Workspace, kind: Any, unit: Any, on: str | None) -> None:
    theirs = ws.segmentation("Page View", unit=unit, type=kind, on=on, **DAYS)
    ours = ws.ask.segmentation("Page View", unit=unit, type=kind, by=on, **DAYS)

    assert ours.series == {n: pytest.approx(series) for n, series in theirs.series.items()}
    assert ours.total == pytest.approx(theirs.total)


@pytest.mark.parametrize("where", [None, FREE])
def test_a_sum_agrees(ws: mp.Workspace, where: str | None) -> None:
    theirs = ws.segmentation_sum("Purchase", on="amount", where=where, **DAYS)
    ours = ws.ask.segmentation("Purchase", sum="amount", where=where, **DAYS)

    assert ours.series["Purchase"] == pytest.approx(theirs.results)


@pytest.mark.parametrize(
    "asked",
    [
        {"unit": "day"},
        {"unit": "week", "addiction_unit": "day"},
        {"unit": "month", "addiction_unit": "day", "where": FREE},
    ],
)
@pytest.mark.parametrize("event", [None, "Page View"])
def test_frequency_agrees(ws: mp.Workspace, asked: Any, event: str | None) -> None:
    theirs = ws.frequency(event=event, **asked, **DAYS)
    ours = ws.ask.frequency(event, **asked, **DAYS)

    assert max(counts[0] for counts in ours.data.values()) > 5
    assert ours.data == theirs.data


def test_a_frequency_by_segment_agrees(ws: mp.Workspace) -> None:
    theirs = ws.frequency(event="Page View", on="plan", **DAYS)
    ours = ws.ask.frequency("Page View", by="plan", **DAYS)

    assert ours.data == theirs.data


def test_what_agrees_is_all_of_it(ws: mp.Workspace) -> None:
    basis = ws.ask.funnel(FUNNELS[71], **DAYS).basis
    assert basis is not None
    assert asdict(basis) | {"seconds": 0, "events": 0, "people": 0} == {
        "complete_until": TO,
        "landed_days": 22,
        "missing_days": [],
        "without_person": basis.without_person,
        "without_time": 0,
        "people": 0,
        "events": 0,
        "seconds": 0,
        "source": "local",
    }
