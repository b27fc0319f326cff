"""A question is declared once: every door to it has the same parameters, checks and words."""

from datetime import date, timedelta
from inspect import signature
from typing import Any, get_type_hints

import pytest
from pydantic import ValidationError

from mixpanel_assets import Workspace
from mixpanel_assets.cli.app import app
from mixpanel_assets.cli.spec import describe
from mixpanel_assets.errors import DateRangeError, UsageError
from mixpanel_assets.mixpanel.catalog import questions as of_project
from mixpanel_assets.mixpanel.live import questions as of_mixpanel
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.questions import analytics, discovery, live, local
from mixpanel_assets.questions.base import Question, fields_of, questions_in
from mixpanel_assets.questions.schema import json_schema, model_of
from mixpanel_assets.warehouse.ask import anomalies, events, find, overview, quality, tables
from mixpanel_assets_tests.dagsters import job

TODAY = date(2024, 1, 31)
LIVE, DISCOVERY, LOCAL = map(questions_in, (live, discovery, local))
EVERY: dict[str, type[Question[Any]]] = {**LIVE, **DISCOVERY, **LOCAL}
ROOMS = [tables, events, overview, find, quality, anomalies]
METHODS = {"saved_report": "query_saved_report", "flows": "query_flows"}  # of parity
GIVEN: dict[str, Any] = {
    "event": "Open", "events": ["Open"], "on": "n", "from_date": "2024-01-01", "funnel_id": 1,
    "property_name": "n", "property": "n", "properties": ["n"], "bookmark_id": 1, "script": "x",
    "distinct_ids": ["ann"], "born_event": "Open", "entity_type": "event", "name": "Open",
    "column": "n",
}  # fmt: skip

by_name = pytest.mark.parametrize("name", EVERY)


def asked(name: str, /, **more: Any) -> Question[Any]:
    """The question with what it needs, and no more."""
    kind = EVERY[name]
    needed = {one.name: GIVEN[one.name] for one in fields_of(kind) if one.required}
    if name in ("event_counts", "property_counts", "retention"):
        needed |= {key: GIVEN[key] for key in ("from_date", "born_event") if _has(kind, key)}
    return kind(**{**needed, **more})


def _has(kind: type[Question[Any]], name: str) -> bool:
    return any(one.name == name for one in fields_of(kind))


@by_name
def test_a_function_of_its_name_answers_each_question_with_its_type(name: str) -> None:
    rooms = [of_mixpanel] if name in LIVE else [of_project] if name in DISCOVERY else []
    functions = [getattr(room, name, None) for room in (rooms or ROOMS)]
    (function,) = [one for one in functions if one]
    hints = get_type_hints(function)
    assert hints["asked"] is EVERY[name]
    assert hints["return"] == EVERY[name].answer_type()


@by_name
def test_the_method_of_a_workspace_has_its_parameters(name: str) -> None:
    method = getattr(Workspace, METHODS.get(name, name))
    shown = signature(method).parameters
    assert set(shown) == {"self", *(one.name for one in fields_of(EVERY[name]))}
    assert (method.__doc__, method.__qualname__) == (EVERY[name].__doc__, f"Workspace.{name}")


def test_every_question_is_a_command_with_its_help_and_choices() -> None:
    import typer

    found = {one["command"]: one for one in describe(typer.main.get_command(app))["commands"]}
    for name, kind in EVERY.items():
        command = found[f"mp {'query' if name in LIVE else 'inspect'} {kind.command_name()}"]
        assert command["help"].startswith(kind.summary()[:20])
        options = {one["name"]: one for one in (*command["options"], *command["arguments"])}
        for field in fields_of(kind) if name != "jql" else ():
            option = options[field.name if field.param.argument else field.flags[0]]
            assert option["help"] == field.param.help
            assert option.get("choices", []) == list(field.choices)
            assert option["required"] == field.required


def test_the_launchpad_has_every_question_with_its_choices() -> None:
    (node,) = job("ask").nodes
    asked = node.definition.config_schema.config_type.fields  # type: ignore[attr-defined]
    of_events = {f"ask_{name}": kind for name, kind in questions_in(analytics).items()}
    assert set(asked) == {*LIVE, *of_events}
    for name, kind in {**LIVE, **of_events}.items():
        assert asked[name].description == kind.summary()
        config = asked[name].config_type.fields
        # `table` keeps the rows; the table that a question is about is called otherwise.
        called = {one.name: one for one in fields_of(kind)}
        called |= {"events_table": called.pop("table")} if "table" in called else {}
        assert set(config) == {*called, "table", "replace"}
        for as_config, field in called.items():
            assert field.param.help in config[as_config].description
            if field.choices:
                of = config[as_config].config_type
                of = getattr(of, "inner_type", of)
                assert {value.config_value for value in of.enum_values} == set(field.choices)


