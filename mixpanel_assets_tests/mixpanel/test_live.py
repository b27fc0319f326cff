"""Live questions say on the wire what was asked, and refuse what Mixpanel would."""

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.errors import DateRangeError, QueryError, UsageError
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.questions.expressions import condition, quoted, segment, split_by
from mixpanel_assets_tests.asking import live
from mixpanel_assets_tests.mixpanel.test_reports import EXAMPLES

DAYS: dict[str, Any] = {"from_date": "2024-01-01", "to_date": date(2024, 1, 7)}
BORN: dict[str, Any] = {"born_event": "Sign Up", **DAYS}


class Wire:
    """Mixpanel with one answer, which remembers what it was asked."""

    def __init__(self, answer: Any, status: int = 200) -> None:
        self.answer, self.status = answer, status
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(self.status, json=self.answer)

    @property
    def params(self) -> dict[str, str]:
        """What was asked last, without the project."""
        found = dict(self.asked[-1].url.params)
        assert found.pop("project_id") == "1"
        return found


@pytest.fixture
def client(tmp_path: Path) -> Callable[..., Client]:
    """Makes clients of a wire, with their notes in `notes`."""

    def made(wire: Wire, notes: list[str] | None = None) -> Client:
        return Client(
            Credentials(username="u", secret=SecretStr("s"), project_id="1"),
            Budget(tmp_path / "budget.sqlite", "1"),
            retry=RetryPolicy(longest_wait=0),
            note=(notes if notes is not None else []).append,
            sleep=lambda seconds: None,
            transport=httpx.MockTransport(wire),
        )

    return made


Made = Callable[..., Client]


@pytest.mark.parametrize(
    ("on", "expression"),
    [
        ("plan", 'properties["plan"]'),
        ("Total (USD)", 'properties["Total (USD)"]'),
        ('5" screen \\', 'properties["5\\" screen \\\\"]'),
        ('properties["plan"]', 'properties["plan"]'),
        ('number(properties["amount"]) * 2', 'number(properties["amount"]) * 2'),
        ('user["$email"]', 'user["$email"]'),
        ("", None),
        ("  ", None),
    ],
)
def test_a_bare_name_becomes_an_expression_and_an_expression_stays(
    on: str, expression: str | None
) -> None:
    assert ((name := split_by(on)) and segment(name)) == expression


def test_dot_syntax_is_refused_since_mixpanel_would_answer_with_nothing() -> None:
    with pytest.raises(UsageError) as refused:
        condition('properties.plan == "pro"')
    assert 'properties["plan"]' in str(refused.value.hint)
    with pytest.raises(UsageError):
        split_by("properties.plan")
    assert condition('properties["a"] == "properties.plan"') == (
        'properties["a"] == "properties.plan"'
    )
    assert segment(f"properties[{quoted('properties.plan')}]") == 'properties["properties.plan"]'


def test_segmentation_asks_for_what_was_given_and_no_more(client: Made) -> None:
    wire = Wire(EXAMPLES["segmentation"])
    found = live.segmentation(client(wire), "Signed up", **DAYS)
    assert wire.asked[0].url.path == "/api/query/segmentation"
    assert wire.params == {
        "event": "Signed up",
        "from_date": "2024-01-01",
        "to_date": "2024-01-07",
        "unit": "day",
        "type": "general",
    }
    assert found.total == 147 + 146 + 776 + 1376


def test_an_interval_is_asked_for_instead_of_a_unit(client: Made) -> None:
    wire = Wire(EXAMPLES["segmentation"])
    live.segmentation(client(wire), "Open", **DAYS, type="unique", interval=7, workspace_id=3)
    assert {"interval": "7", "workspace_id": "3"}.items() <= wire.params.items()
    assert "unit" not in wire.params


