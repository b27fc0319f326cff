"""A home in which `mp` works as processes of its own, and what must hold there whatever happens."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import chdir, closing, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.defs.instance import make_instance
from mixpanel_assets.ingest import ingest_events
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.world.shop import World
from mixpanel_assets.warehouse.ask.coverage import status
from mixpanel_assets.warehouse.connection import reading, writing
from mixpanel_assets_tests.conftest import Answer

FIRST = date(2024, 1, 1)
DAYS = 9  # more than the first request asks for
LAST = FIRST + timedelta(DAYS - 1)
LAND = ("materialize", "events", "--from", str(FIRST), "--to", str(LAST))
DAGSTER = (
    *("asset", "materialize", "-m", "mixpanel_assets.definitions"),
    *("--select", f"{Project().project_id}/events", "--partition-range", f"{FIRST}...{LAST}"),
)
LONGEST = 120  # seconds that a command may take

Content = dict[str, tuple[int, str]]  # by day: rows, and a checksum of them


class Version:
    """All days with other events than in the version before, and a property of another type."""

    def __init__(self, number: int, events_per_day: int = 900) -> None:
        world = World(seed=number % 2 + 1, events_per_day=events_per_day + 50 * (number % 2))
        build = number if number % 2 else f'"{number}"'
        self.days = {
            day: [line[:-2] + f',"build":{build}}}}}'.encode() for line in world.lines(day)]
            for day in (FIRST + timedelta(n) for n in range(DAYS))
        }
        self.content: Content = {
            str(day): _checked(kept(lines)) for day, lines in self.days.items()
        }

    def serve(self, mixpanel: Simulator) -> None:
        """Mixpanel has exactly this."""
        for day, lines in self.days.items():
            mixpanel.store.set_day(day, lines)


def kept(lines: Iterable[bytes]) -> list[str]:
    """Of a day's lines those that no newer one replaces: name and properties, as they were sent."""
    newest: dict[Any, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        record = json.loads(line)
        properties = record["properties"]
        key: Any = number
        if "$insert_id" in properties:
            key = (record["event"], *map(properties.get, ("distinct_id", "time", "$insert_id")))
        text = line.decode().split('"properties":', 1)[1][:-1]
        sent = (properties["mp_processing_time_ms"], f"{record['event']} {text}")
        newest[key] = max(newest.get(key, sent), sent)
    return [text for _, text in newest.values()]


def _checked(texts: Iterable[str]) -> tuple[int, str]:
    hashes = sorted(hashlib.md5(text.encode()).hexdigest() for text in texts)
    return len(hashes), hashlib.md5("".join(hashes).encode()).hexdigest()


@dataclass(frozen=True)
class Home:
    """A home of its own, and the account of a simulator."""

    path: Path
    mixpanel: Simulator

    @property
    def settings(self) -> Settings:
        return Settings(home=self.path)

    @property
    def warehouse(self) -> Path:
        return self.settings.warehouse_path(self.mixpanel.project.project_id)

    @property
    def wal(self) -> Path:
        return self.warehouse.with_name(f"{self.warehouse.name}.wal")

    def landed(self, asset: str = "events") -> Path:
        return self.settings.landed_folder(self.mixpanel.project.project_id) / asset

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "MP_HOME": str(self.path),
            "MP_BASE_URL": self.mixpanel.url,
            "MP_USERNAME": self.mixpanel.project.username,
            "MP_SECRET": self.mixpanel.project.secret,
            "MP_PROJECT_ID": self.mixpanel.project.project_id,
            "DAGSTER_HOME": str(self.path / "dagster"),
        }

    def start(self, *arguments: str, **more: Any) -> "subprocess.Popen[str]":
        """`mp` or `dagster asset`, at work in a process group of its own."""
        module = "dagster" if arguments[0] == "asset" else "mixpanel_assets"
        (self.path / "dagster").mkdir(mode=0o700, parents=True, exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
            **more,
        )

    def run(self, *arguments: str, **more: Any) -> Answer:
        """What the command answered; a failure of the test if that took too long."""
        return ended(self.start(*arguments, **more))

    def land(self) -> None:
        """This process lands every day as Mixpanel has it now."""
        project = self.mixpanel.project
        account = Credentials(
            username=project.username,
            secret=SecretStr(project.secret),
            project_id=project.project_id,
        )
        budget = Budget(self.path / "budget.sqlite", project.project_id)
        with Client(account, budget, base_url=self.mixpanel.url) as client:
            ingest_events(client, lambda: writing(self.warehouse), self.settings, FIRST, LAST)

    def exports(self) -> int:
        """How many exports were asked for."""
        return sum(seen.path.endswith("/export") for seen in self.mixpanel.requests)

    def make_instance(self) -> None:
        """Dagster has its tables: bare `dagster` commands don't wait for one that makes them."""
        folder = make_instance(self.path / "dagster")
        with chdir(folder), dg.DagsterInstance.from_config(str(folder)) as instance:
            instance.get_runs_count()
            instance.event_log_storage.get_maximum_record_id()
            instance.all_instigator_state()

    def status(self) -> list[dict[str, Any]]:
        """What `mp status` tells."""
        return status(self.warehouse, self.settings)

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of an SQL query; none without a warehouse."""
        if not self.warehouse.exists():
            return []
        with reading(self.warehouse) as connection:
            return connection.execute(query).fetchall()

    def content(self) -> Content:
        """What the table holds of each landed day; all that is recorded of it agrees."""
        try:
            rows = self.asked(CONTENT)
        except (duckdb.CatalogException, duckdb.BinderException):
            rows = []  # killed before there were any tables, or any columns of properties
        content = {day: (count, checksum) for day, count, checksum, _, _, _ in rows}
        recorded = {day: landed for day, _, _, landed, _, _ in rows}
        assert recorded == {day: count for day, (count, _) in content.items()}
        assert [(day, odd) for day, *_, odd, _ in rows if odd] == []
        assert [(day, n, known) for day, n, *_, known in rows if n != known] == []
        told = [asset for asset in self.status() if asset["asset"] == "events"]
        assert [asset["rows"] for asset in told] == [sum(recorded.values())][: len(told)]
        assert [asset["days"] for asset in told] == [len(recorded)][: len(told)]
        assert bool(told) == bool(recorded)
        with suppress(duckdb.CatalogException):  # before a load of this version
            assert self.asked(WRONG_PEOPLE) == []
        return content

    def profiles(self) -> tuple[int, str]:
        """How many profiles are current, and a checksum of them."""
        try:
            rows = self.asked("select distinct_id, properties from profiles")
        except duckdb.CatalogException:
            rows = []
        return _checked(
            f"{name} {json.dumps(json.loads(text), sort_keys=True)}" for name, text in rows
        )

    def let_an_hour_pass(self) -> None:
        """The requests so far do not count any more."""
        with closing(sqlite3.connect(self.path / "budget.sqlite")) as ledger, ledger:
            if ledger.execute("select 1 from sqlite_master where name = 'requests'").fetchone():
                ledger.execute("update requests set at = at - 3600")


# A day is odd as far as columns of its rows are not what the rows' own properties say.
CONTENT = """
select coalesce(landed.day, found.day)::varchar, coalesce(found.n, 0),
       coalesce(found.checksum, md5('')), landed.rows, coalesce(odd, 0), coalesce(known.n, 0)
