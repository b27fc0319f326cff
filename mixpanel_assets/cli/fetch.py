"""`mp fetch`: pulls into tables of their own, or straight to stdout; `mp drop` removes tables."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.asking import open_client
from mixpanel_assets.cli.invocation import (
    FormatOption,
    Invocation,
    JqOption,
    NoWaitOption,
    Progress,
    days_between,
    names_in,
    open_warehouse,
)
from mixpanel_assets.errors import DatabaseNotFoundError
from mixpanel_assets.settings import Settings

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.client import Client
    from mixpanel_assets.warehouse.connection import OpenWarehouse
    from mixpanel_assets.warehouse.named import How

fetch = typer.Typer(
    name="fetch",
    help="Pull events or profiles, filtered if you like, into a table of their own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NameArgument = Annotated[str | None, typer.Argument(help="The table's name.")]
FromOption = Annotated[
    str, typer.Option("--from", help="First day: YYYY-MM-DD, today, yesterday or 7d.")
]
ToOption = Annotated[str | None, typer.Option("--to", help="Last day, included; default: today.")]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", "-w", help='An expression, such as properties["plan"] == "pro".'),
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Make the table anew, once all is here.")
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
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Pull events into a table of their own (default: fetched_events), or to stdout.

    mp fetch events purchases --from 7d --events Purchase
    """
    target = _target(name, "fetched_events", replace, append, stdout, raw, format_, jq)

    settings = context.obj.access.settings
    first, last = days_between(settings, start, end)
    from mixpanel_assets import fetch as hall
    from mixpanel_assets.mixpanel.selection import EventSelection

    chosen = (first, last, EventSelection(names_in(events), where, limit))
    with _asking(context.obj, "days", (last - first).days + 1, no_wait) as (client, progress):
        heard: dict[str, Any] = {"progress": progress.days}
        if target.stdout:
            stream = hall.stream_events(client, settings, *chosen, raw=raw, **heard)
            _pour(progress, stream, "events")
            return
        opened = _warehouse(context.obj, settings, client)
        fetched = hall.fetch_events(
            client, opened, settings, target.name, *chosen, how=target.how, **heard
        )
    output.answer(fetched, target.form)


@fetch.command("profiles")
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
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Pull profiles into a table of their own (default: fetched_profiles), or to stdout.

    mp fetch profiles payers --where 'properties["plan"] != "free"'
    """
    target = _target(name, "fetched_profiles", replace, append, stdout, raw, format_, jq)
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
    from mixpanel_assets import fetch as hall
    from mixpanel_assets.mixpanel.selection import ProfileSelection

    settings = context.obj.access.settings
    chosen = ProfileSelection(**options)
    with _asking(context.obj, "profiles", 0, no_wait) as (client, progress):
        heard: dict[str, Any] = {"progress": progress.arrived}
        if target.stdout:
            stream = hall.stream_profiles(client, settings, chosen, raw=raw, **heard)
            _pour(progress, stream, "profiles")
            return
        opened = _warehouse(context.obj, settings, client)
        fetched = hall.fetch_profiles(
            client, opened, settings, target.name, chosen, how=target.how, **heard
        )
    output.answer(fetched, target.form)


@dataclass(frozen=True)
class _Target:
    """Where a pull goes, and how its answer is written."""

    name: str
    how: How
    stdout: bool
    form: output.Form


def _target(
    name: str | None,
    default: str,
    replace: bool,
    append: bool,
    stdout: bool,
    raw: bool,
    format_: output.Format | None,
    jq: str | None,
) -> _Target:
    """What the options mean together; a usage error if they contradict each other."""
    if replace and append:
        raise typer.BadParameter("--replace and --append exclude each other")
    if raw and not stdout:
        raise typer.BadParameter("--raw needs --stdout: tables hold the records as they are")
    if stdout and (name or replace or append):
        raise typer.BadParameter("--stdout makes no table: no NAME, --replace or --append")
    if stdout and (jq or format_ not in (None, output.Format.jsonl)):
        raise typer.BadParameter("--stdout writes lines of JSON: no --jq, no other --format")
    how: How = "replace" if replace else "append" if append else "create"
    form = output.Form(output.Format.jsonl) if stdout else output.wanted(format_, jq)
    return _Target(name or default, how, stdout, form)


@contextmanager
def _asking(
    invocation: Invocation, unit: str, total: int, no_wait: bool
) -> Iterator[tuple[Client, Progress]]:
    with (
        Progress(total, unit, quiet=invocation.quiet) as progress,
        open_client(invocation, wait=not no_wait, note=progress.note) as client,
    ):
        yield client, progress


def _warehouse(invocation: Invocation, settings: Settings, client: Client) -> OpenWarehouse:
    path = settings.warehouse_path(client.credentials.project_id)
    return open_warehouse(settings, path, invocation)


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
        raise typer.BadParameter("it is no JSON list of objects", param_hint="'--behaviors'")
    return behaviors


def drop(
    context: typer.Context,
    tables: Annotated[list[str] | None, typer.Argument(help="Names of tables.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every table that was fetched.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Tables of assets, too: what was materialized.")
    ] = False,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Remove tables from the warehouse; landed files stay, and with them mp rebuild.

    mp drop purchases
    """
    if bool(tables) == all_:
        raise typer.BadParameter("name tables, or all of them with --all")
    from mixpanel_assets.warehouse import drop as dropping

    invocation: Invocation = context.obj
    settings = invocation.access.settings
    form = output.wanted(format_, jq)
    path = invocation.access.warehouse
    if not path.exists():
        raise DatabaseNotFoundError(
            f"there is no warehouse at {path} yet", hint="there is nothing to drop"
        )
    with open_warehouse(settings, path, invocation)() as warehouse:
        names = tables or dropping.named_tables(warehouse)
        if all_ and force:
            names += dropping.asset_tables(warehouse)
        dropped = dropping.drop_tables(warehouse, names, force=force)
    output.answer({"dropped": dropped}, form)
