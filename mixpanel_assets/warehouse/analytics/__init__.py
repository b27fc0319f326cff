"""Questions about what people do, answered from landed events.

DuckDB filters and encodes; sequences are walked in numpy, all people at once.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from mixpanel_assets.errors import ConfigError, DatabaseLockedError, LoadError
from mixpanel_assets.notes import note

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, tzinfo

    import duckdb

    from mixpanel_assets.questions.analytics import Analysis
    from mixpanel_assets.questions.base import R
    from mixpanel_assets.warehouse.connection import OpenWarehouse

SPINE_WAIT = 2.0  # seconds for the warehouse to be free


def analyze(
    asked: Analysis[R],
    zone: tzinfo,
    *,
    reading: OpenWarehouse,
    writing: OpenWarehouse | None,  # waits SPINE_WAIT at most; None: nothing may be written
) -> R:
    """Ask landed events, after the days of the spine that the question needs are made.

    Without those, the answer is as right, and slower.
    """
    with reading() as warehouse:
        missing = missing_in_spine(warehouse, asked, zone)
        if missing is None or writing is None:
            return answer(warehouse, asked, zone)
    from mixpanel_assets.warehouse import spine

    try:
        with suppress(DatabaseLockedError, ConfigError), writing() as warehouse:
            spine.make(warehouse, missing, str(zone))
    except LoadError as error:
        note(f"slower than need be: the days could not be prepared: {error.message}")
    with reading() as warehouse:
        return answer(warehouse, asked, zone)


def answer(warehouse: duckdb.DuckDBPyConnection, asked: Analysis[R], zone: tzinfo) -> R:
    """Ask a connection of `reading`, in the project's time zone."""
    from mixpanel_assets.warehouse.analytics import questions
    from mixpanel_assets.warehouse.ask.mistakes import parts_taught

    function: Callable[..., R] = getattr(questions, asked.method_name())
    with parts_taught(warehouse, asked.table, asked.sql_where):
        return function(warehouse, asked, zone)


def missing_in_spine(
    warehouse: duckdb.DuckDBPyConnection, asked: Analysis[R], zone: tzinfo
) -> list[date] | None:
    """The days that the spine lacks for the question to be quick; None if it lacks nothing.

    There may be none, and still ids that were merged since.
    """
    from mixpanel_assets.warehouse.analytics.landed import days_read
    from mixpanel_assets.warehouse.ask.names import LANDED
    from mixpanel_assets.warehouse.spine import has_stale_people, stale_days

    if asked.table not in LANDED:
        return None
    days = stale_days(warehouse, str(zone), *days_read(asked, None))
    return days if days or has_stale_people(warehouse) else None
