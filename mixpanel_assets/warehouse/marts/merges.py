"""Days of marts whose people are others since: an id was merged into another, or no longer is.

A link between two ids arrives with the events of one day, and changes whose all their events are.
"""

from __future__ import annotations

from datetime import date

from mixpanel_assets.warehouse.people import PEOPLE, has_people
from mixpanel_assets.warehouse.sql import Connection, first_column, has_tables

KNOWN = "internal.mart_people"  # the merged ids, as they were when each mart was made


def changed_days(warehouse: Connection, mart: str) -> list[date]:
    """The days of the events of ids that are of another person since the mart was made."""
    known = f"select distinct_id, person from {KNOWN} where mart = ?"
    if not has_tables(warehouse, "internal", "mart_people"):
        known = "select null, null where ? is null"
    now = f"select distinct_id, person from {PEOPLE}"
    if not has_people(warehouse):
        now = "select null, null where false"
    query = f"""
        with known as materialized ({known}), now as materialized ({now}),
        changed as ((from known except from now) union (from now except from known))
        select distinct event_date from events_wide
        where distinct_id in (select distinct_id from changed) order by 1
        """
    return first_column(warehouse, query, [mart])


def remember(warehouse: Connection, mart: str) -> None:
    """Keep which ids are merged now."""
    warehouse.execute(
        f"create table if not exists {KNOWN} (mart VARCHAR, distinct_id VARCHAR, person VARCHAR)"
    )
    warehouse.execute(f"delete from {KNOWN} where mart = ?", [mart])
    if has_people(warehouse):
        query = f"insert into {KNOWN} select ?, distinct_id, person from {PEOPLE}"
        warehouse.execute(query, [mart])
