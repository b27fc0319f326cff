"""Rows as text: complete for programs; for people, limited in size and width and escaped."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any

from mixpanel_assets.shown import markdown_row, one_line
from mixpanel_assets.values import cell

WIDEST = 200  # characters of a cell

Row = Sequence[str]
Layout = Callable[[Row, Iterable[Row]], Iterator[str]]


class Cut(str):
    """A cell that was shortened."""

    __slots__ = ()


def json_list(items: Iterable[str]) -> Iterator[str]:
    """JSON texts as one list, an item on each line."""
    before = "["
    for item in items:
        yield before + item
        before = ",\n "
    yield "]\n" if before != "[" else "[]\n"


def shown(values: Iterable[Any]) -> list[str]:
    """The values as cells for people: on one line, escaped, at most WIDEST characters."""
    return [_shown(cell(value) or "") for value in values]


def _shown(text: str) -> str:
    visible = one_line(text[: WIDEST + 1])
    return visible if len(visible) <= WIDEST else Cut(f"{visible[: WIDEST - 1]}…")


class Cells:
    """Rows as cells for people, and whether one of them was cut."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows = rows
        self.cut = False

    def __iter__(self) -> Iterator[Row]:
        for values in self._rows:
            row = shown(values)
            self.cut = self.cut or any_cut(row)
            yield row


def any_cut(row: Row) -> bool:
    """Whether a cell of the row was cut."""
    return any(isinstance(text, Cut) for text in row)


def plain_lines(_: Row, rows: Iterable[Row]) -> Iterator[str]:
    """The cells of each row, separated by tabs, without column names."""
    for row in rows:
        yield "\t".join(row) + "\n"


def markdown_lines(columns: Row, rows: Iterable[Row]) -> Iterator[str]:
    """A Markdown table."""
    yield markdown_row(columns) + "\n"
    yield "|" + " --- |" * len(columns) + "\n"
    for row in rows:
        yield markdown_row(row) + "\n"


def table_lines(columns: Row, rows: Iterable[Row]) -> Iterator[str]:
    """A table whose columns are as wide as their widest cells."""
    from rich.cells import cell_len

    held = list(rows)
    widths = [max(map(cell_len, texts)) for texts in zip(columns, *held, strict=True)]
    for row in (columns, ["-" * width for width in widths], *held):
        padded = (
            text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)
        )
        yield "  ".join(padded).rstrip() + "\n"


def bounded(
    layout: Layout, columns: Row, rows: Iterable[Sequence[Any]], most: int
) -> tuple[list[str], list[Row], bool]:
    """Lines of at most `most` bytes, the rows in them, and whether these are all.

    If not, the last line says so, and the remaining rows are not read.
    """
    kept: list[Row] = []
    least = 0  # bytes that these rows need in any layout
    for row in Cells(rows):
        kept.append(row)
        least += sum(map(len, row)) + 1
        if least > most:
            break
    lines = list(layout(columns, kept))
    if least <= most and _size(lines) <= most:
        return lines, kept, True
    total = len(rows) if isinstance(rows, Sized) else None
    room = most - len(_end(len(kept), total, most))
    fitting = bisect_right(
        range(len(kept) + 1), room, key=lambda count: _size(layout(columns, kept[:count]))
    )
    kept = kept[: max(0, fitting - 1)]
    lines = list(layout(columns, kept)) if fitting else []
    return [*lines, _end(len(kept), total, most)], kept, False


def _end(count: int, total: int | None, most: int) -> str:
    of = f"of {total:,} rows" if total is not None else "rows, and not all,"
    return (
        f"# {count:,} {of} fit in {most:,} bytes: aggregate, select fewer columns, "
        "write all to a file with --format csv > FILE, or use --max-bytes 0\n"
    )


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode("utf-8", "replace")) for line in lines)
