"""What is landed: asked with SQL, or looked at. No request is made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.workspace.opening import MEMORY, Opening

if TYPE_CHECKING:
    import pandas as pd

    from mixpanel_assets.results import (
        ColumnStatsResult,
        DailyCountsResult,
        EngagementDistributionResult,
        EventBreakdownResult,
        NumericPropertySummaryResult,
        PropertyCoverageResult,
        PropertyDistributionResult,
        SQLResult,
        SummaryResult,
        TableInfo,
        TableSchema,
        WorkspaceInfo,
    )


class Local(Opening):
    """Questions to the warehouse. All raise DatabaseNotFoundError and DatabaseLockedError."""

    def sql(self, query: str, *parameters: Any) -> pd.DataFrame:
        """The rows of one read-only statement as a DataFrame; $1, $2 ... are the parameters.

        Raises SQLError.
        """
        return self.sql_rows(query, *parameters).df

    def sql_rows(self, query: str, *parameters: Any) -> SQLResult:
        """The same as column names and tuples."""
        from mixpanel_assets.warehouse.doubts import asked

        with self._reading() as warehouse:
            return asked(warehouse, query, parameters)

    def sql_scalar(self, query: str, *parameters: Any) -> Any:
        """The first value of the first row; None when there is none."""
        rows = self.sql_rows(query, *parameters).rows
        return rows[0][0] if rows and rows[0] else None

    def status(self) -> list[dict[str, Any]]:
        """Per asset which days are landed, and which are missing between them."""
        from mixpanel_assets.warehouse.read import coverage

        with self._reading() as warehouse:
            return coverage(warehouse)

    def info(self) -> WorkspaceInfo:
        """Where the warehouse is, whose it is, its tables and its size."""
        from mixpanel_assets.warehouse.introspect import info

        owner: dict[str, str] = {}
        with suppress(MixpanelDataError):  # none are needed to look at a file
            known = self._access.credentials
            owner = {"project_id": known.project_id, "region": known.region}
        with self._reading() as warehouse:
            return info(warehouse, self.db_path or MEMORY, account=self._account, **owner)

    def drop(self, *names: str, force: bool = False) -> list[str]:
        """These tables are gone, all of them or none; those of assets go with `force` only.

        Raises TableNotFoundError, ConfigError.
        """
        from mixpanel_assets.warehouse.drop import drop_tables

        with self._writing() as warehouse:
            return drop_tables(warehouse, names, force=force)

    def drop_all(self) -> list[str]:
        """Every table that was fetched under a name is gone; those of assets stay."""
        from mixpanel_assets.warehouse.drop import drop_tables, named_tables

        with self._writing() as warehouse:
            return drop_tables(warehouse, named_tables(warehouse), force=False)

    def tables(self) -> list[TableInfo]:
        """Every table and view but those of by_event, by name; none in an empty warehouse."""
        from mixpanel_assets.warehouse.introspect import tables

        with self._reading() as warehouse:
            return tables(warehouse)

    def table_schema(
        self,
        table: str = "events",
    ) -> TableSchema:
        """The table's columns. TableNotFoundError."""
        from mixpanel_assets.warehouse.introspect import table_schema

        with self._reading() as warehouse:
            return table_schema(warehouse, table)

    def sample(
        self,
        table: str = "events",
        n: int = 10,
    ) -> SQLResult:
        """`n` rows at random, or all if there are fewer. TableNotFoundError."""
        from mixpanel_assets.warehouse.introspect import sample

        with self._reading() as warehouse:
            return sample(warehouse, table, n)

    def summarize(
        self,
        table: str = "events",
    ) -> SummaryResult:
        """Every column in numbers, by DuckDB's SUMMARIZE. TableNotFoundError."""
        from mixpanel_assets.warehouse.introspect import summarize

        with self._reading() as warehouse:
            return summarize(warehouse, table)

    def property_keys(
        self,
        table: str = "events",
        event: str | None = None,
    ) -> list[str]:
        """The names of all properties of the rows, or of one event's; sorted.

        TableNotFoundError also for a table without properties; EventNotFoundError.
        """
        from mixpanel_assets.warehouse.introspect import property_keys

        with self._reading() as warehouse:
            return property_keys(warehouse, table, event)

    def column_stats(
        self,
        column: str,
        table: str = "events",
        *,
        top_n: int = 10,
    ) -> ColumnStatsResult:
        """A column, a property or an SQL expression in numbers, with its commonest values.

        TableNotFoundError, PropertyNotFoundError for a word that is neither, SQLError.
        """
        from mixpanel_assets.warehouse.introspect import column_stats

        with self._reading() as warehouse:
            return column_stats(warehouse, column, table, top_n=top_n)

    def event_breakdown(
        self,
        table: str = "events",
        *,
        from_date: date | str | None = None,
        to_date: date | str | None = None,
        where: str | None = None,
    ) -> EventBreakdownResult:
        """Every event name: how often, by how many people, first and last time."""
        from mixpanel_assets.warehouse.explore import event_breakdown

        with self._reading() as warehouse:
            return event_breakdown(
                warehouse,
                table,
                from_date=self._day_or_none(from_date),
                to_date=self._day_or_none(to_date),
                where=where,
            )

    def property_distribution(
        self,
        event: str,
        property: str,  # noqa: A002  Mixpanel's own word
        *,
        from_date: date | str | None = None,
        to_date: date | str | None = None,
        where: str | None = None,
        table: str = "events",
        limit: int = 20,
    ) -> PropertyDistributionResult:
        """The `limit` commonest values of the property; events without one count as null."""
        from mixpanel_assets.warehouse.explore import property_distribution

        with self._reading() as warehouse:
            return property_distribution(
                warehouse,
                event,
                property,
                from_date=self._day_or_none(from_date),
                to_date=self._day_or_none(to_date),
                where=where,
                table=table,
                limit=limit,
            )

    def numeric_summary(
        self,
        event: str,
        property: str,  # noqa: A002  Mixpanel's own word
        *,
        from_date: date | str | None = None,
        to_date: date | str | None = None,
        where: str | None = None,
        table: str = "events",
        percentiles: Sequence[float] | None = None,
    ) -> NumericPropertySummaryResult:
        """The numbers of the property; percentiles (0 to 100) lie between two numbers if need be.

        ValueError for a percentile out of range.
        """
        from mixpanel_assets.warehouse.explore import numeric_summary

        with self._reading() as warehouse:
            return numeric_summary(
                warehouse,
                event,
                property,
                from_date=self._day_or_none(from_date),
                to_date=self._day_or_none(to_date),
                where=where,
                table=table,
                percentiles=percentiles,
            )

    def daily_counts(
        self,
        *,
        from_date: date | str | None = None,
        to_date: date | str | None = None,
        events: Sequence[str] | None = None,
        where: str | None = None,
        table: str = "events",
    ) -> DailyCountsResult:
        """How often each event, or each of some, happened on each day."""
        from mixpanel_assets.warehouse.explore import daily_counts

        with self._reading() as warehouse:
            return daily_counts(
                warehouse,
                from_date=self._day_or_none(from_date),
                to_date=self._day_or_none(to_date),
                events=events,
                where=where,
                table=table,
            )

    def engagement_distribution(
        self,
        *,
        from_date: date | str | None = None,
        to_date: date | str | None = None,
        events: Sequence[str] | None = None,
        buckets: Sequence[float] | None = None,
        where: str | None = None,
        table: str = "events",
    ) -> EngagementDistributionResult:
        """People by how many events each has; `buckets` are the least numbers of each bucket.

        Everybody is in one bucket: the first begins at 1 whatever is asked for. Events of nobody
        (no distinct_id) don't count.
        """
        from mixpanel_assets.warehouse.explore import engagement_distribution

        with self._reading() as warehouse:
            return engagement_distribution(
                warehouse,
                from_date=self._day_or_none(from_date),
                to_date=self._day_or_none(to_date),
                events=events,
                buckets=buckets,
                where=where,
                table=table,
            )

    def property_coverage(
        self,
        event: str,
        properties: Sequence[str],
        *,
        from_date: date | str | None = None,
        to_date: date | str | None = None,
        where: str | None = None,
        table: str = "events",
    ) -> PropertyCoverageResult:
        """How many of the event's rows have a value, other than null, of each property."""
        from mixpanel_assets.warehouse.explore import property_coverage

        with self._reading() as warehouse:
            return property_coverage(
                warehouse,
                event,
                properties,
                from_date=self._day_or_none(from_date),
                to_date=self._day_or_none(to_date),
                where=where,
                table=table,
            )
