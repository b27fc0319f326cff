"""The daily assets: events and profiles."""

import time
from datetime import date

import dagster as dg

from mixpanel_assets.access import look_up
from mixpanel_assets.defs.checks import CHECKS, check_days
from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.labels import of_tables
from mixpanel_assets.defs.listener import listener_of, notes_in
from mixpanel_assets.defs.metadata import Metadata, hours_chart, of_day, of_run
from mixpanel_assets.defs.partitions import project_days
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource, check_one_project
from mixpanel_assets.errors import DateRangeError
from mixpanel_assets.ingest import ingest_events, ingest_profiles
from mixpanel_assets.results import LandedDay
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.ask.days import day_previews, events_by_hour, recent_weight
from mixpanel_assets.warehouse.tables import CURRENT_COLUMNS, EVENT_COLUMNS


@dg.asset(  # type: ignore[untyped-decorator]  # ** hides which overload it is
    partitions_def=project_days(look_up().settings),
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=CHECKS,
    pool="duckdb_writer",
    **of_tables("events", EVENT_COLUMNS, "events"),
)
def events(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster takes [None] for no checks
    """Raw events, one partition per day of Mixpanel's export.

    Each run replaces the whole day with Mixpanel's current export, without duplicates. The table is
    `events`; views such as `by_event."Purchase"` have typed columns.
    """
    settings = mixpanel.access.settings
    run = _Run(context, settings)
    started = time.monotonic()
    with as_dagster_failures(), notes_in(context.log.warning):
        try:
            requests = _land(run, mixpanel, warehouse)
            checks = _describe(run, warehouse)
        except BaseException:
            run.record()
            raise
    return dg.MaterializeResult(metadata=of_run(requests, started), check_results=checks)


class _Run:
    """The days that a run has landed so far, with their metadata."""

    def __init__(self, context: dg.AssetExecutionContext, settings: Settings) -> None:
        self.context = context
        self.settings = settings
        self.days: dict[date, Metadata] = {}
        self._listener = listener_of(context.log)
        self.note = self._listener.note
        self._last = time.monotonic()

    def landed(self, days: list[LandedDay]) -> None:
        """Keep the metadata of days that are committed."""
        now = time.monotonic()
        share = (now - self._last) / max(sum(day.bytes for day in days), 1)
        self._last = now
        self._listener.progress.landed(days)
        for day in days:
            self.days[day.day] = of_day(day, share * day.bytes)
            self.context.log.info(f"{day.day}: {day.rows:,} events ({day.duplicates:,} duplicates)")

    def record(self) -> None:
        """Record the days that a failed run has landed, which Dagster would not do."""
        for day, metadata in self.days.items():
            self.context.log_event(
                dg.AssetMaterialization(
                    self.context.asset_key, partition=str(day), metadata=metadata
                )
            )


def _land(run: _Run, mixpanel: MixpanelResource, warehouse: WarehouseResource) -> int:
    """Land the run's days; return the number of requests."""
    check_one_project(mixpanel, warehouse)
    keys = sorted(run.context.partition_keys)
    with mixpanel.get_client(run.note) as client:
        ingest_events(
            client,
            lambda: warehouse.get_connection(run.note),
            run.settings,
            date.fromisoformat(keys[0]),
            date.fromisoformat(keys[-1]),
            events_per_day=recent_weight(warehouse.path, run.settings),
            landed=run.landed,
        )
        return client.requests


def _describe(run: _Run, warehouse: WarehouseResource) -> list[dg.AssetCheckResult]:
    """Add metadata to each day of the run; return the results of the checks."""
    days = sorted(run.days)
    with warehouse.get_reader() as connection:
        checks = list(check_days(connection, days[0], days[-1], run.settings))
        previews = day_previews(connection, days)
        hours = events_by_hour(connection, days, run.settings.project_timezone or "UTC")
    for day in days:
        metadata = {
            **run.days[day],
            "preview": dg.MetadataValue.md(previews[day]),
            "hours": dg.MetadataValue.md(hours_chart(hours[day])),
        }
        run.context.add_asset_metadata(metadata, partition_key=str(day))
    return checks


@dg.asset(  # type: ignore[untyped-decorator]  # ** hides which overload it is
    partitions_def=project_days(look_up().settings),
    pool="duckdb_writer",
    **of_tables("profiles", CURRENT_COLUMNS, "profiles"),
)
def profiles(
    context: dg.AssetExecutionContext, mixpanel: MixpanelResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """All user profiles, one snapshot a day.

    `profiles` is the newest snapshot; `profile_history` has a row for each version of a profile, so
    that any past snapshot can be selected. Mixpanel only returns current profiles: only today's
    partition can be materialized.
    """
    started, listener = time.monotonic(), listener_of(context.log)
    with as_dagster_failures(), notes_in(context.log.warning):
        check_one_project(mixpanel, warehouse)
        settings = mixpanel.access.settings
        day, today = date.fromisoformat(context.partition_key), settings.today()
        if day != today:
            raise DateRangeError(
                f"profiles of {day} are no longer available: Mixpanel only returns current ones",
                hint=f"materialize today's partition, {today}; run it daily to build a history",
            )
        with mixpanel.get_client(listener.note) as client:
            snapshot = ingest_profiles(
                client,
                lambda: warehouse.get_connection(listener.note),
                settings,
                day,
                progress=listener.progress.arrived,
            )
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": dg.MetadataValue.int(snapshot.rows),
            "new": snapshot.new,
            "changed": snapshot.changed,
            "removed": snapshot.removed,
            **of_run(snapshot.requests, started),
        }
    )