@by_name
def test_its_json_schema_takes_what_the_question_takes(name: str) -> None:
    schema, kind = json_schema(EVERY[name]), EVERY[name]
    assert schema["description"] == kind.summary()
    assert set(schema.get("required", [])) == {one.name for one in fields_of(kind) if one.required}
    for field in fields_of(kind):
        assert schema["properties"][field.name]["description"] == field.param.help


def test_bounds_and_choices_are_in_the_schema() -> None:
    from pydantic import BaseModel

    model = model_of(live.PropertyCounts, BaseModel)
    right = {"event": "a", "property_name": "b", "from_date": "7d"}
    assert model(**right).model_dump(mode="json")["unit"] == "day"
    for wrong in ({"limit": 0}, {"limit": 10_001}, {"unit": "year"}):
        with pytest.raises(ValidationError):
            model(**right, **wrong)


@by_name
def test_a_choice_that_is_not_allowed_and_a_number_out_of_bounds_are_refused(name: str) -> None:
    for field in fields_of(EVERY[name]):
        if field.choices:
            with pytest.raises(UsageError, match=f"{field.name} 'nope' is not one of"):
                asked(name, **{field.name: "nope"})
        if field.param.least is not None:
            below = field.param.least - 1
            with pytest.raises(UsageError, match=f"{field.name} is"):
                asked(name, **{field.name: below if field.item is None else [below]})
        if field.kind is str and field.param.check and field.required:
            with pytest.raises(UsageError, match=f"{field.name} is empty"):
                asked(name, **{field.name: " "})
        if not field.optional:
            with pytest.raises(UsageError, match=f"{field.name} is missing"):
                asked(name, **{field.name: None})


WITH_DAYS = [name for name, kind in EVERY.items() if _has(kind, "from_date")]


@pytest.mark.parametrize("name", WITH_DAYS)
def test_days_are_checked_and_dated_the_same_everywhere(name: str) -> None:
    more = {"bookmark_type": "retention"} if name == "saved_report" else {}
    question = asked(name, from_date="3d", to_date="yesterday", **more).dated(TODAY)
    assert question.days == (TODAY - timedelta(3), TODAY - timedelta(1))  # type: ignore[attr-defined]
    with pytest.raises(DateRangeError, match="is not a range of days"):
        asked(name, from_date="2024-01-02", to_date="2024-01-01", **more)
    with pytest.raises(DateRangeError, match="is not a range of days"):
        asked(name, from_date="yesterday", to_date="3d", **more).dated(TODAY)
    with pytest.raises(DateRangeError, match="is not a day"):
        asked(name, from_date="2024-02-30", to_date="today", **more)
    with pytest.raises(DateRangeError, match="is not a range of days"):
        asked(name, from_date="2024-03-01", to_date="2024-03-02", **more).dated(TODAY)
    with pytest.warns(AnswerWarning, match="asking up to 2024-01-31"):
        late = asked(name, from_date="3d", to_date="2024-03-01", **more).dated(TODAY)
    assert late.days[1] == TODAY  # type: ignore[attr-defined]


def test_counts_end_today_unless_they_are_of_the_last_units() -> None:
    since = live.EventCounts("Open", from_date="2024-01-01").dated(TODAY)
    assert since.days == (date(2024, 1, 1), TODAY)
    assert live.EventCounts("Open", interval=3).dated(TODAY).days == (None, None)
    for wrong in ({}, {"interval": 3, "from_date": "7d"}, {"interval": 3, "to_date": "today"}):
        with pytest.raises(UsageError, match="only interval"):
            live.EventCounts("Open", **wrong)  # type: ignore[arg-type]


def test_one_name_stands_for_a_list_and_blank_conditions_for_none() -> None:
    assert live.EventCounts("Open", from_date="7d").events == ["Open"]
    assert live.Segmentation("Open", from_date="7d", where=" ", on="").where is None
    with pytest.raises(UsageError, match="does not know properties"):
        live.Segmentation("Open", from_date="7d", on="properties.plan")


def test_a_question_without_dates_is_never_sent() -> None:
    with pytest.raises(DateRangeError, match="'7d' is not a date"):
        live.Segmentation("Open", from_date="7d").check_dated()


def test_a_question_is_a_value() -> None:
    one, other = live.Flows(1), live.Flows(2)
    assert (one == live.Flows(1), one == other, {one, live.Flows(1)}) == (True, False, {one})
    assert repr(one) == "Flows(workspace_id=None, bookmark_id=1)"
    with pytest.raises(AttributeError):
        one.bookmark_id = 3  # type: ignore[misc]


def test_days_ago_are_counted_from_the_project_s_today_however_they_are_written() -> None:
    asked = live.Segmentation("Open", from_date="000000007d", to_date=" 2024-01-30 ")
    assert asked.dated(TODAY).days == (TODAY - timedelta(7), date(2024, 1, 30))
