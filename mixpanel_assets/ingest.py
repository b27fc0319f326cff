"""Landing assets: export Mixpanel's days and profiles to files, then load them into tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from mixpanel_assets.errors import (
    ConfigError,
    EventsOutsideSpanError,
    ExportIncompleteError,
    LoadError,
)
from mixpanel_assets.landed import LandedFile, landed_files, left_by_kills, tidy
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export.events import export_events
from mixpanel_assets.mixpanel.export.profiles import export_profiles
from mixpanel_assets.mixpanel.export.selection import ProfileSelection
from mixpanel_assets.mixpanel.export.spans import Pace, check_range, export_spans
from mixpanel_assets.mixpanel.export.strays import StraySearch, UntoldError
from mixpanel_assets.notes import note
from mixpanel_assets.results import LandedDay, Snapshot
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse.connection import OpenWarehouse
from mixpanel_assets.warehouse.load.events import load_files
from mixpanel_assets.warehouse.load.recorded import files_in_use
from mixpanel_assets.warehouse.load.snapshots import load_snapshots

REFETCHES = 2  # of a file that is whole by its lines, and has one that is not JSON


def ingest_events(
    mixpanel: Client,
    warehouse: OpenWarehouse,
    settings: Settings,
    start: date,
    end: date,
    *,
    events_per_day: float | None = None,
    landed: Callable[[list[LandedDay]], None] = lambda days: None,
) -> list[LandedDay]:
    """Replace each of these days with exactly what Mixpanel exports for it now.

    The next span is downloaded while one is loaded; the warehouse is open for loads only. After a
    failure the days that were reported to `landed` are in, and the others are as they were.
    """
    check_range(start, end)
    folder = settings.landed_folder(mixpanel.credentials.project_id) / "events"
    pace = Pace(events_per_day, mixpanel.budget.left("export"))
    ingest = _Ingest(mixpanel, warehouse, settings, pace)
    days: list[LandedDay] = []
    spans = export_spans(mixpanel, pace, folder, start, end, longest_text=settings.part_bytes)
    for file in spans:
        for loaded in ingest.load(file):
            days += loaded
            landed(loaded)
    return sorted(days, key=lambda landed_day: landed_day.day)


@dataclass(frozen=True)
class _Ingest:
    """Loads the files of a range."""

    mixpanel: Client
    warehouse: OpenWarehouse
    settings: Settings
    pace: Pace

    def load(self, file: LandedFile) -> Iterator[list[LandedDay]]:
        """Load a file's days; a file that turns out damaged is fetched again."""
        for attempt in range(REFETCHES + 1):
            try:
                days, unneeded = self._load_once(file)
            except EventsOutsideSpanError as error:
                yield from self._load_strays(file, error)
                return
            except ExportIncompleteError as error:
                file.path.unlink()
                if attempt == REFETCHES:
                    raise
                self.mixpanel.note(f"{error.message}; retrying")
                file = export_events(self.mixpanel, file.start, file.end, file.path.parent)
                continue
            except LoadError:
                file.path.unlink()  # as the newest of its days it would make every rebuild fail
                raise
            tidy(file.path, unneeded, keep=self.settings.keep_landed)
            yield days
            return

    def _load_once(self, file: LandedFile) -> tuple[list[LandedDay], set[str]]:
        """Load the file's days; the names of files that are not needed any more."""
        try:
            with self.warehouse() as connection:
                before = files_in_use(connection, "events")
                days = load_files(connection, [file], self.settings)
                now = before | {day.day: day.file for day in days}
                unneeded = {*before.values(), *left_by_kills(file)}
                return days, unneeded.difference(now.values())
        finally:
            file.drop_text()

    def _load_strays(
        self, file: LandedFile, error: EventsOutsideSpanError
    ) -> Iterator[list[LandedDay]]:
        """Load a file that has strays: records whose time is outside the file's days.

        Only an export of a single day tells which day a stray belongs to. Each such day is exported
        and loaded alone; the other days are loaded from the file without its strays.
        """
        self.mixpanel.note(f"{error.message}; asking for the days that have them")
        search = StraySearch(self.mixpanel, file)
        left = set(file.dates())
        keep = False
        try:
            for alone in search.days():
                yield from self.load(alone)
                left.discard(alone.start)
            if left:
                days, unneeded = self._load_rest(replace(search.rest(), days=frozenset(left)))
                keep = self.settings.keep_landed
                tidy(file.path, unneeded, keep=True)
                yield days
            return
        except UntoldError as reason:
            if reason.of_others:
                self.pace.most_days = 1
            self.mixpanel.note(f"{reason}: landing day by day; {error.hint}")
        finally:
            self.pace.budget_left -= search.requests
            if not keep:
                file.path.unlink()
        for day in sorted(left):
            yield from self.load(export_events(self.mixpanel, day, day, file.path.parent))

    def _load_rest(self, rest: LandedFile) -> tuple[list[LandedDay], set[str]]:
        try:
            return self._load_once(rest)
        except (EventsOutsideSpanError, ExportIncompleteError) as error:
            raise UntoldError(error.message, of_others=False) from error


