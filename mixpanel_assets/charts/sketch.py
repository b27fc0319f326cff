"""What a chart shows as rows, from which a terminal draws it at any width."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A line of text."""

    words: str
    is_title: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar of 0 to 1 of the room that there is, with a name before it and a text behind it."""

    name: str
    share: float
    text: str = ""
    series: int = 0


@dataclass(frozen=True)
class Spark:
    """A series as one row of small bars, each on the scale from 0 to the series' largest value."""

    name: str
    values: tuple[float | None, ...]  # None is a gap
    text: str = ""
    series: int = 0


@dataclass(frozen=True)
class Ruler:
    """A letter for each value of the sparks above, such as that of its weekday."""

    letters: str


@dataclass(frozen=True)
class Cells:
    """A row of a table, each cell with a text and a tint from 0 to 1."""

    name: str
    cells: tuple[tuple[str, float], ...]


Row = Line | Bar | Spark | Ruler | Cells


def share(value: float, most: float) -> float:
    """The value as a share of the largest one; 0 if that is 0, or the value is negative."""
    return min(max(value / most, 0.0), 1.0) if most > 0 else 0.0


def largest(values: Iterable[float]) -> float:
    """The largest of these and 0."""
    return max(0.0, *values, 0.0)
