"""What Mixpanel's answers mean: its documented examples, and the odd shapes it is known to send."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.errors import APIError
from mixpanel_assets.mixpanel.live import answers
from mixpanel_assets.results import (
    ActivityFeedResult,
    CohortInfo,
    FlowsResult,
    FrequencyResult,
    FunnelPart,
    FunnelResult,
    FunnelStep,
    JQLResult,
    RetentionResult,
    SegmentationResult,
)

# The examples of https://developer.mixpanel.com/reference/query-api, by path.
EXAMPLES: dict[str, Any] = json.loads(
    (Path(__file__).parent / "examples" / "query.json").read_text("utf-8")
)
START, END = date(2024, 1, 1), date(2024, 1, 7)


def test_a_chart_is_in_order_of_time() -> None:
    assert answers.chart(EXAMPLES["segmentation"]) == {
        "Signed up": {
            "2011-08-06": 147,
            "2011-08-07": 146,
            "2011-08-08": 776,
            "2011-08-09": 1376,
        }
    }
    (dates,) = answers.chart(EXAMPLES["segmentation"]).values()
    assert list(dates) == sorted(dates)


@pytest.mark.parametrize("path", ["segmentation/numeric", "events", "events/properties"])
def test_a_date_that_mixpanel_left_out_is_a_zero(path: str) -> None:
    data = EXAMPLES[path]["data"]
    for name, counts in answers.chart(EXAMPLES[path]).items():
        assert counts == {day: data["values"][name].get(day, 0) for day in data["series"]}


def test_what_was_asked_for_is_in_the_chart_whether_it_happened_or_not() -> None:
    answer = {"data": {"series": ["2024-01-01"], "values": {}}, "legend_size": 0}
    assert answers.chart(answer, ["Purchase"]) == {"Purchase": {"2024-01-01": 0}}


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"series": [], "values": {}}},
        {"data": {"series": [], "values": []}},
        {"data": {"series": None, "values": None}},
        {"data": {}},
        {},
    ],
)
def test_a_chart_of_nothing_is_empty(answer: dict[str, Any]) -> None:
    assert answers.chart(answer) == {}


def test_null_counts_as_nothing() -> None:
    answer = {"data": {"series": ["2024-01-01"], "values": {"Open": {"2024-01-01": None}}}}
    assert answers.chart(answer) == {"Open": {"2024-01-01": 0}}
    assert answers.numbers({"2024-01-01": None}) == {"2024-01-01": 0}
    assert answers.numbers(None) == {}


def test_an_answer_of_another_kind_is_an_error_that_shows_it() -> None:
    with pytest.raises(APIError, match="date,Purchase"):
        answers.chart("date,Purchase\n2024-01-01,4\n")


def test_sums_and_averages_are_by_date() -> None:
    assert answers.numbers(answers.results(EXAMPLES["segmentation/sum"])) == {
        "2019-10-06": 7,
        "2019-10-07": 4,
    }
    average = answers.numbers(answers.results(EXAMPLES["segmentation/average"]))
    assert list(average.items())[1] == ("2011-08-07", 4.640625)


def test_a_funnel_s_steps_are_added_up_over_its_dates() -> None:
    parts = answers.funnel_parts(EXAMPLES["funnels"])
    assert [part.date for part in parts] == ["2016-09-12", "2016-09-19", "2016-09-26"]
    entered, played = 32688 + 32486 + 16103, 20524 + 20809 + 12679
    assert answers.together(parts) == [
        FunnelStep("App Open", entered, 1.0),
        FunnelStep("Game Played", played, played / entered),
    ]
    assert answers.conversion(answers.together(parts)) == played / entered


def test_a_funnel_by_segment_does_not_count_people_twice() -> None:
    step = {"event": "Open", "count": 3, "goal": "Open"}
    answer = {"data": {"2024-01-01": {"$overall": [step], "pro": [{**step, "count": 2}]}}}
    wrapped = {"data": {"2024-01-01": {"$overall": {"steps": [step]}, "pro": {"steps": []}}}}
    assert answers.funnel_parts(answer) == [
        FunnelPart([FunnelStep("Open", 3, 1.0)], "2024-01-01", "$overall"),
        FunnelPart([FunnelStep("Open", 2, 1.0)], "2024-01-01", "pro"),
    ]
    assert [part.segment for part in answers.funnel_parts(wrapped)] == ["$overall", "pro"]


@pytest.mark.parametrize("data", [{}, [], None, {"2024-01-01": {"steps": []}}])
def test_a_funnel_that_nobody_entered_has_no_conversion(data: Any) -> None:
    steps = answers.together(answers.funnel_parts({"data": data}))
    assert (steps, answers.conversion(steps)) == ([], 0.0)


def test_a_step_that_nobody_reached_is_no_division_by_zero() -> None:
    steps = [{"event": name, "count": count} for name, count in (("a", 2), ("b", 0), ("c", 0))]
    (part,) = answers.funnel_parts({"data": {"2024-01-01": {"steps": steps}}})
    assert [step.conversion_rate for step in part.steps] == [1.0, 0.0, 0.0]


def test_a_funnel_s_rows_have_dates_and_segments_only_if_they_were_asked_for() -> None:
    step = FunnelStep("Open", 3, 1.0)
    whole = FunnelResult(1, "", START, END, 1.0, [step])
    assert whole.to_rows() == (["step", "event", "count", "conversion_rate"], [(1, "Open", 3, 1.0)])
    assert "parts" not in whole.to_dict()
    split = FunnelResult(1, "", START, END, 1.0, [step], [FunnelPart([step], "2024-01-01", "pro")])
    columns, rows = split.to_rows()
    assert columns == ["date", "segment", "step", "event", "count", "conversion_rate"]
    assert rows == [("2024-01-01", "pro", 1, "Open", 3, 1.0)]


def test_retention_is_the_share_of_those_who_began() -> None:
    found = answers.cohorts(EXAMPLES["retention"])
    assert found[0] == CohortInfo("2012-01-01", 2, [1.0, 0.5, 1.0])
    assert found[2] == CohortInfo("2012-01-03", 10, [0.9, 0.6, 0.4])
    result = RetentionResult("a", None, START, END, "day", found)
    assert result.to_dict()["cohorts"][0] == {
        "date": "2012-01-01",
        "size": 2,
        "retention": [1.0, 0.5, 1.0],
    }
    assert result.to_rows()[0] == ["cohort_date", "cohort_size", "period_0", "period_1", "period_2"]


def test_retention_by_segment_has_each_segment() -> None:
    cohort = {"counts": [1], "first": 2}
    found = answers.cohorts({"2024-01-01": {"$overall": cohort, "pro": cohort}})
    assert [(one.segment, one.retention) for one in found] == [("$overall", [0.5]), ("pro", [0.5])]


def test_retention_of_nobody_is_nothing() -> None:
    assert answers.cohorts({"2024-01-01": {"counts": [0, 0], "first": 0}}) == [
        CohortInfo("2024-01-01", 0, [0.0, 0.0])
    ]
    assert answers.cohorts({"2024-01-01": {"counts": [], "first": None}})[0].size == 0
    assert answers.cohorts([]) == []


def test_frequency_is_the_same_with_and_without_its_envelope() -> None:
    wrapped = EXAMPLES["retention/addiction"]
    assert answers.frequencies(wrapped) == answers.frequencies(wrapped["data"])
    assert answers.frequencies(wrapped)["2012-01-02"][:3] == [495, 204, 117]


def test_frequency_has_a_column_for_each_period() -> None:
    plain = FrequencyResult(None, START, END, "day", "hour", {"2024-01-01": [3, 1]})
    split = FrequencyResult(None, START, END, "day", "hour", {"2024-01-01": {"pro": [3, 1]}})
    assert plain.to_rows() == (["date", "period_1", "period_2"], [("2024-01-01", 3, 1)])
    assert split.to_rows()[1] == [("2024-01-01", "pro", 3, 1)]


def test_activity_has_a_column_for_each_property_and_either_name_of_the_id() -> None:
    events = answers.activity(EXAMPLES["stream/query"])
    assert events[0].time == datetime(2020, 9, 8, 18, 24, 13, tzinfo=UTC)
    assert events[0].distinct_id == events[1].distinct_id is not None
    columns, rows = ActivityFeedResult(["x"], START, END, events).to_rows()
    assert columns[:4] == ["event", "time", "distinct_id", "$browser"]
    assert len(rows) == 2


@pytest.mark.parametrize("time", [None, "soon", True, 1e300, [], float("nan")])
def test_an_event_without_a_sensible_time_is_kept(time: Any) -> None:
    answer = {"results": {"events": [{"event": "Open", "properties": {"time": time}}]}}
    assert [(one.event, one.time) for one in answers.activity(answer)] == [("Open", None)]


@pytest.mark.parametrize("answer", [{"results": {"events": None}}, {"results": []}, {}])
def test_activity_of_nobody_is_empty(answer: Any) -> None:
    assert answers.activity(answer) == []


def test_the_newest_events_are_kept_in_their_order() -> None:
    times = [50, None, 10, 30]
    found = [{"event": str(t), "properties": {"time": t}} for t in times]
    events = answers.activity({"results": {"events": found}})
    assert [one.event for one in answers.newest(events, 2)] == ["50", "30"]
    assert answers.newest(events, None) == events


def test_insights_are_rows_of_date_event_and_count() -> None:
    result = answers.saved(7, EXAMPLES["insights"])
    assert (result.report_type, result.headers) == ("insights", ["$event"])
    assert result.from_date == "2020-08-31T00:00:00-07:00"
    columns, rows = result.to_rows()
    assert columns == ["date", "event", "count"]
    assert rows[0] == ("2020-08-31T00:00:00-07:00", "Logged in", 9852)


def test_a_breakdown_of_insights_is_a_column() -> None:
    answer = {"headers": ["$event", "plan"], "series": {"Open": {"pro": {"all": 3}}}}
    assert answers.saved(7, answer).to_rows() == (
        ["date", "event", "plan", "count"],
        [("all", "Open", "pro", 3)],
    )


def test_insights_of_uneven_depth_lose_nothing() -> None:
    answer = {"headers": ["$event"], "series": {"Open": {"pro": {"all": 3}}, "Close": 4}}
    columns, rows = answers.saved(7, answer).to_rows()
    assert len(rows) == 2
    assert {row[-1] for row in rows} == {3, 4}
    assert all(len(row) == len(columns) for row in rows)
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"headers": ["$retention"], "series": {}}, "retention"),
        ({"headers": ["$funnel"], "series": {}}, "funnels"),
        ({"headers": [], "series": {}}, "insights"),
        ({"steps": []}, "flows"),
    ],
)
def test_a_saved_report_s_type_is_told_by_its_answer(answer: Any, kind: str) -> None:
    assert answers.report_type(answer) == kind
    assert answers.saved(1, answer).report_type == kind


def test_flows_are_rows_of_their_nodes() -> None:
    nodes = [{"event": "Open", "totalCount": 3}]
    found = answers.flows(5, {"steps": [{"nodes": nodes}], "overallConversionRate": 0.5})
    assert isinstance(found, FlowsResult)
    assert (found.overall_conversion_rate, found.breakdowns) == (0.5, [])
    assert found.to_rows() == (["event", "totalCount"], [("Open", 3)])
    assert answers.flows(5, {}).to_rows() == ([], [])


@pytest.mark.parametrize(
    ("raw", "columns", "row"),
    [
        ([{"key": ["a", 1], "value": 2}], ["key_0", "key_1", "value"], ("a", 1, 2)),
        ([{"key": "a", "value": [2, 3]}], ["key_0", "value_0", "value_1"], ("a", 2, 3)),
        ([{"name": "a"}, {"n": 1}], ["name", "n"], ("a", None)),
        ([42], ["value"], (42,)),
        (42, ["value"], (42,)),
        ([[1, 2]], ["value"], ([1, 2],)),
    ],
)
def test_what_a_script_returns_is_rows(raw: Any, columns: list[str], row: tuple[Any, ...]) -> None:
    found = JQLResult(raw)
    assert found.to_dict() == {"raw": raw}
    assert (found.to_rows()[0], found.to_rows()[1][0]) == (columns, row)


def test_a_script_that_returns_nothing_has_no_rows() -> None:
    assert JQLResult([]).to_rows()[1] == []


def test_a_result_is_a_frame_made_once_and_shows_itself() -> None:
    result = SegmentationResult("Open", START, END, "day", None, 2, {"Open": {"2024-01-01": 2}})
    assert result.df is result.df
    assert result.df.to_dict("records") == [{"date": "2024-01-01", "segment": "Open", "count": 2}]
    assert "<table" in result._repr_html_()
    assert list(result.to_dict()) == [
        "event",
        "from_date",
        "to_date",
        "unit",
        "segment_property",
        "total",
        "series",
    ]
