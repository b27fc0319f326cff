"""Charts of days as upright bars: how many of something, or parts of something."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from mixpanel_assets.charts.drawing import Chart, Drawing, rounded
from mixpanel_assets.charts.scale import SHADED, Plot, label_days, number, plot, span, weekends

MOST_LISTED = 5


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
    _finish(drawing, area, drawn, counts, "not landed", over)
    return drawing.done()


def shares(title: str, about: str, parts: Mapping[str, Mapping[date, float]]) -> Chart:
    """Per day a bar of parts on top of each other, in percent of something that is not drawn."""
    known = {day for values in parts.values() for day in values}
    if not known:
        return Drawing(title, about, "No days.").done()
    drawn = span(known)
    heights = [sum(values.get(day, 0) for values in parts.values()) for day in drawn]
    drawing = Drawing(title, about)
    if len(parts) > 1:
        drawing.legend(parts)
    area = plot(drawing, len(drawn), heights, unit="%", shaded=weekends(drawn))
    below = [0.0] * len(drawn)
    for series, values in enumerate(parts.values()):
        bars = []
        for slot, day in enumerate(drawn):
            bars.append(area.bar(slot, values.get(day, 0), below[slot]))
            below[slot] += values.get(day, 0)
        drawing.fill("".join(bars), series, hatched=series > 0)
    _finish(drawing, area, drawn, known, "nothing to count")
    return drawing.done()


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
        drawing.say(explained)


def _listed(what: str, listed: Sequence[date]) -> str:
    more = f" and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    return f"{what}: {', '.join(map(str, listed[:MOST_LISTED]))}{more}." if listed else ""
