"""A Mixpanel project in Dagster: its account, and the names of all that is defined for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import dagster as dg

from mixpanel_assets.access import look_up
from mixpanel_assets.defs.partitions import daily, first_day, first_snapshot
from mixpanel_assets.questions.marts import FILE, Mart, read_marts
from mixpanel_assets.settings import Settings, local_path

TAGS = {"domain": "product-analytics", "source": "mixpanel"}
# Change it when the same input makes other rows.
CODE_VERSION = "2"
UNKNOWN = "mixpanel"  # the prefix before there is an account

# Assets are daily, and a tick may be late.
FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)


@dataclass(frozen=True)
class Project:
    """The definitions of one project are named after it, so that several live side by side."""

    account: str | None  # of the configuration file; None: the environment's
    project_id: str | None
    settings: Settings
    warehouse: Path | None
    prefix: tuple[str, ...]
    group: str
    start: date  # of events
    first_snapshot: date  # of profiles
    automation: bool = False  # schedules and sensor run from the start
    marts: tuple[Mart, ...] | None = None  # those that are declared; None: no marts at all

    @classmethod
    def of(
        cls,
        account: str | None = None,
        *,
        key_prefix: str | Sequence[str] | None = None,
        group: str | None = None,
        start: date | None = None,
        automation: bool = False,
        saved_reports: tuple[int, ...] | None = None,
        marts: bool | str | Path | None = None,
    ) -> Self:
        """The account's project; by default the one that `mp` would use now.

        With the marts of mixpanel.toml if there is such a file; `marts` is another one, or whether
        there are marts, also without a file. Raises ConfigError for invalid settings and for what
        the file has wrong, AccountNotFoundError.
        """
        access = look_up(account)
        settings, project_id = access.settings, access.project_or_none
        if saved_reports is not None:
            settings = replace(settings, saved_reports=saved_reports)
        prefix = tuple([key_prefix] if isinstance(key_prefix, str) else key_prefix or ())
        prefix = prefix or (access.name or project_id or UNKNOWN,)
        return cls(
            account=access.name,
            project_id=project_id,
            settings=settings,
            warehouse=access.warehouse if settings.warehouse or project_id else None,
            prefix=prefix,
            group=group or identifier(*prefix),
            start=start or first_day(access),
            first_snapshot=first_snapshot(access),
            automation=automation,
            marts=_marts(settings, marts),
        )

    def key(self, *names: str) -> dg.AssetKey:
        """The key of an asset: acme/events."""
        return dg.AssetKey([*self.prefix, *names])

    def name(self, word: str) -> str:
        """The name of an op, job, schedule or sensor: acme_events_job."""
        return f"{identifier(*self.prefix)}_{word}"

    @property
    def mixpanel(self) -> str:
        """The key of its MixpanelResource."""
        return f"mixpanel_{identifier(*self.prefix)}"

    @property
    def duckdb(self) -> str:
        """The key of its WarehouseResource."""
        return f"warehouse_{identifier(*self.prefix)}"

    @property
    def inputs(self) -> str:
        """The key of its WarehouseInputManager, which loads its assets for others."""
        return f"inputs_{identifier(*self.prefix)}"

    @property
    def resources(self) -> set[str]:
        """The keys that its own assets use."""
        return {self.mixpanel, self.duckdb}

    @property
    def pool(self) -> str:
        """The pool of those who write its warehouse."""
        return f"warehouse_{self.project_id or UNKNOWN}"

    @cached_property
    def days(self) -> dg.DailyPartitionsDefinition:
        """The days of events, from the first one to today."""
        return daily(self.start, self.settings.project_timezone)

    @cached_property
    def snapshots(self) -> dg.DailyPartitionsDefinition:
        """The days of profiles, from the first snapshot to today."""
        return daily(self.first_snapshot, self.settings.project_timezone)

    @property
    def owners(self) -> list[str]:
        """The owners of its assets."""
        return [owner.strip() for owner in self.settings.owners.split(",") if owner.strip()]

    def spec(
        self,
        name: str,
        description: str,
        tables: Mapping[str, Mapping[str, tuple[str, str]]],
        schema: str = "main",
        **options: Any,
    ) -> dg.AssetSpec:
        """The spec of an asset of these tables, with the types and meanings of their columns."""
        columns = {column: of for table in tables.values() for column, of in table.items()}
        shown = dg.TableSchema(
            [dg.TableColumn(column, type_, text) for column, (type_, text) in columns.items()]
        )
        database = self.warehouse.stem if self.warehouse else UNKNOWN
        metadata: dict[str, Any] = {
            "dagster/column_schema": shown,
            "dagster/table_name": f"{database}.{schema}.{next(iter(tables))}",
            "dagster/storage_kind": "duckdb",
            **({"dagster/uri": self.warehouse.as_uri()} if self.warehouse else {}),
            **({"tables": ", ".join(tables)} if len(tables) > 1 else {}),
        }
        return dg.AssetSpec(
            self.key(name),
            description=description,
            metadata=metadata,
            **{
                "group_name": self.group,
                "kinds": {"duckdb", "table"},
                "owners": self.owners,
                "tags": TAGS,
                "code_version": CODE_VERSION,
                "freshness_policy": FRESH,
                **options,
            },
        ).with_io_manager_key(self.inputs)


def _marts(settings: Settings, given: bool | str | Path | None) -> tuple[Mart, ...] | None:
    """What is declared; None for no marts at all."""
    if given is False:
        return None
    if isinstance(given, str | Path):
        return read_marts(local_path(str(given), "marts"))
    path = settings.marts or settings.config_path.with_name(FILE)
    if settings.marts or path.exists():
        return read_marts(path)
    return () if given else None


def identifier(*path: str) -> str:
    """The path as a name that Dagster allows for ops, jobs and groups."""
    return re.sub(r"\W", "_", "_".join(path), flags=re.ASCII)
