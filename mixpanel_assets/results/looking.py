"""What a first look at landed data shows: an overview in a page, and names that were looked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any

from mixpanel_assets.results.base import Result, Table
from mixpanel_assets.shown import one_line, visible

MOST_LINES = 60
MOST_BYTES = 4096
MOST_WEIGHT = 850  # tokens, as `weight` counts them; other tokenizers make a third more
OF_NAME = (48, 20)  # characters and tokens, at most, of a name in the text
OF_EXAMPLE = (20, 12)
FEW_SHOWN = 3  # properties: rather without examples than fewer
A_WHILE = timedelta(2)
LONG = 200  # characters that are looked at

PLAIN = re.compile(r"[\w$][\w$./:#%+-]*( [\w$./:#%+-]+)*")
_PIECES = re.compile(r"[A-Za-z]+|[0-9]+|[^\x00-\x7f]| {2,}|\n|[\x00-\x7f]")


class Carries(Result):
    """A property: the type of its column, how many events have it, one of its values as JSON."""

    property: str
    type: str
    events: int
    example: str | None


class EventSeen(Result):
    """An event, and the properties that it has besides those that nearly all have."""

    event: str
    events: int
    first_day: date
    last_day: date
    by_event: str | None  # its view
    properties: list[Carries]  # the most frequent
    more_properties: int = 0


class TableSeen(Result):
    """Another table; rows is None if only a scan would tell."""

    name: str
    rows: int | None


class Overview(Result):
    """What is landed, and how to ask it; `text` fits into 60 lines, 4 KB and 1,000 tokens."""

    from_date: date | None  # of landed events; None: none are
    to_date: date | None
    days: int
    missing: list[date | str]  # days between them that are not landed
    partial: list[date]  # days that were not over when they were landed
    total_events: int
    profiles: int | None  # in the newest snapshot; None: none is landed
    snapshot_date: date | None
    tables: list[TableSeen]
    properties: list[Carries]  # that nearly all events have
    events: list[EventSeen]  # the most frequent
    more_events: int
    ask: list[str]
    odd: list[str]
    project_id: str | None = None
    timezone: str = "UTC"

    @property
    def text(self) -> str:
        """All of it as lines of plain text."""
        return "\n".join(_Page(self).lines()) + "\n"

    def to_rows(self) -> Table:
        """The events, with the names of their properties."""
        names = ["event", "events", "first_day", "last_day", "properties"]
        rows: list[tuple[Any, ...]] = [
            (
                e.event,
                e.events,
                e.first_day,
                e.last_day,
                ", ".join(p.property for p in e.properties),
            )
            for e in self.events
        ]
        return names, rows


class Found(Result):
    """An event, property or table, or what the Lexicon says of one, that was looked for."""

    kind: str  # event, property, table or lexicon
    name: str
    event: (
        str | None
    )  # of a property the event that most often has it; None: a table's, named in `type`
    type: str | None
    events: int | None  # how many there are, or have it
    example: str | None  # a value as JSON; of the Lexicon what it says


class Issue(Result):
    """Something to know about an event or property, with its evidence, and SQL that shows it."""

    event: str | None
    property: str | None
    issue: str  # renamed, types, spelling, mark, ends, begins, currency, time, id or shape
    detail: str
    since: date | None
    sql: str


class Anomaly(Result):
    """Hours in which an event fell or rose out of its weekly rhythm; both times are UTC."""

    event: str | None  # None: all events together
    from_time: datetime
    to_time: datetime  # when it was over
    expected: int
    actual: int
    segment: str | None  # the property and its value, if only these events did
    sql: str

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, the times as `from` and `to`."""
        names = {"from_time": "from", "to_time": "to"}
        return {names.get(name, name): value for name, value in super().to_dict().items()}


