"""Landed data as inputs of other assets: `def report(events: pd.DataFrame)`."""

import sys
import weakref
from collections.abc import Callable, Collection, Sequence
from datetime import date
from itertools import islice
from typing import Any, NamedTuple

import dagster as dg
import duckdb
from pydantic import PrivateAttr

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.resources import WarehouseResource
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.results.frames import frame
from mixpanel_assets.warehouse.ask.coverage import as_text, unbroken
from mixpanel_assets.warehouse.ask.names import Relation, find_relation
from mixpanel_assets.warehouse.connection import in_memory, sql_error
from mixpanel_assets.warehouse.sql import Connection, first_column, quoted
from mixpanel_assets.warehouse.statement import stream
from mixpanel_assets.warehouse.tables import PERSON_COLUMN, PROFILE_COLUMNS, PROFILES

DAY_COLUMNS = ("event_date", "asked_on", "day", "date")  # of tables whose rows are of a partition
IN_ARROW = {
    *("VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"),
    *("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR[]"),
}  # the types that it has as DuckDB has them
ROWS_AT_ONCE = 50_000  # Python objects take ten times the memory of a DataFrame


class WarehouseInputManager(WarehouseResource, dg.ConfigurableIOManager):
    """Gives an input the rows of its partitions, as the type that the function asks for.

    The warehouse is closed again before the function runs, so that it can write there. The input's
    metadata may name another `table` and its `columns`.
    """

    _copies: "weakref.WeakKeyDictionary[Any, Connection]" = PrivateAttr(
        default_factory=weakref.WeakKeyDictionary
    )

    def load_input(self, context: dg.InputContext) -> Any:
        """The rows of the input's partitions."""
        with as_dagster_failures():
            type_ = _type_asked_for(context)
            try:
                with self.get_reader() as connection:
                    query = _query(connection, context)
                    if type_ != RELATION:
                        return CONVERTERS[type_](connection, query)
                    copies = self._copies_of(context.step_context)
                    return _as_relation(connection, query, copies, context.name)
            except duckdb.Error as error:
                raise sql_error(error) from error

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:  # noqa: ARG002
        """Refuse: tables are written by the assets themselves."""
        raise dg.DagsterInvariantViolationError(
            f"{context.asset_key.to_user_string()}: the warehouse's input manager only reads. "
            "Write the table with warehouse.get_connection() and return a MaterializeResult "
            "without a value, or give the asset another io_manager_key."
        )

    def _copies_of(self, step: Any) -> Connection:
        """A database in memory, one for all relations of a step, which can so be joined.

        Nothing tells us when a step ends: a relation of the warehouse itself would lock it for
        others, and for the step's own writes. DuckDB closes it with its last relation.
        """
        if step not in self._copies:
            self._copies[step] = in_memory(self.path, **self._limits)
        return self._copies[step]


def _as_pandas(connection: Connection, query: str) -> Any:
    import pandas as pd

    columns, types, rows = stream(connection, query)
    parts = [frame(columns, list(islice(rows, ROWS_AT_ONCE)), types)]
    while some := list(islice(rows, ROWS_AT_ONCE)):
        parts.append(frame(columns, some, types))
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def _as_arrow(connection: Connection, query: str) -> Any:
    return connection.sql(query).to_arrow_table()


def _as_polars(connection: Connection, query: str) -> Any:
    import polars as pl

    return pl.DataFrame(connection.sql(query))


class _Stream(NamedTuple):
    """A relation of another database, which DuckDB takes only as some source of Arrow."""

    relation: duckdb.DuckDBPyRelation

    def __arrow_c_stream__(self, schema: object = None) -> object:
        return self.relation.__arrow_c_stream__(schema)


def _as_relation(connection: Connection, query: str, copies: Connection, name: str) -> Any:
    rows = connection.sql(query)
    types = dict(zip(map(quoted, rows.columns), map(str, rows.types), strict=True))
    # Arrow has no JSON or HUGEINT, and DuckDB's types can be written as text.
    sent = (c if t in IN_ARROW else f"{c}::varchar as {c}" for c, t in types.items())
    _stream = _Stream(connection.sql(f"select {', '.join(sent)} from ({query})"))
    held = (f"{c}::{t} as {c}" for c, t in types.items())
    copies.execute(
        f"create or replace table {quoted(name)} as select {', '.join(held)} from _stream"
    )
    return copies.table(quoted(name))


