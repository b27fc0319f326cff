"""`mp materialize` and `mp rebuild`: put days into the warehouse."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.invocation import (
    FormatOption,
    Invocation,
    JqOption,
    Progress,
    days_between,
    open_warehouse,
)
from mixpanel_assets.defs.loading import with_dagster
from mixpanel_assets.errors import ConfigError, MixpanelDataError, PlanRequiredError
from mixpanel_assets.results import LandedTable, Landing, Snapshot
from mixpanel_assets.settings import Settings, make_private_folder

materialize = typer.Typer(
    name="materialize",
    help="Land an asset's days from Mixpanel.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
rebuild = typer.Typer(
    name="rebuild",
    help="Make an asset's tables anew from landed files, without asking Mixpanel.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

FromOption = Annotated[
    str, typer.Option("--from", help="First day: YYYY-MM-DD, today, yesterday or 7d.")
]
ToOption = Annotated[str | None, typer.Option("--to", help="Last day, included; default: today.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Fail (5) rather than wait for the API budget.")
]


@materialize.callback()
def _materialize() -> None:
    pass


@rebuild.callback()
def _rebuild() -> None:
    pass


@materialize.command("events")
def materialize_events(
    context: typer.Context,
    start: FromOption,
    end: ToOption = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only days that are not landed, or not whole.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Hand the days to a running mp dev, and don't wait.")
    ] = False,
    no_wait: NoWait = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Replace each day by what Mixpanel exports for it now.

    mp materialize events --from 2026-01-01 --to 2026-01-31
    """

    invocation: Invocation = context.obj
    settings = invocation.access.settings
    form = output.wanted(format_, jq)
    first, last = days_between(settings, start, end)
    if detach and no_wait:
        raise typer.BadParameter("--no-wait is for days that are landed here, not for --detach")
    if detach:
        output.answer(hand_over(settings, invocation, first, last, missing=missing), form)
        return
    landing = land_events(settings, invocation, first, last, missing=missing, wait=not no_wait)
    output.answer(landing.to_dict(), form)


def hand_over(
    settings: Settings, invocation: Invocation, first: date, last: date, *, missing: bool
) -> dict[str, str | None]:
    """The days are a backfill of the running Dagster UI: asset, from, to, backfill_id, url."""
    from mixpanel_assets.defs.backfill import find_ui, start_backfill
    from mixpanel_assets.defs.instance import dagster_home

    ui = find_ui(dagster_home(settings))
    project = invocation.access.project
    if ui.project_id != project:
        raise ConfigError(
            f"the Dagster UI at {ui.url} lands project {ui.project_id}, not {project}",
            hint="start mp dev with this account, or land the days without --detach",
        )
    ranges = [(first, last)]
    if missing:
        from mixpanel_assets.warehouse.read import missing_ranges

        path = invocation.access.warehouse
        ranges = missing_ranges(path, settings, "events", first, last)
    days = [a + timedelta(n) for a, b in ranges for n in range((b - a).days + 1)]
    backfill = start_backfill(ui, "events", days) if days else None
    return {
        "asset": "events",
        "from": str(first),
        "to": str(last),
        "backfill_id": backfill,
        "url": backfill and f"{ui.url}/runs/b/{backfill}",
    }


def land_events(
    settings: Settings,
    invocation: Invocation,
    first: date,
    last: date,
    *,
    missing: bool = False,
    wait: bool = True,
) -> Landing:
    """The days are landed by Dagster runs in this process, one for each unbroken range."""
    from mixpanel_assets.access import holding
    from mixpanel_assets.defs.progress import Listener
    from mixpanel_assets.warehouse import read

    path = _make_home(settings, invocation)
    ranges = [(first, last)]
    if missing:
        ranges = read.missing_ranges(path, settings, "events", first, last)
    whole = Landing("events", first, last)
    days = sum((b - a).days + 1 for a, b in ranges)
    # Dagster's days are those of the account, too.
    with (
        holding(invocation.access),
        with_dagster(),
        Progress(days, "days", quiet=invocation.quiet) as progress,
    ):
        for a, b in ranges:
            from mixpanel_assets.materialize import materialize_events

            part = materialize_events(
                settings,
                a,
                b,
                account=invocation.account,
                wait=wait,
                hears=Listener(progress.note, progress.landed),
                verbose=invocation.verbose,
            )
            whole = replace(
                whole,
                days=[*whole.days, *part.days],
                requests=whole.requests + part.requests,
                seconds=whole.seconds + part.seconds,
                run_id=part.run_id,
            )
    return whole


