"""A command line that is slightly wrong works if it can mean one thing, and is explained if not."""

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import typer

from mixpanel_assets.cli.app import app
from mixpanel_assets.cli.brief import MOST, brief
from mixpanel_assets.cli.slips import understood
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event

Mp = Callable[..., Answer]
DAYS = "--from 2024-01-01 --to 2024-01-07"

# What is typed, and the command line that mp takes it for. `typer`'s own names are not changed.
UNDERSTOOD = {
    # Global options after the command, and the answer's before it.
    "sql 'select 1' --quiet": "--quiet sql 'select 1'",
    "status -q -v": "-q -v status",
    "status --account shop": "--account shop status",
    "status --account=shop": "--account shop status",
    "inspect tables -a shop": "-a shop inspect tables",
    "-f csv status": "status -f csv",
    "-fcsv status": "status -f csv",
    "--format=csv inspect tables": "inspect tables --format csv",
    "inspect -f csv tables": "inspect tables -f csv",
    "--jq .[0] -q status": "-q status --jq .[0]",
    "--silent status": "--quiet status",
    "status --debug": "--verbose status",
    "sql -q 'select 1'": "-q sql 'select 1'",
    # Names of others for options.
    "query segmentation -e A --from-date 7d": "query segmentation -e A --from 7d",
    "query segmentation -e A --start 7d --end 1d": "query segmentation -e A --from 7d --to 1d",
    "query segmentation -e A --since=7d": "query segmentation -e A --from 7d",
    "query segmentation -e A --from 7d --by plan": "query segmentation -e A --from 7d --on plan",
    "ask segmentation A --from 7d --group-by p": "ask segmentation --from 7d --by p A",
    "ask segmentation --event A --from 7d": "ask segmentation --from 7d A",
    "ask funnel --step A --step B --from 7d": "ask funnel --from 7d A B",
    "sql 'select 1' --max-rows 5": "sql --limit 5 'select 1'",
    "sql 'select 1' --output x.csv": "sql --save x.csv 'select 1'",
    "sql 'select 1' -n 5": "sql --limit 5 'select 1'",
    "sql --query 'select 1'": "sql 'select 1'",
    "sql -c 'select 1'": "sql 'select 1'",
    "inspect sample --limit 3": "inspect sample --rows 3",
    "inspect column -c plan --limit 3": "inspect column -c plan --top 3",
    "inspect daily --event A": "inspect daily --events A",
    "query funnel --id 7 --from 7d": "query funnel --from 7d 7",
    "fetch events --name x --from 7d --overwrite": "fetch events --from 7d --replace x",
    # Formats and choices.
    "sql 'select 1' --json": "sql --format json 'select 1'",
    "status --csv": "status --format csv",
    "status --output json": "status --format json",
    "status -o markdown": "status --format md",
    "status --format markdown": "status --format md",
    "status -f JSON": "status -f json",
    "status --ndjson": "status --format jsonl",
    "ask sessions --from 7d --unit weeks": "ask sessions --from 7d --unit week",
    "ask sessions --from 7d --unit DAILY": "ask sessions --from 7d --unit day",
    "query segmentation A --from 7d --type uniques": (
        "query segmentation --from 7d --type unique --event A"
    ),
    "query segmentation A --from 7d --type total": (
        "query segmentation --from 7d --type general --event A"
    ),
    # Words where an option takes a name.
    "inspect schema events": "inspect schema --table events",
    "inspect sample 'by_event.\"A\"'": "inspect sample --table 'by_event.\"A\"'",
    "inspect keys events_wide": "inspect keys --table events_wide",
    "inspect keys Purchase": "inspect keys --event Purchase",
    "inspect daily Purchase": "inspect daily --events Purchase",
    "inspect column plan": "inspect column --column plan",
    "inspect column plan events_wide": "inspect column --column plan --table events_wide",
    "inspect distribution Purchase plan": "inspect distribution --event Purchase --property plan",
    "inspect coverage A p,q": "inspect coverage --event A --properties p,q",
    "inspect values plan": "inspect values --property plan",
    "inspect values Purchase plan": "inspect values --event Purchase --property plan",
    "ask segmentation A --from 7d --interval day": "ask segmentation --from 7d --unit day A",
    "inspect lexicon-schema event A": "inspect lexicon-schema --type event --name A",
    "query segmentation-sum A amount --from 7d": (
        "query segmentation-sum --from 7d --event A --on amount"
    ),
    "query retention A B --from 7d": "query retention --from 7d --born A --return B",
    "ask retention A B --from 7d": "ask retention --from 7d --born A --return B",
    "query activity-feed ann": "query activity-feed --users ann",
    "materialize events 2024-01-01 2024-01-02": (
        "materialize events --from 2024-01-01 --to 2024-01-02"
    ),
    # The command of a group.
    "materialize --from 7d": "materialize events --from 7d",
    "materialize --from 7d --missing -q": "-q materialize events --from 7d --missing",
    "materialize 2024-01-01 2024-01-02": "materialize events --from 2024-01-01 --to 2024-01-02",
    "rebuild --from 7d": "rebuild events --from 7d",
    "fetch --from 7d --events A": "fetch events --from 7d --events A",
    # Nothing to understand.
    "sql 'select -1' -f table": "sql -f table 'select -1'",
    "materialize --help": "materialize --help",
    "ask funnel A B --from 7d -- --C": "ask funnel --from 7d A B -- --C",
    "inspect schema a b c": "inspect schema a b c",
    "materialize events 2024-01-01": "materialize events 2024-01-01",
    "sql select 1": "sql select 1",
    "sql 'select 1' --limt 5": "sql --limt 'select 1' 5",
    "query segmentation A --from -7d": "query segmentation --from -7d --event A",
}