RELATION = "duckdb.DuckDBPyRelation"
CONVERTERS: dict[str, Callable[[Connection, str], Any]] = {
    "pandas.DataFrame": _as_pandas,
    "polars.DataFrame": _as_polars,
    "pyarrow.Table": _as_arrow,
}


def _type_asked_for(context: dg.InputContext) -> str:
    asked = context.dagster_type.typing_type
    for name in (*CONVERTERS, RELATION):
        module, _, type_ = name.partition(".")
        # Whoever asks for a type has imported its module.
        if getattr(sys.modules.get(module), type_, None) is asked:
            return name
    given = getattr(asked, "__name__", str(asked))
    raise ConfigError(
        f"the type of the input {context.name} is {given}, which the warehouse can't give",
        hint=f"annotate it as one of {', '.join((*CONVERTERS, RELATION))}",
    )


def _query(connection: Connection, context: dg.InputContext) -> str:
    """The SQL of the rows of the input's partitions."""
    metadata, dataset = context.definition_metadata, context.asset_key.path[-1]
    shown = ", ".join(map(quoted, metadata.get("columns", ()))) or "*"
    relation = find_relation(connection, str(metadata.get("table", dataset)))
    source = relation.source
    if not context.has_asset_partitions:
        return f"select {shown} from {source}"
    days = sorted(map(date.fromisoformat, context.asset_partition_keys))
    query = "select day from landed where dataset = ?"
    landed = set(first_column(connection, query, [dataset]))
    whole = _is_whole(context, days)
    _tell_missing(context, days, landed, whole=whole)
    if relation.name == PROFILES.dataset:
        snapshots = (
            source if whole else _snapshots(relation, [day for day in days if day in landed])
        )
        return f"select {shown} from {snapshots}"
    return f"select {shown} from {source} where {_of_days(relation, days)}"


def _is_whole(context: dg.InputContext, days: Sequence[date]) -> bool:
    """Whether an asset without partitions gets all days."""
    partitioned = context.step_context.entity_partitions_def is not None
    return not partitioned and len(days) == len(context.asset_partitions_def.get_partition_keys())


def _tell_missing(
    context: dg.InputContext, days: Sequence[date], landed: Collection[date], *, whole: bool
) -> None:
    """Warn of days that are not landed; of all days, only those before the last landed one."""
    last = max(landed, default=date.max)
    missing = [day for day in days if day not in landed and (not whole or day <= last)]
    if missing:
        context.log.warning(
            f"{context.name}: {as_text(missing)} of {context.asset_key.to_user_string()}: "
            "not landed, so there are no rows"
        )


def _of_days(relation: Relation, days: Sequence[date]) -> str:
    """SQL: the row is of one of the days."""
    column = next((name for name in DAY_COLUMNS if name in relation.columns), None)
    if not column:
        raise ConfigError(
            f"{relation.name} has no column {' or '.join(DAY_COLUMNS)} to select partitions by",
            hint="read it with get_reader() of the WarehouseResource",
        )
    ranges = (
        f"{column} between date '{first}' and date '{last}'" for first, last in unbroken(days)
    )
    return " or ".join(ranges) or "false"


def _snapshots(profiles: Relation, days: Sequence[date]) -> str:
    """SQL: the snapshots of these days, with the columns of the view `profiles`."""
    known = PROFILE_COLUMNS | PERSON_COLUMN
    own = [name for name in profiles.columns if name in known]  # no person before an upgrade
    base = ", ".join(f"version.{quoted(name)}" for name in own)
    held = ", ".join(map(quoted, {*PROFILES.columns, *own}))
    taken = ", ".join(f"date '{day}'" for day in days)
    return f"""(
        select {base}, taken.day as snapshot_date, version.* exclude ({held})
        from profile_history as version
        join (select unnest([{taken}]::date[]) as day) as taken
        on version.valid_from <= taken.day
        and (version.valid_to is null or version.valid_to > taken.day)
    )"""
