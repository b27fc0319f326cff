"""The daily assets: events and profiles."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from mixpanel_assets.defs.checks import check_days, check_specs
from mixpanel_assets.defs.columns import of_columns
from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.listener import Listener, listener_of, notes_in
from mixpanel_assets.defs.metadata import (
    ROWS,
    SKIPPED,
    Metadata,
    of_day,
    of_run,
    pictures,
)
from mixpanel_assets.defs.partitions import begin_at
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.reconcile import landed_since, reconcile
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource, resources_of
from mixpanel_assets.defs.runs import EVENTS_JOB
from mixpanel_assets.defs.upstream import endpoint
from mixpanel_assets.errors import ConfigError, MixpanelDataError, UsageError
from mixpanel_assets.ingest import ingest_events, ingest_profiles, rebuild_profiles
from mixpanel_assets.landed import landed_files
from mixpanel_assets.results import LandedDay, Snapshot
from mixpanel_assets.warehouse.ask.coverage import as_text
from mixpanel_assets.warehouse.ask.days import recent_weight
from mixpanel_assets.warehouse.tables import CURRENT_COLUMNS, EVENT_COLUMNS


def make_events(project: Project) -> dg.AssetsDefinition:
    """The asset of raw events, with the checks of the run that lands them."""
    key, job = project.key("events"), project.name(EVENTS_JOB)
    spec = project.spec(
        "events",
        "Raw events, one partition per day of Mixpanel's export. Each run replaces whole days with "
        "Mixpanel's current export, without duplicates. The views of the schema by_event have the "
        "properties of one event as typed columns. Earlier days: mp materialize events --from DAY.",
        {"events": EVENT_COLUMNS},
        deps=[endpoint(project, "export")],
        partitions_def=project.days,
    )

    @dg.multi_asset(
        name=project.name("events"),
        specs=[spec],
        check_specs=check_specs(key),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=project.pool,
        required_resource_keys=project.resources,
    )
    def events(context: dg.AssetExecutionContext) -> Iterator[Any]:
        started = time.monotonic()
        with as_dagster_failures(), notes_in(context.log.warning):
            if "dagster/backfill" in context.run.tags and context.run.job_name == job:
                context.log.warning(
                    "a backfill of this job is a run for each day: Materialize on the asset, or "
                    "mp materialize events, lands all days in one run"
                )
            mixpanel, warehouse = resources_of(context.resources, project)
            reconcile(context.instance, project, mixpanel.access, "events")
            run = _Run(context, key, endpoint(project, "export"), mixpanel, warehouse)
            try:
                requests = run.land()
                checks = run.describe()
            except BaseException:
                with suppress(MixpanelDataError):  # which would hide why the run failed
                    run.record()
                raise
        yield dg.MaterializeResult(
            asset_key=key, metadata=of_run(requests, started), check_results=checks
        )

    return events


class _Run:
    """The days that a run has landed so far, with their metadata."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        key: dg.AssetKey,
        export: dg.AssetKey,
        mixpanel: MixpanelResource,
        warehouse: WarehouseResource,
    ) -> None:
        self.context, self.key, self.export = context, key, export
        self.mixpanel, self.warehouse = mixpanel, warehouse
        self.settings = mixpanel.access.settings
        self._asked = _days(context, key)
        self.days: dict[date, Metadata] = {}
        self._listener = listener_of(context.log)
        self._began = datetime.now(UTC)
        self._last = time.monotonic()

    def land(self) -> int:
        """Land the run's days; return the number of requests."""
        first, last = self._asked[0], self._asked[-1]
        with self.mixpanel.get_client(self._listener.note) as client:
            ingest_events(
                client,
                lambda: self.warehouse.get_connection(self._listener.note),
                self.settings,
                first,
                last,
                events_per_day=recent_weight(self.warehouse.path, self.settings),
                landed=self._landed,
            )
            begin_at(self.mixpanel.access, first)
            return client.requests

    def _landed(self, days: list[LandedDay]) -> None:
        """Keep the metadata of days that are committed."""
        now = time.monotonic()
        share = (now - self._last) / max(sum(day.bytes for day in days), 1)
        self._last = now
        self._listener.progress.landed(days)
        for day in days:
            self.days[day.day] = of_day({**vars(day), "seconds": round(share * day.bytes, 3)})
            self.context.log.info(f"{day.day}: {day.rows:,} events ({day.duplicates:,} duplicates)")

    def record(self) -> None:
        """Record the days that a failed run has landed, which Dagster would not do.

        An interrupt may come between a commit and its report: the warehouse knows.
        """
        with self.warehouse.get_reader() as connection:
            committed = landed_since(connection, "events", self._began)
        for landed in committed:
            if landed.day in self._asked:
                metadata = self.days.get(landed.day) or landed.metadata
                self.context.log_event(
                    dg.AssetMaterialization(self.key, partition=str(landed.day), metadata=metadata)
                )

    def describe(self) -> list[dg.AssetCheckResult]:
        """Add metadata to each day of the run; return the results of the checks."""
        days = sorted(self.days)
        with self.warehouse.get_reader() as connection:
            checks = list(check_days(self.key, connection, days[0], days[-1], self.settings))
            shown = pictures(connection, days, self.settings.project_timezone or "UTC")
            columns = of_columns(connection, self.export)
        for day in days:
            metadata = {
                **self.days[day],
                **shown[day],
                **(columns if day == days[-1] else {}),
            }
            self.context.add_asset_metadata(metadata, self.key, partition_key=str(day))
        return checks