@pytest.mark.parametrize("typed", UNDERSTOOD)
def test_a_line_is_understood_as(typed: str) -> None:
    program = typer.main.get_command(app)
    assert understood(program, shlex.split(typed)).words == shlex.split(UNDERSTOOD[typed])


def test_every_synonym_is_of_an_option_or_argument_of_today() -> None:
    """An option that is renamed is renamed among the synonyms, too."""
    from mixpanel_assets.cli.slips import FAMILIES

    program: Any = typer.main.get_command(app)
    own = {one.opts[0] if one.opts else one.name for one in _parameters(program)}
    strange = [family for family in FAMILIES if not own & {*family.split()}]
    assert strange in ([], ["--plan --dry-run"])


def _parameters(command: Any) -> list[Any]:
    below = [
        one for child in getattr(command, "commands", {}).values() for one in _parameters(child)
    ]
    return [*command.params, *below]


# What is typed, and what the hint has; whether the command in it works as it is.
EXPLAINED: list[tuple[str, list[str], bool]] = [
    ("events", ["mp inspect events"], False),
    ("tables", ["mp inspect tables"], True),
    ("schema events", ["mp inspect schema events"], True),
    ("schema 'by_event.\"Sign Up\"'", ["mp inspect schema 'by_event.\"Sign Up\"'"], True),
    (f"segmentation Search {DAYS}", [f"mp query segmentation Search {DAYS}", "mp ask"], False),
    ("funnel", ["mp query funnel", "mp ask funnel"], False),
    ("sessions --from 2024-01-01", ["mp ask sessions --from 2024-01-01"], True),
    ("breakdown", ["mp inspect breakdown"], True),
    ("keys Purchase", ["mp inspect keys Purchase"], True),
    ("help", ["mp --help"], True),
    ("help query segmentation", ["mp query segmentation --help"], True),
    ("version", ["mp --version"], True),
    ("query events", ["mp inspect events"], False),
    ("query tables", ["mp inspect tables"], True),
    ("query segmentaton Search", ["mp query segmentation Search"], False),
    ("inspect event", ["mp inspect events"], False),
    ("inspect table", ["mp inspect tables"], True),
    ("inspect columns events", ["mp inspect schema events"], True),
    ("inspect describe", ["mp inspect schema"], True),
    ("inspect segmentation", ["mp query segmentation"], False),
    ("materialise events --from 7d", ["mp materialize events --from 7d"], False),
    ("materialize event --from 7d", ["mp materialize events --from 7d"], False),
    ("sync", ["mp materialize events --from"], False),
    ("login", ["mp auth add"], False),
    ("ls", ["mp inspect tables"], True),
    ("show tables", ["mp sql 'show tables'"], True),
    ("describe events", ["mp sql 'describe events'"], True),
    ("select 1", ["mp sql 'select 1'"], True),
    ("'select count(*) from events'", ["mp sql 'select count(*) from events'"], True),
    ("frobnicate", ["commands: ", "inspect", "mp --help"], False),
    ("auth lst", ["mp auth list"], True),
    ("auth use shop", ["mp auth switch shop"], False),
    ("auth delete shop", ["mp auth remove shop"], False),
    ("query report 7", ["mp query saved-report 7"], False),
    ("materialize users", ["mp materialize profiles"], False),
    ("materialize frobs", ["commands: events, profiles"], False),
    ("dau --from 2024-01-01", ["mp ask active-users --from 2024-01-01"], True),
    # Options.
    ("sql 'select 1' --limt 5", ["--limit", "mp sql 'select 1' --limit 5"], True),
    ("inspect sample --tabel events", ["--table", "mp inspect sample --table events"], True),
    ("status --output x.csv", ["mp status --format csv > x.csv", "--save"], False),
    ("status --dry-run", ["mp status"], False),
    ("sql 'select 1' --db x.duckdb", ["MP_WAREHOUSE"], False),
    ("sql 'select 1' --project 7", ["MP_PROJECT_ID"], False),
    ("sql 'select 1' --no-limit", ["--limit 0"], False),
    ("inspect events --filter buy", ["mp inspect find"], False),
    ("materialize events --form 7d", ["mp materialize events --from 7d"], False),
    ("materialize events --days 7", ["--from 7d"], False),
    ("materialize events --from 7d --event Purchase", ["mp fetch events --events"], False),
    ("inspect events --limit 5", ["--jq '.[:10]'"], False),
    ("sql 'select 1' --limit all", ["--limit 0"], False),
    ("sql 'select 1' --raw", ["--scalar"], False),
    ("sql -f query.sql", ["mp sql --file query.sql"], False),
    ("sql 'select 1' --frob", ["--limit", "mp sql --help"], False),
    # Values.
    ("status --format parquet", ["--save", ".parquet"], False),
    (
        "sql 'select 1' --format parquet",
        ["mp sql 'select 1' --save FILE.parquet"],
        False,
    ),
    ("status --format yaml", ["--format json"], False),
    ("ask sessions --from 7d --unit daz", ["did you mean day?"], False),
    ("query segmentation --event Search", ["--event Search --from 7d"], False),
    ("query segmentation --from 7d", ["mp inspect events"], False),
    ("inspect distribution Purchase", ["mp inspect distribution --event"], False),
    ("materialize events 2024-01-01", ["--from 2024-01-01", "--to 2024-01-01"], False),
    ("sql select 1", ["quotes", "mp sql 'select 1'"], True),
    ("sql 'select 1' 'select 2'", ["one by one"], False),
    ("sql 'select 1' --jq '.[0]' -f csv", ["--format json"], False),
    ("query saved-report weekly", ["mp inspect bookmarks"], False),
    ("query segmentation Search --from 7d --where 'plan == \"pro\"'",
     ['properties["plan"] == "pro"'], False),
    ("query segmentation Search --from 7d --where \"plan = 'pro' and amount>3\"",
     ['(properties["plan"] == "pro") and (properties["amount"] > 3)'], False),
    ("query segmentation Search --from 7d --where plan=pro",
     ['properties["plan"] == "pro"'], False),
    ("query retention A --from 7d --born-where 'amount > 3'", ['properties["amount"] > 3'], False),
    ("fetch events --stdout --from 7d --where 'plan == \"pro\"'",
     ['properties["plan"] == "pro"'], False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "told", "works"), EXPLAINED, ids=[typed for typed, *_ in EXPLAINED]
)
def test_a_line_is_explained(
    typed: str, told: list[str], works: bool, landed: Home, here: Mp
) -> None:
    asked = len(landed.mixpanel.requests)
    answer = here(*shlex.split(typed))
    assert (answer.code, answer.out, answer.error["code"]) == (2, "", "USAGE")
    assert len(answer.err.encode()) <= MOST
    assert [part for part in told if part not in answer.error["hint"]] == []
    assert len(landed.mixpanel.requests) == asked
    if works:
        line = re.split(r", or: |; |$", "mp " + answer.error["hint"].partition("mp ")[2])[0]
        assert here(*shlex.split(line)[1:]).code == 0


