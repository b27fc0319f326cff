"""The labels that all assets and jobs share in the UI."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from mixpanel_assets.settings import Settings

TAGS = {"domain": "product-analytics", "source": "mixpanel"}
# Change it when the same input makes other rows.
CODE_VERSION = "2"
OWNERS = [owner.strip() for owner in Settings.from_env().owners.split(",") if owner.strip()]

# Assets are daily, and a tick may be late.
FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)


def of_tables(kind: str, columns: Mapping[str, tuple[str, str]], *tables: str) -> dict[str, Any]:
    """The asset options that describe these tables, with the types and meanings of columns."""
    schema = dg.TableSchema(
        [dg.TableColumn(name, type_, text) for name, (type_, text) in columns.items()]
    )
    return {
        "group_name": "mixpanel",
        "kinds": {"mixpanel", "duckdb"},
        "owners": OWNERS,
        "tags": {**TAGS, "mixpanel/kind": kind},
        "code_version": CODE_VERSION,
        "freshness_policy": FRESH,
        "metadata": {
            "dagster/column_schema": schema,
            "dagster/table_name": ", ".join(tables),
            "dagster/storage_kind": "duckdb",
        },
    }
