"""A download holds every profile once, or there is no file."""

import gzip
import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.errors import (
    AuthenticationError,
    ConfigError,
    ExportIncompleteError,
    MixpanelDataError,
    PlanRequiredError,
    QueryError,
    RateLimitError,
    ServerError,
    UnavailableError,
)
from mixpanel_assets.landed import LandedFile
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export.profiles import export_profiles
from mixpanel_assets.mixpanel.export.selection import ProfileSelection
from mixpanel_assets.simulator.query.engage import Paging
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, Project

EVERYBODY = ProfileSelection()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "landed"


class Download:
    """Downloads everybody, in pages of ten if not told otherwise."""

    client: Client

    def __init__(self, open_project: Callable[..., Project], folder: Path) -> None:
        self._open = open_project
        self._folder = folder

    def __call__(
        self, simulator: Simulator, page_size: int = 10, **more: Callable[[int, int], None]
    ) -> LandedFile:
        self.client = self._open(simulator).client
        return export_profiles(
            self.client, EVERYBODY, self._folder, DAY, page_size=page_size, **more
        )

    @property
    def queries(self) -> int:
        """How many queries of the hour were counted."""
        return self.client.budget.report()["query"]["used"]


@pytest.fixture
def download(open_project: Callable[..., Project], folder: Path) -> Download:
    """Downloads from a simulator into the folder."""
    return Download(open_project, folder)


def crowd(simulator: Simulator, count: int) -> None:
    """The simulator has so many profiles, `u0` and on."""
    profiles = ({"$distinct_id": f"u{n}", "$properties": {"n": n}} for n in range(count))
    simulator.profiles.set(profiles)


def ids(file: LandedFile) -> list[str]:
    """The distinct ids in the file, sorted: pages come as they like."""
    with gzip.open(file.path) as lines:
        return sorted(json.loads(line)["$distinct_id"] for line in lines)


def everybody(count: int) -> list[str]:
    return sorted(f"u{n}" for n in range(count))


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 40, 57])
def test_a_file_holds_every_profile_once(
    mixpanel: Simulator, download: Download, count: int
) -> None:
    crowd(mixpanel, count)
    file = download(mixpanel)
    assert ids(file) == everybody(count)
    assert file.records == count


def test_a_file_says_what_it_is(mixpanel: Simulator, download: Download, folder: Path) -> None:
    crowd(mixpanel, 25)
    file = download(mixpanel)
    assert list(folder.iterdir()) == [file.path]
    assert file.path.name == f"profiles.{DAY}.{file.exported_at:%Y%m%dT%H%M%S%fZ}.jsonl.gz"
    content = file.path.read_bytes()
    assert file.checksum == hashlib.sha256(content).hexdigest()
    assert len(mixpanel.requests) == 4  # three pages, and an empty one


def test_a_download_costs_one_query_however_many_pages_it_has(download: Download) -> None:
    with Simulator(limits=True) as mixpanel:
        crowd(mixpanel, 900)
        assert download(mixpanel).records == 900
    assert download.queries == 1


def test_never_are_more_than_five_pages_asked_for_at_once(download: Download) -> None:
    with Simulator(paging=Paging(page_latency=0.01)) as mixpanel:
        crowd(mixpanel, 300)
        assert download(mixpanel).records == 300
        assert mixpanel.concurrency_violations == 0


def test_a_download_leaves_one_of_the_five_to_questions(tmp_path: Path) -> None:
    lock, full, running, most = threading.Lock(), threading.Event(), 0, 0

    def wire(request: httpx.Request) -> httpx.Response:
        nonlocal running, most
        form = dict(parse_qsl(request.content.decode()))
        head = {"page_size": 1, "session_id": "s", "total": 20}
        if form["page"] != "0":
            with lock:
                running += 1
                most = max(most, running)
                if running == 4:
                    full.set()
            full.wait(30)
            with lock:
                running -= 1
        found = [{"$distinct_id": form["page"]}] if int(form["page"]) < 20 else []
        return httpx.Response(200, json={**head, "results": found})

    credentials = Credentials(username="u", secret=SecretStr("s"), project_id="1")
    budget = Budget(tmp_path / "budget.sqlite", "1")
    with Client(credentials, budget, transport=httpx.MockTransport(wire)) as mixpanel:
        file = export_profiles(mixpanel, EVERYBODY, tmp_path / "landed", DAY, page_size=1)
    assert (file.records, most) == (20, 4)


