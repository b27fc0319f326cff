"""The events that a question is about: as SQL, and as arrays with people and names encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property
from time import monotonic
from typing import Any, Literal

import numpy as np

from mixpanel_assets.expressions import Expression, Step, parse, parse_by
from mixpanel_assets.notes import note
from mixpanel_assets.questions.analytics import DAY_MS, Analysis
from mixpanel_assets.results import Basis
from mixpanel_assets.warehouse.analytics.keys import Ints, Packing
from mixpanel_assets.warehouse.ask.coverage import as_ranges, as_text, landed_rows
from mixpanel_assets.warehouse.ask.filters import condition, numeric, segment_text
from mixpanel_assets.warehouse.ask.kinds import EventColumns
from mixpanel_assets.warehouse.ask.names import LANDED, check_events, find_events
from mixpanel_assets.warehouse.connection import sql_error
from mixpanel_assets.warehouse.sql import Connection, literal, number
from mixpanel_assets.warehouse.statement import answer

UNDEFINED = "undefined"  # Mixpanel's segment of events without the property
OTHER = "$other"
OVERALL = "$overall"  # all segments together, each person once
Others = Literal["none", "matching", "all"]
NOBODY = "coalesce(distinct_id, '') = ''"
TIMED = f"not ({NOBODY}) and event_time is not null"  # what is in a sequence


@dataclass(frozen=True)
class Rows:
    """Rows of events as arrays, with the texts of those that are encoded, in their order."""

    columns: Mapping[str, Any]
    texts: Mapping[str, list[str]]
    people: int

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]


class Source:
    """The events of a question's table, and what is landed of its days."""

    def __init__(self, warehouse: Connection, asked: Analysis[Any], zone: tzinfo) -> None:
        self.warehouse, self.asked, self.zone = warehouse, asked, zone
        self.started = monotonic()
        self.relation = find_events(warehouse, asked.table)
        first, last = asked.days
        assert first
        self.first = first
        # What is not landed yet is not asked about unless it is named.
        self.last = last or max([first, *self.landed])
        self._columns: dict[tuple[str, ...] | None, EventColumns] = {}
        self._conditions: dict[tuple[str, tuple[str, ...] | None], str] = {}

    @property
    def read_until(self) -> date:
        """The last day whose events can count."""
        return self.last + timedelta(days=-(-self.asked.reads_ms // DAY_MS))

    def columns_of(self, events: Sequence[str] | None) -> EventColumns:
        """The properties of these events, or of all."""
        key = None if events is None else tuple(dict.fromkeys(events))
        if key not in self._columns:
            self._columns[key] = EventColumns(
                self.warehouse, self.relation, events=key, zone=self.zone
            )
        return self._columns[key]

    def condition(self, expression: Expression, events: Sequence[str] | None) -> str:
        """SQL of a filter, for rows of these events; its notes are told once."""
        key = (str(expression), None if events is None else tuple(dict.fromkeys(events)))
        if key not in self._conditions:
            self._conditions[key] = condition(expression, self.columns_of(events))
        return self._conditions[key]

    @property
    def at(self) -> str:
        """SQL: the time in ms on the wall clock of the project."""
        if self.zone is UTC or str(self.zone) == "UTC":
            return "epoch_ms(event_time)"
        return f"epoch_ms(timezone({literal(str(self.zone))}, event_time))"

    @property
    def person(self) -> str:
        """SQL: who did it, in a row of `rows`; null for nobody."""
        return "nullif(distinct_id, '')"

    def where(self, events: Sequence[str] | None) -> str:
        """SQL of the question's own filters, for rows of these events."""
        terms = []
        if self.asked.where:
            terms.append(self.condition(parse(self.asked.where, "where"), events))
        if self.asked.sql_where:
            terms.append(f"(\n{self.asked.sql_where}\n)")  # it may end with a comment
        return " and ".join(["true", *terms])

    def rows(
        self,
        columns: Mapping[str, str],
        steps: Sequence[Step] | None = None,
        *,
        first: date | None = None,
        last: date | None = None,
        only: str = "true",
        others: Others = "none",
    ) -> str:
        """SQL of the rows of events in the days; with `steps`, of those that are one of them.

        `steps` is a column then, with a bit for each step that the row is. Other rows that match
        the question's filters, or all, are there without any bit if `others` says so.
        """
        days = f"event_date between date '{first or self.first}' and date '{last or self.last}'"
        shown = [f"{sql} as {name}" for name, sql in columns.items()]
        terms, wide = [days, only], self.relation.wide
        if steps is None:
            terms.append(self.where(None))
            return f"select {', '.join(shown)} from {wide} where {' and '.join(terms)}"
        events = list(dict.fromkeys(one.event for one in steps))
        where = "true"
        if others == "none":
            terms += [f"event_name in ({', '.join(map(literal, events))})", self.where(events)]
        elif others == "matching":
            terms.append(self.where(None))
        else:
            where = self.where(events)
        bits = f"select *, {self._bits(steps, where)} as steps from {wide}"
        kept = "steps <> 0" if others == "none" else "true"
        inner = f"({bits} where {' and '.join(terms)}) where {kept}"
        return f"select {', '.join((*shown, 'steps'))} from {inner}"

    def _bits(self, steps: Sequence[Step], where: str) -> str:
        bits = []
        for n, one in enumerate(steps):
            test = f"event_name = {literal(one.event)} and {where}"
            if one.where is not None:
                test += f" and {self.condition(one.where, [one.event])}"
            bits.append(f"(case when {test} then {1 << n} else 0 end)")
        return " | ".join(bits)

    def segment(self, by: str | None, events: Sequence[str] | None) -> str:
        """SQL: the text that Mixpanel names the row's segment by."""
        if by is None:
            return "''"
        return segment_text(parse_by(by), self.columns_of(events), UNDEFINED)

    def touch(self, by: str) -> str:
        """SQL: the same of any event; empty for one without the property."""
        return segment_text(parse_by(by), self.columns_of(None), "")

    def value(self, expression: str, name: str, events: Sequence[str]) -> str:
        """SQL: the number of a numeric property or expression; null for another."""
        return numeric(parse_by(expression, name), self.columns_of(events))

    def check(self, steps: Sequence[Step]) -> None:
        """EventNotFoundError for an event that nothing landed has."""
        check_events(self.warehouse, self.relation, [one.event for one in steps])

    def fetch(self, query: str) -> dict[str, Any]:
        """The columns of a query as arrays; SQLError."""
        import duckdb

        try:
            found = self.warehouse.execute(query).fetchnumpy()
        except duckdb.Error as error:
            raise sql_error(error) from error
        return {name: np.ma.getdata(values) for name, values in found.items()}

    def read(self, rows: str, coded: Sequence[str] = ("person",)) -> Rows:
        """The rows as arrays, with texts encoded in the order of the texts."""
        parts, joins, shown = [f"rows as not materialized ({rows})"], [], []
        for name in coded:
            # The order of people means nothing.
            order = "" if name == "person" else f"order by {name}"
            parts.append(
                f"{name}_codes as materialized (select {name}, "
                f"(row_number() over ({order}) - 1)::bigint as code "
                f"from (select distinct {name} from rows))"
            )
            joins.append(f"join {name}_codes on rows.{name} = {name}_codes.{name}")
            shown.append(f"{name}_codes.code as {name}")
        replaced = f" replace ({', '.join(shown)})" if shown else ""
        found = self.fetch(
            f"with {', '.join(parts)} select rows.*{replaced} from rows {' '.join(joins)}"
        )
        texts = {
            name: [
                one
                for (one,) in answer(
                    self.warehouse,
                    f"with rows as not materialized ({rows}) "
                    f"select distinct {name} from rows order by 1",
                ).rows
            ]
            for name in coded
            if name != "person"
        }
        people = int(found["person"].max()) + 1 if len(found.get("person", ())) else 0
        return Rows(found, texts, people)

    @cached_property
    def landed(self) -> dict[date, bool]:
        """The landed days of the table, and whether each is whole."""
        dataset = "events" if self.relation.name in LANDED else self.relation.name
        found = [row for row in landed_rows(self.warehouse) if row["dataset"] == dataset]
        return {row["day"]: not row["partial"] for row in found}

    def whole_until(self, first: date, last: date) -> date | None:
        """The last day up to which all are landed and were over, from the first on."""
        day = first
        while day <= last and self.landed.get(day):
            day += timedelta(1)
        return day - timedelta(1) if day > first else None

    def basis(self, *, events: int, people: int | None = None, first: date | None = None) -> Basis:
        """What the answer is based on; with notes on days that are missing."""
        first = first or self.first
        until = self.complete_until()
        days = [first + timedelta(n) for n in range((self.read_until - first).days + 1)]
        asked = [day for day in days if day <= self.last]
        missing = [day for day in asked if not self.landed.get(day)]
        if self.relation.name in LANDED or self.landed:
            self._tell(missing, until)
        return Basis(
            complete_until=until,
            landed_days=sum(day in self.landed for day in days),
            missing_days=as_ranges(missing),
            people=people,
            events=events,
            seconds=round(monotonic() - self.started, 3),
        )

    def complete_until(self) -> date | None:
        """The last day of the question for which all that can count is landed."""
        whole = self.whole_until(self.first, self.read_until)
        if whole is None:
            return None
        if whole >= self.read_until:
            return self.last
        found = whole - timedelta(days=-(-self.asked.reads_ms // DAY_MS))
        return min(found, self.last) if found >= self.first else None

    def _tell(self, missing: Sequence[date], until: date | None) -> None:
        if missing:
            note(f"not landed, or not over when they were: {as_text(missing)}")
        reads = self.asked.reads_ms
        gone = [day for day in missing if day <= self.last]
        if reads and until != self.last and len(gone) < (self.last - self.first).days + 1:
            since = f"after {until}" if until else f"from {self.first} on"
            note(
                f"people who begin {since} have less time than the question gives them: what "
                f"follows is landed until {self._last_landed()}"
            )

    def _last_landed(self) -> str:
        whole = [day for day, over in self.landed.items() if over and day <= self.read_until]
        return str(max(whole)) if whole else "never"

    def tell_left_out(
        self, steps: Sequence[Step] | None, first: date | None = None, last: date | None = None
    ) -> None:
        """Note how many events nobody's are, and how many have no time: no sequence has them."""
        for which, what in (
            (NOBODY, "have no distinct_id and count for nobody"),
            (f"event_time is null and not ({NOBODY})", "have no time and are left out"),
        ):
            rows = self.rows({"one": "1"}, steps, first=first, last=last, only=f"({which})")
            if count := number(self.warehouse, f"select count(*) from ({rows})"):
                note(f"events that {what}: {count:,}")


def packing(first: date, last: date) -> Packing:
    """For the times of the days, on the wall clock."""
    return Packing(day_ms(first), day_ms(last) + DAY_MS - 1)


def day_ms(day: date) -> int:
    """The beginning of the day in ms on the wall clock."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def days_of(at: Ints) -> Ints:
    """The number of the day since 1970."""
    return at // DAY_MS
