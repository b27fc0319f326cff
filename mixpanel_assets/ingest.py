"""The hall between the rooms: Mixpanel's days become files, files become tables."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from mixpanel_assets.errors import (
    ConfigError,
    DateRangeError,
    EventsOutsideSpanError,
    ExportIncompleteError,
    LoadError,
)
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export import EventFile, export_events
from mixpanel_assets.mixpanel.landing import remove_old_parts
from mixpanel_assets.mixpanel.profiles import export_profiles
from mixpanel_assets.mixpanel.selection import ProfileSelection
from mixpanel_assets.mixpanel.spans import Pace, export_spans
from mixpanel_assets.mixpanel.strays import StraySearch, UntoldError
from mixpanel_assets.notes import note
from mixpanel_assets.results import LandedDay, Snapshot
from mixpanel_assets.settings import Settings
from mixpanel_assets.warehouse import load, snapshots
from mixpanel_assets.warehouse.connection import OpenWarehouse
from mixpanel_assets.warehouse.source import LandedFile

REFETCHES = 2  # of a file that is whole by its lines, and has one that is no JSON

SNAPSHOT_NAME = re.compile(r"profiles\.(\d{4}-\d\d-\d\d)\.(\d{8}T\d{12})Z\.jsonl\.gz")
FILE_NAME = re.compile(r"(\d{4}-\d\d-\d\d)_(\d{4}-\d\d-\d\d)\.(\d{8}T\d{12})Z\.jsonl\.gz")


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
    """The warehouse holds for each of these days exactly what Mixpanel exports for it now.

    The next span is downloaded while one is loaded; the warehouse is open for loads only. After a
    failure the days that `landed` was told of are in, and the others are as they were.
    """
    if start > end:
        raise DateRangeError(f"{start} to {end} is no range", hint="--from must not be after --to")
    folder = settings.landed_folder(mixpanel.credentials.project_id) / "events"
    pace = Pace(events_per_day, mixpanel.budget.left("export"))
    days: list[LandedDay] = []
    spans = export_spans(mixpanel, pace, folder, start, end, longest_text=settings.part_bytes)
    for file in spans:
        for whole in _loaded(mixpanel, warehouse, settings, pace, file):
            days += whole
            landed(whole)
    return sorted(days, key=lambda landed_day: landed_day.day)


def _loaded(
    mixpanel: Client,
    warehouse: OpenWarehouse,
    settings: Settings,
    pace: Pace,
    file: EventFile,
) -> Iterator[list[LandedDay]]:
    """The file's days are in the warehouse; a file that turns out damaged is fetched again."""
    for attempt in range(REFETCHES + 1):
        try:
            days, unneeded = _load(warehouse, settings, file)
        except EventsOutsideSpanError as error:
            yield from _with_strays(mixpanel, warehouse, settings, pace, file, error)
            return
        except ExportIncompleteError as error:
            file.path.unlink()
            if attempt == REFETCHES:
                raise
            mixpanel.note(f"{error.message}; asking again")
            file = export_events(mixpanel, file.start, file.end, file.path.parent)
            continue
        except LoadError:
            file.path.unlink()  # as the newest of its days it would make every rebuild fail
            raise
        _tidy(file.path, unneeded, keep=settings.keep_landed)
        yield days
        return


def _with_strays(
    mixpanel: Client,
    warehouse: OpenWarehouse,
    settings: Settings,
    pace: Pace,
    file: EventFile,
    error: EventsOutsideSpanError,
) -> Iterator[list[LandedDay]]:
    """The days with records whose time is of no day of the file are landed alone, then the others.

    Mixpanel alone knows of which day such records are, and says so for single days only. The file
    goes on without them. Until then no load has used it, and no rebuild would.
    """
    mixpanel.note(f"{error.message}; asking for the days that have them")
    search = StraySearch(mixpanel, file)
    left = set(_landed_file(file).dates())
    keep = False
    try:
        for alone in search.days():
            yield from _loaded(mixpanel, warehouse, settings, pace, alone)
            left.discard(alone.start)
        if left:
            days, unneeded = _load_rest(warehouse, settings, search.rest(), left)
            keep = settings.keep_landed
            _tidy(file.path, unneeded, keep=True)
            yield days
        return
    except UntoldError as reason:
        if reason.of_others:
            pace.most_days = 1
        mixpanel.note(f"{reason}: landing day by day; {error.hint}")
    finally:
        pace.budget_left -= search.requests
        if not keep:
            file.path.unlink()
    yield from _day_by_day(mixpanel, warehouse, settings, pace, file, left)


