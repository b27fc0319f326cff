"""`mp ask` and `mp report`: answers, comparison with Mixpanel, refusals, the page."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import mixpanel_assets as mp
from mixpanel_assets.questions import analytics
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets_tests.cli.conftest import FIRST, LAST, Home
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]
DAYS = ("--from", "2024-01-01", "--to", "2024-01-05")
ASKED = {
    "funnel": ("Add To Cart", "Checkout Started", "Purchase", "--window", "1d"),
    "retention": ("--born", "Sign Up", "--count", "1"),
    "segmentation": ("Purchase", "--by", "plan"),
    "frequency": ("Page View",),
    "sessions": (),
    "flows": ("Sign Up", "--window", "1d"),
    "active-users": (),
    "lifecycle": ("--unit", "day"),
    "attribution": ("Purchase", "--by", "utm_source", "--lookback", "1d"),
}


def funnel_id(home: Home, name: str) -> str:
    return str(next(one.id for one in home.mixpanel.funnels if one.name == name))


@pytest.mark.parametrize("question", ASKED)
def test_each_question_answers_in_json_and_as_rows_without_a_request(
    question: str, here: Mp, landed: Home
) -> None:
    before = len(landed.mixpanel.requests)
    asked = ("ask", question, *ASKED[question], *DAYS)
    answer = here(*asked)
    assert answer.code == 0
    assert answer.json["source"] == "local"
    assert {"complete_until", "landed_days", "missing_days", "events"} <= set(answer.json)
    rows = list(csv.DictReader(io.StringIO(here(*asked, "--format", "csv").out)))
    lines = here(*asked, "--format", "jsonl").out.splitlines()
    assert len(rows) == len(lines) > 0
    assert len(landed.mixpanel.requests) == before


def test_a_funnel_has_the_contract_s_shape(here: Mp, landed: Home) -> None:
    found = here("ask", "funnel", *ASKED["funnel"], *DAYS, "--by", "plan").json
    assert (found["funnel_id"], found["window"]) == (None, "1d")
    assert (found["from_date"], found["to_date"]) == ("2024-01-01", "2024-01-05")
    assert found["complete_until"] == "2024-01-05"
    assert [step["event"] for step in found["steps"]] == [*ASKED["funnel"][:3]]
    entered = sum(steps[0]["count"] for steps in found["segments"].values())
    assert entered >= found["steps"][0]["count"] > 0
    assert found["conversion_rate"] == found["steps"][-1]["count"] / found["steps"][0]["count"]
    table = here("ask", "funnel", *ASKED["funnel"], *DAYS, "--format", "csv").out
    assert table.splitlines()[0] == "step,event,count,conversion_rate,mean_seconds,median_seconds"


COMPARED = {
    "retention": (*ASKED["retention"], "--return", "Page View"),
    "segmentation": ("Purchase", "--by", "plan", "--where", 'plan != "free"'),
    "segmentation sum": ("Purchase", "--sum", "amount"),
    "frequency": ("Page View", "--by", "plan"),
}


@pytest.mark.parametrize("question", COMPARED)
def test_what_mixpanel_answers_alike_has_no_difference(
    question: str, here: Mp, landed: Home
) -> None:
    found = here("ask", question.split()[0], *COMPARED[question], *DAYS, "--compare").json
    assert (found["difference"], found["causes"]) == ([], [])
    assert found["local"]["source"] == "local"
    assert set(found) == {"local", "live", "difference", "causes"}


def test_a_funnel_is_compared_with_a_saved_one(here: Mp, landed: Home) -> None:
    saved = funnel_id(landed, "Checkout")
    asked = ("ask", "funnel", *ASKED["funnel"], *DAYS, "--by", "plan")
    assert here(*asked, "--compare", saved).json["difference"] == []
    other = here("ask", "funnel", "Search", "Purchase", *DAYS, "--compare", saved).json
    assert {"step", "event", "number", "local", "live"} <= set(other["difference"][0])
    assert other["causes"][0].startswith("the saved funnel has the steps Add To Cart")


def test_causes_name_days_that_are_missing_and_hidden_events(
    here: Mp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(first_day=FIRST, events_per_day=100)
    with Simulator(Store(world=world, last_day=LAST), retry_after=0) as mixpanel:
        mixpanel.lexicon.describe("Search", hidden=True)
        for name, value in Home(tmp_path / "home", mixpanel).environment.items():
            monkeypatch.setenv(name, value)
        here("materialize", "events", "--from", "2024-01-01", "--to", "2024-01-03")
        assert here("materialize", "catalog").code == 0
        found = here("ask", "segmentation", "Page View", *DAYS, "--compare").json
    assert [one["date"] for one in found["difference"]] == ["2024-01-04", "2024-01-05"]
    assert "days not landed, or not over when they were: 2024-01-04" in found["causes"][0]
    assert "hidden in Mixpanel, and landed: Search" in found["causes"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("funnel", "A", "B", "--compare", "1", "--count", "totals"), "has no count"),
        (("funnel", "A", "B", "--compare", "1", "--hold", "plan"), "has no hold"),
        (("retention", "--born", "A", "--by", "plan", "--compare"), "return with"),
        (("segmentation", "A", "--sum", "n", "--by", "plan", "--compare"), "without segments"),
        (("flows", "A", "--compare"), "No such option"),
        (("funnel", "A"), "two steps or more"),
        (("funnel", "A", "B", "--window", "3x"), "is not a duration"),
        (("funnel", "A", "B", "--exclude", "X:2-1"), "is not between two steps"),
        (("funnel", "A", "B[plan >]"), "step 2"),
        (("retention",), "needs the first event"),
    ],
    ids=str,
)
def test_a_question_that_can_t_be_meant_is_refused_before_anything_is_asked(
    arguments: tuple[str, ...], said: str, here: Mp, landed: Home
) -> None:
    before = len(landed.mixpanel.requests)
    answer = here("ask", *arguments, *DAYS)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.error["message"]
    assert len(landed.mixpanel.requests) == before


def test_sql_of_the_user_is_one_condition(here: Mp, landed: Home) -> None:
    free = here("ask", "sessions", *DAYS, "--sql-where", "plan = 'free' -- only these").json
    assert 0 < free["events"] < here("ask", "sessions", *DAYS).json["events"]
    for sql in ("true) select 1; select (true", "true); drop view events; --", "nothing = 1"):
        answer = here("ask", "sessions", *DAYS, "--sql-where", sql)
        assert (answer.code, answer.error["code"]) == (6, "SQL_ERROR")


def test_a_text_in_an_expression_is_never_taken_for_sql_of_ours(here: Mp, landed: Home) -> None:
    by = 'plan == "<steps>"'
    found = here("ask", "funnel", *ASKED["funnel"], *DAYS, "--by", by).json
    assert set(found["segments"]) == {"false"}


def test_an_unknown_event_is_named_with_those_that_may_be_meant(here: Mp, landed: Home) -> None:
    answer = here("ask", "funnel", "sign up", "Purchase", *DAYS)
    assert (answer.code, answer.error["hint"]) == (4, "did you mean Sign Up?")


def test_a_fetched_table_is_asked_for_all_of_its_days(here: Mp, landed: Home) -> None:
    fetched = ("fetch", "events", "asked_buys", "--events", "Purchase", "--replace", *DAYS)
    assert here(*fetched).code == 0
    of_all = here("ask", "segmentation", "Purchase", *DAYS).json
    for to in ((), DAYS[2:]):
        found = here("ask", "segmentation", "Purchase", *DAYS[:2], *to, "--table", "asked_buys")
        assert (found.err, found.json["missing_days"]) == ("", [])
        assert found.json["series"] == of_all["series"]
        assert found.json["complete_until"] == "2024-01-05"


def test_a_table_of_somebody_else_is_asked_for_the_days_that_it_has(
    tmp_path: Path, landed: Home
) -> None:
    import duckdb

    source = mp.Workspace().db_path
    path = tmp_path / "theirs.duckdb"
    with mp.Workspace() as ws:
        rows = ws.sql_rows(
            "select event_date, event_name, event_time, distinct_id, properties from events"
        )
    with duckdb.connect(str(path)) as theirs:
        theirs.execute(
            "create table clicks (event_date DATE, event_name VARCHAR, event_time TIMESTAMPTZ, "
            "distinct_id VARCHAR, properties JSON)"
        )
        theirs.executemany("insert into clicks values (?, ?, ?, ?, ?)", rows.rows)
    assert source
    with mp.Workspace.open(path) as ws:
        question = analytics.Segmentation("Purchase", from_date="2024-01-01", table="clicks")
        assert ws.ask(question).to_date.isoformat() == "2024-01-07"


def test_a_lifecycle_that_ends_within_a_week_says_so(here: Mp, landed: Home) -> None:
    said = "the last week ends on 2024-01-07 and is counted until 2024-01-05"
    assert said in here("ask", "lifecycle", *DAYS).err
    assert said not in here("ask", "lifecycle", "--from", "2024-01-01", "--to", "2024-01-07").err


def test_small_segments_of_births_are_other(here: Mp, landed: Home) -> None:
    split = ("ask", "retention", *ASKED["retention"], *DAYS, "--by", "$insert_id", "--limit", "3")
    cohorts = here(*split).json["cohorts"]
    names = {one["segment"] for one in cohorts}
    assert {"$overall", "$other"} < names
    assert len(names) <= 5
    other = [one["size"] for one in cohorts if one["segment"] not in ("$overall", None)]
    assert sum(other) == sum(one["size"] for one in cohorts if one["segment"] == "$overall")


class TestReport:
    """`mp report`."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_it_is_one_small_page_that_needs_nothing_else(
        self, here: Mp, landed: Home, folder: Path
    ) -> None:
        made = here("report", "--from", "2024-01-01", "--out", "page.html")
        assert (made.code, made.err) == (0, "")
        page = (folder / "page.html").read_text("utf-8")
        assert made.json == {"path": "page.html", "bytes": len(page.encode())}
        assert made.json["bytes"] < 500_000
        headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
        assert headings[:3] == ["Active users", "Events", "Funnel"]
        assert {"Retention", "Lifecycle", "Sessions", "Landed data", "Notes"} <= set(headings)
        assert "<script" not in page
        assert not re.search(r"(?:src|href)=[\"'](?!data:|#)", page)
        assert "the days before count too, and are not landed" in page  # of WAU and MAU

    def test_its_funnel_has_the_given_steps(self, here: Mp, landed: Home, folder: Path) -> None:
        steps = ("--step", "Search", "--step", "Purchase")
        here("report", "--from", "2024-01-01", "--out", "page.html", *steps)
        page = (folder / "page.html").read_text("utf-8")
        assert "People who did one after the other" in page

    def test_it_replaces_no_file_unless_told_to(self, here: Mp, landed: Home, folder: Path) -> None:
        (folder / "page.html").write_text("mine")
        asked = ("report", "--from", "2024-01-01", "--out", "page.html")
        assert here(*asked).code == 2
        assert (folder / "page.html").read_text() == "mine"
        assert here(*asked, "--replace").code == 0
        for out in ("page.txt", "../page.html", "none/page.html"):
            assert here("report", "--from", "2024-01-01", "--out", out).code == 2
