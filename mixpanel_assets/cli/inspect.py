"""`mp inspect`, what is landed: from the warehouse alone; `discover` has what asks Mixpanel."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixpanel_assets.cli import output
from mixpanel_assets.cli.invocation import (
    FormatOption,
    Invocation,
    JqOption,
    days_asked,
    names_in,
    numbers_in,
)

if TYPE_CHECKING:
    import duckdb

    from mixpanel_assets.access import Access

PATIENCE = 300.0  # seconds that a question may take

inspect = typer.Typer(
    name="inspect",
    help="Look at what is there: tables, columns, events and properties.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TableOption = Annotated[
    str, typer.Option("--table", "-t", help='A table or view, such as by_event."Purchase".')
]
EventsTableOption = Annotated[str, typer.Option("--table", "-t", help="A table of events.")]
EventOption = Annotated[str, typer.Option("--event", "-e", help="The event's name.")]
EventsOption = Annotated[
    list[str] | None,
    typer.Option("--events", "-e", metavar="A,B", help="Only these events; default: all."),
]
PropertyOption = Annotated[str, typer.Option("--property", "-p", help="The property's name.")]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="First day: YYYY-MM-DD, today, yesterday or 7d; default: all."),
]
ToOption = Annotated[str | None, typer.Option("--to", help="Last day, included; default: all.")]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", "-w", metavar="SQL", help="Only rows for which this is true."),
]


@inspect.callback()
def _inspect() -> None:
    pass


def _answer(
    context: typer.Context,
    form: output.Form,
    question: Callable[[duckdb.DuckDBPyConnection], Any],
    *,
    column: str | None = None,
) -> None:
    """What the warehouse says to the question is on stdout."""
    from mixpanel_assets.warehouse.connection import reading

    invocation: Invocation = context.obj
    settings = invocation.access.settings
    path = invocation.access.warehouse
    with reading(
        path, memory_limit=settings.memory_limit, threads=settings.threads, timeout=PATIENCE
    ) as warehouse:
        answer = question(warehouse)
    output.answer(answer, form, column=column)


@inspect.command("info")
def inspect_info(context: typer.Context, format_: FormatOption = None, jq: JqOption = None) -> None:
    """Show where the warehouse is, whose it is, its tables and its size.

    mp inspect info
    """
    from mixpanel_assets.warehouse.introspect import info

    form = output.wanted(format_, jq)
    invocation: Invocation = context.obj
    path = invocation.access.warehouse
    owner = _owner(invocation.access)
    _answer(context, form, lambda warehouse: info(warehouse, path, **owner))


def _owner(access: Access) -> dict[str, str | None]:
    """Project, region and account as far as they are known: none is needed to look."""
    known = access.account
    return {
        "project_id": access.project_or_none,
        "region": None if isinstance(known, Exception) else known.credentials.region,
        "account": access.asked or os.environ.get("MP_ACCOUNT") or None,
    }


@inspect.command("tables")
def inspect_tables(
    context: typer.Context, format_: FormatOption = None, jq: JqOption = None
) -> None:
    """List tables and views: what is in them, how many rows, loaded when.

    mp inspect tables
    """
    from mixpanel_assets.warehouse.introspect import tables

    _answer(context, output.wanted(format_, jq), tables)


@inspect.command("schema")
def inspect_schema(
    context: typer.Context,
    table: TableOption = "events",
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the columns of a table: type, and what they mean.

    mp inspect schema --table 'by_event."Purchase"'
    """
    from mixpanel_assets.warehouse.introspect import table_schema

    _answer(context, output.wanted(format_, jq), lambda w: table_schema(w, table))


