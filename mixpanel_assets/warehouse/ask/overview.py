"""What is landed, on a page: read from what landing keeps, without a look at the events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mixpanel_assets.questions import local
from mixpanel_assets.results import Carries, EventSeen, Overview, TableSeen
from mixpanel_assets.warehouse.ask.carried import (
    Carried,
    Landscape,
    columns_of,
    examples_of,
    landscape,
    type_of,
)
from mixpanel_assets.warehouse.ask.coverage import coverage, landed_rows
from mixpanel_assets.warehouse.ask.oddities import oddities
from mixpanel_assets.warehouse.drop import ASSETS, marts_in, named_tables
from mixpanel_assets.warehouse.properties import PropertyColumn
from mixpanel_assets.warehouse.sql import Connection, has_tables, quoted
from mixpanel_assets.warehouse.tables import EVENTS, PROFILES

MOST_EVENTS = 12
MOST_PROPERTIES = 100  # of all events together
MOST_COMMON = 24
MOST_ODD = 6
LONGEST_EASY = 31
WORD = re.compile(r"[A-Za-z]\w{0,30}", re.ASCII)
EASY = re.compile(r"[A-Za-z]\w*( \w+)*", re.ASCII)  # a name that a shell and SQL leave alone

HOW_TO_LAND = [
    "Land a week of events: mp materialize events --from 7d",
    "Land profiles: mp materialize profiles; the Lexicon, cohorts, funnels: mp materialize catalog",
    "Without an account: mp demo lands a simulated project in a home of its own",
    "Then: mp inspect overview",
]


def nothing_landed() -> Overview:
    """The overview of a project of which nothing is landed: how to land."""
    empty: dict[str, Any] = {"from_date": None, "to_date": None, "days": 0, "missing": []}
    empty |= {"partial": [], "total_events": 0, "profiles": None, "snapshot_date": None}
    empty |= {"tables": [], "properties": [], "events": [], "more_events": 0, "odd": []}
    return Overview(ask=HOW_TO_LAND, **empty)


def overview(warehouse: Connection, asked: local.Overview) -> Overview:  # noqa: ARG001
    """The overview of what is landed; it knows no project and time zone."""
    seen = landscape(warehouse)
    if not seen.events and not landed_rows(warehouse) and not named_tables(warehouse):
        return nothing_landed()
    columns = columns_of(warehouse)
    shown = list(seen.events)[:MOST_EVENTS]
    examples = examples_of(warehouse, shown)
    views, landed, tables = _views(warehouse), _landed(warehouse), _tables(warehouse)
    common = _common(seen, columns, examples)
    events = [_event(seen, name, columns, examples, views) for name in shown]
    return Overview(
        **landed,
        tables=tables,
        properties=common,
        events=events,
        more_events=len(seen.events) - len(shown),
        ask=_asks(events, common, tables, columns),
        odd=[one.detail for one in oddities(warehouse, seen)[:MOST_ODD]],
    )


def _landed(warehouse: Connection) -> dict[str, Any]:
    """What is landed of events and profiles."""
    assets = {one["asset"]: one for one in coverage(warehouse)}
    events, profiles = assets.get(EVENTS.dataset, {}), assets.get(PROFILES.dataset)
    snapshot = profiles["last_day"] if profiles else None
    newest = [
        one["rows"]
        for one in landed_rows(warehouse)
        if one["dataset"] == PROFILES.dataset and one["day"] == snapshot
    ]
    return {
        "from_date": events.get("first_day"),
        "to_date": events.get("last_day"),
        "days": events.get("days", 0),
        "missing": events.get("missing", []),
        "partial": events.get("partial", []),
        "total_events": events.get("rows", 0),
        "profiles": sum(newest) if profiles else None,
        "snapshot_date": snapshot,
    }


def _tables(warehouse: Connection) -> list[TableSeen]:
    """The fetched tables, a user's own, marts, and those of the catalog that are landed."""
    rows: dict[str, int] = {}
    for one in landed_rows(warehouse):
        rows[one["dataset"]] = rows.get(one["dataset"], 0) + one["rows"]
    catalog = [name for name in ASSETS if name in rows and name not in ("events", "profiles")]
    names = [*named_tables(warehouse), *marts_in(warehouse), *catalog]
    return [TableSeen(name, rows.get(name)) for name in names]


