"""The Dagster integration: the definitions of a project, for `Definitions.merge` or `defs.yaml`.

>>> from mixpanel_assets.dagster import mixpanel_definitions
>>> defs = mixpanel_definitions(account="acme")
"""

import warnings
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import dagster as dg
from pydantic import Field

from mixpanel_assets.defs.alerts import failure_alerts
from mixpanel_assets.defs.assets import make_events, make_profiles
from mixpanel_assets.defs.automation import on_landing
from mixpanel_assets.defs.catalog import make_catalog
from mixpanel_assets.defs.checks import make_counts_check
from mixpanel_assets.defs.inputs import WarehouseInputManager
from mixpanel_assets.defs.jobs import make_jobs
from mixpanel_assets.defs.marts import make_marts, make_marts_job, make_marts_sensor
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.queries import make_ask_job
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.defs.saved_reports import make_saved_reports
from mixpanel_assets.defs.schedules import make_schedules
from mixpanel_assets.defs.sensors import make_late_events
from mixpanel_assets.defs.upstream import make_upstream, make_views

__all__ = [
    "MixpanelComponent",
    "MixpanelResource",
    "WarehouseInputManager",
    "WarehouseResource",
    "mixpanel_definitions",
    "on_landing",
]


def mixpanel_definitions(
    account: str | None = None,
    *,
    key_prefix: str | Sequence[str] | None = None,
    group: str | None = None,
    start: date | str | None = None,
    automation: bool = False,
    marts: bool | str | Path = False,
) -> dg.Definitions:
    """Assets, checks, jobs, schedules, sensor and resources of one Mixpanel project.

    `account` is a name of the configuration file; by default the one that `mp` uses. Keys begin
    with `key_prefix`, by default the account's name, or the project id where credentials come from
    the environment: `acme/events`. Runs of `mp` use the default. The partitions begin at `start`,
    by default the project's first day. `automation=True` starts schedules and sensors as soon as
    they are loaded. `marts=True` adds assets that follow from events: sessions, active users, and
    what `mixpanel.toml` declares, or the file that is named instead of `True`.

    Raises ConfigError, AccountNotFoundError.
    """
    first = date.fromisoformat(start) if isinstance(start, str) else start
    project = Project.of(
        account,
        key_prefix=key_prefix,
        group=group,
        start=first,
        automation=automation,
        marts=marts,
    )
    return definitions_of(project)


def definitions_of(project: Project) -> dg.Definitions:
    """The definitions of the project."""
    with warnings.catch_warnings():
        # Of backfill policies and code references.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        jobs, ask, saved = make_jobs(project), make_ask_job(project), project.settings.saved_reports
        account, project_id = project.account, project.project_id
        landed = [make_events(project), make_profiles(project), make_catalog(project)]
        if saved:
            landed.append(make_saved_reports(project))
        marts = make_marts(project)
        sensors: list[dg.SensorDefinition] = [make_late_events(project, jobs)]
        if marts:
            sensors.append(make_marts_sensor(project))
        if project.settings.alert_webhook:
            keys = [key for asset in (*landed, *marts) for key in asset.keys]
            alerts = project.name("failure_alerts")
            sensors.append(failure_alerts(alerts, jobs=[*jobs, ask], assets=keys))
        return dg.Definitions(
            assets=[
                *make_upstream(project),
                *dg.with_source_code_references([*landed, *marts]),
                *make_views(project),
            ],
            asset_checks=[make_counts_check(project)],
            jobs=[
                *(jobs if saved else jobs[:-1]),
                ask,
                *([make_marts_job(project)] if marts else []),
            ],
            schedules=make_schedules(project, jobs),
            sensors=sensors,
            resources={
                project.mixpanel: MixpanelResource(account=account, project_id=project_id),
                project.duckdb: WarehouseResource(account=account, project_id=project_id),
                project.inputs: WarehouseInputManager(account=account, project_id=project_id),
            },
        )


class MixpanelComponent(dg.Component, dg.Resolvable, dg.Model):
    """One Mixpanel project: its assets, checks, jobs, schedules, sensor and resources."""

    account: str | None = Field(
        default=None,
        description="Account of the configuration file of mp; default: the one that mp uses.",
    )
    key_prefix: str | list[str] | None = Field(
        default=None,
        description="First part of the asset keys; default: the account's name, or the project id.",
    )
    group: str | None = Field(
        default=None, description="Group of the assets; default: from the prefix of their keys."
    )
    start: str | None = Field(
        default=None,
        description="First partition, as YYYY-MM-DD; default: the project's first day.",
    )
    automation: bool = Field(
        default=False, description="Start schedules and sensors as soon as they are loaded."
    )
    marts: bool | str = Field(
        default=False,
        description="Add assets that follow from events, and those that mixpanel.toml declares; "
        "or the path of such a file.",
    )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002
        """The definitions of the project."""
        return mixpanel_definitions(**dict(self))
