"""A range of days as files of several days each: few requests, none too large to repeat."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from mixpanel_assets.errors import AnswerTooLargeError, DateRangeError, ExportIncompleteError
from mixpanel_assets.landed import LandedFile
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.export.background import in_background
from mixpanel_assets.mixpanel.export.events import export_events
from mixpanel_assets.mixpanel.export.selection import EVERY_EVENT, EventSelection

# A request is paid for by the piece, and lost as a whole; this many load in one part, too.
EVENTS_PER_REQUEST = 300_000
MOST_EVENTS_PER_REQUEST = 5_000_000  # even if the budget asks for more days at once
MOST_DAYS_PER_REQUEST = 31
DAYS_OF_FIRST_REQUEST = 7
KEPT_FOR_OTHERS = 5  # requests of the hour that a long range leaves


@dataclass
class Pace:
    """How many days to ask for at once, from the number of events of the days before."""

    events_per_day: float | None
    budget_left: int
    most_days: int = MOST_DAYS_PER_REQUEST
    asked: int = 0
    _seen: list[tuple[int, int]] = field(default_factory=list)

    def next_days(self, remaining: int) -> int:
        """Days for the next request, so that the rest fits the budget if it can."""
        if self.events_per_day is None:
            days = DAYS_OF_FIRST_REQUEST
        else:
            weight = max(self.events_per_day, 1.0)
            needed = -(-remaining // max(self.budget_left - KEPT_FOR_OTHERS, 1))
            possible = int(MOST_EVENTS_PER_REQUEST / weight)
            days = max(int(EVENTS_PER_REQUEST / weight), min(needed, possible), 1)
        self.asked = min(days, self.most_days, remaining)
        return self.asked

    def saw(self, file: LandedFile) -> None:
        """Estimate the next days from the newest files."""
        self._seen = [*self._seen[-2:], (file.records, (file.end - file.start).days + 1)]
        self.events_per_day = sum(n for n, _ in self._seen) / sum(n for _, n in self._seen)
        self.budget_left -= 1

    def shrink(self) -> bool:
        """Ask for half as many days from now on; False if it was one day."""
        self.most_days = max(1, self.asked // 2)
        return self.asked > 1


def requests_for(days: int, events_per_day: float | None, budget_left: int) -> int:
    """How many requests a range of days takes, if its days are like those before."""
    pace, count = Pace(events_per_day, budget_left), 0
    while days > 0:
        days -= pace.next_days(days)
        pace.budget_left -= 1
        count += 1
    return count


def check_range(start: date, end: date) -> None:
    """DateRangeError if the range ends before it starts."""
    if start > end:
        raise DateRangeError(
            f"{start} to {end} is not a range", hint="--from must not be after --to"
        )


def export_spans(
    mixpanel: Client,
    pace: Pace,
    folder: Path,
    start: date,
    end: date,
    selection: EventSelection = EVERY_EVENT,
    *,
    longest_text: int = 0,
) -> Iterator[LandedFile]:
    """The days in order, in as few files as sense and budget allow, one ahead of its use."""

    def begin(day: date) -> Future[LandedFile] | None:
        if day > end:
            return None
        last = day + timedelta(pace.next_days((end - day).days + 1) - 1)
        export = partial(export_events, mixpanel, day, last, folder, selection)
        return in_background(partial(export, longest_text=longest_text))

    day, ahead = start, begin(start)
    try:
        while ahead:
            try:
                file = ahead.result()
            except (ExportIncompleteError, AnswerTooLargeError) as error:
                if not pace.shrink():
                    raise
                mixpanel.note(f"{error.message}; asking for fewer days at once")
                ahead = begin(day)
                continue
            pace.saw(file)
            day = file.end + timedelta(1)
            ahead = begin(day)
            yield file
    finally:
        if ahead:
            if not ahead.done():
                mixpanel.close()  # what is being downloaded is not needed
            ahead.add_done_callback(_drop_text)


def _drop_text(ahead: Future[LandedFile]) -> None:
    if not ahead.exception():
        ahead.result().drop_text()
