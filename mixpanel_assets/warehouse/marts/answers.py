"""The answers to a question about every landed day, as the rows of a table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from mixpanel_assets.questions.analytics import ALL_MS, Analysis
from mixpanel_assets.questions.marts import Mart
from mixpanel_assets.results import Result
from mixpanel_assets.warehouse.analytics.source import OTHER
from mixpanel_assets.warehouse.ask.coverage import unbroken
from mixpanel_assets.warehouse.marts.tables import MartTable
from mixpanel_assets.warehouse.sql import Connection, insert_rows, quoted

Row = dict[str, Any]
Ask = Callable[[Analysis[Any]], Any]
NUMBER = ("BIGINT", "how many people or events")
SHARE = ("DOUBLE", "the share, from 0 to 1")

# What the columns of answers mean, by their names.
COLUMNS = {
    "moment": ("TIMESTAMP", "when its hour or minute begins, on the project's clock"),
    "segment": ("VARCHAR", "the value that it is split by, or the event; $other: the smaller ones"),
    "step": ("BIGINT", "the step: of a funnel from 1, of a path the events after the first"),
    "event": ("VARCHAR", "the event of the step"),
    "count": NUMBER,
    "conversion_rate": ("DOUBLE", "the share of those at the step before who reached this one"),
    "cohort_size": ("BIGINT", "how many people began"),
    "sessions": ("BIGINT", "sessions that began"),
    "people": ("BIGINT", "people who had any"),
    "events": ("BIGINT", "events of these sessions"),
    "mean_events": ("DOUBLE", "events of a session"),
    "mean_seconds": ("DOUBLE", "seconds of a session"),
    "path": ("VARCHAR", "the events, in order"),
    "share": SHARE,
    "value": ("VARCHAR", "the value that is credited"),
    "credit": ("DOUBLE", "how many events, or what sum of them, it is credited with"),
    "dau": ("BIGINT", "people active on the day"),
    "wau": ("BIGINT", "people active in the 7 days up to it"),
    "mau": ("BIGINT", "people active in the 30 days up to it"),
    "stickiness": ("DOUBLE", "dau as a share of mau"),
    "new": ("BIGINT", "people never seen before in landed events"),
    "retained": ("BIGINT", "people active in the unit before, too"),
    "resurrected": ("BIGINT", "people not active in the unit before, but earlier"),
    "dormant": ("BIGINT", "people active in the unit before, and not in this one"),
}
FILLED = ("segmentation", "frequency")  # whose segments have rows, of zeros, on every date
PERIOD = re.compile(r"period_(\d+)")
DATE = ("DATE", "the project's day, or the first of its week or month")
COMPLETE = ("BOOLEAN", "all events that can count are landed, and their days were over")


def mart_table(mart: Mart) -> MartTable:
    """The table of a question's answers."""
    shown = {name: _column(mart, name) for name in _names(mart)}
    columns = {"date": DATE, **shown, "complete": COMPLETE}
    around = (mart.days_before, mart.days_after) if mart.is_daily else (0, 0)
    return MartTable(mart.table, "date", columns, mart.description, mart.definition, *around)


def _names(mart: Mart) -> list[str]:
    """The columns of its answers besides the date."""
    asked: Any = mart.asked
    split = ["segment"] if getattr(asked, "by", None) else []
    clock = ["moment"] if mart.unit in ("hour", "minute") else []
    match asked.method_name():
        case "funnel":
            return [*split, "step", "event", "count", "conversion_rate"]
        case "retention":
            return [*split, "cohort_size", *_periods(0, asked.interval_count)]
        case "frequency":
            return [*split, *_periods(1, _longest(asked))]
        case "segmentation":
            return [*clock, "segment", "count"]
        case "sessions":
            return ["sessions", "people", "events", "mean_events", "mean_seconds"]
        case "active_users":
            return ["dau", "wau", "mau", "stickiness"]
        case "lifecycle":
            return ["new", "retained", "resurrected", "dormant"]
        case "flows":
            return ["step", "path", "count", "share"]
        case _:
            return ["value", "credit", "share"]


def _periods(first: int, last: int) -> list[str]:
    return [f"period_{n}" for n in range(first, last + 1)]


def _longest(asked: Any) -> int:
    days = {"day": 1, "week": 7, "month": 31}[asked.unit]
    return days if asked.addiction_unit == "day" else 24 * days


