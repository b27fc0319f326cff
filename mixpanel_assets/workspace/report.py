"""A page on the project's last weeks, made of answers out of landed events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from mixpanel_assets import charts, outfiles
from mixpanel_assets.charts.page import Section, page
from mixpanel_assets.notes import notes_to
from mixpanel_assets.results import ReportFile
from mixpanel_assets.workspace.asking import Asking
from mixpanel_assets.workspace.local import Local

SUFFIXES = (".html", ".htm")
MOST_EVENTS = 10
MOST_UNUSUAL = 15
WEEK = 7
ENOUGH_DAYS = 14  # of an event, to say what is usual
ENOUGH_EVENTS = 20  # a day
UNUSUAL = 4  # times what days usually differ by
SPREAD = 1.4826  # of a median deviation, to compare with a standard deviation


class Reports(Asking, Local):
    """A page of answers."""

    def report(
        self,
        path: str | Path,
        from_date: date | str,
        to_date: date | str | None = None,
        *,
        steps: Sequence[str] = (),
        replace: bool = False,
    ) -> ReportFile:
        """Write one HTML page on the days: active users, events, a funnel, retention and more.

        `steps` are those of the funnel; by default, the most common path. No request. Raises
        UsageError for a file that can't be written, and OutputError.
        """
        path = Path(path)
        outfiles.check(path, SUFFIXES, replace=replace)
        notes: list[str] = []  # for the reader of the page, not of the terminal
        with notes_to(notes.append):
            about, sections = _page(self, {"from_date": from_date, "to_date": to_date}, steps)
        if notes:
            said = [(one,) for one in dict.fromkeys(notes)]
            sections.append(Section("Notes", columns=("what to know",), rows=said))
        data = page(f"Project {self.project_id or self.db_path}", about, sections).encode()
        with outfiles.placed(path, replace=replace) as part:
            part.write_bytes(data)
        return ReportFile(str(path), len(data))


def _page(ws: Reports, days: dict[str, Any], steps: Sequence[str]) -> tuple[str, list[Section]]:
    active = ws.ask.active_users(**days)
    days = {"from_date": active.from_date, "to_date": active.to_date}
    length = (active.to_date - active.from_date).days + 1
    about = f"{active.from_date} to {active.to_date}, from {active.basis.landed_days:,} landed days"
    sections = [
        _active(active),
        *_events(ws, days),
        *_funnel(ws, days, steps, length),
        _retention(ws, days, length),
        _lifecycle(ws, days, length),
        _sessions(ws, days),
        *_unusual(ws, days),
        _landing(ws),
    ]
    return about, sections


def _active(active: Any) -> Section:
    rows = active.rows
    sentence = "People who did anything on a day, and in the 7 and the 30 days up to it."
    if len(rows) > WEEK and rows[-1 - WEEK].dau:
        change = rows[-1].dau / rows[-1 - WEEK].dau - 1
        sentence = (
            f"{rows[-1].dau:,} people on {rows[-1].date}, {change:+.0%} against the same day of "
            f"the week before. {sentence}"
        )
    return Section("Active users", sentence, active.chart())


def _events(ws: Reports, days: dict[str, Any]) -> Iterator[Section]:
    found = ws.event_breakdown(**days)
    top = found.events[:MOST_EVENTS]
    counts = ws.daily_counts(**days, events=[str(one.event_name) for one in top])
    series: dict[str, dict[str, float]] = {str(one.event_name): {} for one in top}
    for row in counts.counts:
        series[str(row.event)][str(row.date)] = row.count
    rows = [(one.event_name, one.count, one.unique_users) for one in top]
    kinds = f"{len(found.events):,} kinds of events" if len(found.events) > 1 else "one kind"
    yield Section(
        "Events",
        f"{found.total_events:,} events of {kinds}.",
        charts.lines("The most common, by day", "", series),
        ("event", "events", "people"),
        rows,
    )


def _funnel(
    ws: Reports, days: dict[str, Any], steps: Sequence[str], length: int
) -> Iterator[Section]:
    said = "People who did one after the other"
    if not steps:
        steps = _commonest_path(ws, days)
        said = "The most common path through three different events"
    if len(steps) < 2:
        return
    window = f"{min(7, max(1, length // 2))}d"
    found = ws.ask.funnel(list(steps), **days, window=window)
    until = found.basis.complete_until if found.basis else None
    late = "" if until == found.to_date else f" People who began after {until} have less time."
    yield Section("Funnel", f"{said}, within {window} of the first.{late}", found.chart())


def _commonest_path(ws: Reports, days: dict[str, Any]) -> list[str]:
    found = ws.ask.flows(**days, steps=4, collapse=True, limit=200)
    ways: dict[tuple[str, ...], int] = {}
    for row in found.rows:
        way = tuple(dict.fromkeys(row.path))[:3]
        if len(way) == 3 and row.step == 4:
            ways[way] = ways.get(way, 0) + row.count
    return list(max(ways.items(), key=lambda way: way[1])[0]) if ways else []


def _retention(ws: Reports, days: dict[str, Any], length: int) -> Section:
    unit: Any = "week" if length >= 4 * WEEK else "day"
    count = max(1, min(8, length // (WEEK if unit == "week" else 1) - 1))
    found = ws.ask.retention(
        **days, retention_type="compounded", calendar=True, unit=unit, interval_count=count
    )
    sentence = f"Of the people who did anything in a {unit}, those who did in the {unit}s after."
    return Section("Retention", sentence, found.chart())


def _lifecycle(ws: Reports, days: dict[str, Any], length: int) -> Section:
    found = ws.ask.lifecycle(**days, unit="week" if length >= 4 * WEEK else "day")
    return Section("Lifecycle", "New people were not seen on any landed day before.", found.chart())


def _sessions(ws: Reports, days: dict[str, Any]) -> Section:
    found = ws.ask.sessions(**days)
    total = sum(row.sessions for row in found.rows)
    seconds = sum(row.sessions * (row.mean_seconds or 0) for row in found.rows)
    mean = f" They last {seconds / total:,.0f} seconds on average." if total else ""
    return Section("Sessions", f"{total:,} sessions.{mean}", found.chart())


def _unusual(ws: Reports, days: dict[str, Any]) -> Iterator[Section]:
    counts: dict[str, dict[date, int]] = {}
    for row in ws.daily_counts(**days).counts:
        counts.setdefault(str(row.event), {})[row.date] = row.count
    found = sorted(_unusual_days(counts), key=lambda row: -abs(row[2] - row[3]) / (row[3] + 1))
    columns = ("date", "event", "events", "usual")
    sentence = "Days on which an event was far from what is usual on that day of the week."
    if found:
        yield Section("Unusual days", sentence, columns=columns, rows=found[:MOST_UNUSUAL])


def _unusual_days(
    counts: dict[str, dict[date, int]],
) -> Iterator[tuple[str, str, int, int]]:
    every = sorted({day for by_day in counts.values() for day in by_day})
    for event, by_day in counts.items():
        values = {day: by_day.get(day, 0) for day in every}
        if len(values) < ENOUGH_DAYS or median(values.values()) < ENOUGH_EVENTS:
            continue
        usual = {
            day: median(n for other, n in values.items() if other.weekday() == day.weekday())
            for day in values
        }
        spread = SPREAD * median(abs(n - usual[day]) for day, n in values.items())
        for day, n in values.items():
            # Counts of rare things differ by the root of their size anyway.
            if abs(n - usual[day]) > UNUSUAL * max(spread, usual[day] ** 0.5):
                yield str(day), event, n, round(usual[day])


def _landing(ws: Reports) -> Section:
    rows = [
        (
            one["asset"],
            str(one["first_day"]),
            str(one["last_day"]),
            one["days"],
            ", ".join(map(str, one["missing"])) or "none",
            one["rows"],
        )
        for one in ws.status()
    ]
    missing = ", ".join(row[0] for row in rows if row[4] != "none")
    sentence = f"Days of {missing} are missing." if missing else "No day is missing."
    yesterday = str(ws.settings.today() - timedelta(1))
    if stale := ", ".join(row[0] for row in rows if row[2] < yesterday):
        sentence += f" Landed up to an earlier day than yesterday: {stale}."
    columns = ("asset", "first day", "last day", "days", "missing", "rows")
    return Section("Landed data", sentence, columns=columns, rows=rows)
