"""What puts data into the warehouse."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import make_private_folder
from mixpanel_assets.workspace.opening import Opening

if TYPE_CHECKING:
    from mixpanel_assets.results import Fetched, LandedTable, Landing, Snapshot
    from mixpanel_assets.warehouse.named import How


class Landings(Opening):
    """Landing, fetching and streaming.

    All raise the errors of live questions, ExportIncompleteError, LoadError, DatabaseLockedError,
    and ConfigError in a read-only workspace; after any of them what was there is there still.
    """

    def materialize_events(
        self, from_date: date | str, to_date: date | str | None = None
    ) -> Landing:
        """Each day, both ends included, holds exactly what Mixpanel exports for it now.

        The days end today unless `to_date` says otherwise. In the project's own warehouse it is a
        Dagster run, which the UI shows; elsewhere the same without a record. Raises RunFailedError
        then, with the code of its cause and the days that are landed all the same.
        """
        self._check_writable()
        first, last = self._day(from_date), self._day(to_date or "today")
        if not self._is_own():
            return self._land_events(first, last)
        from mixpanel_assets.defs.progress import Listener
        from mixpanel_assets.materialize import materialize_events

        with self._in_dagster():
            return materialize_events(
                self.settings,
                first,
                last,
                account=self._account,
                wait=self._wait,
                hears=Listener(self._note),
            )

    def materialize_profiles(self) -> Snapshot:
        """Today's snapshot holds every user profile as Mixpanel has it now; as for events."""
        self._check_writable()
        if not self._is_own():
            return self._land_profiles()
        from mixpanel_assets.defs.progress import Listener
        from mixpanel_assets.materialize import materialize_profiles

        with self._in_dagster():
            return materialize_profiles(
                self.settings,
                account=self._account,
                wait=self._wait,
                hears=Listener(self._note),
            )

    def materialize_catalog(self) -> list[LandedTable]:
        """The catalog's tables hold what the project has saved and described now; as for events.

        A table that the plan refuses is as it was, and says so in `skipped`.
        """
        self._check_writable()
        if not self._is_own():
            return self._land_catalog()
        from mixpanel_assets.defs.progress import Listener
        from mixpanel_assets.materialize import materialize_catalog

        with self._in_dagster():
            return materialize_catalog(
                self.settings,
                account=self._account,
                wait=self._wait,
                hears=Listener(self._note),
            )

    def rebuild_events(
        self, from_date: date | str | None = None, to_date: date | str | None = None
    ) -> Landing:
        """The events tables are made anew from landed files; Mixpanel is not asked.

        With a range only those days. Raises ConfigError when no file covers any of them.
        """
        from mixpanel_assets.ingest import rebuild_events
        from mixpanel_assets.results import Landing

        began, settings = time.monotonic(), self.settings
        span = self._day_or_none(from_date), self._day_or_none(to_date)
        days = rebuild_events(self._writing, settings, self._access.project, *span)
        days.sort(key=lambda day: day.day)
        seconds = time.monotonic() - began
        return Landing("events", days[0].day, days[-1].day, days, 0, seconds)

    def rebuild_profiles(self) -> list[Snapshot]:
        """The profile tables are made anew from all landed snapshots; Mixpanel is not asked."""
        from mixpanel_assets.ingest import rebuild_profiles

        settings = self.settings
        return rebuild_profiles(self._writing, settings, self._access.project)

    def fetch_events(
        self,
        name: str = "fetched_events",
        *,
        from_date: date | str,
        to_date: date | str,
        events: Sequence[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        how: How = "create",
    ) -> Fetched:
        """The table `name` holds the chosen events of these days, typed and without duplicates.

        `where` is an expression of Mixpanel's; `how` is create, replace or append. The filters are
        recorded in `landed`. Raises TableExistsError, before anything is asked, and UsageError.
        """
        from mixpanel_assets.fetch import fetch_events
        from mixpanel_assets.mixpanel.selection import EventSelection

        self._check_writable()
        chosen = EventSelection(events, where, limit)
        first, last = self._day(from_date), self._day(to_date)
        return fetch_events(
            self.api, self._writing, self.settings, name, first, last, chosen, how=how
        )

    def fetch_profiles(
        self, name: str = "fetched_profiles", *, how: How = "create", **selection: Any
    ) -> Fetched:
        """The table `name` holds the chosen profiles as they are now.

        They are chosen by where, cohort_id, include_all_users, distinct_ids, data_group_id,
        behaviors and as_of_timestamp, and have output_properties: see ProfileSelection. Otherwise
        as for events.
        """
        from mixpanel_assets.fetch import fetch_profiles
        from mixpanel_assets.mixpanel.selection import ProfileSelection

        self._check_writable()
        chosen = ProfileSelection(**selection)
        return fetch_profiles(self.api, self._writing, self.settings, name, chosen, how=how)

    def stream_events(
        self,
        *,
        from_date: date | str,
        to_date: date | str,
        events: Sequence[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        raw: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Each chosen event of these days, without duplicates and without a table.

        event_name, event_time, distinct_id, insert_id and properties; raw: event and properties as
        Mixpanel sends them. All of them are on disk and verified before the first is given out.
        """
        from mixpanel_assets.fetch import stream_events
        from mixpanel_assets.mixpanel.selection import EventSelection

        chosen = EventSelection(events, where, limit)
        first, last = self._day(from_date), self._day(to_date)
        return map(json.loads, stream_events(self.api, self.settings, first, last, chosen, raw=raw))

    def stream_profiles(self, *, raw: bool = False, **selection: Any) -> Iterator[dict[str, Any]]:
        """Each profile that fetch_profiles would fetch: distinct_id, last_seen, properties."""
        from mixpanel_assets.fetch import stream_profiles
        from mixpanel_assets.mixpanel.selection import ProfileSelection

        chosen = ProfileSelection(**selection)
        return map(json.loads, stream_profiles(self.api, self.settings, chosen, raw=raw))

    def _land_events(self, first: date, last: date) -> Landing:
        from mixpanel_assets.ingest import ingest_events
        from mixpanel_assets.results import Landing

        began, before, settings = time.monotonic(), self.api.requests, self.settings
        days = ingest_events(self.api, self._writing, settings, first, last)
        requests = self.api.requests - before
        return Landing("events", first, last, days, requests, time.monotonic() - began)

    def _land_profiles(self) -> Snapshot:
        from mixpanel_assets.ingest import ingest_profiles

        return ingest_profiles(self.api, self._writing, self.settings)

    def _land_catalog(self) -> list[LandedTable]:
        from mixpanel_assets.mixpanel.catalog.rows import export_catalog
        from mixpanel_assets.results import LandedTable, Skipped
        from mixpanel_assets.warehouse.catalog import replace_catalog

        parts = export_catalog(self.api)
        with self._writing() as warehouse:
            rows = replace_catalog(warehouse, parts, day=self.settings.today())
        return [
            LandedTable(table, rows.get(table), part.reason if isinstance(part, Skipped) else None)
            for table, part in parts.items()
        ]

    def _is_own(self) -> bool:
        """The warehouse is the one of the project, which Dagster knows."""
        return self._path is None and not self._is_held()

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise ConfigError("this workspace is read-only", hint="open it with read_only=False")

    @contextmanager
    def _in_dagster(self) -> Iterator[None]:
        """A run changes folder and environment of the process: they are put back."""
        from mixpanel_assets.access import holding

        settings = self._with_credentials().settings
        make_private_folder(settings.home)
        make_private_folder(self._access.warehouse.parent)
        here = os.getcwd()  # noqa: PTH109  its type is what chdir wants
        before = dict(os.environ)
        try:
            with holding(self._access):
                yield
        finally:
            os.chdir(here)
            for name in os.environ.keys() - before.keys():
                del os.environ[name]
            os.environ.update(before)
