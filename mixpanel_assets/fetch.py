"""Fetching a selection of events or profiles into a separate table, or as a stream."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from mixpanel_assets.errors import ExportIncompleteError, did_you_mean, near_names
from mixpanel_assets.landed import OLDEST_PART, LandedFile
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export.events import export_events
from mixpanel_assets.mixpanel.export.profiles import export_profiles
from mixpanel_assets.mixpanel.export.selection import EVERY_EVENT, EventSelection, ProfileSelection
from mixpanel_assets.mixpanel.export.spans import Pace, check_range, export_spans
from mixpanel_assets.naming import blanks_count
from mixpanel_assets.notes import note
from mixpanel_assets.results import Fetched
from mixpanel_assets.settings import Settings, make_private_folder
from mixpanel_assets.warehouse.connection import OpenWarehouse, writing
from mixpanel_assets.warehouse.load import fetched
from mixpanel_assets.warehouse.load.fetched import How, Kind, NamedTable

Progress = Callable[[int, int], None]

EVERY_PROFILE = ProfileSelection()
REPEATS = 2  # of a pull that is whole by its lines, and has one that is not JSON


def pull_events(
    mixpanel: Client,
    settings: Settings,
    start: date,
    end: date,
    selection: EventSelection = EVERY_EVENT,
    progress: Progress = lambda done, total: None,
) -> Pull:
    """The chosen events of these days, both ends included; `progress` counts days.

    Raises DateRangeError.
    """
    check_range(start, end)
    days = (end - start).days + 1

    def files(folder: Path) -> list[LandedFile]:
        found = []
        for file in _event_files(mixpanel, folder, start, end, selection):
            found.append(file)
            progress(len(file.dates()), days)
        return found

    filters = {"from": str(start), "to": str(end), **selection.filters()}
    chosen = selection.events or ()
    return Pull(mixpanel, settings, "events", files, filters, start, end, chosen)


def pull_profiles(
    mixpanel: Client,
    settings: Settings,
    selection: ProfileSelection = EVERY_PROFILE,
    progress: Progress = lambda done, total: None,
) -> Pull:
    """The chosen profiles as they are now; `progress` counts profiles."""

    def files(folder: Path) -> list[LandedFile]:
        day = settings.today(mixpanel.now())
        return [export_profiles(mixpanel, selection, folder, day, progress=progress)]

    chosen = selection.output_properties or ()
    return Pull(mixpanel, settings, "profiles", files, selection.filters(), named=chosen)


@dataclass(frozen=True)
class Pull:
    """A selection of events or profiles: how to download it, and the filters that define it."""

    mixpanel: Client
    settings: Settings
    kind: Kind
    files: Callable[[Path], list[LandedFile]]
    filters: Mapping[str, Any]
    start: date | None = None
    end: date | None = None
    named: Sequence[str] = ()  # the events, or the profiles' properties, that were asked for

    def fetch(self, open_warehouse: OpenWarehouse, name: str, how: How = "create") -> Fetched:
        """Load the pull into a table, or change nothing.

        Everything is downloaded and verified before the warehouse is changed. A name that is taken
        costs no request. Appended profiles replace those of the same id. Raises UsageError,
        TableExistsError, TableNotFoundError (to append to), and what export and load raise.
        """
        began = time.monotonic()
        fetched.check_name(name)
        with open_warehouse() as warehouse:
            fetched.check_pull(warehouse, name, self.kind, how)
        with _spool(self.settings) as folder:
            added = self._load(open_warehouse, folder, name, self.settings, how)
        took, at = time.monotonic() - began, datetime.now(UTC)
        counts = (added.rows, added.duplicates)
        return Fetched(name, self.kind, *counts, self.start, self.end, took, at)

    def stream(self, *, raw: bool = False) -> Generator[str, None, None]:
        """Each record as one JSON text, without duplicates; all or none of them.

        event_name, event_time (ISO 8601 in UTC), distinct_id, insert_id, properties, or
        distinct_id, last_seen, properties; raw: as Mixpanel sent them. Nothing is asked before the
        first is taken, and the first comes when the last one is verified. Close it, or read it to
        its end.
        """
        settings = self.settings
        plain = replace(settings, max_property_columns=0)  # no SQL is going to use them
        with (
            _spool(settings) as folder,
            writing(
                folder / "pull.duckdb", memory_limit=settings.memory_limit, threads=settings.threads
            ) as warehouse,
        ):
            self._load(lambda: nullcontext(warehouse), folder / "files", "pull", plain, "create")
            yield from fetched.records(warehouse, "pull", self.kind, raw=raw)

    def _load(
        self, opened: OpenWarehouse, folder: Path, name: str, settings: Settings, how: How
    ) -> NamedTable:
        """Download and load; retry a pull that turns out to be damaged."""
        for attempt in range(REPEATS + 1):
            files = self.files(folder)
            try:
                with opened() as warehouse:
                    added = fetched.load_named(
                        warehouse, name, self.kind, files, settings, how=how, filters=self.filters
                    )
            except ExportIncompleteError as error:
                if attempt == REPEATS:
                    raise
                self.mixpanel.note(f"{error.message}; retrying")
            else:
                self._note_absent(added)
                return added
            finally:
                for file in files:
                    file.path.unlink()
        raise AssertionError("unreachable")

    def _note_absent(self, added: NamedTable) -> None:
        """Note each requested name that is not in the data, with similar names."""
        absent = [name for name in self.named if name not in added.names]
        if self.kind == "profiles":
            for name in absent if added.rows else ():
                note(f"no profile that was fetched has a property {name!r}{blanks_count(name)}")
            return
        names = self.mixpanel.names
        known = names.events() if absent and names else set[str]()
        for name in absent:
            meant = None if name in known else did_you_mean(near_names(name, known))
            hint = f"; {meant}" if meant else ""
            note(f"no event {name!r} is among what was fetched{blanks_count(name)}{hint}")


def _event_files(
    mixpanel: Client, folder: Path, start: date, end: date, selection: EventSelection
) -> Iterator[LandedFile]:
    if selection.limit is not None:
        # Two requests would give twice as many.
        yield export_events(mixpanel, start, end, folder, selection)
        return
    left = mixpanel.budget.left("export")
    # How many events pass a filter is unknown: all days at once, and fewer if that is too much.
    filtered = selection != EVERY_EVENT
    pace = Pace(0.0, left, (end - start).days + 1) if filtered else Pace(None, left)
    yield from export_spans(mixpanel, pace, folder, start, end, selection)


@contextmanager
def _spool(settings: Settings) -> Iterator[Path]:
    """A private folder for one pull, removed afterwards; old ones of killed processes as well."""
    parent = make_private_folder(settings.home / "spool")
    for left in parent.iterdir():
        if time.time() - _last_change(left) > OLDEST_PART:
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="pull-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _last_change(folder: Path) -> float:
    """When something in the folder was last written; now, if it is being removed."""
    try:
        return max(path.stat().st_mtime for path in [folder, *folder.rglob("*")])
    except FileNotFoundError:
        return time.time()