def test_events_and_values_are_lists_of_json(client: Made) -> None:
    wire = Wire(EXAMPLES["events"])
    found = live.event_counts(client(wire), ['a"b', "Nope"], **DAYS)
    assert json.loads(wire.params["event"]) == ['a"b', "Nope"]
    assert set(found.series["Nope"].values()) == {0}
    live.property_counts(client(wire), "Open", "plan", **DAYS, values=["pro", "free"])
    assert json.loads(wire.params["values"]) == ["pro", "free"]
    assert wire.params["event"] == "Open"


def test_counts_up_to_now_need_no_days(client: Made) -> None:
    wire = Wire(EXAMPLES["events"])
    found = live.event_counts(client(wire), ["Open"], interval=3)
    assert wire.params["interval"] == "3"
    assert (found.from_date, found.to_date) == (None, None)


def test_retention_says_unit_or_interval_but_never_both(client: Made) -> None:
    wire = Wire(EXAMPLES["retention"])
    live.retention(client(wire), **BORN)
    assert (wire.params.get("unit"), wire.params.get("interval")) == ("day", None)
    live.retention(client(wire), **BORN, interval=7)
    assert (wire.params.get("unit"), wire.params.get("interval")) == (None, "7")


def test_retention_spells_its_options_as_mixpanel_does(client: Made) -> None:
    wire = Wire(EXAMPLES["retention"])
    options = {"return_where": 'properties["a"]==1', "unbounded_retention": True, "on": "plan"}
    live.retention(
        client(wire), return_event="Open", retention_type="compounded", **DAYS, **options
    )
    assert wire.params == {
        "from_date": "2024-01-01",
        "to_date": "2024-01-07",
        "retention_type": "compounded",
        "event": "Open",
        "where": 'properties["a"]==1',
        "unit": "day",
        "interval_count": "10",
        "unbounded_retention": "true",
        "on": 'properties["plan"]',
    }


def test_a_funnel_with_a_blank_on_is_a_funnel_without_one(client: Made) -> None:
    wire = Wire(EXAMPLES["funnels"])
    found = live.funnel(client(wire), 7, **DAYS, on="", length=2, length_unit="hour")
    assert {"on", "unit"}.isdisjoint(wire.params)
    assert {"length": "2", "length_unit": "hour"}.items() <= wire.params.items()
    assert found.parts is None


def test_a_funnel_by_week_has_its_weeks(client: Made) -> None:
    found = live.funnel(client(Wire(EXAMPLES["funnels"])), 7, **DAYS, unit="week")
    assert [part.date for part in found.parts or []] == ["2016-09-12", "2016-09-19", "2016-09-26"]


def test_a_script_is_sent_as_a_form_and_its_end_is_foretold(client: Made) -> None:
    wire, notes = Wire([1]), list[str]()
    found = live.jql(client(wire, notes), "function main(){}", {"day": "2024-01-01"})
    request = wire.asked[0]
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = dict(httpx.QueryParams(request.content.decode()))
    assert form == {"script": "function main(){}", "params": '{"day": "2024-01-01"}'}
    assert found.raw == [1]
    assert "retiring JQL" in notes[0]


def test_a_script_that_fails_says_why_in_mixpanel_s_words(client: Made) -> None:
    text = (
        "UserVisiblePreconditionFailedError: Uncaught exception TypeError: x is null Stack trace:"
    )
    with pytest.raises(QueryError) as failed:
        live.jql(client(Wire({"error": text}, 412)), "main()")
    assert text in failed.value.message
    details = failed.value.details
    assert (details["error_type"], details["error_message"]) == ("TypeError", "x is null")
    assert details["script"] == "main()"


def test_what_mixpanel_warns_of_is_passed_on(client: Made) -> None:
    notes: list[str] = []
    wire = Wire({**EXAMPLES["stream/query"], "warning": "deprecated"})
    live.activity_feed(client(wire, notes), ["ann"], **DAYS)
    assert notes == ["Mixpanel warns: deprecated"]


def test_the_newest_events_of_a_long_feed_are_kept_and_the_cut_is_told(client: Made) -> None:
    wire = Wire(EXAMPLES["stream/query"])
    with pytest.warns(AnswerWarning, match="only the newest 1 of"):
        found = live.activity_feed(client(wire), ["ann"], **DAYS, limit=1)
    assert (found.truncated, [one.event for one in found.events]) == (True, ["Viewed Page"])