def rebuild_events(
    warehouse: OpenWarehouse,
    settings: Settings,
    project_id: str,
    start: date | None = None,
    end: date | None = None,
) -> list[LandedDay]:
    """Load the landed files again, without asking Mixpanel.

    Without a range the tables are rebuilt, columns and all; every day or none is rebuilt. Raises
    ConfigError when no landed file covers any of the days, or without a range not each day that
    the tables hold.
    """
    folder = settings.landed_folder(project_id) / "events"
    everything = start is None and end is None
    _check_found(landed_files(folder, start, end), folder)
    unused: set[str] = set()
    with warehouse() as connection:
        while True:
            # Only now: another process that had the warehouse open may have landed other files.
            files = landed_files(folder, start, end, unused)
            _check_found(files, folder)
            files = [file.with_checksum() for file in files]
            if everything:
                _check_covered(files_in_use(connection, "events"), files)
            try:
                return load_files(connection, files, settings, rebuild=everything)
            except EventsOutsideSpanError as error:
                # No load has used it: its download was killed before the days of these were known.
                unused.add(error.details["file"])
                note(f"{error.details['file']} is left out, since no load has used it: {error}")


def _check_found(files: Sequence[LandedFile], folder: Path) -> None:
    if not files:
        raise ConfigError(
            f"{folder} has no files of these days",
            hint="land them from Mixpanel: mp materialize events --from DAY",
        )


def _check_covered(in_use: Collection[date], files: Sequence[LandedFile]) -> None:
    """ConfigError if a day of the tables is in none of the files."""
    if lost := sorted(set(in_use).difference(*(file.dates() for file in files))):
        raise ConfigError(
            f"days with no landed file any more: {len(lost)}, the first {lost[0]}",
            hint="a rebuild would empty those days; the tables are as they were. Rebuild "
            "a range, mp rebuild events --from DAY, or land the days again first: "
            f"mp materialize events --from {lost[0]} --to {lost[-1]}",
        )


def ingest_profiles(
    mixpanel: Client,
    warehouse: OpenWarehouse,
    settings: Settings,
    day: date | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Snapshot:
    """Take the snapshot of a day, by default of today: every profile as Mixpanel has it now.

    The warehouse is open for the load only; after any failure it is as it was.
    """
    folder = settings.landed_folder(mixpanel.credentials.project_id) / "profiles"
    day = day or settings.today()  # also if the download ends after midnight
    asked = mixpanel.requests
    file = export_profiles(mixpanel, ProfileSelection(), folder, day, progress=progress)
    try:
        with warehouse() as connection:
            before = files_in_use(connection, "profiles")
            (snapshot,) = load_snapshots(connection, [file], settings)
            now = before | {day: file.path.name}
            replaced = set(before.values()) - set(now.values())
    except (LoadError, ExportIncompleteError):
        file.path.unlink()
        raise
    tidy(file.path, replaced, keep=settings.keep_landed)
    return replace(snapshot, requests=mixpanel.requests - asked)


def rebuild_profiles(
    warehouse: OpenWarehouse, settings: Settings, project_id: str
) -> list[Snapshot]:
    """Load the landed snapshots again, without asking Mixpanel.

    Raises ConfigError when there is no landed snapshot, or not each that the tables hold: Mixpanel
    could not give the others again. One of a day to come may go: it was taken by a wrong clock.
    """
    folder = settings.landed_folder(project_id) / "profiles"
    if not landed_files(folder):
        raise ConfigError(
            f"{folder} has no files of profiles",
            hint="land them from Mixpanel: mp materialize profiles",
        )
    with warehouse() as connection:
        files = [file.with_checksum() for file in landed_files(folder)]
        taken = {day for day in files_in_use(connection, "profiles") if day <= settings.today()}
        if lost := sorted(taken - {file.start for file in files}):
            raise ConfigError(
                f"the landed files of {len(lost)} snapshots are gone, the first of {lost[0]}",
                hint="a rebuild would lose them for good; the tables are as they were",
            )
        return load_snapshots(connection, files, settings, rebuild=True)
