"""The commands of `mp inspect` that ask Mixpanel what the project has; answers are kept a while."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.asking import NoWaitOption, open_client
from mixpanel_assets.cli.inspect import EventOption, FromOption, PropertyOption, ToOption
from mixpanel_assets.cli.invocation import (
    FormatOption,
    Invocation,
    JqOption,
    days_asked,
)
from mixpanel_assets.errors import DatabaseLockedError, MixpanelDataError, PlanRequiredError

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.answers_cache import CachedAnswers

T = TypeVar("T")

# It has no name: its commands are those of `mp inspect`.
discover = typer.Typer(rich_markup_mode=None)


class Count(StrEnum):
    """What is counted."""

    general = "general"
    unique = "unique"
    average = "average"


class Report(StrEnum):
    """A type of saved report."""

    insights = "insights"
    funnels = "funnels"
    retention = "retention"
    flows = "flows"
    launch_analysis = "launch-analysis"


class Entity(StrEnum):
    """What the Lexicon describes."""

    event = "event"
    profile = "profile"


RefreshOption = Annotated[
    bool, typer.Option("--refresh", help="Ask Mixpanel again, whatever is known already.")
]


def _answer(
    context: typer.Context,
    form: output.Form,
    question: Callable[[CachedAnswers], Any],
    *,
    refresh: bool,
    no_wait: bool,
    column: str | None = None,
) -> None:
    """What Mixpanel says, or said a while ago, is on stdout; how long ago, on stderr."""
    from mixpanel_assets.mixpanel.answers_cache import CachedAnswers
    from mixpanel_assets.results.catalog import Records

    invocation: Invocation = context.obj
    with open_client(invocation, wait=not no_wait) as client:
        mixpanel = CachedAnswers(client, invocation.access.settings, refresh=refresh)
        answer = question(mixpanel)
    if isinstance(answer, Records) and form.format not in ("json", "jsonl"):
        output.answer_rows(*answer.to_rows(), form)
    else:
        output.answer(answer, form, column=column)
    if mixpanel.age is not None and not invocation.quiet:
        output.note(f"from {_ago(mixpanel.age)} ago; --refresh asks Mixpanel again")


def _ago(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def _landed(context: typer.Context) -> Callable[[], list[str]]:
    """The names of the events that are landed, when they are asked for."""
    invocation: Invocation = context.obj

    def names() -> list[str]:
        settings, path = invocation.access.settings, invocation.access.warehouse
        if not path.exists():
            return []
        from mixpanel_assets.known import LOCK_WAIT
        from mixpanel_assets.warehouse.catalog import landed_events
        from mixpanel_assets.warehouse.connection import reading

        try:
            with reading(path, memory_limit=settings.memory_limit, wait=LOCK_WAIT) as warehouse:
                return landed_events(warehouse)
        except DatabaseLockedError:
            output.note("a load is running: events that are landed and nowhere else are left out")
            return []

    return names


def _or_landed(question: Callable[[], list[str]], landed: Callable[[], list[str]]) -> list[str]:
    """The answer; the names that are landed, if Mixpanel gives none now or to this plan."""
    try:
        return question()
    except MixpanelDataError as error:
        known: Collection[str] = landed()
        if not known or not (error.may_pass_later or isinstance(error, PlanRequiredError)):
            raise
        output.note(f"{error.message}; these are the events that are landed")
        return sorted(known)


@discover.command("events")
def inspect_events(
    context: typer.Context,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the names of events: of the last 31 days, of the Lexicon, and landed.

    mp inspect events
    """
    from mixpanel_assets.mixpanel.catalog import events

    form, landed = output.wanted(format_, jq), _landed(context)
    _answer(
        context,
        form,
        lambda mixpanel: _or_landed(lambda: events(mixpanel, landed=landed), landed),
        refresh=refresh,
        no_wait=no_wait,
        column="event",
    )


