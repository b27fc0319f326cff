"""Loading data into the warehouse."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import date, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from mixpanel_assets.errors import DatabaseNotFoundError
from mixpanel_assets.results import Backfill, Landing, LandingPlan
from mixpanel_assets.settings import make_private_folder
from mixpanel_assets.workspace.local import Local

if TYPE_CHECKING:
    from mixpanel_assets.fetch import Pull
    from mixpanel_assets.materialize import RunOptions
    from mixpanel_assets.results import Fetched, LandedTable, Reconciled, Snapshot
    from mixpanel_assets.warehouse.load.fetched import How


P = ParamSpec("P")
ROWS_A_SECOND = 30_000  # that land, of wide events


def _parsed(lines: Callable[P, Iterator[str]], text: str) -> Callable[P, Iterator[dict[str, Any]]]:
    """A method that returns the lines of another as dictionaries."""

    @wraps(lines)
    def stream(*args: P.args, **kwargs: P.kwargs) -> Iterator[dict[str, Any]]:
        return map(json.loads, lines(*args, **kwargs))

    stream.__name__, stream.__doc__ = f"stream_{lines.__name__.partition('_')[0]}s", text
    return stream


class Landings(Local):
    """Landing, fetching and streaming.

    All raise the errors of live questions, ExportIncompleteError, LoadError, DatabaseLockedError,
    and ConfigError in a read-only workspace. A failure leaves existing data unchanged.
    """

    def materialize_events(
        self, from_date: date | str, to_date: date | str | None = None, *, missing: bool = False
    ) -> Landing:
        """Replace each day of the range, both ends included, with Mixpanel's current export.

        `to_date` is today by default; `missing` skips days that are completely landed. In the
        project's own warehouse, each unbroken range is a Dagster run, which the UI shows and which
        raises RunFailedError, with the code of its cause and the days that were landed anyway;
        elsewhere there is no run.
        """
        self._check_writable()
        first, last = self.days(from_date, to_date)
        ranges = self.missing_ranges(first, last) if missing else [(first, last)]
        self._progress.expected(sum((end - start).days + 1 for start, end in ranges))
        whole = Landing("events", first, last)
        with self._in_dagster() if self._is_own() and ranges else nullcontext() as options:
            for start, end in ranges:
                whole = _joined(whole, self._land_events(options, start, end))
        return whole

    def plan_events(
        self, from_date: date | str, to_date: date | str | None = None, *, missing: bool = False
    ) -> LandingPlan:
        """Tell what `materialize_events` of the same days would take, without a request."""
        from mixpanel_assets.mixpanel.budget import LIMITS
        from mixpanel_assets.mixpanel.export.spans import requests_for
        from mixpanel_assets.warehouse.ask.days import recent_sizes

        first, last = self.days(from_date, to_date)
        gaps = self.missing_ranges(first, last)
        ranges = gaps if missing else [(first, last)]
        lengths = [(end - start).days + 1 for start, end in ranges]
        absent = sum((end - start).days + 1 for start, end in gaps)
        path, days = self.db_path, sum(lengths)
        a_day, bytes_a_day = recent_sizes(path, self.settings) if path else (None, None)
        hour, left = LIMITS["export"][0], self.limits()["export"]
        free = left["limit"] - left["used"]
        requests = sum(requests_for(length, a_day, free) for length in lengths)
        rows = None if a_day is None else round(a_day * days)
        waits = -(-max(0, requests - free) // hour.requests) * hour.seconds
        return LandingPlan(
            "events",
            first,
            last,
            days,
            0 if missing else days - absent,
            requests,
            rows,
            None if bytes_a_day is None else round(bytes_a_day * days),
            None if rows is None else round(waits + requests + rows / ROWS_A_SECOND, 1),
            free,
        )

    def backfill_events(
        self, from_date: date | str, to_date: date | str | None = None, *, missing: bool = False
    ) -> Backfill:
        """Hand the days over to the Dagster daemon on this instance, such as that of `mp dev`.

        It begins within a minute. Raises ConfigError if no daemon runs.
        """
        self._check_writable()
        first, last = self.days(from_date, to_date)
        ranges = self.missing_ranges(first, last) if missing else [(first, last)]
        days = [a + timedelta(n) for a, b in ranges for n in range((b - a).days + 1)]
        if not days:
            return Backfill("events", first, last, None, None)
        with self._in_dagster() as options:
            from mixpanel_assets.materialize import backfill_events

            return replace(backfill_events(options, days), start=first, end=last)

    def reconcile(self) -> Reconciled:
        """Make Dagster's record agree with what is landed in the project's warehouse.

        Landed days that the instance does not know are reported; days that are no longer landed
        are wiped. Every run does this first for its own asset.
        """
        with self._in_dagster(asking=False) as options:
            from mixpanel_assets.materialize import reconcile_record

            return reconcile_record(options)

    def materialize_profiles(self) -> Snapshot:
        """Land today's snapshot of all user profiles, in a run as for events."""
        self._check_writable()
        if not self._is_own():
            from mixpanel_assets.ingest import ingest_profiles

            return ingest_profiles(self.api, self._writing, self.settings)
        with self._in_dagster() as options:
            from mixpanel_assets.materialize import materialize_profiles

            return materialize_profiles(options)

    def materialize_catalog(self) -> list[LandedTable]:
        """Land the project's current catalog, in a run as for events.

        A table that the plan does not include is unchanged, with the reason in `skipped`.
        """
        self._check_writable()
        if not self._is_own():
            return self._land_catalog()
        with self._in_dagster() as options:
            from mixpanel_assets.materialize import materialize_catalog

            return materialize_catalog(options)

    def missing_ranges(self, first: date, last: date) -> list[tuple[date, date]]:
        """The unbroken ranges of days that are not landed, or landed before their end."""
        try:
            with self._reading() as warehouse:
                from mixpanel_assets.warehouse.ask.coverage import missing_ranges

                return missing_ranges(warehouse, "events", first, last)
        except DatabaseNotFoundError:
            return [(first, last)]

    def rebuild_events(
        self, from_date: date | str | None = None, to_date: date | str | None = None
    ) -> Landing:
        """Rebuild the events tables from landed files, without any request.

        With a range, only those days. Raises ConfigError if no file covers any of them.
        """
        from mixpanel_assets.ingest import rebuild_events

        began = time.monotonic()
        first = from_date or self.settings.earliest_day
        span = self.days(first, to_date) if from_date or to_date else (None, None)
        days = rebuild_events(self._writing, self.settings, self._access.project, *span)
        days.sort(key=lambda day: day.day)
        seconds = time.monotonic() - began
        return Landing("events", days[0].day, days[-1].day, days, 0, seconds)

    def rebuild_profiles(self) -> list[Snapshot]:
        """Rebuild the profile tables from all landed snapshots, without any request."""
        from mixpanel_assets.ingest import rebuild_profiles

        return rebuild_profiles(self._writing, self.settings, self._access.project)

    def fetch_events(
        self,
        name: str = "fetched_events",
        *,
        from_date: date | str,
        to_date: date | str | None = None,
        events: Sequence[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        how: How = "create",
    ) -> Fetched:
        """Fetch the selected events of these days into a table, typed and without duplicates.

        `where` is a Mixpanel expression; `how` is create, replace or append. The filters are
        recorded in `landed`. Raises TableExistsError, before any request, and UsageError.
        """
        self._check_writable()
        pull = self._pull_events(from_date, to_date, events, where, limit)
        return pull.fetch(self._writing, name, how)

    def fetch_profiles(
        self, name: str = "fetched_profiles", *, how: How = "create", **selection: Any
    ) -> Fetched:
        """Fetch the selected current profiles into a table; otherwise as for events.

        `selection` is where, cohort_id, include_all_users, distinct_ids, data_group_id, behaviors,
        as_of_timestamp and output_properties: see ProfileSelection.
        """
        self._check_writable()
        return self._pull_profiles(**selection).fetch(self._writing, name, how)

    def event_lines(
        self,
        *,
        from_date: date | str,
        to_date: date | str | None = None,
        events: Sequence[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        raw: bool = False,
    ) -> Generator[str, None, None]:
        """The selected events of these days as JSON lines, without duplicates and without a table.

        Each has event_name, event_time, distinct_id, insert_id and properties; with `raw`, event
        and properties as Mixpanel sends them. All are downloaded and verified before the first is
        returned.
        """
        return self._pull_events(from_date, to_date, events, where, limit).stream(raw=raw)

    def profile_lines(self, *, raw: bool = False, **selection: Any) -> Generator[str, None, None]:
        """The selected profiles as JSON lines; with `raw`, as Mixpanel sends them."""
        return self._pull_profiles(**selection).stream(raw=raw)

    stream_events = _parsed(event_lines, "The selected events as dictionaries: see `event_lines`.")
    stream_profiles = _parsed(
        profile_lines, "The profiles that fetch_profiles would fetch, as dictionaries."
    )

    def _pull_events(self, first: date | str, last: date | str | None, *chosen: Any) -> Pull:
        from mixpanel_assets.fetch import pull_events
        from mixpanel_assets.mixpanel.export.selection import EventSelection

        days, selection = self.days(first, last), EventSelection(*chosen)
        return pull_events(self.api, self.settings, *days, selection, self._progress.arrived)

    def _pull_profiles(self, **selection: Any) -> Pull:
        from mixpanel_assets.fetch import pull_profiles
        from mixpanel_assets.mixpanel.export.selection import ProfileSelection

        chosen = ProfileSelection(**selection)
        return pull_profiles(self.api, self.settings, chosen, self._progress.arrived)

    def _land_events(self, options: RunOptions | None, first: date, last: date) -> Landing:
        if options:
            from mixpanel_assets.materialize import materialize_events

            return materialize_events(options, first, last)
        from mixpanel_assets.ingest import ingest_events

        began, before, settings = time.monotonic(), self.api.requests, self.settings
        days = ingest_events(self.api, self._writing, settings, first, last)
        requests = self.api.requests - before
        return Landing("events", first, last, days, requests, time.monotonic() - began)

    def _land_catalog(self) -> list[LandedTable]:
        from mixpanel_assets.mixpanel.catalog.rows import export_catalog
        from mixpanel_assets.results import LandedTable, Skipped
        from mixpanel_assets.warehouse.load.catalog import replace_catalog

        parts = export_catalog(self.api)
        with self._writing() as warehouse:
            rows = replace_catalog(warehouse, parts, day=self.settings.today())
        return [
            LandedTable(table, rows.get(table), part.reason if isinstance(part, Skipped) else None)
            for table, part in parts.items()
        ]

    def _is_own(self) -> bool:
        """Whether the warehouse is the project's own, which Dagster loads."""
        return self._path is None and not self._is_held()

    @contextmanager
    def _in_dagster(self, *, asking: bool = True) -> Iterator[RunOptions]:
        """Prepare for Dagster runs; restore the folder and environment that they change.

        `asking` raises ConfigError without credentials.
        """
        from mixpanel_assets.access import holding
        from mixpanel_assets.defs.loading import with_dagster

        access = self._with_credentials() if asking else self._access
        make_private_folder(access.settings.home)
        make_private_folder(self._access.warehouse.parent)
        here = os.getcwd()  # noqa: PTH109  its type is what chdir wants
        before = dict(os.environ)
        try:
            with holding(self._access), with_dagster():
                from mixpanel_assets.defs.listener import Listener
                from mixpanel_assets.materialize import RunOptions

                listener = Listener(self._note, self._progress)
                log = self._dagster_log
                yield RunOptions(self.settings, self._account, self._wait, listener, log)
        finally:
            os.chdir(here)
            for name in os.environ.keys() - before.keys():
                del os.environ[name]
            os.environ.update(before)


def _joined(whole: Landing, part: Landing) -> Landing:
    return replace(
        whole,
        days=[*whole.days, *part.days],
        requests=whole.requests + part.requests,
        seconds=whole.seconds + part.seconds,
        run_id=part.run_id,
    )
