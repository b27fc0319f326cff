"""A warehouse of another version is brought up to date, or left alone: never something between."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.connection import SCHEMA_VERSION, reading
from mixpanel_assets_tests.conftest import Tries
from mixpanel_assets_tests.torture.conftest import Figures
from mixpanel_assets_tests.torture.landing import DAGSTER, FIRST, LAND, Home, Version, killed

SQL = ("sql", "select event_name, count(*) from event_properties group by all order by all")
# The quick form goes through the first few.
DOORS = (
    SQL,
    ("rebuild", "events", "--from", str(FIRST), "--to", str(FIRST)),
    LAND,
    ("doctor", "--offline"),
    ("status",),
    ("inspect", "events"),
    ("inspect", "summarize"),
    ("materialize", "profiles"),
    ("rebuild", "events"),
    ("fetch", "events", "pulled", "--from", str(FIRST), "--to", str(FIRST)),
    DAGSTER,
)

# What older versions of the tables had otherwise. Views of events show no person: see _change.
BACK_TO_3 = """
drop view identities;
drop table internal.people;
drop table internal.identity_links;
update internal.event_views set definition = 'older';
update internal.settings set value = '3' where name = 'schema_version';
"""
BACK_TO_2 = (
    BACK_TO_3
    + """
drop view profiles;
drop view profile_history;
alter table profiles_wide rename to profile_history;
create view profiles as
select distinct_id, last_seen, valid_from as snapshot_date, properties
from profile_history where valid_to is null;
alter table landed drop column repaired;
update internal.property_examples set example = repeat('x', 1000);
update internal.settings set value = '2' where name = 'schema_version';
"""
)
BACK_TO_1 = (
    BACK_TO_2
    + """
drop view profiles;
drop table profile_history;
delete from landed where dataset = 'profiles';
delete from internal.property_columns where dataset = 'profiles';
drop view event_properties;
create view event_properties as
select event_name, property, any_value(column_name) as column_name, any_value(type) as type
from internal.property_days join internal.property_columns using (property, type) group by all;
alter table internal.property_columns drop column dataset;
update internal.settings set value = '1' where name = 'schema_version';
"""
)
LAYOUT = """
select (select value from internal.settings where name = 'schema_version'),
       (select count(*) > 0 from event_properties),
       (select count(*) from duckdb_columns()
        where table_name = 'property_columns' and column_name = 'dataset')
"""


@pytest.fixture(scope="module")
def version() -> Version:
    return Version(0, 100)


@pytest.fixture(scope="module")
def landed(version: Version, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home in which everything is landed."""
    with Simulator(retry_after=0) as mixpanel:
        home = Home(tmp_path_factory.mktemp("landed") / "home", mixpanel)
        version.serve(mixpanel)
        mixpanel.profiles.fill(10)
        home.land()
        assert home.run("materialize", "profiles").code == 0
        shutil.copytree(home.path, home.path.with_name("kept"))
        yield home


@pytest.fixture
def home(landed: Home) -> Home:
    """The same at the same place, as it was before any test."""
    shutil.rmtree(landed.path)
    shutil.copytree(landed.path.with_name("kept"), landed.path)
    return landed


def _change(home: Home, script: str) -> Path:
    """The warehouse is as the script leaves it; a copy of it."""
    with duckdb.connect(str(home.warehouse)) as connection:
        if BACK_TO_3 in script:
            _forget_persons(connection)
        connection.execute(script)
    return Path(shutil.copy(home.warehouse, home.path / "changed.duckdb"))


def _forget_persons(connection: duckdb.DuckDBPyConnection) -> None:
    """Views are as they were when none had a person."""
    views = """
        select schema_name, view_name, list(column_name order by column_index)
        from duckdb_views() views join duckdb_columns() using (schema_name)
        where table_name = view_name and not views.internal
          and (schema_name = 'by_event' or view_name in ('events', 'profiles', 'profile_history'))
        group by all
    """
    for schema, view, columns in connection.execute(views).fetchall():
        wide = "profiles_wide" if view.startswith("profile") else "events_wide"
        held = {name for name, *_ in connection.execute(f"describe {wide}").fetchall()}
        shown = [f'"{name}"' for name in columns if name in held]
        where = f"event_name = '{view}'" if schema == "by_event" else "true"
        if view == "profiles":
            shown, where = [*shown, "valid_from as snapshot_date"], "valid_to is null"
        connection.execute(
            f'create or replace view {schema}."{view}" as '
            f"select {', '.join(shown)} from {wide} where {where}"
        )


