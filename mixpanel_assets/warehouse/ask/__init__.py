"""What is landed, answered without a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from mixpanel_assets.questions.base import R
    from mixpanel_assets.questions.local import Local


def answer(warehouse: duckdb.DuckDBPyConnection, asked: Local[R]) -> R:
    """Ask a connection of `reading`: see `ask.tables` and `ask.events`."""
    from mixpanel_assets.questions.local import ColumnStats, OfEvents
    from mixpanel_assets.warehouse.ask import events, mistakes, tables

    room = events if isinstance(asked, OfEvents) else tables
    function: Callable[..., R] = getattr(room, asked.method_name())
    if isinstance(asked, OfEvents):
        with mistakes.parts_taught(warehouse, asked.table, asked.where):
            return function(warehouse, asked)
    if isinstance(asked, ColumnStats):
        with mistakes.parts_taught(warehouse, asked.table, f"({asked.column}) is not null"):
            return function(warehouse, asked)
    return function(warehouse, asked)
