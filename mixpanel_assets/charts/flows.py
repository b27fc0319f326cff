"""Charts of what people did next: steps as columns, with bands as wide as the counts between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixpanel_assets.charts.drawing import (
    LINE,
    MARGIN,
    SERIES,
    WIDE,
    Chart,
    Drawing,
    rectangle,
    rounded,
    shortened,
    told_apart,
    width_of,
)
from mixpanel_assets.charts.scale import is_number, number, short
from mixpanel_assets.charts.sketch import Bar, Line, share

MOST_STEPS = 8
MOST_NODES = 6  # of a step, besides "other"
MOST_BANDS = 8  # between two steps in a terminal
HEIGHT = 220  # of all nodes of the largest step
NODE = 10  # pixels across
ROOM = 2 * LINE - 2  # pixels that a node has at least: its name and its number
APART = 6
THROUGH = 0.3  # how far a band covers what is under it

Link = tuple[int, str, str, Any]  # a step from 0, what was done in it and in the next; how often
Name = str | None  # None: the others


@dataclass
class _Node:
    step: int
    name: Name
    count: float
    color: int
    x: float = 0
    y: float = 0
    high: float = 0
    coming: float = 0  # pixels from the top that bands already use
    going: float = 0


def flows(title: str, about: str, links: Sequence[Link]) -> Chart:
    """What people did from step to step; in each step the commonest, and the others together."""
    counted = [one for one in links if is_number(one[3]) and one[3] > 0]
    known = 2 + max((step for step, *_ in counted), default=-2)
    steps = min(known, MOST_STEPS)
    if not counted:
        return Drawing(title, *filter(None, [about, "No paths."]), width=WIDE).done()
    left_out = f"The first {steps} of {number(known)} steps." if known > steps else ""
    merged = _merged([one for one in counted if one[0] < steps - 1])
    nodes = _nodes(merged)
    drawing = Drawing(title, *filter(None, [about, left_out]), width=WIDE)
    pitch = (WIDE - 2 * MARGIN) / steps
    most = max(sum(n.count for n in nodes.values() if n.step == s) for s in range(steps))
    for node in nodes.values():
        node.high = HEIGHT * (node.count / most)
    top = drawing.y + ROOM / 2
    for step in range(steps):
        x = MARGIN + pitch * step
        drawing.text(x, top, f"Step {step + 1}", "faint")
        y = top + 10
        for node in nodes.values():
            if node.step == step:
                node.x, node.y = x, y + max(ROOM - node.high, 0) / 2
                y += max(node.high, ROOM) + APART
        drawing.y = max(drawing.y, y)
    _bands(drawing, nodes, merged, most)
    room = pitch - NODE - 12
    labels = told_apart((_said(node.name) for node in nodes.values()), room)
    for node in nodes.values():
        _label(drawing, node, labels[_said(node.name)], room)
    return drawing.done()


def _merged(links: Iterable[Link]) -> dict[tuple[int, Name, Name], float]:
    """Counts by step and names, with the rarer names of each step as None."""
    links = list(links)
    totals = _totals((step, one, other, n) for step, one, other, n in links)
    kept: dict[int, set[Name]] = defaultdict(set)
    for step, name in sorted(totals, key=lambda at: (-totals[at], at)):
        if len(kept[step]) < MOST_NODES:
            kept[step].add(name)
    merged: dict[tuple[int, Name, Name], float] = defaultdict(float)
    for step, one, other, count in links:
        start = one if one in kept[step] else None
        merged[step, start, other if other in kept[step + 1] else None] += count
    return merged


def _totals(links: Iterable[tuple[int, Name, Name, float]]) -> dict[tuple[int, Name], float]:
    """By step and name: how many came, or went on if they are more."""
    coming: dict[tuple[int, Name], float] = defaultdict(float)
    going: dict[tuple[int, Name], float] = defaultdict(float)
    for step, one, other, count in links:
        going[step, one] += count
        coming[step + 1, other] += count
    return {at: max(coming.get(at, 0), going.get(at, 0)) for at in {**going, **coming}}


def _nodes(merged: Mapping[tuple[int, Name, Name], float]) -> dict[tuple[int, Name], _Node]:
    """The nodes, of each step the largest first and the others last; a name has one color."""
    totals = _totals((*at, count) for at, count in merged.items())
    by_name: dict[Name, float] = defaultdict(float)
    for (_, name), count in totals.items():
        by_name[name] += count
    names = sorted(filter(None, by_name), key=lambda name: (-by_name[name], name))
    colors: dict[Name, int] = {name: n % (len(SERIES) - 1) for n, name in enumerate(names)}
    order = sorted(totals, key=lambda at: (at[0], at[1] is None, -totals[at], at[1] or ""))
    return {at: _Node(*at, totals[at], colors.get(at[1], len(SERIES) - 1)) for at in order}


def _bands(
    drawing: Drawing,
    nodes: Mapping[tuple[int, Name], _Node],
    merged: Mapping[tuple[int, Name, Name], float],
    most: float,
) -> None:
    """Add the bands, from top to bottom of each node."""
    order = list(nodes)
    bands = sorted(merged, key=lambda at: (order.index(at[:2]), order.index((at[0] + 1, at[2]))))
    for step, one, other in bands:
        start, end = nodes[step, one], nodes[step + 1, other]
        high = HEIGHT * (merged[step, one, other] / most)
        drawing.fill(_band(start, end, max(high, 0.5)), start.color, opacity=THROUGH)
        start.going, end.coming = start.going + high, end.coming + high
    for step in sorted({at[0] for at in merged}):
        _sketch(drawing, step, {at[1:]: n for at, n in merged.items() if at[0] == step}, nodes)


def _band(start: _Node, end: _Node, high: float) -> str:
    left, right = start.x + NODE, end.x
    middle = (left + right) / 2
    top, other = start.y + start.going, end.y + end.coming
    x0, x1, xm = rounded(left), rounded(right), rounded(middle)
    y0, y1, y2, y3 = map(rounded, (top, other, other + high, top + high))
    return f"M{x0} {y0}C{xm} {y0} {xm} {y1} {x1} {y1}V{y2}C{xm} {y2} {xm} {y3} {x0} {y3}z"


def _label(drawing: Drawing, node: _Node, name: str, room: float) -> None:
    """Add a node, its name and its count."""
    drawing.fill(rectangle(node.x, node.y, NODE, max(node.high, 1)), node.color)
    middle, x = node.y + node.high / 2, node.x + NODE + 4
    count = number(node.count)
    drawing.text(x, middle - 2, name, "rimmed")
    count = count if width_of(count) <= room else short(node.count)
    drawing.text(x, middle + LINE - 5, shortened(count, room), "faint-rimmed")


def _sketch(
    drawing: Drawing,
    step: int,
    counts: Mapping[tuple[Name, Name], float],
    nodes: Mapping[tuple[int, Name], _Node],
) -> None:
    """Add the commonest ways from a step to the next as rows."""
    drawing.rows.append(Line(f"Step {step + 1} to {step + 2}"))
    ranked = sorted(counts, key=lambda at: (-counts[at], at[0] or "", at[1] or ""))
    for one, other in ranked[:MOST_BANDS]:
        count = counts[one, other]
        name, part = f"{_said(one)} → {_said(other)}", share(count, counts[ranked[0]])
        drawing.rows.append(Bar(name, part, number(count), nodes[step, one].color))
    if len(ranked) > MOST_BANDS:
        drawing.rows.append(Line(f"and {len(ranked) - MOST_BANDS} more"))


def _said(name: Name) -> str:
    return "(other)" if name is None else name
