"""However answers fail, and however often: the truth lands, or a command says what did not."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.fetch import pull_events, pull_profiles
from mixpanel_assets.ingest import ingest_profiles
from mixpanel_assets.mixpanel.catalog.rows import export_catalog
from mixpanel_assets.simulator.faults import KINDS, PAGE_KINDS, QUERY_KINDS, STATUS_KINDS
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.warehouse.connection import reading
from mixpanel_assets.warehouse.load.catalog import CATALOG_TABLES, replace_catalog
from mixpanel_assets_tests.asking import discovery, live
from mixpanel_assets_tests.conftest import (
    DAY,
    NOON,
    Answer,
    Project,
    Tries,
    event,
    long,
    project_at,
)
from mixpanel_assets_tests.torture.conftest import Figures

DAY_MS = 86_400_000
DAYS = 10
LAST = DAY + timedelta(DAYS - 1)
ATTEMPTS = 4

# What each fault is, once it came as often as a request is tried; "" is none.
CODES = {
    **dict.fromkeys(("cut-glued", "cut-line", "cut-body", "error-tail"), "EXPORT_INCOMPLETE"),
    **dict.fromkeys(("truncated-gzip", "bad-crc", "short", "expired"), "EXPORT_INCOMPLETE"),
    **dict.fromkeys(("429", "429-bare", "429-concurrency"), "RATE_LIMITED"),
    **dict.fromkeys(("500", "502"), "SERVER_ERROR"),
    **dict.fromkeys(("401", "403"), "AUTH_FAILED"),
    **dict.fromkeys(("200-error", "400-timeout"), "QUERY_FAILED"),
    **dict.fromkeys(("no-newline", "slow", "duplicate"), ""),
    "402": "PLAN_REQUIRED",
    "reset": "UNAVAILABLE",
}
ONCE = ("401", "402", "403", "200-error", "400-timeout")
# Nothing in it shows that more was to come: no tool can see it (docs/how-it-works/landing.md).
UNSEEN = "clean-cut"


def made_up() -> Simulator:
    """A project with events, profiles and everything of a catalog; its clock costs nothing."""
    store = Store(world=World(first_day=DAY, events_per_day=5), last_day=LAST)
    return Simulator(store, retry_after=0, slow_seconds=0)


@dataclass
class Place:
    """A project at a simulator, which tests share one after the other."""

    mixpanel: Simulator
    project: Project
    number: int = 0

    def change(self) -> None:
        """The day and the profiles are others than ever before."""
        self.number += 1
        n = self.number
        self.mixpanel.store.set_day(DAY, [event(time=NOON + i, n=n) for i in range(60)])
        self.mixpanel.profiles.set(
            {"$distinct_id": f"u{i}", "$properties": {"n": n}} for i in range(9)
        )

    def state(self, name: str) -> Any:
        """What is landed; a question can't change it."""
        if name not in ("export", "engage"):
            return None
        tables = ("events", "landed", "profiles", "profile_history", *CATALOG_TABLES)
        files = sorted(p for p in self.project.settings.home.rglob("*.gz*"))
        with reading(self.project.path) as warehouse:
            rows = [warehouse.execute(f"from {t} order by all").fetchall() for t in tables]
        return rows, files


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with made_up() as mixpanel:
        project = project_at(tmp_path_factory.mktemp("place") / "home", mixpanel)
        with project.client:
            found = Place(mixpanel, project)
            found.change()
            for land in (land_events, land_profiles, land_catalog):
                land(found.project)
            yield found


def land_events(project: Project) -> Any:
    project.ingest()
    return project.sql('select distinct n, count(*) over () from by_event."Open"')


def take_snapshot(project: Project) -> None:
    ingest_profiles(project.client, project.warehouse, project.settings)


def land_profiles(project: Project) -> Any:
    take_snapshot(project)
    return project.sql("select distinct n, count(*) over () from profiles")


def land_catalog(project: Project) -> Any:
    parts = export_catalog(project.client)
    with project.warehouse() as warehouse:
        replace_catalog(warehouse, parts, day=DAY)
    return [project.sql(f"from {table} order by all") for table in CATALOG_TABLES]


def ask(project: Project) -> Any:
    return live.segmentation(
        project.client, "Open", from_date=str(DAY), to_date=str(LAST)
    ).to_dict()


def listed(ask: Callable[..., Any]) -> Callable[[Project], Any]:
    return lambda project: ask(project.client).to_dicts()


@dataclass(frozen=True)
class Endpoint:
    """What is asked, how its answers are made to fail, and in which ways."""

    use: Callable[[Project], Any]
    fail: Callable[[Simulator], Callable[..., None]]
    kinds: tuple[str, ...]


