"""What all of this project's assets and jobs have in common in the UI."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from mixpanel_assets.settings import Settings

GROUP = "mixpanel"
KINDS = {"mixpanel", "duckdb"}
TAGS = {"domain": "product-analytics", "source": "mixpanel"}
# The version of how rows are made: one that changes them is another.
CODE_VERSION = "2"
OWNERS = [owner.strip() for owner in Settings.from_env().owners.split(",") if owner.strip()]

# Every schedule is daily, and a tick may be late.
FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)


def of_tables(kind: str, columns: Mapping[str, tuple[str, str]], *tables: str) -> dict[str, Any]:
    """What the UI shows of an asset with these tables, columns with types and meanings."""
    schema = dg.TableSchema(
        [dg.TableColumn(name, type_, text) for name, (type_, text) in columns.items()]
    )
    return {
        "group_name": GROUP,
        "kinds": KINDS,
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
