"""Landed data: SQL, status and tables, without a request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_assets.errors import (
    ConfigError,
    DatabaseNotFoundError,
    MixpanelDataError,
    no_warehouse,
)
from mixpanel_assets.notes import note
from mixpanel_assets.workspace.opening import MEMORY, Opening

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from mixpanel_assets.results import Definition, SavedRows, SQLResult, WorkspaceInfo


class Local(Opening):
    """Queries of the warehouse. All raise DatabaseNotFoundError and DatabaseLockedError."""

    def sql(self, query: str, *parameters: Any) -> pd.DataFrame:
        """The rows of one read-only statement as a DataFrame; $1, $2 ... are the parameters.

        Raises SQLError.
        """
        return self.sql_rows(query, *parameters).df

    def sql_rows(self, query: str, *parameters: Any) -> SQLResult:
        """The same as column names and tuples."""
        from mixpanel_assets.warehouse.ask.doubts import asked

        with self._reading() as warehouse:
            return asked(warehouse, query, parameters)

    def sql_scalar(self, query: str, *parameters: Any) -> Any:
        """The first value of the first row; None if there is none."""
        rows = self.sql_rows(query, *parameters).rows
        return rows[0][0] if rows and rows[0] else None

    @contextmanager
    def sql_stream(self, query: str) -> Iterator[tuple[list[str], Iterator[tuple[Any, ...]]]]:
        """The columns of one read-only statement and an iterator of its rows, within a `with`."""
        with self._reading() as warehouse:
            from mixpanel_assets.warehouse.ask.doubts import asking

            with asking(warehouse, query) as coming:
                yield coming

    def save(
        self,
        query: str,
        file: str | Path,
        *,
        replace: bool = False,
        under: str | Path | None = None,
    ) -> SavedRows:
        """Write the rows of one SELECT to a new .parquet, .csv or .jsonl file, whole or not at all.

        `under` is the folder that has to hold the file, by default any. Raises UsageError for a
        file that can't be written, SQLError and OutputError, and ConfigError for a warehouse in
        memory.
        """
        from mixpanel_assets.warehouse.save import save

        if (path := self.db_path) is None or self._is_held():
            raise ConfigError("a warehouse in memory, or kept open, can't be saved from")
        return save(
            path,
            self.settings,
            query,
            Path(file),
            replace=replace,
            under=Path(under) if under else None,
            timeout=self._timeout,
        )

    def status(self) -> list[dict[str, Any]]:
        """For each asset, the landed days, the missing days between them, and active runs.

        Empty if nothing is landed. Only the project's own warehouse has runs.
        """
        from mixpanel_assets.defs.runs import running, with_runs

        rows: list[dict[str, Any]] = []
        runs = running(self.settings, self.project_id) if self._path is None else []
        with suppress(DatabaseNotFoundError), self._reading() as warehouse:
            from mixpanel_assets.warehouse.ask.coverage import coverage

            rows = coverage(warehouse)
        if not rows:
            note("nothing is landed yet; run: mp materialize events --from 7d")
        return with_runs(rows, runs)

    def limits(self) -> dict[str, Any]:
        """What is left of Mixpanel's rate limits, counting all processes of this machine."""
        from mixpanel_assets.mixpanel.budget import Budget

        return Budget(self.settings.home / "budget.sqlite", self._access.project).report()

    def info(self) -> WorkspaceInfo:
        """The warehouse's path, project, account, tables and size."""
        from mixpanel_assets.warehouse.ask.tables import info

        access, path = self._access, self.db_path or MEMORY  # needs no credentials
        known = access.account
        region = None if isinstance(known, MixpanelDataError) else known.credentials.region
        account = self._account or os.environ.get("MP_ACCOUNT") or None
        owner = {"project_id": access.project_or_none, "region": region, "account": account}
        with self._reading() as warehouse:
            return info(warehouse, path, **owner)

    def drop(self, *names: str, force: bool = False) -> list[str]:
        """Drop these tables, all or none; those of assets only with `force`.

        Raises TableNotFoundError, ConfigError.
        """
        from mixpanel_assets.warehouse.drop import drop_tables

        with self._dropping() as warehouse:
            return drop_tables(warehouse, names, force=force)

    def drop_all(self, *, force: bool = False) -> list[str]:
        """Drop every fetched table, and with `force` those of assets."""
        from mixpanel_assets.warehouse.drop import asset_tables, drop_tables, named_tables

        with self._dropping() as warehouse:
            names = named_tables(warehouse) + (asset_tables(warehouse) if force else [])
            return drop_tables(warehouse, names, force=force)

    def define(self, name: str, sql: str, *, replace: bool = False) -> Definition:
        """Define a view or a macro of one's own, which SQL has as `mine.NAME`.

        `name` is that of a view of the SELECT, or with parameters, such as `top(n)`, that of a
        macro of an expression or a SELECT. Raises UsageError for the name, TableExistsError
        without `replace`, SQLError, and ConfigError for a warehouse in memory.
        """
        from mixpanel_assets.warehouse import definitions

        self._check_writable()
        if self.db_path is None or self._is_held():
            raise ConfigError("a warehouse in memory, or kept open, takes no definitions")
        with self._reading() as closed:
            draft = definitions.drafted(closed, name, sql)
        with self._writing() as warehouse:
            return definitions.keep(warehouse, draft, replace=replace)

    def definitions(self) -> list[Definition]:
        """The views and macros of one's own; a note on each that no longer works."""
        from mixpanel_assets.warehouse.definitions import definitions

        with self._reading() as warehouse:
            return definitions(warehouse)

    def definition(self, name: str) -> Definition:
        """The view or macro of that name. Raises TableNotFoundError."""
        from mixpanel_assets.warehouse.definitions import definition

        with self._reading() as warehouse:
            return definition(warehouse, name)

    def drop_definition(self, name: str) -> Definition:
        """Drop the view or macro of that name. Raises TableNotFoundError."""
        from mixpanel_assets.warehouse.definitions import drop_definition

        with self._dropping() as warehouse:
            return drop_definition(warehouse, name)

    def _dropping(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        if (path := self.db_path) and not path.exists():
            raise no_warehouse(path, hint="there is nothing to drop")
        return self._writing()
