"""The table `landed`: what was landed, when, and from which file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from mixpanel_assets.warehouse.connection import as_load_errors
from mixpanel_assets.warehouse.load.create import create_tables
from mixpanel_assets.warehouse.sql import Connection, insert_rows


@dataclass(frozen=True)
class Recorded:
    """A row of `landed`; what its columns mean is in LANDED_COLUMNS."""

    dataset: str
    day: date
    rows: int
    bytes: int
    exported_at: datetime
    duplicates: int = 0
    file: str | None = None
    checksum: str | None = None
    filters: Mapping[str, Any] | None = None
    partial: bool = False
    repaired: int | None = None


def record_landed(warehouse: Connection, *rows: Recorded) -> None:
    """Add the rows to `landed`, as loaded now."""
    loaded = {"loaded_at": datetime.now(UTC)}
    every = [
        loaded | {name: value for name, value in vars(row).items() if value is not None}
        for row in rows
    ]
    insert_rows(warehouse, "landed", every)


def files_in_use(warehouse: Connection, dataset: str) -> dict[date, str]:
    """By day of the dataset that is landed, empty ones too: the name of its landed file."""
    query = "select day, file from landed where dataset = ?"
    with as_load_errors():
        create_tables(warehouse)
        return dict(warehouse.execute(query, [dataset]).fetchall())
