"""Charts of upright bars over time: how many of something, or parts of something."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from mixpanel_assets.charts.drawing import SERIES, Chart, Drawing, rounded
from mixpanel_assets.charts.scale import (
    SHADED,
    Plot,
    days_on_end,
    is_number,
    label_days,
    label_times,
    number,
    period,
    plot,
    sketched,
    span,
    weekends,
    width_for,
)
from mixpanel_assets.charts.sketch import Line

MOST_LISTED = 5

Parts = Sequence[Sequence[float]]  # of each series, a value for each slot


def days(
    title: str, counts: Mapping[date, int], *, partial: Collection[date] = (), unit: str = "events"
) -> Chart:
    """A bar a day, with the rhythm of weeks; days on which counting was not over are hatched.

    Days that are missing between the first and the last are marked.
    """
    if not counts:
        return Drawing(title, "No days.").done()
    drawn = span(counts)
    whole = [count for day, count in counts.items() if day not in partial]
    average = f", on average {number(round(sum(whole) / len(whole)))} a whole day" if whole else ""
    total = f"{number(sum(counts.values()))} {unit}"
    drawing = Drawing(title, f"{drawn[0]} to {drawn[-1]}: {total}{average}")
    area = plot(drawing, len(drawn), counts.values(), shaded=weekends(drawn))
    for hatched in (False, True):
        shown = (
            area.bar(slot, counts.get(day, 0))
            for slot, day in enumerate(drawn)
            if (day in partial) == hatched
        )
        drawing.fill("".join(shown), 0, hatched=hatched)
    over = _listed("Hatched: not over when it was landed", sorted(partial))
    counted = {unit: [counts.get(day) for day in drawn]}
    drawing.rows += sketched(list(map(str, drawn)), counted, apart=True)
    _finish(drawing, area, drawn, counts, "not landed", over)
    return drawing.done()


def shares(title: str, about: str, parts: Mapping[str, Mapping[date, float]]) -> Chart:
    """Per day a bar of parts on top of each other, in percent of something that is not drawn."""
    known = {day for values in parts.values() for day in values}
    if not known:
        return Drawing(title, about, "No days.").done()
    drawn = span(known)
    drawing = Drawing(title, about)
    values = {name: [one.get(day, 0) for day in drawn] for name, one in parts.items()}
    area = _stack(drawing, values, weekends(drawn), unit="%")
    drawing.rows += sketched(list(map(str, drawn)), values, "%")
    _finish(drawing, area, drawn, known, "nothing to count")
    return drawing.done()


def stacked(title: str, about: str, parts: Mapping[str, Mapping[str, Any]]) -> Chart:
    """For each time a bar of parts on top of each other; negative values hang below 0.

    Times are ISO text or any other. Of many parts, the smaller ones are added up.
    """
    times = sorted({time for values in parts.values() for time in values})
    if not times:
        return Drawing(title, *filter(None, [about, "No values."])).done()
    about = ", ".join(filter(None, [about, period(times)]))
    drawing = Drawing(title, about, width=width_for(times))
    values = {
        name: [value if is_number(value := one.get(time)) else 0.0 for time in times]
        for name, one in parts.items()
    }
    few = _few(values)
    area = _stack(drawing, few, weekends(days_on_end(times)))
    drawing.rows += sketched(times, few)
    label_times(drawing, area, times)
    return drawing.done()


def _few(parts: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """As many parts as there are colors: the largest, and the others added up."""
    if len(parts) <= len(SERIES):
        return dict(parts)
    ranked = sorted(parts, key=lambda name: -sum(map(abs, parts[name])))
    kept, others = ranked[: len(SERIES) - 1], ranked[len(SERIES) - 1 :]
    added = [sum(values) for values in zip(*(parts[name] for name in others), strict=True)]
    return {name: parts[name] for name in parts if name in kept} | {
        f"{number(len(others))} others": added
    }


def _stack(
    drawing: Drawing, parts: Mapping[str, Sequence[float]], shaded: Iterable[int], unit: str = ""
) -> Plot:
    """Add an area with a bar of parts in each slot, and a legend of several parts."""
    if len(parts) > 1:
        drawing.legend(parts)
    columns = list(zip(*parts.values(), strict=True))
    ends = [sum(value for value in column if value > 0) for column in columns]
    ends += [sum(value for value in column if value < 0) for column in columns]
    area = plot(drawing, len(columns), ends, unit=unit, shaded=shaded)
    for series, path in enumerate(_paths(area, list(parts.values()))):
        drawing.fill(path, series, hatched=series > 0)
    return area


def _paths(area: Plot, parts: Parts) -> Iterator[str]:
    """The bars of each series, on top of those before it, or below them if negative."""
    above, below = [0.0] * area.slots, [0.0] * area.slots
    for values in parts:
        bars = []
        for slot, value in enumerate(values):
            ends = below if value < 0 else above
            bars.append(area.bar(slot, value, ends[slot]) if value else "")
            ends[slot] += value
        yield "".join(bars)


def _finish(
    drawing: Drawing,
    area: Plot,
    drawn: Sequence[date],
    known: Collection[date],
    without: str,
    *notes: str,
) -> None:
    """Label the days, mark those that are not known, and explain the marks and the shading."""
    missing = [slot for slot, day in enumerate(drawn) if day not in known]
    size, y = min(3.0, area.wide / 3), area.y(0) - 6
    crosses = (
        f"M{rounded(x - size)} {rounded(y - size)}l{rounded(2 * size)} {rounded(2 * size)}"
        f"m0 {rounded(-2 * size)}l{rounded(-2 * size)} {rounded(2 * size)}"
        for x in (area.x(slot + 0.5) for slot in missing)
    )
    drawing.path("".join(crosses), "cross")
    label_days(drawing, area, drawn)
    shaded = SHADED if weekends(drawn) else ""
    crossed = _listed(f"×: {without}", [drawn[slot] for slot in missing])
    if explained := " ".join(filter(None, [shaded, *notes, crossed])):
        drawing.say(explained, seen=True)
    drawing.rows += [Line(said) for said in (*notes, crossed) if said]


def _listed(what: str, listed: Sequence[date]) -> str:
    more = f" and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    return f"{what}: {', '.join(map(str, listed[:MOST_LISTED]))}{more}." if listed else ""