from (from landed where dataset = 'events') landed
full join (
    select event_date as day, count(*) as n, md5(string_agg(hash, '' order by hash)) as checksum,
           count(*) filter (build::varchar is distinct from properties ->> 'build'
               or epoch_ms(event_time) is distinct from (properties ->> 'time')::bigint) as odd
    from (select *, md5(event_name || ' ' || properties::varchar) as hash from events_wide)
    group by all) found using (day)
left join (
    select event_date as day, sum(events)::bigint as n from internal.property_days
    where property = 'build' group by all) known using (day)
order by 1
"""


# Who is who is what the rows say: the first user of a device is its person.
WRONG_PEOPLE = """
with seen as (
    select '$device:' || device_id as distinct_id, user_id, event_date, min(event_time) as moment
    from events_wide where device_id <> '' and user_id <> '' group by all),
links as (
    select left_id, right_id, event_date, seen from internal.identity_links),
owners as (select distinct_id, arg_min(user_id, (moment, user_id)) from seen group by 1),
shown as (select distinct_id, person from identities)
(from seen except from links) union all (from links except from seen)
union all select *, null, null from (
    (from owners except from shown) union all (from shown except from owners))
"""


def profiles_of(mixpanel: Simulator) -> tuple[int, str]:
    """The same of the profiles that Mixpanel has."""
    records = [json.loads(line) for line in mixpanel.profiles.view().values()]
    return _checked(_canonical(record["$distinct_id"], record["$properties"]) for record in records)


def _canonical(name: str, properties: object) -> str:
    return f"{name} {json.dumps(properties, sort_keys=True)}"


def ended(process: "subprocess.Popen[str]", seconds: float = LONGEST) -> Answer:
    """What the process answered; it and all that it started is gone."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        end(process)
    return Answer(process.returncode, out, err)


def end(process: "subprocess.Popen[str]") -> None:
    """Nothing of the process' group lives any more."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def killed(process: "subprocess.Popen[str]", hit: Callable[[], bool], late: float = 0.0) -> bool:
    """Whether it was still at work when its group was killed: so many seconds after the hit."""
    reach(process, hit, late)
    end(process)
    return process.returncode == -signal.SIGKILL


def reach(process: "subprocess.Popen[str]", hit: Callable[[], bool], late: float = 0.0) -> None:
    """Return so many seconds after the hit, or when the process has ended."""
    deadline = time.monotonic() + LONGEST
    while process.poll() is None and not hit():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    until = time.monotonic() + late
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