@materialize.command("profiles")
def materialize_profiles(
    context: typer.Context,
    no_wait: NoWait = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Take today's snapshot of all user profiles; it takes one of the hour's 60 queries.

    mp materialize profiles
    """

    invocation: Invocation = context.obj
    settings = invocation.access.settings
    form = output.wanted(format_, jq)
    output.answer(take_snapshot(settings, invocation, wait=not no_wait).to_dict(), form)


def take_snapshot(settings: Settings, invocation: Invocation, *, wait: bool = True) -> Snapshot:
    """Today's profiles are landed by a Dagster run in this process."""
    from mixpanel_assets.access import holding

    _make_home(settings, invocation)
    with (
        holding(invocation.access),
        with_dagster(),
        Progress(0, "profiles", quiet=invocation.quiet) as progress,
    ):
        from mixpanel_assets.defs.progress import Listener
        from mixpanel_assets.materialize import materialize_profiles

        return materialize_profiles(
            settings,
            account=invocation.account,
            wait=wait,
            hears=Listener(progress.note, profiles=progress.arrived),
            verbose=invocation.verbose,
        )


@materialize.command("catalog")
def materialize_catalog(
    context: typer.Context,
    no_wait: NoWait = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Copy the Lexicon, cohorts, funnels, saved reports and annotations; it takes two queries.

    mp materialize catalog
    """

    invocation: Invocation = context.obj
    settings = invocation.access.settings
    form = output.wanted(format_, jq)
    tables = copy_catalog(settings, invocation, wait=not no_wait)
    output.answer([table.to_dict() for table in tables], form)


def copy_catalog(
    settings: Settings, invocation: Invocation, *, wait: bool = True
) -> list[LandedTable]:
    """The catalog is landed by a Dagster run in this process."""
    from mixpanel_assets.access import holding

    _make_home(settings, invocation)
    with (
        holding(invocation.access),
        with_dagster(),
        Progress(0, "tables", quiet=invocation.quiet) as progress,
    ):
        from mixpanel_assets.defs.progress import Listener
        from mixpanel_assets.materialize import materialize_catalog

        return materialize_catalog(
            settings,
            account=invocation.account,
            wait=wait,
            hears=Listener(progress.note),
            verbose=invocation.verbose,
        )


@materialize.command("all")
def materialize_all(
    context: typer.Context,
    start: FromOption,
    end: ToOption = None,
    no_wait: NoWait = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Land the days' events, today's profiles and the catalog, as far as the plan gives them.

    mp materialize all --from 7d
    """

    invocation: Invocation = context.obj
    settings = invocation.access.settings
    form = output.wanted(format_, jq)
    first, last = days_between(settings, start, end)
    wait = not no_wait
    landing = land_events(settings, invocation, first, last, wait=wait)
    try:
        profiles = take_snapshot(settings, invocation, wait=wait).to_dict()
    except MixpanelDataError as error:
        if error.code != PlanRequiredError.code:
            raise
        profiles = {"asset": "profiles", "skipped": error.message}
    tables = copy_catalog(settings, invocation, wait=wait)
    catalog = [table.to_dict() for table in tables]
    output.answer({"events": landing.to_dict(), "profiles": profiles, "catalog": catalog}, form)


def _make_home(settings: Settings, invocation: Invocation) -> Path:
    """The home and the warehouse's folder are there; the warehouse's path."""

    _ = invocation.access.credentials  # without them nothing is made
    path = invocation.access.warehouse
    make_private_folder(settings.home)
    make_private_folder(path.parent)
    return path


@rebuild.command("events")
def rebuild_events(
    context: typer.Context,
    start: Annotated[str | None, typer.Option("--from", help="First day; default: all.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day, included.")] = None,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Make the events tables anew from landed files; Mixpanel is not asked.

    mp rebuild events
    """
    from mixpanel_assets import ingest

    invocation: Invocation = context.obj
    settings = invocation.access.settings
    form = output.wanted(format_, jq)
    span = days_between(settings, start, end) if start else (None, None)
    if end and not start:
        raise typer.BadParameter("--to needs --from")
    project = invocation.access.project
    began = time.monotonic()
    opened = open_warehouse(settings, invocation.access.warehouse, invocation)
    days = ingest.rebuild_events(opened, settings, project, *span)
    seconds = time.monotonic() - began
    days.sort(key=lambda day: day.day)
    landing = Landing("events", days[0].day, days[-1].day, days, 0, seconds)
    output.answer(landing.to_dict(), form)


@rebuild.command("profiles")
def rebuild_profiles(
    context: typer.Context, format_: FormatOption = None, jq: JqOption = None
) -> None:
    """Make the profile tables anew from all landed snapshots; Mixpanel is not asked.

    mp rebuild profiles
    """
    from mixpanel_assets import ingest

    invocation: Invocation = context.obj
    settings = invocation.access.settings
    form = output.wanted(format_, jq)
    project = invocation.access.project
    began = time.monotonic()
    opened = open_warehouse(settings, invocation.access.warehouse, invocation)
    last = ingest.rebuild_profiles(opened, settings, project)[-1]
    output.answer(replace(last, seconds=time.monotonic() - began).to_dict(), form)
