"""`mp fetch`: fetch events or profiles into a separate table, or to stdout."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import options, output

if TYPE_CHECKING:
    from mixpanel_assets.cli.progress import Progress
    from mixpanel_assets.warehouse.load.fetched import How
    from mixpanel_assets.workspace import Workspace

fetch = options.group(
    "fetch", "Fetch events or profiles, optionally filtered, into a separate table."
)

NameArgument = Annotated[str | None, typer.Argument(help="Name of the table.")]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", "-w", help='Filter expression, such as properties["plan"] == "pro".'),
]
ReplaceOption = Annotated[
    bool,
    typer.Option(
        "--replace", help="Replace the table, or the file of --save, once the download is complete."
    ),
]
AppendOption = Annotated[bool, typer.Option("--append", help="Add to the table.")]
StdoutOption = Annotated[
    bool, typer.Option("--stdout", help="Write the records as JSON lines; create no table.")
]
RawOption = Annotated[
    bool, typer.Option("--raw", help="With --stdout: keep the records as Mixpanel sends them.")
]


@fetch.command("events")
@options.saving
def fetch_events(
    context: typer.Context,
    start: options.FromOption,
    name: NameArgument = None,
    end: options.ToOption = None,
    events: Annotated[
        list[str] | None,
        typer.Option("--events", "-e", metavar="A,B", help="Only these events; default: all."),
    ] = None,
    where: WhereOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-l", help="Maximum events, in no order: 1 to 100000.")
    ] = None,
    replace: ReplaceOption = False,
    append: AppendOption = False,
    stdout: StdoutOption = False,
    raw: RawOption = False,
    no_wait: options.NoWaitOption = False,
    *,
    form: output.Form,
) -> Any:
    """Fetch events into a separate table (default: fetched_events), or to stdout.

    mp fetch events purchases --from 7d --events Purchase
    """
    how = _how(name, replace, append, stdout, raw, form)
    chosen: dict[str, Any] = {"from_date": start, "to_date": end, "where": where, "limit": limit}
    chosen["events"] = options.names_in(events)
    with _working(context, "days", form, wait=not no_wait) as (workspace, progress):
        if stdout:
            return _pour(progress, workspace.event_lines(raw=raw, **chosen), "events")
        table = workspace.fetch_events(name or "fetched_events", how=how, **chosen)
        return _saved(workspace, table, form)


@fetch.command("profiles")
@options.saving
def fetch_profiles(
    context: typer.Context,
    name: NameArgument = None,
    where: WhereOption = None,
    cohort: Annotated[
        int | None, typer.Option("--cohort", "-c", help="Only members of the cohort with this id.")
    ] = None,
    output_properties: Annotated[
        list[str] | None,
        typer.Option("--output-properties", "-o", metavar="A,B", help="Only these; default: all."),
    ] = None,
    distinct_id: Annotated[
        list[str] | None, typer.Option("--distinct-id", metavar="ID", help="Only this profile.")
    ] = None,
    distinct_ids: Annotated[
        list[str] | None, typer.Option("--distinct-ids", metavar="A,B", help="Only these profiles.")
    ] = None,
    group_id: Annotated[
        str | None,
        typer.Option("--group-id", "-g", help="Profiles of groups with this data group id."),
    ] = None,
    behaviors: Annotated[
        str | None, typer.Option("--behaviors", metavar="JSON", help="Behaviors to use in --where.")
    ] = None,
    as_of: Annotated[
        int | None,
        typer.Option("--as-of-timestamp", help="Count behaviors until this Unix time (seconds)."),
    ] = None,
    include_all_users: Annotated[
        bool, typer.Option("--include-all-users", help="Add cohort members without a profile.")
    ] = False,
    replace: ReplaceOption = False,
    append: AppendOption = False,
    stdout: StdoutOption = False,
    raw: RawOption = False,
    no_wait: options.NoWaitOption = False,
    *,
    form: output.Form,
) -> Any:
    """Fetch profiles into a separate table (default: fetched_profiles), or to stdout.

    mp fetch profiles payers --where 'properties["plan"] != "free"'
    """
    how = _how(name, replace, append, stdout, raw, form)
    ids = [*(distinct_id or []), *(options.names_in(distinct_ids) or [])]
    chosen: dict[str, Any] = {
        "where": where,
        "cohort_id": cohort,
        "include_all_users": include_all_users,
        "distinct_ids": ids if distinct_id or distinct_ids else None,
        "data_group_id": group_id,
        "behaviors": _behaviors(behaviors),
        "as_of_timestamp": as_of,
        "output_properties": options.names_in(output_properties),
    }
    with _working(context, "profiles", form, wait=not no_wait) as (workspace, progress):
        if stdout:
            return _pour(progress, workspace.profile_lines(raw=raw, **chosen), "profiles")
        table = workspace.fetch_profiles(name or "fetched_profiles", how=how, **chosen)
        return _saved(workspace, table, form)


@contextmanager
def _working(
    context: typer.Context, unit: str, form: output.Form, *, wait: bool
) -> Iterator[tuple[Workspace, Progress]]:
    """The workspace; with --save one whose table is gone afterwards."""
    if not form.saved:
        with context.obj.working(unit, wait=wait) as opened:
            yield opened
        return
    with (
        TemporaryDirectory(prefix="mixpanel-assets-") as folder,
        context.obj.working(unit, wait=wait, path=Path(folder) / "fetched.duckdb") as opened,
    ):
        yield opened


def _saved(workspace: Workspace, table: Any, form: output.Form) -> Any:
    """The table, or the file that --save has made of it."""
    if not form.saved:
        return table
    file = form.saved
    return workspace.save(f"from {table.table}", file.path, replace=file.replace, under=Path.cwd())


def _how(
    name: str | None, replace: bool, append: bool, stdout: bool, raw: bool, form: output.Form
) -> How:
    """What happens to the table; a usage error if the options contradict each other."""
    if replace and append:
        raise typer.BadParameter("use --replace or --append, not both")
    if raw and not stdout:
        raise typer.BadParameter("--raw requires --stdout")
    if form.saved and (name or append or stdout):
        raise typer.BadParameter("--save creates no table: omit NAME, --append and --stdout")
    if form.saved:
        return "create"
    if stdout and (name or replace or append):
        raise typer.BadParameter("--stdout creates no table: omit NAME, --replace and --append")
    if stdout and (form.program or (form.given and form.format is not output.Format.jsonl)):
        raise typer.BadParameter("--stdout writes JSON lines: omit --jq and other formats")
    return "replace" if replace else "append" if append else "create"


def _pour(progress: Progress, stream: Generator[str, None, None], unit: str) -> None:
    """Write the records to stdout, and their number to stderr."""
    with closing(stream):
        first = list(islice(stream, 1))  # it comes when the download is complete
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
        raise typer.BadParameter("not a JSON list of objects", param_hint="'--behaviors'")
    return behaviors