@pytest.mark.parametrize("given", [["--secret", "hunter2"], ["--api-token=hunter2"]])
def test_a_secret_is_not_repeated(given: list[str], here: Mp) -> None:
    for words in (
        ["auth", "ad", "shop", *given],
        ["auth", "add", "shop", "--regoin", "eu", *given],
    ):
        answer = here(*words)
        assert (answer.code, "hunter2" in answer.err) == (2, False)


DATES = {
    "01/05/2024": "write 2024-01-05 or 2024-05-01",
    "31.1.2024": "write 2024-01-31;",
    "2024/1/5": "write 2024-01-05;",
    "20240105": "write 2024-01-05;",
    "7days": "write 7d;",
    "7 days ago": "write 7d;",
    "last week": "write YYYY-MM-DD, today, yesterday or 7d",
    "2024-13-01": "write YYYY-MM-DD",
}


@pytest.mark.parametrize("day", DATES)
def test_a_day_in_another_form_is_answered_with_its_form(day: str, landed: Home, here: Mp) -> None:
    answer = here("inspect", "breakdown", "--from", day)
    assert (answer.code, answer.error["code"]) == (2, "INVALID_DATE")
    assert DATES[day] in answer.error["hint"]


def test_a_month_may_have_one_digit(landed: Home, here: Mp) -> None:
    short, long = ("2024-1-2", "2024-1-3"), ("2024-01-02", "2024-01-03")
    first, second = (here("inspect", "daily", "--from", a, "--to", b) for a, b in (short, long))
    assert first.json == second.json
    assert first.json["from_date"] == "2024-01-02"


