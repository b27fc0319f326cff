"""The other hall: what is asked for by name or as a stream, beside the days of the assets."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_assets.errors import DateRangeError, ExportIncompleteError, did_you_mean, near_names
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export import EventFile, export_events
from mixpanel_assets.mixpanel.landing import OLDEST_PART
from mixpanel_assets.mixpanel.profiles import export_profiles
from mixpanel_assets.mixpanel.selection import EVERY_EVENT, EventSelection, ProfileSelection
from mixpanel_assets.mixpanel.spans import Pace, export_spans
from mixpanel_assets.naming import blanks_count
from mixpanel_assets.notes import note
from mixpanel_assets.results import Fetched
from mixpanel_assets.settings import Settings, make_private_folder
from mixpanel_assets.warehouse import named
from mixpanel_assets.warehouse.connection import OpenWarehouse, writing
from mixpanel_assets.warehouse.named import How, Kind, NamedTable
from mixpanel_assets.warehouse.source import LandedFile

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[int, int], None]

EVERY_PROFILE = ProfileSelection()
REPEATS = 2  # of a pull that is whole by its lines, and has one that is no JSON


@dataclass(frozen=True)
class _Pull:
    """What is asked of Mixpanel: its files, verified, and what they were filtered by."""

    kind: Kind
    files: Callable[[Path], list[LandedFile]]
    filters: Mapping[str, Any]
    start: date | None = None
    end: date | None = None
    named: Sequence[str] = ()  # the events, or the profiles' properties, that were asked for

    def load(
        self, warehouse: duckdb.DuckDBPyConnection, name: str, files: list[LandedFile], **how: Any
    ) -> NamedTable:
        """The table has what is in the files."""
        events = self.kind == "events"
        load = named.load_event_table if events else named.load_profile_table
        return load(warehouse, name, files, filters=self.filters, **how)


def fetch_events(
    mixpanel: Client,
    open_warehouse: OpenWarehouse,
    settings: Settings,
    name: str,
    start: date,
    end: date,
    selection: EventSelection = EVERY_EVENT,
    *,
    how: How = "create",
    progress: Progress = lambda done, total: None,
) -> Fetched:
    """The table has the chosen events of these days, both ends included; or nothing changed.

    Everything is downloaded and verified before the warehouse is changed. A name that is taken
    costs no request. `progress` is told of days. Raises DateRangeError, UsageError,
    TableExistsError, TableNotFoundError (to append to), and what export and load raise.
    """
    pull = _events(mixpanel, start, end, selection, progress)
    return _fetch(mixpanel, open_warehouse, settings, name, pull, how)


def fetch_profiles(
    mixpanel: Client,
    open_warehouse: OpenWarehouse,
    settings: Settings,
    name: str,
    selection: ProfileSelection = EVERY_PROFILE,
    *,
    how: How = "create",
    progress: Progress = lambda done, total: None,
) -> Fetched:
    """The same for profiles, as they are now; appended ones replace those of the same id."""
    pull = _profiles(mixpanel, settings, selection, progress)
    return _fetch(mixpanel, open_warehouse, settings, name, pull, how)


def stream_events(
    mixpanel: Client,
    settings: Settings,
    start: date,
    end: date,
    selection: EventSelection = EVERY_EVENT,
    *,
    raw: bool = False,
    progress: Progress = lambda done, total: None,
) -> Generator[str, None, None]:
    """Each chosen event of these days as one JSON text, without duplicates; all or none of them.

    event_name, event_time (ISO 8601 in UTC), distinct_id, insert_id, properties; raw: event and
    properties as Mixpanel sent them. Nothing is asked before the first is wanted, and the first
    comes when the last one is verified. Close it, or read it to its end.
    """
    return _stream(mixpanel, settings, _events(mixpanel, start, end, selection, progress), raw)


def stream_profiles(
    mixpanel: Client,
    settings: Settings,
    selection: ProfileSelection = EVERY_PROFILE,
    *,
    raw: bool = False,
    progress: Progress = lambda done, total: None,
) -> Generator[str, None, None]:
    """The same for profiles: distinct_id, last_seen, properties; raw: $distinct_id, $properties."""
    return _stream(mixpanel, settings, _profiles(mixpanel, settings, selection, progress), raw)


def _fetch(
    mixpanel: Client,
    open_warehouse: OpenWarehouse,
    settings: Settings,
    name: str,
    pull: _Pull,
    how: How,
) -> Fetched:
    began = time.monotonic()
    named.check_name(name)
    with open_warehouse() as warehouse:
        named.check_pull(warehouse, name, pull.kind, how)

    def load(files: list[LandedFile]) -> NamedTable:
        with open_warehouse() as warehouse:
            return pull.load(warehouse, name, files, settings=settings, how=how)

    with _spool(settings) as folder:
        added = _loaded(mixpanel, pull, folder, load)
    _note_absent(mixpanel, pull, added)
    return Fetched(
        name,
        pull.kind,
        added.rows,
        added.duplicates,
        pull.start,
        pull.end,
        time.monotonic() - began,
        datetime.now(UTC),
    )


def _stream(
    mixpanel: Client, settings: Settings, pull: _Pull, raw: bool
) -> Generator[str, None, None]:
    # Nobody asks this warehouse anything by property.
    plain = replace(settings, max_property_columns=0)

    with (
        _spool(settings) as folder,
        writing(
            folder / "pull.duckdb", memory_limit=settings.memory_limit, threads=settings.threads
        ) as warehouse,
    ):

        def load(files: list[LandedFile]) -> NamedTable:
            return pull.load(warehouse, "pull", files, settings=plain, how="create")

        _note_absent(mixpanel, pull, _loaded(mixpanel, pull, folder / "files", load))
        yield from named.records(warehouse, "pull", pull.kind, raw=raw)


def _loaded(
    mixpanel: Client,
    pull: _Pull,
    folder: Path,
    load: Callable[[list[LandedFile]], NamedTable],
) -> NamedTable:
    """The pull is loaded; one that turns out damaged is asked for again. Its files are gone."""
    for attempt in range(REPEATS + 1):
        files = pull.files(folder)
        try:
            return load(files)
        except ExportIncompleteError as error:
            if attempt == REPEATS:
                raise
            mixpanel.note(f"{error.message}; asking again")
        finally:
            for file in files:
                file.path.unlink()
    raise AssertionError("unreachable")


def _note_absent(mixpanel: Client, pull: _Pull, added: NamedTable) -> None:
    """Each name is noted that was asked for and is nowhere in what came, with those like it."""
    absent = [name for name in pull.named if name not in added.names]
    if pull.kind == "profiles":
        for name in absent if added.rows else ():
            note(f"no profile that was fetched has a property {name!r}{blanks_count(name)}")
        return
    known = mixpanel.names.events() if absent and mixpanel.names else set[str]()
    for name in absent:
        meant = None if name in known else did_you_mean(near_names(name, known))
        hint = f"; {meant}" if meant else ""
        note(f"no event {name!r} is among what was fetched{blanks_count(name)}{hint}")


def _events(
    mixpanel: Client, start: date, end: date, selection: EventSelection, progress: Progress
) -> _Pull:
    if start > end:
        raise DateRangeError(f"{start} to {end} is no range", hint="--from must not be after --to")
    days = (end - start).days + 1

    def files(folder: Path) -> list[LandedFile]:
        found = []
        for file in _event_files(mixpanel, folder, start, end, selection):
            found.append(
                LandedFile(file.path, file.start, file.end, file.exported_at, file.checksum)
            )
            progress((file.end - start).days + 1, days)
        return found

    filters = {"from": str(start), "to": str(end), **selection.filters()}
    return _Pull("events", files, filters, start, end, selection.events or ())


def _event_files(
    mixpanel: Client, folder: Path, start: date, end: date, selection: EventSelection
) -> Iterator[EventFile]:
    if selection.limit is not None:
        # Two requests would give twice as many.
        yield export_events(mixpanel, start, end, folder, selection)
        return
    left = mixpanel.budget.left("export")
    # Nobody knows what passes a filter: all days at once, and fewer if that is too much.
    filtered = selection != EVERY_EVENT
    pace = Pace(0.0, left, (end - start).days + 1) if filtered else Pace(None, left)
    yield from export_spans(mixpanel, pace, folder, start, end, selection)


def _profiles(
    mixpanel: Client, settings: Settings, selection: ProfileSelection, progress: Progress
) -> _Pull:
    def files(folder: Path) -> list[LandedFile]:
        file = export_profiles(mixpanel, selection, folder, progress=progress)
        today = settings.today(file.exported_at)
        return [LandedFile(file.path, today, today, file.exported_at, file.checksum)]

    return _Pull("profiles", files, selection.filters(), named=selection.output_properties or ())


@contextmanager
def _spool(settings: Settings) -> Iterator[Path]:
    """A private folder for one pull, gone afterwards; those of killed processes go when old."""
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
