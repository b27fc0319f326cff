"""What is landed, answered without a request."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from mixpanel_assets.questions.base import R
    from mixpanel_assets.questions.local import Local


def answer(warehouse: duckdb.DuckDBPyConnection, asked: Local[R]) -> R:
    """Ask a connection of `reading`: see `ask.tables`, `ask.events`, `ask.find` and the like."""
    from mixpanel_assets.questions.local import ColumnStats, Looking, OfEvents
    from mixpanel_assets.warehouse.ask import events, mistakes, tables

    name = asked.method_name()
    room = events if isinstance(asked, OfEvents) else tables
    if isinstance(asked, Looking):
        room = import_module(f"{__name__}.{name}")
    function: Callable[..., R] = getattr(room, name)
    if isinstance(asked, OfEvents):
        with mistakes.parts_taught(warehouse, asked.table, asked.where):
            return function(warehouse, asked)
    if isinstance(asked, ColumnStats):
        with mistakes.parts_taught(warehouse, asked.table, f"({asked.column}) is not null"):
            return function(warehouse, asked)
    return function(warehouse, asked)