def test_saved_retention_can_be_asked_for_other_days(client: Made) -> None:
    wire = Wire(EXAMPLES["retention"])
    found = live.saved_report(client(wire), 7, bookmark_type="retention", **DAYS)
    assert wire.asked[0].url.path == "/api/query/retention"
    assert (found.report_type, found.from_date) == ("retention", "2024-01-01")


WRONG: dict[str, Callable[[Client], Any]] = {
    "no such unit": lambda c: live.segmentation(c, "a", **DAYS, unit="year"),
    "no such type": lambda c: live.segmentation(c, "a", **DAYS, type="sum"),  # type: ignore[arg-type]
    "interval of events": lambda c: live.segmentation(c, "a", **DAYS, interval=7),
    "too many": lambda c: live.segmentation(c, "a", **DAYS, limit=10_001),
    "none": lambda c: live.segmentation(c, "a", **DAYS, limit=0),
    "no event": lambda c: live.segmentation(c, " ", **DAYS),
    "dots": lambda c: live.segmentation(c, "a", **DAYS, where="properties.plan == 1"),
    "minutes of a sum": lambda c: live.segmentation_sum(c, "a", **DAYS, on="n", unit="minute"),
    "no number": lambda c: live.segmentation_average(c, "a", **DAYS, on=""),
    "numeric type": lambda c: live.segmentation_numeric(c, "a", **DAYS, on="n", type="x"),  # type: ignore[arg-type]
    "no events": lambda c: live.event_counts(c, [], **DAYS),
    "hourly people": lambda c: live.event_counts(c, ["a"], **DAYS, type="unique", unit="hour"),
    "days and interval": lambda c: live.event_counts(c, ["a"], **DAYS, interval=2),
    "no days": lambda c: live.property_counts(c, "a", "b"),
    "unit and interval": lambda c: live.funnel(c, 1, **DAYS, unit="day", interval=2),
    "long funnel": lambda c: live.funnel(c, 1, **DAYS, length=91, length_unit="day"),
    "weeks by two": lambda c: live.retention(c, **BORN, unit="week", interval=2),
    "91 days": lambda c: live.retention(c, **BORN, interval=91),
    "nobody is born": lambda c: live.retention(c, **DAYS),
    "days of a day": lambda c: live.frequency(c, **DAYS, unit="day", addiction_unit="day"),
    "minutes of a day": lambda c: live.frequency(c, **DAYS, addiction_unit="minute"),
    "nobody": lambda c: live.activity_feed(c, [], **DAYS),
    "saved days": lambda c: live.saved_report(c, 1, **DAYS),
    "half a range": lambda c: live.saved_report(c, 1, from_date="2024-01-01"),
    "no script": lambda c: live.jql(c, ""),
}


@pytest.mark.parametrize("question", WRONG.values(), ids=WRONG)
def test_a_question_that_makes_no_sense_costs_no_request(
    question: Callable[[Client], Any], client: Made
) -> None:
    wire = Wire({})
    with pytest.raises(UsageError):
        question(client(wire))
    assert wire.asked == []


@pytest.mark.parametrize(
    ("start", "end"),
    [("2024-01-02", "2024-01-01"), ("yesterday", "2024-01-01"), ("2024-02-30", "2024-03-01")],
)
def test_days_that_make_no_sense_cost_no_request(start: str, end: str, client: Made) -> None:
    wire = Wire({})
    with pytest.raises(DateRangeError):
        live.segmentation(client(wire), "a", from_date=start, to_date=end)
    assert wire.asked == []


def test_a_moment_stands_for_its_day(client: Made) -> None:
    wire = Wire(EXAMPLES["segmentation"])
    moment = datetime(2024, 1, 1, 12, 30)
    live.segmentation(client(wire), "a", from_date=moment, to_date=moment)
    assert (wire.params["from_date"], wire.params["to_date"]) == ("2024-01-01", "2024-01-01")
