"""The overview fits on a page whatever is landed, and says how to ask it."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.results import Overview
from mixpanel_assets.results.looking import MOST_WEIGHT, weight
from mixpanel_assets.simulator.world.sprawl import Sprawl
from mixpanel_assets.warehouse.ask.overview import nothing_landed
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.tokens import tokens
from mixpanel_assets_tests.warehouse.conftest import DAY, DAY_MS, NOON, STORY, Warehouse, asked

NAMES = {
    "line ends": "a\nb\r\nc{n}",
    "escape sequences": "\x1b[31mred\x1b[0m{n}",
    "five thousand characters": "x" * 5000 + "{n}",
    "a thousand characters of three bytes": "東京" * 500 + "{n}",
    "emoji": "🌙" * 60 + "{n}",
    "right to left": "\u202eشراء جديد‏{n}",
    "markdown": "# | `x` | **{n}** | ```",
    "quotes": '"it\'s" {n}',
    "blanks": "   {n}   ",
    "numbers": "{n}" + "0123456789" * 9,
}


def seen(warehouse: Warehouse) -> Overview:
    with asked(warehouse) as connection:
        found: Overview = local.overview(connection)
        return replace(found, project_id="12345")


def fits(text: str) -> bool:
    lines = text.splitlines()
    assert len(text.encode()) <= 4096
    assert len(lines) <= 60
    assert sum(map(weight, lines)) <= MOST_WEIGHT
    assert tokens(text) < 1000
    assert text.isprintable() or set(text) - {"\n"} == {c for c in text if c.isprintable()}
    return True


def lines_of(names: str, *, events: int = 16, properties: int = 16) -> list[str]:
    """Events whose names, and whose properties' names and values, are like this."""
    found = []
    for n in range(events):
        name = names.replace("{n}", str(n))
        keys = [names.replace("{n}", f"{n % 7}-{m}") for m in range(properties)]
        values: dict[str, Any] = {"time": NOON, "distinct_id": "ann", "plan": name[:300]}
        values |= dict.fromkeys(keys, name[:300])
        found += [json.dumps({"event": name, "properties": values})] * (1 + n % 3)
    return found


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_it_fits_on_a_page_whatever_names_there_are(warehouse: Warehouse, names: str) -> None:
    warehouse.load(*lines_of(names))
    found = seen(warehouse)
    assert fits(found.text)
    assert (len(found.events), found.more_events, found.total_events) == (12, 4, 31)
    assert "  ... 4 more: mp inspect find WORD\n" in found.text
    assert found.events[0].event == names.replace("{n}", "11")


def test_it_fits_on_a_page_with_hundreds_of_events(warehouse: Warehouse) -> None:
    world = Sprawl(events=300, properties=2000)
    warehouse.load(*world.lines(DAY), day=DAY)
    found = seen(warehouse)
    assert fits(found.text)
    assert {one.property for one in found.properties} >= {"$os", "plan", "session_id"}
    assert [one.event for one in found.events][:2] == world.names[:2]
    assert all(one.more_properties for one in found.events)
    assert found.more_events > 200


def test_it_shows_what_is_landed(warehouse: Warehouse) -> None:
    warehouse.load(*STORY, end=DAY + timedelta(1))
    warehouse.load(*STORY[:1], day=DAY + timedelta(4))
    found = seen(warehouse)
    assert [(one.event, one.events) for one in found.events] == [("Open", 5), ("Buy", 1)]
    assert found.text.splitlines()[:3] == [
        "Project 12345 (UTC) · events landed 2024-01-02..2024-01-06 (3 days, missing: 2024-01-04, "
        "2024-01-05) · 6 events of 2 names",
        "Events, most frequent first:",
        '  Open 5 · plan text "free", n bigint 1',
    ]
    assert (
        found.text.splitlines()[3]
        == '  Buy 1 until 2024-01-03 · amount double 9.5, tags text[] ["a"]'
    )


def test_what_nearly_all_events_have_is_said_once(warehouse: Warehouse) -> None:
    names = [f"Event {n}" for n in range(20)]
    shared = {"time": NOON, "distinct_id": "ann", "$os": "iOS", "beta": True}
    lines = [json.dumps({"event": n, "properties": {**shared, "of " + n: 1}}) for n in names]
    del shared["beta"]
    lines.append(json.dumps({"event": "Other", "properties": shared}))
    warehouse.load(*lines)
    found = seen(warehouse)
    assert [(one.property, one.events) for one in found.properties] == [("$os", 21), ("beta", 20)]
    assert found.text.count("$os") == 1
    assert '\nOn nearly all events: $os text "iOS", beta boolean true\n' in found.text


def test_the_answer_of_an_overview_is_as_small_in_json(warehouse: Warehouse) -> None:
    warehouse.load(*lines_of("Event {n}"))
    found = seen(warehouse).to_dict()
    assert len(json.dumps(found)) < 16_000
    assert found["events"][0]["more_properties"] == 8


def test_the_statements_that_it_shows_run(warehouse: Warehouse) -> None:
    warehouse.load(*STORY, end=DAY + timedelta(1))
    found = seen(warehouse)
    assert len(found.ask) == 4
    with Workspace.open(warehouse.home / "warehouse.duckdb") as workspace:
        for line in found.ask[:3]:
            _, _, typed = line.partition("mp sql ")
            assert workspace.sql_rows(
                typed.split(typed[0])[1] if typed[0] == '"' else typed[1 : typed.rindex("'")]
            ).rows


def test_an_event_of_few_days_is_asked_about_on_these(warehouse: Warehouse) -> None:
    early = [line.replace("Open", "Early") for line in STORY[:2] * 5]
    warehouse.load(*early)
    late = [line.replace(str(NOON), str(NOON + 90 * DAY_MS)) for line in STORY[:1]]
    warehouse.load(*late, day=DAY + timedelta(90))
    assert 'mp ask segmentation "Early" --from 2024-01-02' in seen(warehouse).text


def test_records_without_a_name_or_properties_do_not_spoil_the_counts(
    warehouse: Warehouse,
) -> None:
    bare = [f'{{"event":"Open","properties":{{"time":{NOON},"p{n}":{n}}}}}' for n in range(3)]
    nameless = f'{{"event":null,"properties":{{"time":{NOON}}}}}'
    warehouse.load(*STORY[:2], *bare, nameless)
    found = seen(warehouse)
    assert (found.total_events, [one.events for one in found.events]) == (6, [5])


def test_nothing_landed_says_how_to_land() -> None:
    text = nothing_landed().text
    assert fits(text)
    assert "no events are landed" in text
    assert "mp materialize events --from 7d" in text


def test_days_without_events_are_landed_days(warehouse: Warehouse) -> None:
    warehouse.load()
    found = seen(warehouse)
    assert (found.from_date, found.days, found.total_events) == (date(2024, 1, 2), 1, 0)
    assert "(1 day) · 0 events of 0 names" in found.text
    assert fits(found.text)
