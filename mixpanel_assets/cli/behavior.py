"""`mp query`: what people do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.asking import NoWaitOption
from mixpanel_assets.cli.invocation import FormatOption, JqOption, names_in, rows_wanted
from mixpanel_assets.cli.live import (
    CalendarUnitOption,
    FromOption,
    IntervalOption,
    LimitOption,
    OneEventOption,
    OnOption,
    ToOption,
    WhereOption,
    WorkspaceOption,
    answer_live,
    days_of,
)

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client
    from mixpanel_assets.results import ActivityFeedResult, Result


def funnel(
    context: typer.Context,
    funnel_id: Annotated[int, typer.Argument(help="The saved funnel's id.")],
    start: FromOption,
    end: ToOption = "today",
    unit: Annotated[
        str | None,
        typer.Option("--unit", "-u", help="Also by when they entered: day, week or month."),
    ] = None,
    on: OnOption = None,
    where: WhereOption = None,
    length: Annotated[
        int | None, typer.Option("--length", help="How long people have; default: as saved.")
    ] = None,
    length_unit: Annotated[
        str | None, typer.Option("--length-unit", help="day, hour, minute or second.")
    ] = None,
    interval: IntervalOption = None,
    limit: LimitOption = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Show how many reached each step of a saved funnel.

    mp query funnel 7500 --from 7d
    """
    span: dict[str, Any] = days_of(context, start, end)
    options: dict[str, Any] = {"unit": unit, "on": on, "where": where, "interval": interval}
    options |= {"length": length, "length_unit": length_unit}
    options |= {"limit": limit, "workspace_id": workspace}

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import behavior

        return behavior.funnel(client, funnel_id, **span, **options)

    answer_live(context, format_, jq, no_wait, question)


def retention(
    context: typer.Context,
    start: FromOption,
    end: ToOption = "today",
    born: Annotated[
        str | None, typer.Option("--born", "-b", help="The event they begin with.")
    ] = None,
    return_: Annotated[
        str | None,
        typer.Option("--return", "-r", help="The event they come back with; default: any."),
    ] = None,
    born_where: Annotated[
        str | None, typer.Option("--born-where", help="An expression about the first event.")
    ] = None,
    return_where: Annotated[
        str | None, typer.Option("--return-where", help="An expression about the second event.")
    ] = None,
    interval: Annotated[
        int, typer.Option("--interval", "-i", help="Days in each interval, with --unit day.")
    ] = 1,
    intervals: Annotated[
        int, typer.Option("--intervals", "-n", help="How many intervals after the 0th.")
    ] = 10,
    unit: CalendarUnitOption = "day",
    type_: Annotated[
        str,
        typer.Option("--type", "-t", help="birth (the first time), or compounded (every time)."),
    ] = "birth",
    unbounded: Annotated[
        bool, typer.Option("--unbounded", help="Who came back later counts as well.")
    ] = False,
    on: OnOption = None,
    limit: LimitOption = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Show who came back, by when they first did an event.

    mp query retention --born "Sign Up" --return Purchase --from 30d
    """
    options: dict[str, Any] = {
        "born_event": born,
        "return_event": return_,
        **days_of(context, start, end),
    }
    options |= {"born_where": born_where, "return_where": return_where, "unit": unit}
    options |= {"interval": interval, "interval_count": intervals, "retention_type": type_}
    options |= {"unbounded_retention": unbounded, "on": on, "limit": limit}

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import behavior

        return behavior.retention(client, **options, workspace_id=workspace)

    answer_live(context, format_, jq, no_wait, question)


def frequency(
    context: typer.Context,
    start: FromOption,
    end: ToOption = "today",
    event: OneEventOption = None,
    unit: CalendarUnitOption = "day",
    addiction_unit: Annotated[str, typer.Option("--addiction-unit", help="hour or day.")] = "hour",
    where: WhereOption = None,
    on: OnOption = None,
    limit: LimitOption = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Show in how many hours or days of each unit people were there.

    mp query frequency --event "Page View" --from 7d
    """
    options: dict[str, Any] = {"unit": unit, "addiction_unit": addiction_unit, "event": event}
    options |= {"where": where, "on": on, "limit": limit, **days_of(context, start, end)}

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import behavior

        return behavior.frequency(client, **options, workspace_id=workspace)

    answer_live(context, format_, jq, no_wait, question)


def activity_feed(
    context: typer.Context,
    users: Annotated[
        list[str], typer.Option("--users", "-U", metavar="A,B", help="Their distinct ids.")
    ],
    start: FromOption = "30d",
    end: ToOption = "today",
    limit: Annotated[
        int, typer.Option("--limit", "-l", min=0, help="Only the newest events; 0 for all.")
    ] = 1000,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List what people did.

    mp query activity-feed --users user-1 --from 7d
    """
    span: dict[str, Any] = days_of(context, start, end)
    most = rows_wanted(context, limit)
    options: dict[str, Any] = {"limit": most, "workspace_id": workspace}
    names = names_in(users) or []

    def question(client: Client) -> ActivityFeedResult:
        from mixpanel_assets.mixpanel import behavior

        return behavior.activity_feed(client, names, **span, **options)

    if answer_live(context, format_, jq, no_wait, question).truncated:
        output.note(f"only the newest {most:,} events are taken; --limit 0 takes all")