ENDPOINTS = {
    "export": Endpoint(land_events, lambda sim: sim.fail, KINDS),
    "engage": Endpoint(land_profiles, lambda sim: sim.fail_engage, PAGE_KINDS),
    "segmentation": Endpoint(ask, lambda sim: sim.fail_query, QUERY_KINDS),
    "cohorts": Endpoint(listed(discovery.cohorts), lambda sim: sim.fail_query, QUERY_KINDS),
    "funnels": Endpoint(listed(discovery.funnels), lambda sim: sim.fail_query, QUERY_KINDS),
    "Lexicon": Endpoint(listed(discovery.lexicon_schemas), lambda sim: sim.fail_app, STATUS_KINDS),
    "bookmarks": Endpoint(listed(discovery.list_bookmarks), lambda sim: sim.fail_app, STATUS_KINDS),
    "annotations": Endpoint(listed(discovery.annotations), lambda sim: sim.fail_app, STATUS_KINDS),
}
MATRIX = [(name, kind) for name, one in ENDPOINTS.items() for kind in one.kinds if kind != UNSEEN]


@pytest.mark.parametrize(("name", "kind"), MATRIX)
def test_a_failure_passes_or_is_named_and_changes_nothing(
    name: str, kind: str, place: Place, tries: Tries
) -> None:
    endpoint = ENDPOINTS[name]
    fail = endpoint.fail(place.mixpanel)
    # An export that is reset is cut; a session that ends, or repeats, has told everything by then.
    code = "EXPORT_INCOMPLETE" if (name, kind) == ("export", "reset") else CODES[kind]
    asked_at_most = 1 if kind in ONCE else ATTEMPTS
    fail()
    for times in (1, ATTEMPTS - 1, ATTEMPTS, ATTEMPTS + 1)[tries(2, 0) : tries(3, 4)]:
        place.change()
        before, asked = place.state(name), len(place.mixpanel.requests)
        fail(f"{kind}@1-{times}")
        if kind in ("short", "expired"):
            assert_pages_survive(place, endpoint, times)
        elif code and times >= asked_at_most:
            with pytest.raises(MixpanelDataError) as raised:
                endpoint.use(place.project)
            assert (raised.value.code, bool(raised.value.message)) == (code, True)
            assert len(place.mixpanel.requests) - asked == asked_at_most
            assert place.state(name) == before
        else:
            assert answered(place, endpoint, name)
        fail()
    assert answered(place, endpoint, name)


def answered(place: Place, endpoint: Endpoint, name: str) -> bool:
    """Whether what came is the truth."""
    found = endpoint.use(place.project)
    if name == "export":
        return bool(found == [(place.number, 60)])
    if name == "engage":
        return bool(found == [(place.number, 9)])
    return bool(found)


def assert_pages_survive(place: Place, endpoint: Endpoint, times: int) -> None:
    """A short page is asked for again, and a session that ends is begun again: twice in all."""
    before = place.state("engage")
    code = ""
    try:
        assert endpoint.use(place.project) == [(place.number, 9)]
    except MixpanelDataError as error:
        code = error.code
    if code:
        assert (code, times > 2) == ("EXPORT_INCOMPLETE", True)
        assert place.state("engage") == before


# What a run may end with, whatever failed on the way.
NAMED = {*CODES.values(), "UNAVAILABLE"} - {""}
SEEDS = 1000
LONGEST = 9  # answers in a row that a plan says something about
EVERY_KIND = {
    "events": KINDS,
    "fetch": KINDS,
    "profiles": PAGE_KINDS,
    "fetch profiles": PAGE_KINDS,
    "catalog": STATUS_KINDS,
}
COMMANDS = ("events",) * 4 + ("fetch", "profiles", "fetch profiles", "catalog")
Day = tuple[tuple[str, str], ...]


