"""A name that is not what Mixpanel calls it is told, and refused only where that is certain."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import httpx
import pytest
from pydantic import SecretStr

import mixpanel_assets as mp
from mixpanel_assets.accounts import Credentials
from mixpanel_assets.errors import EventNotFoundError
from mixpanel_assets.known import tell_names
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.notes import AnswerWarning, notes_to
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.connection import reading, writing
from mixpanel_assets_tests.asking import live
from mixpanel_assets_tests.conftest import DAY, NOON, Answer, event
from mixpanel_assets_tests.dagsters import job

Here = Callable[..., Answer]
LANDED = ("--from", str(DAY), "--to", str(DAY))
LATELY = ("--from", "7d")
TODAY = datetime.now(UTC).date()


@pytest.fixture
def account(account: Simulator) -> Simulator:
    """A day of long ago, and yesterday, have flights; yesterday has another event, too."""
    flights = [event("Flight Departed", NOON + n, origin="ORD", delay=n) for n in range(3)]
    account.store.set_day(DAY, flights)
    noon = int(datetime.now(UTC).timestamp() * 1000) - 86_400_000
    account.store.add([event("Flight Departed", noon, origin="SFO"), event("Sign Up", noon)])
    return account


@pytest.fixture
def landed(account: Simulator, tmp_path: Path) -> Simulator:
    """The day of long ago is landed."""
    land(tmp_path)
    return account


def warehouse_of(tmp_path: Path) -> Path:
    """Where `mp` looks."""
    return tmp_path / "home" / "data" / "12345" / "mixpanel.duckdb"


def land(tmp_path: Path) -> None:
    """By the path it is no run of Dagster, which takes longer."""
    with mp.Workspace(path=warehouse_of(tmp_path)) as ws:
        ws.materialize_events(DAY, DAY)


def queries(mixpanel: Simulator) -> int:
    return len([one for one in mixpanel.requests if "/api/query/" in one.path])


UNKNOWN = [
    ["segmentation", "--event", "flight departed"],
    ["segmentation-sum", "--event", "Flights Departed", "--on", "delay"],
    ["event-counts", "--events", "Flight Departed,flight departed"],
    ["property-counts", "--event", "flight departed", "--property", "origin"],
    ["retention", "--born", "flight departed"],
    ["retention", "--born", "Flight Departed", "--return", "flight departed"],
    ["frequency", "--event", "flight departed"],
]


def test_an_event_that_surely_does_not_exist_is_refused_without_a_request(
    landed: Simulator, here: Here
) -> None:
    assert here("inspect", "events").code == 0
    before = queries(landed)
    for question in UNKNOWN:
        for days in (LANDED, LATELY):
            answer = here("query", *question, *days)
            assert (answer.code, answer.out) == (4, ""), question
            assert answer.error["code"] == "EVENT_NOT_FOUND"
            assert answer.error["details"]["similar_events"][0] == "Flight Departed"
            assert "Flight Departed" in answer.error["hint"]
    assert queries(landed) == before


def test_asking_what_an_unknown_event_carries_is_refused_without_a_request(
    landed: Simulator, here: Here
) -> None:
    here("inspect", "events")
    before = queries(landed)
    for words in (["properties"], ["values", "-p", "origin"], ["subproperties", "-p", "origin"]):
        answer = here("inspect", *words, "--event", "flight departed")
        assert (answer.code, answer.error["code"]) == (4, "EVENT_NOT_FOUND")
    assert queries(landed) == before
    assert here("inspect", "properties", "--event", "flight departed", "--refresh").code == 4
    assert queries(landed) > before


def test_days_that_are_landed_need_no_list(landed: Simulator, here: Here) -> None:
    answer = here("query", "segmentation", "--event", "flight departed", *LANDED)
    assert (answer.code, answer.error["code"]) == (4, "EVENT_NOT_FOUND")
    assert "Flight Departed" in answer.error["hint"]
    assert queries(landed) == 0


def test_without_mixpanels_own_list_it_is_asked_and_zeros_are_told(
    landed: Simulator, here: Here
) -> None:
    answer = here("query", "segmentation", "--event", "flight departed", *LATELY)
    assert (answer.code, answer.json["total"]) == (0, 0)
    assert answer.err == (
        "mp: note: every number of 'flight departed' is 0, and no such event is known; "
        "did you mean Flight Departed?\n"
    )


@pytest.mark.parametrize("name", ["Sign Up", "$custom_event:123", "$session_start"])
def test_an_event_that_may_exist_is_asked_for(name: str, landed: Simulator, here: Here) -> None:
    here("inspect", "events")
    before = queries(landed)
    assert here("query", "segmentation", "--event", name, *LATELY).code == 0
    assert queries(landed) == before + 1


def test_days_that_no_list_covers_are_asked_for(landed: Simulator, here: Here) -> None:
    here("inspect", "events")
    earlier = ("--from", str(DAY - timedelta(1)), "--to", str(DAY))
    answer = here("query", "segmentation", "--event", "flight departed", *earlier)
    assert (answer.code, answer.json["total"]) == (0, 0)
    assert "did you mean Flight Departed?" in answer.err


def test_days_that_were_landed_long_ago_are_asked_for(
    landed: Simulator, here: Here, tmp_path: Path
) -> None:
    here("inspect", "events")
    with writing(warehouse_of(tmp_path)) as warehouse:
        warehouse.execute("update landed set exported_at = exported_at - interval 2 hours")
    answer = here("query", "segmentation", "--event", "flight departed", *LANDED)
    assert answer.code == 0
    # the days of Mixpanel's own list need none that is landed
    assert here("query", "segmentation", "--event", "flight departed", *LATELY).code == 4


def test_what_is_landed_and_locked_may_exist(landed: Simulator, here: Here, tmp_path: Path) -> None:
    here("inspect", "events")
    with writing(warehouse_of(tmp_path)):
        answer = here("query", "segmentation", "--event", "flight departed", *LATELY)
    assert answer.code == 0


def test_an_event_that_is_landed_is_asked_for(
    account: Simulator, here: Here, tmp_path: Path
) -> None:
    account.store.set_day(DAY, [event("Retired")])
    land(tmp_path)
    here("inspect", "events")
    assert here("query", "segmentation", "--event", "Retired", *LANDED).json["total"] == 1
    answer = here("query", "segmentation", "--event", "Retired", *LATELY)
    assert (answer.code, answer.err) == (0, "")  # there were none, and the name is right


def test_a_zero_of_an_event_where_nothing_is_known_says_where_names_are(
    account: Simulator, here: Here
) -> None:
    answer = here("query", "event-counts", "--events", "Flight Departed, Sign Up", *LANDED)
    assert answer.code == 0
    assert answer.err == (
        "mp: note: every number of ' Sign Up' is 0 (blanks are part of a name: 'Sign Up' is "
        "another); list the names: mp inspect events\n"
    )


ORIGEN = "every value of 'origen' is undefined: no counted event has it; "


def test_a_property_that_nothing_has_is_told(landed: Simulator, here: Here) -> None:
    for question in (
        ["segmentation", "--event", "Flight Departed", "--on", "origen"],
        ["segmentation", "--event", "Flight Departed", "--on", 'properties["origen"]'],
        ["property-counts", "--event", "Flight Departed", "--property", "origen"],
        ["retention", "--born", "Flight Departed", "--on", "origen", "--intervals", "1"],
        ["frequency", "--event", "Flight Departed", "--on", "origen"],
    ):
        answer = here("query", *question, *LANDED)
        assert answer.code == 0
        assert answer.err == f"mp: note: {ORIGEN}did you mean origin?\n", question


def test_a_property_of_no_number_is_told(landed: Simulator, here: Here) -> None:
    for kind in ("segmentation-sum", "segmentation-average", "segmentation-numeric"):
        answer = here("query", kind, "--event", "Flight Departed", "--on", "dellay", *LANDED)
        assert answer.code == 0
        assert answer.err == (
            "mp: note: no property 'dellay' of 'Flight Departed' is known; did you mean delay?\n"
        )
    where = ["--where", 'properties["orgin"] == "ORD"']
    answer = here("query", "segmentation", "--event", "Flight Departed", *where, *LANDED)
    assert "no property 'orgin' of 'Flight Departed' is known; did you mean origin?" in answer.err


def test_a_value_with_blanks_around_is_told(landed: Simulator, here: Here) -> None:
    of = ["--event", "Flight Departed", "--property", "origin", *LANDED]
    answer = here("query", "property-counts", *of, "--values", "ORD, SFO")
    assert answer.err == (
        "mp: note: every number of the value ' SFO' is 0 (blanks are part of a name: 'SFO' is "
        "another)\n"
    )


def test_answers_with_numbers_say_nothing(landed: Simulator, here: Here) -> None:
    for question in (
        ["segmentation", "--event", "Flight Departed", "--on", "origin"],
        ["segmentation-sum", "--event", "Flight Departed", "--on", "delay"],
        ["event-counts", "--events", "Flight Departed"],
        ["retention", "--born", "Flight Departed", "--return", "Flight Departed"],
        ["frequency"],
    ):
        answer = here("query", *question, *LANDED)
        assert (answer.code, answer.err) == (0, "")


def test_a_fetch_of_an_event_that_nobody_did_is_told(landed: Simulator, here: Here) -> None:
    asked = ["--events", "Flight Departed, Flight Departed", *LANDED]
    told = (
        "mp: note: no event ' Flight Departed' is among what was fetched (blanks are part of a "
        "name: 'Flight Departed' is another); did you mean Flight Departed?"
    )
    answer = here("--quiet", "fetch", "events", "y", *asked)
    assert (answer.json["rows"], told in answer.err) == (3, True)
    assert told in here("--quiet", "fetch", "events", "--stdout", *asked).err


def test_a_fetch_of_a_property_that_no_profile_has_is_told(landed: Simulator, here: Here) -> None:
    landed.profiles.set([{"$distinct_id": "ann", "$properties": {"plan": "pro"}}])
    answer = here("--quiet", "fetch", "profiles", "p", "--output-properties", "plan, visits")
    assert answer.json["rows"] == 1
    assert "no profile that was fetched has a property ' visits'" in answer.err
    assert "'plan'" not in answer.err


def test_the_same_is_told_in_python(landed: Simulator) -> None:
    span = {"from_date": DAY, "to_date": DAY}
    with mp.Workspace() as ws:
        with pytest.warns(AnswerWarning, match="did you mean Flight Departed") as told:
            ws.segmentation("flight departed", from_date=DAY - timedelta(1), to_date=DAY)
        assert told[0].filename == __file__
        with pytest.warns(AnswerWarning, match="did you mean origin"):
            ws.segmentation("Flight Departed", on="origen", **span)
        ws.events()
        asked = queries(landed)
        with pytest.raises(EventNotFoundError, match="there is no event 'flight departed'"):
            ws.segmentation("flight departed", **span)
        with pytest.raises(EventNotFoundError):
            ws.properties("flight departed")
        assert queries(landed) == asked
        assert ws.properties("Flight Departed") != []


def test_a_landed_event_has_no_properties_lately_from_every_door(
    account: Simulator, here: Here, tmp_path: Path
) -> None:
    account.store.set_day(DAY, [event("Retired")])
    land(tmp_path)
    assert here("inspect", "properties", "--event", "Retired").json == []
    with mp.Workspace() as ws:
        assert ws.properties("Retired") == []


def ran(instance: dg.DagsterInstance, **asked: str) -> tuple[bool, str]:
    """Whether the job of the question succeeded, and what it logged."""
    days = {"from_date": str(DAY), "to_date": str(DAY)}
    done = job("ask").execute_in_process(
        run_config={"ops": {"ask": {"config": {"segmentation": {**asked, **days}}}}},
        instance=instance,
        raise_on_error=False,
    )
    return done.success, "\n".join(str(entry) for entry in instance.all_logs(done.run_id))


def test_the_same_is_told_in_dagster(landed: Simulator, capfd: pytest.CaptureFixture[str]) -> None:
    with dg.DagsterInstance.ephemeral() as instance, mp.Workspace() as ws:
        success, _ = ran(instance, event="Flight Departed", on="origen")
        assert (success, "did you mean origin?" in capfd.readouterr().err) == (True, True)
        ws.events()
        asked = queries(landed)
        success, log = ran(instance, event="flight departed")
        assert (success, "EVENT_NOT_FOUND" in log) == (False, True)
        assert queries(landed) == asked


@contextmanager
def client_of(
    tmp_path: Path, answers: Callable[[httpx.Request], httpx.Response]
) -> Iterator[Client]:
    """A client that knows what is landed in no warehouse, and what it asks before."""
    with Client(
        Credentials(username="u", secret=SecretStr("s"), project_id="1"),
        Budget(tmp_path / "budget.sqlite", "1"),
        transport=httpx.MockTransport(answers),
        sleep=lambda seconds: None,
    ) as client:
        tell_names(client, Settings(tmp_path / "home"), lambda: reading(tmp_path / "none.duckdb"))
        yield client


def test_mixpanels_own_refusal_of_an_event_is_told_with_names_like_it(tmp_path: Path) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": "Invalid event name: 'flight departed'"})

    with client_of(tmp_path, answers) as client, pytest.raises(EventNotFoundError) as raised:
        live.segmentation(client, "flight departed", from_date=DAY, to_date=DAY)
    assert "Invalid event name" in raised.value.message
    assert raised.value.details["status"] == 400
    assert raised.value.exit_code == 4


def test_a_list_that_mixpanel_cut_refuses_nothing(tmp_path: Path) -> None:
    from mixpanel_assets.mixpanel.cache import CachedAnswers
    from mixpanel_assets.mixpanel.catalog.questions import event_names

    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/names"):
            return httpx.Response(200, json=[f"Event {n}" for n in range(count)])
        return httpx.Response(200, json={"data": {"series": [], "values": {}}})

    lately = {"from_date": TODAY - timedelta(2), "to_date": TODAY}
    for count in (5000, 4999):
        with client_of(tmp_path / str(count), answers) as client, notes_to([].append):
            event_names(CachedAnswers(client, Settings(home=tmp_path / str(count) / "home")))
            if count == 5000:
                assert live.segmentation(client, "event 7", **lately).total == 0
            else:
                with pytest.raises(EventNotFoundError) as raised:
                    live.segmentation(client, "event 7", **lately)
                assert "Event 7" in json.dumps(raised.value.to_dict())


@pytest.mark.parametrize("kind", ["segmentation-sum", "segmentation-average"])
def test_text_among_the_numbers_of_a_sum_is_told(
    account: Simulator, here: Here, tmp_path: Path, kind: str
) -> None:
    amounts = [1, "39,90", "1,234.56"]
    paid = [event("Paid", NOON + n, amount=amount) for n, amount in enumerate(amounts)]
    account.store.set_day(DAY, paid)
    land(tmp_path)
    asked = ("query", kind, "--event", "Paid", "--on", "amount", *LANDED)
    note = "2 landed values of 'amount' are text, which counts as 0; "
    assert note in here(*asked).err
    assert here(*asked[:5], 'number(properties["amount"])', *LANDED).err == ""
    account.store.set_day(DAY, paid[:1])
    land(tmp_path)
    assert here(*asked).err == ""
