"""Landed files straight into a real warehouse, without HTTP."""

import gzip
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mixpanel_assets.landed import LandedFile, events_name
from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import reading, writing
from mixpanel_assets.warehouse.load.events import load_files
from mixpanel_assets.warehouse.sql import quoted

DAY = date(2024, 1, 2)
NOON = 1_704_196_800_000  # of that day, in ms
DAY_MS = 86_400_000
TABLES = ("events_wide", "landed", "event_properties", "internal.property_columns")

Line = str | bytes | dict[str, Any]


class Warehouse:
    """A warehouse of its own, and the files that were loaded into it."""

    def __init__(self, home: Path, connection: duckdb.DuckDBPyConnection, **settings: Any) -> None:
        self.home, self.connection = home, connection
        self.settings = Settings(home=home, **settings)
        self.files: list[LandedFile] = []

    def load(self, *lines: Line, day: date = DAY, end: date | None = None) -> list[LandedDay]:
        """The day, or the days until `end`, hold these lines."""
        return self.load_bytes(b"".join(as_bytes(line) + b"\n" for line in lines), day, end)

    def load_bytes(self, body: bytes, day: date = DAY, end: date | None = None) -> list[LandedDay]:
        """The same for the bytes of a whole file."""
        file = self.land(body, day, end or day)
        days = load_files(self.connection, [file], self.settings)
        self.files.append(file)
        return days

    def land(self, body: bytes, day: date, end: date) -> LandedFile:
        """A file on disk, not loaded yet."""
        at = datetime(2024, 6, 1, tzinfo=UTC) + timedelta(seconds=len(list(self.home.iterdir())))
        path = self.home / events_name(day, end, at)
        path.write_bytes(gzip.compress(body, 1))
        return LandedFile(path, day, end, at, "checksum")

    def load_anew(self, files: list[LandedFile]) -> None:
        """New tables hold what these files hold."""
        load_files(self.connection, files, self.settings, rebuild=True)

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, list(parameters)).fetchall()

    def properties(self) -> list[str]:
        """The stored text of every record's properties."""
        return sorted(text for (text,) in self.sql("select properties::varchar from events"))

    def values(self, name: str, event: str = "E") -> list[Any]:
        """The typed values of a property, in the order of the property `n`."""
        column = quoted(self.column(name)[0])
        view = quoted(self.views()[event])
        return [row[0] for row in self.sql(f"select {column} from by_event.{view} order by n")]

    def column(self, name: str) -> tuple[str, str]:
        """The column and the type that the map gives for a property."""
        query = "select distinct column_name, type from event_properties where property = ?"
        ((column, type_),) = self.sql(query, name)
        return column, type_

    def views(self) -> dict[str, str]:
        return dict(self.sql("select event_name, view_name from internal.event_views"))

    def everything(self) -> dict[str, list[str]]:
        """All that the tables hold, and every view as it shows."""
        views = [f"by_event.{quoted(view)}" for view in self.views().values()]
        names = [*TABLES, "internal.property_days", *sorted(views)]
        return {name: sorted(map(repr, self.sql(f"from {name}"))) for name in names}


@contextmanager
def warehouses() -> Iterator[Callable[..., Warehouse]]:
    """Makes new warehouses, and removes them in the end."""
    with ExitStack() as stack:

        def opened(**settings: Any) -> Warehouse:
            home = Path(tempfile.mkdtemp(prefix="warehouse-"))
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            connection = stack.enter_context(writing(home / "warehouse.duckdb", threads=1))
            return Warehouse(home, connection, **settings)

        yield opened


@pytest.fixture
def open_warehouse() -> Iterator[Callable[..., Warehouse]]:
    """Makes new warehouses; fit for several in one test."""
    with warehouses() as opened:
        yield opened


@pytest.fixture
def warehouse(open_warehouse: Callable[..., Warehouse]) -> Warehouse:
    """A warehouse without events."""
    return open_warehouse()


@pytest.fixture(scope="module")
def replaced() -> Iterator[Warehouse]:
    """One for the cases of a test: each loads the same day again, in place of the one before."""
    with warehouses() as opened:
        yield opened()


def as_bytes(line: Line) -> bytes:
    if isinstance(line, dict):
        line = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    return line.encode() if isinstance(line, str) else line


def sent(properties: str = "", *, event: str = '"E"', time: str | int = NOON) -> str:
    """A line as Mixpanel writes it; the properties are JSON text without braces."""
    more = f",{properties}" if properties else ""
    return f'{{"event":{event},"properties":{{"time":{time}{more}}}}}'


def each(*values: str, name: str = "p") -> list[str]:
    """A line for each JSON value of one property, numbered by `n`."""
    return [sent(f'"n":{n},{json.dumps(name)}:{value}') for n, value in enumerate(values)]


@contextmanager
def asked(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse as those have it who ask: it is closed to its writer, and to writes."""
    warehouse.connection.close()
    with reading(warehouse.home / "warehouse.duckdb", threads=1) as connection:
        yield connection


def by(person: str | None, properties: str = "", *, event: str = "E", time: int = NOON) -> str:
    """A line of a person's event."""
    id_ = f'"distinct_id":"{person}"' if person is not None else ""
    return sent(",".join(filter(None, (id_, properties))), event=f'"{event}"', time=time)


# Two days: ann opens twice and buys once, bob opens once, nobody opens once.
STORY = [
    by("ann", '"plan":"free","n":1', event="Open"),
    by("ann", '"plan":"pro","n":3', event="Open", time=NOON + 1000),
    by("bob", '"plan":"free","n":8', event="Open", time=NOON + DAY_MS),
    by(None, '"plan":null', event="Open", time=NOON + DAY_MS),
    by("ann", '"amount":9.5,"tags":["a"]', event="Buy", time=NOON + DAY_MS),
]


@pytest.fixture(scope="session", params=[256, 0], ids=["physical", "computed"])
def story(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    """The two days, with properties as columns and computed from the JSON; tests only read it."""
    with warehouses() as opened:
        warehouse = opened(max_property_columns=request.param)
        warehouse.load(*STORY, end=DAY + timedelta(1))
        with asked(warehouse) as connection:
            yield connection


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Tables as fetches make them: of events, and of profiles; tests only read them."""
    path = tmp_path_factory.mktemp("named") / "w.duckdb"
    with writing(path) as connection:
        connection.execute(
            """
            create table buys (event_date date, event_name varchar, event_time timestamptz,
                               distinct_id varchar, insert_id varchar, properties json);
            insert into buys values
                ('2024-01-02', 'Buy', '2024-01-02 12:00:00+00', 'ann', 'x',
                 '{"time": 1704196800000, "amount": 2.5, "o\\"k": "yes", "Plan": "a"}'),
                ('2024-01-03', 'Buy', null, 'bob', 'y', '{"amount": 4, "plan": "b"}'),
                ('2024-01-03', null, null, null, null, '"no object"');
            create table profiles (distinct_id varchar, last_seen timestamptz, properties json,
                                   plan varchar);
            insert into profiles values ('ann', null, '{"plan": "a", "$name": "Ann"}', 'a'),
                                        ('bob', null, '{"plan": "b"}', 'b');
            """
        )
    with reading(path) as connection:
        yield connection