def _load_rest(
    warehouse: OpenWarehouse, settings: Settings, rest: EventFile, days: set[date]
) -> tuple[list[LandedDay], set[str]]:
    """As `_load`, of these days of the file; UntoldError if the file turns out to be no use."""
    try:
        return _load(warehouse, settings, rest, frozenset(days))
    except (EventsOutsideSpanError, ExportIncompleteError) as error:
        raise UntoldError(error.message, of_others=False) from error


def _load(
    warehouse: OpenWarehouse,
    settings: Settings,
    file: EventFile,
    chosen: frozenset[date] | None = None,
) -> tuple[list[LandedDay], set[str]]:
    """The file's days, or those chosen, are in the warehouse; which files nobody needs any more."""
    try:
        with warehouse() as connection:
            before = load.files_in_use(connection)
            days = load.load_events(connection, _landed_file(file, chosen), settings)
            now = before | {day.day: day.file for day in days}
            unneeded = {*before.values(), *_left_by_kills(file)}
            return days, unneeded.difference(now.values())
    finally:
        file.drop_text()


def _left_by_kills(loaded: EventFile) -> set[str]:
    """Files beside it that no rebuild would take, too old for a process to have yet to load."""
    folder = loaded.path.parent
    wanted = {file.path for file in landed_files(folder)}
    others = (path.name for path in folder.iterdir() if path not in wanted)
    matches = filter(None, map(FILE_NAME.fullmatch, others))
    a_day_ago = loaded.exported_at - timedelta(days=1)
    return {match[0] for match in matches if _moment(match[3]) < a_day_ago}


def _day_by_day(
    mixpanel: Client,
    warehouse: OpenWarehouse,
    settings: Settings,
    pace: Pace,
    file: EventFile,
    days: Collection[date],
) -> Iterator[list[LandedDay]]:
    for day in sorted(days):
        single = export_events(mixpanel, day, day, file.path.parent)
        yield from _loaded(mixpanel, warehouse, settings, pace, single)


def _landed_file(file: EventFile, days: frozenset[date] | None = None) -> LandedFile:
    return LandedFile(
        file.path, file.start, file.end, file.exported_at, file.checksum, days, file.text
    )


def rebuild_events(
    warehouse: OpenWarehouse,
    settings: Settings,
    project_id: str,
    start: date | None = None,
    end: date | None = None,
) -> list[LandedDay]:
    """The events tables hold again what the landed files hold; Mixpanel is not asked.

    Without a range the tables are made anew, columns and all; every day or none is rebuilt.
    Raises ConfigError when no landed file covers any of the days, or without a range not each day
    that the tables hold.
    """
    folder = settings.landed_folder(project_id) / "events"
    anew = start is None and end is None
    _check_found(landed_files(folder, start, end), folder)
    unused: set[str] = set()
    with warehouse() as connection:
        while True:
            # Only now: whoever had the warehouse open before may have landed other files.
            files = landed_files(folder, start, end, unused)
            _check_found(files, folder)
            files = [replace(file, checksum=sha256(file.path)) for file in files]
            covered = {day for file in files for day in file.dates()}
            if anew:
                _check_covered(load.files_in_use(connection), covered)
            try:
                return load.load_files(connection, files, settings, anew=anew)
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


def _check_covered(in_use: Mapping[date, str], covered: set[date]) -> None:
    """ConfigError if a day of the tables is not covered."""
    if lost := sorted(in_use.keys() - covered):
        raise ConfigError(
            f"days with no landed file any more: {len(lost)}, the first {lost[0]}",
            hint="a rebuild would empty those days; the tables are as they were. Rebuild "
            "a range, mp rebuild events --from DAY, or land the days again first: "
            f"mp materialize events --from {lost[0]} --to {lost[-1]}",
        )


