"""`mp materialize` and `mp rebuild`: load assets into the warehouse."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import options
from mixpanel_assets.errors import ConfigError, MixpanelDataError, PlanRequiredError

if TYPE_CHECKING:
    from mixpanel_assets.workspace import Workspace

materialize = options.group("materialize", "Land assets from Mixpanel.")
rebuild = options.group(
    "rebuild", "Rebuild an asset's tables from landed files, without any request."
)


@materialize.command("events")
@options.answering
def materialize_events(
    context: typer.Context,
    start: options.FromOption,
    end: options.ToOption = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only days that are not landed or incomplete.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Queue the days in a running mp dev and return.")
    ] = False,
    no_wait: options.NoWaitOption = False,
) -> Any:
    """Replace each day with Mixpanel's current export of it.

    mp materialize events --from 2026-01-01 --to 2026-01-31
    """
    if detach and no_wait:
        raise typer.BadParameter("--no-wait does not apply with --detach")
    if detach:
        with context.obj.workspace() as workspace:
            return _hand_over(workspace, start, end, missing=missing)
    with context.obj.working("days", wait=not no_wait) as (workspace, _):
        return workspace.materialize_events(start, end, missing=missing)


def _hand_over(
    workspace: Workspace, start: str, end: str | None, *, missing: bool
) -> dict[str, str | None]:
    """Start a backfill in the running Dagster UI: asset, from, to, backfill_id, url."""
    from mixpanel_assets.defs.backfill import find_ui, start_backfill
    from mixpanel_assets.defs.instance import dagster_home

    first, last = workspace.days(start, end)
    ui, project = find_ui(dagster_home(workspace.settings)), workspace.project_id
    if ui.project_id != project:
        raise ConfigError(
            f"the Dagster UI at {ui.url} lands project {ui.project_id}, not {project}",
            hint="start mp dev with this account, or land the days without --detach",
        )
    ranges = workspace.missing_ranges(first, last) if missing else [(first, last)]
    days = [a + timedelta(n) for a, b in ranges for n in range((b - a).days + 1)]
    backfill = start_backfill(ui, "events", days) if days else None
    return {
        "asset": "events",
        "from": str(first),
        "to": str(last),
        "backfill_id": backfill,
        "url": backfill and f"{ui.url}/runs/b/{backfill}",
    }


@materialize.command("profiles")
@options.answering
def materialize_profiles(context: typer.Context, no_wait: options.NoWaitOption = False) -> Any:
    """Take today's snapshot of all user profiles; uses one of the hour's 60 queries.

    mp materialize profiles
    """
    with context.obj.working("profiles", wait=not no_wait) as (workspace, _):
        return workspace.materialize_profiles()


@materialize.command("catalog")
@options.answering
def materialize_catalog(context: typer.Context, no_wait: options.NoWaitOption = False) -> Any:
    """Copy the Lexicon, cohorts, funnels, saved reports and annotations; uses two queries.

    mp materialize catalog
    """
    with context.obj.working("tables", wait=not no_wait) as (workspace, _):
        return workspace.materialize_catalog()


@materialize.command("all")
@options.answering
def materialize_all(
    context: typer.Context,
    start: options.FromOption,
    end: options.ToOption = None,
    no_wait: options.NoWaitOption = False,
) -> Any:
    """Land the days' events, today's profiles and the catalog, as far as the plan allows.

    mp materialize all --from 7d
    """
    with context.obj.working("days", wait=not no_wait) as (workspace, progress):
        events = workspace.materialize_events(start, end).to_dict()
        progress.count("profiles")
        profiles = _profiles_of_plan(workspace)
        catalog = [table.to_dict() for table in workspace.materialize_catalog()]
    return {"events": events, "profiles": profiles, "catalog": catalog}


def _profiles_of_plan(workspace: Workspace) -> dict[str, Any]:
    try:
        return workspace.materialize_profiles().to_dict()
    except MixpanelDataError as error:
        if error.code != PlanRequiredError.code:
            raise
        return {"asset": "profiles", "skipped": error.message}


@rebuild.command("events")
@options.answering
def rebuild_events(
    context: typer.Context,
    start: Annotated[str | None, typer.Option("--from", help="First day; default: all.")] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Last day (inclusive); default: all.")
    ] = None,
) -> Any:
    """Rebuild the events tables from landed files, without any request.

    mp rebuild events
    """
    with context.obj.workspace() as workspace:
        return workspace.rebuild_events(start, end)


@rebuild.command("profiles")
@options.answering
def rebuild_profiles(context: typer.Context) -> Any:
    """Rebuild the profile tables from all landed snapshots, without any request.

    mp rebuild profiles
    """
    began = time.monotonic()
    with context.obj.workspace() as workspace:
        last = workspace.rebuild_profiles()[-1]
    return replace(last, seconds=time.monotonic() - began)
