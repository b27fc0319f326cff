"""Whatever a server sends, a command ends: soon, in little memory, and with nothing changed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.fetch import pull_events, pull_profiles
from mixpanel_assets.ingest import ingest_profiles
from mixpanel_assets.mixpanel.bounds import Bounds
from mixpanel_assets.mixpanel.export.arrivals import newest_arrivals
from mixpanel_assets.mixpanel.export.profiles import MOST_BEYOND
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.connection import reading
from mixpanel_assets_tests.asking import discovery, live
from mixpanel_assets_tests.conftest import DAY, Project, Tries, event, project_at
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.hostile import (
    GB,
    MB,
    OK,
    RECORD,
    Again,
    Asked,
    Harm,
    Hostile,
    answer,
    bomb,
    inflating,
    measured,
    page,
    raw,
    repeated,
    zipped,
)

Made = Callable[[Callable[[int, int], int]], Harm]

LENGTH = b"Content-Length: %d\r\n\r\n"
GZIP = b"Content-Encoding: gzip\r\n"
AWAY = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nConnection: close\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def dripping(first: bytes = b"") -> Again:
    """The first piece, and then a space a hundred times a second, for ever."""

    def drops() -> Iterator[bytes]:
        yield first
        while not threading.Event().wait(0.01):
            yield b" "

    return Again(drops)


def headers(count: int) -> Again:
    return Again(lambda: (b"X-%d: y\r\n" % n for n in range(count)))


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def failed(status: int, *pieces: Any, headers: bytes = b"") -> Harm:
    return raw(b"HTTP/1.1 %d No\r\n" % status, headers, b"Connection: close\r\n\r\n", *pieces)


# What any answer may do: made of `tries`, and how it ends.
ANYWHERE: dict[str, tuple[Made, str]] = {
    "a header that does not end": (
        lambda size: raw(OK, b"X: ", repeated(b"a", size(2 * MB, 100 * MB))),
        "UNAVAILABLE",
    ),
    "a hundred thousand headers": (lambda size: raw(OK, headers(100_000)), "UNAVAILABLE"),
    "no HTTP": (lambda size: raw(b"220 smtp.example.com ESMTP\r\n"), "UNAVAILABLE"),
    "nothing at all": (lambda size: raw(), "UNAVAILABLE"),
    "a length that is no number": (
        lambda size: raw(OK, b"Content-Length: many\r\n\r\n"),
        "UNAVAILABLE",
    ),
    "two lengths": (
        lambda size: raw(OK, b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]"),
        "UNAVAILABLE",
    ),
    "a redirect to itself": (lambda size: raw(AWAY % b"/api/2.0/export"), "API_ERROR"),
    "an error that does not end": (
        lambda size: failed(500, repeated(b"no! ", size(2 * MB, 10 * GB))),
        "SERVER_ERROR",
    ),
    "an error that inflates": (
        lambda size: failed(500, inflating(b" ", size(8 * MB, 10 * GB)), headers=GZIP),
        "SERVER_ERROR",
    ),
    "an error that inflates twice": (
        lambda size: failed(500, b"\x1f\x8b", headers=b"Content-Encoding: gzip, gzip\r\n"),
        "UNAVAILABLE",
    ),
    "an error nested deeply": (lambda size: failed(500, b"[" * 60_000), "SERVER_ERROR"),
    "a refusal for a number of seconds that is none": (
        lambda size: failed(429, headers=b"Retry-After: nan\r\n"),
        "RATE_LIMITED",
    ),
    "a refusal for ever": (
        lambda size: failed(429, headers=b"Retry-After: inf\r\n"),
        "RATE_LIMITED",
    ),
    "a refusal until a date without a zone": (
        lambda size: failed(429, headers=b"Retry-After: Mon, 01 Jan 2024 00:00:00 -0000\r\n"),
        "RATE_LIMITED",
    ),
}


EXPORTS: dict[str, tuple[Made, str]] = {
    **ANYWHERE,
    "a line that does not end": (
        lambda size: answer(repeated(b"a", size(20 * MB, 10 * GB))),
        "EXPORT_INCOMPLETE",
    ),
    "a line that does not end, compressed": (
        lambda size: bomb(b"a", size(20 * MB, 10 * GB)),
        "EXPORT_INCOMPLETE",
    ),
    "blank lines without end, compressed": (
        lambda size: bomb(b"\n", size(32 * MB, 10 * GB)),
        "ANSWER_TOO_LARGE",
    ),
    "events without end": (
        lambda size: answer(repeated(RECORD, size(32 * MB, 10 * GB))),
        "ANSWER_TOO_LARGE",
    ),
    "events without end, compressed": (
        lambda size: bomb(RECORD, size(32 * MB, 10 * GB)),
        "ANSWER_TOO_LARGE",
    ),
    "a body compressed twice": (
        lambda size: answer(inflating(b"a", 8 * MB), headers=b"Content-Encoding: gzip, gzip\r\n"),
        "EXPORT_INCOMPLETE",
    ),
    "a body that is not compressed as it says": (
        lambda size: answer(RECORD, headers=GZIP),
        "EXPORT_INCOMPLETE",
    ),
    "a length too long": (lambda size: raw(OK, LENGTH % 999, RECORD), "EXPORT_INCOMPLETE"),
    "a length too short": (
        lambda size: raw(OK, LENGTH % (len(RECORD) + 9), RECORD, RECORD),
        "EXPORT_INCOMPLETE",
    ),
    "a length below zero": (lambda size: raw(OK, LENGTH % -1, RECORD), "UNAVAILABLE"),
    "a chunk of a size that is none": (
        lambda size: raw(CHUNKED, b"zz\r\n", RECORD),
        "EXPORT_INCOMPLETE",
    ),
    "a chunk of a size below zero": (
        lambda size: raw(CHUNKED, b"-9\r\n", RECORD),
        "EXPORT_INCOMPLETE",
    ),
    "a chunk larger than the world": (
        lambda size: raw(CHUNKED, b"f" * 16 + b"\r\n", RECORD),
        "EXPORT_INCOMPLETE",
    ),
    "a chunk whose size does not end": (
        lambda size: raw(CHUNKED, repeated(b"0", size(2 * MB, GB))),
        "EXPORT_INCOMPLETE",
    ),
    "no last chunk": (
        lambda size: raw(CHUNKED, b"%x\r\n%s\r\n" % (len(RECORD), RECORD)),
        "EXPORT_INCOMPLETE",
    ),
    "a page for people": (
        lambda size: answer(
            b"<!DOCTYPE html>\n<p>Hello!\n", headers=b"Content-Type: text/html\r\n"
        ),
        "EXPORT_INCOMPLETE",
    ),
    "a million empty records": (
        lambda size: answer(repeated(b"{}\n", 3 * MB)),
        "EXPORT_INCOMPLETE",
    ),
    "a record nested deeply that does not end": (
        lambda size: answer(b'{"event":"a","properties":{"x":', b"[" * MB),
        "EXPORT_INCOMPLETE",
    ),
    "a record with more properties than there are": (
        lambda size: answer(properties(size(250_000, 600_000))),
        "LOAD_FAILED",
    ),
}

ANSWERS: dict[str, tuple[Made, str]] = {
    **ANYWHERE,
    "an answer that does not end": (
        lambda size: answer(b'"', repeated(b"a", size(8 * MB, 10 * GB))),
        "ANSWER_TOO_LARGE",
    ),
    "an answer that inflates": (
        lambda size: bomb(b" ", size(8 * MB, 10 * GB)),
        "ANSWER_TOO_LARGE",
    ),
    "a body compressed twice": (
        lambda size: answer(inflating(b" ", 8 * MB), headers=b"Content-Encoding: gzip, gzip\r\n"),
        "UNAVAILABLE",
    ),
    "a body compressed as nobody asked": (
        lambda size: answer(b"[]", headers=b"Content-Encoding: br\r\n"),
        "UNAVAILABLE",
    ),
    "more names than fit in memory": (
        lambda size: zipped(b"{", Again(lambda: names(size(200_000, 5_000_000))), b'"a":1}'),
        "ANSWER_TOO_LARGE",
    ),
    "more values than fit in memory": (
        lambda size: zipped(b"[", repeated(b"{},", size(3 * MB, 100 * MB)), b"1]"),
        "ANSWER_TOO_LARGE",
    ),
    "an answer nested deeply": (lambda size: answer(nested(200_000)), "NO_ANSWER"),
    "a length too long": (lambda size: raw(OK, LENGTH % 999, b"{}"), "UNAVAILABLE"),
    "a length too short": (lambda size: raw(OK, LENGTH % 1, b"{}"), "NO_ANSWER"),
    "a chunk of a size that is none": (lambda size: raw(CHUNKED, b"zz\r\n{}"), "UNAVAILABLE"),
    "a chunk larger than the world": (
        lambda size: raw(CHUNKED, b"f" * 16 + b"\r\n{}"),
        "UNAVAILABLE",
    ),
    "a page for people": (
        lambda size: answer(b"<!DOCTYPE html><p>Hello!", headers=b"Content-Type: text/html\r\n"),
        "NO_ANSWER",
    ),
    "a million empty records": (
        lambda size: answer(repeated(b"{}\n", size(MB // 4, 3 * MB))),
        "NO_ANSWER",
    ),
    "no JSON, in words": (
        lambda size: zipped(repeated(b"a ", size(3 * MB, 120 * MB))),
        "NO_ANSWER",
    ),
    "a number of a million digits": (lambda size: answer(b"9" * MB), "NO_ANSWER"),
}


def properties(count: int) -> bytes:
    named = b",".join(b'"k%d":1' % n for n in range(count))
    return b'{"event":"a","properties":{"time":1704196800000,%s}}\n' % named


def names(count: int) -> Iterator[bytes]:
    for first in range(0, count, 1000):
        yield b"".join(b'"%d":[],' % n for n in range(first, first + 1000))


LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


Way = Callable[[Project], None]


def small(small: int, large: int) -> int:
    return small


def large(small: int, large: int) -> int:
    return large


# In the quick form everything is small, the bounds too.
SMALL = Bounds(answer_bytes=4 * MB, export_bytes=24 * MB)
SHORT = Bounds(answer_seconds=0.1, export_seconds=0.1)


@dataclass
class Victim:
    """A project that has landed a day and its profiles, and now meets another server."""

    home: Path
    project: Project
    landed: Any = None

    def state(self) -> Any:
        """Everything in the warehouse, and every file of ours beside it."""
        tables = ("events", "landed", "profiles", "kept_days", "people")
        with reading(self.project.path) as warehouse:
            rows = [warehouse.execute(f"from {t} order by all").fetchall() for t in tables]
        folders = ("landed", "spool", "data")
        files = [p for f in folders for p in (self.home / f).rglob("*") if p.is_file()]
        assert [p for p in files if "spool" in p.parts] == []
        return rows, sorted(files)

    @contextmanager
    def meeting(self, harm: Harm, bounds: Bounds = SMALL) -> Iterator[tuple[Project, Hostile]]:
        """The same project at a server that does harm; afterwards all is as it was before."""
        with Hostile(harm) as server:
            project = project_at(self.home, server)
            project.client.bounds = bounds
            with project.client:
                yield project, server
        assert self.state() == self.landed


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    home = tmp_path_factory.mktemp("victim") / "home"
    with Simulator() as mixpanel:
        mixpanel.store.set_day(DAY, [event("Open"), event("Buy", plan="pro")])
        mixpanel.profiles.set([{"$distinct_id": "ann", "$properties": {"n": 1}}])
        project = project_at(home, mixpanel)
        with project.client:
            project.ingest()
            ingest_profiles(project.client, project.warehouse, project.settings, DAY)
            pull = pull_events(project.client, project.settings, DAY, DAY)
            pull.fetch(project.warehouse, "kept_days")
            pull_profiles(project.client, project.settings).fetch(project.warehouse, "people")
        found = Victim(home, project)
        found.landed = found.state()
        yield found


def land(project: Project) -> None:
    project.ingest()


def land_profiles(project: Project) -> None:
    ingest_profiles(project.client, project.warehouse, project.settings, DAY)


def fetch(project: Project) -> None:
    pull_events(project.client, project.settings, DAY, DAY).fetch(project.warehouse, "t")


def append_profiles(project: Project) -> None:
    pull_profiles(project.client, project.settings).fetch(project.warehouse, "people", "append")


def look_for_late_days(project: Project) -> None:
    newest_arrivals(project.client, DAY, DAY, LONG_AGO)


def ask(project: Project) -> None:
    live.segmentation(project.client, "Open", from_date=str(DAY), to_date=str(DAY))


def look_up(project: Project) -> None:
    discovery.lexicon_schemas(project.client)


def assert_ends(victim: Victim, harm: Harm, ways: dict[Way, str], bounds: Bounds = SMALL) -> int:
    """Each way ends with the code, and says what was seen; how many requests that took."""
    with victim.meeting(harm, bounds) as (project, server):
        for way, code in ways.items():
            with pytest.raises(MixpanelDataError) as raised:
                way(project)
            assert (way.__name__, raised.value.code) == (way.__name__, code), raised.value.message
            assert 20 < len(raised.value.message) < 1000
        return len(server.asked)


def codes(table: dict[str, tuple[Made, str]], what: str) -> dict[Way, str]:
    """How each way ends that may meet this harm."""
    _, code = table[what]
    if table is EXPORTS:
        late = {} if code == "LOAD_FAILED" else {look_for_late_days: code}
        return {land: code, fetch: code, **late}
    asked, paged = ("API_ERROR", "EXPORT_INCOMPLETE") if code == "NO_ANSWER" else (code, code)
    return {ask: asked, land_profiles: paged, look_up: asked, append_profiles: paged}


def some(ways: dict[Way, str], what: str, tries: Tries) -> dict[Way, str]:
    """One of the ways, another for each harm; in the long form all of them."""
    chosen = list(ways.items())
    at = len(what) % len(chosen)
    return dict(chosen[at : at + 1] * tries(1, 0) or chosen)


@pytest.mark.parametrize("what", EXPORTS)
def test_an_export_that_does_harm_ends_and_changes_nothing(
    what: str, victim: Victim, tries: Tries
) -> None:
    assert_ends(victim, EXPORTS[what][0](small), some(codes(EXPORTS, what), what, tries))


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_that_does_harm_ends_and_changes_nothing(
    what: str, victim: Victim, tries: Tries
) -> None:
    assert_ends(victim, ANSWERS[what][0](small), some(codes(ANSWERS, what), what, tries))


def test_an_answer_that_drips_for_ever_is_ended(victim: Victim) -> None:
    ways: list[Way] = [land, fetch, look_for_late_days]
    assert_ends(victim, answer(dripping(RECORD)), dict.fromkeys(ways, "ANSWER_TOO_LARGE"), SHORT)
    ways = [ask, look_up, land_profiles, append_profiles]
    assert_ends(victim, answer(dripping(b"{")), dict.fromkeys(ways, "ANSWER_TOO_LARGE"), SHORT)


DAYS = ("--from", str(DAY), "--to", str(DAY))
COMMANDS: dict[str, tuple[str, ...]] = {
    "land": ("materialize", "events", *DAYS),
    "fetch": ("fetch", "events", "t", *DAYS),
    "ask": ("query", "segmentation", "--event", "Open", *DAYS),
    "look_up": ("inspect", "lexicon-schemas"),
    "land_profiles": ("materialize", "profiles"),
    "append_profiles": ("fetch", "profiles", "people", "--append"),
}
QUICK = (ANSWERS, "an answer that inflates", ask)


def test_a_process_that_meets_harm_stays_small(
    victim: Victim, tries: Tries, figures: Figures
) -> None:
    every = [
        (table, what, way)
        for table in (EXPORTS, ANSWERS)
        for what in table
        for way in codes(table, what)
        if way.__name__ in COMMANDS
    ]
    # Every third: each way, and nearly every harm.
    cases = [QUICK, *every[: tries(0, len(every)) : 3]]
    peaks = [process_peak(victim, *case) for case in cases]
    assert max(peaks) < 1500
    seen = f"each ended with its documented code, nothing changed; at most {max(peaks):,} MB"
    figures("A process of `mp` at a server that does harm", len(peaks), seen)


def process_peak(victim: Victim, table: dict[str, tuple[Made, str]], what: str, way: Way) -> int:
    """The most MB that `mp` had, at the real size of the harm."""
    code = codes(table, what)[way]
    # What a server said of its limits before this holds for an hour.
    (victim.home / "budget.sqlite").unlink(missing_ok=True)
    with victim.meeting(table[what][0](large)) as (_, server):
        ended = measured(
            *COMMANDS[way.__name__],
            peak=str(victim.home / "peak"),
            MP_HOME=str(victim.home),
            MP_BASE_URL=server.url,
            MP_USERNAME=server.project.username,
            MP_SECRET=server.project.secret,
            MP_PROJECT_ID=server.project.project_id,
            MP_MAX_EXPORT_GB="1",
        )
    assert (what, ended.error.get("code")) == (what, code), ended.error
    assert (ended.code, ended.out) == (EXITS[code], "")
    return ended.megabytes


EXITS = {"UNAVAILABLE": 5, "RATE_LIMITED": 5} | dict.fromkeys(
    ("ANSWER_TOO_LARGE", "EXPORT_INCOMPLETE", "API_ERROR", "SERVER_ERROR", "LOAD_FAILED"), 1
)


def pages(make: Callable[[int], bytes]) -> Harm:
    """Pages of profiles by their number."""
    return lambda asked: [make(int(asked.form["page"]))]


ALL_THERE_IS = 10**15
PAGES: dict[str, Harm] = {
    "new profiles on every page, for ever": pages(lambda n: page([f"u{n}"], total=1)),
    "a count that grows with every page": pages(
        lambda n: page([f"u{n}"], total=n + 1, page_size=1)
    ),
    "one page again and again, of a great many": pages(lambda n: page(["u"], total=ALL_THERE_IS)),
    "empty pages, of a great many": pages(lambda n: page([], total=ALL_THERE_IS)),
    "empty pages of a size beyond reason": pages(
        lambda n: page([], total=ALL_THERE_IS, page_size=10**30)
    ),
    "pages of no size": pages(lambda n: page([f"u{n % 9}"], total=99, page_size=0)),
    "pages of less than no size": pages(lambda n: page([f"u{n % 9}"], total=99, page_size=-9)),
    "a count that is none": pages(lambda n: page(["u"], total="many")),
    "a count without a number": pages(lambda n: page(["u"], total=float("nan"))),
    "a session that is no text": pages(lambda n: page(["u"], total=2, session_id={"a": ["b"]})),
    "profiles that are none": pages(lambda n: page([], results=[1, None, []], total=3)),
}


@pytest.mark.parametrize("what", PAGES)
def test_pages_that_do_harm_end_and_change_nothing(what: str, victim: Victim, tries: Tries) -> None:
    harm = PAGES[what]
    ways: dict[Way, str] = dict.fromkeys([land_profiles, append_profiles], "EXPORT_INCOMPLETE")
    ways = some(ways, what, tries)
    assert assert_ends(victim, harm, ways) <= 4 * (MOST_BEYOND + 2)


def test_credentials_never_go_to_the_host_of_a_redirect(victim: Victim) -> None:
    with Hostile(answer(b"{}")) as elsewhere:
        away = raw(AWAY % elsewhere.url.encode())
        ways = [land, fetch, look_for_late_days, ask, look_up, land_profiles, append_profiles]
        assert assert_ends(victim, away, dict.fromkeys(ways, "API_ERROR")) == len(ways)
        assert elsewhere.asked == []


def test_a_large_page_comes_in_small_ones(tmp_path: Path) -> None:
    def sized(asked: Asked) -> list[bytes]:
        size, number = int(asked.form["page_size"]), int(asked.form["page"])
        some = [f"{n:0>4000}" for n in range(size * number, min(1200, size * (number + 1)))]
        return [page(some, total=1200, page_size=size)]

    with Hostile(sized) as server:
        project = project_at(tmp_path / "home", server)
        project.client.bounds = SMALL
        with project.client:
            land_profiles(project)
        assert project.sql("select count(*) from profiles") == [(1200,)]
        assert [asked.form["page_size"] for asked in server.asked][:2] == ["5000", "500"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'"%s"' % (b"x" * 1_000_000), id="a megabyte of text"),
        pytest.param(nested(100_000), id="nested deeply"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="objects nested deeply"),
        pytest.param(b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}", id="names"),
    ],
)
def test_a_record_of_any_shape_lands_as_it_is(value: bytes, tmp_path: Path) -> None:
    record = b'{"event":"a","properties":{"time":1704196800000,"odd":%s}}\n' % value
    with Hostile(answer(record)) as server:
        project = project_at(tmp_path / "home", server)
        with project.client:
            project.ingest()
        ((stored,),) = project.sql("select properties::varchar from events")
    assert stored.encode() == record[26:-2]