@discover.command("properties")
def inspect_properties(
    context: typer.Context,
    event: EventOption,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the names of an event's properties, as Mixpanel has seen them lately.

    mp inspect properties --event Purchase
    """
    from mixpanel_assets.mixpanel.catalog import properties

    _answer(
        context,
        output.wanted(format_, jq),
        lambda mixpanel: properties(mixpanel, event, landed=_landed(context)),
        refresh=refresh,
        no_wait=no_wait,
        column="property",
    )


@discover.command("values")
def inspect_values(
    context: typer.Context,
    property_: PropertyOption,
    event: Annotated[
        str | None, typer.Option("--event", "-e", help="Only this event's; Mixpanel may insist.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, help="How many values.")] = 100,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the commonest values of a property, as text.

    mp inspect values --property plan --event Purchase
    """
    from mixpanel_assets.mixpanel.catalog import property_values

    landed = _landed(context)
    _answer(
        context,
        output.wanted(format_, jq),
        lambda m: property_values(m, property_, event=event, limit=limit, landed=landed),
        refresh=refresh,
        no_wait=no_wait,
        column="value",
    )


@discover.command("subproperties")
def inspect_subproperties(
    context: typer.Context,
    event: EventOption,
    property_: PropertyOption,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List what is inside a property of objects, or of lists of objects.

    mp inspect subproperties --event Purchase --property items
    """
    from mixpanel_assets.mixpanel.catalog import subproperties

    landed = _landed(context)
    _answer(
        context,
        output.wanted(format_, jq),
        lambda mixpanel: subproperties(mixpanel, event, property_, landed=landed),
        refresh=refresh,
        no_wait=no_wait,
    )


@discover.command("top-events")
def inspect_top_events(
    context: typer.Context,
    type_: Annotated[
        Count, typer.Option("--type", "-t", help="Count events, people, or events a person.")
    ] = Count.general,
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, help="How many events.")] = 10,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List today's commonest events, against yesterday's.

    mp inspect top-events --limit 5
    """
    from mixpanel_assets.mixpanel.catalog import top_events

    _answer(
        context,
        output.wanted(format_, jq),
        lambda mixpanel: top_events(mixpanel, type_=type_.value, limit=limit),
        refresh=refresh,
        no_wait=no_wait,
    )


@discover.command("funnels")
def inspect_funnels(
    context: typer.Context,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the saved funnels.

    mp inspect funnels
    """
    from mixpanel_assets.mixpanel.catalog import funnels

    _answer(context, output.wanted(format_, jq), funnels, refresh=refresh, no_wait=no_wait)


@discover.command("cohorts")
def inspect_cohorts(
    context: typer.Context,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the saved cohorts, and how many people are in each.

    mp inspect cohorts
    """
    from mixpanel_assets.mixpanel.catalog import cohorts

    _answer(context, output.wanted(format_, jq), cohorts, refresh=refresh, no_wait=no_wait)


@discover.command("bookmarks")
def inspect_bookmarks(
    context: typer.Context,
    type_: Annotated[
        Report | None, typer.Option("--type", "-t", help="Only reports of this type.")
    ] = None,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the saved reports, which Mixpanel calls bookmarks.

    mp inspect bookmarks --type insights
    """
    from mixpanel_assets.mixpanel.catalog import bookmarks

    _answer(
        context,
        output.wanted(format_, jq),
        lambda mixpanel: bookmarks(mixpanel, type_.value if type_ else None),
        refresh=refresh,
        no_wait=no_wait,
    )


@discover.command("annotations")
def inspect_annotations(
    context: typer.Context,
    start: FromOption = None,
    end: ToOption = None,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the notes that are pinned to days.

    mp inspect annotations --from 30d
    """
    from mixpanel_assets.mixpanel.catalog import annotations

    form = output.wanted(format_, jq)
    settings = context.obj.access.settings
    first, last = (str(day) if day else None for day in days_asked(settings, start, end))
    _answer(
        context,
        form,
        lambda mixpanel: annotations(mixpanel, first, last),
        refresh=refresh,
        no_wait=no_wait,
    )


@discover.command("lexicon-schemas")
def inspect_lexicon_schemas(
    context: typer.Context,
    type_: Annotated[
        Entity | None, typer.Option("--type", "-t", help="Only those of events, or of profiles.")
    ] = None,
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List what the Lexicon, Mixpanel's data dictionary, describes.

    mp inspect lexicon-schemas --type event
    """
    from mixpanel_assets.mixpanel.catalog import lexicon_schemas

    _answer(
        context,
        output.wanted(format_, jq),
        lambda mixpanel: lexicon_schemas(mixpanel, entity_type=type_.value if type_ else None),
        refresh=refresh,
        no_wait=no_wait,
    )


@discover.command("lexicon-schema")
def inspect_lexicon_schema(
    context: typer.Context,
    type_: Annotated[Entity, typer.Option("--type", "-t", help="An event, or profiles.")],
    name: Annotated[str, typer.Option("--name", "-n", help="The event; $user for profiles.")],
    refresh: RefreshOption = False,
    no_wait: NoWaitOption = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Show what the Lexicon says of one event, or of profiles, and of their properties.

    mp inspect lexicon-schema --type event --name Purchase
    """
    from mixpanel_assets.mixpanel.catalog import lexicon_schema

    _answer(
        context,
        output.wanted(format_, jq),
        lambda mixpanel: lexicon_schema(mixpanel, type_.value, name),
        refresh=refresh,
        no_wait=no_wait,
    )
