"""`mp fetch`: pulls into tables of their own, or straight to stdout."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import (
    FromOption,
    Invocation,
    NoWaitOption,
    ToOption,
    answering,
    names_in,
)

if TYPE_CHECKING:
    from mixpanel_assets.cli.progress import Progress
    from mixpanel_assets.warehouse.named import How

fetch = typer.Typer(
    name="fetch",
    help="Pull events or profiles, filtered if you like, into a table of their own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NameArgument = Annotated[str | None, typer.Argument(help="The table's name.")]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", "-w", help='An expression, such as properties["plan"] == "pro".'),
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace the table once everything has arrived.")
]
AppendOption = Annotated[bool, typer.Option("--append", help="Add to the table.")]
StdoutOption = Annotated[
    bool, typer.Option("--stdout", help="Write the records as lines of JSON; make no table.")
]
RawOption = Annotated[
    bool, typer.Option("--raw", help="With --stdout: the records as Mixpanel sends them.")
]


@fetch.callback()
def _fetch() -> None:
    pass


@fetch.command("events")
@answering
def fetch_events(
    context: typer.Context,
    start: FromOption,
    name: NameArgument = None,
    end: ToOption = None,
    events: Annotated[
        list[str] | None,
        typer.Option("--events", "-e", metavar="A,B", help="Only these events; default: all."),
    ] = None,
    where: WhereOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-l", help="At most this many, whichever: 1 to 100000.")
    ] = None,
    replace: ReplaceOption = False,
    append: AppendOption = False,
    stdout: StdoutOption = False,
    raw: RawOption = False,
    no_wait: NoWaitOption = False,
    *,
    form: output.Form,
) -> Any:
    """Pull events into a table of their own (default: fetched_events), or to stdout.

    mp fetch events purchases --from 7d --events Purchase
    """
    target = _target(name, "fetched_events", replace, append, stdout, raw, form)
    chosen: dict[str, Any] = {"from_date": start, "to_date": end, "where": where, "limit": limit}
    invocation: Invocation = context.obj
    with invocation.working("days", wait=not no_wait) as (workspace, progress):
        if target.stdout:
            lines = workspace.event_lines(events=names_in(events), raw=raw, **chosen)
            _pour(progress, lines, "events")
            return None
        return workspace.fetch_events(
            target.name, events=names_in(events), how=target.how, **chosen
        )


@fetch.command("profiles")
@answering
def fetch_profiles(
    context: typer.Context,
    name: NameArgument = None,
    where: WhereOption = None,
    cohort: Annotated[
        int | None, typer.Option("--cohort", "-c", help="Only members of this cohort, by its id.")
    ] = None,
    output_properties: Annotated[
        list[str] | None,
        typer.Option("--output-properties", "-o", metavar="A,B", help="Only these; default: all."),
    ] = None,
    distinct_id: Annotated[
        list[str] | None, typer.Option("--distinct-id", metavar="ID", help="Only this profile.")
    ] = None,
    distinct_ids: Annotated[
        list[str] | None,
        typer.Option("--distinct-ids", metavar="A,B", help="Only these profiles."),
    ] = None,
    group_id: Annotated[
        str | None, typer.Option("--group-id", "-g", help="Profiles of this group key's groups.")
    ] = None,
    behaviors: Annotated[
        str | None, typer.Option("--behaviors", metavar="JSON", help="Counts for --where to use.")
    ] = None,
    as_of: Annotated[
        int | None,
        typer.Option("--as-of-timestamp", help="Count behaviors up to then, in seconds of 1970."),
    ] = None,
    include_all_users: Annotated[
        bool, typer.Option("--include-all-users", help="Members of the cohort without profile.")
    ] = False,
    replace: ReplaceOption = False,
    append: AppendOption = False,
    stdout: StdoutOption = False,
    raw: RawOption = False,
    no_wait: NoWaitOption = False,
    *,
    form: output.Form,
) -> Any:
    """Pull profiles into a table of their own (default: fetched_profiles), or to stdout.

    mp fetch profiles payers --where 'properties["plan"] != "free"'
    """
    target = _target(name, "fetched_profiles", replace, append, stdout, raw, form)
    ids = [*(distinct_id or []), *(names_in(distinct_ids) or [])]
    options: dict[str, Any] = {
        "where": where,
        "cohort_id": cohort,
        "include_all_users": include_all_users,
        "distinct_ids": ids if distinct_id or distinct_ids else None,
        "data_group_id": group_id,
        "behaviors": _behaviors(behaviors),
        "as_of_timestamp": as_of,
        "output_properties": names_in(output_properties),
    }
    invocation: Invocation = context.obj
    with invocation.working("profiles", wait=not no_wait) as (workspace, progress):
        if target.stdout:
            _pour(progress, workspace.profile_lines(raw=raw, **options), "profiles")
            return None
        return workspace.fetch_profiles(target.name, how=target.how, **options)


@dataclass(frozen=True)
class _Target:
    """Where a pull goes."""

    name: str
    how: How
    stdout: bool


def _target(
    name: str | None,
    default: str,
    replace: bool,
    append: bool,
    stdout: bool,
    raw: bool,
    form: output.Form,
) -> _Target:
    """What the options mean together; a usage error if they contradict each other."""
    if replace and append:
        raise typer.BadParameter("--replace and --append exclude each other")
    if raw and not stdout:
        raise typer.BadParameter("--raw needs --stdout: tables hold the records as they are")
    if stdout and (name or replace or append):
        raise typer.BadParameter("--stdout makes no table: no NAME, --replace or --append")
    if stdout and (form.program or (form.given and form.format is not output.Format.jsonl)):
        raise typer.BadParameter("--stdout writes lines of JSON: no --jq, no other --format")
    how: How = "replace" if replace else "append" if append else "create"
    return _Target(name or default, how, stdout)


def _pour(progress: Progress, stream: Generator[str, None, None], unit: str) -> None:
    """The records are on stdout; how many they were is on stderr."""
    with closing(stream):
        first = list(islice(stream, 1))  # it comes when all are here
        progress.stop()
        count = output.write_lines(chain(first, stream))
    progress.note(f"{count:,} {unit}")


def _behaviors(text: str | None) -> list[dict[str, Any]] | None:
    if text is None:
        return None
    try:
        behaviors = json.loads(text)
    except ValueError:
        behaviors = None
    if not isinstance(behaviors, list) or not all(isinstance(one, dict) for one in behaviors):
        raise typer.BadParameter("it is not a JSON list of objects", param_hint="'--behaviors'")
    return behaviors
