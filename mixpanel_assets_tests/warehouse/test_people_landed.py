"""People follow what is landed, in whatever order, and every view shows them."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_assets.warehouse.drop import drop_tables
from mixpanel_assets.warehouse.people import has_people, joined_people, person_of
from mixpanel_assets.warehouse.tables import EVENT_COLUMNS
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.obvious.people import persons
from mixpanel_assets_tests.warehouse.conftest import DAY, DAY_MS, NOON, Warehouse, asked
from mixpanel_assets_tests.warehouse.test_people import (
    ANON,
    ANON_2,
    alias,
    event,
    identify,
    ids,
    merge,
    on_device,
)


@pytest.mark.parametrize("first", [0, 1], ids=["the link lands later", "the link lands first"])
def test_a_merge_counts_for_days_landed_before_and_after_it(
    warehouse: Warehouse, first: int
) -> None:
    lines = [on_device("D1"), on_device("D1", "U1", day=1)]
    for n in (first, 1 - first):
        warehouse.load(lines[n], day=DAY + timedelta(n))

    assert warehouse.sql("select distinct person from events") == [("U1",)]


def test_an_earlier_link_that_lands_later_takes_the_device(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1", "U2", day=1), day=DAY + timedelta(1))
    warehouse.load(on_device("D1", "U1"))

    assert ids(warehouse) == {"$device:D1": "U1"}


def test_a_day_landed_again_without_its_link_has_none(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1", "U1"))
    warehouse.load(on_device("D1", "U2", day=1), day=DAY + timedelta(1))
    assert ids(warehouse) == {"$device:D1": "U1"}

    warehouse.load(on_device("D1"))
    assert ids(warehouse) == {"$device:D1": "U2"}

    warehouse.load(on_device("D1", day=1), day=DAY + timedelta(1))
    assert ids(warehouse) == {}
    assert not has_people(warehouse.connection)
    assert warehouse.sql("select distinct person from events") == [("$device:D1",)]


def test_a_load_that_fails_changes_no_person(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1", "U1"))

    with pytest.raises(Exception, match="days"):
        warehouse.load(on_device("D2", "U2"), event(day=40), end=DAY + timedelta(1))

    assert ids(warehouse) == {"$device:D1": "U1"}


def test_every_view_shows_the_person_and_a_property_of_that_name(warehouse: Warehouse) -> None:
    named = {"person": 1, "one": 2, "merged": {"person": 3}, "people": 4, "Person": "x"}
    warehouse.load(on_device("D1", "U1", **named))

    assert warehouse.sql('select person, person_3, one, people, "Person_2" from by_event."E"') == [
        ("U1", 1, 2, 4, "x")
    ]
    assert warehouse.sql("select person from events") == [("U1",)]
    assert "person" not in [name for name, *_ in warehouse.sql("describe events_wide")]


@pytest.mark.skipif(duckdb.__version__ < "2", reason="it joins what nobody asks for")
def test_a_count_without_the_person_does_not_join_people(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1", "U1"))
    view = 'by_event."E"'

    for query in (
        "select event_name, count(*) from events group by all",
        "select count(distinct distinct_id) from events where device_id = 'D1'",
        f"select count(*) from {view}",
    ):
        ((_, plan),) = warehouse.sql(f"explain {query}")
        assert "Join" not in plan, plan
    ((_, plan),) = warehouse.sql("explain select count(distinct person) from events")
    assert "Join" in plan, plan


def test_the_join_for_other_sql_gives_the_same_person(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1"), on_device("D1", "U1"), event(distinct_id=""), event())
    assert has_people(warehouse.connection)

    person = person_of("e.distinct_id")
    joined = f"select {person} from events_wide e {joined_people('e.distinct_id')}"
    assert sorted(map(repr, warehouse.sql(joined))) == sorted(
        map(repr, warehouse.sql("select person from events"))
    )


def test_before_any_load_nobody_is_merged(warehouse: Warehouse) -> None:
    assert not has_people(warehouse.connection)


def test_readers_see_who_is_who(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1", "U1"))

    with asked(warehouse) as connection:
        assert has_people(connection)
        assert connection.execute("select person from identities").fetchall() == [("U1",)]


def test_after_dropping_events_nobody_is_merged(warehouse: Warehouse) -> None:
    warehouse.load(on_device("D1", "U1"))
    drop_tables(warehouse.connection, ["events"], force=True)
    warehouse.load(on_device("D1"))

    assert ids(warehouse) == {}


# What the tables were like before there were people, with a property of the column's name.
LAYOUT_3 = """
drop view identities;
create or replace view by_event."E" as select event_name from events_wide;
drop table internal.people;
drop table internal.identity_links;
alter table events_wide rename person_2 to person;
update internal.property_columns set column_name = 'person' where property = 'person';
update internal.event_views set definition = 'older';
update internal.settings set value = '3' where name = 'schema_version';
create table identities (note varchar);
insert into identities values ('fetched');
"""


def _of_layout_3(warehouse: Warehouse) -> None:
    columns = ", ".join(EVENT_COLUMNS)
    older = f"create or replace view events as select {columns} from events_wide"
    warehouse.load(on_device("D1"), on_device("D1", "U1", at=9, person="p"))
    warehouse.connection.execute(f"{older}; {LAYOUT_3}")


def test_an_older_warehouse_has_its_people_from_the_first_load(warehouse: Warehouse) -> None:
    _of_layout_3(warehouse)
    warehouse.load(on_device("D2", "U1", day=1), day=DAY + timedelta(1))

    assert ids(warehouse) == {"$device:D1": "U1", "$device:D2": "U1"}
    assert warehouse.sql("select distinct person from events") == [("U1",)]
    assert warehouse.sql('select person_2 from by_event."E" where person_2 is not null') == [("p",)]
    assert warehouse.sql("from identities_fetched") == [("fetched",)]


def test_an_older_warehouse_can_be_read_before_that(warehouse: Warehouse) -> None:
    _of_layout_3(warehouse)

    with asked(warehouse) as connection:
        assert not has_people(connection)
        assert local.event_breakdown(connection).total_events == 2
        assert local.property_keys(connection)


DEVICES, USERS = ["D1", "D2", "D3"], ["U1", "U2", ANON]
EVERY = st.sampled_from(["U1", "U2", "U3", "a", "b", ANON, ANON_2, "$device:D1", "null", ""])
LINES = st.one_of(
    st.builds(on_device, st.sampled_from(DEVICES), st.sampled_from([None, *USERS])),
    st.builds(identify, st.sampled_from([ANON, ANON_2, "$device:D1", "a"]), EVERY),
    st.builds(alias, EVERY, EVERY),
    st.builds(lambda some: merge(*some), st.lists(EVERY, max_size=3)),
    st.builds(lambda own, old: event(distinct_id=own, _distinct_id_before_identity=old),
              EVERY, EVERY),
    st.builds(lambda d, u: on_device(d, u, _identity_failure_reason="err"),
              st.sampled_from(DEVICES), st.sampled_from(USERS)),
)  # fmt: skip
LANDINGS = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.tuples(st.integers(0, 5), LINES), max_size=7)),
    min_size=1,
    max_size=6,
)


def _at(line: Mapping[str, Any], day: int, seconds: int) -> dict[str, Any]:
    sent = line["properties"] | {"time": NOON + day * DAY_MS + seconds * 1000}
    return {"event": line["event"], "properties": sent}


@settings(settings.get_profile("slow"))
@given(landings=LANDINGS)
def test_after_any_landings_people_are_those_of_the_events_that_are_there(
    open_warehouse: Callable[..., Warehouse],
    landings: list[tuple[int, list[tuple[int, dict[str, Any]]]]],
) -> None:
    warehouse, days = open_warehouse(), dict[int, list[dict[str, Any]]]()
    for day, lines in landings:
        days[day] = [_at(line, day, seconds) for seconds, line in lines]
        warehouse.load(*days[day], day=DAY + timedelta(day))
        records = [
            (str(one["event"]), one["properties"]["time"], one["properties"])
            for some in days.values()
            for one in some
        ]
        assert ids(warehouse) == persons(records), json.dumps(records)

    kept = sorted(map(repr, warehouse.sql("from internal.people")))
    latest = {file.start: file for file in warehouse.files}
    warehouse.load_anew([latest[day] for day in sorted(latest)])
    assert sorted(map(repr, warehouse.sql("from internal.people"))) == kept
