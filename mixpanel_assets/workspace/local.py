"""What is landed: asked with SQL, or looked at. No request is made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.workspace.opening import MEMORY, Opening

if TYPE_CHECKING:
    import pandas as pd

    from mixpanel_assets.results import SQLResult, WorkspaceInfo


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
        from mixpanel_assets.warehouse.ask.tables import info

        access, path = self._access, self.db_path or MEMORY  # no credentials are needed to look
        known = access.account
        region = None if isinstance(known, MixpanelDataError) else known.credentials.region
        account = self._account or os.environ.get("MP_ACCOUNT") or None
        owner = {"project_id": access.project_or_none, "region": region, "account": account}
        with self._reading() as warehouse:
            return info(warehouse, path, **owner)

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