def test_a_range_that_ends_before_it_starts_is_told_so(landed: Home, here: Mp) -> None:
    answer = here("inspect", "daily", "--from", "2024-01-03", "--to", "2024-01-02")
    assert (answer.code, answer.error["code"]) == (2, "INVALID_DATE")
    assert "the first day must not be after the last" in answer.error["hint"]


def test_sql_is_read_from_a_pipe_without_a_dash(landed: Home, here: Mp) -> None:
    assert here("sql", stdin="select 1 as one\n").json == [{"one": 1}]
    assert here("query", "sql", "--limit", "1", stdin="select 1 as one").json == [{"one": 1}]
    assert here("sql", "select 2 as two", stdin="select 1").json == [{"two": 2}]


@pytest.mark.parametrize("stdin", ["", "\n"])
def test_sql_of_nothing_is_told_its_usage(stdin: str, landed: Home, here: Mp) -> None:
    answer = here("sql", stdin=stdin)
    assert (answer.code, answer.error["code"]) == (2, "USAGE")
    line = answer.error["hint"].removeprefix("such as: mp ")
    assert here(*shlex.split(line)).code == 0


JQ = {
    ".[0].": ("unexpected end", "    .[0].\n         ^"),
    ".[0] | foo(.)": ("foo/1 is not defined", "    .[0] | foo(.)\n           ^"),
    ".[] | select(.a == 1": ("unexpected end", "select(.a == 1\n"),
    ".[0] $": ("syntax error", ".[0] $"),
}


@pytest.mark.parametrize("expression", JQ)
def test_a_jq_filter_is_shown_with_its_mistake(expression: str, landed: Home, here: Mp) -> None:
    answer = here("sql", "select 1 as a", "--jq", expression)
    assert (answer.code, answer.error["code"]) == (2, "USAGE")
    assert [part for part in JQ[expression] if part not in answer.error["message"]] == []
    assert len(answer.err.encode()) <= MOST


def test_global_options_work_on_both_sides(landed: Home, here: Mp) -> None:
    query = "select 1 as a, 'x' as b"
    asked = [
        here("-f", "csv", "sql", query),
        here("sql", query, "-f", "csv", "--quiet"),
        here("--format", "csv", "sql", query, "--verbose"),
        here("sql", "--csv", query),
    ]
    assert {(answer.code, answer.out) for answer in asked} == {(0, "a,b\n1,x\n")}
    for words in (["-a", "nobody", "limits"], ["limits", "--account", "nobody"]):
        assert here(*words).error["code"] == "ACCOUNT_NOT_FOUND"


def test_a_saved_funnel_is_known_by_its_id(landed: Home, here: Mp) -> None:
    answer = here("query", "funnel", "checkout", "--from", "7d")
    assert (answer.code, answer.error["code"]) == (2, "USAGE")
    assert "saved funnels: 7500 (Checkout), 7501 (" in answer.error["hint"]
    assert "mp ask funnel STEP STEP" in answer.error["hint"]
    steps = here("query", "funnel", "Search", "Add To Cart", *shlex.split(DAYS))
    line = steps.error["hint"].partition("landed events: mp ")[2]
    assert here(*shlex.split(line)).json["steps"][0]["event"] == "Search"
    missing = here("query", "funnel", "--from", "7d")
    assert "7500 (Checkout)" in missing.error["hint"]


