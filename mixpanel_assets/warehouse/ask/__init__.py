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
    from mixpanel_assets.questions.local import OfEvents
    from mixpanel_assets.warehouse.ask import events, tables

    room = events if isinstance(asked, OfEvents) else tables
    function: Callable[..., R] = getattr(room, asked.method_name())
    return function(warehouse, asked)