class Plan:
    """What one seed makes up: a project, what of it is landed, what changed since, what fails."""

    def __init__(self, seed: int) -> None:
        self.made = random.Random(seed)
        self.seed = seed
        self.command = self.made.choice(COMMANDS)
        self.old = [self._day(n, "old") for n in range(DAYS)]
        self.new = [
            self._day(n, "new") if self.made.random() < 0.5 else self.old[n] for n in range(DAYS)
        ]
        self.landed = self._range() if self.made.random() < 0.8 else None
        self.first, self.last = self._range()
        self.people = self._people()
        self.faults = list(self._faults(EVERY_KIND[self.command]))
        self.query_faults = list(self._faults(QUERY_KINDS)) if self.command == "catalog" else []

    def __repr__(self) -> str:
        what = f"{self.command} {self.first}..{self.last} after {self.landed}"
        return f"Plan({self.seed}): {what}, failing {self.faults} {self.query_faults}"

    def _range(self) -> tuple[int, int]:
        first, last = sorted((self.made.randrange(DAYS), self.made.randrange(DAYS)))
        return first, last

    def _day(self, number: int, age: str) -> Day:
        count = self.made.choice((0, 1, 5, 40))
        return tuple((f"{age}-{number}-{n}", "x" * self.made.randrange(90)) for n in range(count))

    def _people(self) -> tuple[list[str], list[str]]:
        before = [f"u{n}" for n in range(self.made.randrange(20))]
        return before, [name for name in before if self.made.random() < 0.8] + ["new"]

    def _faults(self, kinds: tuple[str, ...]) -> Iterator[str]:
        # A part of the catalog that the plan refuses is skipped, and said to be.
        unseen = "402" if self.command == "catalog" else UNSEEN
        kinds = tuple(kind for kind in kinds if kind != unseen)
        often = self.made.choice((0.2, 0.5, 0.9))
        alike = self.made.choice(kinds) if self.made.random() < 0.3 else None
        for number in range(1, self.made.randrange(1, LONGEST + 1) + 1):
            if self.made.random() < often:
                yield f"{alike or self.made.choice(kinds)}@{number}"


@dataclass
class Run:
    """A plan carried out at a simulator, in a home of its own."""

    plan: Plan
    mixpanel: Simulator
    project: Project

    def serve(self, days: list[Day], people: list[str], age: str) -> None:
        for number, day in enumerate(days):
            noon = NOON + number * DAY_MS
            records = [event(time=noon, **{"$insert_id": name, "x": x}) for name, x in day]
            self.mixpanel.store.set_day(DAY + timedelta(number), [*records, *records[:2]])
        self.mixpanel.profiles.set(
            {"$distinct_id": name, "$properties": {"age": age}} for name in people
        )

    def prepare(self) -> None:
        """Some is landed, and then Mixpanel changes."""
        before, after = self.plan.people
        self.heal()
        self.serve(self.plan.old, before, "old")
        if self.plan.landed:
            first, last = self.plan.landed
            self.project.ingest(DAY + timedelta(first), DAY + timedelta(last))
            take_snapshot(self.project)
        self.serve(self.plan.new, after, "new")
        fails = {"profiles": self.mixpanel.fail_engage, "catalog": self.mixpanel.fail_app}
        fails.get(self.plan.command.split()[-1], self.mixpanel.fail)(*self.plan.faults)
        self.mixpanel.fail_query(*self.plan.query_faults)

    def heal(self) -> None:
        """Nothing fails any more."""
        sim = self.mixpanel
        for fail in (sim.fail, sim.fail_engage, sim.fail_query, sim.fail_app):
            fail()

    def carry_out(self, told: list[int]) -> None:
        project, first = self.project, DAY + timedelta(self.plan.first)
        span = (first, DAY + timedelta(self.plan.last))
        source, target = (project.client, project.settings), (project.warehouse, "pulled")
        if self.plan.command == "events":
            project.ingest(*span, landed=lambda days: told.extend((d.day - DAY).days for d in days))
        elif self.plan.command == "fetch":
            pull_events(*source, *span).fetch(*target)
        elif self.plan.command == "profiles":
            take_snapshot(project)
        elif self.plan.command == "fetch profiles":
            pull_profiles(*source).fetch(*target)
        else:
            landed = land_catalog(project)
            self.heal()
            assert landed == land_catalog(project), self.plan

    def table(self, query: str) -> list[Any]:
        """The rows; none where there is no such table yet."""
        name = query.split("from ")[1].split()[0]
        if not self.project.path.exists():
            return []
        there = f"select 1 from information_schema.tables where table_name = '{name}'"
        return self.project.sql(query) if self.project.sql(there) else []

    def check(self, told: list[int], code: str) -> None:
        """What was told is new and whole, what was not is old and whole; nothing lies about."""
        plan = self.plan
        done = told if plan.command == "events" else []
        if plan.command == "events" and not code:
            assert sorted(told) == list(range(plan.first, plan.last + 1)), plan
        rows = self.table("select event_date, insert_id, properties ->> '$.x' from events_wide")
        assert sorted(rows) == sorted(self.truth(done)), plan
        recorded = self.table("select day, rows from landed where dataset = 'events'")
        assert sorted(recorded) == sorted(self.counts(done)), plan
        self.check_people(code)
        pulled = self.table("select count(*) from pulled")
        if plan.command == "fetch" and not code:
            span = range(plan.first, plan.last + 1)
            assert pulled == [(sum(len(plan.new[n]) for n in span),)], plan
        elif plan.command == "fetch profiles" and not code:
            assert pulled == [(len(plan.people[1]),)], plan
        else:
            assert pulled == [], plan
        left = [*self.project.settings.home.rglob("*.part"), *self.spooled()]
        assert left == [], plan

    def spooled(self) -> list[Any]:
        spool = self.project.settings.home / "spool"
        return list(spool.iterdir()) if spool.exists() else []

    def contents(self, done: list[int]) -> Iterator[tuple[date, Day]]:
        """Each landed day, as it is after those that were done."""
        first, last = self.plan.landed or (0, -1)
        for number in {*range(first, last + 1), *done}:
            content = (self.plan.new if number in done else self.plan.old)[number]
            yield DAY + timedelta(number), content

    def truth(self, done: list[int]) -> list[tuple[date, str, str]]:
        return [(day, *one) for day, content in self.contents(done) for one in content]

    def counts(self, done: list[int]) -> list[tuple[date, int]]:
        return [(day, len(content)) for day, content in self.contents(done)]

    def check_people(self, code: str) -> None:
        before, after = self.plan.people
        there = [(name, "old") for name in before] if self.plan.landed else []
        if self.plan.command == "profiles" and not code:
            there = [(name, "new") for name in after]
        rows = self.table("select distinct_id, properties ->> '$.age' from profile_history")
        if self.plan.command == "profiles" and not code:
            rows = self.project.sql("select distinct_id, age from profiles")
        assert sorted(rows) == sorted(there), self.plan


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    with made_up() as mixpanel:
        yield mixpanel


