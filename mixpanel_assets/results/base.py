"""The base of all results: plain data, a lazy DataFrame, a chart, a short repr."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, dataclass_transform

from mixpanel_assets.charts import Chart
from mixpanel_assets.results.frames import frame

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 20  # of a table in a notebook
LONGEST_REPR = 60  # characters of one field
Table = tuple[list[str], list[tuple[Any, ...]]]  # column names and rows


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Result:
    """The base of results; every subclass is a frozen dataclass. By default a result is one row."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Without the methods that Result defines for all, this takes two thirds of the time.
        dataclass(frozen=True, repr=False, eq=False)(cls)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, as plain data: days and times are ISO text, JSON is JSONText."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    def to_row(self) -> dict[str, Any]:
        """The result as a row of a table; by default all its fields."""
        return self.to_dict()

    def to_rows(self) -> Table:
        """Column names and rows, as in `.df` and in tables on the screen."""
        row = self.to_row()
        return list(row), [tuple(row.values())]

    @cached_property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame, created once."""
        return frame(*self.to_rows())

    def chart(self) -> Chart | None:
        """The result as an image, with `svg` and `text`; None if only a table shows it well."""
        return None

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={_short(getattr(self, f.name))}" for f in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        return as_html(self.df, self.chart())


class Sparse(Result):
    """A result whose plain data leaves out optional fields that are None."""

    def to_dict(self) -> dict[str, Any]:
        left_out = {f.name for f in fields(self) if f.default is None}
        return {n: v for n, v in super().to_dict().items() if v is not None or n not in left_out}


def as_html(table: pd.DataFrame, chart: Chart | None = None) -> str:
    """A chart and a table for a notebook."""
    shown = str(table.to_html(max_rows=ROWS_SHOWN, show_dimensions=True, notebook=True))
    return f"{chart.html()}\n{shown}" if chart else shown


def _values(result: Any) -> tuple[Any, ...]:
    return tuple(getattr(result, field.name) for field in fields(result))


def plain(value: Any) -> Any:
    """The value as plain data: results as dicts, tuples as lists, days and times as ISO text."""
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


def records(kind: type[Any], items: Sequence[Any]) -> Table:
    """Results of one kind as column names and rows."""
    names = [field.name for field in fields(kind)]
    return names, [tuple(getattr(item, name) for name in names) for item in items]


def each(name: str, kind: type[Any]) -> Callable[[Any], Table]:
    """A `to_rows` method with a row for each result of the list `name`."""
    return lambda result: records(kind, getattr(result, name))


def _short(value: Any) -> str:
    if isinstance(value, list | tuple | dict) and len(value) > 3:
        return f"<{len(value)}>"
    text = repr(value)
    return text if len(text) <= LONGEST_REPR else f"{text[: LONGEST_REPR - 3]}..."
