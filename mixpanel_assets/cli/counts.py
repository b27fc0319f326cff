"""`mp query`: events counted over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli.asking import NoWaitOption
from mixpanel_assets.cli.invocation import FormatOption, JqOption, names_in
from mixpanel_assets.cli.live import (
    EventOption,
    FromOption,
    IntervalOption,
    LimitOption,
    NumberOption,
    NumericUnitOption,
    OnOption,
    ToOption,
    TypeOption,
    UnitOption,
    WhereOption,
    WorkspaceOption,
    answer_live,
    days_of,
)

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client
    from mixpanel_assets.results import Result


def segmentation(
    context: typer.Context,
    event: EventOption,
    start: FromOption,
    end: ToOption = "today",
    on: OnOption = None,
    unit: UnitOption = "day",
    where: WhereOption = None,
    type_: TypeOption = "general",
    interval: IntervalOption = None,
    limit: LimitOption = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count an event over time, by the values of a property if you like.

    mp query segmentation --event Purchase --from 7d --on plan
    """
    span: dict[str, Any] = days_of(context, start, end)
    options: dict[str, Any] = {"on": on, "unit": unit, "where": where, "type": type_}
    options |= {"interval": interval, "limit": limit, "workspace_id": workspace}

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import counts

        return counts.segmentation(client, event, **span, **options)

    answer_live(context, format_, jq, no_wait, question)


def segmentation_numeric(
    context: typer.Context,
    event: EventOption,
    on: NumberOption,
    start: FromOption,
    end: ToOption = "today",
    type_: TypeOption = "general",
    unit: NumericUnitOption = "day",
    where: WhereOption = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count an event over time by ranges of a number.

    mp query segmentation-numeric --event Purchase --on amount --from 7d
    """
    span: dict[str, Any] = days_of(context, start, end)
    options: dict[str, Any] = {"on": on, "unit": unit, "where": where, "type": type_}

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import counts

        return counts.segmentation_numeric(client, event, **span, **options, workspace_id=workspace)

    answer_live(context, format_, jq, no_wait, question)


def segmentation_sum(
    context: typer.Context,
    event: EventOption,
    on: NumberOption,
    start: FromOption,
    end: ToOption = "today",
    unit: NumericUnitOption = "day",
    where: WhereOption = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Add up a number over an event's occurrences.

    mp query segmentation-sum --event Purchase --on amount --from 7d
    """
    options: dict[str, Any] = {
        "on": on,
        "unit": unit,
        "where": where,
        **days_of(context, start, end),
    }

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import counts

        return counts.segmentation_sum(client, event, **options, workspace_id=workspace)

    answer_live(context, format_, jq, no_wait, question)


def segmentation_average(
    context: typer.Context,
    event: EventOption,
    on: NumberOption,
    start: FromOption,
    end: ToOption = "today",
    unit: NumericUnitOption = "day",
    where: WhereOption = None,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Average a number over an event's occurrences.

    mp query segmentation-average --event Purchase --on amount --from 7d
    """
    options: dict[str, Any] = {
        "on": on,
        "unit": unit,
        "where": where,
        **days_of(context, start, end),
    }

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import counts

        return counts.segmentation_average(client, event, **options, workspace_id=workspace)

    answer_live(context, format_, jq, no_wait, question)


def event_counts(
    context: typer.Context,
    events: Annotated[
        list[str], typer.Option("--events", "-e", metavar="A,B", help="The events' names.")
    ],
    start: FromOption,
    end: ToOption = "today",
    type_: TypeOption = "general",
    unit: UnitOption = "day",
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count several events over time.

    mp query event-counts --events "Sign Up,Purchase" --from 7d
    """
    options: dict[str, Any] = {"type": type_, "unit": unit, **days_of(context, start, end)}

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import counts

        return counts.event_counts(
            client, names_in(events) or [], **options, workspace_id=workspace
        )

    answer_live(context, format_, jq, no_wait, question)


def property_counts(
    context: typer.Context,
    event: EventOption,
    name: Annotated[str, typer.Option("--property", "-p", help="The property's name.")],
    start: FromOption,
    end: ToOption = "today",
    type_: TypeOption = "general",
    unit: UnitOption = "day",
    values: Annotated[
        list[str] | None, typer.Option("--values", metavar="A,B", help="Only these values.")
    ] = None,
    limit: LimitOption = 10,
    workspace: WorkspaceOption = None,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count an event's values of a property over time.

    mp query property-counts --event Purchase --property plan --from 7d
    """
    options: dict[str, Any] = {"type": type_, "unit": unit, **days_of(context, start, end)}
    options |= {"values": names_in(values), "limit": limit, "workspace_id": workspace}

    def question(client: Client) -> Result:
        from mixpanel_assets.mixpanel import counts

        return counts.property_counts(client, event, name, **options)

    answer_live(context, format_, jq, no_wait, question)
