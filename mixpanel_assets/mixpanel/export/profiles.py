"""All profiles that match a selection, as one file that is verified against Mixpanel's count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import as_completed
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path

from isal import isal_zlib

from mixpanel_assets.errors import AnswerTooLargeError, ExportIncompleteError, QueryError
from mixpanel_assets.gzipped import GZIP
from mixpanel_assets.landed import FileWriter, LandedFile, landing, profiles_name
from mixpanel_assets.mixpanel.client import Client, Kind, Question
from mixpanel_assets.mixpanel.export.background import in_background
from mixpanel_assets.mixpanel.export.pages import Page, page_of
from mixpanel_assets.mixpanel.export.selection import ProfileSelection
from mixpanel_assets.settings import make_private_folder

PAGE_SIZE = 5000
PAGES_AT_ONCE = 4  # of the five queries that a project may have
SESSIONS = 2  # each costs a query of the hour
SMALL_PAGES = 10  # of these hold what one page of large profiles would
MOST_IN_VAIN = 20  # pages one after the other without a new profile
MOST_BEYOND = 100  # pages after those that Mixpanel's own count makes
HINT = "profiles changed while they were read, or Mixpanel ended early; run the same command again"

Progress = Callable[[int, int], None]


def export_profiles(
    mixpanel: Client,
    selection: ProfileSelection,
    folder: Path,
    day: date,
    *,
    page_size: int = PAGE_SIZE,
    progress: Progress = lambda done, total: None,
) -> LandedFile:
    """One verified file of the selection, each profile once, as the snapshot of a day.

    A line is the profile as Mixpanel sent it: {"$distinct_id": ..., "$properties": {...}}. It costs
    one query of the hour, or one for each 2000 distinct ids. Pages that fail are asked for again;
    if some profiles are missing in the end, everything is downloaded a second time, and `progress`
    starts again; then ExportIncompleteError. After pages that are too large, the second time is in
    pages of a tenth; then AnswerTooLargeError. Only a verified file ever has its name.

    https://developer.mixpanel.com/reference/engage-query
    """
    make_private_folder(folder)
    for session in range(1, SESSIONS + 1):
        exported_at = mixpanel.now()
        try:
            with landing(folder / profiles_name(day, exported_at)) as file:
                found = _Found(file, progress)
                for fields in selection.queries():
                    _download(mixpanel, {**fields, "page_size": str(page_size)}, found)
                found.finish()
        except (ExportIncompleteError, AnswerTooLargeError) as error:
            if session == SESSIONS:
                raise
            how = "from the first page"
            if isinstance(error, AnswerTooLargeError):
                page_size = max(1, page_size // SMALL_PAGES)
                how = f"in pages of {page_size:,}"
            mixpanel.note(f"{error.message}; retrying {how}")
        else:
            return LandedFile(file.path, day, day, exported_at, file.checksum, found.count)
    raise AssertionError("unreachable")


class _Found:
    """The profiles that came: each is in the file once, whichever pages it was on."""

    def __init__(self, file: FileWriter, progress: Progress) -> None:
        self.total = 0
        self._file = file
        self._progress = progress
        self._deflate = isal_zlib.compressobj(1, wbits=GZIP)
        self._seen: set[bytes] = set()

    @property
    def count(self) -> int:
        return len(self._seen)

    @property
    def missing(self) -> int:
        return max(0, self.total - self.count)

    def add(self, page: Page) -> int:
        """Write the page's profiles to the file; how many of them were new."""
        before = self.count
        lines = []
        for key, line in page.profiles:
            if key not in self._seen:
                self._seen.add(key)
                lines.append(line)
        self._file.write(self._deflate.compress(b"".join(line + b"\n" for line in lines)))
        self._progress(self.count, self.total)
        return self.count - before

    def finish(self) -> None:
        self._file.write(self._deflate.flush())


def _download(mixpanel: Client, fields: dict[str, str], found: _Found) -> None:
    """Download all profiles of one query; ExportIncompleteError says how many are missing."""
    first = mixpanel.answer_to(_question(fields, 0, "query"), page_of)
    if first.total is None:
        raise _incomplete(found, "the first page does not say how many there are")
    found.total += first.total
    found.add(first)
    if first.session_id is not None:
        session = _Session(mixpanel, fields, found, first)
        session.fetch(range(1, session.planned))
        session.fetch_rest()
        if found.missing:
            session.fetch(session.short)
    if found.missing:
        raise _incomplete(found, "pages were short, or profiles moved between pages")


class _Session:
    """The result of one query, of which Mixpanel hands out pages for a while, free of charge."""

    def __init__(
        self, mixpanel: Client, fields: Mapping[str, str], found: _Found, first: Page
    ) -> None:
        self._mixpanel = mixpanel
        self._found = found
        self._size = max(1, first.page_size or int(fields["page_size"]))
        self._total = first.total or 0
        self._fields = {
            **fields,
            "page_size": str(self._size),
            "session_id": first.session_id or "",
        }
        self._lengths = {0: len(first.profiles)}

    @property
    def planned(self) -> int:
        """How many pages the total makes, the first included."""
        return max(1, -(-self._total // self._size))

    @property
    def short(self) -> list[int]:
        """The pages that had fewer profiles than the total makes of them."""
        return [
            number
            for number in range(self.planned)
            if self._lengths[number] < min(self._size, self._total - number * self._size)
        ]

    def fetch(self, numbers: Iterable[int]) -> None:
        """Download these pages, in any order."""
        in_vain = 0
        try:
            for number, page in _arriving(self._ask, numbers):
                self._lengths[number] = len(page.profiles)
                in_vain = 0 if self._found.add(page) else in_vain + 1
                if in_vain == MOST_IN_VAIN and self._found.missing:
                    raise _incomplete(self._found, f"{in_vain} pages had nothing new")
        except QueryError as error:  # the first page was no problem: its session is over
            raise _incomplete(self._found, f"the session ended: {error.message}") from error

    def fetch_rest(self) -> None:
        """Download what comes after the planned pages, up to the first page with nothing new."""
        end = self.planned + MOST_BEYOND
        try:
            for number in range(self.planned, end):
                if not self._found.add(self._ask(number)):
                    return
            raise _incomplete(self._found, f"pages go on after the {end:,}th")
        except QueryError as error:
            if self._found.missing:
                raise _incomplete(self._found, f"the session ended: {error.message}") from error

    def _ask(self, number: int) -> Page:
        return self._mixpanel.answer_to(_question(self._fields, number, None), page_of)


def _question(fields: Mapping[str, str], number: int, kind: Kind | None) -> Question:
    return Question("POST", "/api/query/engage", form={**fields, "page": str(number)}, kind=kind)


def _arriving(ask: Callable[[int], Page], numbers: Iterable[int]) -> Iterator[tuple[int, Page]]:
    """The pages as they come, a few asked for at a time; the first failure is raised."""
    waiting = ((number, in_background(partial(ask, number))) for number in numbers)
    running = {future: number for number, future in islice(waiting, PAGES_AT_ONCE)}
    while running:
        done = next(as_completed(running))
        number, page = running.pop(done), done.result()
        running |= {future: following for following, future in islice(waiting, 1)}
        yield number, page


def _incomplete(found: _Found, reason: str) -> ExportIncompleteError:
    return ExportIncompleteError(
        f"the profiles are incomplete: {found.count:,} of {found.total:,} arrived: {reason}",
        hint=HINT,
        reason=reason,
        profiles_seen=found.count,
        total=found.total,
    )
