"""What the commands of `mp query` share: their options, and how they answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.asking import open_client
from mixpanel_assets.cli.invocation import days_asked
from mixpanel_assets.results import Result

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client

T = TypeVar("T", bound=Result)

EventOption = Annotated[str, typer.Option("--event", "-e", help="The event's name.")]
OneEventOption = Annotated[
    str | None, typer.Option("--event", "-e", help="The event's name; default: any event.")
]
FromOption = Annotated[
    str, typer.Option("--from", help="First day: YYYY-MM-DD, today, yesterday or 7d (days ago).")
]
ToOption = Annotated[str, typer.Option("--to", help="Last day, included; default: today.")]
OnOption = Annotated[
    str | None,
    typer.Option("--on", "-o", help="Split by a property's name, or by an expression."),
]
NumberOption = Annotated[
    str, typer.Option("--on", "-o", help="A numeric property's name, or an expression.")
]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", "-w", help='An expression, such as properties["plan"] == "pro".'),
]
TypeOption = Annotated[
    str,
    typer.Option("--type", "-t", help="general (events), unique (people) or average (of both)."),
]
UnitOption = Annotated[str, typer.Option("--unit", "-u", help="minute, hour, day, week or month.")]
NumericUnitOption = Annotated[str, typer.Option("--unit", "-u", help="hour or day.")]
CalendarUnitOption = Annotated[str, typer.Option("--unit", "-u", help="day, week or month.")]
LimitOption = Annotated[
    int | None, typer.Option("--limit", "-l", help="How many values, those with most first.")
]
IntervalOption = Annotated[
    int | None, typer.Option("--interval", help="Days in each bucket, instead of --unit.")
]
WorkspaceOption = Annotated[
    int | None, typer.Option("--workspace-id", help="A data view; default: all of the project.")
]
BookmarkArgument = Annotated[int, typer.Argument(help="The report's id, as in its URL.")]


def answer_live(
    context: typer.Context,
    format_: output.Format | None,
    jq: str | None,
    no_wait: bool,
    question: Callable[[Client], T],
) -> T:
    """What Mixpanel says to the question is on stdout: an object in json, else its rows."""
    form = output.wanted(format_, jq)
    with open_client(context.obj, wait=not no_wait) as client:
        result = question(client)
    if form.format is output.Format.jsonl:
        output.answer_rows(*result.to_rows(), form)
    else:
        output.answer(result, form)
    return result


def days_of(context: typer.Context, start: str, end: str) -> dict[str, date]:
    """Both days of a question, by Mixpanel's names."""

    first, last = days_asked(context.obj.access.settings, start, end)
    assert first
    assert last
    return {"from_date": first, "to_date": last}