def test_a_filter_that_mixpanel_refuses_is_shown_in_its_form(landed: Home, here: Mp) -> None:
    where = """properties['plan'] = "pro" """
    answer = here("query", "segmentation", "Search", *shlex.split(DAYS), "--where", where)
    assert (answer.code, answer.error["code"]) == (6, "QUERY_FAILED")
    assert answer.error["hint"] == 'write properties["plan"] == "pro"'


@pytest.fixture
def two_days(account: Simulator) -> Simulator:
    account.store.set_day(DAY, [event("Sign Up", NOON + n, plan="pro") for n in range(3)])
    return account


def test_materialize_lands_events(two_days: Simulator, here: Mp) -> None:
    answer = here("materialize", "--from", str(DAY), "--to", str(DAY), "-q")
    assert (answer.code, answer.json["asset"], answer.json["rows"]) == (0, "events", 3)
    before = len(two_days.requests)
    asked = here("query", "segmentation", "sign up", "--from", str(DAY), "--to", str(DAY))
    assert (asked.code, asked.error["code"]) == (4, "EVENT_NOT_FOUND")
    assert "Sign Up" in asked.error["hint"]
    assert len(two_days.requests) == before  # the day is landed: nothing has to be asked


def test_an_event_of_days_that_are_not_landed_is_asked_for(two_days: Simulator, here: Mp) -> None:
    here("materialize", "--from", str(DAY), "--to", str(DAY), "-q")
    before = len(two_days.requests)
    here("query", "segmentation", "sign up", "--from", "2024-01-01", "--to", str(DAY))
    assert len(two_days.requests) == before + 1


@pytest.mark.parametrize(
    "words",
    [["status"], ["inspect", "tables"], ["sql", "select 1"], ["inspect", "schema", "events"]],
)
def test_nothing_landed_is_answered_with_how_to_land(
    words: list[str], account: Simulator, here: Mp
) -> None:
    answer = here(*words)
    assert "mp materialize events --from 7d" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert len(answer.err.encode()) <= MOST


@pytest.mark.parametrize("missing", ["MP_USERNAME", "MP_SECRET", "MP_PROJECT_ID"])
def test_half_of_an_account_is_told_what_is_missing(
    missing: str, account: Simulator, here: Mp
) -> None:
    answer = here("query", "segmentation", "A", "--from", "7d", **{missing: ""})
    assert (answer.code, answer.error["code"]) == (2, "CONFIG_ERROR")
    assert answer.error["message"] == f"{missing} not set"


def _bytes(error: dict[str, Any]) -> int:
    return len(json.dumps({"error": error}, ensure_ascii=False).encode()) + 1


@pytest.mark.parametrize(
    ("message", "hint", "details"),
    [
        ("m" * 5000, None, {}),
        ("m" * 5000, "h" * 5000, {"body": "b" * 5000}),
        ("ü" * 900, "日" * 900, {"landed": [f"2024-01-{n:02}" for n in range(1, 32)] * 20}),
        ("m", "h", {f"name {n}": "v" * 90 for n in range(40)}),
    ],
)
def test_no_error_is_longer_than_that(
    message: str, hint: str | None, details: dict[str, Any]
) -> None:
    error = {"code": "API_ERROR", "message": message, "hint": hint, "details": details}
    told = brief(error, lambda one: json.dumps({"error": one}, ensure_ascii=False))
    assert _bytes(told) <= MOST
    assert (told["code"], bool(told["hint"])) == ("API_ERROR", bool(hint))


def test_a_short_error_stays_whole() -> None:
    error = {
        "code": "USAGE",
        "message": "m",
        "hint": None,
        "details": {"days": ["2024-01-01"] * 20},
    }
    assert brief(error, json.dumps) == error


def test_an_error_about_a_long_statement_is_as_short(landed: Home, here: Mp) -> None:
    wide = "x" * 4000
    answer = here("sql", f"select {wide} from events")
    assert len(answer.err.encode()) <= MOST
    assert answer.error["hint"]
