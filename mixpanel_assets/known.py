"""Gives a client the known names of its project: recently listed by Mixpanel, or landed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from mixpanel_assets.errors import (
    DatabaseLockedError,
    DatabaseNotFoundError,
    MixpanelDataError,
)
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.names import Names
from mixpanel_assets.settings import Settings

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")
Opened = Callable[[], "AbstractContextManager[duckdb.DuckDBPyConnection]"]
LOCK_WAIT = 1.0  # seconds; short, since landed names are optional


def tell_names(client: Client, settings: Settings, reading: Opened) -> None:
    """Set the client's `names`: those that Mixpanel listed, and those in the warehouse.

    Nothing is read, and DuckDB is not imported, before a name is checked.
    """
    client.names = Names(client, settings, _Landed(reading))


class _Landed:
    """Names and days in the warehouse; empty without one, None if it can't be read now."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def events(self, *, strict: bool = False) -> Collection[str] | None:
        return self._asked(
            lambda catalog, warehouse: catalog.landed_events(warehouse), strict=strict
        )

    def properties(self, event: str) -> Collection[str] | None:
        return self._asked(lambda catalog, warehouse: catalog.landed_properties(warehouse, event))

    def texts(self, event: str, name: str) -> int | None:
        found = self._asked(
            lambda catalog, warehouse: [catalog.landed_texts(warehouse, event, name)]
        )
        return sum(found) if found is not None else None

    def days(self, seconds: float) -> Collection[date] | None:
        since = datetime.now(UTC) - timedelta(seconds=seconds)
        return self._asked(lambda catalog, warehouse: catalog.days_landed_since(warehouse, since))

    def _asked(
        self, question: Callable[[Any, Any], list[T]], *, strict: bool = False
    ) -> list[T] | None:
        try:
            with self._opened() as warehouse:
                from mixpanel_assets.warehouse.load import catalog

                return question(catalog, warehouse)
        except DatabaseNotFoundError:
            return []
        except MixpanelDataError as error:
            if strict and not isinstance(error, DatabaseLockedError):
                raise
            return None