def test_twenty_thousand_profiles_come_in_pages_of_the_size_mixpanel_allows(
    download: Download,
) -> None:
    with Simulator(paging=Paging(most_per_page=1000)) as mixpanel:
        mixpanel.profiles.fill(20_000)
        file = download(mixpanel, page_size=5000)
        assert (file.records, len(mixpanel.requests)) == (20_000, 21)
        assert {seen.params["page_size"] for seen in mixpanel.requests[1:]} == {"1000"}


def test_the_progress_is_told_page_by_page(mixpanel: Simulator, download: Download) -> None:
    crowd(mixpanel, 25)
    told: list[tuple[int, int]] = []
    download(mixpanel, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (10, 25)
    assert told[-1] == (25, 25)
    assert told == sorted(told)


PASSING = ["500@{}", "502@{}", "429@{}", "429-bare@{}", "reset@{}", "500@{}-{}"]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("fault", PASSING)
def test_a_page_that_fails_is_asked_for_again_in_the_same_session(
    mixpanel: Simulator, download: Download, fault: str, number: int
) -> None:
    crowd(mixpanel, 45)
    mixpanel.fail_engage(fault.format(number, number + 1))
    file = download(mixpanel)
    assert ids(file) == everybody(45)
    sessions = {seen.params.get("session_id") for seen in mixpanel.requests}
    assert len(sessions - {None}) == 1


def sessions_begun(mixpanel: Simulator) -> int:
    return sum("session_id" not in seen.params for seen in mixpanel.requests)


def test_a_session_that_expires_is_begun_anew_once(mixpanel: Simulator, download: Download) -> None:
    crowd(mixpanel, 45)
    mixpanel.fail_engage("expired@3")
    assert ids(download(mixpanel)) == everybody(45)
    assert sessions_begun(mixpanel) == 2
    assert download.queries == 2


def test_sessions_that_keep_expiring_leave_no_file(download: Download, folder: Path) -> None:
    with Simulator(paging=Paging(session_pages=3)) as mixpanel:
        crowd(mixpanel, 100)
        with pytest.raises(ExportIncompleteError, match="expired") as raised:
            download(mixpanel)
        assert sessions_begun(mixpanel) == 2
    assert raised.value.details["total"] == 100
    assert list(folder.iterdir()) == []


def test_a_session_that_ends_after_the_last_profile_has_done_its_work(
    download: Download,
) -> None:
    with Simulator(paging=Paging(session_pages=3)) as mixpanel:
        crowd(mixpanel, 30)
        assert ids(download(mixpanel)) == everybody(30)
        assert sessions_begun(mixpanel) == 1


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_short_page_is_asked_for_again(
    mixpanel: Simulator, download: Download, number: int
) -> None:
    crowd(mixpanel, 45)
    mixpanel.fail_engage(f"short@{number}")
    assert ids(download(mixpanel)) == everybody(45)
    assert sessions_begun(mixpanel) == 1
    assert download.queries == 1


def test_pages_that_stay_short_leave_no_file(
    mixpanel: Simulator, download: Download, folder: Path
) -> None:
    crowd(mixpanel, 45)
    mixpanel.fail_engage("short@*")
    with pytest.raises(ExportIncompleteError) as raised:
        download(mixpanel)
    assert raised.value.code == "EXPORT_INCOMPLETE"
    assert raised.value.details["profiles_seen"] == 22
    assert raised.value.details["total"] == 45
    assert sessions_begun(mixpanel) == 2
    assert list(folder.iterdir()) == []


def test_profiles_that_come_twice_are_kept_once(mixpanel: Simulator, download: Download) -> None:
    crowd(mixpanel, 45)
    mixpanel.fail_engage("duplicate@*")
    assert ids(download(mixpanel)) == everybody(45)
    assert sessions_begun(mixpanel) == 1


class _Once:
    """Does something after the first page, the first time."""

    def __init__(self, change: Callable[[], Any]) -> None:
        self._change: Callable[[], Any] | None = change

    def __call__(self, done: int, total: int) -> None:
        if self._change:
            change, self._change = self._change, None
            change()


def test_profiles_that_change_between_pages_are_there_all_the_same(download: Download) -> None:
    with Simulator(paging=Paging(live=True)) as mixpanel:
        crowd(mixpanel, 45)
        file = download(
            mixpanel, progress=_Once(lambda: mixpanel.profiles.update("u30", set={"n": "new"}))
        )
    assert ids(file) == everybody(45)
    with gzip.open(file.path) as lines:
        (changed,) = [line for line in map(json.loads, lines) if line["$distinct_id"] == "u30"]
    assert changed["$properties"]["n"] == "new"


def test_a_profile_that_is_made_between_pages_hides_no_other(download: Download) -> None:
    with Simulator(paging=Paging(live=True)) as mixpanel:
        crowd(mixpanel, 40)
        file = download(
            mixpanel, progress=_Once(lambda: mixpanel.profiles.update("new", set={"n": 1}))
        )
    assert set(everybody(40)) <= set(ids(file))
    assert len(ids(file)) == file.records


def test_a_profile_that_vanishes_between_pages_hides_no_other(download: Download) -> None:
    with Simulator(paging=Paging(live=True)) as mixpanel:
        crowd(mixpanel, 45)
        file = download(mixpanel, progress=_Once(lambda: mixpanel.profiles.delete("u3")))
        assert sessions_begun(mixpanel) == 2
    assert ids(file) == sorted(f"u{n}" for n in range(45) if n != 3)
    assert file.records == 44


def test_profiles_that_keep_vanishing_leave_no_file(download: Download, folder: Path) -> None:
    def vanish(done: int, total: int) -> None:
        mixpanel.profiles.delete(f"u{total - done}")

    with Simulator(paging=Paging(live=True)) as mixpanel:
        crowd(mixpanel, 45)
        with pytest.raises(ExportIncompleteError):
            download(mixpanel, progress=vanish)
    assert list(folder.iterdir()) == []


LASTING: list[tuple[str, type[MixpanelDataError]]] = [
    ("401@{}", AuthenticationError),
    ("402@{}", PlanRequiredError),
    ("403@{}", AuthenticationError),
    ("429@{}-99", RateLimitError),
    ("500@{}-99", ServerError),
    ("502@{}-99", ServerError),
    ("reset@{}-99", UnavailableError),
]


@pytest.mark.parametrize(("fault", "kind"), LASTING)
def test_a_failure_of_a_later_page_that_lasts_leaves_no_file(
    mixpanel: Simulator,
    download: Download,
    folder: Path,
    fault: str,
    kind: type[MixpanelDataError],
) -> None:
    crowd(mixpanel, 45)
    mixpanel.fail_engage(fault.format(3))
    with pytest.raises(kind):
        download(mixpanel)
    assert list(folder.iterdir()) == []


def test_a_question_mixpanel_does_not_accept_is_put_once(
    mixpanel: Simulator, project: Project, folder: Path
) -> None:
    with pytest.raises(QueryError, match="syntax error"):
        export_profiles(project.client, ProfileSelection(where='properties["n"'), folder, DAY)
    assert len(mixpanel.requests) == 1


def test_a_folder_that_cannot_be_written_is_said_so(
    mixpanel: Simulator, download: Download, folder: Path
) -> None:
    folder.write_text("a file")
    with pytest.raises(ConfigError):
        download(mixpanel)
    assert mixpanel.requests == []