def landed_files(
    folder: Path,
    start: date | None = None,
    end: date | None = None,
    unused: Collection[str] = (),
) -> list[LandedFile]:
    """The newest file for each day of the range, each with the days that it stands for."""
    newest: dict[date, LandedFile] = {}
    for path in sorted(folder.glob("*.jsonl.gz")):
        if path.name in unused or not (match := FILE_NAME.fullmatch(path.name)):
            continue
        first, last = date.fromisoformat(match[1]), date.fromisoformat(match[2])
        exported_at = _moment(match[3])
        file = LandedFile(path, first, last, exported_at, "")
        for day in file.dates():
            if (start and day < start) or (end and day > end):
                continue
            if day not in newest or newest[day].exported_at < exported_at:
                newest[day] = file
    days_of: dict[Path, set[date]] = {}
    for day, file in newest.items():
        days_of.setdefault(file.path, set()).add(day)
    chosen = {file.path: file for file in newest.values()}
    return [replace(file, days=frozenset(days_of[path])) for path, file in sorted(chosen.items())]


def ingest_profiles(
    mixpanel: Client,
    warehouse: OpenWarehouse,
    settings: Settings,
    day: date | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Snapshot:
    """The snapshot of the day, by default of today, holds every profile as Mixpanel has it now.

    The warehouse is open for the load only; after any failure it is as it was.
    """
    folder = settings.landed_folder(mixpanel.credentials.project_id) / "profiles"
    day = day or settings.today()  # also if the download ends after midnight
    file = export_profiles(
        mixpanel, ProfileSelection(), folder, subject=f"profiles.{day}", progress=progress
    )
    landed = LandedFile(file.path, day, day, file.exported_at, file.checksum)
    try:
        with warehouse() as connection:
            before = snapshots.files_in_use(connection)
            (snapshot,) = snapshots.load_snapshots(connection, [landed], settings)
            now = before | {day: file.path.name}
            replaced = set(before.values()) - set(now.values())
    except (LoadError, ExportIncompleteError):
        file.path.unlink()
        raise
    _tidy(file.path, replaced, keep=settings.keep_landed)
    return replace(snapshot, requests=file.requests)


def rebuild_profiles(
    warehouse: OpenWarehouse, settings: Settings, project_id: str
) -> list[Snapshot]:
    """The profile tables hold again what the landed snapshots hold; Mixpanel is not asked.

    Raises ConfigError when there is no landed snapshot, or not each that the tables hold: Mixpanel
    could not give the others again. One of a day to come may go: it was taken by a wrong clock.
    """
    folder = settings.landed_folder(project_id) / "profiles"
    if not landed_snapshots(folder):
        raise ConfigError(
            f"{folder} has no files of profiles",
            hint="land them from Mixpanel: mp materialize profiles",
        )
    with warehouse() as connection:
        files = [replace(file, checksum=sha256(file.path)) for file in landed_snapshots(folder)]
        taken = {day for day in snapshots.files_in_use(connection) if day <= settings.today()}
        if lost := sorted(taken - {file.start for file in files}):
            raise ConfigError(
                f"the landed files of {len(lost)} snapshots are gone, the first of {lost[0]}",
                hint="a rebuild would lose them for good; the tables are as they were",
            )
        return snapshots.load_snapshots(connection, files, settings, anew=True)


def landed_snapshots(folder: Path) -> list[LandedFile]:
    """The newest file of each day, in order of the days."""
    newest: dict[date, LandedFile] = {}
    for path in sorted(folder.glob("profiles.*.jsonl.gz")):
        if match := SNAPSHOT_NAME.fullmatch(path.name):
            day = date.fromisoformat(match[1])
            newest[day] = LandedFile(path, day, day, _moment(match[2]), "")
    return [newest[day] for day in sorted(newest)]


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)


def sha256(path: Path) -> str:
    """The checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tidy(loaded: Path, unneeded: set[str], *, keep: bool) -> None:
    """The files that nobody needs are gone, and unfinished downloads that a kill left.

    Another file may be one that another process has yet to load.
    """
    remove_old_parts(loaded.parent)
    if not keep:
        loaded.unlink()
    for name in unneeded:
        (loaded.parent / name).unlink(missing_ok=True)
