"""What a tool answers: lines of CSV, notes in lines that begin with #, and no more than fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from mixpanel_assets.errors import MixpanelDataError, without_secrets
from mixpanel_assets.naming import distinct
from mixpanel_assets.results import LocalSegmentationResult, Result, SegmentationResult, SQLResult
from mixpanel_assets.shown import visible
from mixpanel_assets.values import cell, csv_lines

MOST = 8_000  # bytes of a reply
ROOM = 300  # of them for the line at the end
WIDEST = 300  # characters of a cell
COUNTED = 10_000  # rows that are counted after those that fit
DIGITS = 6  # of a rate or an average
MOST_WIDE = 30  # segments that get a column each

Row = Sequence[Any]


def of_rows(columns: Sequence[str], rows: Iterable[Row], said: Sequence[str] = ()) -> str:
    """CSV of the rows that fit, after what is to be said, and before how many there are."""
    names, end = _fitting(distinct(columns))
    lines = [*_remarks(said), *csv_lines([names])]
    size, count, cut = sum(map(_bytes, lines)), 0, False
    coming = iter(rows)
    for row in coming:
        narrow = _narrow(row[: len(names)])
        (line,) = csv_lines([narrow])
        if size + _bytes(line) > MOST - ROOM:
            return "".join([*lines, *_remarks([*end, _rest(count, coming)])])
        cut = cut or any(isinstance(one, _Cut) for one in narrow)
        lines.append(line)
        size, count = size + _bytes(line), count + 1
    end.append(f"{count:,} {'row' if count == 1 else 'rows'}")
    if cut:
        end.append(f"cells are cut after {WIDEST} characters: select a part, or use save_to")
    return "".join([*lines, *_remarks(end)])


def of_answer(answer: Any, heading: str | None, said: Sequence[str] = ()) -> str:
    """The reply for a result, a list of results or a list of names."""
    if isinstance(answer, SQLResult):
        return of_rows(answer.columns, answer.rows, said)
    if isinstance(answer, Result):
        columns, rows = _wide(answer)
        return of_rows(columns, map(_rounded, rows), [*said, *_facts(answer)])
    column = heading or "value"
    items = [one.to_row() if isinstance(one, Result) else {column: one} for one in answer]
    names = list(dict.fromkeys(name for item in items for name in item)) or [column]
    rows = [[item.get(name) for name in names] for item in items]
    return of_rows(names, map(_rounded, rows), said)


def _rounded(row: Row) -> Row:
    return [float(f"{one:.{DIGITS}g}") if isinstance(one, float) else one for one in row]


def of_text(text: str, said: Sequence[str] = ()) -> str:
    """A text of ours, whole."""
    return "".join([*_remarks(said), text])


def of_error(error: MixpanelDataError) -> str:
    """The error as `CODE: message`, and a line with its hint."""
    text = f"{error.code}: {visible(without_secrets(error.message), keep=_KEPT)}"
    hint = f"\nhint: {visible(without_secrets(error.hint), keep=_KEPT)}" if error.hint else ""
    return f"{_short(text, MOST // 4)}{_short(hint, MOST // 4)}"


_KEPT = "\n\t"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _remarks(said: Iterable[str]) -> Iterator[str]:
    return (f"# {visible(one)}\n" for one in said)


def _fitting(columns: Sequence[str]) -> tuple[list[Any], list[str]]:
    """The names of as many columns as fit on a third of a reply, and what to say of the others."""
    names = _narrow(columns)
    fit = len(names)
    while fit > 1 and sum(_bytes(str(name)) + 1 for name in names[:fit]) > MOST // 3:
        fit = fit * 3 // 4
    left = len(names) - fit
    return names[:fit], [f"{left:,} of {len(names):,} columns are left out: select some"] * bool(
        left
    )


def _rest(count: int, coming: Iterator[Row]) -> str:
    """How many rows did not fit, if they are few enough to count."""
    more = 1 + sum(1 for _ in islice(coming, COUNTED))
    of = f"of more than {COUNTED:,}" if more > COUNTED else f"of {count + more:,}"
    return f"the first {count:,} {of} rows: aggregate, select fewer columns, or use save_to"


def _wide(answer: Result) -> tuple[Sequence[str], Sequence[Row]]:
    """The rows of a result; the series of a segmentation side by side."""
    if isinstance(answer, SegmentationResult | LocalSegmentationResult):
        series: Mapping[str, Mapping[str, Any]] = answer.series
        if len(series) <= MOST_WIDE:
            dates = dict.fromkeys(date for counts in series.values() for date in counts)
            rows = [[date, *(one.get(date) for one in series.values())] for date in dates]
            return ["date", *series], rows
    return answer.to_rows()


def _facts(answer: Result) -> list[str]:
    """What the result says besides its rows: its plain fields, on one line."""
    columns, rows = answer.to_rows()
    shown = {} if len(rows) == 1 and [*answer.to_row()] == columns else answer.to_dict()
    plain = {
        name: value
        for name, value in shown.items()
        if isinstance(value, str | int | float) and value != "" and name not in columns
    }
    listed = [str(one) for one in shown.get("missing_days") or ()]
    if listed:
        plain["missing_days"] = " ".join(listed[:10]) + (" ..." if len(listed) > 10 else "")
    return [", ".join(f"{name}={cell(value)}" for name, value in plain.items())] if plain else []


class _Cut(str):
    __slots__ = ()


def _narrow(row: Row) -> list[Any]:
    return [_narrowed(value) for value in row]


def _narrowed(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = cell(value)
    if text is None:
        return None
    text = visible(text[: WIDEST + 1], keep=_KEPT)
    return text if len(text) <= WIDEST else _Cut(f"{text[: WIDEST - 1]}…")


def _bytes(line: str) -> int:
    return len(line.encode("utf-8", "replace"))
