"""Answers have the keys, the nesting and the types of the examples in Mixpanel's OpenAPI files."""

from __future__ import annotations

import re

import pytest

from mixpanel_assets.simulator.app.bookmarks import Insights
from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.query.funnels import Step

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*")
DAYS = {"from_date": "2024-01-01", "to_date": "2024-01-02"}
_ON = 'properties["price"]'
_STEP = {
    "count": 32688,
    "avg_time": 2,
    "avg_time_from_start": 5,
    "step_conv_ratio": 1,
    "goal": "App Open",
    "overall_conv_ratio": 1,
    "event": "App Open",
}
_ANALYSIS = {"completion": 20524, "starting_amount": 32688, "steps": 2, "worst": 1}
# By the schema the first step has no time before it, though the example's has.
_FIRST = {**_STEP, "avg_time": None}
_FUNNEL = {"steps": [_FIRST, {**_STEP, "step_label": "Played"}], "analysis": _ANALYSIS}
_COUNTS = {"data": {"series": ["2010-05-29"], "values": {"Signed up": {"2010-05-29": 6}}}}
_PROPERTIES = {
    "time": 1599589453,
    "distinct_id": "12a34aa567eb8d",
    "$city": "Austin",
    "price": 2003,
}
_EXAMPLES = [
    (
        "insights",
        {"bookmark_id": 63_000_001},
        {
            "computed_at": "2020-09-21T16:35:41.252314+00:00",
            "date_range": {
                "from_date": "2020-08-31T00:00:00-07:00",
                "to_date": "2020-09-12T23:59:59.999000-07:00",
            },
            "headers": ["$event"],
            "series": {"Signed up": {"2020-08-31T00:00:00-07:00": 9852}},
        },
    ),
    (
        "funnels",
        {"funnel_id": 7500, "interval": 2, **DAYS},
        {"meta": {"dates": ["2016-09-12"]}, "data": {"2016-09-12": _FUNNEL}},
    ),
    ("funnels/list", {}, [{"funnel_id": 7509, "name": "Signup funnel"}]),
    (
        "retention",
        {"born_event": "Signed up", **DAYS},
        {"2012-01-01": {"counts": [2, 1, 2], "first": 2}},
    ),
    (
        "retention/addiction",
        {"unit": "day", "addiction_unit": "hour", **DAYS},
        {"data": {"2012-01-01": [305, 107, 60]}},
    ),
    ("segmentation", {"event": "Signed up", **DAYS}, {**_COUNTS, "legend_size": 1}),
    (
        "segmentation/numeric",
        {"event": "Signed up", "on": _ON, **DAYS},
        {
            "data": {
                "series": ["2011-08-08"],
                "values": {"2,000 - 2,001": {"2011-08-06": 1}, "2,003 - 2,004": {"2011-08-06": 1}},
            },
            "legend_size": 5,
        },
    ),
    (
        "segmentation/sum",
        {"event": "Signed up", "on": _ON, **DAYS},
        {
            "status": "ok",
            "computed_at": "2019-10-07T23:02:11.666218+00:00",
            "results": {"2019-10-07": 4},
        },
    ),
    (
        "segmentation/average",
        {"event": "Signed up", "on": _ON, **DAYS},
        {"results": {"2011-08-06": 8.64705882352939}, "status": "ok"},
    ),
    (
        "stream/query",
        {"distinct_ids": ["bo"], **DAYS},
        {
            "status": "ok",
            "results": {"events": [{"event": "Played", "properties": _PROPERTIES}]},
        },
    ),
    (
        "cohorts/list",
        {},
        [
            {
                "count": 150,
                "is_visible": 1,
                "description": "This cohort is visible",
                "created": "2019-03-19 23:49:51",
                "project_id": 1,
                "id": 1000,
                "name": "Cohort One",
            }
        ],
    ),
    (
        "engage",
        {},
        {
            "page": 0,
            "page_size": 1000,
            "results": [{"$distinct_id": "4", "$properties": {"$email": "example@mixpanel.com"}}],
            "session_id": "1234567890-EXAMPL",
            "status": "ok",
            "total": 1,
        },
    ),
    (
        "events",
        {"event": ["Signed up"], "type": "general", "unit": "day", **DAYS},
        {**_COUNTS, "legend_size": 2},
    ),
    (
        "events/top",
        {"type": "unique"},
        {
            "events": [{"amount": 2, "event": "funnel", "percent_change": -0.35635745999582824}],
            "type": "unique",
        },
    ),
    ("events/names", {"type": "general"}, ["battle", "View homepage"]),
    (
        "events/properties",
        {"event": "Played", "name": "$city", "type": "general", "unit": "day", **DAYS},
        {
            "data": {"series": ["2010-05-29"], "values": {"Austin": {"2010-05-29": 6}}},
            "legend_size": 2,
        },
    ),
    (
        "events/properties/top",
        {"event": "Played"},
        {"$city": {"count": 295}, "price": {"count": 91}},
    ),
    ("events/properties/values", {"event": "Played", "name": "$city"}, ["cat", "dog"]),
]


def _shape(value):
    if isinstance(value, dict):
        return {_DATE.sub("a date", key): _shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [*{repr(_shape(one)): _shape(one) for one in value}.values()]
    if isinstance(value, str) and _DATE.fullmatch(value):
        return re.sub(r"\d", "9", value)[:10], len(value)
    return "number" if isinstance(value, (int, float)) else type(value).__name__


@pytest.fixture
def sim(simulate, event, profile):
    sim = simulate(cohorts=[Cohort(1, "All", 'defined(properties["$email"])')])
    sim.profiles.set([profile("ana", **{"$email": "ana@example.com"})])
    played = {"distinct_id": "bo", "price": 1, "$city": "Austin"}
    sim.store.add(
        [
            event("Signed up", "2024-01-01T10:00:00", price=2000),
            event("Signed up", "2024-01-01T10:00:00", **{**played, "price": 2003}),
            *(event("Played", f"2024-01-{day}T11:00:00", **played) for day in ("02", "10")),
        ]
    )
    sim.funnels.add("Signup funnel", ["Signed up", Step("Played", label="Played")])
    sim.bookmarks.add("Report", Insights(events=("Signed up",), days=10))
    return sim


@pytest.mark.parametrize(("path", "asked", "example"), _EXAMPLES, ids=[e[0] for e in _EXAMPLES])
def test_an_answer_looks_like_mixpanels_example(sim, ask, path, asked, example):
    assert _shape(ask(sim, path, **asked)) == _shape(example)
