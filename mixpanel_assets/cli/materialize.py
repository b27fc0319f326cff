"""`mp materialize` and `mp rebuild`: load assets into the warehouse."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import options
from mixpanel_assets.errors import MixpanelDataError, PlanRequiredError

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
        bool, typer.Option("--detach", help="Queue the days in a running Dagster and return.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only tell requests, rows and seconds; ask nothing.")
    ] = False,
    no_wait: options.NoWaitOption = False,
) -> Any:
    """Replace each day with Mixpanel's current export of it.

    mp materialize events --from 2026-01-01 --to 2026-01-31
    """
    if plan:
        with context.obj.workspace() as workspace:
            return workspace.plan_events(start, end, missing=missing)
    if detach and no_wait:
        raise typer.BadParameter("--no-wait does not apply with --detach")
    if detach:
        with context.obj.workspace() as workspace:
            return workspace.backfill_events(start, end, missing=missing)
    with context.obj.working("days", wait=not no_wait) as (workspace, _):
        return workspace.materialize_events(start, end, missing=missing)


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


@options.answering
def reconcile(context: typer.Context) -> Any:
    """Make Dagster's record of events and profiles agree with what is landed.

    mp reconcile
    """
    with context.obj.workspace() as workspace:
        return workspace.reconcile()
