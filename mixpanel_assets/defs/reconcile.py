"""Dagster's record of an asset, made to agree with what is landed in the warehouse.

A process may be killed between the commit of a day and its report, a warehouse may be rebuilt or
moved, and so may the instance: `landed`, which is committed together with the rows, is the truth.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Self

import dagster as dg

from mixpanel_assets.access import Access
from mixpanel_assets.defs.catalog import PARTS
from mixpanel_assets.defs.metadata import Metadata, of_day
from mixpanel_assets.defs.partitions import begin_at
from mixpanel_assets.defs.project import Project
from mixpanel_assets.results import Reconciled
from mixpanel_assets.warehouse.ask.coverage import landed_rows
from mixpanel_assets.warehouse.load.saved_reports import SAVED_REPORTS
from mixpanel_assets.warehouse.sql import Connection
from mixpanel_assets.warehouse.statement import opened

DAILY = ("events", "profiles")
WHOLE = {**{name: tables for name, (tables, *_) in PARTS.items()}, SAVED_REPORTS: (SAVED_REPORTS,)}
CURSOR = "mixpanel_assets/reconciled/"  # the key of the time of the last reconciliation
OURS = {"run_requests", "file"}  # metadata of the materializations of older versions
MOST_RECORDS = 10_000  # that Dagster gives at once
MOST_DAYS = 1_000  # that it is asked about at once
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Landed:
    """A row of `landed`."""

    day: date
    loaded_at: datetime
    metadata: Metadata

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The row, with the figures that a run reports of a day."""
        return cls(row["day"], row["loaded_at"], of_day(row))


def landed_since(warehouse: Connection, dataset: str, since: datetime = EPOCH) -> list[Landed]:
    """The days of the dataset that were loaded since then."""
    return [
        Landed.of(row)
        for row in landed_rows(warehouse)
        if row["dataset"] == dataset and row["loaded_at"] >= since
    ]


def reconcile(
    instance: dg.DagsterInstance, project: Project, access: Access, *assets: str
) -> Reconciled:
    """Report landed days that the instance does not know, and wipe those that are gone.

    Of all assets, unless some are named.
    """
    rows: list[dict[str, Any]] = []
    if access.warehouse.exists():
        with opened(access.warehouse, access.settings) as warehouse:
            rows = landed_rows(warehouse)
    reported: set[date] = set()
    wiped: set[date] = set()
    for name in assets or (*DAILY, *WHOLE):
        tables = (name,) if name in DAILY else WHOLE[name]
        landed = [Landed.of(row) for row in rows if row["dataset"] in tables]
        if name not in DAILY:
            _reconcile_whole(instance, project.key(name), landed)
            continue
        days = _reconcile_days(instance, project.key(name), landed)
        reported.update(days.reported)
        wiped.update(days.wiped)
        if landed:
            begin_at(access, min(one.day for one in landed), name)
    return Reconciled(sorted(reported), sorted(wiped))


def forget_unprefixed(instance: dg.DagsterInstance) -> None:
    """Wipe what older versions recorded: the same assets, without the project in their keys."""
    for name in (*DAILY, *WHOLE):
        key = dg.AssetKey(name)
        made = instance.get_latest_materialization_event(key)
        materialization = made.asset_materialization if made else None
        if materialization and OURS.intersection(materialization.metadata):
            instance.wipe_assets([key])


def _reconcile_days(
    instance: dg.DagsterInstance, key: dg.AssetKey, landed: Iterable[Landed]
) -> Reconciled:
    by_day = {str(one.day): one for one in landed}
    known = instance.get_materialized_partitions(key)
    gone = known - by_day.keys()
    if gone:  # Dagster can't wipe single partitions on SQLite
        instance.wipe_assets([key])
        known = set()
    late = [by_day[day] for day in _unreported(instance, key, by_day)] if known else []
    fresh = {one.day: one for one in (*late, *(by_day[day] for day in by_day.keys() - known))}
    for day in sorted(fresh):
        made = dg.AssetMaterialization(key, partition=str(day), metadata=fresh[day].metadata)
        instance.report_runless_asset_event(made)
    if by_day:
        newest = max(one.loaded_at for one in by_day.values())
        cursor = {f"{CURSOR}{key.to_user_string()}": newest.isoformat()}
        instance.daemon_cursor_storage.set_cursor_values(cursor)
    return Reconciled(sorted(fresh), sorted(map(date.fromisoformat, gone)))


def _unreported(
    instance: dg.DagsterInstance, key: dg.AssetKey, by_day: Mapping[str, Landed]
) -> list[str]:
    """The days loaded since the last reconciliation of which nothing was reported since."""
    cursor = f"{CURSOR}{key.to_user_string()}"
    seen = instance.daemon_cursor_storage.get_cursor_values({cursor}).get(cursor)
    since = datetime.fromisoformat(seen) if seen else EPOCH
    fresh = {day: one for day, one in by_day.items() if one.loaded_at > since}
    if not fresh:
        return []
    first = min(one.loaded_at for one in fresh.values()).timestamp()
    last: dict[str | None, float] = {}
    for record in _materialized(instance, key, list(fresh), first):
        last[record.partition_key] = max(record.timestamp, last.get(record.partition_key, 0))
    return [day for day, one in fresh.items() if last.get(day, 0) < one.loaded_at.timestamp()]


def _materialized(
    instance: dg.DagsterInstance, key: dg.AssetKey, days: Sequence[str], since: float
) -> Iterator[dg.EventLogRecord]:
    """What was reported of the days since then."""
    for begin in range(0, len(days), MOST_DAYS):
        some, cursor, more = days[begin : begin + MOST_DAYS], None, True
        wanted = dg.AssetRecordsFilter(key, asset_partitions=some, after_timestamp=since)
        while more:
            found = instance.fetch_materializations(wanted, limit=MOST_RECORDS, cursor=cursor)
            yield from found.records
            cursor, more = found.cursor, found.has_more


def _reconcile_whole(
    instance: dg.DagsterInstance, key: dg.AssetKey, landed: Iterable[Landed]
) -> None:
    """The same for an asset without partitions."""
    newest = max(landed, key=lambda one: one.loaded_at, default=None)
    made = instance.get_latest_materialization_event(key)
    if newest is None:
        if made:
            instance.wipe_assets([key])
    elif made is None or made.timestamp < newest.loaded_at.timestamp():
        instance.report_runless_asset_event(dg.AssetMaterialization(key))