def _column(mart: Mart, name: str) -> tuple[str, str]:
    if found := PERIOD.fullmatch(name):
        if mart.asked.method_name() == "retention":
            return "DOUBLE", f"the share of them who came back in interval {found[1]}"
        return "BIGINT", f"people active at least so often, or exactly: {found[1]}"
    type_, meaning = COLUMNS[name]
    asked: Any = mart.asked
    if name == "count" and (getattr(asked, "sum", None) or getattr(asked, "average", None)):
        return "DOUBLE", "the sum or the average"
    if name == "count" and getattr(asked, "type", None) == "average":
        return "DOUBLE", "events for each person"
    return type_, meaning


def ask_days(mart: Mart, days: Sequence[date], ask: Ask) -> Iterator[tuple[list[Row], Result]]:
    """The rows of days, and the answers that they are from; as if each had been asked about alone.

    In one question for days on end, unless their answers depend on one another: the largest
    segments of several days need not be those of each.
    """
    for first, last in unbroken(days):
        if mart.is_dated:
            result = ask(mart.over(first, last))
            rows = rows_of(mart, result, first)
            if first == last or not any(row.get("segment") == OTHER for row in rows):
                yield rows, result
                continue
        for day in (first + timedelta(n) for n in range((last - first).days + 1)):
            result = ask(mart.over(day, day))
            yield rows_of(mart, result, day), result


def rows_of(mart: Mart, result: Result, first: date) -> list[Row]:
    """The rows of an answer as the table has them."""
    names, rows = result.to_rows()
    wanted = _names(mart)
    found = []
    for one in rows:
        row = dict(zip(names, one, strict=True))
        label = str(row.pop("date", None) or row.pop("cohort_date", None) or first)
        row = {name: row.get(name) for name in wanted if name != "moment"}
        if "moment" in wanted:
            row["moment"] = label
        if not _is_of_other_days(mart, row):
            found.append({"date": label[:10], **row})
    return found


def _is_of_other_days(mart: Mart, row: Row) -> bool:
    """Whether it is there only because other days of the same answer have its segment."""
    if not getattr(mart.asked, "by", None) or mart.asked.method_name() not in FILLED:
        return False
    return not any(value for name, value in row.items() if name not in ("segment", "moment"))


def insert(
    warehouse: Connection, mart: Mart, rows: Sequence[Row], landed: Mapping[date, bool]
) -> None:
    """Insert the rows; `landed` are the landed days, and whether each was over."""
    whole = {
        text: is_complete(mart, date.fromisoformat(text), landed)
        for text in {row["date"] for row in rows}
    }
    made = [{**row, "complete": whole[row["date"]]} for row in rows]
    insert_rows(warehouse, quoted(mart.table), made)


def is_complete(mart: Mart, first: date, landed: Mapping[date, bool]) -> bool:
    """Whether all days that count for the rows of a date are landed and were over."""
    asked = mart.asked
    if getattr(asked, "on_or_after", False):
        return False  # whoever comes back later counts, too
    last = unit_end(mart.unit, first) + timedelta(mart.days_after)
    begin = first - timedelta(mart.days_before)
    if asked.looks_back_ms >= ALL_MS:
        begin = min(landed)
    return all(landed.get(begin + timedelta(n)) for n in range((last - begin).days + 1))


def unit_end(unit: str, first: date) -> date:
    """The last day of the unit that begins on a day."""
    if unit == "week":
        return first + timedelta(6)
    if unit == "month":
        return (first.replace(day=1) + timedelta(32)).replace(day=1) - timedelta(1)
    return first


def kept(warehouse: Connection, mart: Mart, day: date | None) -> list[Row]:
    """The rows that the table has of a day, or all."""
    names = ["date", *_names(mart)]
    shown = ", ".join(
        f"{quoted(name)}::varchar" if name in ("date", "moment") else quoted(name) for name in names
    )
    where = "where date = ?" if day else ""
    query = f"select {shown} from {quoted(mart.table)} {where} order by rowid"
    found = warehouse.execute(query, [day] if day else []).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def difference(mine: Sequence[Row], theirs: Sequence[Row]) -> str | None:
    """The first row that only one of the two has; None if they have the same."""
    left, right = ({_identity(row): row for row in rows} for rows in (mine, theirs))
    for key in [*left, *right]:
        if key not in left or key not in right or not _alike(left[key], right[key]):
            return f"the table has {left.get(key)}, and mp ask says {right.get(key)}"
    return None


def _identity(row: Row) -> tuple[Any, ...]:
    """The columns that no other row of the table has all of."""
    names = ("date", "moment", "segment", "step", "path", "value")
    return tuple(row.get(name) for name in names)


def _alike(one: Row, other: Row) -> bool:
    return all(
        math.isclose(value, other[name], rel_tol=1e-9, abs_tol=1e-9)
        if isinstance(value, float) and isinstance(other[name], int | float)
        else value == other[name]
        for name, value in one.items()
    )