class _Page:
    """The overview as lines, each cut to its share of the page."""

    def __init__(self, overview: Overview) -> None:
        self.of = overview

    def lines(self) -> list[str]:
        of = self.of
        head = [*fitted([self._head()], 130), *self._partial()]
        common = self._listed("On nearly all events: ", of.properties, 0, 170)
        asks = fitted(["Ask:", *(f"  {line}" for line in of.ask)], 330)
        odd = fitted(
            ["Odd (all: mp inspect quality):", *(f"  {line}" for line in of.odd)] if of.odd else [],
            170,
        )
        more = []
        if of.more_events:
            more = [f"  ... {of.more_events:,} more: mp inspect find WORD"]
        rest = [*head, *common, *more, *asks, *odd]
        events = self._events(
            MOST_WEIGHT - sum(map(weight, rest)),
            MOST_BYTES - sum(map(size, rest)),
            MOST_LINES - len(rest) - 1,
        )
        return [*head, *common, *events, *more, *asks, *odd]

    def _head(self) -> str:
        of = self.of
        parts = [f"Project {shown(of.project_id or 'unknown')} ({of.timezone})"]
        if of.from_date and of.to_date:
            missing = f", missing: {listed(map(str, of.missing), 6)}" if of.missing else ""
            parts.append(
                f"events landed {of.from_date}..{of.to_date} "
                f"({of.days:,} day{'s' * (of.days != 1)}{missing})"
            )
            names = self._names()
            parts.append(f"{of.total_events:,} events of {names:,} name{'s' * (names != 1)}")
        else:
            parts.append("no events are landed")
        if of.profiles is not None:
            parts.append(f"profiles {of.profiles:,} (snapshot {of.snapshot_date})")
        tables = [f"{shown(t.name)}{f' ({t.rows:,})' * (t.rows is not None)}" for t in of.tables]
        if tables:
            parts.append(f"tables: {listed(tables, 12)}")
        return " · ".join(parts)

    def _names(self) -> int:
        return len(self.of.events) + self.of.more_events

    def _partial(self) -> list[str]:
        of = self.of
        return [f"Not over when landed: {listed(map(str, of.partial), 4)}"] if of.partial else []

    def _events(self, heavy: int, large: int, lines: int) -> list[str]:
        events = self.of.events[:lines]
        if not events:
            return []
        every = self._names()
        head = "Events, most frequent first:"
        if every > len(events):
            head = f"Events ({len(events)} of {every:,}, most frequent first):"
        found, left = [head], len(events)
        heavy, large = heavy - weight(head), large - size(head)
        for one in events:
            start = f"  {shown(one.event)} {one.events:,}{self._span(one)}"
            parts = self._listed(
                f"{start} · ", one.properties, one.more_properties, heavy // left, large // left
            ) or [start]
            found += parts
            heavy, large, left = heavy - weight(parts[0]), large - size(parts[0]), left - 1
        return found

    def _span(self, one: EventSeen) -> str:
        """The days of an event that is gone, or new."""
        first, last = self.of.from_date, self.of.to_date
        if last and last - one.last_day > A_WHILE:
            return f" until {one.last_day}"
        return f" since {one.first_day}" if first and one.first_day - first > A_WHILE else ""

    @staticmethod
    def _listed(
        start: str, properties: Sequence[Carries], more: int, heavy: int, large: int = 1200
    ) -> list[str]:
        """The properties on a line, as many as fit; no line without any."""
        if not properties:
            return []
        line = ""
        for words in (
            [carried(one) for one in properties],
            [f"{shown(one.property)} {one.type}" for one in properties],
        ):
            for kept in range(len(words), -1, -1):
                rest = more + len(words) - kept
                ends = [f"+{rest:,} more"] if rest else []
                line = start + ", ".join([*words[:kept], *ends])
                if weight(line) <= heavy and size(line) <= large:
                    break
            if kept >= min(FEW_SHOWN, len(words)):
                break
        return [line]


def carried(one: Carries) -> str:
    """A property in the text: name, type and an example."""
    example = "" if one.example is None else f" {cut(one_line(one.example), *OF_EXAMPLE)}"
    return f"{shown(one.property)} {one.type}{example}"


def shown(name: str) -> str:
    """A name in the text: in quotes unless it is plain words, on one line, and cut."""
    text = name if PLAIN.fullmatch(name) else f'"{visible(name[:LONG])}"'
    short = cut(text, *OF_NAME)
    return short if short == text else f"{short} ({len(name):,} characters)"


def cut(text: str, most: int, heavy: int) -> str:
    """The text, cut to so many characters, and to so many tokens."""
    kept = text[:most]
    while kept and weight(kept) > heavy:
        kept = kept[: len(kept) * 4 // 5]
    return text if kept == text else f"{kept}.."


def listed(words: Iterable[str], most: int) -> str:
    """The words, at most so many, and how many more there are."""
    every = list(words)
    rest = [f"{len(every) - most:,} more"] if len(every) > most else []
    return ", ".join([*every[:most], *rest])


def fitted(lines: Sequence[str], heavy: int) -> list[str]:
    """The lines, the heaviest cut until all of them weigh no more than this."""
    kept = list(lines)
    while kept and sum(map(weight, kept)) > heavy:
        at = max(range(len(kept)), key=lambda n: weight(kept[n]))
        kept[at] = f"{kept[at][: int(len(kept[at]) * 0.9) - 4]} ..."
    return kept


def size(line: str) -> int:
    """The bytes of a line, with its end."""
    return len(line.encode("utf-8", "replace")) + 1


def weight(line: str) -> int:
    """About how many tokens the line is to a language model, rather more than fewer."""
    return sum(map(_weight, _PIECES.findall(line))) + 1


def _weight(piece: str) -> int:
    if piece == " ":
        return 0
    if piece[0].isascii():
        if piece[0].isdigit():
            return ceil(len(piece) / 3)
        return ceil(len(piece) / 6) if len(piece) <= 12 else ceil(len(piece) / 2)
    return max(1, len(piece.encode("utf-8", "replace")) - 1)
