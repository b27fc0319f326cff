"""What all of this project's assets and jobs have in common in the UI."""

from collections.abc import Mapping
from datetime import timedelta

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


def column_schema(columns: Mapping[str, tuple[str, str]]) -> dg.TableSchema:
    """Columns with types and meanings, as the UI shows them."""
    return dg.TableSchema(
        [dg.TableColumn(name, type_, text) for name, (type_, text) in columns.items()]
    )
