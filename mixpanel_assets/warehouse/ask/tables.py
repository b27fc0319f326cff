"""What the warehouse holds: its tables, their columns, and what is in those.

Each function asks an open connection of `reading`, which can't change anything.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from mixpanel_assets import results
from mixpanel_assets.errors import SQLError
from mixpanel_assets.notes import note
from mixpanel_assets.questions import local
from mixpanel_assets.warehouse.ask import names
from mixpanel_assets.warehouse.ask.doubts import tell
from mixpanel_assets.warehouse.ask.names import Relation, Value, find_relation
from mixpanel_assets.warehouse.sql import Connection, literal, quoted
from mixpanel_assets.warehouse.statement import answer
from mixpanel_assets.warehouse.tables import (
    BASE_PROPERTIES,
    EVENTS,
    PERSON_COLUMN,
    PROFILE_VIEWS,
    PROFILES,
)

T = TypeVar("T")
WORD = re.compile(r"[$\w]+")
NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\))")
UNORDERED = ("JSON", "STRUCT", "MAP", "UNION", "[")


def info(
    warehouse: Connection,
    path: Path,
    *,
    project_id: str | None = None,
    region: str | None = None,
    account: str | None = None,
) -> results.WorkspaceInfo:
    """The warehouse at this path: its tables, size and age."""
    found = [one.name for one in names.catalogue(warehouse) if one.schema == "main"]
    oldest = None
    if "landed" in found:
        ((oldest,),) = answer(warehouse, "select min(loaded_at) from landed").rows
    size = round(path.stat().st_size / 1e6, 3) if path.exists() else 0.0  # it is in memory
    return results.WorkspaceInfo(str(path), project_id, region, account, found, size, oldest)


def tables(warehouse: Connection, asked: local.Tables) -> list[results.TableInfo]:  # noqa: ARG001
    found = [one for one in names.catalogue(warehouse) if one.schema == "main"]
    if not found:
        return []
    counts = " union all ".join(
        f"select {literal(one.name)} as name, {literal(one.type)} as type, count(*) as row_count, "
        f"{literal('events' if one.name in names.LANDED else one.name)} as dataset "
        f"from {one.source}"
        for one in found
    )
    loads = "select null::varchar as dataset, null::timestamptz as fetched_at"
    if any(one.name == "landed" for one in found):
        loads = "select dataset, max(loaded_at) as fetched_at from landed group by dataset"
    query = f"""
        select name, type, row_count, fetched_at
        from ({counts}) left join ({loads}) using (dataset) order by name
        """
    return [results.TableInfo(*row) for row in answer(warehouse, query)]


def table_schema(warehouse: Connection, asked: local.TableSchema) -> results.TableSchema:
    relation = find_relation(warehouse, asked.table)
    meanings = relation.table  # a view has no meanings of its own for base columns
    if relation.name in names.LANDED or relation.schema == "by_event":
        meanings = EVENTS.table
    elif relation.name in PROFILE_VIEWS:
        meanings = PROFILES.table
    query = """
        select columns.column_name, columns.data_type, columns.is_nullable,
               coalesce(list_contains(keys.constraint_column_names, columns.column_name), false),
               coalesce(columns.comment, meanings.comment)
        from duckdb_columns() columns
        left join duckdb_columns() meanings on meanings.schema_name = 'main'
          and meanings.table_name = ? and meanings.column_name = columns.column_name
        left join duckdb_constraints() keys on keys.schema_name = columns.schema_name
          and keys.table_name = columns.table_name and keys.constraint_type = 'PRIMARY KEY'
        where columns.schema_name = ? and columns.table_name = ?
        order by columns.column_index
        """
    rows = answer(warehouse, query, [meanings, relation.schema, relation.table])
    whose = {one.column: one.property for one in relation.properties.values() if one.physical}
    columns = []
    for column in (results.ColumnInfo(*row) for row in rows):
        if column.name in PERSON_COLUMN and column.description is None and relation.properties:
            column = replace(column, description=PERSON_COLUMN[column.name][1])
        if (renamed := whose.get(column.name, column.name)) != column.name:
            said = filter(None, (f"the property {renamed!r}", column.description))
            column = replace(column, description="; ".join(said))
        columns.append(column)
    return results.TableSchema(relation.name, limited(columns, asked.limit, "columns"))


def sample(warehouse: Connection, asked: local.Sample) -> results.SQLResult:
    source = find_relation(warehouse, asked.table).source
    found = answer(warehouse, f"select * from {source} using sample reservoir({int(asked.n)} rows)")
    if not found.rows and asked.n:
        tell(warehouse, f"from {source}")
    return found


def summarize(warehouse: Connection, asked: local.Summarize) -> results.SummaryResult:
    relation = find_relation(warehouse, asked.table)
    columns = _summaries(warehouse, relation.source, list(relation.columns))
    if columns and not columns[0].count:
        tell(warehouse, f"from {relation.source}")
    return results.SummaryResult(relation.name, columns[0].count if columns else 0, columns)


def _summaries(
    warehouse: Connection, source: str, columns: list[str]
) -> list[results.ColumnSummary]:
    """These columns in numbers; half of them at a time if they need too much memory."""
    query = f"summarize select {', '.join(map(quoted, columns))} from {source}"
    try:
        return [_summary(*row) for row in answer(warehouse, query)]
    except SQLError as error:
        if len(columns) == 1 or not isinstance(error.__cause__, duckdb.OutOfMemoryException):
            raise
    half = len(columns) // 2
    halves = (columns[:half], columns[half:])
    return [one for part in halves for one in _summaries(warehouse, source, part)]


def _summary(name: str, type_: str, *numbers: Any) -> results.ColumnSummary:
    least, most, unique, avg, std, q25, q50, q75, count, nulls = numbers
    mean = finite(float(avg)) if avg is not None and NUMBERS.fullmatch(type_) else avg
    spread = finite(float(std)) if std is not None else None
    share = float(nulls) if nulls is not None else None
    moments = (least, most, unique, mean, spread, q25, q50, q75)
    return results.ColumnSummary(name, type_, *moments, count, share)


def property_keys(warehouse: Connection, asked: local.PropertyKeys) -> list[str]:
    table, event = asked.table, asked.event
    relation = find_relation(warehouse, table)
    if event is not None or "properties" not in relation.columns:
        relation = names.find_events(warehouse, table)
    found = names.property_keys(warehouse, relation, event)
    if event is not None and not found:
        names.check_events(warehouse, relation, [event])
    if not found:
        tell(warehouse, f"from {relation.source}")
    return limited(found, asked.limit, "properties")


def limited(rows: list[T], limit: int | None, what: str) -> list[T]:
    """The first rows, with a note if there are more."""
    if limit is None or len(rows) <= limit:
        return rows
    note(f"{len(rows) - limit:,} more {what}; a limit of {len(rows)} shows all of them")
    return rows[:limit]


def column_stats(warehouse: Connection, asked: local.ColumnStats) -> results.ColumnStatsResult:
    column = asked.column
    relation = find_relation(warehouse, asked.table)
    value = _value(warehouse, relation, column)
    ordered = not any(mark in value.type for mark in UNORDERED)
    numeric = bool(NUMBERS.fullmatch(value.type))
    query = f"""
        with chosen as (select {value.sql} as value from {relation.wide}),
        top as (
            select value, count(*) as events from chosen where value is not null
            group by value order by events desc, value limit {int(asked.top_n)}
        )
        select count(value), count(*) - count(value), count(distinct value),
               coalesce((select list({{'value': value, 'events': events}}
                                     order by events desc, value) from top), []) as top,
               {"min(value), max(value)" if ordered else "null, null"},
               {f"avg(value), {deviation('value::double')}" if numeric else "null, null"}
        from chosen
        """
    ((count, nulls, unique, top, least, most, mean, std),) = answer(warehouse, query).rows
    if not count + nulls:
        tell(warehouse, f"from {relation.source}")
    counts = (count, nulls, share(nulls, count + nulls), unique, share(unique, count))
    top_values = [(item["value"], item["events"]) for item in top]
    moments = (least, most, finite(mean), finite(std))
    return results.ColumnStatsResult(
        relation.name, column, value.type, *counts, top_values, *moments
    )


def _value(warehouse: Connection, relation: Relation, column: str) -> Value:
    if column in relation.columns:
        return Value(quoted(column), relation.columns[column])
    if found := names.known_property(relation, column):
        return found
    name = next((one for one in relation.columns if one.lower() == column.lower()), None)
    if name is not None:
        return Value(quoted(name), relation.columns[name])
    expression = f"(\n{column}\n)"  # on lines of its own: it may end with a comment
    try:
        described = answer(warehouse, f"describe select {expression} from {relation.wide}")
    except SQLError:
        if WORD.fullmatch(column):
            return names.find_property(warehouse, relation, column)
        raise
    return Value(expression, described.rows[0][1].strip('"'))


def share(part: int, whole: int) -> float:
    """A part in percent, to two decimals; of nothing it is 0."""
    return round(100 * part / whole, 2) if whole else 0.0


def deviation(number: str) -> str:
    """SQL: the standard deviation of a sample of doubles; null if their squares are too large."""
    # Else DuckDB before 2.0 raises an error.
    small = f"abs({number}) < 1e145"
    return f"case when bool_and({small}) then stddev_samp({number}) filter ({small}) end"


def finite(number: Any) -> Any:
    """The number; None if it is NaN or infinite."""
    return number if number is not None and math.isfinite(number) else None


def described_properties(warehouse: Connection) -> list[tuple[str, str, str, str | None]]:
    """Of each property with a column in events_wide: its name, column, type and description."""
    query = """
        select property, known.column_name, type, comment
        from internal.property_columns known
        join duckdb_columns() stored
            on table_name = 'events_wide' and schema_name = 'main'
            and stored.column_name = known.column_name
        where dataset = 'events' and property not in (select unnest(?::varchar[]))
        order by lower(known.column_name)
        """
    return warehouse.execute(query, [list(BASE_PROPERTIES)]).fetchall()
