"""The columns of events as they are after a run: typed properties, and where they come from."""

from typing import Any

import dagster as dg

from mixpanel_assets.warehouse.ask.tables import described_properties
from mixpanel_assets.warehouse.sql import Connection
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES, EVENT_COLUMNS


def of_columns(warehouse: Connection, export: dg.AssetKey) -> dict[str, Any]:
    """Metadata: each column of events_wide with its type, its meaning and where it comes from."""
    schema = [dg.TableColumn(name, type_, text) for name, (type_, text) in EVENT_COLUMNS.items()]
    sent = {column: name for name, column in BASE_PROPERTIES.items()}
    sent |= {"event_date": "time", "event_name": "event", "properties": "properties"}
    for property_, column, type_, text in described_properties(warehouse):
        schema.append(dg.TableColumn(column, type_, text))
        sent[column] = property_
    lineage = {column: [dg.TableColumnDep(export, name)] for column, name in sent.items()}
    return {
        "dagster/column_schema": dg.TableSchema(schema),
        "dagster/column_lineage": dg.TableColumnLineage(lineage),
    }
