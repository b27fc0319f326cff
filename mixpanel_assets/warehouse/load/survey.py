"""The first look at landed files: what they hold, before anything of the warehouse is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mixpanel_assets.errors import LoadError
from mixpanel_assets.landed import LandedFile
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import in_transaction
from mixpanel_assets.warehouse.load import duplicates
from mixpanel_assets.warehouse.load.parts import work_folder
from mixpanel_assets.warehouse.load.seen import LargeNumbersError, properties_seen
from mixpanel_assets.warehouse.load.stage import Source, check_span, counted, in_pieces
from mixpanel_assets.warehouse.properties import PropertyColumns
from mixpanel_assets.warehouse.records import VALUES
from mixpanel_assets.warehouse.sql import Connection, number
from mixpanel_assets.warehouse.tables import EVENTS, Layout

MOST_PROPERTIES = 250_000  # in one part; each takes a few kilobytes of memory
SAMPLED_BELOW = 20_000
LONGEST_EXAMPLE = 100  # characters: it is for eyes


@dataclass(frozen=True)
class Survey:
    """What a first look at files has found: how to load each, and the table's properties then."""

    sources: list[Source]
    columns: PropertyColumns


@contextmanager
def surveyed(
    warehouse: Connection,
    files: Sequence[LandedFile],
    layout: Layout,
    settings: Settings,
    *,
    fresh: bool = False,
) -> Iterator[Survey]:
    """A transaction to load files in that have been surveyed; `fresh`: nothing else is to stay.

    The files are counted in temp.surveys, temp.examples has values of their properties, and the
    registry knows each of these. All that comes before the transaction, which a line that DuckDB
    can't parse would end, and changes nothing of the warehouse.
    """
    known = [] if fresh else PropertyColumns.known(warehouse, layout.dataset)
    columns = PropertyColumns(known, settings.max_property_columns, layout)
    duplicates.begin_keys(warehouse)
    warehouse.execute(SURVEYS)
    if layout == EVENTS and not fresh:
        warehouse.execute("insert into examples from internal.property_examples")
    with work_folder(files[0].path) as folder:
        sources = []
        for count, file in enumerate(files):
            source = Source(file, columns.mode(), columns, settings, folder)
            source, parts = _survey_in_some_mode(warehouse, source, count)
            sources.append(replace(source, staged=parts == 1 and len(files) == 1))
        duplicates.find_duplicates(warehouse)
        with in_transaction(warehouse):
            yield Survey(sources, columns)


SURVEYS = """
create or replace temp table surveys (
    file INTEGER, event_date DATE, event_name VARCHAR, property VARCHAR, type VARCHAR,
    events BIGINT, bytes BIGINT, long_integers BIGINT, repaired BIGINT);
create or replace temp table examples (event_name VARCHAR, property VARCHAR, example VARCHAR);
"""


def _survey_in_some_mode(warehouse: Connection, source: Source, file: int) -> tuple[Source, int]:
    """The source in the fastest mode that reads it right, and how many parts it has."""
    try:
        return source, _survey_file(warehouse, source, file)
    except LargeNumbersError:
        exact = replace(source, mode="exact")
    warehouse.execute(f"delete from keys where file = {file}")
    warehouse.execute(f"delete from surveys where file = {file}")
    return exact, _survey_file(warehouse, exact, file)


def _survey_file(warehouse: Connection, source: Source, file: int) -> int:
    columns, count = source.columns, 0
    for count in source.stage_parts(warehouse):  # noqa: B007  the last one is wanted
        rows = in_pieces(warehouse)
        warehouse.execute(f"create or replace temp table survey as {counted(rows)}")
        if columns.layout == EVENTS:
            check_span(warehouse, source.file)
        _check_properties(warehouse, source.file)
        columns.learn(properties_seen(warehouse, columns, source.mode))
        if columns.layout.of_events:
            duplicates.add_keys(warehouse, file)
        _add_examples(warehouse)
        warehouse.execute(f"insert into surveys by name select {file} as file, * from survey")
    return count + 1


def _check_properties(warehouse: Connection, file: LandedFile) -> None:
    count = number(warehouse, "select count(distinct property) from survey")
    if count > MOST_PROPERTIES:
        raise LoadError(
            f"{file.path.name} has {count:,} different properties: what is data became names",
            hint=f"at most {MOST_PROPERTIES:,} are loaded at once; land fewer days at a time",
            properties=count,
        )


def shortened(example: str) -> str:
    """SQL: an example, cut to LONGEST_EXAMPLE characters."""
    cut = f"left({example}, {LONGEST_EXAMPLE - 3}) || '...'"
    return f"case when length({example}) > {LONGEST_EXAMPLE} then {cut} else {example} end"


def _add_examples(warehouse: Connection) -> None:
    """Give every property that is staged an example for each event that carries it."""
    # Of a large part one record in sixteen has an example of nearly everything.
    if number(warehouse, "select sum(events) from survey where property is null") > SAMPLED_BELOW:
        _take_examples(warehouse, "rowid % 16 = 0")
    _take_examples(warehouse, "true")


def _take_examples(warehouse: Connection, which: str) -> None:
    lacking = """
        select distinct event_name, property
        from survey
        where property is not null and type <> 'NULL' and not exists (
            from examples known
            where known.event_name is not distinct from survey.event_name
              and known.property = survey.property)
    """
    if not warehouse.execute(f"from ({lacking}) limit 1").fetchall():
        return
    rows = in_pieces(warehouse, which)
    warehouse.execute(
        f"""
        insert into examples
        with lacking as ({lacking}),
        wanted as (select event_name, list(property) as names from lacking group by all)
        select found.event_name, found.property, any_value({shortened("example")})
        from (
            select event_name, unnest(json_keys(value)) as property,
                   unnest(json_extract(value, '$.*'))::varchar as example
            from (
                select stage.event_name, {VALUES} as value
                from {rows} stage
                join wanted on wanted.event_name is not distinct from stage.event_name
                where list_has_any(json_keys(value), names)
            )
        ) found
        semi join lacking
            on lacking.event_name is not distinct from found.event_name
            and lacking.property = found.property
        where example <> 'null'
        group by found.event_name, found.property
        """
    )