@pytest.mark.parametrize("share", [*range(5), *(long(share) for share in range(5, 10))])
def test_whatever_fails_in_whatever_order_no_wrong_table_is_called_a_success(
    share: int, world: Simulator, tmp_path: Path, tries: Tries, figures: Figures
) -> None:
    count = tries(5, SEEDS)
    ends: dict[str, int] = {}
    for seed in range(share, count, 10):
        code = outcome(Plan(seed), world, tmp_path / str(seed))
        ends[code or "the truth landed"] = ends.get(code or "the truth landed", 0) + 1
    figures("Faults at random", sum(ends.values()), ends)


def outcome(plan: Plan, world: Simulator, home: Path) -> str:
    """The code that carrying out the plan ended with, or ""; the warehouse holds what it says."""
    project = project_at(home, world)
    told: list[int] = []
    code = ""
    with project.client:
        run = Run(plan, world, project)
        run.prepare()
        try:
            run.carry_out(told)
        except MixpanelDataError as error:
            code = error.code
    assert code in {*NAMED, ""}, plan
    run.check(told, code)
    shutil.rmtree(home)
    return code


REFUSED = 280  # the seed of a pull that is over soon
TYPED = {"events": ("materialize", "events"), "fetch": ("fetch", "events", "pulled")}
EXITS = {"EXPORT_INCOMPLETE": 1, "SERVER_ERROR": 1, "AUTH_FAILED": 3, "PLAN_REQUIRED": 3}


def test_a_process_tells_by_its_exit_code_and_its_days_what_is_landed(
    world: Simulator, tmp_path: Path, tries: Tries, figures: Figures, mp: Callable[..., Answer]
) -> None:
    plans = [Plan(REFUSED), *(Plan(seed) for seed in range(tries(0, SEEDS // 25)))]
    plans = [plan for plan in plans if plan.command in TYPED]
    failed = 0
    for number, plan in enumerate(plans):
        project = project_at(tmp_path / str(number), world)
        run = Run(plan, world, project)
        with project.client:
            run.prepare()
        first, last = DAY + timedelta(plan.first), DAY + timedelta(plan.last)
        ended = mp(
            *(*TYPED[plan.command], "--from", str(first), "--to", str(last)),
            MP_HOME=str(project.settings.home),
            MP_BASE_URL=world.url,
            MP_USERNAME=world.project.username,
            MP_SECRET=world.project.secret,
            MP_PROJECT_ID=world.project.project_id,
        )
        told, code = list(range(plan.first, plan.last + 1)), ""
        if ended.code:
            failed += 1
            code = ended.error["code"]
            assert (ended.out, ended.code) == ("", EXITS.get(code, 5)), plan
            days = ended.error["details"].get("landed", [])
            told = [(date.fromisoformat(day) - DAY).days for day in days]
        run.check(told, code)
    figures("Faults at random, as processes", len(plans), f"{failed} failed, and said so")
