"""The events that a question is about: as SQL, and as arrays with people and names encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from typing import Any, Literal

import numpy as np

from mixpanel_assets.expressions import Expression, Step, parse, parse_by
from mixpanel_assets.notes import note
from mixpanel_assets.questions.analytics import DAY_MS, Analysis
from mixpanel_assets.warehouse import spine
from mixpanel_assets.warehouse.analytics.keys import Flags, Ints, Packing
from mixpanel_assets.warehouse.analytics.landed import LandedDays, days_read
from mixpanel_assets.warehouse.ask.filters import condition, numeric, segment_text
from mixpanel_assets.warehouse.ask.kinds import EventColumns
from mixpanel_assets.warehouse.ask.names import LANDED, check_events
from mixpanel_assets.warehouse.people import PEOPLE, has_people, unmerged
from mixpanel_assets.warehouse.spelling import unused
from mixpanel_assets.warehouse.spine import NOBODY, stale_days
from mixpanel_assets.warehouse.sql import Connection, literal, number, quoted
from mixpanel_assets.warehouse.statement import answer, arrays
from mixpanel_assets.warehouse.tables import EVENTS

UNDEFINED = "undefined"  # Mixpanel's segment of events without the property
OTHER = "$other"
OVERALL = "$overall"
Others = Literal["none", "matching", "all"]
# In SQL of a column: the bits of the row's steps. No literal of ours has a NUL.
STEPS = "\0steps\0"
MOST_LEFT_OUT = 0.05  # of the events, without a note
EPOCH_DAY = "(event_date - date '1970-01-01')::bigint"


@dataclass(frozen=True)
class Rows:
    """Rows of events as arrays, with the texts of those that are numbers, in their order."""

    columns: Mapping[str, Any]
    texts: Mapping[str, list[str]]
    packing: Packing | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    @cached_property
    def person(self) -> Ints:
        """Whose each row is."""
        if self.packing is None:
            found: Ints = self["person"].astype(np.int64)
            return found
        return self.packing.unpack(self["key"])[0]

    @cached_property
    def at(self) -> Ints:
        """When each was, in ms on the wall clock."""
        assert self.packing is not None
        return self.packing.unpack(self["key"])[1]

    @property
    def people(self) -> int:
        """How many people there are."""
        return how_many(self.person)

    def only(self, which: Ints | Flags) -> Rows:
        """Some of the rows."""
        return replace(self, columns={name: one[which] for name, one in self.columns.items()})

    def of_people(self, which: Ints | Flags) -> Rows:
        """All rows of the people whom these rows are of."""
        if not len(self):
            return self
        theirs = np.zeros(int(self.person.max()) + 1, bool)
        theirs[self.person[which]] = True
        return self if theirs.all() else self.only(theirs[self.person])


class Source(LandedDays):
    """The events of a question's table, and what is landed of its days.

    They are read from the spine if that has them, as they are now, and all that the question needs.
    """

    def __init__(
        self,
        warehouse: Connection,
        asked: Analysis[Any],
        zone: tzinfo,
        steps: Sequence[Step] = (),
        *,
        reads: bool = False,
        walked: bool = True,
    ) -> None:
        """`reads` says that properties are read besides those of the question.

        People who are not `walked`, but counted, need no numbers.
        """
        super().__init__(warehouse, asked)
        self.zone = zone
        self._columns: dict[tuple[str, ...] | None, EventColumns] = {}
        self._conditions: dict[tuple[str, tuple[str, ...] | None], str] = {}
        check_events(warehouse, self.relation, [one.event for one in steps])
        known = [*self.relation.columns, *(c.column for c in self.relation.properties.values())]
        self._id = quoted(unused("person_id", known))
        is_landed = self.relation.name in LANDED
        # Without the join that gives each event its person; a condition of the user may need it.
        self._wide = EVENTS.table if is_landed and not asked.sql_where else self.relation.wide
        self._merged = is_landed and has_people(warehouse)
        plain = not (reads or reads_properties(asked) or any(one.where for one in steps))
        self.has_ids = is_landed and (walked or plain) and self._spine_is_current()
        self.names = spine.names(warehouse) if self.has_ids and plain else None

    def _spine_is_current(self) -> bool:
        """Whether the spine has what is landed now of the days that the question reads."""
        if not spine.exists(self.warehouse) or spine.has_stale_people(self.warehouse):
            return False
        return not stale_days(self.warehouse, str(self.zone), *days_read(self.asked, self.last))

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
    def table(self) -> str:
        """SQL: what has the rows."""
        if self.names is not None and not self._merged:
            return "internal.spine"
        if self.names is not None:
            merged = "select id, person from internal.spine_ids where person is not null"
            who = "select s.* replace (coalesce(person, id) as id) from internal.spine s"
            return f"({who} left join ({merged}) using (id))"
        if self.has_ids:
            ids = f"select distinct_id, coalesce(person, id) as {self._id} from internal.spine_ids"
            return f"{self._wide} left join ({ids}) using (distinct_id)"
        if self._merged:
            ids = f"select distinct_id, person as {self._id} from {PEOPLE}"
            return f"{self._wide} left join ({ids}) using (distinct_id)"
        return self._wide

    @property
    def person(self) -> str:
        """SQL: who did it, as a number or text; null for nobody."""
        if self.names is not None:
            return "nullif(id, -1)"
        if self.has_ids:
            return self._id
        own = unmerged("distinct_id")
        return f"coalesce({self._id}, {own})" if self._merged else own

    @cached_property
    def _ids(self) -> int:
        """How many people there can be."""
        return number(self.warehouse, "select count(*) from internal.spine_ids")

    @property
    def at(self) -> str:
        """SQL: the time in ms on the wall clock of the project."""
        if self.names is not None:
            return f"({EPOCH_DAY} * {DAY_MS} + ms)"
        if str(self.zone) == "UTC":
            return "epoch_ms(event_time)"
        return f"epoch_ms(timezone({literal(str(self.zone))}, event_time))"

    @property
    def name(self) -> str:
        """SQL: the event's name, or its number in the spine."""
        if self.names is None:
            return "event_name"
        return "event"

    @property
    def somebody(self) -> str:
        """SQL: it is somebody's."""
        return f"not ({NOBODY})" if self.names is None else "id >= 0"

    @property
    def timed(self) -> str:
        """SQL: it is somebody's and has a time on its day, so that it is in a sequence."""
        return f"{self.somebody} and {self._has_time}"

    @property
    def _has_time(self) -> str:
        if self.names is not None:
            return "ms is not null"
        return f"coalesce({self.at} // {DAY_MS} = {EPOCH_DAY}, false)"

    def is_event(self, *events: str) -> str:
        """SQL: it is one of these events."""
        if self.names is None:
            return f"event_name in ({', '.join(map(literal, events))})"
        return f"event in ({', '.join(str(self.names.get(one, -1)) for one in events)})"

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
        people: bool = True,
    ) -> str:
        """SQL of the rows of events in the days; with `steps`, of those that are one of them.

        `steps` is a column then, with a bit for each step that the row is; `columns` can have it,
        too, as STEPS. Other rows that match the question's filters, or all, are there without any
        bit if `others` says so. Without `people` no column can be the person.
        """
        events = list(dict.fromkeys(one.event for one in steps or ()))
        bits = self._bits(steps or (), self.where(events) if others == "all" else "true")
        terms = [
            f"event_date between date '{first or self.first}' and date '{last or self.last}'",
            only.replace(STEPS, bits),
        ]
        if steps is None or others == "matching":
            terms.append(self.where(None))
        elif others == "none":
            terms += [self.is_event(*events), self.where(events)]
            if any(one.where for one in steps):
                terms.append(f"{bits} <> 0")
        shown = [f"{sql.replace(STEPS, bits)} as {name}" for name, sql in columns.items()]
        if steps is not None and "steps" not in columns:
            shown.append(f"{bits} as steps")
        table = self.table if people or self.names is not None else self._wide
        return f"select {', '.join(shown)} from {table} where {' and '.join(terms)}"

    def _bits(self, steps: Sequence[Step], where: str) -> str:
        bits = []
        for n, one in enumerate(steps):
            test = f"{self.is_event(one.event)} and {where}"
            if one.where is not None:
                test += f" and {self.condition(one.where, [one.event])}"
            bits.append(f"(case when {test} then {1 << n} else 0 end)")
        return f"({' | '.join(bits or ['0'])})"

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

    def read(
        self,
        columns: Mapping[str, str],
        steps: Sequence[Step] | None = None,
        *,
        coded: Sequence[str] = (),
        packing: Packing | None = None,
        **which: Any,
    ) -> Rows:
        """The rows as arrays; `coded` columns, and `name`, as numbers in the order of the texts.

        With a packing each row has its person and time, or else as a column `person`, if asked for.
        The order of the rows, and that of people, means nothing.
        """
        shown, texts = dict(columns), {}
        if packing is not None and self.has_ids and self._ids <= packing.most_groups:
            shown["key"] = packing.sql(self.person, self.at)
        elif packing is not None:
            shown |= {"person": self.person, "at": self.at}
        if "name" in shown and self.names is not None:
            texts["name"] = sorted(self.names)
        elif "name" in shown:
            coded = [*coded, "name"]
        joins, replaced, parameters = [], [], []
        for name in coded:
            texts[name] = self._texts(columns[name], steps, **which)
            codes = f"select unnest(?::varchar[]) as {name}, unnest(range(?)) as code"
            joins.append(f"join ({codes}) as {name}_codes on rows.{name} = {name}_codes.{name}")
            replaced.append(f"{name}_codes.code as {name}")
            parameters += [texts[name], len(texts[name])]
        rows, people = self.rows(shown, steps, **which), ""
        if "person" in shown and not self.has_ids:
            people = (
                "person_codes as materialized (select person, row_number() over () - 1 as code "
                "from (select distinct person from rows)), "
            )
            joins.append("join person_codes on rows.person = person_codes.person")
            replaced.append("person_codes.code as person")
        changed = f" replace ({', '.join(replaced)})" if replaced else ""
        found = arrays(
            self.warehouse,
            f"with rows as not materialized ({rows}), {people}"
            f"chosen as not materialized (select rows.*{changed} from rows {' '.join(joins)}) "
            "from chosen",
            parameters,
        )
        if packing is not None and "key" not in found:
            found["key"] = packing.pack(found.pop("person"), found.pop("at"))
        if "name" in shown and self.names is not None:
            found["name"] = self._places()[found["name"]]
        return Rows(found, texts, packing)

    def _places(self) -> Ints:
        """The place of each number of the spine among the names in order; 0 for -1, the last."""
        assert self.names is not None
        places = np.zeros(len(self.names) + 1, np.int64)
        for place, name in enumerate(sorted(self.names)):
            places[self.names[name]] = place
        return places

    def _texts(self, column: str, steps: Sequence[Step] | None, **which: Any) -> list[str]:
        rows = self.rows({"text": column}, steps, **which, people=False)
        query = f"select distinct text from ({rows}) order by 1"
        return [text for (text,) in answer(self.warehouse, query).rows]

    def count_left_out(
        self,
        steps: Sequence[Step] | None,
        first: date | None = None,
        last: date | None = None,
        *,
        timed: bool = True,
    ) -> None:
        """Count events that are nobody's, and those without a time, which no sequence has.

        Their numbers are in the answer's basis; a note says so if there are many. Questions about
        days alone need no time.
        """
        columns = {"somebody": self.somebody, "timed": self._has_time if timed else "true"}
        rows = self.rows(columns, steps, first=first, last=last, people=False)
        query = f"""
            select count(*), count(*) filter (not somebody),
                   count(*) filter (somebody and not timed)
            from ({rows})
            """
        ((events, *left_out),) = answer(self.warehouse, query).rows
        self.without_person, self.without_time = left_out
        for count, what in zip(left_out, ("distinct_id", "time"), strict=True):
            if count > MOST_LEFT_OUT * events:
                note(f"events that have no {what} and are left out: {count:,} of {events:,}")


def packing(first: date, last: date) -> Packing:
    """For the times of the days, on the wall clock."""
    return Packing(day_ms(first), day_ms(last) + DAY_MS - 1)


def how_many(person: Ints) -> int:
    """How many people there are."""
    if not len(person):
        return 0
    seen = np.zeros(int(person.max()) + 1, bool)
    seen[person] = True
    return int(seen.sum())


def reads_properties(asked: Analysis[Any]) -> bool:
    """Whether the question, besides the filters of its steps, is about properties."""
    given = ("where", "sql_where", "by", "hold", "sum", "average")
    return any(getattr(asked, name, None) for name in given)


def day_ms(day: date) -> int:
    """The beginning of the day in ms on the wall clock."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def days_of(at: Ints) -> Ints:
    """The number of the day since 1970."""
    return at // DAY_MS