@inspect.command("sample")
def inspect_sample(
    context: typer.Context,
    table: TableOption = "events",
    rows: Annotated[int, typer.Option("--rows", "-n", min=0, help="How many rows.")] = 10,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Show rows of a table at random.

    mp inspect sample --rows 3
    """
    from mixpanel_assets.warehouse.introspect import sample

    _answer(context, output.wanted(format_, jq), lambda w: sample(w, table, rows))


@inspect.command("summarize")
def inspect_summarize(
    context: typer.Context,
    table: TableOption = "events",
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Describe every column of a table in numbers: range, quartiles, nulls.

    mp inspect summarize --format table
    """
    from mixpanel_assets.warehouse.introspect import summarize

    _answer(context, output.wanted(format_, jq), lambda w: summarize(w, table))


@inspect.command("breakdown")
def inspect_breakdown(
    context: typer.Context,
    table: EventsTableOption = "events",
    start: FromOption = None,
    end: ToOption = None,
    where: WhereOption = None,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count events by name: how many, by how many people, from when to when.

    mp inspect breakdown --from 7d
    """
    from mixpanel_assets.warehouse.explore import event_breakdown

    form = output.wanted(format_, jq)
    options = _options(context, table, start, end, where)
    _answer(context, form, lambda w: event_breakdown(w, **options))


def _options(
    context: typer.Context, table: str, start: str | None, end: str | None, where: str | None
) -> dict[str, Any]:
    """What every question to events takes."""

    invocation: Invocation = context.obj
    first, last = days_asked(invocation.access.settings, start, end)
    return {"table": table, "from_date": first, "to_date": last, "where": where}


@inspect.command("keys")
def inspect_keys(
    context: typer.Context,
    table: TableOption = "events",
    event: Annotated[
        str | None, typer.Option("--event", "-e", help="Only this event's; default: all.")
    ] = None,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """List the names of properties, of all rows or of one event.

    mp inspect keys --event Purchase
    """
    from mixpanel_assets.warehouse.introspect import property_keys

    form = output.wanted(format_, jq)
    _answer(context, form, lambda w: property_keys(w, table, event), column="property")


@inspect.command("column")
def inspect_column(
    context: typer.Context,
    column: Annotated[
        str, typer.Option("--column", "-c", help="A column, a property or an SQL expression.")
    ],
    table: TableOption = "events",
    top: Annotated[int, typer.Option("--top", min=0, help="How many of its values.")] = 10,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Describe a column or expression: nulls, distinct and commonest values, range, mean.

    mp inspect column --column "date_trunc('hour', event_time)" --top 3
    """
    from mixpanel_assets.warehouse.introspect import column_stats

    form = output.wanted(format_, jq)
    _answer(context, form, lambda w: column_stats(w, column, table, top_n=top))


@inspect.command("distribution")
def inspect_distribution(
    context: typer.Context,
    event: EventOption,
    property_: PropertyOption,
    start: FromOption = None,
    end: ToOption = None,
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, help="How many values.")] = 20,
    table: EventsTableOption = "events",
    where: WhereOption = None,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count the values of an event's property, the commonest first.

    mp inspect distribution --event Purchase --property plan
    """
    from mixpanel_assets.warehouse.explore import property_distribution

    form = output.wanted(format_, jq)
    options = _options(context, table, start, end, where)
    _answer(
        context, form, lambda w: property_distribution(w, event, property_, limit=limit, **options)
    )


@inspect.command("numeric")
def inspect_numeric(
    context: typer.Context,
    event: EventOption,
    property_: PropertyOption,
    start: FromOption = None,
    end: ToOption = None,
    percentiles: Annotated[
        str | None,
        typer.Option("--percentiles", metavar="P,Q", help="Default: 25,50,75,90,95,99."),
    ] = None,
    table: EventsTableOption = "events",
    where: WhereOption = None,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Sum up the numbers of an event's property: range, sum, mean, percentiles.

    mp inspect numeric --event Purchase --property amount
    """
    from mixpanel_assets.warehouse.explore import numeric_summary

    form = output.wanted(format_, jq)
    wanted = numbers_in(percentiles, "--percentiles", most=100)
    options = _options(context, table, start, end, where)
    _answer(
        context, form, lambda w: numeric_summary(w, event, property_, percentiles=wanted, **options)
    )


@inspect.command("daily")
def inspect_daily(
    context: typer.Context,
    start: FromOption = None,
    end: ToOption = None,
    events: EventsOption = None,
    table: EventsTableOption = "events",
    where: WhereOption = None,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count events by day and name.

    mp inspect daily --from 7d --events Purchase,Search
    """
    from mixpanel_assets.warehouse.explore import daily_counts

    form = output.wanted(format_, jq)
    names, options = names_in(events), _options(context, table, start, end, where)
    _answer(context, form, lambda w: daily_counts(w, events=names, **options))


@inspect.command("engagement")
def inspect_engagement(
    context: typer.Context,
    start: FromOption = None,
    end: ToOption = None,
    events: EventsOption = None,
    buckets: Annotated[
        str | None,
        typer.Option(
            "--buckets", metavar="N,M", help="Where buckets begin; default: 1,2,5,10,25,50,100."
        ),
    ] = None,
    table: EventsTableOption = "events",
    where: WhereOption = None,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count people by how many events each of them has.

    mp inspect engagement --events Purchase --buckets 1,2,3
    """
    from mixpanel_assets.warehouse.explore import engagement_distribution

    form = output.wanted(format_, jq)
    least = numbers_in(buckets, "--buckets", whole=True)
    names, options = names_in(events), _options(context, table, start, end, where)
    _answer(
        context,
        form,
        lambda w: engagement_distribution(w, events=names, buckets=least, **options),
    )


@inspect.command("coverage")
def inspect_coverage(
    context: typer.Context,
    event: EventOption,
    properties: Annotated[
        list[str],
        typer.Option("--properties", "-p", metavar="A,B", help="Names of properties."),
    ],
    start: FromOption = None,
    end: ToOption = None,
    table: EventsTableOption = "events",
    where: WhereOption = None,
    format_: FormatOption = None,
    jq: JqOption = None,
) -> None:
    """Count how many of an event's rows have each property.

    mp inspect coverage --event Purchase --properties plan,amount
    """
    from mixpanel_assets.warehouse.explore import property_coverage

    form = output.wanted(format_, jq)
    names, options = names_in(properties) or [], _options(context, table, start, end, where)
    _answer(context, form, lambda w: property_coverage(w, event, names, **options))