def _views(warehouse: Connection) -> dict[str, str]:
    if not has_tables(warehouse, "internal", "event_views"):
        return {}
    found = warehouse.execute("select event_name, view_name from internal.event_views").fetchall()
    return {event: f"by_event.{quoted(view)}" for event, view in found}


def _event(
    seen: Landscape,
    name: str,
    columns: Mapping[str, PropertyColumn],
    examples: Mapping[tuple[str, str], str],
    views: Mapping[str, str],
) -> EventSeen:
    own, carried = seen.own(name), seen.carried.get(name, {}).values()
    days = [day for one in carried for day in (one.first, one.last)]
    kept = [
        _carries(property_, one, columns, examples.get((name, property_)))
        for property_, one in list(own.items())[
            : MOST_PROPERTIES // min(len(seen.events), MOST_EVENTS)
        ]
    ]
    return EventSeen(
        event=name,
        events=seen.events[name],
        first_day=min(days),
        last_day=max(days),
        by_event=views.get(name),
        properties=kept,
        more_properties=len(own) - len(kept),
    )


def _common(
    seen: Landscape, columns: Mapping[str, PropertyColumn], examples: Mapping[tuple[str, str], str]
) -> list[Carries]:
    example: dict[str, str] = {}
    for event in seen.events:  # the most frequent event's first
        for name in seen.common:
            if (event, name) in examples:
                example.setdefault(name, examples[event, name])
    return [
        _carries(name, one, columns, example.get(name))
        for name, one in list(seen.common.items())[:MOST_COMMON]
    ]


def _carries(
    name: str, one: Carried, columns: Mapping[str, PropertyColumn], example: str | None
) -> Carries:
    return Carries(name, type_of(columns.get(name)), one.events, example)


def _asks(
    events: Sequence[EventSeen],
    common: Sequence[Carries],
    tables: Sequence[TableSeen],
    columns: Mapping[str, PropertyColumn],
) -> list[str]:
    """How to ask: four lines, with names of this project that need no care."""
    if not events:
        table = next((one.name for one in tables if _is_easy(one.name)), "profiles")
        return [
            "Land events: mp materialize events --from 7d",
            f"SQL: mp sql 'select * from {quoted(table)} limit 5'",
            f"Columns: mp inspect schema -t {quoted(table) if ' ' in table else table}",
            "All tables: mp inspect tables",
        ]
    easy = [one for one in events if _is_easy(one.event) and one.by_event]
    event, view, of = "EVENT", 'by_event."EVENT"', (easy or events)[0]
    if easy:
        event, view = of.event, str(of.by_event)
    property_ = _easy_property(of.properties, common, columns)
    since = max(of.first_day, of.last_day - timedelta(6))
    by = f" --by {property_}" if property_ else ""
    more = f'mp ask retention --born "{event}" --from {since}'
    if len(easy) > 1:
        more = f'mp ask funnel "{event}" "{easy[1].event}" --from {since}'
    return [
        'SQL: mp sql "select event_name, count(*), count(distinct person) from events where '
        f"event_date >= '{since}' group by all\" "
        "(other columns: event_time, distinct_id, properties)",
        f"Typed columns of one event: mp sql 'select {property_ or 'event_date'}, count(*) "
        f"from {view} group by all'",
        f"JSON path: mp sql \"select properties->>'$.{property_ or 'distinct_id'}' from events "
        f"where event_name = '{event}'\"",
        f'Analytics: mp ask segmentation "{event}" --from {since}{by}; {more}; more: mp ask --help',
    ]


def _is_easy(name: str) -> bool:
    return len(name) <= LONGEST_EASY and EASY.fullmatch(name) is not None


def _easy_property(
    own: Sequence[Carries], common: Sequence[Carries], columns: Mapping[str, PropertyColumn]
) -> str | None:
    """A property to ask by: one with few values, as far as its type tells."""
    easy = [
        one
        for one in (*own, *common)
        if WORD.fullmatch(one.property) and columns[one.property].column == one.property
    ]
    easy.sort(key=lambda one: one.type not in ("text", "boolean"))
    return easy[0].property if easy else None
