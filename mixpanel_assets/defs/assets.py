"""The assets: what the warehouse holds, by day."""

import time
from collections.abc import Mapping
from datetime import date
from functools import partial

import dagster as dg

from mixpanel_assets.accounts import find_settings
from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.partitions import project_days
from mixpanel_assets.defs.progress import listener
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.errors import DateRangeError
from mixpanel_assets.ingest import ingest_events, ingest_profiles
from mixpanel_assets.results import LandedDay
from mixpanel_assets.warehouse.read import day_previews, recent_weight
from mixpanel_assets.warehouse.tables import CURRENT_COLUMNS, EVENT_COLUMNS

REQUESTS = "run_requests"
SECONDS = "run_seconds"


def _schema(columns: Mapping[str, tuple[str, str]]) -> dg.TableSchema:
    return dg.TableSchema(
        [dg.TableColumn(name, type_, text) for name, (type_, text) in columns.items()]
    )


@dg.asset(
    partitions_def=project_days(find_settings()),
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="mixpanel",
    kinds={"mixpanel", "duckdb"},
    code_version="1",
    pool="duckdb_writer",
    metadata={
        "dagster/column_schema": _schema(EVENT_COLUMNS),
        "dagster/table_name": "events",
        "dagster/storage_kind": "duckdb",
    },
)
def events(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """Raw events, one partition for each day that Mixpanel exports them under.

    A day is replaced whole by what Mixpanel exports for it now, without duplicates. The table is
    `events`; `by_event."Purchase"` and its like have typed columns.
    """
    with as_dagster_failures():
        return _land(context, mixpanel, warehouse)


def _land(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    settings = find_settings(mixpanel.account)
    keys = sorted(context.partition_keys)
    started = time.monotonic()
    hears = listener.get()
    note = hears.note if hears else context.log.warning
    done: list[LandedDay] = []

    def landed(days: list[LandedDay]) -> None:
        done.extend(days)
        if hears:
            hears.landed(days)
        for day in days:
            context.log.info(f"{day.day}: {day.rows:,} events ({day.duplicates:,} duplicates)")

    with mixpanel.get_client(note) as client:
        path = settings.warehouse_path(client.credentials.project_id)
        try:
            ingest_events(
                client,
                partial(warehouse.get_connection, note),
                settings,
                date.fromisoformat(keys[0]),
                date.fromisoformat(keys[-1]),
                events_per_day=recent_weight(path, settings),
                landed=landed,
            )
        except BaseException:
            # Dagster forgets what a failed run has done, unless it is told.
            for day in done:
                context.log_event(
                    dg.AssetMaterialization(
                        context.asset_key, partition=str(day.day), metadata=_metadata(day)
                    )
                )
            raise
        run = {REQUESTS: client.requests, SECONDS: round(time.monotonic() - started, 3)}
    previews = day_previews(path, settings, [day.day for day in done])
    for day in done:
        metadata = {**_metadata(day), "preview": dg.MetadataValue.md(previews[day.day])}
        context.add_asset_metadata(metadata, partition_key=str(day.day))
    return dg.MaterializeResult(metadata=run)


def _metadata(day: LandedDay) -> dict[str, dg.MetadataValue]:
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(day.rows),
        "duplicates": dg.MetadataValue.int(day.duplicates),
        "bytes": dg.MetadataValue.int(day.bytes),
        "partial": dg.MetadataValue.bool(day.partial),
        "file": dg.MetadataValue.text(day.file),
    }


@dg.asset(
    partitions_def=project_days(find_settings()),
    group_name="mixpanel",
    kinds={"mixpanel", "duckdb"},
    code_version="1",
    pool="duckdb_writer",
    metadata={
        "dagster/column_schema": _schema(CURRENT_COLUMNS),
        "dagster/table_name": "profiles",
        "dagster/storage_kind": "duckdb",
    },
)
def profiles(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """All user profiles, one snapshot a day.

    `profiles` is the newest snapshot; `profile_history` has a row for each state that a profile was
    in, so that any past snapshot can be selected. Mixpanel gives profiles as they are now: only
    today's partition can be materialized.
    """
    with as_dagster_failures():
        return _take_snapshot(context, mixpanel, warehouse)


def _take_snapshot(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    settings = find_settings(mixpanel.account)
    day, today = date.fromisoformat(context.partition_key), settings.today()
    if day != today:
        raise DateRangeError(
            f"profiles of {day} can't be had any more: Mixpanel gives them as they are now",
            hint=f"materialize the partition of today, {today}; run it daily to have a history",
        )
    started = time.monotonic()
    hears = listener.get()
    note = hears.note if hears else context.log.warning
    with mixpanel.get_client(note) as client:
        snapshot = ingest_profiles(
            client,
            partial(warehouse.get_connection, note),
            settings,
            day,
            progress=hears.profiles if hears else lambda done, total: None,
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": dg.MetadataValue.int(snapshot.rows),
            "new": snapshot.new,
            "changed": snapshot.changed,
            "removed": snapshot.removed,
            REQUESTS: snapshot.requests,
            SECONDS: round(time.monotonic() - started, 3),
        }
    )