def _days(context: dg.AssetExecutionContext, key: dg.AssetKey) -> list[date]:
    """The days of the run. UsageError if it was launched without a partition."""
    if not (context.has_partition_key or context.has_partition_key_range):
        asset = key.to_user_string()
        hint = f"launch it for a day or a range of days of {asset}"
        raise UsageError("this run has no partition", hint=hint)
    return sorted(map(date.fromisoformat, context.partition_keys))


def make_profiles(project: Project) -> dg.AssetsDefinition:
    """The asset of user profiles."""
    key = project.key("profiles")
    spec = project.spec(
        "profiles",
        "All user profiles, one snapshot a day. The view profiles is the newest snapshot; "
        "profile_history has a row for each version of a profile, so that any past snapshot can be "
        "selected. Mixpanel only returns current profiles: a day without a snapshot stays missing.",
        {"profiles": CURRENT_COLUMNS},
        deps=[endpoint(project, "engage")],
        partitions_def=project.snapshots,
        skippable=True,
    )

    @dg.multi_asset(
        name=project.name("profiles"),
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=project.pool,
        required_resource_keys=project.resources,
    )
    def profiles(context: dg.AssetExecutionContext) -> Iterator[Any]:
        started = time.monotonic()
        listener = listener_of(context.log)
        with as_dagster_failures(), notes_in(context.log.warning):
            mixpanel, warehouse = resources_of(context.resources, project)
            days = _days(context, key)
            reconcile(context.instance, project, mixpanel.access, "profiles")
            found, requests, unloaded = _snapshots(days, mixpanel, warehouse, listener)
        run = of_run(requests, started)
        if lost := [day for day in days if day not in found]:
            # A result would be one of all days of the run.
            for day, metadata in found.items():
                made = dg.AssetMaterialization(
                    key, partition=str(day), metadata={**metadata, **run}
                )
                context.log_event(made)
            reason = _reason(lost, unloaded)
            context.log.warning(reason)
            yield dg.AssetObservation(key, metadata={SKIPPED: dg.MetadataValue.text(reason)})
            return
        for day, metadata in found.items():
            context.add_asset_metadata(metadata, key, partition_key=str(day))
        yield dg.MaterializeResult(asset_key=key, metadata=run)

    return profiles


def _reason(lost: Sequence[date], unloaded: Mapping[date, str]) -> str:
    """Why days have no snapshot."""
    reasons = [f"{day}: landed, but not loaded: {why}" for day, why in unloaded.items()]
    if untaken := [day for day in lost if day not in unloaded]:
        reasons.append(
            f"{as_text(untaken)}: no snapshot was taken, and Mixpanel only returns current "
            "profiles; run this asset daily to build a history"
        )
    return "\n".join(reasons)


def _snapshots(
    days: Sequence[date],
    mixpanel: MixpanelResource,
    warehouse: WarehouseResource,
    listener: Listener,
) -> tuple[dict[date, Metadata], int, dict[date, str]]:
    """The metadata of those of the days that have a snapshot, and the number of requests.

    Today's is taken. Past ones are loaded from their landed files, if they are not in the tables;
    the third value is why for those that can't be.
    """
    settings = mixpanel.access.settings
    taken: dict[date, Metadata] = {}
    requests = 0

    def opened() -> Any:
        return warehouse.get_connection(listener.note)

    if (today := settings.today()) in days:
        with mixpanel.get_client(listener.note) as client:
            snapshot = ingest_profiles(
                client, opened, settings, today, progress=listener.progress.arrived
            )
        begin_at(mixpanel.access, today, "profiles")
        taken[today], requests = _of_snapshot(snapshot), snapshot.requests
    held = _held(warehouse)
    project_id = mixpanel.access.project
    files = landed_files(settings.landed_folder(project_id) / "profiles")
    unloaded: dict[date, str] = {}
    if fresh := [file.start for file in files if file.start in days and file.start not in held]:
        try:
            rebuild_profiles(opened, settings, project_id)
        except ConfigError as error:  # it would lose other snapshots
            unloaded = dict.fromkeys(fresh, f"{error.message} ({error.hint})")
        held = _held(warehouse)
    found = {day: taken.get(day) or held[day] for day in days if day in held}
    return found, requests, unloaded


def _held(warehouse: WarehouseResource) -> dict[date, Metadata]:
    if not warehouse.path.exists():
        return {}
    with warehouse.get_reader() as connection:
        return {one.day: one.metadata for one in landed_since(connection, "profiles")}


def _of_snapshot(snapshot: Snapshot) -> Metadata:
    return {
        ROWS: dg.MetadataValue.int(snapshot.rows),
        "new": dg.MetadataValue.int(snapshot.new),
        "changed": dg.MetadataValue.int(snapshot.changed),
        "removed": dg.MetadataValue.int(snapshot.removed),
    }