PROFILES = """
select (select count(*) from profile_history),
       (select count(*) from profiles where snapshot_date is not null),
       (select max(length(example)) from event_properties),
       (select count(repaired) from landed)
"""


PEOPLE = """
select (select count(*) from internal.identity_links), (select count(*) from identities),
       (select count(person) from events where person not like '$device:%'),
       (select count(person) from profiles)
"""


@pytest.mark.parametrize(
    "script", [BACK_TO_1, BACK_TO_2, BACK_TO_3], ids=["layout 1", "layout 2", "layout 3"]
)
def test_every_door_opens_an_older_warehouse(
    home: Home, version: Version, tries: Tries, figures: Figures, script: str
) -> None:
    people = home.asked(PEOPLE)
    older = _change(home, script)
    doors = DOORS[: tries(2, len(DOORS))]
    for door in doors:
        shutil.copy(older, home.warehouse)
        answer = home.run(*door)
        assert (answer.code, home.content()) == (0, version.content), (door, answer.err)
    assert home.asked(LAYOUT) == [(str(SCHEMA_VERSION), True, 1)]
    if script == BACK_TO_3:
        assert home.asked(PEOPLE) == people
    elif script == BACK_TO_2:
        assert home.asked(PROFILES)[0][:3] == (10, 10, 100)
    figures("an older warehouse opened by a command", len(doors), "all opened it")


def test_definitions_are_kept_through_an_upgrade(home: Home) -> None:
    asked = ["select count(*), count(person) from mine.who", "select count(*) from mine.states(5)"]
    home.run("define", "who", "select event_name, person from events")
    home.run("define", "states(most)", "select valid_from from profile_history limit most")
    defined = home.run("define", "--list")
    assert (len(defined.json), defined.err) == (2, "")
    before = [home.asked(query) for query in asked]
    _change(home, BACK_TO_2)
    assert "does not work as things are" in home.run("define", "--list").err  # no person yet
    assert home.run("rebuild", "events").code == 0
    assert home.run("define", "--list") == defined
    assert [home.asked(query) for query in asked] == before


def test_every_door_refuses_a_newer_warehouse_and_leaves_it_byte_by_byte(
    home: Home, tries: Tries, figures: Figures
) -> None:
    newer = _change(home, f"update internal.settings set value = '{SCHEMA_VERSION + 1}'")
    before = newer.read_bytes()
    exports = home.exports()
    doors = DOORS[: tries(2, len(DOORS))]
    for door in doors:
        answer = home.run(*door)
        if door[0] == "doctor":
            told = {check["check"]: check for check in answer.json}["warehouse"]
            told |= {"code": "CONFIG_ERROR", "message": told["detail"]}
        elif door is DAGSTER:
            told = {"code": "CONFIG_ERROR", "message": answer.err, "hint": answer.err}
        else:
            told = answer.error
        assert answer.code in (1, 2)
        assert (answer.code == 2) == (door[0] not in ("doctor", "asset"))
        assert told["code"] == "CONFIG_ERROR"
        assert f"layout {SCHEMA_VERSION + 1}" in told["message"]
        assert "upgrade mixpanel-assets" in told["hint"]
        assert home.warehouse.read_bytes() == before
        assert not home.wal.exists()
    assert home.exports() == exports
    figures("a newer warehouse and a command", len(doors), "refused, and the file as it was")


def test_a_killed_upgrade_leaves_one_layout_or_another(
    home: Home, version: Version, tries: Tries, figures: Figures
) -> None:
    older = _change(home, BACK_TO_1)
    chance = random.Random(5)
    count, seen = tries(1, 40), {str(layout): 0 for layout in range(1, SCHEMA_VERSION + 1)}
    for _ in range(count):
        shutil.copy(older, home.warehouse)
        home.wal.unlink(missing_ok=True)
        late = chance.choice([0, chance.uniform(0, 0.05)])
        killed(home.start("rebuild", "events"), home.wal.exists, late)
        ((layout, shown, registered),) = home.asked(LAYOUT)
        assert (shown, registered) == (True, int(layout != "1"))
        seen[layout] += 1
        assert home.content() == version.content
        home.land()
        home.let_an_hour_pass()
        with reading(home.warehouse) as connection:
            assert connection.execute(LAYOUT).fetchall() == [(str(SCHEMA_VERSION), True, 1)]
    told = ", ".join(f"{number} of layout {layout}" for layout, number in seen.items())
    figures("a kill during an upgrade of the tables", count, told)
